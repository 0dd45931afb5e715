//! Holds a store to its contract: one public function a rule, one named test
//! a rule by [`storage_conformance!`](crate::storage_conformance).
//!
//! Implement [`Harness`] for your store, then write:
//!
//! ```
//! use std::sync::Arc;
//! use tidings::{Clock, storage::MemoryStore, testing::storage::Harness};
//!
//! struct MemoryHarness;
//!
//! impl Harness for MemoryHarness {
//!     type Store = MemoryStore;
//!
//!     async fn open(&self, clock: Arc<dyn Clock>) -> MemoryStore {
//!         MemoryStore::default().with_clock(clock)
//!     }
//! }
//!
//! tidings::storage_conformance! { mod contract; harness: MemoryHarness; also: wakes }
//! ```
//!
//! The tests are plain `#[test]`s that bring a runtime of their own, with several threads, since some
//! rules are about callers at the same moment: a crate that uses the macro needs no dependency but this one.

use std::{future::Future, sync::Arc};

use crate::{storage::Messages, time::Clock};

pub mod acting;
pub mod cancelling;
pub mod claiming;
pub mod concurrency;
pub mod enqueuing;
pub mod files;
pub mod keys;
pub mod leases;
pub mod limits;
mod macros;
pub mod model;
pub mod ordering;
pub mod pausing;
pub mod pruning;
pub mod reading;
pub mod recording;
pub mod recovering;
pub mod reopening;
pub mod settling;
pub mod shelving;
pub mod suppressing;
mod trial;
pub mod waking;

/// What the suite has to know of a store.
pub trait Harness {
    /// The store.
    type Store: Messages;

    /// A new and empty store that judges by `clock`. Called inside a tokio runtime.
    ///
    /// # Panics
    /// If there is none.
    fn open(&self, clock: Arc<dyn Clock>) -> impl Future<Output = Self::Store>;
}

/// For stores whose data outlive them.
pub trait DurableHarness: Harness {
    /// Ends `store`, and opens what it left behind.
    ///
    /// # Panics
    /// If it cannot be opened.
    fn reopen(&self, store: Self::Store, clock: Arc<dyn Clock>) -> impl Future<Output = Self::Store>;
}

/// Runs one rule on a runtime of its own, of several threads.
///
/// # Panics
/// If the rule is broken, or no runtime can be built.
pub fn run<T>(rule: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.unwrap_or_else(|why| panic!("no runtime for the test: {why}")).block_on(rule)
}

#[cfg(test)]
mod tests;
