//! What follows an attempt: a pure function of how it ended, what came before, and the plan.

use std::{sync::Arc, time::Duration};

use super::{pace::Signal, plan::RetryPlan};
use crate::{
    error::{Error, ErrorKind, Fault, Retry},
    event::OnUnknown,
    provider::Outcome,
    storage::{Next, Pause},
};

/// All that the decision is made from.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts<'a> {
    /// What became of each recipient that was asked for.
    pub(super) outcomes: &'a [Outcome],
    /// Which of the whole message's recipients those are; `None` is all.
    pub(super) whom: Option<&'a [u32]>,
    /// True if a vendor was asked; false if all failed on the way to one.
    pub(super) asked: bool,
    /// The number of this attempt.
    pub(super) attempt: u32,
    /// How many attempts before it do not count.
    pub(super) excused: u32,
    /// For how long the message has been due.
    pub(super) age: Duration,
    pub(super) on_unknown: OnUnknown,
    /// The only instance that may be asked, since an earlier attempt.
    pub(super) pinned: Option<&'a Arc<str>>,
    /// True if we end it ourselves because the worker shuts down.
    pub(super) leaving: bool,
}

/// What follows.
#[derive(Debug)]
pub(super) struct Decision {
    pub(super) next: Next,
    /// The recipients that a dead, held or paused message still concerns.
    pub(super) left: Option<Vec<u32>>,
    pub(super) signal: Signal,
}

/// What follows for one recipient.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Fate {
    /// Another attempt, if one is left.
    Again,
    /// No attempt would help until someone mends what is wrong.
    Dead,
    /// Nothing: it was accepted, or refused for good.
    Final,
    /// A person must decide.
    Held,
}

/// Decides. `dice`, between zero and one, draws the delay.
pub(super) fn decide(facts: &Facts<'_>, plan: &RetryPlan, dice: f64) -> Decision {
    if facts.outcomes.iter().all(Outcome::is_accepted) {
        return Decision { next: Next::Done, left: None, signal: Signal::Clean };
    }
    let sorted = Sorted::new(facts);
    let (next, left) = sorted.follow(facts, plan, dice);
    Decision { next, left, signal: signal(facts) }
}

/// The positions of those who are not in a final state.
struct Sorted<'a> {
    again: Vec<(usize, &'a Error)>,
    dead: Vec<(usize, &'a Error)>,
    held: Vec<(usize, &'a Error)>,
    pinned: Option<Arc<str>>,
}

impl<'a> Sorted<'a> {
    fn new(facts: &Facts<'a>) -> Self {
        let pinned = facts.pinned.cloned().or_else(|| unsure_of(facts.outcomes, facts.on_unknown));
        let mut sorted = Self { again: Vec::new(), dead: Vec::new(), held: Vec::new(), pinned };
        for (position, outcome) in facts.outcomes.iter().enumerate() {
            let Some(error) = outcome.error() else { continue };
            match fate(outcome, facts, sorted.pinned.as_deref()) {
                Fate::Again => sorted.again.push((position, error)),
                Fate::Dead => sorted.dead.push((position, error)),
                Fate::Final => {}
                Fate::Held => sorted.held.push((position, error)),
            }
        }
        sorted
    }

    fn follow(&self, facts: &Facts<'_>, plan: &RetryPlan, dice: f64) -> (Next, Option<Vec<u32>>) {
        let Self { again, dead, held, .. } = self;
        if let Some((_, error)) = held.first() {
            return (Next::Held { reason: reason(error) }, self.left(facts));
        }
        match (again.first(), dead.first()) {
            (None, None) => (Next::Done, None),
            (None, Some((_, error))) => (Next::Dead { reason: reason(error) }, self.left(facts)),
            (Some((_, error)), _) => match paused(again) {
                Some(by) => (Next::Paused { by }, self.left(facts)),
                None => self.again(facts, plan, dice, error),
            },
        }
    }

    fn again(
        &self,
        facts: &Facts<'_>,
        plan: &RetryPlan,
        dice: f64,
        first: &Error,
    ) -> (Next, Option<Vec<u32>>) {
        let errors = || self.again.iter().map(|(_, error)| *error);
        let counted = !facts.leaving && errors().any(|error| !is_excused(error));
        let after = wait(errors(), facts, plan, counted, dice);
        let spent = counted && plan.is_spent(facts.attempt.saturating_sub(facts.excused));
        // What only waits for its turn at our own limit may be as old as it likes.
        let own_limit = errors().all(|error| is_own_limit(error, facts));
        let too_old = !own_limit && !facts.leaving && plan.is_too_old(facts.age + after);
        if spent || too_old {
            let why = if spent { "no attempt is left" } else { "too old for another attempt" };
            return (Next::Dead { reason: format!("{why}: {}", reason(first)).into() }, self.left(facts));
        }
        let (pending, pinned) = (self.left(facts), self.pinned.clone());
        (Next::Later { after, counted, reason: reason(first), pending, pinned }, None)
    }

    /// Who is left, of the whole message; `None` if that is all of it.
    fn left(&self, facts: &Facts<'_>) -> Option<Vec<u32>> {
        let mut positions: Vec<usize> =
            self.again.iter().chain(&self.dead).chain(&self.held).map(|(position, _)| *position).collect();
        if positions.len() == facts.outcomes.len() {
            return facts.whom.map(<[u32]>::to_vec);
        }
        positions.sort_unstable();
        Some(positions.into_iter().map(|position| whole(facts.whom, position)).collect())
    }
}

/// The index in the whole message of who stands at `position` of those asked for.
pub(super) fn whole(whom: Option<&[u32]>, position: usize) -> u32 {
    let known = whom.and_then(|whom| whom.get(position).copied());
    // Recipients are counted by u32 in every delivery id.
    known.unwrap_or_else(|| u32::try_from(position).unwrap_or(u32::MAX))
}

/// The instance that may have taken what is to be tried again.
fn unsure_of(outcomes: &[Outcome], policy: OnUnknown) -> Option<Arc<str>> {
    if policy != OnUnknown::Retry {
        return None;
    }
    outcomes.iter().find_map(|outcome| match outcome {
        Outcome::Unknown(error) => error.provider().map(Into::into),
        _ => None,
    })
}

fn fate(outcome: &Outcome, facts: &Facts<'_>, pinned: Option<&str>) -> Fate {
    match outcome {
        Outcome::Accepted { .. } => Fate::Final,
        Outcome::Refused(error) if error.retry() != Retry::Never => Fate::Again,
        Outcome::Refused(error) => match error.fault() {
            Fault::Configuration | Fault::Provider => Fate::Dead,
            Fault::Message | Fault::Recipient => Fate::Final,
        },
        Outcome::Unknown(error) => match facts.on_unknown {
            OnUnknown::GiveUp => Fate::Final,
            OnUnknown::Hold => Fate::Held,
            // Two instances may each have taken a part; only one of them can be asked again.
            OnUnknown::Retry if error.provider() != pinned && error.provider().is_some() => Fate::Final,
            OnUnknown::Retry if error.retry() == Retry::Never && !facts.leaving => Fate::Dead,
            OnUnknown::Retry => Fate::Again,
        },
    }
}

/// True for failures of which the message is innocent, and that sent nothing.
fn is_excused(error: &Error) -> bool {
    let fault = matches!(error.fault(), Fault::Provider) || error.kind() == ErrorKind::Storage;
    error.is_passing() && fault
}

fn is_own_limit(error: &Error, facts: &Facts<'_>) -> bool {
    error.kind() == ErrorKind::RateLimited && !facts.asked
}

/// What is paused, if that is all that stands in the way.
fn paused(again: &[(usize, &Error)]) -> Option<Pause> {
    let all = again.iter().all(|(_, error)| error.kind() == ErrorKind::Paused);
    let name = again.iter().find_map(|(_, error)| error.provider());
    name.filter(|_| all).map(|name| Pause::Provider(name.into()))
}

/// The longest of several recipients' waits.
fn wait<'e>(
    errors: impl Iterator<Item = &'e Error>,
    facts: &Facts<'_>,
    plan: &RetryPlan,
    counted: bool,
    dice: f64,
) -> Duration {
    if facts.leaving {
        return Duration::ZERO;
    }
    let bound = if counted {
        plan.bound(facts.attempt.saturating_sub(facts.excused))
    } else {
        plan.excused_bound(facts.attempt)
    };
    let drawn = bound.mul_f64(dice.clamp(0.0, 1.0));
    let of = |error: &Error| match error.retry() {
        // Our own limit has given out a turn; to come later would waste it.
        Retry::After(turn) if is_own_limit(error, facts) => turn,
        Retry::After(asked) => asked.max(drawn),
        Retry::Backoff | Retry::Never => drawn,
    };
    errors.map(of).max().unwrap_or(drawn)
}

fn reason(error: &Error) -> Arc<str> {
    format!("{}: {}", error.kind(), error.message()).into()
}

/// What the attempt says about the channel's vendors.
fn signal(facts: &Facts<'_>) -> Signal {
    if facts.leaving || facts.outcomes.iter().any(Outcome::is_accepted) {
        return if facts.leaving { Signal::Silent } else { Signal::Clean };
    }
    let Some(error) = facts.outcomes.iter().find_map(Outcome::error) else { return Signal::Silent };
    let after = match error.retry() {
        Retry::After(wait) => wait,
        _ => Duration::ZERO,
    };
    match (error.kind(), error.fault()) {
        (ErrorKind::CircuitOpen, _) => Signal::Down(after),
        _ if !facts.asked => Signal::Silent,
        (ErrorKind::RateLimited, _) => Signal::Throttled(after),
        // Wrong credentials as well: thousands of messages need not die of them.
        (_, Fault::Provider | Fault::Configuration) => Signal::Down(after),
        (_, Fault::Message | Fault::Recipient) => Signal::Clean,
    }
}

#[cfg(test)]
mod tests;
