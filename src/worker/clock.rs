//! The store's clock between two claims.

use std::sync::Arc;

use async_trait::async_trait;

use crate::time::{Clock, Monotonic, Timestamp};

/// Shows the store's time, reckoned from the last claim: the machine's wall clock may be wrong.
#[derive(Clone, Debug)]
pub(super) struct StoreClock {
    inner: Arc<dyn Clock>,
    now: Timestamp,
    base: Monotonic,
}

impl StoreClock {
    /// A clock that showed `now` when `inner` stood at `base`.
    pub(super) fn new(inner: Arc<dyn Clock>, now: Timestamp, base: Monotonic) -> Self {
        Self { inner, now, base }
    }
}

#[async_trait]
impl Clock for StoreClock {
    fn now(&self) -> Timestamp {
        self.now + self.inner.monotonic().since(self.base)
    }

    fn monotonic(&self) -> Monotonic {
        self.inner.monotonic()
    }

    async fn sleep_until(&self, at: Monotonic) {
        self.inner.sleep_until(at).await;
    }
}
