//! The way to a worker that runs.

use std::{
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::sync::{Notify, watch};

use super::stats::{Counters, WorkerStats};
use crate::time::{Clock, Monotonic};

/// What became of what a worker had in hand when it was shut down.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Attempts that ended by themselves in the time given.
    pub finished: usize,
    /// Messages that were handed back unharmed, since no attempt had begun.
    pub returned: usize,
    /// Attempts that were broken off; their outcome is unknown.
    pub broken_off: usize,
    /// Messages whose end could not be stored: another worker takes them when their leases end.
    pub unstored: usize,
}

/// What is between a worker and its handles.
#[derive(Debug)]
pub(super) struct Control {
    clock: Arc<dyn Clock>,
    pub(super) counters: Arc<Counters>,
    asked: Mutex<Option<Monotonic>>,
    pub(super) changed: Notify,
    running: AtomicBool,
    report: watch::Sender<Option<ShutdownReport>>,
}

impl Control {
    pub(super) fn new(clock: Arc<dyn Clock>, counters: Arc<Counters>) -> Self {
        Self {
            clock,
            counters,
            asked: Mutex::default(),
            changed: Notify::new(),
            running: AtomicBool::new(false),
            report: watch::channel(None).0,
        }
    }

    /// When the worker must have finished, if it was asked to leave.
    pub(super) fn leave_by(&self) -> Option<Monotonic> {
        *self.lock()
    }

    fn ask(&self, grace: Duration) {
        let by = self.clock.monotonic() + grace;
        {
            let mut asked = self.lock();
            *asked = Some(asked.map_or(by, |known| known.min(by)));
        }
        self.changed.notify_one();
    }

    /// The worker runs, until what is returned is dropped.
    pub(super) fn begin(self: &Arc<Self>) -> Running {
        self.running.store(true, Ordering::Release);
        self.report.send_replace(None);
        Running { control: Arc::clone(self), report: ShutdownReport::default() }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Monotonic>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A worker that runs; when it is dropped those who wait are told.
#[derive(Debug)]
pub(super) struct Running {
    control: Arc<Control>,
    pub(super) report: ShutdownReport,
}

impl Drop for Running {
    fn drop(&mut self) {
        self.control.running.store(false, Ordering::Release);
        self.control.report.send_replace(Some(self.report));
    }
}

/// A way to a worker: shuts it down and shows its numbers. Cheap to clone.
///
/// Dropping it changes nothing; a worker that was [spawned](super::Worker::spawn) runs on.
#[derive(Clone)]
pub struct WorkerHandle {
    control: Arc<Control>,
}

impl WorkerHandle {
    pub(super) fn new(control: Arc<Control>) -> Self {
        Self { control }
    }

    /// Asks the worker to leave, and waits until it has: at once it claims no more and hands back what
    /// has not begun; attempts under way have `grace` to end; then they are broken off, and what
    /// follows is as after any unknown outcome. It takes at most a second longer than `grace`.
    ///
    /// Of several calls the one that ends first holds. A worker that does not run leaves when it is run.
    pub async fn shutdown(&self, grace: Duration) -> ShutdownReport {
        let mut report = self.control.report.subscribe();
        self.control.ask(grace);
        if !self.is_running() {
            return report.borrow().unwrap_or_default();
        }
        let ended = report.wait_for(Option::is_some).await;
        ended.ok().and_then(|report| *report).unwrap_or_default()
    }

    /// True while the worker runs.
    pub fn is_running(&self) -> bool {
        self.control.running.load(Ordering::Acquire)
    }

    /// What it has done.
    pub fn stats(&self) -> WorkerStats {
        self.control.counters.read()
    }
}

impl fmt::Debug for WorkerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WorkerHandle")
            .field("running", &self.is_running())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
