//! All that the store knows, behind one lock.

use std::collections::BTreeSet;

use super::{
    job::{Job, Queue},
    keys::Keys,
    ring::{Ring, Slot},
};
use crate::{
    event::Event,
    id::{MessageId, TenantId},
    storage::{ActRecord, Filter, Page, Pause, Record, Scope, Tracked},
};

/// How much may be kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Of messages in a final state.
    pub(super) messages: usize,
    pub(super) octets: usize,
    /// Of messages in the queue.
    pub(super) queued: usize,
    pub(super) queued_octets: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { messages: 10_000, octets: 32 << 20, queued: 100_000, queued_octets: 256 << 20 }
    }
}

#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) limits: Limits,
    pub(super) ring: Ring,
    pub(super) queue: Queue,
    pub(super) keys: Keys,
    pub(super) pauses: BTreeSet<Pause>,
    /// The newest last.
    pub(super) acts: Vec<ActRecord>,
    /// How often there was new work, and up to which of them claims have looked.
    pub(super) rung: u64,
    pub(super) heard: u64,
}

impl State {
    pub(super) fn record(&mut self, record: Record, events: Vec<Event>) {
        let known = self.queue.len() > 0 && self.queue.job(record.id).is_some();
        if !known {
            self.ring.insert(Slot::new(record, events));
        }
    }

    pub(super) fn append(&mut self, tenant: &TenantId, event: Event) {
        let Some(event) = self.ring.append(tenant, event) else { return };
        if self.queue.job(event.message).is_some_and(|job| job.tenant() == tenant) {
            self.queue.change(event.message, |job| job.note([event]));
        }
    }

    /// Drops the oldest in a final state until the rest fits; their keys stay for a while.
    pub(super) fn shrink(&mut self) {
        let Limits { messages, octets, .. } = self.limits;
        while let Some(slot) = self.ring.surplus(messages, octets) {
            if slot.enqueued {
                self.keys.orphan(slot.record);
            }
        }
    }

    /// Takes a message out of the queue that is final.
    pub(super) fn finish(&mut self, id: MessageId, events: impl IntoIterator<Item = Event>) {
        let Some(mut job) = self.queue.remove(id) else { return };
        job.note(events);
        self.rung += u64::from(job.terms.ordering_key.is_some());
        self.ring.insert(job.slot);
    }

    pub(super) fn job_of(&self, tenant: &TenantId, id: MessageId) -> Option<&Job> {
        self.queue.job(id).filter(|job| job.tenant() == tenant)
    }

    pub(super) fn slot_of(&self, tenant: &TenantId, id: MessageId) -> Option<&Slot> {
        let slot = self.queue.job(id).map(|job| &job.slot).or_else(|| self.ring.slot(id))?;
        (slot.record.tenant == *tenant).then_some(slot)
    }

    pub(super) fn tracked(&self, slot: &Slot) -> Tracked {
        let place = self.queue.job(slot.record.id).map(Job::place);
        Tracked::fold(slot.record.clone(), &slot.events).at_place(place)
    }

    /// The newest first: queue and ring are each in the order of ids.
    pub(super) fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Vec<Tracked> {
        let mut queued = self.queue.iter().rev().map(|job| (&job.slot, Some(job.state))).peekable();
        let mut done = self.ring.slots.iter().rev().map(|slot| (slot, None)).peekable();
        let newest = std::iter::from_fn(|| match (queued.peek(), done.peek()) {
            (Some((a, _)), Some((b, _))) if a.record.id < b.record.id => done.next(),
            (Some(_), _) => queued.next(),
            (None, _) => done.next(),
        });
        let matching = newest.filter(|(Slot { record, .. }, state)| {
            page.before.is_none_or(|before| record.id < before)
                && scope.covers(&record.tenant)
                && filter.matches(record, *state)
        });
        matching.take(page.limit).map(|(slot, _)| self.tracked(slot)).collect()
    }
}
