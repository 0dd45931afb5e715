//! What a worker has done, in numbers.

use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counters {
    ($($(#[$doc:meta])* $name:ident;)*) => {
        /// What a worker has done since it was made.
        #[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
        #[non_exhaustive]
        pub struct WorkerStats {
            $($(#[$doc])* pub $name: u64,)*
        }

        /// The same while it is counted.
        #[derive(Debug, Default)]
        pub(super) struct Counters {
            $(pub(super) $name: Counter,)*
        }

        impl Counters {
            pub(super) fn read(&self) -> WorkerStats {
                WorkerStats { $($name: self.$name.read(),)* }
            }
        }
    };
}

counters! {
    /// Messages that were claimed.
    claimed;
    /// Messages of which a vendor took at least one recipient, for good.
    sent;
    /// Messages that left the queue without: refused for good, or with an unknown outcome.
    failed;
    /// Messages whose time had passed.
    expired;
    /// Messages that were put back for another attempt.
    retried;
    /// Messages that were put back without their attempt being counted: vendor down, limit spent.
    excused;
    /// Messages that were given up.
    dead;
    /// Messages that wait for a person.
    held;
    /// Messages that wait until their provider is resumed.
    paused;
    /// Messages that were handed back unharmed.
    returned;
    /// Messages that came from workers that were lost.
    recovered;
    /// Messages whose end was not stored, since another worker has them.
    lease_lost;
    /// Attempts that panicked.
    panicked;
    /// Attempts that did not even end when they were broken off.
    stuck;
    /// Calls of the store that failed.
    store_failures;
}

/// Counts upwards.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: usize) {
        self.0.fetch_add(count as u64, Ordering::Relaxed);
    }

    pub(super) fn one(&self) {
        self.add(1);
    }

    fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}
