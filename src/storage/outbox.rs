//! The words of the queue: what is put into it, claimed, and settled.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::Record;
use crate::{
    error::{Error, ErrorKind},
    event::{Event, OnUnknown},
    id::{Fingerprint, MessageId, TenantId},
    message::{Channel, Payload, Priority},
    time::Timestamp,
};

/// Whose rows a call may touch.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub enum Scope {
    /// Those of every tenant: workers and operators say so expressly.
    All,
    /// Those of one tenant.
    Tenant(TenantId),
}

impl Scope {
    /// The one tenant, unless it is all of them.
    pub fn tenant(&self) -> Option<&TenantId> {
        match self {
            Self::All => None,
            Self::Tenant(tenant) => Some(tenant),
        }
    }

    /// True if rows of `tenant` are within it.
    pub fn covers(&self, tenant: &TenantId) -> bool {
        self.tenant().is_none_or(|only| only == tenant)
    }
}

/// How an enqueued message is to be delivered.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Terms {
    /// Not before this moment; `None` is at once, by the store's clock.
    pub due: Option<Timestamp>,
    /// Not sent after this moment.
    pub expires: Option<Timestamp>,
    /// What to do if we cannot know whether the vendor took it.
    pub on_unknown: OnUnknown,
    /// Messages of one tenant and key are sent one at a time, in the order of their ids.
    pub ordering_key: Option<Arc<str>>,
    /// Before or after others that are due.
    pub priority: Priority,
}

impl Default for Terms {
    /// At once, for ever, with the usual priority; what is unknown is tried again.
    fn default() -> Self {
        Self {
            due: None,
            expires: None,
            on_unknown: OnUnknown::Retry,
            ordering_key: None,
            priority: Priority::Normal,
        }
    }
}

/// A message to be enqueued.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Entry {
    /// Its record; its idempotency key is unique by tenant and channel among enqueued messages.
    pub record: Record,
    /// The message.
    pub payload: Payload,
    /// How to deliver it.
    pub terms: Terms,
    /// The hash of what the caller said: equal keys with equal fingerprints are the same message.
    /// Set if the record has a key.
    pub fingerprint: Option<Fingerprint>,
    /// Refuses the message if all its recipients are on the store's own suppression list; said by callers
    /// who keep no other list.
    pub unless_suppressed: bool,
}

impl Entry {
    /// A message due at once, without idempotency key.
    pub fn new(record: Record, payload: Payload) -> Self {
        Self { record, payload, terms: Terms::default(), fingerprint: None, unless_suppressed: false }
    }

    /// What an entry is refused with whose key was used with other content.
    pub fn conflict(&self, first: MessageId) -> Error {
        let why = "this idempotency key was used with other content; use another key for another message";
        let key = self.record.key.as_deref().unwrap_or_default().to_owned();
        Error::new(ErrorKind::Conflict, why).with_field("key").with_context("key", key).with_message_id(first)
    }

    /// The same on these terms.
    #[must_use]
    pub fn with_terms(mut self, terms: Terms) -> Self {
        self.terms = terms;
        self
    }

    /// The same, to be refused if all its recipients are on the store's own suppression list.
    #[must_use]
    pub fn unless_suppressed(mut self) -> Self {
        self.unless_suppressed = true;
        self
    }

    /// The same with the hash of what the caller said.
    #[must_use]
    pub fn with_fingerprint(mut self, fingerprint: Fingerprint) -> Self {
        self.fingerprint = Some(fingerprint);
        self
    }
}

/// What became of an [`Entry`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Enqueued {
    /// The message: the new one, or the first of the same key.
    pub id: MessageId,
    /// False if a message of the same key and content was there already.
    pub fresh: bool,
}

impl Enqueued {
    /// The answer for a message that is new, or was there already.
    pub const fn new(id: MessageId, fresh: bool) -> Self {
        Self { id, fresh }
    }
}

/// Where a message stands in the queue.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QueueState {
    /// It is given up, until someone replays it.
    Dead,
    /// It waits for a person to release it.
    Held,
    /// A worker has it.
    Leased,
    /// Its provider or tenant is paused.
    Paused,
    /// It waits until it is due.
    Ready,
    /// Twice a worker was lost that had it; it is claimed alone.
    Suspect,
}

impl QueueState {
    /// Every state.
    pub const ALL: [Self; 6] =
        [Self::Dead, Self::Held, Self::Leased, Self::Paused, Self::Ready, Self::Suspect];

    /// Its word in tables and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Held => "held",
            Self::Leased => "leased",
            Self::Paused => "paused",
            Self::Ready => "ready",
            Self::Suspect => "suspect",
        }
    }

    /// The state of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }
}

impl fmt::Display for QueueState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A message's place in the queue.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Place {
    /// Where it stands.
    pub state: QueueState,
    /// When it is due.
    pub due: Timestamp,
    /// How many attempts were counted.
    pub attempts: u32,
    /// How many workers were lost that had it, since it was last settled.
    pub losses: u32,
    /// Counts replays.
    pub generation: u32,
    /// Why it waits, or why it is dead: an error's kind and text.
    pub reason: Option<Arc<str>>,
}

impl Place {
    /// A place in this state.
    pub const fn new(state: QueueState, due: Timestamp) -> Self {
        Self { state, due, attempts: 0, losses: 0, generation: 0, reason: None }
    }
}

/// One row of the order in which a claim looks for work.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Lane {
    /// The channel.
    pub channel: Channel,
    /// The priority.
    pub priority: Priority,
    /// At most so many of it.
    pub limit: usize,
}

impl Lane {
    /// At most `limit` messages of this channel and priority.
    pub const fn new(channel: Channel, priority: Priority, limit: usize) -> Self {
        Self { channel, priority, limit }
    }
}

/// A worker's wish for work.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claim {
    /// Whose messages.
    pub scope: Scope,
    /// The worker's name, for those who watch.
    pub worker: Arc<str>,
    /// Where to look, in this order; each lane by due and id. A channel and priority at most once.
    pub lanes: Vec<Lane>,
    /// At most so many altogether.
    pub limit: usize,
    /// How long the leases hold unless they are renewed.
    pub lease: Duration,
    /// So many of what is found may begin at once, the first ones: [`Leased::begun`] says which. The others are
    /// ahead of their time, and wait for [`begin`](super::Messages::begin): if the worker is lost before
    /// that, they return unharmed.
    pub begin: usize,
    /// The newest payload version that the worker reads; newer rows wait.
    pub newest_payload: u16,
    /// True for [suspects](QueueState::Suspect): at most one, and nothing else. The lanes'
    /// channels count, their limits and priorities do not.
    pub alone: bool,
}

impl Claim {
    /// A claim of up to `limit` messages of every tenant from `lanes`, all of which may begin at once.
    pub fn new(worker: impl Into<Arc<str>>, lanes: Vec<Lane>, limit: usize, lease: Duration) -> Self {
        Self {
            scope: Scope::All,
            worker: worker.into(),
            lanes,
            limit,
            lease,
            begin: usize::MAX,
            newest_payload: Payload::VERSION,
            alone: false,
        }
    }

    /// Every channel and priority, the high ones first.
    pub fn everything(worker: impl Into<Arc<str>>, limit: usize, lease: Duration) -> Self {
        let by_priority = [Priority::High, Priority::Normal, Priority::Low];
        let lanes = by_priority.into_iter().flat_map(|priority| {
            Channel::ALL.into_iter().map(move |channel| Lane::new(channel, priority, limit))
        });
        Self::new(worker, lanes.collect(), limit, lease)
    }

    /// The same with so many of what is found that may begin at once.
    #[must_use]
    pub fn begin(mut self, count: usize) -> Self {
        self.begin = count;
        self
    }

    /// The same for one suspect.
    #[must_use]
    pub fn alone(mut self) -> Self {
        self.alone = true;
        self
    }

    /// The same within `scope`.
    #[must_use]
    pub fn within(mut self, scope: Scope) -> Self {
        self.scope = scope;
        self
    }
}

/// Proof that a worker has a message: fresh at every claim.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Lease {
    /// The message.
    pub id: MessageId,
    /// The claim's token. Messages of one claim may share it.
    pub token: Uuid,
}

/// A message that a worker has.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Leased {
    /// The proof.
    pub lease: Lease,
    /// Whose it is.
    pub tenant: TenantId,
    /// The message.
    pub payload: Payload,
    /// The caller's idempotency key.
    pub key: Option<Arc<str>>,
    /// The terms it was enqueued on; `due` is when it was due this time.
    pub terms: Terms,
    /// When it was due for the first time in this generation, not before it was enqueued: its age counts
    /// from here.
    pub since: Timestamp,
    /// How many attempts were counted before.
    pub attempts: u32,
    /// How many of those do not count for the retry plan.
    pub excused: u32,
    /// How many workers were lost that had it, since it was last settled.
    pub losses: u32,
    /// False if it is beyond the [mark](Claim::begin): it must not begin until the mark was
    /// [moved](super::Messages::begin), or its [start](super::Messages::start) was counted.
    pub begun: bool,
    /// Counts replays.
    pub generation: u32,
    /// The recipients that are still to be served; `None` is all of them.
    pub pending: Option<Vec<u32>>,
    /// The only provider instance that may be asked, after an unknown outcome.
    pub pinned: Option<Arc<str>>,
    /// True if the store knows that none of its recipients was on its own suppression list at the claim:
    /// nobody need look again. False says nothing.
    pub unsuppressed: bool,
}

impl Leased {
    /// A message that was never tried, has been due since its id was made, and may begin.
    pub fn new(lease: Lease, tenant: TenantId, payload: Payload, terms: Terms) -> Self {
        Self {
            lease,
            tenant,
            payload,
            key: None,
            terms,
            since: lease.id.made_at(),
            attempts: 0,
            excused: 0,
            losses: 0,
            begun: true,
            generation: 0,
            pending: None,
            pinned: None,
            unsuppressed: false,
        }
    }
}

/// What a claim found.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Claimed {
    /// The store's clock at the claim: the judge of due, expiry and lease.
    pub now: Timestamp,
    /// The messages, in the order of the lanes: the order of marks, too, among those that share a token.
    pub leased: Vec<Leased>,
    /// When the next ready message of the lanes is due, after `now`, if fewer were found than wished
    /// for and one waits. What else keeps it back may count or not. Not said by claims of suspects.
    pub next_due: Option<Timestamp>,
    /// True if a claim of one suspect of these channels would find one now.
    pub suspects: bool,
}

impl Claimed {
    /// Nothing to do.
    pub const fn nothing(now: Timestamp) -> Self {
        Self { now, leased: Vec::new(), next_due: None, suspects: false }
    }
}

/// What follows an attempt.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Next {
    /// Given up: kept as a dead letter.
    Dead {
        /// Why.
        reason: Arc<str>,
    },
    /// It leaves the queue: sent, refused for good, expired or cancelled, as the events say.
    Done,
    /// A person must decide.
    Held {
        /// Why.
        reason: Arc<str>,
    },
    /// Again later. If it was cancelled meanwhile, it leaves the queue instead with a
    /// `cancelled` event.
    Later {
        /// After this much time on the store's clock.
        after: Duration,
        /// False if the attempt does not count for the retry plan.
        counted: bool,
        /// Why.
        reason: Arc<str>,
        /// The recipients that are still to be served; `None` is all of them.
        pending: Option<Vec<u32>>,
        /// The only provider instance that may be asked.
        pinned: Option<Arc<str>>,
    },
    /// Its provider is paused: it waits until that is [resumed](super::Messages::resume). If it is
    /// not paused any more, the message is due as before.
    Paused {
        /// What is paused.
        by: Pause,
    },
    /// Unharmed, due as before: it was claimed but not started.
    Returned,
}

/// The end of a lease.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Settlement {
    /// The proof.
    pub lease: Lease,
    /// Whose message it is.
    pub tenant: TenantId,
    /// What follows.
    pub next: Next,
    /// How many attempts are counted now; smaller numbers than the store's change nothing.
    pub attempts: u32,
    /// What happened.
    pub events: Vec<Event>,
    /// The recipients that a dead, held or paused message must still be sent to when it is
    /// replayed, released or resumed; `None` leaves those that were pending before.
    pub left: Option<Vec<u32>>,
}

impl Settlement {
    /// The end of the lease on `leased` after `attempts`.
    pub fn new(leased: &Leased, next: Next, attempts: u32, events: Vec<Event>) -> Self {
        Self { lease: leased.lease, tenant: leased.tenant.clone(), next, attempts, events, left: None }
    }

    /// The same with the recipients that are left.
    #[must_use]
    pub fn with_left(mut self, left: Option<Vec<u32>>) -> Self {
        self.left = left;
        self
    }
}

/// What can be paused.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Pause {
    /// Everything: a restored backup, or an emergency.
    All,
    /// One channel of all tenants.
    Channel(Channel),
    /// One provider instance; messages that another may send go there.
    Provider(Arc<str>),
    /// All messages of one tenant.
    Tenant(TenantId),
}

impl Pause {
    /// Its word and name in tables: `("channel", "sms")`.
    pub fn parts(&self) -> (&'static str, &str) {
        match self {
            Self::All => ("all", ""),
            Self::Channel(channel) => ("channel", channel.as_str()),
            Self::Provider(name) => ("provider", name),
            Self::Tenant(tenant) => ("tenant", tenant.as_str()),
        }
    }

    /// Back from its word and name.
    pub fn from_parts(word: &str, name: &str) -> Option<Self> {
        match word {
            "all" => Some(Self::All),
            "channel" => Channel::ALL.into_iter().find(|c| c.as_str() == name).map(Self::Channel),
            "provider" => Some(Self::Provider(name.into())),
            "tenant" => name.parse().ok().map(Self::Tenant),
            _ => None,
        }
    }
}

impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.parts() {
            (word, "") => f.write_str(word),
            (word, name) => write!(f, "{word}:{name}"),
        }
    }
}

/// What became of the wish to cancel a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Cancelled {
    /// It left the queue and will not be sent.
    Cancelled,
    /// It is in a final state already.
    Final,
    /// A worker has it: it is not tried again, but the attempt under way is not taken back.
    InFlight,
    /// There is no such message.
    NotFound,
}
