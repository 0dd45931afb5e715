//! The faults of a vendor, written down in the order in which they happen.

use std::{collections::VecDeque, time::Duration};

use crate::error::{Certainty, Error, ErrorKind, Retry};

/// What a [`Scripted`](super::Scripted) vendor does in one call.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step {
    /// The vendor takes the message, and its answer never comes.
    AcceptThenHang,
    /// The vendor takes nothing and answers so.
    Fail(Error),
    /// The vendor takes nothing and never answers.
    Hang,
    /// The vendor takes the message.
    Ok,
    /// The vendor takes nothing and asks to wait this long.
    RateLimited(Duration),
    /// The vendor refuses one recipient, for a reason of this kind, and takes the others.
    RefuseRecipient(usize, ErrorKind),
    /// The vendor takes the message; the connection breaks before its answer
    /// arrives, so the sender cannot know.
    ResetAfterSend,
    /// The connection cannot be made: the vendor certainly took nothing.
    ResetBeforeSend,
}

impl Step {
    /// The error that this step ends in, if it is one.
    pub(super) fn error(&self) -> Option<Error> {
        match self {
            Self::Fail(error) => Some(error.clone()),
            Self::RateLimited(wait) => {
                let error = Error::new(ErrorKind::RateLimited, "too many requests (scripted)");
                Some(error.with_retry(Retry::After(*wait)))
            }
            Self::ResetAfterSend => Some(reset("after", Certainty::Unknown)),
            Self::ResetBeforeSend => Some(reset("before", Certainty::NotSent)),
            _ => None,
        }
    }

    pub(super) fn hangs(&self) -> bool {
        matches!(self, Self::AcceptThenHang | Self::Hang)
    }

    /// True if the vendor takes the recipient at `position`.
    pub(super) fn takes(&self, position: usize) -> bool {
        match self {
            Self::AcceptThenHang | Self::Ok | Self::ResetAfterSend => true,
            Self::RefuseRecipient(refused, _) => *refused != position,
            _ => false,
        }
    }
}

pub(super) fn reset(when: &str, certainty: Certainty) -> Error {
    let text = format!("the connection was reset {when} the message was handed over (scripted)");
    Error::new(ErrorKind::Transport, text).with_certainty(certainty)
}

/// Steps, played one a call; then, if it says so, chances for ever.
///
/// ```
/// use std::time::Duration;
/// use tidings::testing::{Script, Scripted, Step};
///
/// let busy = Script::new().rate_limited(Duration::from_secs(2)).rate_limited(Duration::from_secs(4)).ok();
/// let shaky = Script::new().each(0.2, 42, Step::ResetBeforeSend);
/// let vendors = [Scripted::new(busy).named("a"), Scripted::new(shaky).named("b")];
/// ```
///
/// A call after the last step fails as `internal` and `not sent`, unless there
/// is [`then_always_ok`](Self::then_always_ok) or [`each`](Self::each).
#[derive(Clone, Debug, Default)]
#[must_use = "a script does nothing until it is given to a vendor"]
pub struct Script {
    steps: VecDeque<Step>,
    chances: Vec<Chance>,
    endless: bool,
}

#[derive(Clone, Debug)]
struct Chance {
    probability: f64,
    dice: fastrand::Rng,
    step: Step,
}

impl Script {
    /// A script without steps.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a step.
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push_back(step);
        self
    }

    /// The vendor takes the message.
    pub fn ok(self) -> Self {
        self.then(Step::Ok)
    }

    /// The vendor asks to wait this long.
    pub fn rate_limited(self, wait: Duration) -> Self {
        self.then(Step::RateLimited(wait))
    }

    /// The vendor takes the message, and its answer never comes.
    pub fn accept_then_hang(self) -> Self {
        self.then(Step::AcceptThenHang)
    }

    /// The vendor takes nothing and never answers.
    pub fn hang(self) -> Self {
        self.then(Step::Hang)
    }

    /// No connection: `transport`, not sent.
    pub fn reset_before_send(self) -> Self {
        self.then(Step::ResetBeforeSend)
    }

    /// The vendor takes the message, the answer is lost: `transport`, unknown.
    pub fn reset_after_send(self) -> Self {
        self.then(Step::ResetAfterSend)
    }

    /// The vendor refuses the recipient at `position` and takes the others.
    pub fn refuse_recipient(self, position: usize, kind: ErrorKind) -> Self {
        self.then(Step::RefuseRecipient(position, kind))
    }

    /// The vendor takes nothing and answers so.
    pub fn fail(self, error: Error) -> Self {
        self.then(Step::Fail(error))
    }

    /// After the last step the vendor takes everything.
    pub fn then_always_ok(mut self) -> Self {
        self.endless = true;
        self
    }

    /// After the last step: `step` with this probability in each call, else
    /// the message is taken. The same seed gives the same calls. Of several
    /// chances the first that hits is played.
    pub fn each(mut self, probability: f64, seed: u64, step: Step) -> Self {
        self.chances.push(Chance { probability, dice: fastrand::Rng::with_seed(seed), step });
        self.then_always_ok()
    }

    pub(super) fn next(&mut self) -> Step {
        if let Some(step) = self.steps.pop_front() {
            return step;
        }
        if !self.endless {
            let why = "the script has ended; add a step or `.then_always_ok()`";
            return Step::Fail(Error::new(ErrorKind::Internal, why).with_certainty(Certainty::NotSent));
        }
        let mut hit = None;
        for chance in &mut self.chances {
            // Every chance rolls in every call, or one would shift the others' fate.
            let hits = chance.dice.f64() < chance.probability;
            hit = hit.or(hits.then_some(&chance.step));
        }
        hit.cloned().unwrap_or(Step::Ok)
    }
}
