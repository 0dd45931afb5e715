//! A fresh store, a clock that is moved by hand, and the rule that is tried.

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use super::{DurableHarness, Harness};
use crate::{
    error::{Error, ErrorKind, Result},
    event::{Event, EventKind, OnUnknown},
    id::{Fingerprint, MessageId, TenantId},
    message::{Channel, Payload, Priority, Sms},
    storage::{
        Act, ActRecord, Cancelled, Claim, Claimed, Entry, Filter, Lane, Leased, Messages, Next, Place,
        QueueState, RecipientText, Record, Scope, Settlement, Terms,
    },
    testing::{ManualClock, conformance::Rule},
    time::{Clock, Timestamp},
};

/// When every trial begins.
pub(super) const START: Timestamp = Timestamp::from_secs(1_767_225_600);

/// How long leases hold here.
pub(super) const LEASE: Duration = Duration::from_secs(30);

/// How many messages of a small trial are asked for: more than there are.
pub(super) const ALL: usize = 100;

/// What no store needs, however slow the machine is. Our own tests wait for stores that never wake.
pub(super) const PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 5 } else { 60 });

pub(super) struct Trial<S> {
    pub(super) store: Arc<S>,
    pub(super) clock: ManualClock,
    rule: Rule,
    made: AtomicI64,
}

impl<S: Messages> Trial<S> {
    pub(super) async fn of<H: Harness<Store = S>>(harness: &H, rule: &'static str) -> Self {
        let clock = ManualClock::at(START);
        let store = Arc::new(harness.open(Arc::new(clock.clone())).await);
        Self { store, clock, rule: Rule(rule), made: AtomicI64::new(0) }
    }

    /// The same data after an end of the store.
    pub(super) async fn reopened<H: DurableHarness<Store = S>>(mut self, harness: &H) -> Self {
        let Some(store) = Arc::into_inner(self.store) else {
            self.rule.broken("the test itself still holds the store");
        };
        self.store = Arc::new(harness.reopen(store, Arc::new(self.clock.clone())).await);
        self
    }

    // ---- judging

    pub(super) fn good<T>(&self, answer: Result<T>) -> T {
        answer.unwrap_or_else(|error| self.rule.broken(error))
    }

    pub(super) fn equal<T: PartialEq + fmt::Debug>(&self, what: &str, found: T, expected: T) {
        let holds = found == expected;
        self.rule.holds(holds, || format!("{what}: {found:?}, and not {expected:?}"));
    }

    pub(super) fn holds(&self, holds: bool, found: impl FnOnce() -> String) {
        self.rule.holds(holds, found);
    }

    pub(super) fn refused<T: fmt::Debug>(&self, what: &str, answer: Result<T>, kind: ErrorKind) -> Error {
        match answer {
            Ok(answer) => self.rule.broken(format!("{what} was answered with {answer:?}, and not refused")),
            Err(error) => {
                self.equal(&format!("the kind of {what}'s error"), error.kind(), kind);
                error
            }
        }
    }

    // ---- time

    pub(super) fn clock_now(&self) -> Timestamp {
        self.clock.now()
    }

    pub(super) fn now_and(&self, later: u64) -> Timestamp {
        self.clock.now() + seconds(later)
    }

    // ---- making

    /// A new record; ids are in the order of making.
    pub(super) fn record(&self, tenant: &str, channel: Channel) -> Record {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let id = MessageId::new(Timestamp::from_micros(START.as_micros() + number * 1_000));
        let tenant = self.good(tenant.parse());
        let recipients = ["+15005550006", "+15005550007"].map(|text| RecipientText(text.into()));
        Record::new(id, tenant, channel, self.clock.now(), recipients.into())
    }

    /// A text message of the default tenant, due at once.
    pub(super) fn entry(&self) -> Entry {
        self.entry_of("default", Channel::Sms)
    }

    pub(super) fn entry_of(&self, tenant: &str, channel: Channel) -> Entry {
        let record = self.record(tenant, channel);
        let sms = Sms::builder().to("+15005550006").body(record.id.to_string()).build();
        let payload = self.good(sms.and_then(|sms| Payload::encode(&sms.into())));
        Entry::new(record, payload)
    }

    /// The same with what `change` makes of its terms.
    pub(super) fn on(&self, change: impl FnOnce(&mut Terms)) -> Entry {
        let mut entry = self.entry();
        change(&mut entry.terms);
        entry
    }

    pub(super) fn under(&self, policy: OnUnknown) -> Entry {
        self.on(|terms| terms.on_unknown = policy)
    }

    pub(super) fn ordered(&self, key: &str) -> Entry {
        self.on(|terms| terms.ordering_key = Some(key.into()))
    }

    pub(super) fn keyed(&self, key: &str, content: &str) -> Entry {
        with_key(self.entry(), key, content)
    }

    // ---- asking

    pub(super) async fn enqueue(&self, entry: Entry) -> MessageId {
        self.enqueue_all(vec![entry]).await[0]
    }

    pub(super) async fn enqueue_all(&self, entries: Vec<Entry>) -> Vec<MessageId> {
        let wished: Vec<_> = entries.iter().map(|entry| entry.record.id).collect();
        let answers = self.good(self.store.enqueue(entries).await);
        self.equal("the number of answers", answers.len(), wished.len());
        let given: Vec<_> = answers.into_iter().map(|answer| self.good(answer)).collect();
        self.holds(given.iter().all(|answer| answer.fresh), || format!("new messages are not: {given:?}"));
        self.equal("the ids of new messages", given.iter().map(|answer| answer.id).collect(), wished.clone());
        wished
    }

    pub(super) async fn claimed(&self, claim: &Claim) -> Claimed {
        self.good(self.store.claim(claim).await)
    }

    /// Everything that is due.
    pub(super) async fn claim(&self) -> Vec<Leased> {
        self.claimed(&everything()).await.leased
    }

    pub(super) async fn claim_ids(&self, claim: &Claim) -> Vec<MessageId> {
        ids(&self.claimed(claim).await.leased)
    }

    /// Claims everything, which must be this one.
    pub(super) async fn claim_one(&self, id: MessageId) -> Leased {
        let mut leased = self.claim().await;
        self.equal("what is claimed", ids(&leased), vec![id]);
        leased.remove(0)
    }

    /// Claims everything, which must be nothing.
    pub(super) async fn claim_none(&self, what: &str) {
        self.equal(what, ids(&self.claim().await), Vec::new());
    }

    /// A suspect.
    pub(super) async fn claim_alone(&self) -> Vec<Leased> {
        self.claimed(&everything().alone()).await.leased
    }

    /// One new message, in the hands of a worker.
    pub(super) async fn leased(&self, entry: Entry) -> Leased {
        let id = self.enqueue(entry).await;
        self.claim_one(id).await
    }

    pub(super) async fn start(&self, leased: &Leased) -> Result<u32> {
        let answers = self.good(self.store.start(&[leased.lease]).await);
        self.only(answers)
    }

    pub(super) async fn renew(&self, leased: &Leased, by: Duration) -> Result<()> {
        let answers = self.good(self.store.renew(&[leased.lease], by).await);
        self.only(answers)
    }

    pub(super) async fn settle(&self, leased: &Leased, next: Next) {
        let answer = self.try_settle(leased, next, leased.attempts, Vec::new()).await;
        self.good(answer);
    }

    pub(super) async fn try_settle(
        &self,
        leased: &Leased,
        next: Next,
        attempts: u32,
        events: Vec<Event>,
    ) -> Result<()> {
        let settlement = Settlement::new(leased, next, attempts, events);
        let answers = self.good(self.store.settle(vec![settlement]).await);
        self.only(answers)
    }

    fn only<T>(&self, mut answers: Vec<T>) -> T {
        self.equal("the number of answers", answers.len(), 1);
        answers.remove(0)
    }

    pub(super) async fn cancel(&self, id: MessageId) -> Cancelled {
        let answers = self.good(self.store.cancel(&TenantId::DEFAULT, &[id]).await);
        self.only(answers)
    }

    pub(super) async fn append(&self, events: Vec<Event>) {
        self.good(self.store.append_events(&TenantId::DEFAULT, events).await);
    }

    pub(super) async fn act(&self, act: Act, filter: &Filter) -> ActRecord {
        self.good(self.store.act(&Scope::All, act, filter, None).await)
    }

    /// What has been claimed so far is lost by its worker.
    pub(super) fn lose(&self) {
        self.clock.advance(LEASE);
    }

    /// Lost so often by who had it that the last loss is still to be recovered.
    pub(super) async fn lost(&self, entry: Entry, losses: u32) -> MessageId {
        let id = self.enqueue(entry).await;
        for loss in 0..losses {
            let found = if loss < 2 { self.claim().await } else { self.claim_alone().await };
            self.equal("what is claimed", ids(&found), vec![id]);
            self.lose();
        }
        id
    }

    /// Given up by its worker.
    pub(super) async fn dead(&self, entry: Entry) -> MessageId {
        let leased = self.leased(entry).await;
        self.settle(&leased, dead()).await;
        leased.lease.id
    }

    pub(super) async fn held(&self, entry: Entry) -> MessageId {
        let leased = self.leased(entry).await;
        self.settle(&leased, held()).await;
        leased.lease.id
    }

    pub(super) async fn done(&self, entry: Entry) -> MessageId {
        let leased = self.leased(entry).await;
        self.settle(&leased, Next::Done).await;
        leased.lease.id
    }

    // ---- looking

    pub(super) async fn place(&self, id: MessageId) -> Option<Place> {
        let tracked = self.good(self.store.tracked(&TenantId::DEFAULT, id).await);
        let Some(tracked) = tracked else { self.rule.broken(format!("message {id} is not there")) };
        tracked.place
    }

    /// Its place, which it must have.
    pub(super) async fn queued(&self, id: MessageId) -> Place {
        match self.place(id).await {
            Some(place) => place,
            None => self.rule.broken(format!("message {id} left the queue")),
        }
    }

    pub(super) async fn state_is(&self, id: MessageId, expected: impl Into<Option<QueueState>>) {
        let state = self.place(id).await.map(|place| place.state);
        self.equal("the state in the queue", state, expected.into());
    }

    pub(super) async fn timeline(&self, id: MessageId) -> Vec<Event> {
        self.good(self.store.timeline(&TenantId::DEFAULT, id).await)
    }

    /// The kinds of a timeline's events after `queued`, with their attempts.
    pub(super) async fn story_is(&self, id: MessageId, expected: &[(&str, u32)]) {
        let timeline = self.timeline(id).await;
        let story: Vec<_> = timeline.iter().map(|e| (e.kind.as_str().to_owned(), e.attempt)).collect();
        let queued = [("queued", 0)];
        let expected = queued.iter().chain(expected).map(|(kind, attempt)| ((*kind).to_owned(), *attempt));
        self.equal("the timeline", story, expected.collect());
    }

    pub(super) async fn is_there(&self, id: MessageId) -> bool {
        self.good(self.store.tracked(&TenantId::DEFAULT, id).await).is_some()
    }
}

pub(super) fn ids(leased: &[Leased]) -> Vec<MessageId> {
    leased.iter().map(|leased| leased.lease.id).collect()
}

pub(super) fn everything() -> Claim {
    Claim::everything("conformance", ALL, LEASE)
}

/// Messages of this channel and priority.
pub(super) fn lane(channel: Channel, priority: Priority, limit: usize) -> Lane {
    Lane::new(channel, priority, limit)
}

pub(super) fn with_key(mut entry: Entry, key: &str, content: &str) -> Entry {
    entry.record.key = Some(key.into());
    entry.with_fingerprint(Fingerprint::of(content.as_bytes()))
}

pub(super) fn dead() -> Next {
    Next::Dead { reason: "no such number".into() }
}

pub(super) fn held() -> Next {
    Next::Held { reason: "someone must decide".into() }
}

/// Again after so many seconds.
pub(super) fn later(seconds: u64) -> Next {
    let after = Duration::from_secs(seconds);
    Next::Later { after, counted: true, reason: "busy".into(), pending: None, pinned: None }
}

pub(super) fn event(id: MessageId, kind: EventKind, attempt: u32, at: Timestamp) -> Event {
    let mut event = Event::new(id, kind, at);
    (event.recipient, event.attempt, event.provider) = (Some(0), attempt, Some("vendor".into()));
    event
}

pub(super) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
