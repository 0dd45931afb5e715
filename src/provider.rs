//! The contract between the framework and a vendor.

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;

use crate::{
    address::EmailAddress,
    error::{Certainty, Error, Result},
    event::{Event, EventKind},
    id::{DeliveryId, MessageId, TenantId},
    message::{Chat, Email, Features, Message, Money, Push, Sms, WhatsApp},
};

pub use crate::{context::CallContext, event::OnUnknown};

/// A vendor, whatever its channels.
///
/// # Contract
/// - [`name`](Self::name) is that of this instance (`sendgrid-eu`), not empty, and never changes.
/// - `Debug` shows no secret.
#[async_trait]
pub trait Vendor: fmt::Debug + Send + Sync + 'static {
    /// The name of this instance.
    fn name(&self) -> &str;

    /// Asks the vendor for a harmless sign of life.
    ///
    /// # Errors
    /// As for sending: wrong credentials are `auth`, and so on.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let _ = cx;
        Ok(Health::Unchecked)
    }
}

/// What a vendor's self-test said.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Health {
    /// The vendor answered and took our credentials.
    Good,
    /// There is no harmless way to ask.
    Unchecked,
}

/// A vendor as the sender of one channel's messages.
///
/// # Contract
/// - **Outcome per recipient.** A receipt has one outcome for each recipient of
///   the message, in order. `Err` speaks for all of them.
/// - **Certainty.** An error says `NotSent` only if the vendor cannot have
///   taken the message. When in doubt it says `Unknown`.
/// - **Classification.** A passing reason is `Backoff` or `After`; bad
///   recipients and messages are `Never` and of a kind that says so.
/// - **Refuse, never drop.** What the message needs and the vendor has not is
///   `unsupported`, naming the field. An option addressed to this vendor that it
///   does not know, or whose value it cannot use, is `invalid_message`, not sent
///   and final; options addressed to other vendors are left alone.
/// - **No waiting, no repeating.** Retries, limits and time-outs are layers.
/// - **Batches** answer with as many results as items, in the same order.
/// - **Capabilities** never change and are cheap to ask for.
/// - **Cancellation.** The future may be dropped at any time.
///
/// `provider_conformance!` (feature `testing`) holds a provider to this, one named test a rule.
#[async_trait]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not send this channel's messages",
    label = "implement `Provider<{M}>` for it"
)]
pub trait Provider<M: Message>: Vendor {
    /// What it can do.
    fn capabilities(&self) -> Capabilities;

    /// Hands over one message.
    ///
    /// # Errors
    /// If no recipient was accepted, and all for the same reason.
    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt>;

    /// Hands over several messages; one by one unless the vendor has a call for it.
    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let mut results = Vec::with_capacity(items.len());
        for item in items {
            results.push(self.send(cx, *item).await);
        }
        results
    }

    /// Itself as a route, if it is a provider made of providers, so that
    /// layers can be put around each of those.
    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}

/// A provider made of providers.
pub trait Route<M: Message>: Provider<M> {
    /// The same route with each of its providers replaced by what `wrap` makes of it.
    fn rebuild(&self, wrap: &dyn Fn(Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>>;

    /// Its providers.
    fn providers(&self) -> Vec<Arc<dyn Provider<M>>>;
}

/// Answers which provider sends a message.
///
/// A provider is the source that always answers itself.
#[async_trait]
pub trait ProviderSource<M: Message>: fmt::Debug + Send + Sync + 'static {
    /// The provider for this tenant's message.
    ///
    /// # Errors
    /// `not_configured` if there is none, saying what to configure.
    async fn provider(&self, tenant: &TenantId, message: &M) -> Result<Arc<dyn Provider<M>>>;
}

macro_rules! channel_traits {
    ($($(#[$doc:meta])* $alias:ident = $message:ident, $hint:literal;)*) => {$(
        $(#[$doc])*
        #[diagnostic::on_unimplemented(message = "`{Self}` is no provider of this channel", label = $hint)]
        pub trait $alias: Provider<$message> {}
        impl<P: Provider<$message> + ?Sized> $alias for P {}
    )*};
}

channel_traits! {
    /// A provider of chat messages: the name for bounds and docs of `Provider<Chat>`.
    ChatProvider = Chat, "implement `Provider<Chat>`";
    /// A provider of email: the name for bounds and docs of `Provider<Email>`.
    EmailProvider = Email, "implement `Provider<Email>`";
    /// A provider of push messages: the name for bounds and docs of `Provider<Push>`.
    PushProvider = Push, "implement `Provider<Push>`";
    /// A provider of text messages: the name for bounds and docs of `Provider<Sms>`.
    SmsProvider = Sms, "implement `Provider<Sms>`";
    /// A provider of WhatsApp messages: the name for bounds and docs of `Provider<WhatsApp>`.
    WhatsAppProvider = WhatsApp, "implement `Provider<WhatsApp>`";
}

/// What a provider can do.
///
/// ```
/// use tidings::{Capabilities, Features};
///
/// let caps = Capabilities::new("acme", Features::HTML | Features::CC).max_recipients(50);
/// assert_eq!(caps.max_batch, 1);
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Capabilities {
    /// The vendor's bare name, to which message options are addressed.
    pub vendor: &'static str,
    /// The features it offers.
    pub features: Features,
    /// How many messages one call takes; 1 if there is no batch call.
    pub max_batch: usize,
    /// The most octets a message may have.
    pub max_size: Option<usize>,
    /// The most recipients a message may have.
    pub max_recipients: Option<usize>,
    /// For how long the vendor recognises a repeated idempotency key; `None` if it has no such keys.
    pub idempotency: Option<Duration>,
}

impl Capabilities {
    /// These features, no batches, no limits, no idempotency keys.
    pub const fn new(vendor: &'static str, features: Features) -> Self {
        Self { vendor, features, max_batch: 1, max_size: None, max_recipients: None, idempotency: None }
    }

    /// Sets how many messages one call takes.
    #[must_use]
    pub const fn max_batch(mut self, messages: usize) -> Self {
        self.max_batch = messages;
        self
    }

    /// Sets the most octets a message may have.
    #[must_use]
    pub const fn max_size(mut self, octets: usize) -> Self {
        self.max_size = Some(octets);
        self
    }

    /// Sets the most recipients a message may have.
    #[must_use]
    pub const fn max_recipients(mut self, recipients: usize) -> Self {
        self.max_recipients = Some(recipients);
        self
    }

    /// Sets for how long the vendor recognises a repeated idempotency key.
    #[must_use]
    pub const fn idempotency(mut self, window: Duration) -> Self {
        self.idempotency = Some(window);
        self
    }
}

/// A message on its way, with all that goes with it.
#[derive(Debug)]
pub struct Outgoing<'a, M> {
    message: &'a M,
    id: MessageId,
    tenant: &'a TenantId,
    key: &'a str,
    attempt: u32,
    generation: u32,
    on_unknown: OnUnknown,
    recipients: Option<&'a [u32]>,
    trail: Option<&'a Trail>,
    pinned: Option<&'a str>,
    ahead: bool,
}

impl<M> Clone for Outgoing<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

// Derived, it would ask that the message be `Copy`.
impl<M> Copy for Outgoing<'_, M> {}

impl<'a, M: Message> Outgoing<'a, M> {
    /// A first attempt.
    pub fn new(message: &'a M, id: MessageId, tenant: &'a TenantId, key: &'a str) -> Self {
        Self {
            message,
            id,
            tenant,
            key,
            attempt: 1,
            generation: 0,
            on_unknown: OnUnknown::default(),
            recipients: None,
            trail: None,
            pinned: None,
            ahead: false,
        }
    }

    /// The message.
    pub fn message(&self) -> &'a M {
        self.message
    }

    /// Its id.
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// On whose behalf it is sent.
    pub fn tenant(&self) -> &'a TenantId {
        self.tenant
    }

    /// The idempotency key: the same for every attempt.
    pub fn key(&self) -> &'a str {
        self.key
    }

    /// Counts attempts, from one.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Counts replays, from zero.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// What to do if the outcome is unknown.
    pub fn on_unknown(&self) -> OnUnknown {
        self.on_unknown
    }

    /// The only provider instance that may be asked: after an unknown outcome no other may be.
    pub fn pinned(&self) -> Option<&'a str> {
        self.pinned
    }

    /// True if it goes before others that wait for the same limit: it is urgent, or has had its wait.
    pub fn is_ahead(&self) -> bool {
        self.ahead
    }

    /// The delivery of the recipient at `position` in this (perhaps partial) message.
    pub fn delivery(&self, position: usize) -> DeliveryId {
        let known = self.recipients.and_then(|indices| indices.get(position).copied());
        let recipient = known.unwrap_or_else(|| u32::try_from(position).unwrap_or(u32::MAX));
        DeliveryId { message: self.id, recipient }
    }

    /// The same with another policy for unknown outcomes.
    #[must_use]
    pub fn with_on_unknown(mut self, policy: OnUnknown) -> Self {
        self.on_unknown = policy;
        self
    }

    /// The same as a replay.
    #[must_use]
    pub fn with_generation(mut self, generation: u32) -> Self {
        self.generation = generation;
        self
    }

    /// The same for this provider instance only.
    #[must_use]
    pub fn with_pinned(mut self, provider: Option<&'a str>) -> Self {
        self.pinned = provider;
        self
    }

    /// The same going before others that wait for the same limit, or not.
    #[must_use]
    pub fn with_ahead(mut self, ahead: bool) -> Self {
        self.ahead = ahead;
        self
    }

    /// The same, noting its attempts in `trail`.
    #[must_use]
    pub fn with_trail(mut self, trail: &'a Trail) -> Self {
        self.trail = Some(trail);
        self
    }

    /// The same as this attempt, for events that no vendor was asked for.
    #[must_use]
    pub(crate) fn with_attempt(mut self, attempt: u32) -> Self {
        self.attempt = attempt;
        self
    }

    /// The same as the next attempt.
    #[must_use]
    pub fn next_attempt(mut self, local: u32) -> Self {
        self.attempt = self.trail.map_or(local, Trail::next_attempt);
        self
    }

    /// The same for some recipients: `message` is cut to them, `indices` says
    /// which of the whole message they are.
    #[must_use]
    pub fn cut<'b>(self, message: &'b M, indices: &'b [u32]) -> Outgoing<'b, M>
    where
        'a: 'b,
    {
        Outgoing { message, recipients: Some(indices), ..self }
    }

    /// Where its attempts are noted.
    pub fn trail(&self) -> Option<&'a Trail> {
        self.trail
    }

    /// An event about the recipient at `position`.
    pub(crate) fn event(&self, position: usize, kind: EventKind, cx: &CallContext) -> Event {
        let mut event = Event::new(self.id, kind, cx.clock().now());
        event.recipient = Some(self.delivery(position).recipient);
        (event.generation, event.attempt) = (self.generation, self.attempt);
        event
    }
}

impl Outgoing<'_, Email> {
    /// The `Message-ID`: the same for every attempt.
    pub fn message_id(&self) -> String {
        let domain = self.message.from.as_ref().map_or("tidings.invalid", |from| from.address().domain());
        let domain = if domain.is_ascii() { domain } else { "tidings.invalid" };
        let mut buffer = uuid::Uuid::encode_buffer();
        let id = self.id.as_uuid().hyphenated().encode_lower(&mut buffer);
        let mut text = String::with_capacity(id.len() + domain.len() + 8);
        text.extend(["<", id, "."]);
        match self.generation {
            // By far the most, and formatting costs more than all the rest.
            0 => text.push('0'),
            generation => text.push_str(&generation.to_string()),
        }
        text.extend(["@", domain, ">"]);
        text
    }

    /// The address of the recipient at `position`.
    pub fn address(&self, position: usize) -> Option<&EmailAddress> {
        self.message.recipients().nth(position).map(|mailbox| mailbox.address())
    }
}

/// Collects what happens to a message while it is being sent.
#[derive(Debug, Default)]
pub struct Trail {
    attempts: AtomicU32,
    events: Mutex<Vec<Event>>,
}

impl Trail {
    /// A trail with room for as many events.
    pub(crate) fn with_capacity(events: usize) -> Self {
        Self { attempts: AtomicU32::new(0), events: Mutex::new(Vec::with_capacity(events)) }
    }

    /// The same after this many attempts that were made before.
    #[must_use]
    pub(crate) fn after(self, attempts: u32) -> Self {
        self.attempts.store(attempts, Ordering::Relaxed);
        self
    }

    /// As certain as the attempts tell: after an attempt that may have been taken nothing is sure.
    pub(crate) fn certainty(&self) -> Certainty {
        let unsure = self.any(|event| matches!(event.kind, EventKind::Unknown | EventKind::Accepted));
        if unsure { Certainty::Unknown } else { Certainty::NotSent }
    }

    /// Adds an event.
    pub fn note(&self, event: Event) {
        self.lock().push(event);
    }

    /// True if what was collected holds such an event.
    pub fn any(&self, wanted: impl Fn(&Event) -> bool) -> bool {
        self.lock().iter().any(wanted)
    }

    /// Takes what was collected.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.lock())
    }

    fn next_attempt(&self) -> u32 {
        self.attempts.fetch_add(1, Ordering::Relaxed) + 1
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Event>> {
        // A panic while pushing leaves a good list behind.
        self.events.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// What a vendor answered: one outcome per recipient.
#[derive(Debug)]
#[non_exhaustive]
pub struct Receipt {
    /// The outcomes, in the order of the recipients.
    pub outcomes: Vec<Outcome>,
}

/// What became of one recipient.
#[derive(Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// The vendor took it.
    #[non_exhaustive]
    Accepted {
        /// The vendor's id of it.
        vendor_id: Option<Arc<str>>,
        /// The provider instance; filled in by the framework.
        provider: Option<Arc<str>>,
        /// What the vendor says that it charges, where it does.
        cost: Option<Money>,
    },
    /// It certainly was not taken.
    Refused(Error),
    /// It may have been taken.
    Unknown(Error),
}

impl Outcome {
    /// The vendor took it under this id.
    pub fn accepted(vendor_id: Option<Arc<str>>) -> Self {
        Self::Accepted { vendor_id, provider: None, cost: None }
    }

    /// The same with what the vendor charges, if it was accepted.
    #[must_use]
    pub fn with_cost(mut self, charged: Option<Money>) -> Self {
        if let Self::Accepted { cost, .. } = &mut self {
            *cost = charged;
        }
        self
    }

    /// What the vendor says that it charges.
    pub fn cost(&self) -> Option<Money> {
        match self {
            Self::Accepted { cost, .. } => *cost,
            _ => None,
        }
    }

    /// What an error means for one recipient.
    pub fn failed(error: Error) -> Self {
        match error.certainty() {
            Certainty::NotSent => Self::Refused(error),
            Certainty::Unknown => Self::Unknown(error),
        }
    }

    /// True if the vendor took it.
    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// The vendor's id, if it was accepted and has one.
    pub fn vendor_id(&self) -> Option<&str> {
        match self {
            Self::Accepted { vendor_id, .. } => vendor_id.as_deref(),
            _ => None,
        }
    }

    /// The provider instance that answered.
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Accepted { provider, .. } => provider.as_deref(),
            Self::Refused(error) | Self::Unknown(error) => error.provider(),
        }
    }

    /// The error, if it was not accepted.
    pub fn error(&self) -> Option<&Error> {
        match self {
            Self::Accepted { .. } => None,
            Self::Refused(error) | Self::Unknown(error) => Some(error),
        }
    }
}

impl Receipt {
    /// One outcome per recipient.
    pub fn new(outcomes: Vec<Outcome>) -> Self {
        Self { outcomes }
    }

    /// All `recipients` accepted under one id.
    pub fn accepted(recipients: usize, vendor_id: Option<Arc<str>>) -> Self {
        let outcomes = (0..recipients).map(|_| Outcome::accepted(vendor_id.clone()));
        Self { outcomes: outcomes.collect() }
    }

    /// How many recipients were accepted.
    pub fn accepted_count(&self) -> usize {
        self.outcomes.iter().filter(|outcome| outcome.is_accepted()).count()
    }
}
