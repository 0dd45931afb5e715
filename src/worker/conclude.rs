//! From how an attempt ended to what is stored of it. Pure.

use std::sync::Arc;

use super::{
    decide::{Decision, Facts, decide, whole},
    pace::Signal,
    plan::RetryPlan,
};
use crate::{
    error::Error,
    event::{Event, EventKind},
    messenger::{Ended, Ready},
    provider::Outcome,
    storage::{Leased, Next, Settlement},
    time::Timestamp,
};

/// How an attempt ended.
#[derive(Debug)]
pub(super) struct Last {
    pub(super) ended: Ended,
    /// What happened on the way.
    pub(super) events: Vec<Event>,
    /// True if we broke it off because the worker leaves.
    pub(super) leaving: bool,
}

/// What is stored, and what it says about the channel's vendors.
#[derive(Debug)]
pub(super) struct Conclusion {
    pub(super) settlement: Settlement,
    pub(super) signal: Signal,
}

/// Concludes the attempt after `ready.leased.attempts`.
pub(super) fn conclude(ready: &Ready, last: Last, plan: &RetryPlan, now: Timestamp) -> Conclusion {
    let leased = &ready.leased;
    let Last { ended, events, leaving } = last;
    match ended {
        Ended::Answered(outcomes) => answered(leased, &outcomes, events, plan, now, leaving),
        Ended::Expired => {
            let event = event(leased, EventKind::Expired, now);
            ended_without(leased, Next::Done, each(leased, None, event))
        }
        // One outcome for all of them.
        Ended::Failed(error) => answered(leased, &[Outcome::failed(error)], events, plan, now, leaving),
        Ended::Gone(name) => {
            let reason: Arc<str> = format!(
                "not_configured: the provider {name:?} may have taken the message and is not configured any \
                 more; configure it again and release the message, or cancel it"
            )
            .into();
            let mut event = event(leased, EventKind::Held, now);
            event.text = Some(Arc::clone(&reason));
            ended_without(leased, Next::Held { reason }, vec![event])
        }
        Ended::Unreadable(error) => {
            let reason: Arc<str> = format!("{}: {}", error.kind(), error.message()).into();
            let mut event = event(leased, EventKind::Dead, now);
            event.text = Some(Arc::clone(&reason));
            ended_without(leased, Next::Dead { reason }, each(leased, None, event))
        }
    }
}

/// No vendor was asked.
fn ended_without(leased: &Leased, next: Next, events: Vec<Event>) -> Conclusion {
    let settlement = Settlement::new(leased, next, leased.attempts, events);
    Conclusion { settlement, signal: Signal::Silent }
}

fn answered(
    leased: &Leased,
    outcomes: &[Outcome],
    mut events: Vec<Event>,
    plan: &RetryPlan,
    now: Timestamp,
    leaving: bool,
) -> Conclusion {
    let attempt = leased.attempts.saturating_add(1);
    let facts = Facts {
        outcomes,
        whom: leased.pending.as_deref(),
        asked: events.iter().any(|event| event.provider.is_some()),
        attempt,
        excused: leased.excused,
        age: now.since(leased.since),
        on_unknown: leased.terms.on_unknown,
        pinned: leased.pinned.as_ref(),
        leaving,
    };
    let Decision { next, left, signal } = decide(&facts, plan, fastrand::f64());
    match &next {
        Next::Done => events.extend(missing(leased, outcomes, &events, now)),
        Next::Dead { reason } => {
            events.extend(missing(leased, outcomes, &events, now));
            events.extend(each(leased, left.as_deref(), said(leased, EventKind::Dead, reason, now)));
        }
        Next::Held { reason } => {
            events.extend(each(leased, left.as_deref(), said(leased, EventKind::Held, reason, now)));
        }
        _ => {}
    }
    Conclusion { settlement: Settlement::new(leased, next, attempt, events).with_left(left), signal }
}

/// The outcomes that are not on the trail: no vendor was asked for them.
fn missing(leased: &Leased, outcomes: &[Outcome], events: &[Event], now: Timestamp) -> Vec<Event> {
    let speaks_for_all = outcomes.len() == 1;
    let mut missing = Vec::new();
    for (position, error) in outcomes.iter().enumerate().filter_map(|(at, o)| Some((at, o.error()?))) {
        let kind = EventKind::of_failure(error);
        let about = |event: &Event| {
            speaks_for_all || event.recipient == Some(whole(leased.pending.as_deref(), position))
        };
        if !events.iter().any(|event| event.kind == kind && about(event)) {
            let event = failed(leased, kind, error, now);
            missing.extend(match speaks_for_all {
                true => each(leased, None, event),
                false => each(leased, Some(&[whole(leased.pending.as_deref(), position)]), event),
            });
        }
    }
    missing
}

fn failed(leased: &Leased, kind: EventKind, error: &Error, now: Timestamp) -> Event {
    let mut event = event(leased, kind, now).with_error(error);
    event.provider = error.provider().map(Into::into);
    event
}

fn said(leased: &Leased, kind: EventKind, text: &Arc<str>, now: Timestamp) -> Event {
    let mut event = event(leased, kind, now);
    event.text = Some(Arc::clone(text));
    event
}

/// The event for each of those who are concerned: `left`, or who was pending, or everyone at once.
fn each(leased: &Leased, left: Option<&[u32]>, event: Event) -> Vec<Event> {
    match left.or(leased.pending.as_deref()) {
        Some(indices) => {
            indices.iter().map(|index| Event { recipient: Some(*index), ..event.clone() }).collect()
        }
        None => vec![event],
    }
}

fn event(leased: &Leased, kind: EventKind, now: Timestamp) -> Event {
    let mut event = Event::new(leased.lease.id, kind, now);
    event.generation = leased.generation;
    event.attempt = leased.attempts.saturating_add(1);
    event
}
