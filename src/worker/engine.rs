//! The loop of a worker: looks, claims, and hands out; and the way in which it leaves.

use std::{future::Future, pin::Pin, sync::Arc, time::Duration};

use tokio::{task::JoinSet, time::timeout};

use super::{
    backoff::Backoff,
    claim::{Catch, claim},
    crew::{Crew, hand},
    handle::{Control, Running, ShutdownReport},
    keeper::{keep, look_at_pauses, watch_pauses},
    marks::move_marks,
    mind::{Found, Mind, Order, Step, View},
    settle::{LAST_CALL, Settler},
};
use crate::{
    error::{Error, Result},
    time::Monotonic,
};

/// A claim under way.
type Claiming = Pin<Box<dyn Future<Output = (Order, Result<Catch>)> + Send>>;

/// A worker that runs. Dropped, it breaks off all that is under way, and its leases expire.
pub(super) struct Engine {
    crew: Arc<Crew>,
    control: Arc<Control>,
    running: Running,
    mind: Mind,
    backoff: Backoff,
    hands: JoinSet<()>,
    helpers: JoinSet<()>,
    claiming: Option<Claiming>,
}

/// Why the loop ended.
enum Exit {
    /// Nothing is due.
    Idle,
    /// It was asked to leave by this moment.
    Leave(Monotonic),
    /// The store failed, and nobody wants to wait for it.
    Failed(Error),
}

/// What the loop woke up for.
enum Woken {
    Changed,
    Claimed(Order, Result<Catch>),
    Work,
}

impl Engine {
    /// Starts the helpers. To be called in the runtime that polls the worker.
    pub(super) async fn start(crew: Arc<Crew>, control: Arc<Control>, running: Running) -> Self {
        let config = &crew.config;
        let channels = crew.line.channels();
        let mind = Mind::new(config.concurrency, config.batch, config.prefetch, config.poll, channels);
        let mut helpers = JoinSet::new();
        let settler = Settler {
            ends: Arc::clone(&crew.ends),
            messages: Arc::clone(crew.line.messages()),
            clock: Arc::clone(&crew.clock),
            counters: Arc::clone(&crew.counters),
            changed: Arc::clone(&crew.changed),
        };
        helpers.spawn(settler.run());
        helpers.spawn(keep(Arc::clone(&crew)));
        helpers.spawn(move_marks(Arc::clone(&crew)));
        // Before the first claim: what is paused must not be sent to.
        look_at_pauses(&crew).await;
        helpers.spawn(watch_pauses(Arc::clone(&crew)));
        let (backoff, hands) = (Backoff::default(), JoinSet::new());
        Self { crew, control, running, mind, backoff, hands, helpers, claiming: None }
    }

    /// Works until it is asked to leave.
    pub(super) async fn run(mut self) -> ShutdownReport {
        loop {
            match self.work(false).await {
                Exit::Leave(by) => return self.leave(by).await,
                Exit::Idle | Exit::Failed(_) => {}
            }
        }
    }

    /// Works until nothing is due.
    pub(super) async fn run_until_idle(mut self) -> Result<()> {
        match self.work(true).await {
            Exit::Idle => Ok(()),
            Exit::Leave(by) => {
                self.leave(by).await;
                Ok(())
            }
            Exit::Failed(error) => {
                let soon = self.crew.clock.monotonic() + self.crew.config.lease / 3;
                self.leave(soon).await;
                Err(error)
            }
        }
    }

    async fn work(&mut self, until_idle: bool) -> Exit {
        let crew = Arc::clone(&self.crew);
        let messages = Arc::clone(crew.line.messages());
        let mut woken: Option<Pin<Box<dyn Future<Output = ()> + Send + '_>>> = None;
        loop {
            if let Some(by) = self.control.leave_by() {
                return Exit::Leave(by);
            }
            self.staff();
            let wait = match self.step() {
                Step::Idle(_) if until_idle => return Exit::Idle,
                Step::Idle(at) => Some(at),
                Step::Wait(at) => at,
                Step::Clear => continue,
                Step::Claim(_) => {
                    // Heard of again from just before a claim on: a store may ring until someone looks.
                    woken.get_or_insert_with(|| messages.woken());
                    continue;
                }
            };
            let sleep = async {
                match wait {
                    Some(at) => crew.clock.sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let happened = tokio::select! {
                biased;
                // First, and before a claim is polled for the first time: what is announced
                // after the claim's look must not be missed.
                () = poll_some(&mut woken) => Woken::Work,
                (order, catch) = poll_some(&mut self.claiming) => Woken::Claimed(order, catch),
                () = self.control.changed.notified() => Woken::Changed,
                () = crew.changed.notified() => Woken::Changed,
                () = sleep => Woken::Changed,
            };
            match happened {
                Woken::Changed => {}
                Woken::Claimed(order, catch) => {
                    self.claiming = None;
                    if let Some(error) = self.take(&order, catch).filter(|_| until_idle) {
                        return Exit::Failed(error);
                    }
                }
                Woken::Work => {
                    woken = None;
                    self.mind.wake();
                }
            }
        }
    }

    /// Does what is to be done now.
    fn step(&mut self) -> Step {
        self.give_back(false);
        if self.crew.ends.take_freed() {
            self.mind.wake();
        }
        if self.claiming.is_some() {
            return Step::Wait(None);
        }
        let view = self.view();
        let step = self.mind.next(&view);
        match &step {
            Step::Clear => self.give_back(true),
            Step::Claim(order) => {
                let (crew, order) = (Arc::clone(&self.crew), order.clone());
                if let Some(channel) = order.probe() {
                    crew.floor().probed(channel, view.now);
                }
                crew.floor().listen(&[], None);
                self.claiming = Some(Box::pin(async move {
                    let catch = claim(crew, order.clone()).await;
                    (order, catch)
                }));
            }
            Step::Idle(_) | Step::Wait(_) => {
                let (hungry, mark) = self.mind.listens();
                self.crew.floor().listen(&hungry, mark);
            }
        }
        step
    }

    fn view(&self) -> View {
        let now = self.crew.clock.monotonic();
        let unstored = self.crew.ends.open();
        let floor = self.crew.floor();
        View {
            now,
            under_way: floor.under_way(),
            waiting: floor.waiting(),
            unstored,
            free: floor.free(),
            rooms: floor.rooms(self.mind.is_guarded()),
            probes: floor.probes().collect(),
        }
    }

    /// Takes in what a claim brought; the error, if it failed.
    fn take(&mut self, order: &Order, catch: Result<Catch>) -> Option<Error> {
        let now = self.crew.clock.monotonic();
        match catch {
            Ok(catch) => {
                self.backoff.reset();
                let Catch { jobs, found, next_due, suspects, guarded } = catch;
                self.crew.floor().fed(&found, now);
                self.mind.found(order, &Found { counts: found, next_due, suspects, guarded }, now);
                self.crew.receive(jobs);
                None
            }
            Err(error) => {
                self.crew.counters.store_failures.one();
                let wait = self.backoff.next();
                tracing::warn!(%error, ?wait, "no work could be claimed yet");
                self.mind.failed(order, wait, now);
                Some(error)
            }
        }
    }

    fn give_back(&self, all: bool) {
        let back = self.crew.floor().put_back(all);
        back.into_iter().for_each(|job| job.give_back(&self.crew));
    }

    /// Sees to it that as many tasks serve as can.
    fn staff(&mut self) {
        // What they panicked of was noted by themselves.
        while self.hands.try_join_next().is_some() {}
        let missing = self.crew.floor().hire();
        for _ in 0..missing {
            self.hands.spawn(hand(Arc::clone(&self.crew)));
        }
    }

    /// Leaves: hands back what has not begun, waits for what has until `by`, and breaks the rest off.
    async fn leave(mut self, by: Monotonic) -> ShutdownReport {
        let crew = Arc::clone(&self.crew);
        let mut report = ShutdownReport { returned: crew.floor().waiting(), ..ShutdownReport::default() };
        self.give_back(true);
        if let Some(claiming) = self.claiming.take() {
            report.returned += last_claim(&crew, claiming, by).await;
        }
        let begun = crew.floor().under_way();
        finish(&crew, by).await;
        report.broken_off = crew.floor().under_way();
        report.finished = begun.saturating_sub(report.broken_off);
        self.break_off().await;
        let last = crew.clock.monotonic() + LAST_CALL;
        let _ = crew.line.cx().until(last, crew.ends.stored()).await;
        report.unstored = crew.ends.open();
        if report.returned + report.broken_off > 0 {
            // Others may have the time. They look anyway, so that no answer is waited for long.
            let _ = crew.line.cx().until(last, crew.line.messages().wake()).await;
        }
        self.helpers.abort_all();
        self.running.report = report;
        report
    }

    async fn break_off(&mut self) {
        self.crew.leave();
        self.hands.abort_all();
        let all = async { while self.hands.join_next().await.is_some() {} };
        // By the machine's time: an attempt that blocks its thread never hears of it.
        let _ = timeout(Duration::from_millis(200), all).await;
    }
}

/// What a claim under way still brings goes back; how many.
async fn last_claim(crew: &Crew, claiming: Claiming, by: Monotonic) -> usize {
    let by = by.max(crew.clock.monotonic() + LAST_CALL / 2);
    match crew.line.cx().until(by, claiming).await {
        Ok((_, Ok(catch))) => {
            let count = catch.jobs.len();
            catch.jobs.into_iter().for_each(|job| job.give_back(crew));
            count
        }
        _ => 0,
    }
}

/// Waits until nothing is under way, or until `by`.
async fn finish(crew: &Crew, by: Monotonic) {
    let quiet = async {
        while crew.floor().under_way() > 0 {
            crew.changed.notified().await;
        }
    };
    let _ = crew.line.cx().until(by, quiet).await;
}

/// The end of what is waited for, if it is.
async fn poll_some<F: Future + Unpin>(future: &mut Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => std::future::pending().await,
    }
}
