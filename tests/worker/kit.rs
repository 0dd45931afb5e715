//! What these tests share.

use std::{
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tidings::{
    CallContext, Capabilities, Email, EventKind, Features, Message, MessageId, Messenger, MessengerBuilder,
    Outgoing, Provider, Receipt, Result, Sms, Timestamp, Vendor,
    storage::{MemoryStore, Messages, QueueState},
    testing::ManualClock,
    worker::{Worker, WorkerBuilder, WorkerStats},
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
        let store = MemoryStore::with_limits(200_000, 1 << 30).with_queue_limits(200_000, 1 << 30);
        let store = Arc::new(store.with_clock(Arc::new(clock.clone())));
        let builder = Messenger::builder().clock(clock.clone()).store(Arc::clone(&store));
        let messenger = setup(builder.without_default_rate_limits()).build().expect("valid");
        Self { clock, store, messenger }
    }

    /// The same clock and store with another messenger.
    pub(crate) fn again(&self, setup: impl FnOnce(MessengerBuilder) -> MessengerBuilder) -> Self {
        let builder = Messenger::builder().clock(self.clock.clone()).store(Arc::clone(&self.store));
        let messenger = setup(builder.without_default_rate_limits()).build().expect("valid");
        Self { clock: self.clock.clone(), store: Arc::clone(&self.store), messenger }
    }

    /// A worker of these messages.
    pub(crate) fn worker(&self, setup: impl FnOnce(WorkerBuilder) -> WorkerBuilder) -> Worker {
        setup(self.messenger.worker()).build().expect("valid")
    }

    /// What a usual worker does until nothing is due.
    pub(crate) async fn work(&self) -> WorkerStats {
        self.worker(|worker| worker).run_until_idle().await.expect("memory")
    }

    pub(crate) async fn enqueue(&self, count: usize) -> Vec<MessageId> {
        let answers = self.messenger.enqueue_many((0..count).map(|_| sms())).await;
        answers.into_iter().map(|answer| answer.expect("enqueued").id).collect()
    }

    /// The kinds of a message's events, each with its attempt, but for the first.
    pub(crate) async fn story(&self, id: MessageId) -> Vec<(EventKind, u32)> {
        let timeline = self.messenger.timeline(id).await.expect("memory");
        timeline.into_iter().skip(1).map(|event| (event.kind, event.attempt)).collect()
    }

    pub(crate) async fn state(&self, id: MessageId) -> Option<QueueState> {
        let tracked = self.messenger.tracked(id).await.expect("memory").expect("known");
        tracked.place.map(|place| place.state)
    }

    pub(crate) async fn reason(&self, id: MessageId) -> String {
        let tracked = self.messenger.tracked(id).await.expect("memory").expect("known");
        tracked.place.and_then(|place| place.reason).map(|reason| reason.to_string()).unwrap_or_default()
    }

    pub(crate) fn clock_now(&self) -> Timestamp {
        tidings::Clock::now(&self.clock)
    }

    pub(crate) fn messages(&self) -> &dyn Messages {
        &*self.store
    }
}

pub(crate) const fn secs(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

pub(crate) fn sms() -> Sms {
    Sms::builder().from("Inn").to(PHONE).body("Your table is ready.").build().expect("valid")
}

pub(crate) fn email(to: &[&str]) -> Email {
    let builder = Email::builder().from("inn@example.org").subject("Table").text("It is ready.");
    to.iter().fold(builder, |builder, to| builder.to(*to)).build().expect("valid")
}

/// Waits, by the machine's time, until `done`; what it waits for, in case it never comes.
pub(crate) async fn until(what: &str, mut done: impl FnMut() -> bool) {
    let patience = async {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    if tokio::time::timeout(secs(60), patience).await.is_err() {
        panic!("in vain waited for: {what}");
    }
}

type Act = Arc<dyn Fn(usize) -> Next + Send + Sync>;

/// What an [`Odd`] vendor does.
#[derive(Clone, Debug)]
pub(crate) enum Next {
    Accept,
    Fail(tidings::Error),
    Hang,
    Panic,
    /// Takes this long by the clock.
    Take(Duration),
}

/// A vendor whose behaviour is a function of how many calls it got before.
#[derive(Clone)]
pub(crate) struct Odd {
    act: Act,
    notes: Arc<Mutex<Notes>>,
    name: Arc<str>,
}

#[derive(Debug, Default)]
struct Notes {
    calls: Vec<(MessageId, Timestamp)>,
    now: usize,
    most: usize,
}

impl Odd {
    pub(crate) fn new(act: impl Fn(usize) -> Next + Send + Sync + 'static) -> Self {
        Self { act: Arc::new(act), notes: Arc::default(), name: "odd".into() }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    pub(crate) fn calls(&self) -> Vec<(MessageId, Timestamp)> {
        self.notes.lock().expect("no panic").calls.clone()
    }

    /// How many calls were under way at once, at most.
    pub(crate) fn most(&self) -> usize {
        self.notes.lock().expect("no panic").most
    }

    pub(crate) fn now(&self) -> usize {
        self.notes.lock().expect("no panic").now
    }
}

impl fmt::Debug for Odd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Vendor for Odd {
    fn name(&self) -> &str {
        &self.name
    }
}

/// Counts a call as under way until it is dropped.
struct Call<'a>(&'a Odd);

impl Drop for Call<'_> {
    fn drop(&mut self) {
        self.0.notes.lock().expect("no panic").now -= 1;
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Odd {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("odd", Features::ALL)
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let number = {
            let mut notes = self.notes.lock().expect("no panic");
            notes.calls.push((item.id(), cx.clock().now()));
            notes.now += 1;
            notes.most = notes.most.max(notes.now);
            notes.calls.len() - 1
        };
        let _call = Call(self);
        let accepted = || Ok(Receipt::accepted(item.message().recipient_count(), Some("it".into())));
        match (self.act)(number) {
            Next::Accept => accepted(),
            Next::Fail(error) => Err(error),
            Next::Hang => std::future::pending().await,
            Next::Panic => panic!("as asked for"),
            Next::Take(time) => {
                cx.clock().sleep_until(cx.clock().monotonic() + time).await;
                accepted()
            }
        }
    }
}
