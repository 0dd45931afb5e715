//! Where it is written down what was sent, to whom, and what became of it.

use std::{collections::BTreeMap, fmt, sync::Arc};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::{
    error::Result,
    event::{Event, Status},
    id::{DeliveryId, MessageId, TenantId},
    message::Channel,
    time::Timestamp,
};

mod memory;

pub use memory::MemoryStore;

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

/// A message as the store knows it: its record and where each delivery stands.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Tracked {
    /// The record.
    pub record: Record,
    /// The status of each delivery, in the order of the recipients.
    pub deliveries: Vec<Status>,
}

impl Tracked {
    /// A record with the status that `events` fold to.
    pub fn fold(record: Record, events: &[Event]) -> Self {
        // Recipients are counted by u32 in every delivery id.
        let indices = 0..u32::try_from(record.recipients.len()).unwrap_or(u32::MAX);
        let deliveries = indices.map(|index| Status::of(index, events)).collect();
        Self { record, deliveries }
    }
}

/// The store of messages and of what happened to them.
///
/// # Contract
/// - Every method sees and touches the rows of one tenant only.
/// - Nothing that was recorded changes; events are appended, and an event whose
///   [`id`](Event::id) is there already is not stored again.
/// - Slices in, vectors out: one call is one transaction.
#[async_trait]
pub trait Messages: fmt::Debug + Send + Sync + 'static {
    /// Records messages, each with its first events.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()>;

    /// Appends events. Those of messages that are not (or no longer) there are skipped.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()>;

    /// The message of this id.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>>;

    /// All that happened to a message, in the order of time.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>>;

    /// The newest messages, newest first, up to `limit`, older than `before` if that is given.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn list(&self, tenant: &TenantId, before: Option<MessageId>, limit: usize) -> Result<Vec<Tracked>>;

    /// The delivery that `provider` accepted under `vendor_id`; where the id stands for
    /// several, that to `recipient`. With the tenant, since vendors know none.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>>;

    /// The tenant of a message. Across tenants, since vendors know none.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>>;
}
