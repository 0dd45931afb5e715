//! How workers learn of new work.

use std::time::{Duration, Instant};

use sqlx::Executor;
use tidings::{
    sqlx_0_9::begin_immediate,
    storage::{Messages, SqliteStore},
};

use super::support::{Folder, PATIENCE, child, claim, enqueue, open, pool, run, succeeded, task};

/// Ends when the store is woken.
async fn woken(store: &SqliteStore) -> Duration {
    let begun = Instant::now();
    tokio::time::timeout(PATIENCE, store.woken()).await.expect("woken");
    begun.elapsed()
}

/// What the other process does.
#[test]
fn task_enqueue() {
    if let Some(file) = task() {
        run(async {
            let store = SqliteStore::open(file).await.expect("opened");
            enqueue(&store, 1).await;
        });
    }
}

#[test]
fn another_process_wakes() {
    let folder = Folder::new();
    run(async {
        let store = open(&folder).await;
        assert!(claim(&store, 9).await.is_empty());
        let quiet = tokio::time::timeout(Duration::from_millis(300), store.woken()).await;
        assert!(quiet.is_err(), "nothing has happened");
        let child = child("news::task_enqueue", &folder.file());
        woken(&store).await;
        succeeded(child);
        let found = async {
            while claim(&store, 9).await.is_empty() {
                store.woken().await;
            }
        };
        tokio::time::timeout(PATIENCE, found).await.expect("found");
    });
}

#[tokio::test]
async fn a_commit_of_the_application_wakes() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let pool = pool(&folder.file()).await;
    assert!(claim(&store, 9).await.is_empty());
    let _ = tokio::time::timeout(Duration::from_millis(200), store.woken()).await;
    let mut transaction = begin_immediate(&pool).await.expect("begun");
    transaction.execute("CREATE TABLE orders (id INTEGER)").await.expect("written");
    transaction.commit().await.expect("committed");
    woken(&store).await;
}

#[tokio::test]
async fn stores_of_one_process_wake_each_other_at_once() {
    let folder = Folder::new();
    let (waits, writes) = (open(&folder).await, open(&folder).await);
    assert!(claim(&waits, 9).await.is_empty());
    let waiting = tokio::spawn(async move { woken(&waits).await });
    tokio::time::sleep(Duration::from_millis(20)).await;
    enqueue(&writes, 1).await;
    waiting.await.expect("woken");
}

#[tokio::test]
async fn what_came_between_a_claim_and_the_wait_is_not_missed() {
    let folder = Folder::new();
    let store = open(&folder).await;
    assert!(claim(&store, 9).await.is_empty());
    enqueue(&store, 1).await;
    // Polled once: it is there already.
    tokio::time::timeout(Duration::ZERO, store.woken()).await.expect("at once");
}
