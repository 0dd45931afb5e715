//! How long things live: stores longer than runtimes, claims as long as somebody waits for them.

use std::{sync::Arc, time::Duration};

use sqlx::Executor;
use tidings::{
    Timestamp,
    storage::{Claim, Messages, QueueState, RateAsk, Retention, Scope, SharedLimits, SqliteOptions},
    testing::ManualClock,
};

use super::support::{Folder, PATIENCE, claim, enqueue, entries, number, open, run, stranger};

#[test]
fn a_store_outlives_the_runtimes_that_it_is_used_on() {
    let folder = Folder::new();
    let store = run(open(&folder));
    for round in 1..=3 {
        let one = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        one.block_on(async {
            enqueue(&store, 5).await;
            assert_eq!(claim(&store, 4).await.len(), 4, "round {round}");
            // Something is under way when the runtime ends.
            let store = store.clone();
            tokio::spawn(async move { store.enqueue(entries(2_000)).await });
            tokio::task::yield_now().await;
        });
    }
    run(async { assert!(!claim(&store, 1).await.is_empty()) });
}

#[tokio::test]
async fn a_store_may_be_closed_and_used_again() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 3).await;
    store.close().await;
    assert!(!folder.file().with_extension("db-wal").exists(), "the last to close writes the log back");
    assert_eq!(claim(&store, 9).await.len(), 3);
}

#[tokio::test]
async fn windows_that_hold_nothing_any_more_are_pruned() {
    let folder = Folder::new();
    let clock = ManualClock::at(Timestamp::from_secs(1_767_225_600));
    let store =
        SqliteOptions::new().clock(Arc::new(clock.clone())).open(folder.file()).await.expect("a file");
    let mut stranger = stranger(&folder.file()).await;
    let ask = |key, secs| RateAsk::new(key, 1, vec![(5, Duration::from_secs(secs))]);
    assert_eq!(store.take(&[ask("short", 10), ask("long", 100)]).await.expect("room"), None);
    clock.advance(Duration::from_secs(10));
    store.prune(&Retention::of(Duration::from_secs(60))).await.expect("pruned");
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM tidings_rates").await, 1);
    clock.advance(Duration::from_secs(90));
    store.prune(&Retention::of(Duration::from_secs(60))).await.expect("pruned");
    assert_eq!(number(&mut stranger, "SELECT count(*) FROM tidings_rates").await, 0);
}

/// What nobody hears of would be nobody's work until its lease is over.
#[tokio::test]
async fn a_claim_whose_caller_is_gone_gives_its_messages_back() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 10).await;
    let long = Claim::everything("gone", 10, Duration::from_secs(3_600));
    for round in 0..30 {
        let asking = store.claim(&long);
        // Dropped at once, while it waits, or when it has been answered.
        let _ = tokio::time::timeout(Duration::from_micros(round * 40), asking).await.map(|claimed| {
            let leased = claimed.expect("claimed").leased;
            tokio::spawn({
                let store = store.clone();
                async move { settle_back(&store, leased).await }
            })
        });
    }
    let all_ready = async {
        while store.stats(&Scope::All).await.expect("stats").depth(QueueState::Ready) < 10 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(PATIENCE, all_ready).await.expect("all are back");
    let leased = claim(&store, 99).await;
    assert!(leased.len() == 10 && leased.iter().all(|leased| leased.losses == 0), "unharmed");
}

async fn settle_back(store: &tidings::storage::SqliteStore, leased: Vec<tidings::storage::Leased>) {
    use tidings::storage::{Next, Settlement};
    let back = leased.iter().map(|leased| Settlement::new(leased, Next::Returned, 0, Vec::new()));
    store.settle(back.collect()).await.expect("settled");
}

/// Reads for a while, again and again.
async fn read_all_the_time(mut connection: sqlx::SqliteConnection) {
    loop {
        connection.execute("BEGIN").await.expect("begun");
        connection.execute("SELECT count(*) FROM tidings_queue").await.expect("read");
        tokio::time::sleep(Duration::from_millis(40)).await;
        connection.execute("COMMIT").await.expect("ended");
    }
}

#[tokio::test]
async fn the_log_stays_bounded_while_somebody_reads_all_the_time() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let mut readers = tokio::task::JoinSet::new();
    for _ in 0..2 {
        // There is always one that began to read before the other ended.
        readers.spawn(read_all_the_time(stranger(&folder.file()).await));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let log = folder.file().with_extension("db-wal");
    let (mut largest, mut written) = (0, 0);
    while written < 250 << 20 {
        let mut entries = entries(400);
        for entry in &mut entries {
            entry.payload.bytes = vec![b' '; 8_000].into();
            written += 8_000;
        }
        store.enqueue(entries).await.expect("enqueued");
        largest = largest.max(std::fs::metadata(&log).expect("a log").len());
    }
    assert!(largest < 120 << 20, "{} MiB", largest >> 20);
}
