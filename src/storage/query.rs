//! The words of those who look at the queue and act on it.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{
    QueueState, Record,
    recovery::{cancelled, replayed},
};
use crate::{
    event::{Event, EventKind},
    id::{MessageId, TenantId},
    message::Channel,
    time::Timestamp,
};

/// Which messages; what is not set does not matter.
///
/// ```
/// use tidings::{Channel, storage::{Filter, QueueState}};
///
/// let dead_texts = Filter::new().channel(Channel::Sms).state(QueueState::Dead);
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Filter {
    /// Of this category.
    pub category: Option<Arc<str>>,
    /// Of this channel.
    pub channel: Option<Channel>,
    /// With this name given by the caller.
    pub external_ref: Option<Arc<str>>,
    /// This one message.
    pub id: Option<MessageId>,
    /// To this address, exactly as it was given.
    pub recipient: Option<Arc<str>>,
    /// Taken at or after this moment.
    pub since: Option<Timestamp>,
    /// At this place in the queue.
    pub state: Option<QueueState>,
    /// With this tag.
    pub tag: Option<Arc<str>>,
    /// Taken before this moment.
    pub until: Option<Timestamp>,
}

impl Filter {
    /// Every message.
    pub fn new() -> Self {
        Self::default()
    }

    /// Of this category.
    #[must_use]
    pub fn category(mut self, category: impl Into<Arc<str>>) -> Self {
        self.category = Some(category.into());
        self
    }

    /// Of this channel.
    #[must_use]
    pub fn channel(mut self, channel: Channel) -> Self {
        self.channel = Some(channel);
        self
    }

    /// With this name given by the caller.
    #[must_use]
    pub fn external_ref(mut self, name: impl Into<Arc<str>>) -> Self {
        self.external_ref = Some(name.into());
        self
    }

    /// This one message.
    #[must_use]
    pub fn id(mut self, id: MessageId) -> Self {
        self.id = Some(id);
        self
    }

    /// To this address.
    #[must_use]
    pub fn recipient(mut self, address: impl Into<Arc<str>>) -> Self {
        self.recipient = Some(address.into());
        self
    }

    /// Taken at or after this moment.
    #[must_use]
    pub fn since(mut self, at: Timestamp) -> Self {
        self.since = Some(at);
        self
    }

    /// At this place in the queue.
    #[must_use]
    pub fn state(mut self, state: QueueState) -> Self {
        self.state = Some(state);
        self
    }

    /// With this tag.
    #[must_use]
    pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
        self.tag = Some(tag.into());
        self
    }

    /// Taken before this moment.
    #[must_use]
    pub fn until(mut self, at: Timestamp) -> Self {
        self.until = Some(at);
        self
    }

    /// True if a message with this record, in this state of the queue, is one of them.
    pub fn matches(&self, record: &Record, state: Option<QueueState>) -> bool {
        let recipient =
            |address: &Arc<str>| record.recipients.iter().any(|recipient| recipient.0 == *address);
        self.id.is_none_or(|id| id == record.id)
            && self.channel.is_none_or(|channel| channel == record.channel)
            && self.state.is_none_or(|wished| state == Some(wished))
            && self.since.is_none_or(|since| since <= record.at)
            && self.until.is_none_or(|until| record.at < until)
            && named(self.category.as_ref(), record.category.as_ref())
            && named(self.external_ref.as_ref(), record.external_ref.as_ref())
            && self.recipient.as_ref().is_none_or(recipient)
            && self.tag.as_ref().is_none_or(|tag| record.tags.contains(tag))
    }
}

fn named(wished: Option<&Arc<str>>, name: Option<&Arc<str>>) -> bool {
    wished.is_none() || wished == name
}

/// One page of a list, newest first.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Page {
    /// Only messages older than this one: the cursor.
    pub before: Option<MessageId>,
    /// At most so many.
    pub limit: usize,
}

impl Page {
    /// The first `limit`.
    pub const fn first(limit: usize) -> Self {
        Self { before: None, limit }
    }

    /// The `limit` after `last`.
    pub const fn after(last: MessageId, limit: usize) -> Self {
        Self { before: Some(last), limit }
    }
}

/// What to do with all messages that match.
#[derive(Clone, Copy, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Act {
    /// Withdraw what waits (ready, suspect, held or paused).
    Cancel,
    /// Stop what waits (ready or suspect) until it is released, with a `held` event. The act's note is the reason.
    Hold,
    /// Let go on what is held: due as before, and still a suspect if it was one; with a `released` event.
    Release,
    /// Send dead letters again at once, as a new generation with a `queued` event: whole, and with nothing
    /// counted yet.
    Replay,
}

impl Act {
    /// Every act.
    pub const ALL: [Self; 4] = [Self::Cancel, Self::Hold, Self::Release, Self::Replay];

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Hold => "hold",
            Self::Release => "release",
            Self::Replay => "replay",
        }
    }

    /// The states of the queue that it works on.
    pub const fn works_on(self) -> &'static [QueueState] {
        match self {
            Self::Cancel => &[QueueState::Ready, QueueState::Suspect, QueueState::Held, QueueState::Paused],
            Self::Hold => &[QueueState::Ready, QueueState::Suspect],
            Self::Release => &[QueueState::Held],
            Self::Replay => &[QueueState::Dead],
        }
    }
}

/// The record that an act on many messages leaves.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ActRecord {
    /// Its id.
    pub id: Uuid,
    /// What was done.
    pub act: Act,
    /// Within which tenant; `None` is all.
    pub tenant: Option<TenantId>,
    /// To which messages.
    pub filter: Filter,
    /// When, by the store's clock.
    pub at: Timestamp,
    /// Who or why, in the caller's words.
    pub note: Option<Arc<str>>,
    /// How many messages it changed.
    pub changed: u64,
}

impl ActRecord {
    /// The record of an act that changed so many.
    pub const fn new(id: Uuid, act: Act, tenant: Option<TenantId>, filter: Filter, at: Timestamp) -> Self {
        Self { id, act, tenant, filter, at, note: None, changed: 0 }
    }

    /// What it leaves in the timeline of a message that had this generation and so many attempts before it.
    pub fn event(&self, message: MessageId, generation: u32, attempts: u32, now: Timestamp) -> Event {
        let kind = match self.act {
            Act::Cancel => return cancelled(message, generation, attempts, now),
            Act::Replay => return replayed(message, generation.saturating_add(1), now),
            Act::Hold => EventKind::Held,
            Act::Release => EventKind::Released,
        };
        let mut event = Event::new(message, kind, now);
        (event.generation, event.attempt) = (generation, attempts);
        // By the record's id it is told apart from the next act of its kind.
        (event.text, event.source) = (self.note.clone(), Some(self.id.to_string().into()));
        event
    }
}

/// How long things are kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Retention {
    /// Messages in a final state, with their timelines, counted from when they were taken.
    pub done: Duration,
    /// Dead letters, counted from when they were taken.
    pub dead: Duration,
    /// Messages with an idempotency key at least this long, whatever the others say; never less than 24 hours.
    pub keys: Duration,
    /// At most so many messages in one call, so that it never locks for long.
    pub limit: usize,
}

impl Retention {
    /// The least that idempotency keys are kept.
    pub const KEYS_AT_LEAST: Duration = Duration::from_secs(24 * 3_600);

    /// Everything final for `done`; dead letters twice as long; 1,000 messages a call.
    pub const fn of(done: Duration) -> Self {
        Self { done, dead: done.saturating_mul(2), keys: Self::KEYS_AT_LEAST, limit: 1_000 }
    }

    /// How long keys are kept in truth.
    pub fn keys(&self) -> Duration {
        self.keys.max(Self::KEYS_AT_LEAST)
    }
}

/// Numbers about the queue.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct QueueStats {
    /// The store's clock.
    pub now: Timestamp,
    /// How many messages there are of each channel and state; none are left out.
    pub depths: Vec<Depth>,
    /// When the ready or suspect message was due that has been due for longest and that nobody has taken.
    pub oldest_waiting: Option<Timestamp>,
    /// When the lease ended that has been over for longest and that nobody has recovered.
    pub oldest_expired_lease: Option<Timestamp>,
}

impl QueueStats {
    /// How many are in this state.
    pub fn depth(&self, state: QueueState) -> u64 {
        self.depths.iter().filter(|depth| depth.state == state).map(|depth| depth.count).sum()
    }
}

/// How many messages of one channel are in one state.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Depth {
    /// The channel.
    pub channel: Channel,
    /// The state.
    pub state: QueueState,
    /// How many.
    pub count: u64,
}

impl Depth {
    /// So many of them.
    pub const fn new(channel: Channel, state: QueueState, count: u64) -> Self {
        Self { channel, state, count }
    }
}
