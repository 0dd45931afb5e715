//! What becomes of a message whose lease is over: one rule for every store of the crate.

use std::sync::Arc;

use super::{Place, QueueState};
use crate::{
    event::{Event, EventKind, OnUnknown},
    id::MessageId,
    time::Timestamp,
};

/// Losses after which a message is claimed alone.
pub(in crate::storage) const SUSPECT: u32 = 2;

/// Losses after which it is given up.
const DEAD: u32 = 3;

/// A message whose lease is over: what a store knows of it then.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Lost {
    /// The message.
    pub id: MessageId,
    /// Its policy.
    pub on_unknown: OnUnknown,
    /// Whether its start was written down since it was claimed.
    pub started: bool,
    /// Whether the mark of its claim has passed it.
    pub begun: bool,
    /// Whether someone asked meanwhile to cancel it.
    pub cancel: bool,
    /// How many attempts were counted.
    pub attempts: u32,
    /// How many workers were lost before, since it was last settled.
    pub losses: u32,
    /// Counts replays.
    pub generation: u32,
}

/// What becomes of a message whose worker was lost: to be stored as it stands, at once.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recovery {
    /// Where it stands; `None` if it leaves the queue.
    pub state: Option<QueueState>,
    /// How many workers were lost by now.
    pub losses: u32,
    /// Why it waits, or is dead; `None` is as before.
    pub reason: Option<Arc<str>>,
    /// What happened.
    pub events: Vec<Event>,
}

/// The state of a message that waits after so many losses.
pub(in crate::storage) const fn waiting(losses: u32) -> QueueState {
    if losses >= SUSPECT { QueueState::Suspect } else { QueueState::Ready }
}

/// Why a message waits of which so many workers were lost.
fn reason(losses: u32) -> Arc<str> {
    match losses {
        1 => "1 worker was lost that had it".into(),
        more => format!("{more} workers were lost that had it").into(),
    }
}

impl Lost {
    /// The message of this id and policy, at its place in the queue: not started, not cancelled, and passed by
    /// the mark of its claim.
    pub fn new(id: MessageId, on_unknown: OnUnknown, place: &Place) -> Self {
        let Place { attempts, losses, generation, .. } = *place;
        Self { id, on_unknown, started: false, begun: true, cancel: false, attempts, losses, generation }
    }

    /// What becomes of it by the contract of [`Messages`](super::Messages), `now` by the store's clock.
    pub fn recover(&self, now: Timestamp) -> Recovery {
        if self.is_loss() { self.count(now) } else { self.unharmed(now) }
    }

    /// Nobody can know more than: it was started, or it could have been.
    const fn is_loss(&self) -> bool {
        self.started || (self.begun && matches!(self.on_unknown, OnUnknown::Retry))
    }

    fn unharmed(&self, now: Timestamp) -> Recovery {
        let (state, events) = match self.cancel {
            true => (None, vec![cancelled(self.id, self.generation, self.attempts, now)]),
            false => (Some(waiting(self.losses)), Vec::new()),
        };
        Recovery { state, losses: self.losses, reason: None, events }
    }

    fn count(&self, now: Timestamp) -> Recovery {
        let losses = self.losses.saturating_add(1);
        let reason = reason(losses);
        let (state, kind) = self.verdict(losses);
        // With the reason, which counts: the next loss of the same attempt is another event.
        let events = std::iter::once(EventKind::Recovered).chain(kind);
        let events = events.map(|kind| self.event(kind, &reason, now)).collect();
        Recovery { state, losses, reason: Some(reason), events }
    }

    /// Where it stands after so many losses, and the event that says so.
    fn verdict(&self, losses: u32) -> (Option<QueueState>, Option<EventKind>) {
        match self.on_unknown {
            OnUnknown::GiveUp => (None, Some(EventKind::Unknown)),
            _ if self.cancel => (None, Some(EventKind::Cancelled)),
            OnUnknown::Hold => (Some(QueueState::Held), Some(EventKind::Held)),
            OnUnknown::Retry if losses >= DEAD => (Some(QueueState::Dead), Some(EventKind::Dead)),
            OnUnknown::Retry => (Some(waiting(losses)), None),
        }
    }

    fn event(&self, kind: EventKind, text: &Arc<str>, now: Timestamp) -> Event {
        let attempt = if self.started { self.attempts } else { self.attempts.saturating_add(1) };
        let mut event = own(self.id, kind, self.generation, now);
        (event.attempt, event.text) = (attempt, Some(Arc::clone(text)));
        event
    }
}

/// The event of a message that leaves the queue since someone withdrew it.
pub(in crate::storage) fn cancelled(id: MessageId, generation: u32, attempts: u32, now: Timestamp) -> Event {
    let mut event = own(id, EventKind::Cancelled, generation, now);
    event.attempt = attempts;
    event
}

/// The event of a dead letter that is sent again.
pub(in crate::storage) fn replayed(id: MessageId, generation: u32, now: Timestamp) -> Event {
    own(id, EventKind::Queued, generation, now)
}

fn own(id: MessageId, kind: EventKind, generation: u32, now: Timestamp) -> Event {
    let mut event = Event::new(id, kind, now);
    event.generation = generation;
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(9);

    fn lost(on_unknown: OnUnknown, started: bool, losses: u32) -> Lost {
        let id = MessageId::new(Timestamp::from_secs(1));
        Lost { id, on_unknown, started, begun: true, cancel: false, attempts: 4, losses, generation: 2 }
    }

    /// State, losses, and the kinds and attempts of events.
    fn verdict(lost: &Lost) -> (Option<QueueState>, u32, Vec<(String, u32)>) {
        let recovery = lost.recover(NOW);
        assert!(recovery.events.iter().all(|event| event.generation == 2 && event.at == NOW));
        let events = recovery.events.iter().map(|event| (event.kind.to_string(), event.attempt));
        (recovery.state, recovery.losses, events.collect())
    }

    fn events(kinds: &[(&str, u32)]) -> Vec<(String, u32)> {
        kinds.iter().map(|(kind, attempt)| ((*kind).to_owned(), *attempt)).collect()
    }

    #[test]
    fn the_whole_table() {
        use OnUnknown::{GiveUp, Hold, Retry};
        use QueueState::{Dead, Held, Ready, Suspect};
        type Row = (OnUnknown, bool, u32, Option<QueueState>, u32, &'static [(&'static str, u32)]);
        let rows: [Row; 10] = [
            (Retry, false, 0, Some(Ready), 1, &[("recovered", 5)]),
            (Retry, true, 0, Some(Ready), 1, &[("recovered", 4)]),
            (Retry, false, 1, Some(Suspect), 2, &[("recovered", 5)]),
            (Retry, false, 2, Some(Dead), 3, &[("recovered", 5), ("dead", 5)]),
            (Retry, true, 2, Some(Dead), 3, &[("recovered", 4), ("dead", 4)]),
            (Hold, false, 0, Some(Ready), 0, &[]),
            (Hold, false, 2, Some(Suspect), 2, &[]),
            (Hold, true, 0, Some(Held), 1, &[("recovered", 4), ("held", 4)]),
            (GiveUp, false, 0, Some(Ready), 0, &[]),
            (GiveUp, true, 0, None, 1, &[("recovered", 4), ("unknown", 4)]),
        ];
        for (policy, started, losses, state, after, kinds) in rows {
            let found = verdict(&lost(policy, started, losses));
            assert_eq!(found, (state, after, events(kinds)), "{policy:?}, started {started}, {losses}");
        }
    }

    #[test]
    fn what_the_mark_did_not_pass_is_unharmed_unless_it_was_started() {
        let beyond =
            |policy, started, losses| Lost { begun: false, ..lost(policy, started, losses) }.recover(NOW);
        let unharmed = |state, losses| Recovery { state: Some(state), losses, reason: None, events: vec![] };
        assert_eq!(beyond(OnUnknown::Retry, false, 0), unharmed(QueueState::Ready, 0));
        assert_eq!(beyond(OnUnknown::Retry, false, 2), unharmed(QueueState::Suspect, 2));
        assert_eq!(beyond(OnUnknown::Retry, true, 0).losses, 1);
    }

    #[test]
    fn what_was_cancelled_meanwhile_leaves_the_queue() {
        let rows = [
            (OnUnknown::Retry, false, events(&[("recovered", 5), ("cancelled", 5)])),
            (OnUnknown::Hold, true, events(&[("recovered", 4), ("cancelled", 4)])),
            (OnUnknown::Hold, false, events(&[("cancelled", 4)])),
            (OnUnknown::GiveUp, true, events(&[("recovered", 4), ("unknown", 4)])),
        ];
        for (policy, started, events) in rows {
            let lost = Lost { cancel: true, ..lost(policy, started, 2) };
            let (state, _, found) = verdict(&lost);
            assert_eq!((state, found), (None, events), "{policy:?}, started {started}");
        }
    }

    #[test]
    fn each_loss_of_an_attempt_is_an_event_of_its_own() {
        let lost = lost(OnUnknown::Retry, false, 0);
        let event = |losses| Lost { losses, ..lost.clone() }.recover(NOW).events.swap_remove(0);
        assert_eq!(event(0).id(), event(0).id(), "whoever recovers it");
        assert_ne!(event(0).id(), event(1).id());
    }

    #[test]
    fn the_reason_counts() {
        let reason = |losses| lost(OnUnknown::Retry, false, losses).recover(NOW).reason;
        assert_eq!(reason(0).as_deref(), Some("1 worker was lost that had it"));
        assert_eq!(reason(2).as_deref(), Some("3 workers were lost that had it"));
        assert_eq!(lost(OnUnknown::Hold, false, 2).recover(NOW).reason, None);
    }
}
