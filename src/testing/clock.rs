//! A clock that moves when it is told to.

use std::{
    collections::BTreeMap,
    fmt,
    future::Future,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll, Waker},
    time::Duration,
};

use async_trait::async_trait;
use tokio::sync::Notify;

use super::lock;
use crate::time::{Clock, Monotonic, Timestamp};

/// How often the next sleeper of an automatic clock lets others go first.
const PATIENCE: u32 = 64;

/// A [`Clock`] that moves when it is told to. Clones show the same time.
///
/// ```
/// use std::time::Duration;
/// use tidings::{Clock, Timestamp, testing::ManualClock};
/// # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
/// let clock = ManualClock::at(Timestamp::from_secs(1_000));
/// let sleeper = tokio::spawn({
///     let clock = clock.clone();
///     async move { clock.sleep_until(clock.monotonic() + Duration::from_secs(5)).await }
/// });
/// clock.sleepers_reach(1).await;
/// clock.advance(Duration::from_secs(5));
/// sleeper.await?;
/// assert_eq!(clock.now(), Timestamp::from_secs(1_005));
/// # Ok::<(), tokio::task::JoinError>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct ManualClock {
    shared: Arc<Shared>,
}

struct Shared {
    state: Mutex<State>,
    fell_asleep: Notify,
}

/// When a sleeper wakes, and a number that keeps those of one moment in order.
type Place = (Monotonic, u64);

struct State {
    wall: Timestamp,
    monotonic: Monotonic,
    sleepers: BTreeMap<Place, Waker>,
    places: u64,
    automatic: bool,
    idle: u32,
}

impl ManualClock {
    /// A clock whose wall shows `wall`, standing still.
    pub fn at(wall: Timestamp) -> Self {
        let state = State {
            wall,
            monotonic: Monotonic::default(),
            sleepers: BTreeMap::new(),
            places: 0,
            automatic: false,
            idle: 0,
        };
        Self { shared: Arc::new(Shared { state: Mutex::new(state), fell_asleep: Notify::new() }) }
    }

    /// The same clock, which from now on moves to its next sleeper by itself
    /// when nothing else happens.
    ///
    /// "Nothing else" is a guess: the next sleeper lets other tasks go first a
    /// number of times (64). It holds on a current-thread runtime without real
    /// I/O and without work in other threads.
    #[must_use]
    pub fn auto_advance(self) -> Self {
        let first = {
            let mut state = lock(&self.shared.state);
            state.automatic = true;
            state.next_waker()
        };
        wake(first);
        self
    }

    /// Moves both clocks and wakes, in order, the sleepers whose time has come.
    ///
    /// All of them see the time after the move.
    pub fn advance(&self, by: Duration) {
        let due = {
            let mut state = lock(&self.shared.state);
            let to = state.monotonic + by;
            state.advance_to(to)
        };
        wake(due);
    }

    /// Sets the wall clock alone, as a correction of the machine's time does.
    pub fn set_wall(&self, wall: Timestamp) {
        lock(&self.shared.state).wall = wall;
    }

    /// How many tasks sleep.
    pub fn sleepers(&self) -> usize {
        lock(&self.shared.state).sleepers.len()
    }

    /// Waits until at least `count` tasks sleep.
    ///
    /// # Panics
    /// If they do not within 20 seconds of the machine's time: a test that hangs says less.
    pub async fn sleepers_reach(&self, count: usize) {
        let patience = Duration::from_secs(20);
        if tokio::time::timeout(patience, self.asleep(count)).await.is_err() {
            panic!("{} tasks sleep after {patience:?}, and not {count}", self.sleepers());
        }
    }

    async fn asleep(&self, count: usize) {
        loop {
            let mut asleep = std::pin::pin!(self.shared.fell_asleep.notified());
            // Before the count is read, or one that falls asleep meanwhile is missed.
            asleep.as_mut().enable();
            if self.sleepers() >= count {
                return;
            }
            asleep.await;
        }
    }
}

fn wake(wakers: impl IntoIterator<Item = Waker>) {
    wakers.into_iter().for_each(Waker::wake);
}

impl State {
    fn advance_to(&mut self, to: Monotonic) -> Vec<Waker> {
        self.wall = self.wall + to.since(self.monotonic);
        self.monotonic = self.monotonic.max(to);
        self.idle = 0;
        let later = self.sleepers.split_off(&(self.monotonic, u64::MAX));
        let due = std::mem::replace(&mut self.sleepers, later);
        due.into_values().chain(self.next_waker()).collect()
    }

    /// The next sleeper of an automatic clock, which has to move it.
    fn next_waker(&self) -> Option<Waker> {
        self.sleepers.first_key_value().filter(|_| self.automatic).map(|(_, waker)| waker.clone())
    }

    fn new_place(&mut self, at: Monotonic) -> Place {
        self.places += 1;
        (at, self.places)
    }

    /// Leaves `place` with this waker; true if it is the next of an automatic clock.
    fn lie_down(&mut self, place: Place, waker: &Waker) -> bool {
        if self.sleepers.insert(place, waker.clone()).is_none() {
            self.idle = 0;
        }
        self.automatic && self.sleepers.first_key_value().is_some_and(|(first, _)| *first == place)
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        lock(&self.shared.state).wall
    }

    fn monotonic(&self) -> Monotonic {
        lock(&self.shared.state).monotonic
    }

    async fn sleep_until(&self, at: Monotonic) {
        Sleep { clock: self, at, place: None }.await;
    }
}

impl fmt::Debug for ManualClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.shared.state);
        f.debug_struct("ManualClock")
            .field("wall", &state.wall)
            .field("monotonic", &state.monotonic)
            .field("sleepers", &state.sleepers.len())
            .finish_non_exhaustive()
    }
}

struct Sleep<'a> {
    clock: &'a ManualClock,
    at: Monotonic,
    place: Option<Place>,
}

impl Future for Sleep<'_> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (clock, at) = (self.clock, self.at);
        let mut state = lock(&clock.shared.state);
        if state.monotonic >= at {
            return Poll::Ready(());
        }
        let new = self.place.is_none();
        let place = *self.place.get_or_insert_with(|| state.new_place(at));
        if !state.lie_down(place, cx.waker()) {
            drop(state);
            if new {
                clock.shared.fell_asleep.notify_waiters();
            }
            return Poll::Pending;
        }
        state.idle += 1;
        let due = if state.idle > PATIENCE { state.advance_to(at) } else { Vec::new() };
        let ready = state.monotonic >= at;
        drop(state);
        wake(due);
        if new {
            clock.shared.fell_asleep.notify_waiters();
        }
        if ready {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        let next = {
            let mut state = lock(&self.clock.shared.state);
            match state.sleepers.remove(&place) {
                Some(_) => state.next_waker(),
                None => None,
            }
        };
        wake(next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn clock() -> ManualClock {
        ManualClock::at(Timestamp::from_secs(100))
    }

    const fn secs(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn sleeping(
        clock: &ManualClock,
        seconds: u64,
        log: &Arc<Mutex<Vec<u64>>>,
    ) -> tokio::task::JoinHandle<()> {
        let (clock, log) = (clock.clone(), Arc::clone(log));
        tokio::spawn(async move {
            clock.sleep_until(clock.monotonic() + secs(seconds)).await;
            lock(&log).push(seconds);
        })
    }

    #[tokio::test]
    async fn sleepers_wake_in_the_order_of_their_times() {
        let (clock, log) = (clock(), Arc::default());
        let tasks: Vec<_> = [3, 1, 9, 2].map(|s| sleeping(&clock, s, &log)).into();
        clock.sleepers_reach(4).await;
        clock.advance(secs(3));
        assert_eq!(clock.sleepers(), 1);
        for task in tasks.into_iter().enumerate().filter(|(i, _)| *i != 2).map(|(_, task)| task) {
            task.await.expect("woken");
        }
        assert_eq!(*lock(&log), [1, 2, 3]);
        assert_eq!(clock.now(), Timestamp::from_secs(103));
    }

    #[tokio::test]
    async fn a_dropped_sleep_leaves_nothing_behind() {
        let clock = clock();
        let at = clock.monotonic() + secs(5);
        let sleep = tokio::spawn({
            let clock = clock.clone();
            async move { clock.sleep_until(at).await }
        });
        clock.sleepers_reach(1).await;
        sleep.abort();
        assert!(sleep.await.expect_err("aborted").is_cancelled());
        assert_eq!(clock.sleepers(), 0);
    }

    #[tokio::test]
    async fn what_has_passed_is_not_waited_for() {
        let clock = clock();
        clock.advance(secs(5));
        clock.sleep_until(Monotonic::from_start(secs(5))).await;
    }

    #[test]
    fn the_wall_jumps_alone() {
        let clock = clock();
        clock.set_wall(Timestamp::from_secs(7));
        assert_eq!((clock.now(), clock.monotonic()), (Timestamp::from_secs(7), Monotonic::default()));
    }

    #[tokio::test]
    async fn an_automatic_clock_runs_through_all_sleeps() {
        let (clock, log) = (clock().auto_advance(), Arc::default());
        for task in [300, 100, 900, 200].map(|s| sleeping(&clock, s, &log)) {
            task.await.expect("woken");
        }
        assert_eq!(*lock(&log), [100, 200, 300, 900]);
        assert_eq!(clock.monotonic(), Monotonic::from_start(secs(900)));
    }

    #[tokio::test]
    async fn an_automatic_clock_lets_work_end_before_it_moves() {
        let clock = clock().auto_advance();
        let cx = crate::CallContext::new(Arc::new(clock.clone()));
        let work = async {
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
        };
        cx.until(clock.monotonic() + secs(30), work).await.expect("in time");
        assert_eq!((clock.monotonic(), clock.sleepers()), (Monotonic::default(), 0));
        let never = std::future::pending::<()>();
        cx.until(clock.monotonic() + secs(30), never).await.expect_err("too late");
    }

    #[tokio::test]
    async fn when_the_next_sleeper_is_dropped_the_one_after_moves_the_clock() {
        let (clock, log) = (clock(), Arc::default());
        let (first, second) = (sleeping(&clock, 1, &log), sleeping(&clock, 2, &log));
        clock.sleepers_reach(2).await;
        let _automatic = clock.clone().auto_advance();
        first.abort();
        second.await.expect("woken");
        assert_eq!(*lock(&log), [2]);
    }
}
