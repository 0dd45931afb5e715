//! Stores how messages ended: what comes together while one call is under way goes with the next.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::Notify;

use super::{backoff::Backoff, lease::Batch, stats::Counters};
use crate::{
    error::{ErrorKind, Result},
    storage::{Messages, Settlement},
    time::Clock,
};

/// How many ends one call stores.
const MOST: usize = 1_000;

/// The end of a message, and whose lease it ends.
#[derive(Debug)]
pub(super) struct End {
    pub(super) settlement: Settlement,
    pub(super) batch: Arc<Batch>,
    pub(super) place: usize,
    /// Whether the next message of its ordering key may go when this is stored.
    pub(super) frees: bool,
}

/// What is to be stored.
#[derive(Debug, Default)]
pub(super) struct Ends {
    state: Mutex<State>,
    came: Notify,
    /// Told when all is stored.
    empty: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<End>,
    under_way: usize,
    freed: bool,
}

impl Ends {
    /// Adds the end of a message.
    pub(super) fn add(&self, end: End) {
        let was_empty = {
            let mut state = self.lock();
            state.waiting.push(end);
            state.waiting.len() == 1
        };
        if was_empty {
            self.came.notify_one();
        }
    }

    /// True if messages may go now that had to wait for others of their ordering key; then it is forgotten.
    pub(super) fn take_freed(&self) -> bool {
        std::mem::take(&mut self.lock().freed)
    }

    /// How many are not stored yet.
    pub(super) fn open(&self) -> usize {
        let state = self.lock();
        state.waiting.len() + state.under_way
    }

    /// Ends when all is stored.
    pub(super) async fn stored(&self) {
        loop {
            let empty = self.empty.notified();
            if self.open() == 0 {
                return;
            }
            empty.await;
        }
    }

    async fn next(&self) -> Vec<End> {
        loop {
            let part = self.take();
            if !part.is_empty() {
                return part;
            }
            self.came.notified().await;
        }
    }

    fn take(&self) -> Vec<End> {
        let mut state = self.lock();
        let part = match state.waiting.len() {
            len if len > MOST => {
                let rest = state.waiting.split_off(MOST);
                std::mem::replace(&mut state.waiting, rest)
            }
            _ => std::mem::take(&mut state.waiting),
        };
        state.under_way = part.len();
        part
    }

    /// Notes that what was taken is stored; true if that was all.
    fn done(&self, frees: bool) -> bool {
        let is_empty = {
            let mut state = self.lock();
            state.under_way = 0;
            state.freed |= frees;
            state.waiting.is_empty()
        };
        if is_empty {
            self.empty.notify_waiters();
        }
        is_empty
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while pushing leaves a good list behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The task that stores ends, for as long as it is polled.
pub(super) struct Settler {
    pub(super) ends: Arc<Ends>,
    pub(super) messages: Arc<dyn Messages>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) counters: Arc<Counters>,
    /// Told when all is stored.
    pub(super) changed: Arc<Notify>,
}

impl Settler {
    pub(super) async fn run(self) {
        loop {
            let part = self.ends.next().await;
            self.store(&part).await;
            let frees = part.iter().any(|end| end.frees);
            if self.ends.done(frees) || frees {
                self.changed.notify_one();
            }
        }
    }

    /// Stores a part, however long the store is away: what is known must not be forgotten.
    async fn store(&self, part: &[End]) {
        let mut backoff = Backoff::default();
        loop {
            let settlements = part.iter().map(|end| end.settlement.clone()).collect();
            match self.messages.settle(settlements).await {
                Ok(answers) => return self.note(part, answers),
                Err(error) => {
                    self.counters.store_failures.one();
                    let wait = backoff.next();
                    tracing::warn!(%error, waiting = part.len(), ?wait, "ends of messages could not be stored yet");
                    self.clock.sleep_until(self.clock.monotonic() + wait).await;
                }
            }
        }
    }

    fn note(&self, part: &[End], answers: Vec<Result<()>>) {
        for (end, answer) in part.iter().zip(answers) {
            end.batch.over(end.place);
            match answer {
                Err(error) if error.kind() == ErrorKind::LeaseLost => {
                    self.counters.lease_lost.one();
                    let id = end.settlement.lease.id;
                    tracing::warn!(message = %id, "a lease was lost: the end of this attempt is not stored");
                }
                Err(error) => tracing::error!(%error, "the end of an attempt was refused by the store"),
                Ok(()) => {}
            }
        }
    }
}

/// How long all that is known may take to be stored when the worker leaves.
pub(super) const LAST_CALL: Duration = Duration::from_millis(700);
