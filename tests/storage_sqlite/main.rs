//! The store in a SQLite file, by what only it promises; what all stores promise is in their conformance suite.
#![cfg(all(feature = "sqlite", feature = "testing"))]

mod contract;
mod support;

use support::{Folder, claim, done, enqueue};
use tidings::storage::{Messages, Scope, SqliteStore};

#[tokio::test]
async fn messages_go_in_and_out() {
    let folder = Folder::new();
    let store = SqliteStore::open(folder.file()).await.expect("opened");
    let ids = enqueue(&store, 250).await;
    let leased = claim(&store, 200).await;
    assert_eq!(leased.iter().map(|leased| leased.lease.id).collect::<Vec<_>>(), ids[..200]);
    assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
    let stats = store.stats(&Scope::All).await.expect("stats");
    assert_eq!(stats.depths.iter().map(|depth| depth.count).sum::<u64>(), 50);
    assert_eq!(claim(&store, 200).await.len(), 50);
}
