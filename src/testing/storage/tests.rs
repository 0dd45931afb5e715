//! The store in memory keeps every rule; for each rule there is a store that breaks it.

use super::*;
use crate::storage::MemoryStore;

struct Memory;

impl Harness for Memory {
    type Store = MemoryStore;

    async fn open(&self, clock: Arc<dyn Clock>) -> MemoryStore {
        MemoryStore::default().with_clock(clock)
    }
}

crate::storage_conformance! { mod memory; harness: Memory; also: wakes }
