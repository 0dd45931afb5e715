//! What the tasks of a worker share.

use std::sync::{
    Arc, Mutex, MutexGuard, PoisonError,
    atomic::{AtomicBool, Ordering},
};

use tokio::sync::Notify;

use super::{
    attempt::{Boxed, serve},
    config::Config,
    floor::{Floor, Limits},
    lease::Batch,
    pace::Signal,
    plan::RetryPlan,
    settle::Ends,
    stats::Counters,
};
use crate::{
    event::EventKind,
    message::Channel,
    messenger::Line,
    middleware::Pauses,
    storage::{Next, Settlement},
    time::Clock,
};

/// What the tasks of a worker share.
#[derive(Debug)]
pub(super) struct Crew {
    pub(super) line: Line,
    pub(super) config: Config,
    pub(super) plan: RetryPlan,
    pub(super) clock: Arc<dyn Clock>,
    floor: Mutex<Floor<Boxed>>,
    /// Told when the owner of the floor should look at it.
    pub(super) changed: Arc<Notify>,
    /// Told when messages that wait here must soon be let begin.
    pub(super) low: Notify,
    pub(super) ends: Arc<Ends>,
    pub(super) counters: Arc<Counters>,
    /// The claims whose leases are still needed.
    batches: Mutex<Vec<Arc<Batch>>>,
    /// Told when a claim was added.
    pub(super) claimed: Notify,
    /// The provider instances that are paused.
    pub(super) pauses: Pauses,
    leaving: AtomicBool,
}

impl Crew {
    pub(super) fn new(line: Line, config: Config, pauses: Pauses) -> Self {
        let limits = Limits {
            total: config.concurrency,
            channels: line.channels().into_iter().map(|channel| (channel, config.of(channel))).collect(),
            prefetch: config.prefetch,
        };
        Self {
            clock: line.cx().shared_clock(),
            plan: config.plan,
            line,
            config,
            floor: Mutex::new(Floor::new(&limits)),
            changed: Arc::default(),
            low: Notify::new(),
            ends: Arc::default(),
            counters: Arc::default(),
            batches: Mutex::default(),
            claimed: Notify::new(),
            pauses,
            leaving: AtomicBool::new(false),
        }
    }

    pub(super) fn floor(&self) -> MutexGuard<'_, Floor<Boxed>> {
        // Nothing in it can panic half-way.
        self.floor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a claim brought.
    pub(super) fn receive(&self, jobs: Vec<Boxed>) {
        let mut floor = self.floor();
        for job in jobs {
            match job.may_begin() {
                true => floor.add(job.ready.channel, job),
                false => floor.add_behind(job.ready.channel, job),
            }
        }
        if floor.is_low() {
            self.low.notify_one();
        }
    }

    /// Takes back what waits of those that `wanted` picks.
    pub(super) fn withdraw(&self, wanted: impl Fn(&Boxed) -> bool) -> Vec<Boxed> {
        let mut floor = self.floor();
        let taken = floor.take(wanted);
        if floor.is_low() {
            self.low.notify_one();
        }
        taken
    }

    /// A place is free again.
    pub(super) fn free(&self, channel: Channel, signal: Signal) {
        let now = self.clock.monotonic();
        if self.floor().end(channel, signal, now) {
            self.changed.notify_one();
        }
    }

    pub(super) fn leave(&self) {
        self.leaving.store(true, Ordering::Release);
    }

    pub(super) fn add(&self, batch: &Arc<Batch>) {
        let mut batches = self.batches();
        // Whoever renews comes late, and a fast worker would have claimed thousands by then.
        batches.retain(|batch| !batch.is_over());
        batches.push(Arc::clone(batch));
        drop(batches);
        self.claimed.notify_one();
    }

    /// The claims whose leases are still needed.
    pub(super) fn live(&self) -> Vec<Arc<Batch>> {
        let mut batches = self.batches();
        batches.retain(|batch| !batch.is_over());
        batches.clone()
    }

    fn batches(&self) -> MutexGuard<'_, Vec<Arc<Batch>>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn count(&self, settlement: &Settlement) {
        let counters = &self.counters;
        let any = |kind| settlement.events.iter().any(|event| event.kind == kind);
        match &settlement.next {
            Next::Dead { .. } => counters.dead.one(),
            Next::Done if any(EventKind::Accepted) => counters.sent.one(),
            Next::Done if any(EventKind::Expired) => counters.expired.one(),
            Next::Done => counters.failed.one(),
            Next::Held { .. } => counters.held.one(),
            Next::Later { counted: true, .. } => counters.retried.one(),
            Next::Later { counted: false, .. } => counters.excused.one(),
            Next::Paused { .. } => counters.paused.one(),
            Next::Returned => counters.returned.one(),
        }
    }
}

/// A task that serves one message after the other until none waits that may begin.
pub(super) async fn hand(crew: Arc<Crew>) {
    let mut place = Place { crew: &crew, left: false };
    while let Some(job) = place.next() {
        serve(&crew, job).await;
        // A vendor that answers at once would keep others from this thread.
        tokio::task::consume_budget().await;
    }
}

/// A task's place among those that serve; it is given up also if the task panics or is dropped.
struct Place<'a> {
    crew: &'a Crew,
    left: bool,
}

impl Place<'_> {
    fn next(&mut self) -> Option<Boxed> {
        let mut floor = self.crew.floor();
        let next = if self.crew.leaving.load(Ordering::Acquire) { None } else { floor.next() };
        let Some((job, has_room)) = next else {
            // Under one lock with the look: what is added now finds a place to fill.
            floor.leave();
            self.left = true;
            return None;
        };
        let is_low = floor.is_low();
        drop(floor);
        if has_room {
            self.crew.changed.notify_one();
        }
        if is_low {
            self.crew.low.notify_one();
        }
        Some(job)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.crew.floor().leave();
            self.crew.changed.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::messenger::Messenger;

    #[test]
    fn a_task_is_no_burden() {
        let worker = Messenger::preview().worker().build().expect("valid");
        let size = size_of_val(&hand(Arc::clone(&worker.crew)));
        assert!(size < 2_048, "{size} octets for each of hundreds of tasks");
    }
}
