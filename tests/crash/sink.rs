//! The vendor, in the parent: a line server that writes down every hand-over and all else that children say.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tidings::{Clock as _, Monotonic, SystemClock};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader},
    net::{UnixListener, UnixStream, unix::OwnedWriteHalf},
    sync::Notify,
};

use crate::{
    fact::{Fact, Line, Point, Told},
    log::Log,
};

/// How the vendor answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Mood {
    /// It refuses, for a passing reason.
    Down,
    /// It takes everything.
    Good,
    /// It takes everything, but says so of even numbers only.
    Half,
}

/// The vendor and its log.
#[derive(Clone)]
pub(crate) struct Sink {
    shared: Arc<Shared>,
}

struct Shared {
    path: PathBuf,
    state: Mutex<State>,
    changed: Notify,
    started: Monotonic,
}

struct State {
    log: Log,
    mood: Mood,
    /// How the vendor answers some processes.
    moods: HashMap<u32, Mood>,
    /// How long the vendor takes to answer.
    latency: Duration,
    /// Those who wait for [`Told::Go`]: which process, and its call.
    waiting: Vec<(u32, u64)>,
    /// How to reach each process.
    pens: HashMap<u32, Arc<Pen>>,
    /// Processes whose connections ended.
    gone: HashSet<u32>,
}

type Pen = tokio::sync::Mutex<OwnedWriteHalf>;

impl Sink {
    /// Listens at `path`.
    pub(crate) fn listen(path: &Path, latency: Duration) -> Self {
        let listener = UnixListener::bind(path).expect("a free path in our own folder");
        let (waiting, pens, gone, moods) = (Vec::new(), HashMap::new(), HashSet::new(), HashMap::new());
        let state = State { log: Log::default(), mood: Mood::Good, moods, latency, waiting, pens, gone };
        let started = SystemClock.monotonic();
        let shared = Shared { path: path.into(), state: Mutex::new(state), changed: Notify::new(), started };
        let sink = Self { shared: Arc::new(shared) };
        tokio::spawn(sink.clone().accept(listener));
        sink
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.shared.path.clone()
    }

    /// How long ago the case began.
    pub(crate) fn elapsed(&self) -> Duration {
        SystemClock.monotonic().since(self.shared.started)
    }

    /// Writes down one thing, as of now.
    pub(crate) fn note(&self, who: u32, fact: Fact) {
        self.note_at(self.elapsed(), who, fact);
    }

    /// Writes down one thing that happened at `at`.
    pub(crate) fn note_at(&self, at: Duration, who: u32, fact: Fact) {
        self.state().log.push(at, who, fact);
        self.shared.changed.notify_waiters();
    }

    /// From now on the vendor is in this mood.
    pub(crate) fn set_mood(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// From now on the vendor is in this mood when it hears this process.
    pub(crate) fn set_mood_for(&self, who: u32, mood: Mood) {
        self.state().moods.insert(who, mood);
    }

    /// What `look` sees in the log.
    pub(crate) fn see<T>(&self, look: impl FnOnce(&Log) -> T) -> T {
        look(&self.state().log)
    }

    /// Waits until `look` sees what it waits for; `None` when time is up.
    pub(crate) async fn wait<T>(&self, limit: Duration, look: impl FnMut(&Log) -> Option<T>) -> Option<T> {
        let mut look = look;
        self.wait_state(limit, |state| look(&state.log)).await
    }

    /// Waits until a process is heard of no more: all that it said is in the log.
    pub(crate) async fn wait_gone(&self, who: u32) {
        let gone = self.wait_state(Duration::from_secs(20), |state| state.gone.contains(&who).then_some(()));
        assert!(gone.await.is_some(), "process {who} is dead, but its connection lives");
    }

    /// Has a process wait for a blow at the so-and-so-many-th pass of `point`.
    pub(crate) async fn arm(&self, who: u32, point: Point, pass: u32) {
        self.tell(who, Told::Arm { point, pass }).await;
    }

    /// Has a process wait nowhere any more.
    pub(crate) async fn disarm(&self, who: u32) {
        self.tell(who, Told::Arm { point: Point::Enqueued, pass: u32::MAX }).await;
        // It may be on its way into the wait.
        tokio::time::sleep(Duration::from_millis(200)).await;
        self.release(who).await;
    }

    /// Lets go on all that wait at points of this process; answers how many.
    pub(crate) async fn release(&self, who: u32) -> usize {
        let (mine, others) = std::mem::take(&mut self.state().waiting).into_iter().partition(|w| w.0 == who);
        self.state().waiting = others;
        let mine: Vec<(u32, u64)> = mine;
        for (_, call) in &mine {
            self.tell(who, Told::Go { call: *call }).await;
        }
        mine.len()
    }

    /// Says something to a child, if it still lives.
    async fn tell(&self, who: u32, told: Told) {
        let mut line = serde_json::to_vec(&told).expect("plain data");
        line.push(b'\n');
        let pen = self.state().pens.get(&who).cloned();
        if let Some(pen) = pen {
            let _ = pen.lock().await.write_all(&line).await;
        }
    }

    async fn wait_state<T>(&self, limit: Duration, mut look: impl FnMut(&State) -> Option<T>) -> Option<T> {
        let until = tokio::time::Instant::now() + limit;
        loop {
            let changed = self.shared.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            if let Some(seen) = look(&self.state()) {
                return Some(seen);
            }
            // Cases also wait for things that are in no log: hence a look now and then.
            let next = until.min(tokio::time::Instant::now() + Duration::from_millis(200));
            let quiet = tokio::time::timeout_at(next, changed).await.is_err();
            if quiet && tokio::time::Instant::now() >= until {
                return look(&self.state());
            }
        }
    }

    async fn accept(self, listener: UnixListener) {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(self.clone().serve(stream));
        }
    }

    /// Hears one process until it ends. The first line says who it is.
    async fn serve(self, stream: UnixStream) {
        let (read, write) = stream.into_split();
        let mut lines = BufReader::new(read).lines();
        let Ok(Some(first)) = lines.next_line().await else { return };
        let who: u32 = first.parse().expect("a number");
        self.state().pens.insert(who, Arc::new(Pen::new(write)));
        self.note(who, Fact::Hello);
        // A line that a dying process did not end is no line: the vendor never got it whole.
        while let Ok(Some(line)) = lines.next_line().await {
            let Ok(line) = serde_json::from_str(&line) else { break };
            self.hear(who, line);
        }
        self.state().gone.insert(who);
        self.shared.changed.notify_waiters();
    }

    fn hear(&self, who: u32, line: Line) {
        let Line { call, mut fact } = line;
        match &mut fact {
            Fact::At(_) => self.state().waiting.push((who, call)),
            Fact::Handed(hand) => hand.took = self.answer(who, call, hand.number),
            _ => {}
        }
        self.note(who, fact);
    }

    /// The vendor's answer, given when its time has come; true if it takes the message.
    fn answer(&self, who: u32, call: u64, number: u32) -> bool {
        let (mood, latency) = {
            let state = self.state();
            (state.moods.get(&who).copied().unwrap_or(state.mood), state.latency)
        };
        let took = !matches!(mood, Mood::Down);
        let speaks = match mood {
            Mood::Down | Mood::Good => true,
            Mood::Half => number.is_multiple_of(2),
        };
        if speaks {
            let sink = self.clone();
            tokio::spawn(async move {
                tokio::time::sleep(latency).await;
                sink.tell(who, Told::Verdict { call, took }).await;
            });
        }
        took
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
