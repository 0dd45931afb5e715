//! The store in memory keeps every rule; for each rule there is a store that breaks it.

use super::*;
use crate::storage::MemoryStore;

mod broken;
mod flaws;
mod twins;

struct Memory;

impl Harness for Memory {
    type Store = MemoryStore;

    async fn open(&self, clock: Arc<dyn Clock>) -> MemoryStore {
        MemoryStore::default().with_clock(clock)
    }
}

/// As if what is in memory outlived the store.
impl DurableHarness for Memory {
    async fn reopen(&self, store: MemoryStore, _: Arc<dyn Clock>) -> MemoryStore {
        store
    }
}

crate::storage_conformance! { mod memory; harness: Memory; also: documents wakes reopening }

struct Shared;

impl Harness for Shared {
    type Store = Arc<dyn crate::storage::Store>;

    async fn open(&self, clock: Arc<dyn Clock>) -> Self::Store {
        Arc::new(Memory.open(clock).await)
    }
}

crate::storage_conformance! { mod shared; harness: Shared; also: wakes }
