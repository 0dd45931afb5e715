//! The one that writes: a thread of its own with one connection, which puts what waits into groups.
//!
//! A thread and not a task: stores outlive the runtimes that they are used on. It starts with the first
//! write, ends when there was nothing to do for a while, and begins anew with the next.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::SqliteConnection;
use tokio::sync::{
    mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel},
    oneshot,
};

use super::{
    connect::{LOG_OCTETS, Waiting, begin_immediate, connect, for_writing, log_of},
    fault::{failed, is_busy},
    group::{Ask, Group, Job, Join, Op, Single, Work},
    tx::{Core, Tx, internal},
};
use crate::{
    error::{Error, ErrorKind, Result},
    time::{Clock, Monotonic, SystemClock},
};

/// After this long without work the thread ends and lets the file go.
const IDLE: Duration = Duration::from_secs(10);

/// How long the statements of one transaction should take at most; with the commit it stays below 20 ms.
const SPAN: Duration = Duration::from_millis(12);

/// How long others are let go first, after we had to wait for them.
const POLITE: Duration = Duration::from_secs(1);

/// How much is put into one group at least and at most, in rows.
const LEAST_ROOM: usize = 256;
const MOST_ROOM: usize = 8_192;

/// If the log cannot be begun anew, it is tried again after this long, and then after twice as long each time: nobody
/// else writes while it is tried.
const LOG_PAUSE: Duration = Duration::from_millis(150);
const LONGEST_LOG_PAUSE: Duration = Duration::from_secs(5);

/// The way to the writer.
#[derive(Debug)]
pub(super) struct Writer {
    core: Arc<Core>,
    thread: Mutex<Option<Thread>>,
}

#[derive(Debug)]
struct Thread {
    mail: UnboundedSender<Box<dyn Join>>,
    /// Ends with the thread.
    ended: oneshot::Receiver<()>,
}

impl Writer {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, thread: Mutex::default() }
    }

    /// Has something done together with what others ask for; one answer for each item.
    pub(super) async fn ask<O: Op>(&self, items: Vec<O::Item>) -> Result<Vec<Result<O::Answer>>> {
        if items.is_empty() {
            return Ok(Vec::new());
        }
        let (to, answer) = oneshot::channel();
        self.submit(Box::new(Ask::<O> { items, to }))?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    /// Has something done.
    pub(super) async fn run<W: Work>(&self, work: W) -> Result<W::Answer> {
        let (to, answer) = oneshot::channel();
        self.submit(Box::new(Single { work, done: None, to }))?;
        answer.await.unwrap_or_else(|_| Err(ended()))
    }

    fn submit(&self, mut wish: Box<dyn Join>) -> Result<()> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(Thread { mail, .. }) = &*thread {
            match mail.send(wish) {
                Ok(()) => return Ok(()),
                // It ended meanwhile, with all that it had done.
                Err(unsent) => wish = unsent.0,
            }
        }
        *thread = Some(start(&self.core, wish)?);
        Ok(())
    }

    /// Waits until all is written and the file is let go.
    pub(super) async fn close(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Thread { mail, ended }) = thread {
            drop(mail);
            // It answers by being dropped.
            let _ = ended.await;
        }
    }
}

fn ended() -> Error {
    internal("the thread that writes was lost; whether this was written is not known")
}

fn start(core: &Arc<Core>, first: Box<dyn Join>) -> Result<Thread> {
    let (mail, box_of_mail) = unbounded_channel();
    let (guard, ended) = oneshot::channel::<()>();
    // The receiver is right here.
    let _ = mail.send(first);
    let core = Arc::clone(core);
    let lost =
        |error| Error::new(ErrorKind::Storage, "no thread could be started that writes").with_source(error);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(lost)?;
    let live = move || {
        let _guard = guard;
        runtime.block_on(Hand::new(core, box_of_mail).live());
    };
    std::thread::Builder::new().name("tidings-sqlite".into()).spawn(live).map_err(lost)?;
    Ok(Thread { mail, ended })
}

/// Why a group was not written.
enum Fault {
    /// Nothing of it was tried.
    Before(Error),
    /// One of its parts failed, or the commit.
    Within(Error),
}

/// What the thread works with.
struct Hand {
    core: Arc<Core>,
    mail: UnboundedReceiver<Box<dyn Join>>,
    /// What did not fit into the last group, and what must be made good.
    next: VecDeque<Box<dyn Join>>,
    connection: Option<SqliteConnection>,
    /// How much is put into one group.
    room: usize,
    polite_until: Monotonic,
    log_until: Monotonic,
    log_pause: Duration,
}

impl Hand {
    fn new(core: Arc<Core>, mail: UnboundedReceiver<Box<dyn Join>>) -> Self {
        let (polite_until, log_until) = (Monotonic::default(), Monotonic::default());
        Self {
            core,
            mail,
            next: VecDeque::new(),
            connection: None,
            room: LEAST_ROOM,
            polite_until,
            log_until,
            log_pause: LOG_PAUSE,
        }
    }

    async fn live(mut self) {
        while let Some(first) = self.first().await {
            let (group, weight) = self.gather(first);
            self.conduct(group.jobs(), weight).await;
            self.rest().await;
        }
        if let Some(connection) = self.connection.take() {
            // What cannot be closed is closed by the end of the process.
            let _ = sqlx::Connection::close(connection).await;
        }
    }

    /// What comes next; `None` if it is time to end.
    async fn first(&mut self) -> Option<Box<dyn Join>> {
        if let Some(next) = self.next.pop_front() {
            return Some(next);
        }
        // A database in memory ends with its last connection.
        if self.core.memory {
            return self.mail.recv().await;
        }
        match tokio::time::timeout(IDLE, self.mail.recv()).await {
            Ok(next) => next,
            Err(_) => {
                self.mail.close();
                self.mail.try_recv().ok()
            }
        }
    }

    /// Puts what waits into one group, as much as there is room for.
    fn gather(&mut self, first: Box<dyn Join>) -> (Group, usize) {
        let mut group = Group::default();
        let mut weight = first.weight();
        first.join(&mut group);
        while let Some(next) = self.next.pop_front().or_else(|| self.mail.try_recv().ok()) {
            if weight + next.weight() > self.room {
                self.next.push_front(next);
                break;
            }
            weight += next.weight();
            next.join(&mut group);
        }
        (group, weight)
    }

    /// Writes a group. If a part of it fails, each is written alone: one's failure hurts no other.
    async fn conduct(&mut self, mut jobs: Vec<Box<dyn Job>>, weight: usize) {
        jobs.retain(|job| !job.is_unwanted());
        match self.transact(&mut jobs).await {
            Ok(took) => {
                self.learn(weight, took);
                self.answer(jobs, Ok(()));
            }
            Err(Fault::Before(error)) => self.answer(jobs, Err(error)),
            Err(Fault::Within(error)) => {
                let parts: Vec<_> = jobs.into_iter().flat_map(Job::parts).collect();
                if parts.len() == 1 {
                    return self.answer(parts, Err(error));
                }
                for part in parts {
                    self.alone(part).await;
                }
            }
        }
    }

    async fn alone(&mut self, part: Box<dyn Job>) {
        let mut jobs = [part];
        let outcome = self.transact(&mut jobs).await;
        let outcome = outcome.map(drop).map_err(|(Fault::Before(error) | Fault::Within(error))| error);
        self.answer(jobs, outcome);
    }

    fn answer(&mut self, jobs: impl IntoIterator<Item = Box<dyn Job>>, outcome: Result<()>) {
        let amends = jobs.into_iter().filter_map(|job| job.answer(outcome.clone()));
        self.next.extend(amends);
    }

    /// Does all of it in one transaction; answers how long its statements took.
    async fn transact(&mut self, jobs: &mut [Box<dyn Job>]) -> Result<Duration, Fault> {
        let mut connection = self.connection().await.map_err(Fault::Before)?;
        let core = Arc::clone(&self.core);
        let turn = core.hub.turns.lock().await;
        if begin_immediate(&mut connection).await.map_err(|e| Fault::Before(failed(e)))? {
            self.polite_until = SystemClock.monotonic() + POLITE;
        }
        let begun = SystemClock.monotonic();
        let mut tx = Tx { connection: &mut connection, core: &core, now: core.time.now(), wakes: false };
        // A connection on which something failed is dropped, and with it the transaction.
        for job in jobs {
            job.run(&mut tx).await.map_err(Fault::Within)?;
        }
        let (wakes, took) = (tx.wakes, SystemClock.monotonic().since(begun));
        commit(&mut connection).await.map_err(|e| Fault::Within(failed(e)))?;
        drop(turn);
        self.connection = Some(connection);
        if wakes {
            core.hub.tell();
        }
        Ok(took)
    }

    async fn connection(&mut self) -> Result<SqliteConnection> {
        match self.connection.take() {
            Some(connection) => Ok(connection),
            None => connect(&for_writing(&self.core.options)).await.map_err(failed),
        }
    }

    /// Fits the size of groups to how fast this disk and these messages are.
    fn learn(&mut self, weight: usize, took: Duration) {
        // Of small groups the fixed cost says nothing.
        if weight < LEAST_ROOM || took.is_zero() {
            return;
        }
        let fits = (SPAN.as_nanos() * weight as u128 / took.as_nanos()).min(MOST_ROOM as u128) as usize;
        self.room = usize::midpoint(self.room, fits).max(LEAST_ROOM);
    }

    /// Between two groups.
    async fn rest(&mut self) {
        let now = SystemClock.monotonic();
        if now >= self.log_until && self.log_octets() > 2 * LOG_OCTETS {
            self.shorten_log().await;
        }
        if now < self.polite_until {
            // Those who wait look at the lock from time to time only: it must be free then.
            tokio::time::sleep(Duration::from_micros(fastrand::u64(500..2_500))).await;
        }
    }

    fn log_octets(&self) -> u64 {
        std::fs::metadata(log_of(&self.core.file)).map_or(0, |file| file.len())
    }

    /// SQLite begins its log anew when nobody reads from it. Where there always is somebody, it would grow
    /// for ever: those who read from it now are waited for, and those who come meanwhile need it no more.
    async fn shorten_log(&mut self) {
        if let Some(connection) = &mut self.connection {
            // What does not work now is tried again soon.
            let _ = sqlx::raw_sql(SHORTEN_LOG).execute(connection).await;
        }
        if self.log_octets() <= 2 * LOG_OCTETS {
            self.log_pause = LOG_PAUSE;
            return;
        }
        self.log_until = SystemClock.monotonic() + self.log_pause;
        self.log_pause = (self.log_pause * 2).min(LONGEST_LOG_PAUSE);
    }
}

/// It waits longer than a transaction does.
const SHORTEN_LOG: &str =
    "PRAGMA busy_timeout = 500; PRAGMA wal_checkpoint(TRUNCATE); PRAGMA busy_timeout = 30";

async fn commit(connection: &mut SqliteConnection) -> sqlx::Result<()> {
    let waiting = Waiting::begin();
    loop {
        match sqlx::raw_sql("COMMIT").execute(&mut *connection).await {
            Ok(_) => return Ok(()),
            // Without a log, those who read are waited for.
            Err(error) if is_busy(&error) && waiting.goes_on() => waiting.pause().await,
            Err(error) => return Err(error),
        }
    }
}
