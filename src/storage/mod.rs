//! Where it is written down what was sent, to whom, what waits to be sent, and what became of it.
//!
//! [`Messages`] is the one part that must be atomic: each write stores state and events in one
//! transaction. [`BlobStore`] keeps attachments, [`SuppressionStore`] who must not be written to,
//! [`SharedLimits`] the counters of limits that several workers share. [`Store`] is all four. [`Documents`] keeps
//! small documents of the rooms that are built on these.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;
use uuid::Uuid;

use crate::{
    error::{Error, ErrorKind, Result},
    event::Event,
    id::{DeliveryId, Fingerprint, MessageId, TenantId},
    message::Channel,
    time::Timestamp,
};

mod documents;
mod forward;
mod memory;
mod outbox;
mod places;
#[cfg(feature = "postgres")]
mod postgres;
mod query;
mod record;
mod recovery;
mod shared;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(feature = "sqlite")]
pub(crate) mod sqlite;

pub use documents::{Document, Documents, Expected};
pub use memory::MemoryStore;
pub use outbox::{
    Cancelled, Claim, Claimed, Enqueued, Entry, Lane, Lease, Leased, Next, Pause, Place, QueueState, Scope,
    Settlement, Terms,
};
#[cfg(feature = "postgres")]
pub use postgres::{PostgresOptions, PostgresStore};
pub use query::{Act, ActRecord, Depth, Filter, Page, QueueStats, Retention};
pub use record::{RecipientText, Record, Tracked};
pub use recovery::{Lost, Recovery};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::{Dialect, DialectKind, Migration, Param, Statement, TimeSource};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use sql::{enqueueing, known};
#[cfg(feature = "sqlite")]
pub use sqlite::{SqliteOptions, SqliteStore};

/// The store of messages, of the queue they wait in, and of what happened to them.
///
/// # Contract
/// - **One transaction a call.** Slices in, vectors out; state and events are stored together or
///   not at all. A call that answered is durable.
/// - **Tenants.** A method with a tenant sees and touches the rows of that one only; those that
///   cross tenants take a [`Scope`].
/// - **Append only.** Nothing that was recorded changes; an event whose [`id`](Event::id) the
///   message has already is not stored again.
/// - **The store's clock judges** what is due, and which lease is over; no caller's clock does.
/// - **One lease.** At most one valid lease is on a message at any time, each claim gives fresh
///   tokens, and every write that names a lease the message does not have answers `lease_lost`
///   and changes nothing. A lease that is over, but that nobody took or recovered, still settles and
///   may still be renewed.
/// - **Claim is not start.** A claim counts nothing. [`start`](Self::start) counts an attempt durably.
/// - **The mark.** Starts of policy `retry` are not written down one by one; instead each token has a mark: so
///   many of its messages, in the order in which the claim answered them, may have begun. The claimer
///   [says](Claim::begin) how many may at first, and moves the mark by [`begin`](Self::begin); it never goes
///   back, and a message's place does not change when others of its token are settled.
/// - **Recovery.** A message whose lease is over is claimable again by any claim. If it was started, or
///   could have been (its policy for unknown outcomes is `retry`, and the mark has passed it),
///   that is a loss: counted, with a `recovered` event of attempt `attempts + 1` (`attempts` if it was
///   started durably), one for each loss. After the second loss it is a [suspect](QueueState::Suspect), after the third
///   it is dead, with a `dead` event. Otherwise it returns unharmed. If it was started and its
///   policy is `hold` it is held, with a `held` event; if the policy is `give_up` it is done, with an
///   `unknown` event. A claim recovers within its scope, whatever its lanes are; if many leases are
///   over it may recover a part of them.
/// - **Wishes to cancel** of a message that a worker has are kept: whatever would let it wait again (any
///   settlement but `Done` and `Dead`, or recovery) lets it leave the queue with a `cancelled` event instead.
/// - **Events of the store's own** are of the message's generation, of no recipient, and at the store's clock.
///   Those of recovery have its attempt, `queued` of a replay none, the others the attempts so far. Those that an act
///   leaves are what [`ActRecord::event`] makes.
/// - **Order.** Of messages with one tenant and ordering key at most one is leased at any time, and
///   none while one with a smaller id is in the queue, unless that is dead or held.
/// - **Replay** keeps who is [left](Settlement::left): recipients that have the message do not get it
///   again. It makes the message due now and [`since`](Leased::since) now.
/// - **Keys.** Among enqueued messages of one tenant and channel an idempotency key is unique, also
///   between callers at the same moment; it is kept while its message is, at least 24 hours.
///
/// - **Suppression.** [`Leased::unsuppressed`] may only be said of messages that were enqueued
///   [`unless_suppressed`](Entry::unless_suppressed), none of whose recipients was on the store's own list when the claim
///   was asked for. A store can know that without a look at each: nobody was added since the enqueue looked.
///
/// `storage_conformance!` (feature `testing`) holds a store to this, one named test a rule.
///
/// # Errors
/// Of kind `storage` where nothing else is said.
#[async_trait]
pub trait Messages: fmt::Debug + Send + Sync + 'static {
    // ---- the write half

    /// Records messages that are sent at once, each with its first events.
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()>;

    /// Makes messages durable, to be claimed when they are due. One answer for each, in order: the
    /// new message, or the first of the same key. An id that is there already is that message: a
    /// call may be repeated whose answer was lost.
    ///
    /// # Errors
    /// Each entry's own: `conflict`, naming the first message, if its key is there with another fingerprint;
    /// before that `suppressed`, of its first recipient, if it is to be [refused](Entry::unless_suppressed) since
    /// the store's own [`SuppressionStore`] has all its recipients.
    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>>;

    /// Leases messages that are due, and recovers those whose lease is over. Nothing is leased
    /// that is paused, or whose payload is newer than the claimer reads. What a paused tenant has
    /// waiting may be found [`Paused`](QueueState::Paused) from then on, or stay as it is.
    async fn claim(&self, claim: &Claim) -> Result<Claimed>;

    /// Counts the start of an attempt of each, durably and at every call; answers the attempt's number.
    ///
    /// # Errors
    /// Each lease's own: `lease_lost`, also if it is over.
    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>>;

    /// Moves the mark: lets begin all messages of this token, up to and with this one, in the order in which
    /// their claim answered them. One small write, however many they are.
    ///
    /// # Errors
    /// `lease_lost`, also if the lease is over.
    async fn begin(&self, last: &Lease) -> Result<()>;

    /// Lets leases hold for `lease` from now.
    ///
    /// # Errors
    /// Each lease's own: `lease_lost`.
    async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Result<()>>>;

    /// Ends leases, with what happened.
    ///
    /// # Errors
    /// Each settlement's own: `lease_lost`; its events are not stored then.
    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>>;

    /// Withdraws messages that wait, are held, paused or dead. One answer for each.
    async fn cancel(&self, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>>;

    /// Appends events. Those of messages that are not (or no longer) there are skipped.
    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()>;

    /// Does the same to all messages that match, in parts if there are many, and leaves a record with a counter.
    /// A filter's `state` is narrowed to the states that the act [works on](Act::works_on).
    async fn act(
        &self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
    ) -> Result<ActRecord>;

    /// Stops claims of what is named, on all workers, until it is resumed. To pause twice is to pause once.
    async fn pause(&self, pause: &Pause) -> Result<()>;

    /// Lets claims go on; what waited for it is ready again.
    async fn resume(&self, pause: &Pause) -> Result<()>;

    /// Deletes what is older than it must be kept, oldest first by when it was taken; answers how many
    /// messages. To be called until it answers less than the limit. Files that no message needs go as
    /// well, a day after they were put.
    async fn prune(&self, retention: &Retention) -> Result<u64>;

    // ---- the read half

    /// The message of this id.
    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>>;

    /// All that happened to a message, in the order of time; that of an enqueued one begins with
    /// [`queued`](Record::queued_event).
    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>>;

    /// The messages that match, newest first.
    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>>;

    /// Numbers about the queue.
    async fn stats(&self, scope: &Scope) -> Result<QueueStats>;

    /// The records of acts, newest first, at most `limit`.
    async fn acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>>;

    /// What is paused.
    async fn pauses(&self) -> Result<Vec<Pause>>;

    /// The delivery that `provider` accepted under `vendor_id`; if a recipient is given, that
    /// to this one. With the tenant, since vendors know none.
    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>>;

    /// The tenant of a message. Across tenants, since vendors know none.
    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>>;

    /// The tables that it writes to, for those who write into them in transactions of their own;
    /// `None` if it has none.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    fn dialect(&self) -> Option<Dialect> {
        None
    }

    // ---- between workers

    /// Tells waiting workers that there may be work. A hint: polling stays the truth.
    async fn wake(&self) -> Result<()>;

    /// Ends when there may be work that was not there at the call; never, if the store cannot tell.
    /// To miss nothing call it (and poll it once) before a claim, and await it after.
    async fn woken(&self) {
        std::future::pending().await
    }
}

/// Keeps attachments, once for equal content.
///
/// # Contract
/// - What was put is there until it is removed; to put it twice is to put it once.
/// - What is put before its message was enqueued must survive at least a day without one.
#[async_trait]
pub trait BlobStore: fmt::Debug + Send + Sync + 'static {
    /// Keeps these bytes, whose hash is `hash`.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()>;

    /// The bytes of this hash; `None` if they are not there.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>>;
}

/// Who must not be written to, and why.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Suppression {
    /// On which channel; `None` is all of them.
    pub channel: Option<Channel>,
    /// The address, as [`Recipient::as_str`](crate::message::Recipient::as_str) gives it.
    pub address: RecipientText,
    /// Why: `bounced`, `complained`, `unsubscribed`, or your own words.
    pub reason: Arc<str>,
    /// Since when.
    pub at: Timestamp,
}

impl Suppression {
    /// Nothing is sent to `address` on `channel`, for this reason.
    pub fn new(
        channel: Option<Channel>,
        address: impl Into<Arc<str>>,
        reason: impl Into<Arc<str>>,
        at: Timestamp,
    ) -> Self {
        Self { channel, address: RecipientText(address.into()), reason: reason.into(), at }
    }

    /// Refuses a message all of whose recipients are suppressed; `found` is what the list has of each.
    ///
    /// # Errors
    /// The [`refusal`](Self::refusal) of the first.
    pub fn admit(found: &[Option<Self>]) -> Result<()> {
        match found.first() {
            Some(Some(first)) if found.iter().all(Option::is_some) => Err(first.refusal()),
            _ => Ok(()),
        }
    }

    /// What a message to this recipient is refused with.
    pub fn refusal(&self) -> Error {
        let text = format!("the recipient is on the suppression list: {}", self.reason);
        Error::new(ErrorKind::Suppressed, text)
    }
}

/// Keeps who must not be written to. Addresses are compared without regard to ASCII case.
#[async_trait]
pub trait SuppressionStore: fmt::Debug + Send + Sync + 'static {
    /// Adds a suppression, in place of one of the same channel and address.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()>;

    /// Removes a suppression; false if there was none.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool>;

    /// The suppression of each address on this channel, in their order.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>>;
}

/// One limit that a call counts against.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RateAsk {
    /// What is counted together.
    pub key: Arc<str>,
    /// How many places are asked for.
    pub permits: u32,
    /// At most so many places in any period of this length, wherever it begins.
    pub windows: Vec<(u32, Duration)>,
}

impl RateAsk {
    /// Asks for `permits` places.
    pub fn new(key: impl Into<Arc<str>>, permits: u32, windows: Vec<(u32, Duration)>) -> Self {
        Self { key: key.into(), permits, windows }
    }
}

/// Counters of rate limits that several processes share.
#[async_trait]
pub trait SharedLimits: fmt::Debug + Send + Sync + 'static {
    /// Takes the places of all asks, or none and answers how long to wait, by the store's clock.
    /// No window ever holds more than its limit, whoever asks at the same moment. Asks of one key
    /// and period count in one window, also if their limits differ.
    ///
    /// # Errors
    /// Of kind `storage`; `config` if more places are asked for than a window has.
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>>;
}

/// All that a messenger keeps.
pub trait Store: Messages + BlobStore + SuppressionStore + SharedLimits {}

impl<S: Messages + BlobStore + SuppressionStore + SharedLimits> Store for S {}

/// A new id for the record of an act.
pub(crate) fn act_id(now: Timestamp) -> Uuid {
    MessageId::new(now).as_uuid()
}
