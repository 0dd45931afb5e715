//! The circuit breaker: leaves a vendor that is out of order alone for a while.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{Layer, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Fault, Result, Retry},
    message::Message,
    provider::{Capabilities, Outcome, Outgoing, Provider, Receipt, Route},
    time::Monotonic,
};

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct BreakerPolicy {
    /// How many failures in a row open it.
    pub failures: u32,
    /// For how long it stays open before one call is let through as a probe.
    pub cooldown: Duration,
}

impl Default for BreakerPolicy {
    /// Ten failures in a row; a second: one call a second is no burden to a vendor that is down, and
    /// nobody waits for long when it is back.
    fn default() -> Self {
        Self { failures: 10, cooldown: Duration::from_secs(1) }
    }
}

impl BreakerPolicy {
    /// Opens after `failures` in a row, for `cooldown`.
    pub const fn new(failures: u32, cooldown: Duration) -> Self {
        Self { failures, cooldown }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    Closed { failures: u32 },
    Open { until: Monotonic },
    Probing,
}

/// What a call says about the vendor's health.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Verdict {
    /// It works, whatever it thought of the message.
    Healthy,
    /// It is out of order.
    Failing,
    /// Nothing: our own configuration, a limit, a call that was given up.
    Silent,
}

impl State {
    /// May a call be made now? The wait, if not.
    fn admit(self, now: Monotonic) -> std::result::Result<Self, Duration> {
        match self {
            Self::Open { until } if now < until => Err(until.since(now)),
            // One probe at a time: the next caller waits for its verdict.
            Self::Probing => Err(Duration::from_secs(1)),
            Self::Open { .. } => Ok(Self::Probing),
            closed @ Self::Closed { .. } => Ok(closed),
        }
    }

    fn after(self, verdict: Verdict, now: Monotonic, policy: &BreakerPolicy) -> Self {
        let open = Self::Open { until: now + policy.cooldown };
        match (self, verdict) {
            (Self::Closed { .. } | Self::Probing, Verdict::Healthy) => Self::Closed { failures: 0 },
            (Self::Closed { failures }, Verdict::Failing) if failures + 1 < policy.failures => {
                Self::Closed { failures: failures + 1 }
            }
            (Self::Closed { .. } | Self::Probing, Verdict::Failing) => open,
            // A probe that says nothing lets the next call probe.
            (Self::Probing, Verdict::Silent) => Self::Open { until: now },
            // Calls that began before it opened do not close it.
            (same, _) => same,
        }
    }
}

fn verdict(answer: &Result<Receipt>) -> Verdict {
    let of_error = |error: &Error| match (error.fault(), error.kind()) {
        // A vendor that counts our calls is in good health.
        (_, ErrorKind::RateLimited | ErrorKind::CircuitOpen) | (Fault::Configuration, _) => Verdict::Silent,
        (Fault::Provider, _) => Verdict::Failing,
        _ => Verdict::Healthy,
    };
    match answer {
        Err(error) => of_error(error),
        Ok(receipt) if receipt.outcomes.iter().any(Outcome::is_accepted) => Verdict::Healthy,
        Ok(receipt) => receipt.outcomes.first().and_then(Outcome::error).map_or(Verdict::Healthy, of_error),
    }
}

type SharedState = Arc<Mutex<State>>;

/// The layer: one breaker for each provider instance.
#[derive(Clone, Default)]
pub struct Breaker {
    policy: BreakerPolicy,
    states: Arc<Mutex<HashMap<Arc<str>, SharedState>>>,
}

impl Breaker {
    /// Breakers that follow `policy`.
    pub fn new(policy: BreakerPolicy) -> Self {
        Self { policy, states: Arc::default() }
    }
}

impl fmt::Debug for Breaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Breaker").field(&self.policy).finish()
    }
}

impl<M: Message> Layer<M> for Breaker {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let state = match states.get(inner.name()) {
            Some(state) => Arc::clone(state),
            None => {
                let state = Arc::new(Mutex::new(State::Closed { failures: 0 }));
                states.insert(inner.name().into(), Arc::clone(&state));
                state
            }
        };
        Arc::new(Guarded { inner, policy: self.policy, state })
    }
}

#[derive(Debug)]
struct Guarded<M: Message> {
    inner: Arc<dyn Provider<M>>,
    policy: BreakerPolicy,
    state: SharedState,
}

wraps_vendor!(Guarded);

/// Tells the breaker how a call ended; `Silent` if it was given up.
struct Call<'a, M: Message> {
    guarded: &'a Guarded<M>,
    cx: &'a CallContext,
    verdict: Verdict,
}

impl<M: Message> Guarded<M> {
    fn enter<'a>(&'a self, cx: &'a CallContext) -> Result<Call<'a, M>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = match *state {
            // Nothing to do with time: the clock costs more than all the rest.
            State::Closed { .. } => Ok(*state),
            _ => state.admit(cx.clock().monotonic()),
        };
        match admitted {
            Ok(next) => {
                *state = next;
                Ok(Call { guarded: self, cx, verdict: Verdict::Silent })
            }
            Err(wait) => {
                let error = Error::new(
                    ErrorKind::CircuitOpen,
                    "the provider failed too often and is left alone for a while",
                );
                Err(error.with_provider(self.inner.name()).with_retry(Retry::After(wait)))
            }
        }
    }
}

impl<M: Message> Drop for Call<'_, M> {
    fn drop(&mut self) {
        let mut state = self.guarded.state.lock().unwrap_or_else(PoisonError::into_inner);
        if (*state, self.verdict) == (State::Closed { failures: 0 }, Verdict::Healthy) {
            return;
        }
        *state = state.after(self.verdict, self.cx.clock().monotonic(), &self.guarded.policy);
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Guarded<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let mut call = self.enter(cx)?;
        let answer = self.inner.send(cx, item).await;
        call.verdict = verdict(&answer);
        answer
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let mut call = match self.enter(cx) {
            Ok(call) => call,
            Err(error) => return items.iter().map(|_| Err(error.clone())).collect(),
        };
        let answers = self.inner.send_batch(cx, items).await;
        // One call: if any item went through, the vendor works.
        let verdicts: Vec<Verdict> = answers.iter().map(verdict).collect();
        let one_of = |wanted| verdicts.contains(&wanted).then_some(wanted);
        call.verdict = one_of(Verdict::Healthy).or(one_of(Verdict::Failing)).unwrap_or(Verdict::Silent);
        answers
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: BreakerPolicy = BreakerPolicy::new(2, Duration::from_secs(30));

    fn at(secs: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_secs(secs))
    }

    #[test]
    fn it_opens_probes_and_closes() {
        let one = State::Closed { failures: 0 }.after(Verdict::Failing, at(0), &POLICY);
        assert_eq!(one, State::Closed { failures: 1 });
        assert_eq!(one.after(Verdict::Healthy, at(0), &POLICY), State::Closed { failures: 0 });
        let open = one.after(Verdict::Failing, at(0), &POLICY);
        assert_eq!(open.admit(at(10)), Err(Duration::from_secs(20)));
        let probing = open.admit(at(30)).expect("cooled down");
        assert!(probing.admit(at(30)).is_err(), "one probe at a time");
        assert_eq!(probing.after(Verdict::Healthy, at(31), &POLICY), State::Closed { failures: 0 });
        assert_eq!(probing.after(Verdict::Failing, at(31), &POLICY), State::Open { until: at(61) });
        assert!(probing.after(Verdict::Silent, at(31), &POLICY).admit(at(31)).is_ok());
    }

    #[test]
    fn only_the_vendors_own_faults_count() {
        for kind in ErrorKind::ALL {
            let expected = match kind {
                ErrorKind::RateLimited | ErrorKind::CircuitOpen => Verdict::Silent,
                kind if kind.fault() == Fault::Provider => Verdict::Failing,
                kind if kind.fault() == Fault::Configuration => Verdict::Silent,
                _ => Verdict::Healthy,
            };
            assert_eq!(verdict(&Err(Error::new(*kind, "x"))), expected, "{kind}");
        }
    }
}
