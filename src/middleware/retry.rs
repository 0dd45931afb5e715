//! Tries again what failed for a passing reason.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use backon::BackoffBuilder as _;

use super::{Layer, Progress, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result, Retry},
    message::Message,
    provider::{Capabilities, OnUnknown, Outgoing, Provider, Receipt, Route},
    time::Monotonic,
};

/// How often and after which delays a call is repeated.
///
/// Delays grow exponentially between `min_delay` and `max_delay`, with full
/// jitter: each is drawn between zero and its bound. A vendor's `Retry-After` is
/// obeyed to the letter; if it is longer than `max_delay` or than the time that is left, the
/// failure is answered at once, with that wait in it.
///
/// ```
/// use tidings::middleware::RetryPolicy;
/// use std::time::Duration;
///
/// let policy = RetryPolicy::default().max_retries(5).max_delay(Duration::from_secs(10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPolicy {
    max_retries: u32,
    min_delay: Duration,
    max_delay: Duration,
    factor: f32,
    max_elapsed: Option<Duration>,
}

impl Default for RetryPolicy {
    /// 3 retries, delays of up to 0.5, 1 and 2 seconds, 30 at most.
    fn default() -> Self {
        Self {
            max_retries: 3,
            min_delay: Duration::from_millis(500),
            max_delay: Duration::from_secs(30),
            factor: 2.0,
            max_elapsed: None,
        }
    }
}

impl RetryPolicy {
    /// No retries.
    pub fn none() -> Self {
        Self::default().max_retries(0)
    }

    /// How often a call is repeated.
    #[must_use]
    pub const fn max_retries(mut self, retries: u32) -> Self {
        self.max_retries = retries;
        self
    }

    /// The bound of the first delay.
    #[must_use]
    pub const fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The longest delay, also of those that a vendor asks for.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// By how much the bound grows from delay to delay; at least 1.
    #[must_use]
    pub const fn factor(mut self, factor: f32) -> Self {
        self.factor = factor;
        self
    }

    /// No retry begins later than this after the first attempt.
    #[must_use]
    pub const fn max_elapsed(mut self, elapsed: Duration) -> Self {
        self.max_elapsed = Some(elapsed);
        self
    }

    /// The bounds of the delays, one for each retry.
    fn bounds(&self) -> impl Iterator<Item = Duration> + use<> {
        // backon's own jitter adds to the delay; ours, in `delay`, is drawn from all of it.
        let factor = if self.factor.is_finite() { self.factor.max(1.0) } else { 1.0 };
        backon::ExponentialBuilder::new()
            .with_factor(factor)
            .with_min_delay(self.min_delay.min(self.max_delay))
            .with_max_delay(self.max_delay)
            .with_max_times(self.max_retries as usize)
            .build()
    }

    /// How long to wait before the next attempt, or `None` to give up.
    fn delay(
        &self,
        retry: Retry,
        bound: Duration,
        elapsed: Duration,
        remaining: Option<Duration>,
    ) -> Option<Duration> {
        let wait = match retry {
            Retry::Never => return None,
            Retry::After(wait) if wait > self.max_delay => return None,
            Retry::After(wait) => wait,
            Retry::Backoff => bound.mul_f64(fastrand::f64()),
        };
        let fits = remaining.is_none_or(|left| wait < left)
            && self.max_elapsed.is_none_or(|most| elapsed + wait <= most);
        fits.then_some(wait)
    }
}

#[cfg(feature = "backoff")]
impl From<backoff::ExponentialBackoff> for RetryPolicy {
    /// Takes over intervals, multiplier and elapsed time. backoff does not
    /// count retries, so they are bounded by its `max_elapsed_time` alone; its
    /// randomization gives way to full jitter.
    fn from(policy: backoff::ExponentialBackoff) -> Self {
        #[allow(clippy::cast_possible_truncation, reason = "a factor of two needs no 64 bits")]
        let factor = policy.multiplier as f32;
        Self {
            max_retries: u32::MAX,
            min_delay: policy.initial_interval,
            max_delay: policy.max_interval,
            factor,
            max_elapsed: policy.max_elapsed_time,
        }
    }
}

/// The layer.
#[derive(Clone, Copy, Debug, Default)]
pub struct RetryLayer(RetryPolicy);

impl RetryLayer {
    /// Retries by `policy`.
    pub const fn new(policy: RetryPolicy) -> Self {
        Self(policy)
    }
}

impl<M: Message> Layer<M> for RetryLayer {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        let idempotency = inner.capabilities().idempotency;
        Arc::new(Retrying { inner, policy: self.0, idempotency })
    }
}

#[derive(Debug)]
struct Retrying<M: Message> {
    inner: Arc<dyn Provider<M>>,
    policy: RetryPolicy,
    idempotency: Option<Duration>,
}

wraps_vendor!(Retrying);

impl<M: Message> Retrying<M> {
    /// May this failure of `item` be answered by another call to the same provider?
    fn again(&self, cx: &CallContext, error: &Error, on_unknown: OnUnknown, elapsed: Duration) -> bool {
        // To wait for a breaker would keep a route from asking another provider; and a wait that is too
        // long is decided here, for each recipient, so that the others need not give up with it.
        let in_vain = error.kind() == ErrorKind::CircuitOpen
            || self.policy.delay(error.retry(), Duration::ZERO, elapsed, cx.remaining()).is_none();
        if in_vain {
            return false;
        }
        match error.certainty() {
            Certainty::NotSent => true,
            Certainty::Unknown => {
                on_unknown == OnUnknown::Retry || self.idempotency.is_some_and(|window| elapsed < window)
            }
        }
    }

    /// The attempts after the first.
    async fn after_first(
        &self,
        cx: &CallContext,
        item: Outgoing<'_, M>,
        began: Monotonic,
        first: Result<Receipt>,
    ) -> Result<Receipt> {
        let again =
            |error: &Error| self.again(cx, error, item.on_unknown(), cx.clock().monotonic().since(began));
        let mut progress = Progress::new(item.message().recipient_count());
        progress.absorb(first, again);
        let mut bounds = self.policy.bounds();
        let mut attempt = 1;
        while !progress.is_done() && self.pause(cx, began, bounds.next(), progress.failures()).await {
            attempt += 1;
            let next = item.next_attempt(attempt);
            let answer = match progress.cut(&item) {
                Some((message, indices)) => self.inner.send(cx, next.cut(&message, &indices)).await,
                None => self.inner.send(cx, next).await,
            };
            progress.absorb(answer, again);
        }
        progress.finish()
    }

    /// Waits before the next attempt; false if there is none.
    async fn pause<'e>(
        &self,
        cx: &CallContext,
        began: Monotonic,
        bound: Option<Duration>,
        failures: impl Iterator<Item = &'e Error>,
    ) -> bool {
        let Some(bound) = bound else { return false };
        let now = cx.clock().monotonic();
        let waits =
            failures.map(|error| self.policy.delay(error.retry(), bound, now.since(began), cx.remaining()));
        // The longest of several recipients' waits.
        let Some(wait) = waits.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max()) else {
            return false;
        };
        cx.clock().sleep_until(now + wait).await;
        true
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Retrying<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let began = cx.clock().monotonic();
        let first = self.inner.send(cx, item.next_attempt(1)).await;
        if first.as_ref().is_ok_and(|receipt| receipt.accepted_count() == receipt.outcomes.len()) {
            return first;
        }
        // Apart and boxed: most sends succeed at once and should not carry this along.
        Box::pin(self.after_first(cx, item, began, first)).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let began = cx.clock().monotonic();
        let mut all: Vec<Progress> =
            items.iter().map(|item| Progress::new(item.message().recipient_count())).collect();
        let mut bounds = self.policy.bounds();
        let mut attempt = 0;
        loop {
            attempt += 1;
            let open: Vec<usize> = (0..items.len()).filter(|index| !all[*index].is_done()).collect();
            let cuts: Vec<_> = open.iter().map(|index| all[*index].cut(&items[*index])).collect();
            let parts = open.iter().zip(&cuts).map(|(index, cut)| {
                let next = items[*index].next_attempt(attempt);
                cut.as_ref().map_or(next, |(message, indices)| next.cut(message, indices))
            });
            let answers = self.inner.send_batch(cx, &parts.collect::<Vec<_>>()).await;
            let elapsed = cx.clock().monotonic().since(began);
            for (index, answer) in open.into_iter().zip(answers) {
                all[index].absorb(answer, |error| self.again(cx, error, items[index].on_unknown(), elapsed));
            }
            let done = all.iter().all(Progress::is_done);
            if done || !self.pause(cx, began, bounds.next(), all.iter().flat_map(Progress::failures)).await {
                return all.into_iter().map(Progress::finish).collect();
            }
        }
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_retries_with_growing_bounds_by_default() {
        let bounds: Vec<_> = RetryPolicy::default().bounds().map(|bound| bound.as_millis()).collect();
        assert_eq!(bounds, [500, 1_000, 2_000]);
    }

    #[test]
    fn full_jitter_draws_from_all_of_the_bound() {
        let policy = RetryPolicy::default();
        let bound = Duration::from_secs(1);
        let waits: Vec<_> =
            (0..1_000).filter_map(|_| policy.delay(Retry::Backoff, bound, Duration::ZERO, None)).collect();
        assert_eq!(waits.len(), 1_000);
        assert!(waits.iter().all(|wait| *wait < bound));
        assert!(
            waits.iter().any(|wait| wait.as_millis() < 100)
                && waits.iter().any(|wait| wait.as_millis() > 900)
        );
    }

    #[test]
    fn retry_after_is_obeyed_or_answered() {
        let policy = RetryPolicy::default();
        let delay = |secs, remaining| {
            let after = Retry::After(Duration::from_secs(secs));
            policy.delay(after, Duration::from_secs(1), Duration::ZERO, remaining)
        };
        assert_eq!(delay(7, None), Some(Duration::from_secs(7)));
        assert_eq!(delay(31, None), None, "longer than max_delay");
        assert_eq!(delay(7, Some(Duration::from_secs(5))), None, "beyond the deadline");
    }

    #[test]
    fn odd_policies_do_not_panic() {
        for factor in [f32::NAN, -1.0, 0.0, f32::INFINITY, 1e30] {
            let policy = RetryPolicy::default().factor(factor).min_delay(Duration::MAX).max_retries(50);
            assert_eq!(policy.bounds().count(), 50, "{factor}");
        }
    }
}
