//! What these tests share.

use std::sync::Arc;

use tidings::{
    Messenger, MessengerBuilder, Sms, Timestamp,
    storage::{MemoryStore, Messages},
    testing::ManualClock,
    worker::{Worker, WorkerBuilder},
};

pub(crate) const PHONE: &str = "+15005550006";

/// A clock, a store that goes by it, and a messenger over both.
pub(crate) struct Kit {
    pub(crate) clock: ManualClock,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) messenger: Messenger,
}

/// A clock that stands at the same moment in every test.
pub(crate) fn clock() -> ManualClock {
    ManualClock::at(Timestamp::from_secs(1_800_000_000))
}

impl Kit {
    /// On a clock that moves to the next sleeper by itself.
    pub(crate) fn new(setup: impl FnOnce(MessengerBuilder) -> MessengerBuilder) -> Self {
        Self::on(clock().auto_advance(), setup)
    }

    pub(crate) fn on(clock: ManualClock, setup: impl FnOnce(MessengerBuilder) -> MessengerBuilder) -> Self {
        let store = Arc::new(MemoryStore::default().with_clock(Arc::new(clock.clone())));
        let builder = Messenger::builder().clock(clock.clone()).store(Arc::clone(&store));
        let messenger = setup(builder.without_default_rate_limits()).build().expect("valid");
        Self { clock, store, messenger }
    }

    /// A worker of these messages.
    pub(crate) fn worker(&self, setup: impl FnOnce(WorkerBuilder) -> WorkerBuilder) -> Worker {
        setup(self.messenger.worker()).build().expect("valid")
    }

    pub(crate) fn messages(&self) -> &dyn Messages {
        &*self.store
    }
}

pub(crate) fn sms() -> Sms {
    Sms::builder().from("Inn").to(PHONE).body("Your table is ready.").build().expect("valid")
}
