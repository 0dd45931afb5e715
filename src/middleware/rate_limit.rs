//! Rate limits: as much as vendor and recipient bear, and no more.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Layer, turns::Turns, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result, Retry},
    message::{Channel, Message},
    provider::{Capabilities, Outgoing, Provider, Receipt, Route},
    storage::{RateAsk, SharedLimits},
    time::Monotonic,
    window::Window,
};

/// The windows that a limit may have: a second, a minute, an hour, a day.
const PERIODS: [Duration; 4] = [
    Duration::from_secs(1),
    Duration::from_secs(60),
    Duration::from_secs(3_600),
    Duration::from_secs(86_400),
];

/// Keys that have been idle are dropped when there are more than this many.
const KEYS: usize = 10_000;

/// How many messages per second, minute, hour and day; all that are set hold at once.
///
/// At most so many in *any* period of the length, wherever it begins.
///
/// ```
/// use tidings::middleware::Rate;
///
/// let rate = Rate::per_minute(60).and_per_hour(1_000);
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Rate([Option<u32>; 4]);

impl Rate {
    /// At most `limit` in any second.
    pub const fn per_second(limit: u32) -> Self {
        Self([Some(limit), None, None, None])
    }

    /// At most `limit` in any minute.
    pub const fn per_minute(limit: u32) -> Self {
        Self([None, Some(limit), None, None])
    }

    /// At most `limit` in any hour.
    pub const fn per_hour(limit: u32) -> Self {
        Self([None, None, Some(limit), None])
    }

    /// At most `limit` in any day of 24 hours.
    pub const fn per_day(limit: u32) -> Self {
        Self([None, None, None, Some(limit)])
    }

    /// And at most `limit` in any second.
    #[must_use]
    pub const fn and_per_second(mut self, limit: u32) -> Self {
        self.0[0] = Some(limit);
        self
    }

    /// And at most `limit` in any minute.
    #[must_use]
    pub const fn and_per_minute(mut self, limit: u32) -> Self {
        self.0[1] = Some(limit);
        self
    }

    /// And at most `limit` in any hour.
    #[must_use]
    pub const fn and_per_hour(mut self, limit: u32) -> Self {
        self.0[2] = Some(limit);
        self
    }

    /// And at most `limit` in any day of 24 hours.
    #[must_use]
    pub const fn and_per_day(mut self, limit: u32) -> Self {
        self.0[3] = Some(limit);
        self
    }

    /// The limit of each period that has one.
    fn parts(self) -> impl Iterator<Item = (u32, Duration)> {
        self.0.into_iter().zip(PERIODS).filter_map(|(limit, period)| Some((limit?, period)))
    }

    fn windows(self) -> Vec<Window> {
        self.parts().map(|(limit, period)| Window::new(limit, period)).collect()
    }

    fn smallest(self) -> u32 {
        self.0.into_iter().flatten().min().unwrap_or(u32::MAX)
    }
}

/// What a limit is counted by.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum RateKey {
    /// Each channel by itself.
    Channel,
    /// Each provider instance by itself.
    Provider,
    /// Each domain of email recipients by itself; a mail counts once for every domain that it goes to.
    RecipientDomain,
    /// Each sender by itself: number, name or address.
    Sender,
    /// Each tenant by itself.
    Tenant,
}

/// A rate, what it is counted by, and to what it applies.
///
/// ```
/// use tidings::{Channel, middleware::{Rate, RateKey, RateLimit}};
///
/// let gentle = RateLimit::new(Rate::per_second(10)).by(RateKey::RecipientDomain).on(Channel::Email);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RateLimit {
    rate: Rate,
    keys: Vec<RateKey>,
    channel: Option<Channel>,
    provider: Option<Arc<str>>,
}

impl RateLimit {
    /// A rate for everything together.
    pub const fn new(rate: Rate) -> Self {
        Self { rate, keys: Vec::new(), channel: None, provider: None }
    }

    /// Counted by this as well.
    #[must_use]
    pub fn by(mut self, key: RateKey) -> Self {
        self.keys.push(key);
        self
    }

    /// For this channel only.
    #[must_use]
    pub fn on(mut self, channel: Channel) -> Self {
        self.channel = Some(channel);
        self
    }

    /// For this provider instance only.
    #[must_use]
    pub fn of_provider(mut self, name: impl Into<Arc<str>>) -> Self {
        self.provider = Some(name.into());
        self
    }

    /// What numbers bear if nothing else is known: 60 a minute and 1,000 an
    /// hour for each sending number, on SMS and on WhatsApp.
    pub fn defaults() -> Vec<Self> {
        let limit = || {
            let rate = Rate::per_minute(60).and_per_hour(1_000);
            Self::new(rate).by(RateKey::Provider).by(RateKey::Sender)
        };
        vec![limit().on(Channel::Sms), limit().on(Channel::WhatsApp)]
    }

    fn applies(&self, channel: Channel, provider: &str) -> bool {
        self.channel.is_none_or(|only| only == channel)
            && self.provider.as_deref().is_none_or(|only| only == provider)
    }

    /// The same in every process that has the same limit, wherever that stands in its list.
    fn shared_name(&self, key: &str) -> Arc<str> {
        let channel = self.channel.map_or("*", Channel::as_str);
        let provider = self.provider.as_deref().unwrap_or("*");
        format!("{channel}/{provider}/{:?}/{key}", self.keys).into()
    }

    /// The keys under which a message counts: one, or one for each domain.
    fn keys<M: Message>(&self, rule: usize, provider: &str, item: &Outgoing<'_, M>) -> Vec<Key> {
        let message = item.message();
        let mut common = String::new();
        for key in &self.keys {
            // A length before each part keeps "a" + "bc" and "ab" + "c" apart.
            let part = match key {
                RateKey::Channel => M::CHANNEL.as_str(),
                RateKey::Provider => provider,
                RateKey::RecipientDomain => continue,
                RateKey::Sender => message.sender().unwrap_or_default(),
                RateKey::Tenant => item.tenant().as_str(),
            };
            common.push_str(&format!("{}:{part}", part.len()));
        }
        if !self.keys.contains(&RateKey::RecipientDomain) {
            return vec![(rule, common)];
        }
        let recipients = (0..message.recipient_count()).filter_map(|index| message.recipient(index));
        let mut domains: Vec<String> =
            recipients.map(|r| r.domain().unwrap_or_default().to_ascii_lowercase()).collect();
        domains.sort_unstable();
        domains.dedup();
        domains.into_iter().map(|domain| (rule, format!("{common}@{domain}"))).collect()
    }
}

type Key = (usize, String);

/// The layer: waits until the deadline for its turn, or says at once how long the wait would be.
#[derive(Clone)]
pub struct RateLimiter {
    limits: Arc<[RateLimit]>,
    turns: Arc<Mutex<Turns<Key>>>,
    /// False where waiting is another's business.
    waits: bool,
    /// Counters that other processes count with as well. They have the last word.
    shared: Option<Arc<dyn SharedLimits>>,
}

impl RateLimiter {
    /// All `limits` at once.
    pub fn new(limits: impl IntoIterator<Item = RateLimit>) -> Self {
        Self { limits: limits.into_iter().collect(), turns: Arc::default(), waits: true, shared: None }
    }

    /// The same limits, counted together with all who share these counters.
    #[must_use]
    pub fn shared(mut self, counters: Arc<dyn SharedLimits>) -> Self {
        self.shared = Some(counters);
        self
    }

    /// The same limits, counted together with these, for messages that wait elsewhere: it says at
    /// once how long the wait would be.
    pub(crate) fn for_queue(&self) -> Self {
        Self { waits: false, ..self.clone() }
    }

    /// Takes a place in every window for each of `keys`, or says how long to wait.
    fn take(&self, keys: &HashMap<Key, u32>, now: Monotonic, is_ahead: bool) -> Option<Duration> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        turns.tidy(now, KEYS);
        let windows = |key: &Key| self.limits[key.0].rate.windows();
        match self.waits {
            true => turns.take(keys, now, windows),
            false => turns.take_or_tell(keys, now, is_ahead, windows),
        }
    }
}

impl RateLimiter {
    /// Takes the places that others count as well, or says how long to wait.
    async fn take_shared(&self, keys: &HashMap<Key, u32>) -> Result<Option<Duration>> {
        let Some(shared) = &self.shared else { return Ok(None) };
        let ask = |((rule, key), count): (&Key, &u32)| {
            let limit = &self.limits[*rule];
            RateAsk::new(limit.shared_name(key), *count, limit.rate.parts().collect())
        };
        shared.take(&keys.iter().map(ask).collect::<Vec<_>>()).await
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RateLimiter").field(&self.limits).finish()
    }
}

impl<M: Message> Layer<M> for RateLimiter {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        let applying =
            self.limits.iter().enumerate().filter(|(_, limit)| limit.applies(M::CHANNEL, inner.name()));
        let rules: Vec<usize> = applying.map(|(rule, _)| rule).collect();
        if rules.is_empty() {
            return inner;
        }
        Arc::new(Limited { inner, limiter: self.clone(), rules })
    }
}

#[derive(Debug)]
struct Limited<M: Message> {
    inner: Arc<dyn Provider<M>>,
    limiter: RateLimiter,
    rules: Vec<usize>,
}

wraps_vendor!(Limited);

impl<M: Message> Limited<M> {
    async fn turn(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Result<()> {
        let mut keys: HashMap<Key, u32> = HashMap::new();
        for item in items {
            let all = self
                .rules
                .iter()
                .flat_map(|rule| self.limiter.limits[*rule].keys(*rule, self.inner.name(), item));
            all.for_each(|key| *keys.entry(key).or_default() += 1);
        }
        let is_ahead = items.iter().all(Outgoing::is_ahead);
        loop {
            let now = cx.clock().monotonic();
            let wait = match self.limiter.take(&keys, now, is_ahead) {
                Some(wait) => wait,
                // Own places first: what they do not bear need not be asked of a database.
                None => match self.limiter.take_shared(&keys).await? {
                    Some(wait) => wait,
                    None => return Ok(()),
                },
            };
            if !self.limiter.waits || cx.deadline().is_some_and(|deadline| now + wait > deadline) {
                let text = format!("our own limit is spent; the next turn is in {wait:?}");
                let error = Error::new(ErrorKind::RateLimited, text).with_provider(self.inner.name());
                return Err(error.with_retry(Retry::After(wait)));
            }
            cx.clock().sleep_until(now + wait).await;
        }
    }

    /// The most items that one call may have, so that no window is asked for more than it holds.
    fn most(&self) -> usize {
        let smallest = self.rules.iter().map(|rule| self.limiter.limits[*rule].rate.smallest()).min();
        smallest.map_or(usize::MAX, |limit| limit.max(1) as usize)
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Limited<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        self.turn(cx, &[item]).await?;
        self.inner.send(cx, item).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let mut answers = Vec::with_capacity(items.len());
        for part in items.chunks(self.most()) {
            match self.turn(cx, part).await {
                Ok(()) => answers.extend(self.inner.send_batch(cx, part).await),
                Err(error) => answers.extend(part.iter().map(|_| Err(error.clone()))),
            }
        }
        answers
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}
