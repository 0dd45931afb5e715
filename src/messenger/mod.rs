//! The facade: one messenger, five channels.

use std::{fmt, sync::Arc, time::Duration};

use futures_core::Stream;

use crate::{
    address::{EmailAddress, WebUrl},
    context::CallContext,
    error::{Error, Result},
    event::{Event, Status},
    id::{DeliveryId, MessageId, MessageIds, TenantId},
    message::{AnyMessage, on_any},
    policy::UnsubscribeLinks,
    providers::preview::Preview,
    storage::{BlobStore, Messages, SuppressionStore, Tracked},
    webhook::{Inbound, RawRequest, Webhook},
};

mod audience;
mod builder;
mod channels;
mod check;
mod defaults;
mod dispatch;
mod draft;
mod enqueue;
mod explain;
mod flight;
mod follow;
mod line;
mod options;
mod prepared;
mod queue;
mod request;
mod sent;
mod whatsapp_window;

pub use builder::{IntoProvider, MessengerBuilder};
pub use check::Checkup;
pub use defaults::Defaults;
pub use draft::Draft;
pub use enqueue::{EnqueueManyRequest, EnqueueRequest, EnqueueStreamRequest, StreamReport};
pub use explain::{Explanation, ProviderVerdict};
pub(crate) use line::{Ended, Line, Ready};
pub use prepared::Prepared;
pub use request::{BatchRequest, SendRequest};
pub use sent::Sent;
pub use whatsapp_window::WhatsAppWindow;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub(crate) use options::{option_methods, queue_option_methods};

use channels::{Channels, Law, Stack};
use defaults::DefaultsTable;
use options::Options;

/// Sends messages on all channels, and says afterwards what became of them.
///
/// Cheap to clone; several may live in one process, and one outlives the
/// runtime that it was first used on.
///
/// ```
/// use tidings::{Defaults, Email, Messenger, providers::preview::Preview};
///
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let messenger = Messenger::builder()
///     .email(Preview::silent())
///     .defaults(Defaults::new().email("Shop <shop@example.org>"))
///     .build()?;
/// let email = Email::builder().to("ada@example.org").subject("Hello").text("It works.").build()?;
/// let sent = messenger.send(email).await?;
/// assert_eq!(messenger.statuses(sent.id).await?, [tidings::Status::Accepted]);
/// # Ok::<(), tidings::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Messenger {
    inner: Arc<Inner>,
    tenant: TenantId,
}

struct Inner {
    channels: Channels,
    /// The same without layers.
    bare: Channels,
    stack: Stack,
    defaults: DefaultsTable,
    law: Law,
    messages: Arc<dyn Messages>,
    blobs: Arc<dyn BlobStore>,
    /// True if the blobs are not in the store of the messages.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    blobs_apart: bool,
    suppressions: Arc<dyn SuppressionStore>,
    /// True if the suppressions are not in the store of the messages.
    list_apart: bool,
    cx: CallContext,
    ids: MessageIds,
    total: Duration,
    window: Option<WhatsAppWindow>,
    preview: Option<Preview>,
}

impl Messenger {
    /// Starts a messenger.
    pub fn builder() -> MessengerBuilder {
        MessengerBuilder::default()
    }

    /// A messenger that delivers nothing: it prints a card for every message
    /// and keeps the last 1,000 in a [`tray`](Self::tray).
    pub fn preview() -> Self {
        MessengerBuilder::of_preview(Preview::new())
    }

    /// What [`preview`](Self::preview) caught; `None` for other messengers.
    pub fn tray(&self) -> Option<&Preview> {
        self.inner.preview.as_ref()
    }

    /// The same messenger on behalf of a tenant.
    ///
    /// # Errors
    /// If `tenant` is no tenant id.
    pub fn tenant<T: TryInto<TenantId, Error: Into<Error>>>(&self, tenant: T) -> Result<Self> {
        let tenant = tenant.try_into().map_err(Into::into)?;
        Ok(Self { inner: Arc::clone(&self.inner), tenant })
    }

    /// On whose behalf it sends.
    pub fn tenant_id(&self) -> &TenantId {
        &self.tenant
    }

    /// Sends a message now: set options on what this returns, then await it.
    ///
    /// `Ok` if at least one recipient was accepted; each one's outcome is in [`Sent`].
    pub fn send(&self, message: impl Into<AnyMessage>) -> SendRequest {
        SendRequest { messenger: self.clone(), message: message.into(), options: Options::default() }
    }

    /// Sends several messages now, by the vendors' batch calls where there are
    /// such. Awaited, it gives one answer for each message, in their order.
    pub fn send_batch<I: IntoIterator<Item: Into<AnyMessage>>>(&self, messages: I) -> BatchRequest {
        let messages = messages.into_iter().map(Into::into).collect();
        BatchRequest { messenger: self.clone(), messages, options: Options::default() }
    }

    /// Makes a message durable, to be sent by a worker now or at its time: set options on what
    /// this returns, then await it. Once it answers `Ok` the message reaches a final state.
    ///
    /// What would fail for good at delivery fails here: a wrong field, a feature that no vendor
    /// of the channel has, a recipient on the suppression list.
    pub fn enqueue(&self, message: impl Into<Draft>) -> EnqueueRequest {
        let Draft { message, options } = message.into();
        EnqueueRequest { messenger: self.clone(), message, options }
    }

    /// Makes several messages durable in one transaction. Awaited, it gives one answer for each,
    /// in their order; one that is refused does not keep the others back.
    pub fn enqueue_many<I: IntoIterator<Item: Into<Draft>>>(&self, messages: I) -> EnqueueManyRequest {
        let drafts = messages.into_iter().map(Into::into).collect();
        EnqueueManyRequest { messenger: self.clone(), drafts }
    }

    /// Makes a stream of messages durable, batch by batch, without holding more than a batch in memory.
    pub fn enqueue_stream<S>(&self, messages: S) -> EnqueueStreamRequest<S>
    where
        S: Stream<Item: Into<Draft>>,
    {
        EnqueueStreamRequest::new(self.clone(), messages)
    }

    /// Admits a message without sending or enqueueing it: defaults are filled in, everything is
    /// checked that can be without I/O.
    ///
    /// # Errors
    /// Those of [`enqueue`](Self::enqueue) that come before any I/O.
    pub fn prepare(&self, message: impl Into<Draft>) -> Result<Prepared> {
        prepared::prepare(self, message.into())
    }

    /// What is known of a message; `None` if it was never sent here or is forgotten.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn tracked(&self, id: MessageId) -> Result<Option<Tracked>> {
        self.inner.messages.tracked(&self.tenant, id).await
    }

    /// Where each delivery of a message stands, in the order of its recipients;
    /// empty if the message is not known.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn statuses(&self, id: MessageId) -> Result<Vec<Status>> {
        Ok(self.tracked(id).await?.map(|tracked| tracked.deliveries).unwrap_or_default())
    }

    /// Where one delivery stands; `None` if it is not known.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn status(&self, delivery: DeliveryId) -> Result<Option<Status>> {
        Ok(self.statuses(delivery.message).await?.get(delivery.recipient as usize).copied())
    }

    /// All that happened to a message: every attempt with provider, latency,
    /// code and text, and what vendors told afterwards.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn timeline(&self, id: MessageId) -> Result<Vec<Event>> {
        self.inner.messages.timeline(&self.tenant, id).await
    }

    /// Walks the path of [`send`](Self::send) without sending or recording.
    ///
    /// # Errors
    /// Those that come before a provider is chosen.
    pub async fn explain(&self, message: impl Into<AnyMessage>) -> Result<Explanation> {
        on_any!(message.into(), message => explain::explain(self, message).await)
    }

    /// The link by which one person leaves one list, for the data of a template; the list is the category by which the
    /// mail is sent.
    ///
    /// # Errors
    /// If [`MessengerBuilder::unsubscribe`] configured no links.
    pub fn unsubscribe_link(&self, recipient: &EmailAddress, list: &str) -> Result<WebUrl> {
        self.unsubscribe_links()?.link(&self.tenant, recipient, list)
    }

    /// What makes and reads these links.
    ///
    /// # Errors
    /// If [`MessengerBuilder::unsubscribe`] configured none.
    pub fn unsubscribe_links(&self) -> Result<&UnsubscribeLinks> {
        let links = self.inner.law.links.as_ref();
        links.ok_or_else(|| {
            Error::config("there are no unsubscribe links; configure `MessengerBuilder::unsubscribe`")
        })
    }

    /// Asks every vendor at once for a harmless sign of life, each for at most ten seconds. Providers
    /// that a [source](crate::ProviderSource) names are not known before a message is sent, and not asked.
    ///
    /// ```
    /// use tidings::{Health, Messenger};
    ///
    /// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
    /// for checkup in Messenger::preview().check().await {
    ///     println!("{}: {:?}", checkup.provider, checkup.health);
    ///     assert!(checkup.health.is_ok());
    /// }
    /// # });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub async fn check(&self) -> Vec<Checkup> {
        check::check(&self.inner).await
    }

    /// Takes a vendor's call: verifies it, reads it, and appends what it says
    /// to the timelines of the deliveries it is about, whatever their tenant. With a [`WhatsAppWindow`] it
    /// is remembered, for this messenger's tenant, when people wrote.
    ///
    /// # Errors
    /// Of kind `auth` if the vendor did not make the call; then nothing happened.
    pub async fn receive(&self, webhook: &dyn Webhook, request: &RawRequest) -> Result<Vec<Inbound>> {
        follow::receive(&self.inner, &self.tenant, webhook, request).await
    }
}

impl fmt::Debug for Messenger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { channels, .. } = &*self.inner;
        f.debug_struct("Messenger")
            .field("tenant", &self.tenant)
            .field("channels", channels)
            .finish_non_exhaustive()
    }
}
