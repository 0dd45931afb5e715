//! How stores are opened.

use sqlx::sqlite::{SqliteConnectOptions, SqlitePoolOptions};
use tidings::{
    ErrorKind,
    sqlx_0_9::sqlite_store,
    storage::{Messages, Pause, Scope, SqliteOptions, SqliteStore},
};

use super::support::{Folder, claim, enqueue, entries, number, open, pool, settle, stranger};

#[tokio::test]
async fn messages_go_in_and_out() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let ids = enqueue(&store, 250).await;
    let leased = claim(&store, 200).await;
    assert_eq!(leased.iter().map(|leased| leased.lease.id).collect::<Vec<_>>(), ids[..200]);
    settle(&store, &leased).await;
    let stats = store.stats(&Scope::All).await.expect("stats");
    assert_eq!(stats.depths.iter().map(|depth| depth.count).sum::<u64>(), 50);
    assert_eq!(claim(&store, 200).await.len(), 50);
}

#[tokio::test]
async fn it_writes_to_a_log_first_and_flushes_every_commit() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 1).await;
    let mut connection = stranger(&folder.file()).await;
    let mode: String =
        sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut connection).await.expect("a mode");
    assert_eq!(mode, "wal");
}

#[tokio::test]
async fn databases_in_memory_are_refused_by_name() {
    for name in [":memory:", "", "file::memory:", "file:x?mode=memory&cache=shared"] {
        let error = SqliteStore::open(name).await.expect_err(name);
        assert_eq!(error.kind(), ErrorKind::Config, "{name}");
        assert!(error.to_string().contains("name a file"), "{error}");
    }
}

#[tokio::test]
async fn a_pool_whose_memory_nobody_else_sees_is_refused() {
    let options = SqliteConnectOptions::new();
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a pool");
    let error = sqlite_store(&pool, SqliteOptions::new()).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Config);
    assert!(error.to_string().contains("second connection"), "{error}");
}

#[tokio::test]
async fn a_pool_with_shared_memory_works() {
    let options = "sqlite::memory:".parse().expect("options");
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.expect("a pool");
    let store = sqlite_store(&pool, SqliteOptions::new()).await.expect("opened");
    pool.close().await;
    store.migrate().await.expect("migrated");
    enqueue(&store, 20).await;
    let leased = claim(&store, 15).await;
    settle(&store, &leased).await;
    assert_eq!(store.stats(&Scope::All).await.expect("stats").depths[0].count, 5);
}

#[tokio::test]
async fn a_database_of_yours_is_migrated_when_you_say_so() {
    let folder = Folder::new();
    let pool = pool(&folder.file()).await;
    let store = sqlite_store(&pool, SqliteOptions::new()).await.expect("opened");
    let error = store.enqueue(entries(1)).await.expect_err("there are no tables");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(error.to_string().contains("migrate()"), "{error}");
    store.migrate().await.expect("migrated");
    assert_eq!(enqueue(&store, 3).await.len(), 3);
}

#[tokio::test]
async fn stores_with_other_prefixes_stand_side_by_side() {
    let folder = Folder::new();
    let plain = open(&folder).await;
    let options = SqliteOptions::new().prefix("mail_").expect("a plain name");
    let other = options.open(folder.file()).await.expect("opened");
    enqueue(&plain, 2).await;
    enqueue(&other, 3).await;
    assert_eq!((claim(&plain, 9).await.len(), claim(&other, 9).await.len()), (2, 3));
    let mut connection = stranger(&folder.file()).await;
    let strange = "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE '%tidings\\_%' ESCAPE '\\' \
                   AND name NOT LIKE '%mail\\_%' ESCAPE '\\' AND name NOT LIKE 'sqlite\\_stat%' ESCAPE '\\'";
    assert_eq!(number(&mut connection, strange).await, 0);
}

#[tokio::test]
async fn a_store_that_is_opened_held_gives_nothing_away() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 3).await;
    store.close().await;
    let restored = SqliteOptions::new().held().open(folder.file()).await.expect("opened");
    assert!(claim(&restored, 9).await.is_empty());
    assert!(claim(&store, 9).await.is_empty(), "it holds for all who use the file");
    assert_eq!(restored.pauses().await.expect("pauses"), [Pause::All]);
    restored.resume(&Pause::All).await.expect("resumed");
    assert_eq!(claim(&restored, 9).await.len(), 3);
}

#[tokio::test]
async fn a_pool_may_be_opened_held_before_and_after_it_is_migrated() {
    let folder = Folder::new();
    let pool = pool(&folder.file()).await;
    let store = sqlite_store(&pool, SqliteOptions::new().held()).await.expect("opened");
    store.migrate().await.expect("migrated");
    enqueue(&store, 3).await;
    assert!(claim(&store, 9).await.is_empty());
    store.resume(&Pause::All).await.expect("resumed");
    let again = sqlite_store(&pool, SqliteOptions::new().held()).await.expect("opened again");
    assert!(claim(&again, 9).await.is_empty());
}

#[tokio::test]
async fn a_folder_that_is_not_there_is_named() {
    let folder = Folder::new();
    let error = SqliteStore::open(folder.path().join("no/outbox.db")).await.expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::Storage);
    assert!(
        error.to_string().contains("does its folder exist") && error.to_string().contains("no/outbox.db")
    );
}

#[tokio::test]
async fn what_is_no_database_is_said_so() {
    let folder = Folder::new();
    std::fs::write(folder.file(), [7; 5_000]).expect("written");
    let error = SqliteStore::open(folder.file()).await.expect_err("no database");
    assert!(error.to_string().contains("no SQLite database"), "{error}");
}
