//! One message, and what may become of it.

use std::sync::Arc;

use tidings::{
    Error, ErrorKind, Event, EventKind, Fingerprint, MessageId, Timestamp,
    message::Payload,
    storage::{Act, ActRecord, Lost, Next, Pause, Place, QueueState, Record, Settlement, Terms, Tracked},
};
use uuid::Uuid;

/// One message: its record and timeline, and its job as long as it is in the queue.
pub(crate) struct Row {
    pub(crate) record: Record,
    pub(crate) events: Vec<Event>,
    /// Of those that were enqueued, whose keys count.
    pub(crate) fingerprint: Option<Option<Fingerprint>>,
    pub(crate) job: Option<Job>,
}

pub(crate) struct Job {
    pub(crate) payload: Payload,
    pub(crate) terms: Terms,
    pub(crate) place: Place,
    pub(crate) since: Timestamp,
    pub(crate) excused: u32,
    pub(crate) pending: Option<Vec<u32>>,
    pub(crate) pinned: Option<Arc<str>>,
    pub(crate) lease: Option<Hold>,
    pub(crate) started: bool,
    pub(crate) cancel: bool,
    pub(crate) paused_by: Option<Pause>,
}

/// A lease, and whether its message may have begun.
#[derive(Clone, Copy)]
pub(crate) struct Hold {
    pub(crate) token: Uuid,
    pub(crate) until: Timestamp,
    /// The message's place in its claim.
    pub(crate) place: usize,
    pub(crate) begun: bool,
}

pub(crate) fn lease_lost(id: MessageId) -> Error {
    Error::new(ErrorKind::LeaseLost, "another worker has the message, or it left the queue")
        .with_message_id(id)
}

impl Row {
    /// An event that the message has already is not stored again.
    pub(crate) fn note(&mut self, event: Event) {
        if self.events.iter().all(|known| known.id() != event.id()) {
            self.events.push(event);
        }
    }

    /// An event of the store's own.
    pub(crate) fn tell(&mut self, kind: EventKind, now: Timestamp) {
        let Some(job) = &self.job else { return };
        let mut event = Event::new(self.record.id, kind, now);
        (event.generation, event.attempt) = (job.place.generation, job.place.attempts);
        self.note(event);
    }

    pub(crate) fn state(&self) -> Option<QueueState> {
        self.job.as_ref().map(|job| job.place.state)
    }

    pub(crate) fn tracked(&self) -> Tracked {
        let place = self.job.as_ref().map(|job| job.place.clone());
        Tracked::fold(self.record.clone(), &self.events).at_place(place)
    }

    /// The job, if this lease is on it.
    pub(crate) fn held(&mut self, token: Uuid) -> Option<&mut Job> {
        self.job.as_mut().filter(|job| job.lease.is_some_and(|hold| hold.token == token))
    }

    pub(crate) fn cancel(&mut self, now: Timestamp) {
        self.tell(EventKind::Cancelled, now);
        self.job = None;
    }

    pub(crate) fn recover(&mut self, now: Timestamp) {
        let Some(job) = &mut self.job else { return };
        let mut lost = Lost::new(self.record.id, job.terms.on_unknown, &job.place);
        (lost.started, lost.cancel) = (job.started, job.cancel);
        lost.begun = job.lease.is_some_and(|hold| hold.begun);
        let recovery = lost.recover(now);
        (job.lease, job.started, job.place.losses) = (None, false, recovery.losses);
        job.place.reason = recovery.reason.or(job.place.reason.take());
        match recovery.state {
            Some(state) => job.place.state = state,
            None => self.job = None,
        }
        recovery.events.into_iter().for_each(|event| self.note(event));
    }

    pub(crate) fn settle(&mut self, end: Settlement, paused: bool, now: Timestamp) {
        let id = self.record.id;
        end.events.into_iter().filter(|event| event.message == id).for_each(|event| self.note(event));
        let Some(job) = &mut self.job else { return };
        (job.lease, job.started) = (None, false);
        let place = &mut job.place;
        place.attempts = place.attempts.max(end.attempts);
        place.losses = if end.next == Next::Returned { place.losses } else { 0 };
        if matches!(end.next, Next::Dead { .. } | Next::Held { .. } | Next::Paused { .. }) {
            job.pending = end.left.or(job.pending.take());
        }
        match end.next {
            Next::Done => self.job = None,
            Next::Dead { reason } => {
                (place.state, place.reason, job.cancel) = (QueueState::Dead, Some(reason), false);
            }
            _ if job.cancel => self.cancel(now),
            Next::Held { reason } => (place.state, place.reason) = (QueueState::Held, Some(reason)),
            Next::Paused { by } if paused => (place.state, job.paused_by) = (QueueState::Paused, Some(by)),
            Next::Later { after, counted, reason, pending, pinned } => {
                (place.due, place.reason) = (now + after, Some(reason));
                (job.pending, job.pinned) = (pending, pinned);
                job.excused += u32::from(!counted);
                job.wait();
            }
            _ => job.wait(),
        }
    }

    pub(crate) fn act(&mut self, record: &ActRecord, now: Timestamp) {
        let Some(job) = &mut self.job else { return };
        let event = record.event(self.record.id, job.place.generation, job.place.attempts, now);
        match record.act {
            Act::Hold => (job.place.state, job.place.reason) = (QueueState::Held, record.note.clone()),
            Act::Release => {
                job.place.reason = None;
                job.wait();
            }
            Act::Replay => {
                let generation = job.place.generation + 1;
                job.place = Place::new(QueueState::Ready, now);
                (job.place.generation, job.since, job.excused, job.pinned) = (generation, now, 0, None);
            }
            _ => self.job = None,
        }
        self.note(event);
    }
}

impl Job {
    pub(crate) fn wait(&mut self) {
        let suspect = self.place.losses >= 2;
        self.place.state = if suspect { QueueState::Suspect } else { QueueState::Ready };
        self.paused_by = None;
    }
}
