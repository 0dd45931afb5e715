//! Two stores under the same random script answer the same: that in memory, which is the reference, and each other.
#![cfg(feature = "testing")]

use std::sync::Arc;

use tidings::{
    Timestamp,
    storage::{MemoryStore, Store},
    testing::{ManualClock, storage::model},
};

#[cfg(feature = "postgres")]
#[path = "support/postgres.rs"]
#[allow(dead_code)]
mod postgres;

#[cfg(feature = "sqlite")]
#[path = "storage_sqlite/support.rs"]
#[allow(dead_code)]
mod sqlite;

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn memory(clock: &ManualClock) -> Arc<dyn Store> {
    Arc::new(MemoryStore::default().with_clock(Arc::new(clock.clone())))
}

#[tokio::test]
async fn memory_is_the_same_as_memory() {
    for seed in 0..20 {
        let clock = ManualClock::at(NOW);
        model::compare(memory(&clock), memory(&clock), &clock, seed, 400).await;
    }
}

/// So many, or those that `TIDINGS_MODEL_SEEDS` names: `7` to look at a failure, `0..500` to look for one.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
fn seeds(count: u64) -> std::ops::Range<u64> {
    let Ok(named) = std::env::var("TIDINGS_MODEL_SEEDS") else { return 0..count };
    let number = |text: &str| text.parse().expect("TIDINGS_MODEL_SEEDS is like 7 or 0..500");
    match named.split_once("..") {
        Some((first, end)) => number(first)..number(end),
        None => number(&named)..number(&named) + 1,
    }
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread")]
async fn sqlite_is_the_same_as_memory() {
    for seed in seeds(9) {
        let (clock, folder) = (ManualClock::at(NOW), sqlite::Folder::new());
        let options = tidings::storage::SqliteOptions::new().clock(Arc::new(clock.clone()));
        let store = options.open(folder.file()).await.expect("opened");
        model::compare(memory(&clock), Arc::new(store), &clock, seed, 300).await;
    }
}

#[cfg(feature = "postgres")]
#[tokio::test(flavor = "multi_thread")]
async fn postgres_is_the_same_as_memory() {
    for seed in seeds(4) {
        let (clock, schema) = (ManualClock::at(NOW), postgres::Schema::new().await);
        let store = schema.store_with(schema.options().clock(Arc::new(clock.clone()))).await;
        model::compare(memory(&clock), Arc::new(store), &clock, seed, 300).await;
    }
}
