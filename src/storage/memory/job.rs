//! Messages in the queue, and by what they are found.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use uuid::Uuid;

use super::ring::Slot;
use crate::{
    error::{Error, ErrorKind, Result},
    event::Event,
    id::{MessageId, TenantId},
    message::{Channel, Payload, Priority},
    storage::{
        Entry, Lease, Leased, Pause, Place, QueueState, Terms,
        recovery::{self, Lost},
    },
    time::Timestamp,
};

/// A message in the queue.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) slot: Slot,
    pub(super) payload: Payload,
    pub(super) terms: Terms,
    pub(super) state: QueueState,
    pub(super) due: Timestamp,
    /// When it was due for the first time in this generation.
    pub(super) since: Timestamp,
    /// Set while it is leased.
    pub(super) hold: Option<Hold>,
    /// Whether a start was written down since it was claimed.
    pub(super) started: bool,
    /// Whether someone asked to cancel it while a worker had it.
    pub(super) cancel: bool,
    pub(super) attempts: u32,
    pub(super) excused: u32,
    pub(super) losses: u32,
    pub(super) generation: u32,
    pub(super) pending: Option<Vec<u32>>,
    pub(super) pinned: Option<Arc<str>>,
    pub(super) paused_by: Option<Pause>,
    pub(super) reason: Option<Arc<str>>,
    /// The version of the suppression list that none of its recipients was on.
    pub(super) unsuppressed_at: Option<u64>,
}

/// A lease as the store knows it.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub(super) token: Uuid,
    pub(super) until: Timestamp,
    /// Its place in its claim.
    pub(super) place: usize,
    /// How many of its claim may have begun; one number for all of them.
    pub(super) mark: Arc<AtomicUsize>,
}

impl Hold {
    /// True if it may have begun.
    pub(super) fn has_begun(&self) -> bool {
        self.place < self.mark.load(Ordering::Relaxed)
    }

    /// Lets all of its claim begin, up to and with it.
    pub(super) fn begin(&self) {
        self.mark.fetch_max(self.place + 1, Ordering::Relaxed);
    }
}

impl Job {
    pub(super) fn new(entry: Entry, now: Timestamp) -> Self {
        Self {
            slot: Slot::enqueued(entry.record),
            payload: entry.payload,
            state: QueueState::Ready,
            due: entry.terms.due.unwrap_or(now),
            since: entry.terms.due.map_or(now, |due| due.max(now)),
            terms: entry.terms,
            hold: None,
            started: false,
            cancel: false,
            attempts: 0,
            excused: 0,
            losses: 0,
            generation: 0,
            pending: None,
            pinned: None,
            paused_by: None,
            reason: None,
            unsuppressed_at: None,
        }
    }

    pub(super) fn id(&self) -> MessageId {
        self.slot.record.id
    }

    pub(super) fn tenant(&self) -> &TenantId {
        &self.slot.record.tenant
    }

    pub(super) fn channel(&self) -> Channel {
        self.slot.record.channel
    }

    pub(super) fn octets(&self) -> usize {
        self.slot.octets + self.payload.bytes.len() + size_of::<Self>()
    }

    pub(super) fn place(&self) -> Place {
        Place {
            state: self.state,
            due: self.due,
            attempts: self.attempts,
            losses: self.losses,
            generation: self.generation,
            reason: self.reason.clone(),
        }
    }

    pub(super) fn lost(&self) -> Lost {
        Lost {
            id: self.id(),
            on_unknown: self.terms.on_unknown,
            started: self.started,
            begun: self.hold.as_ref().is_none_or(Hold::has_begun),
            cancel: self.cancel,
            attempts: self.attempts,
            losses: self.losses,
            generation: self.generation,
        }
    }

    /// The state in which it waits.
    pub(super) fn waits(&mut self) {
        self.state = recovery::waiting(self.losses);
        self.paused_by = None;
    }

    pub(super) fn lease(&mut self, hold: Hold, version: u64) -> Leased {
        let (lease, begun) = (Lease { id: self.id(), token: hold.token }, hold.has_begun());
        (self.state, self.hold, self.started) = (QueueState::Leased, Some(hold), false);
        let terms = Terms { due: Some(self.due), ..self.terms.clone() };
        Leased {
            key: self.slot.record.key.clone(),
            since: self.since,
            attempts: self.attempts,
            excused: self.excused,
            losses: self.losses,
            begun,
            generation: self.generation,
            pending: self.pending.clone(),
            pinned: self.pinned.clone(),
            unsuppressed: self.unsuppressed_at == Some(version),
            ..Leased::new(lease, self.tenant().clone(), self.payload.clone(), terms)
        }
    }

    /// The lease, if it is this one.
    pub(super) fn held_by(&self, lease: &Lease) -> Option<&Hold> {
        self.hold.as_ref().filter(|hold| hold.token == lease.token)
    }

    pub(super) fn note(&mut self, events: impl IntoIterator<Item = Event>) {
        for event in events {
            self.slot.append(event);
        }
    }
}

/// The answer to who names a lease that the message does not have.
pub(super) fn lease_lost(id: MessageId) -> Error {
    let why = "another worker has the message, or it left the queue; claim again to work on it";
    Error::new(ErrorKind::LeaseLost, why).with_message_id(id)
}

/// All messages in the queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    jobs: BTreeMap<MessageId, Job>,
    pub(super) index: Index,
    pub(super) octets: usize,
}

/// By what messages in the queue are found.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The order in which ready ones are claimed.
    pub(super) ready: BTreeSet<(Channel, Priority, Timestamp, MessageId)>,
    pub(super) suspects: BTreeSet<(Timestamp, MessageId)>,
    /// By the end of their leases.
    pub(super) leased: BTreeSet<(Timestamp, MessageId)>,
    ordered: HashMap<OrderKey, Ordered>,
}

type OrderKey = (TenantId, Arc<str>);

/// The messages of one ordering key.
#[derive(Debug, Default)]
struct Ordered {
    /// Neither dead nor held.
    alive: BTreeSet<MessageId>,
    leased: usize,
}

impl Queue {
    pub(super) fn len(&self) -> usize {
        self.jobs.len()
    }

    /// In the order of ids.
    pub(super) fn iter(&self) -> impl DoubleEndedIterator<Item = &Job> {
        self.jobs.values()
    }

    pub(super) fn job(&self, id: MessageId) -> Option<&Job> {
        self.jobs.get(&id)
    }

    pub(super) fn insert(&mut self, job: Job) {
        self.octets += job.octets();
        self.index.add(&job);
        self.jobs.insert(job.id(), job);
    }

    pub(super) fn remove(&mut self, id: MessageId) -> Option<Job> {
        let job = self.jobs.remove(&id)?;
        self.octets -= job.octets();
        self.index.remove(&job);
        Some(job)
    }

    /// Changes a message, and keeps it where it is found.
    pub(super) fn change<T>(&mut self, id: MessageId, change: impl FnOnce(&mut Job) -> T) -> Option<T> {
        let job = self.jobs.get_mut(&id)?;
        self.index.remove(job);
        self.octets -= job.octets();
        let answer = change(job);
        self.octets += job.octets();
        self.index.add(job);
        Some(answer)
    }

    /// The message that has this lease.
    pub(super) fn holder(&self, lease: &Lease) -> Result<(&Job, &Hold)> {
        let job = self.job(lease.id);
        job.and_then(|job| Some((job, job.held_by(lease)?))).ok_or_else(|| lease_lost(lease.id))
    }
}

impl Index {
    /// True if the order of its key lets this message go now.
    pub(super) fn is_next(&self, job: &Job) -> bool {
        let Some(key) = order_key(job) else { return true };
        let Some(ordered) = self.ordered.get(&key) else { return true };
        ordered.leased == 0 && ordered.alive.first() == Some(&job.id())
    }

    fn add(&mut self, job: &Job) {
        let id = job.id();
        match (job.state, &job.hold) {
            (QueueState::Ready, _) => drop(self.ready.insert(ready_key(job))),
            (QueueState::Suspect, _) => drop(self.suspects.insert((job.due, id))),
            (QueueState::Leased, Some(hold)) => drop(self.leased.insert((hold.until, id))),
            _ => {}
        }
        let Some(key) = order_key(job).filter(|_| is_alive(job)) else { return };
        let ordered = self.ordered.entry(key).or_default();
        ordered.alive.insert(id);
        ordered.leased += usize::from(job.state == QueueState::Leased);
    }

    fn remove(&mut self, job: &Job) {
        let id = job.id();
        match (job.state, &job.hold) {
            (QueueState::Ready, _) => drop(self.ready.remove(&ready_key(job))),
            (QueueState::Suspect, _) => drop(self.suspects.remove(&(job.due, id))),
            (QueueState::Leased, Some(hold)) => drop(self.leased.remove(&(hold.until, id))),
            _ => {}
        }
        let Some(key) = order_key(job).filter(|_| is_alive(job)) else { return };
        let Some(ordered) = self.ordered.get_mut(&key) else { return };
        ordered.alive.remove(&id);
        ordered.leased -= usize::from(job.state == QueueState::Leased);
        if ordered.alive.is_empty() {
            self.ordered.remove(&key);
        }
    }
}

fn ready_key(job: &Job) -> (Channel, Priority, Timestamp, MessageId) {
    (job.channel(), job.terms.priority, job.due, job.id())
}

fn order_key(job: &Job) -> Option<OrderKey> {
    Some((job.tenant().clone(), job.terms.ordering_key.clone()?))
}

/// Keeps those after it waiting.
const fn is_alive(job: &Job) -> bool {
    !matches!(job.state, QueueState::Dead | QueueState::Held)
}
