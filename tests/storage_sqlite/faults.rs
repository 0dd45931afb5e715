//! Full disks and files that cannot be written to: said in words, and outlived.

use sqlx::sqlite::SqlitePoolOptions;
use tidings::{
    ErrorKind, Retry, TenantId,
    sqlx_0_9::sqlite_store,
    storage::{Messages, Retention, Scope, SqliteOptions, SqliteStore},
};

use super::support::{Folder, claim, done, enqueue, entries, open, options, settle};

/// A store in a database that cannot grow above so many pages.
async fn small(folder: &Folder, pages: &'static str) -> SqliteStore {
    let options = options(&folder.file()).pragma("max_page_count", pages);
    let pool = SqlitePoolOptions::new().connect_with(options).await.expect("a pool");
    let store = sqlite_store(&pool, SqliteOptions::new()).await.expect("opened");
    store.migrate().await.expect("migrated");
    store
}

#[tokio::test]
async fn a_full_disk_is_said_and_outlived() {
    let folder = Folder::new();
    let store = small(&folder, "120").await;
    let mut enqueued = 0;
    let error = loop {
        match store.enqueue(entries(50)).await {
            Ok(answers) => enqueued += answers.len(),
            Err(error) => break error,
        }
        assert!(enqueued < 10_000, "the fault did not strike");
    };
    assert_eq!((error.kind(), error.retry(), error.code()), (ErrorKind::Storage, Retry::Backoff, Some("13")));
    assert!(error.to_string().contains("the disk is full"), "{error}");
    let stats = store.stats(&Scope::All).await.expect("reading goes on");
    assert_eq!(stats.depths[0].count, enqueued as u64, "what was refused left nothing behind");
    // Space comes back: what is done is pruned.
    let leased = claim(&store, 100).await;
    settle(&store, &leased).await;
    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
    let pruned = store.prune(&Retention::of(std::time::Duration::from_millis(1))).await.expect("pruned");
    assert_eq!(pruned, 100);
    assert_eq!(enqueue(&store, 50).await.len(), 50);
}

#[tokio::test]
async fn a_claim_on_a_full_disk_leaves_the_messages_alone() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 200).await;
    store.close().await;
    // As many pages as there are: a claim needs more for its index.
    let mut connection = super::support::stranger(&folder.file()).await;
    let pages = super::support::number(&mut connection, "PRAGMA page_count").await;
    let options = options(&folder.file()).pragma("max_page_count", pages.to_string());
    let pool = SqlitePoolOptions::new().connect_with(options).await.expect("a pool");
    let full = sqlite_store(&pool, SqliteOptions::new()).await.expect("opened");
    let mut struck = false;
    for _ in 0..4 {
        if let Err(error) = full.claim(&super::support::everything(200)).await {
            assert_eq!(error.code(), Some("13"));
            struck = true;
        }
    }
    assert!(struck, "the fault did not strike");
    let leased = claim(&store, 500).await;
    assert_eq!(leased.len(), 200, "with space again all are there");
    assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
}

#[tokio::test]
async fn a_file_that_cannot_be_written_to_is_said_and_read() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let id = enqueue(&store, 1).await[0];
    let options = options(&folder.file()).create_if_missing(false).read_only(true);
    let pool = SqlitePoolOptions::new().connect_with(options).await.expect("a pool");
    let reader = sqlite_store(&pool, SqliteOptions::new()).await.expect("opened");
    let error = reader.enqueue(entries(1)).await.expect_err("read-only");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Storage, Some("8")));
    assert!(error.to_string().contains("read-only"), "{error}");
    assert!(reader.tracked(&TenantId::DEFAULT, id).await.expect("read").is_some());
}
