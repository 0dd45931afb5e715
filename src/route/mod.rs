//! Providers made of providers: failover, round robin, weighted, by key; and senders by country.
//!
//! A message whose outcome is unknown never goes to another provider. Faults
//! of recipient or message do not either: nobody else would do better.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    message::{Features, Message},
    middleware::Progress,
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Route, Vendor},
};

mod by_key;
mod sender_pool;

pub use by_key::ByKey;
pub use sender_pool::SenderPool;

/// How a [`Spread`] orders its providers for a message.
#[derive(Debug)]
enum Order {
    /// As they were given.
    Given,
    /// One after the other.
    Turns(Arc<AtomicUsize>),
    /// By chance, in proportion.
    Weights(Vec<u32>),
}

/// A message goes to one of several providers, and to the next ones in order
/// if that one certainly did not send it.
///
/// ```
/// use tidings::{providers::preview::Preview, route::Spread};
///
/// let route = Spread::failover()
///     .to(Preview::silent().named("first"))
///     .to(Preview::silent().named("second"));
/// # let _: &dyn tidings::EmailProvider = &route;
/// ```
#[derive(Debug)]
pub struct Spread<M: Message> {
    name: Arc<str>,
    providers: Vec<Arc<dyn Provider<M>>>,
    order: Order,
    fails_over: bool,
}

impl<M: Message> Spread<M> {
    fn new(name: &str, order: Order, fails_over: bool) -> Self {
        Self { name: name.into(), providers: Vec::new(), order, fails_over }
    }

    /// The first that sends the message, in the order given.
    pub fn failover() -> Self {
        Self::new("failover", Order::Given, true)
    }

    /// Each in turn.
    pub fn round_robin() -> Self {
        Self::new("round_robin", Order::Turns(Arc::default()), false)
    }

    /// By chance, in proportion to the weights given with [`to_weighted`](Self::to_weighted).
    pub fn weighted() -> Self {
        Self::new("weighted", Order::Weights(Vec::new()), false)
    }

    /// Lets the others try what the chosen one certainly did not send. A failover does so anyway.
    #[must_use]
    pub fn failing_over(mut self) -> Self {
        self.fails_over = true;
        self
    }

    /// Gives the route a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Adds a provider, or a route; of weight 1.
    #[must_use]
    pub fn to(self, provider: impl Provider<M>) -> Self {
        self.to_weighted(1, provider)
    }

    /// Adds a provider, or a route; `weight` counts only where the order is by chance.
    #[must_use]
    pub fn to_weighted(self, weight: u32, provider: impl Provider<M>) -> Self {
        self.to_shared(weight, Arc::new(provider))
    }

    /// Adds a provider that others share.
    #[must_use]
    pub fn to_shared(mut self, weight: u32, provider: Arc<dyn Provider<M>>) -> Self {
        if let Order::Weights(weights) = &mut self.order {
            weights.push(weight);
        }
        self.providers.push(provider);
        self
    }

    /// The providers to ask, first choice first.
    fn choices(&self, pinned: Option<&str>) -> impl Iterator<Item = &Arc<dyn Provider<M>>> {
        let count = self.providers.len();
        let (first, most) = match pinned {
            None => (self.first(), if self.fails_over { count } else { count.min(1) }),
            Some(name) => {
                let only = self.providers.iter().position(|provider| holds(provider, name));
                (only.unwrap_or(0), usize::from(only.is_some()))
            }
        };
        (0..most).map(move |step| &self.providers[(first + step) % count])
    }

    fn first(&self) -> usize {
        match &self.order {
            Order::Given => 0,
            Order::Turns(turn) => turn.fetch_add(1, Ordering::Relaxed) % self.providers.len().max(1),
            Order::Weights(weights) => drawn(weights),
        }
    }

    fn nobody(&self, pinned: Option<&str>) -> Error {
        match pinned {
            Some(name) => gone(&self.name, name),
            None => Error::new(
                ErrorKind::NotConfigured,
                format!("the route {} has no providers; add some with `.to(…)`", self.name),
            ),
        }
    }
}

/// True if this is the provider instance of that name, or a route to it.
pub(crate) fn holds<M: Message>(provider: &Arc<dyn Provider<M>>, name: &str) -> bool {
    match provider.as_route() {
        Some(route) => route.providers().iter().any(|inner| holds(inner, name)),
        None => provider.name() == name,
    }
}

fn gone(route: &str, name: &str) -> Error {
    let text = format!("the route {route} has no provider {name:?}, and no other may be asked");
    Error::new(ErrorKind::NotConfigured, text)
}

/// One by one: for batches of which each item has its own way.
async fn each<M: Message>(
    route: &impl Provider<M>,
    cx: &CallContext,
    items: &[Outgoing<'_, M>],
) -> Vec<Result<Receipt>> {
    let mut answers = Vec::with_capacity(items.len());
    for item in items {
        answers.push(route.send(cx, *item).await);
    }
    answers
}

/// An index drawn in proportion to the weights; the first if all are zero.
fn drawn(weights: &[u32]) -> usize {
    let total: u64 = weights.iter().map(|weight| u64::from(*weight)).sum();
    if total == 0 {
        return 0;
    }
    let mut left = fastrand::u64(0..total);
    for (index, weight) in weights.iter().enumerate() {
        match left.checked_sub(u64::from(*weight)) {
            Some(rest) => left = rest,
            None => return index,
        }
    }
    0
}

/// What several providers can do between them: a message that one of them can send is sent.
fn joint<'a, M: Message>(
    name: &'static str,
    providers: impl Iterator<Item = &'a Arc<dyn Provider<M>>>,
) -> Capabilities {
    let mut joint = Capabilities::new(name, Features::NONE);
    for caps in providers.map(|provider| provider.capabilities()) {
        joint.features = joint.features | caps.features;
        joint.max_batch = joint.max_batch.max(caps.max_batch);
    }
    joint
}

#[async_trait]
impl<M: Message> Vendor for Spread<M> {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let mut health = Health::Unchecked;
        for provider in &self.providers {
            if provider.check(cx).await? == Health::Good {
                health = Health::Good;
            }
        }
        Ok(health)
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Spread<M> {
    fn capabilities(&self) -> Capabilities {
        joint("route", self.providers.iter())
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let mut choices = self.choices(item.pinned());
        let Some(first) = choices.next() else { return Err(self.nobody(item.pinned())) };
        let answer = first.send(cx, item).await;
        if answer.as_ref().is_ok_and(|receipt| receipt.accepted_count() == receipt.outcomes.len()) {
            return answer;
        }
        let mut progress = Progress::new(item.message().recipient_count());
        progress.absorb(answer, Error::may_fail_over);
        for provider in choices {
            if progress.is_done() {
                break;
            }
            let answer = match progress.cut(&item) {
                Some((message, indices)) => provider.send(cx, item.cut(&message, &indices)).await,
                None => provider.send(cx, item).await,
            };
            progress.absorb(answer, Error::may_fail_over);
        }
        progress.finish()
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        if items.iter().any(|item| item.pinned().is_some()) {
            return each(self, cx, items).await;
        }
        let mut all: Vec<Progress> =
            items.iter().map(|item| Progress::new(item.message().recipient_count())).collect();
        let mut choices = self.choices(None).peekable();
        if choices.peek().is_none() {
            return items.iter().map(|_| Err(self.nobody(None))).collect();
        }
        for provider in choices {
            let open: Vec<usize> = (0..items.len()).filter(|index| !all[*index].is_done()).collect();
            let cuts: Vec<_> = open.iter().map(|index| all[*index].cut(&items[*index])).collect();
            let parts = open.iter().zip(&cuts).map(|(index, cut)| {
                cut.as_ref().map_or(items[*index], |(message, indices)| items[*index].cut(message, indices))
            });
            let parts: Vec<_> = parts.collect();
            if parts.is_empty() {
                break;
            }
            let answers = provider.send_batch(cx, &parts).await;
            open.into_iter()
                .zip(answers)
                .for_each(|(index, answer)| all[index].absorb(answer, Error::may_fail_over));
        }
        all.into_iter().map(Progress::finish).collect()
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        Some(self)
    }
}

impl<M: Message> Route<M> for Spread<M> {
    fn rebuild(&self, wrap: &dyn Fn(Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        let order = match &self.order {
            Order::Given => Order::Given,
            // Shared: whoever rebuilds at every send still takes turns.
            Order::Turns(turn) => Order::Turns(Arc::clone(turn)),
            Order::Weights(weights) => Order::Weights(weights.clone()),
        };
        let providers = self.providers.iter().map(|provider| wrap(Arc::clone(provider))).collect();
        Arc::new(Self { name: Arc::clone(&self.name), providers, order, fails_over: self.fails_over })
    }

    fn providers(&self) -> Vec<Arc<dyn Provider<M>>> {
        self.providers.clone()
    }
}
