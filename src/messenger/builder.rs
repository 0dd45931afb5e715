//! Builds a messenger and reports all that is wrong in one list.

use std::{collections::HashMap, sync::Arc, time::Duration};

use super::{
    Inner, Messenger,
    channels::{Channels, Law, Routed, Slot, Stack, vendors},
    defaults::{Defaults, DefaultsTable},
    whatsapp_window::WhatsAppWindow,
};
use crate::{
    context::CallContext,
    error::{Error, Result},
    http::HttpTransport,
    id::{MessageIds, TenantId},
    message::{Chat, Email, Message, Push, Sms, WhatsApp},
    middleware::{
        AnyLayer, AttemptTimeout, Breaker, BreakerPolicy, RateLimit, RateLimiter, RetryLayer, RetryPolicy,
    },
    policy::{Compliance, ContentFilter, UnsubscribeLinks},
    provider::{Provider, ProviderSource},
    providers::preview::Preview,
    storage::{BlobStore, MemoryStore, Messages, SharedLimits, Store, SuppressionStore},
    time::{Clock, SystemClock},
};

/// How long a whole send may take if nothing else is said.
const TOTAL: Duration = Duration::from_secs(120);

/// A provider, or the result of building one: what fails is reported by the
/// messenger's `build` with all else.
pub trait IntoProvider<M: Message> {
    /// The provider.
    ///
    /// # Errors
    /// Why it could not be built.
    fn into_provider(self) -> Result<Arc<dyn Provider<M>>>;
}

impl<M: Message, P: Provider<M>> IntoProvider<M> for P {
    fn into_provider(self) -> Result<Arc<dyn Provider<M>>> {
        Ok(Arc::new(self))
    }
}

impl<M: Message> IntoProvider<M> for Arc<dyn Provider<M>> {
    fn into_provider(self) -> Result<Arc<dyn Provider<M>>> {
        Ok(self)
    }
}

impl<M: Message, P: Provider<M>> IntoProvider<M> for Result<P> {
    fn into_provider(self) -> Result<Arc<dyn Provider<M>>> {
        self.map(|provider| Arc::new(provider) as Arc<dyn Provider<M>>)
    }
}

/// Builds a [`Messenger`].
///
/// ```
/// use tidings::{Messenger, providers::preview::Preview};
/// use std::time::Duration;
///
/// let error = Messenger::builder()
///     .email(Preview::silent())
///     .email(Preview::silent())
///     .attempt_timeout(Duration::ZERO)
///     .build()
///     .unwrap_err();
/// assert!(error.to_string().starts_with("config: 2 problems"), "{error}");
/// ```
#[derive(Debug)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct MessengerBuilder {
    providers: Channels,
    defaults: DefaultsTable,
    law: Law,
    limits: Vec<RateLimit>,
    default_limits: bool,
    shares_limits: bool,
    retry: RetryPolicy,
    breaker: BreakerPolicy,
    attempt: Duration,
    total: Duration,
    per_send: Vec<Arc<dyn AnyLayer>>,
    per_attempt: Vec<Arc<dyn AnyLayer>>,
    http: Option<Arc<dyn HttpTransport>>,
    clock: Arc<dyn Clock>,
    kept: Kept,
    window: Option<WhatsAppWindow>,
    preview: Option<Preview>,
    faults: Vec<Error>,
}

/// Where things are kept, as far as it was said.
#[derive(Debug, Default)]
struct Kept {
    messages: Option<Arc<dyn Messages>>,
    limits: Option<Arc<dyn SharedLimits>>,
    blobs: Option<Arc<dyn BlobStore>>,
    /// True if the blobs are not in the store of the messages.
    blobs_apart: bool,
    suppressions: Option<Arc<dyn SuppressionStore>>,
    /// True if the suppressions are not in the store of the messages.
    list_apart: bool,
}

impl Default for MessengerBuilder {
    fn default() -> Self {
        Self {
            providers: Channels::default(),
            defaults: DefaultsTable::default(),
            law: Law::default(),
            limits: Vec::new(),
            default_limits: true,
            shares_limits: false,
            retry: RetryPolicy::default(),
            breaker: BreakerPolicy::default(),
            attempt: Duration::from_secs(30),
            total: TOTAL,
            per_send: Vec::new(),
            per_attempt: Vec::new(),
            http: None,
            clock: Arc::new(SystemClock),
            kept: Kept::default(),
            window: None,
            preview: None,
            faults: Vec::new(),
        }
    }
}

macro_rules! channel_methods {
    ($($(#[$doc:meta])* $method:ident, $source:ident: $message:ident;)*) => {$(
        $(#[$doc])*
        pub fn $method(self, provider: impl IntoProvider<$message>) -> Self {
            self.fixed::<$message>(provider.into_provider())
        }

        /// Asks `source` for the provider at every send of this channel.
        pub fn $source(self, source: impl ProviderSource<$message>) -> Self {
            self.slot::<$message>(Slot::Source(Arc::new(source)))
        }
    )*};
}

impl MessengerBuilder {
    channel_methods! {
        /// Who sends chat messages: a vendor or a route.
        chat, chat_source: Chat;
        /// Who sends email: a vendor or a route.
        email, email_source: Email;
        /// Who sends push messages: a vendor or a route.
        push, push_source: Push;
        /// Who sends text messages: a vendor or a route.
        sms, sms_source: Sms;
        /// Who sends WhatsApp messages: a vendor or a route.
        whatsapp, whatsapp_source: WhatsApp;
    }

    /// One provider for every channel that has none yet, such as a preview or a recorder.
    pub fn all_others<P>(mut self, provider: P) -> Self
    where
        P: Provider<Chat> + Provider<Email> + Provider<Push> + Provider<Sms> + Provider<WhatsApp>,
    {
        let provider = Arc::new(provider);
        self.providers.chat.get_or_insert_with(|| Slot::Fixed(provider.clone()));
        self.providers.email.get_or_insert_with(|| Slot::Fixed(provider.clone()));
        self.providers.push.get_or_insert_with(|| Slot::Fixed(provider.clone()));
        self.providers.sms.get_or_insert_with(|| Slot::Fixed(provider.clone()));
        self.providers.whatsapp.get_or_insert_with(|| Slot::Fixed(provider));
        self
    }

    /// Who writes, where a message does not say.
    pub fn defaults(mut self, mut defaults: Defaults) -> Self {
        self.faults.extend(defaults.take_faults());
        self.defaults.common = defaults;
        self
    }

    /// Who writes on behalf of `tenant`, where a message does not say.
    pub fn tenant_defaults<T: TryInto<TenantId, Error: Into<Error>>>(
        mut self,
        tenant: T,
        mut defaults: Defaults,
    ) -> Self {
        self.faults.extend(defaults.take_faults());
        match tenant.try_into() {
            Ok(tenant) => drop(self.defaults.tenants.insert(tenant, defaults)),
            Err(error) => self.faults.push(error.into()),
        }
        self
    }

    /// What marketing mail is and who answers for it. Marketing mail without means to unsubscribe or without a postal
    /// address is refused, whether or not this is called.
    pub fn compliance(mut self, rules: Compliance) -> Self {
        self.law.rules = rules;
        self
    }

    /// How people unsubscribe: marketing mail is given `List-Unsubscribe` headers with a link of the person's own.
    pub fn unsubscribe(mut self, links: UnsubscribeLinks) -> Self {
        self.law.links = Some(links);
        self
    }

    /// Adds a filter that looks at every message before it is recorded; what it refuses is not sent.
    pub fn content_filter(mut self, filter: impl ContentFilter) -> Self {
        self.law.filters.push(Box::new(filter));
        self
    }

    /// How often and after which delays a call is repeated.
    pub fn retry(mut self, policy: RetryPolicy) -> Self {
        self.retry = policy;
        self
    }

    /// When a vendor that is out of order is left alone.
    pub fn breaker(mut self, policy: BreakerPolicy) -> Self {
        self.breaker = policy;
        self
    }

    /// Adds a rate limit.
    pub fn rate_limit(mut self, limit: RateLimit) -> Self {
        self.limits.push(limit);
        self
    }

    /// Counts rate limits together with all processes that have the same limits and the same
    /// [`store`](Self::store): each send that a limit applies to then asks the store.
    pub fn share_rate_limits(mut self) -> Self {
        self.shares_limits = true;
        self
    }

    /// Leaves out [`RateLimit::defaults`], because your numbers bear more.
    pub fn without_default_rate_limits(mut self) -> Self {
        self.default_limits = false;
        self
    }

    /// How long one attempt may take; 30 seconds if not set.
    pub fn attempt_timeout(mut self, limit: Duration) -> Self {
        self.attempt = limit;
        self
    }

    /// How long a whole send may take, with waiting and retries; two minutes if not set.
    pub fn total_timeout(mut self, limit: Duration) -> Self {
        self.total = limit;
        self
    }

    /// Adds a layer around each attempt, inside the retries.
    pub fn per_attempt(mut self, layer: impl AnyLayer) -> Self {
        self.per_attempt.push(Arc::new(layer));
        self
    }

    /// Adds a layer around each send, outside the routes.
    pub fn per_send(mut self, layer: impl AnyLayer) -> Self {
        self.per_send.push(Arc::new(layer));
        self
    }

    /// How HTTP is spoken; over hyper if not set and the feature `http-client` is on.
    pub fn http(mut self, transport: impl HttpTransport) -> Self {
        self.http = Some(Arc::new(transport));
        self
    }

    /// Where time comes from; the machine's clocks if not set.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// Where all is kept: messages, attachments, suppressions, shared limits. In memory if not set.
    pub fn store(mut self, store: impl Store) -> Self {
        let store = Arc::new(store);
        self.kept = Kept {
            messages: Some(store.clone()),
            limits: Some(store.clone()),
            blobs: Some(store.clone()),
            blobs_apart: false,
            suppressions: Some(store),
            list_apart: false,
        };
        self
    }

    /// Where messages are kept, if not in the [`store`](Self::store); to be called after that.
    pub fn messages(mut self, messages: impl Messages) -> Self {
        self.kept.messages = Some(Arc::new(messages));
        self.kept.list_apart = true;
        self
    }

    /// Where attachments are kept, if not in the [`store`](Self::store); to be called after that.
    pub fn blobs(mut self, blobs: impl BlobStore) -> Self {
        self.kept.blobs = Some(Arc::new(blobs));
        self.kept.blobs_apart = true;
        self
    }

    /// Where it is kept who must not be written to, if not in the [`store`](Self::store); to be
    /// called after that.
    pub fn suppressions(mut self, suppressions: impl SuppressionStore) -> Self {
        self.kept.suppressions = Some(Arc::new(suppressions));
        self.kept.list_apart = true;
        self
    }

    /// Keeps WhatsApp's 24 hours: free-form messages go only to people who wrote in that time, as
    /// [`receive`](Messenger::receive) heard them; to others goes the message's stand-in, or nothing.
    pub fn whatsapp_window(mut self, window: WhatsAppWindow) -> Self {
        self.window = Some(window);
        self
    }

    /// The messenger. Needs no runtime and starts nothing.
    ///
    /// # Errors
    /// One error of kind `config` that lists everything that is wrong.
    pub fn build(mut self) -> Result<Messenger> {
        self.check_times();
        self.check_names();
        let count = self.faults.len();
        let Some(all) = Error::all(std::mem::take(&mut self.faults)) else { return Ok(self.assembled()) };
        // A list says of each what it is; a single fault is named whole.
        let text = if count > 1 { all.message().to_owned() } else { all.to_string() };
        Err(Error::config(text).with_source(all))
    }

    pub(super) fn of_preview(preview: Preview) -> Messenger {
        let builder = Self { preview: Some(preview.clone()), ..Self::default() };
        // In a preview nobody's name is at stake, and no number can be overrun.
        let defaults = Defaults::new().email("Preview <preview@tidings.invalid>").sms("Preview");
        builder.all_others(preview).without_default_rate_limits().defaults(defaults).assembled()
    }

    fn assembled(mut self) -> Messenger {
        if let Some(window) = &self.window {
            self.providers.whatsapp = self.providers.whatsapp.take().map(|slot| window.around(slot));
        }
        let limits = if self.default_limits { RateLimit::defaults() } else { Vec::new() };
        let limiter = RateLimiter::new(self.limits.into_iter().chain(limits));
        let shared = self.kept.limits.filter(|_| self.shares_limits);
        let stack = Stack {
            outer: Vec::new(),
            per_send: self.per_send,
            per_attempt: self.per_attempt,
            retry: RetryLayer::new(self.retry),
            breaker: Breaker::new(self.breaker),
            limiter: shared.into_iter().fold(limiter, RateLimiter::shared),
            timeout: AttemptTimeout::new(self.attempt),
        };
        let cx = context(self.clock, self.http);
        let memory = Arc::new(MemoryStore::default().with_clock(cx.shared_clock()));
        let inner = Inner {
            channels: self.providers.layered(&stack),
            bare: self.providers,
            stack,
            defaults: self.defaults,
            law: self.law,
            messages: self.kept.messages.unwrap_or_else(|| memory.clone()),
            blobs: self.kept.blobs.unwrap_or_else(|| memory.clone()),
            #[cfg(any(feature = "sqlite", feature = "postgres"))]
            blobs_apart: self.kept.blobs_apart,
            suppressions: self.kept.suppressions.unwrap_or(memory),
            list_apart: self.kept.list_apart,
            cx,
            ids: MessageIds::default(),
            total: self.total,
            window: self.window,
            preview: self.preview,
        };
        Messenger { inner: Arc::new(inner), tenant: TenantId::DEFAULT }
    }

    fn fixed<M: Routed>(mut self, provider: Result<Arc<dyn Provider<M>>>) -> Self {
        match provider {
            Ok(provider) => self.slot::<M>(Slot::Fixed(provider)),
            Err(error) => {
                self.faults.push(error);
                self
            }
        }
    }

    fn slot<M: Routed>(mut self, slot: Slot<M>) -> Self {
        if M::slot_mut(&mut self.providers).replace(slot).is_some() {
            let text = format!(
                "the channel {} was given two providers; join them by a route, such as Spread::failover()",
                M::CHANNEL
            );
            self.faults.push(Error::config(text));
        }
        self
    }

    fn check_times(&mut self) {
        for (name, limit) in [("attempt_timeout", self.attempt), ("total_timeout", self.total)] {
            if limit.is_zero() {
                self.faults.push(Error::config(format!("{name} is zero: nothing could ever be sent")));
            }
        }
    }

    /// Outcomes and webhooks find their provider by name and channel.
    fn check_names(&mut self) {
        let Channels { chat, email, push, sms, whatsapp } = &self.providers;
        let all = [names(chat), names(email), names(push), names(sms), names(whatsapp)];
        for names in all {
            let mut seen: HashMap<String, usize> = HashMap::new();
            names.into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
            for (name, count) in seen {
                if name.is_empty() {
                    self.faults
                        .push(Error::config("a provider's name is empty; give it one with `.named(…)`"));
                } else if count > 1 {
                    let text = format!(
                        "{count} providers of one channel are named {name:?}; tell them apart with `.named(…)`"
                    );
                    self.faults.push(Error::config(text));
                }
            }
        }
    }
}

fn names<M: Message>(slot: &Option<Slot<M>>) -> Vec<String> {
    match slot {
        Some(Slot::Fixed(provider)) => {
            vendors(provider).iter().map(|vendor| vendor.name().to_owned()).collect()
        }
        _ => Vec::new(),
    }
}

fn context(clock: Arc<dyn Clock>, http: Option<Arc<dyn HttpTransport>>) -> CallContext {
    #[cfg(feature = "http-client")]
    let http = http.or_else(|| Some(Arc::new(crate::http::HyperTransport::new())));
    let cx = CallContext::new(clock);
    match http {
        Some(http) => cx.with_http(http),
        None => cx,
    }
}
