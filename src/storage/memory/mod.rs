//! The store in memory: a queue, and a ring of the newest messages.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use self::{ring::Slot, state::State};
use super::{
    Act, ActRecord, Cancelled, Claim, Claimed, Enqueued, Entry, Filter, Lease, Messages, Page, Pause,
    QueueStats, Record, Retention, Scope, Settlement, Tracked, act_id,
};
use crate::{
    error::Result,
    event::Event,
    id::{DeliveryId, MessageId, TenantId},
    time::{Clock, SystemClock, Timestamp},
};

mod act;
mod claim;
mod documents;
mod files;
mod job;
mod keys;
mod limits;
mod ring;
mod state;
mod suppressions;
mod write;

/// Keeps everything in memory, as long as the process lives.
///
/// Messages in the queue stay there until they are final: when there are too many, `enqueue` says so.
/// Of messages in a final state the newest are kept, without bodies, until there are too many or they
/// take too much memory.
///
/// ```
/// let store = tidings::storage::MemoryStore::with_limits(1_000, 1 << 20);
/// assert!(store.is_empty());
/// ```
pub struct MemoryStore {
    clock: Arc<dyn Clock>,
    state: Mutex<State>,
    bell: Notify,
    files: files::Files,
    limits: limits::Limits,
    shelves: documents::Shelves,
    suppressions: suppressions::Suppressions,
}

impl Default for MemoryStore {
    /// Of messages in a final state 10,000 or 32 MiB; in the queue 100,000 or 256 MiB; of attachments 256 MiB.
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            state: Mutex::default(),
            bell: Notify::new(),
            files: files::Files::default(),
            limits: limits::Limits::default(),
            shelves: documents::Shelves::default(),
            suppressions: suppressions::Suppressions::default(),
        }
    }
}

impl MemoryStore {
    /// Keeps at most `messages` in a final state, and at most about `octets` of memory for them.
    pub fn with_limits(messages: usize, octets: usize) -> Self {
        let store = Self::default();
        {
            let limits = &mut store.state().limits;
            (limits.messages, limits.octets) = (messages, octets);
        }
        store
    }

    /// The same with at most `messages` in the queue, and at most about `octets` of memory for them,
    /// and as much again for their attachments.
    #[must_use]
    pub fn with_queue_limits(mut self, messages: usize, octets: usize) -> Self {
        {
            let limits = &mut self.state().limits;
            (limits.queued, limits.queued_octets) = (messages, octets);
        }
        self.files.limit_to(octets);
        self
    }

    /// The same with another clock, such as one that tests move by hand.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// How many messages are kept now, those in the queue among them.
    pub fn len(&self) -> usize {
        let state = self.state();
        state.ring.slots.len() + state.queue.len()
    }

    /// True if none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many octets they take.
    pub fn octets(&self) -> usize {
        let state = self.state();
        state.ring.octets + state.queue.octets
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is known, at a moment; wakes who waits if there is new work, and drops what is too much.
    fn write<T>(&self, change: impl FnOnce(&mut State, Timestamp) -> T) -> T {
        let now = self.clock.now();
        let (answer, rang) = {
            let mut state = self.state();
            let before = state.rung;
            let answer = change(&mut state, now);
            state.shrink();
            (answer, state.rung != before)
        };
        if rang {
            self.bell.notify_waiters();
        }
        answer
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state();
        f.debug_struct("MemoryStore")
            .field("final_messages", &state.ring.slots.len())
            .field("in_queue", &state.queue.len())
            .field("limits", &state.limits)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Messages for MemoryStore {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        let mut state = self.state();
        messages.into_iter().for_each(|(record, events)| state.record(record, events));
        state.shrink();
        Ok(())
    }

    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        self.write(|state, now| state.enqueue(entries, &self.suppressions.list(), now))
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        let version = || self.suppressions.list().version;
        Ok(self.write(|state, now| state.claim(claim, act_id(now), version(), now)))
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        Ok(self.write(|state, now| leases.iter().map(|lease| state.start(lease, now)).collect()))
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        self.write(|state, now| state.begin(last, now))
    }

    async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Result<()>>> {
        Ok(self.write(|state, now| leases.iter().map(|held| state.renew(held, lease, now)).collect()))
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        Ok(self.write(|state, now| settlements.into_iter().map(|end| state.settle(end, now)).collect()))
    }

    async fn cancel(&self, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>> {
        Ok(self.write(|state, now| ids.iter().map(|id| state.cancel(tenant, *id, now)).collect()))
    }

    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()> {
        let mut state = self.state();
        events.into_iter().for_each(|event| state.append(tenant, event));
        state.shrink();
        Ok(())
    }

    async fn act(
        &self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
    ) -> Result<ActRecord> {
        Ok(self.write(|state, now| state.act(scope, act, filter, note, now)))
    }

    async fn pause(&self, pause: &Pause) -> Result<()> {
        self.state().pauses.insert(pause.clone());
        Ok(())
    }

    async fn resume(&self, pause: &Pause) -> Result<()> {
        self.write(|state, _| state.resume(pause));
        Ok(())
    }

    async fn prune(&self, retention: &Retention) -> Result<u64> {
        self.prune_files();
        Ok(self.write(|state, now| state.prune(retention, now)))
    }

    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        let state = self.state();
        Ok(state.slot_of(tenant, id).map(|slot| state.tracked(slot)))
    }

    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        let state = self.state();
        Ok(state.slot_of(tenant, id).map(Slot::timeline).unwrap_or_default())
    }

    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        let state = self.state();
        Ok(state.list(scope, filter, page))
    }

    async fn stats(&self, scope: &Scope) -> Result<QueueStats> {
        let now = self.clock.now();
        Ok(self.state().stats(scope, now))
    }

    async fn acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>> {
        let state = self.state();
        let theirs =
            |record: &&ActRecord| scope.tenant().is_none_or(|only| record.tenant.as_ref() == Some(only));
        Ok(state.acts.iter().rev().filter(theirs).take(limit).cloned().collect())
    }

    async fn pauses(&self) -> Result<Vec<Pause>> {
        Ok(self.state().pauses.iter().cloned().collect())
    }

    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        let state = self.state();
        // Vendors call back about what is new, and a map would cost every send more than this.
        let newest = state.ring.slots.iter().rev().chain(state.queue.iter().rev().map(|job| &job.slot));
        let mut found =
            newest.filter_map(|slot| Some((slot, slot.delivery(provider, vendor_id, recipient)?)));
        Ok(found.next().map(|(slot, delivery)| (slot.record.tenant.clone(), delivery)))
    }

    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        let state = self.state();
        let slot = state.queue.job(id).map(|job| &job.slot).or_else(|| state.ring.slot(id));
        Ok(slot.map(|slot| slot.record.tenant.clone()))
    }

    async fn wake(&self) -> Result<()> {
        self.write(|state, _| state.rung += 1);
        Ok(())
    }

    /// Not `async`: what comes after the call ends it, whether it is awaited by then or not. Nor is
    /// work missed that came between a claim which found too little and the call.
    fn woken<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = ()> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let bell = self.bell.notified();
        let missed = {
            let state = self.state();
            state.rung != state.heard
        };
        Box::pin(async move {
            if !missed {
                bell.await;
            }
        })
    }
}

#[cfg(test)]
mod tests;
