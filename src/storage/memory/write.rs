//! What is written into the queue: new messages, leases, and their ends.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use super::{
    job::{Hold, Job, lease_lost},
    keys::{First, Key, key_of},
    state::{Limits, State},
    suppressions::List,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{MessageId, TenantId},
    storage::{
        Cancelled, Enqueued, Entry, Lease, Next, Pause, QueueState, Settlement, Suppression, recovery,
    },
    time::Timestamp,
};

impl State {
    /// All or nothing, but for the answers to keys that are there already.
    pub(super) fn enqueue(
        &mut self,
        entries: Vec<Entry>,
        list: &List,
        now: Timestamp,
    ) -> Result<Vec<Result<Enqueued>>> {
        self.keys.expire(now);
        let mut plan = Plan::default();
        let answers = entries.into_iter().map(|entry| self.plan(entry, &mut plan, list, now)).collect();
        self.has_room(&plan)?;
        self.rung += u64::from(!plan.jobs.is_empty());
        plan.keys.into_iter().for_each(|(key, first)| self.keys.insert(key, first));
        plan.jobs.into_iter().for_each(|job| self.queue.insert(job));
        Ok(answers)
    }

    fn plan(&self, entry: Entry, plan: &mut Plan, list: &List, now: Timestamp) -> Result<Enqueued> {
        let id = entry.record.id;
        let barred = if entry.unless_suppressed { list.of_all(&entry.record) } else { Vec::new() };
        Suppression::admit(&barred)?;
        let key = key_of(&entry.record);
        let first = key.as_ref().and_then(|key| self.keys.first(key).or_else(|| plan.keys.get(key).copied()));
        if let Some(first) = first {
            return first.answer(&entry);
        }
        if self.knows(&entry) || !plan.ids.insert(id) {
            return Ok(Enqueued::new(id, false));
        }
        plan.keys.extend(key.map(|key| (key, First::of(&entry))));
        let is_clear = entry.unless_suppressed && barred.iter().all(Option::is_none);
        let unsuppressed_at = is_clear.then_some(list.version);
        plan.jobs.push(Job { unsuppressed_at, ..Job::new(entry, now) });
        Ok(Enqueued::new(id, true))
    }

    /// A call that was repeated, since its answer was lost.
    fn knows(&self, entry: &Entry) -> bool {
        self.slot_of(&entry.record.tenant, entry.record.id).is_some()
    }

    fn has_room(&self, plan: &Plan) -> Result<()> {
        let Limits { queued, queued_octets, .. } = self.limits;
        let messages = self.queue.len() + self.keys.orphans() + plan.jobs.len();
        let octets = self.queue.octets + plan.jobs.iter().map(Job::octets).sum::<usize>();
        if plan.jobs.is_empty() || (messages <= queued && octets <= queued_octets) {
            return Ok(());
        }
        let why = format!(
            "the queue in memory is full: it holds at most {queued} messages and {queued_octets} octets, dead \
             letters and keys of the last 24 hours among them; let workers empty it, prune, allow more by \
             MemoryStore::with_queue_limits, or use a store on disk"
        );
        Err(Error::new(ErrorKind::Storage, why))
    }

    pub(super) fn start(&mut self, lease: &Lease, now: Timestamp) -> Result<u32> {
        let (_, hold) = self.queue.holder(lease)?;
        if hold.until <= now {
            return Err(lease_lost(lease.id));
        }
        let started = self.queue.change(lease.id, |job| {
            job.started = true;
            job.attempts = job.attempts.saturating_add(1);
            job.attempts
        });
        started.ok_or_else(|| lease_lost(lease.id))
    }

    pub(super) fn begin(&mut self, last: &Lease, now: Timestamp) -> Result<()> {
        let (_, hold) = self.queue.holder(last)?;
        if hold.until <= now {
            return Err(lease_lost(last.id));
        }
        hold.begin();
        Ok(())
    }

    pub(super) fn renew(&mut self, lease: &Lease, by: Duration, now: Timestamp) -> Result<()> {
        let (_, hold) = self.queue.holder(lease)?;
        let hold = Hold { until: now + by, ..hold.clone() };
        self.queue.change(lease.id, |job| job.hold = Some(hold));
        Ok(())
    }

    pub(super) fn settle(&mut self, settlement: Settlement, now: Timestamp) -> Result<()> {
        let Settlement { lease, tenant, next, attempts, events, left } = settlement;
        let (job, _) = self.queue.holder(&lease)?;
        if *job.tenant() != tenant {
            return Err(lease_lost(lease.id));
        }
        let paused = matches!(&next, Next::Paused { by } if self.pauses.contains(by));
        let frees = job.terms.ordering_key.is_some() || matches!(next, Next::Returned | Next::Paused { .. });
        let stays = self.queue.change(lease.id, |job| {
            job.note(events.into_iter().filter(|event| event.message == lease.id));
            job.attempts = job.attempts.max(attempts);
            if matches!(next, Next::Dead { .. } | Next::Held { .. } | Next::Paused { .. }) {
                job.pending = left.or(job.pending.take());
            }
            job.settle(next, paused, now)
        });
        if stays != Some(true) {
            self.finish(lease.id, None);
        }
        self.rung += u64::from(frees);
        Ok(())
    }

    pub(super) fn cancel(&mut self, tenant: &TenantId, id: MessageId, now: Timestamp) -> Cancelled {
        let Some(job) = self.job_of(tenant, id) else {
            let known = self.slot_of(tenant, id).is_some();
            return if known { Cancelled::Final } else { Cancelled::NotFound };
        };
        if job.state == QueueState::Leased {
            self.queue.change(id, |job| job.cancel = true);
            return Cancelled::InFlight;
        }
        let event = recovery::cancelled(id, job.generation, job.attempts, now);
        self.finish(id, [event]);
        Cancelled::Cancelled
    }

    pub(super) fn resume(&mut self, pause: &Pause) {
        self.pauses.remove(pause);
        let waiting = self.queue.iter().filter(|job| job.paused_by.as_ref() == Some(pause));
        let waiting: Vec<_> = waiting.map(Job::id).collect();
        for id in waiting {
            self.queue.change(id, Job::waits);
        }
        self.rung += 1;
    }
}

/// New messages, before it is known whether there is room for all.
#[derive(Default)]
struct Plan {
    jobs: Vec<Job>,
    ids: HashSet<MessageId>,
    keys: HashMap<Key, First>,
}

impl Job {
    /// Ends the lease; false if the message leaves the queue.
    fn settle(&mut self, next: Next, paused: bool, now: Timestamp) -> bool {
        (self.hold, self.started) = (None, false);
        let returned = matches!(next, Next::Returned);
        self.losses = if returned { self.losses } else { 0 };
        match next {
            Next::Done => return false,
            Next::Dead { reason } => (self.state, self.reason) = (QueueState::Dead, Some(reason)),
            // A wish to cancel that came meanwhile: nothing may keep it waiting.
            _ if self.cancel => {
                let event = recovery::cancelled(self.id(), self.generation, self.attempts, now);
                self.note([event]);
                return false;
            }
            Next::Held { reason } => (self.state, self.reason) = (QueueState::Held, Some(reason)),
            Next::Later { after, counted, reason, pending, pinned } => {
                self.waits();
                self.due = now + after;
                self.excused = self.excused.saturating_add(u32::from(!counted));
                (self.reason, self.pending, self.pinned) = (Some(reason), pending, pinned);
            }
            Next::Paused { by } if paused => (self.state, self.paused_by) = (QueueState::Paused, Some(by)),
            Next::Paused { .. } | Next::Returned => self.waits(),
        }
        self.cancel = false;
        true
    }
}
