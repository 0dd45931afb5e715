//! What is kept of a message for ever: who, what kind, under which names.

use std::{collections::BTreeMap, fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use super::Place;
use crate::{
    event::{Event, EventKind, Status},
    id::{MessageId, TenantId},
    message::Channel,
    time::Timestamp,
};

/// The record of one message, without its body.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Record {
    /// The message.
    pub id: MessageId,
    /// On whose behalf it was sent.
    pub tenant: TenantId,
    /// The channel.
    pub channel: Channel,
    /// When it was taken.
    pub at: Timestamp,
    /// Its recipients, in the order of their indices.
    pub recipients: Vec<RecipientText>,
    /// The idempotency key, if the caller gave one.
    pub key: Option<Arc<str>>,
    /// What kind of message it is, in the caller's words.
    pub category: Option<Arc<str>>,
    /// The caller's tags.
    pub tags: Vec<Arc<str>>,
    /// The caller's data.
    pub metadata: BTreeMap<Arc<str>, Arc<str>>,
    /// The caller's own name of what it is about, such as an order number.
    pub external_ref: Option<Arc<str>>,
}

/// A recipient's address in a record; Debug masks it.
#[derive(Clone, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecipientText(pub Arc<str>);

impl fmt::Debug for RecipientText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::address::masked(&self.0))
    }
}

impl Record {
    /// A record without the caller's options.
    pub fn new(
        id: MessageId,
        tenant: TenantId,
        channel: Channel,
        at: Timestamp,
        recipients: Vec<RecipientText>,
    ) -> Self {
        Self {
            id,
            tenant,
            channel,
            at,
            recipients,
            key: None,
            category: None,
            tags: Vec::new(),
            metadata: BTreeMap::new(),
            external_ref: None,
        }
    }

    /// The index of the recipient with this address.
    pub fn index_of(&self, address: &str) -> Option<u32> {
        let position = self.recipients.iter().position(|known| known.0.eq_ignore_ascii_case(address))?;
        u32::try_from(position).ok()
    }
}

impl Record {
    /// What an enqueued message's timeline begins with. Stores make it from the record
    /// instead of writing a row for it.
    pub fn queued_event(&self) -> Event {
        Event::new(self.id, EventKind::Queued, self.at)
    }
}

/// A message as the store knows it: its record, where each delivery stands, and its place in the queue.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tracked {
    /// The record.
    pub record: Record,
    /// The status of each delivery, in the order of the recipients.
    pub deliveries: Vec<Status>,
    /// Its place in the queue; `None` if it is in a final state other than dead, or never was enqueued.
    pub place: Option<Place>,
}

impl Tracked {
    /// A record with the status that `events` fold to.
    pub fn fold(record: Record, events: &[Event]) -> Self {
        // Recipients are counted by u32 in every delivery id.
        let indices = 0..u32::try_from(record.recipients.len()).unwrap_or(u32::MAX);
        let deliveries = indices.map(|index| Status::of(index, events)).collect();
        Self { record, deliveries, place: None }
    }

    /// The same with its place in the queue.
    #[must_use]
    pub fn at_place(mut self, place: Option<Place>) -> Self {
        self.place = place;
        self
    }
}
