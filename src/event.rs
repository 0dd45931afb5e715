//! What happened: one vocabulary of events, and the status that they fold to.

use std::{fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::{
    error::{Certainty, Error, ErrorKind},
    id::{DeliveryId, MessageId},
    message::Money,
    time::Timestamp,
};

/// Before the amount, in the text of an event that tells a cost.
const COST: &str = "cost: ";

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $word:literal $(=> $status:ident)?;)*) => {
        /// What happened to a delivery.
        ///
        /// Kept as text, so that a kind which a newer version wrote survives as `Other`.
        #[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        #[non_exhaustive]
        pub enum EventKind {
            $($(#[$doc])* $name,)*
            /// A kind that this version does not know.
            Other(Arc<str>),
        }

        impl EventKind {
            /// Every kind that this version knows.
            pub const KNOWN: &'static [Self] = &[$(Self::$name),*];

            /// Its word.
            pub fn as_str(&self) -> &str {
                match self { $(Self::$name => $word,)* Self::Other(word) => word }
            }

            /// The status that it gives a delivery by itself.
            pub fn status(&self) -> Option<Status> {
                match self { $($(Self::$name => Some(Status::$status),)?)* _ => None }
            }
        }

        impl From<&str> for EventKind {
            fn from(word: &str) -> Self {
                match word { $($word => Self::$name,)* other => Self::Other(other.into()) }
            }
        }
    };
}

event_kinds! {
    /// The vendor took it.
    Accepted = "accepted" => Accepted;
    /// A mailbox or carrier sent it back.
    Bounced = "bounced" => Bounced;
    /// It was withdrawn before it was sent.
    Cancelled = "cancelled" => Cancelled;
    /// The reader followed a link.
    Clicked = "clicked" => Delivered;
    /// The reader called it spam.
    Complained = "complained" => Complained;
    /// We gave up; it is kept as a dead letter.
    Dead = "dead" => Dead;
    /// The vendor tries again later.
    Deferred = "deferred" => Deferred;
    /// It arrived.
    Delivered = "delivered" => Delivered;
    /// Its time passed before it was sent.
    Expired = "expired" => Expired;
    /// The vendor gave up.
    Failed = "failed" => Failed;
    /// It waits for a person to decide.
    Held = "held";
    /// It was opened, perhaps by a machine.
    Opened = "opened" => Delivered;
    /// We took it.
    Queued = "queued" => Queued;
    /// The reader read it.
    Read = "read" => Delivered;
    /// A worker was lost that had it, perhaps during an attempt.
    Recovered = "recovered" => Unknown;
    /// We or the vendor refused it; another attempt may follow.
    Refused = "refused" => Refused;
    /// It was held, and goes on.
    Released = "released";
    /// An option addressed to another vendor was not used.
    OptionSkipped = "option_skipped";
    /// An attempt began.
    Started = "started" => Sending;
    /// The recipient must not be written to.
    Suppressed = "suppressed" => Suppressed;
    /// We cannot know whether the vendor took it.
    Unknown = "unknown" => Unknown;
    /// The reader unsubscribed.
    Unsubscribed = "unsubscribed";
}

impl EventKind {
    /// What a failure is noted as: only a vendor that certainly took nothing has refused.
    pub(crate) fn of_failure(error: &Error) -> Self {
        match (error.certainty(), error.kind()) {
            (Certainty::NotSent, ErrorKind::Suppressed) => Self::Suppressed,
            (Certainty::NotSent, _) => Self::Refused,
            (Certainty::Unknown, _) => Self::Unknown,
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

/// Where a delivery stands.
///
/// In order of weight and not of the alphabet: of several events the heaviest
/// decides, whatever their order. `Unknown` outweighs `Refused`, since a refused
/// second attempt does not prove that the first was not taken; a bounce
/// outweighs `Delivered`, since mailboxes accept first and bounce later.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Status {
    /// We took it.
    Queued,
    /// An attempt is under way.
    Sending,
    /// Nobody took it.
    Refused,
    /// It was withdrawn.
    Cancelled,
    /// The recipient must not be written to.
    Suppressed,
    /// Its time passed before it was sent.
    Expired,
    /// We gave up; it is kept as a dead letter.
    Dead,
    /// We cannot know whether the vendor took it.
    Unknown,
    /// The vendor took it.
    Accepted,
    /// The vendor tries again later.
    Deferred,
    /// It arrived.
    Delivered,
    /// The vendor gave up.
    Failed,
    /// It came back.
    Bounced,
    /// The reader called it spam.
    Complained,
}

impl Status {
    /// The status of recipient `index` by these events: those of the newest
    /// generation count, in any order and however often.
    pub fn of<'a>(index: u32, events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mine = events.into_iter().filter(|event| event.recipient.is_none_or(|r| r == index));
        let weighed = mine.map(|event| (event.generation, event.kind.status().unwrap_or(Self::Queued)));
        weighed.max().map_or(Self::Queued, |(_, status)| status)
    }

    /// Its word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Refused => "refused",
            Self::Cancelled => "cancelled",
            Self::Suppressed => "suppressed",
            Self::Expired => "expired",
            Self::Dead => "dead",
            Self::Unknown => "unknown",
            Self::Accepted => "accepted",
            Self::Deferred => "deferred",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
            Self::Bounced => "bounced",
            Self::Complained => "complained",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What to do when we cannot know whether the vendor took a message.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum OnUnknown {
    /// Leave it at that; the default of `send`.
    #[default]
    GiveUp,
    /// Wait for a person to decide. Inline this is as `GiveUp`.
    Hold,
    /// Ask the same provider instance again; the recipient may get two copies. The default of `enqueue`.
    Retry,
}

impl OnUnknown {
    /// Its word in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GiveUp => "give_up",
            Self::Hold => "hold",
            Self::Retry => "retry",
        }
    }

    /// The policy of this word.
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::GiveUp, Self::Hold, Self::Retry].into_iter().find(|policy| policy.as_str() == word)
    }
}

/// One thing that happened, to one recipient or to all of a message.
#[derive(Clone, Debug, Eq, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Event {
    /// The message.
    pub message: MessageId,
    /// The recipient's index; `None` is all of them.
    pub recipient: Option<u32>,
    /// Counts replays, from zero.
    pub generation: u32,
    /// Counts attempts, from one; zero is before the first.
    pub attempt: u32,
    /// What happened.
    pub kind: EventKind,
    /// When.
    pub at: Timestamp,
    /// The provider instance.
    pub provider: Option<Arc<str>>,
    /// The vendor's id of the message.
    pub vendor_id: Option<Arc<str>>,
    /// The vendor's code.
    pub code: Option<Arc<str>>,
    /// Why, in words.
    pub text: Option<Arc<str>>,
    /// How long the attempt took.
    pub latency: Option<Duration>,
    /// The vendor's own id of this event, where it has one; the record's, if a person's act is told of.
    pub source: Option<Arc<str>>,
}

impl Event {
    /// An event of this kind, without details.
    pub fn new(message: MessageId, kind: EventKind, at: Timestamp) -> Self {
        Self {
            message,
            recipient: None,
            generation: 0,
            attempt: 0,
            kind,
            at,
            provider: None,
            vendor_id: None,
            code: None,
            text: None,
            latency: None,
            source: None,
        }
    }

    /// The delivery that it is about, if it is about one.
    pub fn delivery(&self) -> Option<DeliveryId> {
        self.recipient.map(|recipient| DeliveryId { message: self.message, recipient })
    }

    /// Notes what `error` says.
    #[must_use]
    pub fn with_error(mut self, error: &Error) -> Self {
        self.code = error.code().map(Into::into);
        self.text = Some(format!("{}: {}", error.kind(), error.message()).into());
        self
    }

    /// Notes what the vendor charged. It stands in the text (`cost: 0.0075 USD`), which what is
    /// no failure does not use otherwise.
    #[must_use]
    pub fn with_cost(mut self, cost: Money) -> Self {
        self.text = Some(cost_text(cost));
        self
    }

    /// What the vendor charged, if the event tells it.
    pub fn cost(&self) -> Option<Money> {
        self.text.as_deref()?.strip_prefix(COST)?.parse().ok()
    }

    /// What makes it the same event as another: the vendor's id of it, or what
    /// happened to whom at which attempt.
    pub fn id(&self) -> EventId<'_> {
        match &self.source {
            Some(source) => {
                EventId::Vendor { provider: self.provider.as_deref(), source, recipient: self.recipient }
            }
            None => EventId::Local {
                generation: self.generation,
                attempt: self.attempt,
                recipient: self.recipient,
                kind: &self.kind,
                text: self.text.as_deref().filter(|_| self.is_told_by_text()),
            },
        }
    }

    /// Several options may be skipped at one attempt, and several workers lost.
    fn is_told_by_text(&self) -> bool {
        matches!(self.kind, EventKind::OptionSkipped | EventKind::Recovered)
    }
}

/// How an event's text tells a cost; [`Event::cost`] reads it.
pub(crate) fn cost_text(cost: Money) -> Arc<str> {
    format!("{COST}{cost}").into()
}

/// Identifies an event within its message; equal ids are the same event.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum EventId<'a> {
    /// One that we noted.
    #[non_exhaustive]
    Local {
        /// Counts replays.
        generation: u32,
        /// Counts attempts.
        attempt: u32,
        /// The recipient's index.
        recipient: Option<u32>,
        /// What happened.
        kind: &'a EventKind,
        /// Tells skipped options apart, and workers that were lost one after the other.
        text: Option<&'a str>,
    },
    /// One that a vendor told us, or that an act left.
    #[non_exhaustive]
    Vendor {
        /// The provider instance.
        provider: Option<&'a str>,
        /// The vendor's id of it, or the act's.
        source: &'a str,
        /// The recipient's index.
        recipient: Option<u32>,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(generation: u32, kind: EventKind) -> Event {
        let id = MessageId::from_uuid(uuid::Uuid::nil());
        Event { recipient: Some(0), generation, ..Event::new(id, kind, Timestamp::default()) }
    }

    #[test]
    fn the_fold_commutes_and_is_idempotent() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..2_000 {
            let kinds = EventKind::KNOWN;
            let mut events: Vec<Event> = (0..random.usize(1..8))
                .map(|_| event(random.u32(0..3), kinds[random.usize(0..kinds.len())].clone()))
                .collect();
            let status = Status::of(0, &events);
            random.shuffle(&mut events);
            assert_eq!(Status::of(0, &events), status, "order");
            events.push(events[random.usize(0..events.len())].clone());
            assert_eq!(Status::of(0, &events), status, "duplicates");
        }
    }

    #[test]
    fn a_replay_starts_anew() {
        let events = [event(0, EventKind::Bounced), event(1, EventKind::Queued)];
        assert_eq!(Status::of(0, &events), Status::Queued);
    }

    #[test]
    fn a_cost_is_kept_and_other_texts_are_none() {
        let cost = "0.0075 USD".parse().expect("valid");
        assert_eq!(event(0, EventKind::Accepted).with_cost(cost).cost(), Some(cost));
        let error = Error::new(ErrorKind::Refused, "cost: 1 USD");
        assert_eq!(event(0, EventKind::Refused).with_error(&error).cost(), None);
    }

    #[test]
    fn other_recipients_do_not_count() {
        let other = Event { recipient: Some(1), ..event(0, EventKind::Bounced) };
        let all = Event { recipient: None, ..event(0, EventKind::Started) };
        assert_eq!(Status::of(0, [&other, &all]), Status::Sending);
    }

    #[test]
    fn unknown_kinds_survive() {
        let kind: EventKind = serde_json::from_str("\"teleported\"").expect("a word");
        assert_eq!(kind, EventKind::Other("teleported".into()));
        for kind in EventKind::KNOWN {
            assert_eq!(EventKind::from(kind.as_str()), *kind);
        }
    }
}
