//! A clock that may be wrong.

use std::time::Duration;

use async_trait::async_trait;
use tidings::{Clock, Monotonic, SystemClock, Timestamp};

/// The machine's clock, wrong by so many seconds; right if they are none.
#[derive(Debug)]
pub(crate) struct OffClock(pub(crate) i64);

#[async_trait]
impl Clock for OffClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + self.0 * 1_000_000)
    }

    fn monotonic(&self) -> Monotonic {
        // A process that began at another time has another origin: nothing may be read into it.
        SystemClock.monotonic() + Duration::from_secs(self.0.unsigned_abs())
    }

    async fn sleep_until(&self, at: Monotonic) {
        let origin = Monotonic::default() + Duration::from_secs(self.0.unsigned_abs());
        SystemClock.sleep_until(Monotonic::from_start(at.since(origin))).await;
    }
}
