//! What a messenger knows of each channel, and the order of layers.

use std::{fmt, sync::Arc};

use super::defaults::DefaultsTable;
use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    message::{Channel, Chat, Email, Message, Push, Sms, WhatsApp},
    middleware::{
        AnyLayer, AttemptTimeout, Breaker, ContextLayer, GateLayer, Layer, RateLimiter, RetryLayer,
        RetryPolicy, SplitLayer, admits, around_vendors,
    },
    policy::{Compliance, ContentFilter, UnsubscribeLinks, refusal},
    provider::{Provider, ProviderSource},
};

/// Where one channel's provider comes from.
pub(super) enum Slot<M: Message> {
    /// One for all, with its layers around it since `build`.
    Fixed(Arc<dyn Provider<M>>),
    /// Asked at every send.
    Source(Arc<dyn ProviderSource<M>>),
}

// Derived, it would ask that the message be `Clone` in more places than it helps.
impl<M: Message> Clone for Slot<M> {
    fn clone(&self) -> Self {
        match self {
            Self::Fixed(provider) => Self::Fixed(Arc::clone(provider)),
            Self::Source(source) => Self::Source(Arc::clone(source)),
        }
    }
}

impl<M: Message> fmt::Debug for Slot<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(provider) => f.write_str(provider.name()),
            Self::Source(source) => source.fmt(f),
        }
    }
}

/// All channels of a messenger.
#[derive(Clone, Debug, Default)]
pub(super) struct Channels {
    pub(super) chat: Option<Slot<Chat>>,
    pub(super) email: Option<Slot<Email>>,
    pub(super) push: Option<Slot<Push>>,
    pub(super) sms: Option<Slot<Sms>>,
    pub(super) whatsapp: Option<Slot<WhatsApp>>,
}

/// The rules of marketing mail, how one unsubscribes, and what may not be said at all.
#[derive(Debug, Default)]
pub(super) struct Law {
    pub(super) rules: Compliance,
    pub(super) links: Option<UnsubscribeLinks>,
    pub(super) filters: Vec<Box<dyn ContentFilter>>,
}

impl Law {
    /// Asks every filter; the first refusal stands.
    pub(super) fn inspect<M: Message>(&self, tenant: &TenantId, message: &M) -> Result<()> {
        if self.filters.is_empty() {
            return Ok(());
        }
        let any = message.clone().into();
        self.filters
            .iter()
            .try_for_each(|filter| filter.inspect(tenant, &any).map_err(|why| refusal(&**filter, why)))
    }
}

/// What the facade must know of a message's channel.
pub(super) trait Routed: Message {
    /// What to configure, for the error that says so.
    const HINT: &'static str;
    fn slot(channels: &Channels) -> &Option<Slot<Self>>;
    fn slot_mut(channels: &mut Channels) -> &mut Option<Slot<Self>>;
    fn layered(layer: &dyn AnyLayer, inner: Arc<dyn Provider<Self>>) -> Arc<dyn Provider<Self>>;
    /// Fills in the default sender.
    fn fill(&mut self, tenant: &TenantId, defaults: &DefaultsTable);
    /// Does what the law asks of a message of this category.
    fn comply(&mut self, _: &TenantId, _: Option<&str>, _: &Law) -> Result<()> {
        Ok(())
    }
    /// Checks what only a message that is about to be sent must have.
    fn complete(&self) -> Result<()> {
        Ok(())
    }
}

macro_rules! slots {
    ($field:ident, $hint:literal) => {
        const HINT: &'static str = $hint;

        fn slot(channels: &Channels) -> &Option<Slot<Self>> {
            &channels.$field
        }

        fn slot_mut(channels: &mut Channels) -> &mut Option<Slot<Self>> {
            &mut channels.$field
        }

        fn layered(layer: &dyn AnyLayer, inner: Arc<dyn Provider<Self>>) -> Arc<dyn Provider<Self>> {
            layer.wrap(inner)
        }
    };
}

impl Routed for Chat {
    slots!(chat, "`.chat(…)`, for example with the feature `telegram`");

    fn fill(&mut self, _: &TenantId, _: &DefaultsTable) {}
}

impl Routed for Email {
    slots!(email, "`.email(…)`, for example with the features `smtp` or `sendgrid`");

    fn fill(&mut self, tenant: &TenantId, defaults: &DefaultsTable) {
        self.from = self.from.take().or_else(|| defaults.of(tenant, |d| &d.email));
    }

    fn comply(&mut self, tenant: &TenantId, category: Option<&str>, law: &Law) -> Result<()> {
        law.rules.comply(self, tenant, category, law.links.as_ref())
    }

    fn complete(&self) -> Result<()> {
        self.sender_mailbox().map(|_| ())
    }
}

impl Routed for Push {
    slots!(push, "`.push(…)`, for example with the feature `fcm`");

    fn fill(&mut self, _: &TenantId, _: &DefaultsTable) {}
}

impl Routed for Sms {
    slots!(sms, "`.sms(…)`, for example with the feature `twilio`");

    fn fill(&mut self, tenant: &TenantId, defaults: &DefaultsTable) {
        self.from = self.from.take().or_else(|| defaults.of(tenant, |d| &d.sms));
    }
}

impl Routed for WhatsApp {
    slots!(whatsapp, "`.whatsapp(…)`, for example with the feature `twilio`");

    fn fill(&mut self, tenant: &TenantId, defaults: &DefaultsTable) {
        self.from = self.from.take().or_else(|| defaults.of(tenant, |d| &d.whatsapp));
    }
}

/// The provider that was chosen for a message.
pub(super) struct Chosen<M: Message> {
    /// With its layers around it if it is fixed; bare if a source named it.
    pub(super) provider: Arc<dyn Provider<M>>,
    bare: bool,
}

impl<M: Routed> Chosen<M> {
    /// The provider with its layers around it.
    pub(super) fn layered(self, stack: &Stack) -> Arc<dyn Provider<M>> {
        if self.bare { stack.around(self.provider) } else { self.provider }
    }
}

impl<M: Routed> Slot<M> {
    /// The same with the layers of `stack` around a fixed provider.
    fn layered(&self, stack: &Stack) -> Self {
        match self {
            Self::Fixed(provider) => Self::Fixed(stack.around(Arc::clone(provider))),
            source @ Self::Source(_) => source.clone(),
        }
    }
}

impl Channels {
    /// The same with the layers of `stack` around all fixed providers.
    pub(super) fn layered(&self, stack: &Stack) -> Self {
        Self {
            chat: self.chat.as_ref().map(|slot| slot.layered(stack)),
            email: self.email.as_ref().map(|slot| slot.layered(stack)),
            push: self.push.as_ref().map(|slot| slot.layered(stack)),
            sms: self.sms.as_ref().map(|slot| slot.layered(stack)),
            whatsapp: self.whatsapp.as_ref().map(|slot| slot.layered(stack)),
        }
    }

    /// Those that have a provider.
    pub(super) fn configured(&self) -> Vec<Channel> {
        let Self { chat, email, push, sms, whatsapp } = self;
        let all = [
            (Channel::Chat, chat.is_some()),
            (Channel::Email, email.is_some()),
            (Channel::Push, push.is_some()),
            (Channel::Sms, sms.is_some()),
            (Channel::WhatsApp, whatsapp.is_some()),
        ];
        all.into_iter().filter(|(_, is_there)| *is_there).map(|(channel, _)| channel).collect()
    }

    /// The provider for this tenant's message, one of whose vendors can send it.
    pub(super) async fn choose<M: Routed>(&self, tenant: &TenantId, message: &M) -> Result<Chosen<M>> {
        match M::slot(self) {
            Some(Slot::Fixed(provider)) => Ok(Chosen { provider: Arc::clone(provider), bare: false }),
            Some(Slot::Source(source)) => {
                Ok(Chosen { provider: source.provider(tenant, message).await?, bare: true })
            }
            None => {
                let text = format!(
                    "no provider is configured for the channel {}; give the builder one with {}",
                    M::CHANNEL,
                    M::HINT
                );
                Err(Error::new(ErrorKind::NotConfigured, text))
            }
        }
    }
}

/// The vendors behind a provider, which may be a route.
pub(super) fn vendors<M: Message>(provider: &Arc<dyn Provider<M>>) -> Vec<Arc<dyn Provider<M>>> {
    match provider.as_route() {
        Some(route) => route.providers().iter().flat_map(vendors).collect(),
        None => vec![Arc::clone(provider)],
    }
}

/// Refuses a message that none of the provider's vendors can send.
pub(super) fn some_vendor_admits<M: Message>(provider: &Arc<dyn Provider<M>>, message: &M) -> Result<()> {
    if provider.as_route().is_none() {
        return admits(message, &provider.capabilities()).map_err(|e| e.with_provider(provider.name()));
    }
    let mut refusals = Vec::new();
    for vendor in vendors(provider) {
        match admits(message, &vendor.capabilities()) {
            Ok(()) => return Ok(()),
            Err(error) => refusals.push(error.with_provider(vendor.name())),
        }
    }
    // A route without vendors says so itself.
    Error::all(refusals).map_or(Ok(()), Err)
}

/// The layers, in the one order that they have.
#[derive(Debug)]
pub(super) struct Stack {
    /// Around each vendor, outside of all others: a worker's own.
    pub(super) outer: Vec<Arc<dyn AnyLayer>>,
    pub(super) per_send: Vec<Arc<dyn AnyLayer>>,
    pub(super) per_attempt: Vec<Arc<dyn AnyLayer>>,
    pub(super) retry: RetryLayer,
    pub(super) breaker: Breaker,
    pub(super) limiter: RateLimiter,
    pub(super) timeout: AttemptTimeout,
}

impl Stack {
    /// All layers around a provider, or around each vendor of a route.
    pub(super) fn around<M: Routed>(&self, provider: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        let routed = around_vendors(provider, &|vendor| self.around_vendor(vendor));
        self.per_send.iter().rev().fold(routed, |inner, layer| M::layered(&**layer, inner))
    }

    /// The same for messages that wait in the queue: nothing in it waits, and `outer` is around all.
    pub(super) fn for_queue(&self, outer: Vec<Arc<dyn AnyLayer>>) -> Self {
        Self {
            outer,
            per_send: self.per_send.clone(),
            per_attempt: self.per_attempt.clone(),
            // There is one owner of waiting: the queue.
            retry: RetryLayer::new(RetryPolicy::none()),
            breaker: self.breaker.clone(),
            limiter: self.limiter.for_queue(),
            timeout: self.timeout,
        }
    }

    /// True if there are layers that this crate did not write.
    pub(super) fn has_layers_of_others(&self) -> bool {
        !self.per_send.is_empty() || !self.per_attempt.is_empty()
    }

    /// From the vendor outwards.
    fn around_vendor<M: Routed>(&self, vendor: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        // Next to the vendor: nothing that it cannot do ever reaches it.
        let inner = GateLayer.wrap(vendor);
        // Outside the gate, so that its refusals are attempts of this provider on the trail.
        let inner = ContextLayer.wrap(inner);
        // Outside the context, whose guard notes an attempt that is cut off here.
        let inner = self.timeout.wrap(inner);
        // Outside the time-out: waiting for a turn is not the vendor's slowness.
        let inner = self.limiter.wrap(inner);
        // Outside the limit: a call that the breaker refuses takes no turn.
        let inner = self.breaker.wrap(inner);
        let inner = self.per_attempt.iter().rev().fold(inner, |inner, layer| M::layered(&**layer, inner));
        // Outside of all that belongs to one attempt.
        let inner = self.retry.wrap(inner);
        // Outside the retries, so that a part of a batch is repeated and not the whole.
        let inner = SplitLayer.wrap(inner);
        // Outside of all: what is paused or has no seat free is not touched.
        self.outer.iter().rev().fold(inner, |inner, layer| M::layered(&**layer, inner))
    }
}
