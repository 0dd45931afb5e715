//! Two stores under the same random script answer the same.
#![cfg(feature = "testing")]

use std::sync::Arc;

use tidings::{
    Timestamp,
    storage::{MemoryStore, Store},
    testing::{ManualClock, storage::model},
};

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
