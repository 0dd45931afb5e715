//! `kill -9`, at random moments and at chosen points, while messages flow.

use std::{sync::Arc, time::Duration};

use tidings::storage::{QueueState, QueueStats};

use crate::{
    fact::{Job, Point, Work},
    fleet::Fleet,
    judge::{Verdict, judge},
    process::Process,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

/// Where processes are struck; between them, at random moments.
const POINTS: [Point; 4] = [Point::Handed, Point::BeforeSettle, Point::AfterSettle, Point::Claimed];

const WORK: Work = Work {
    concurrency: 16,
    lease: Duration::from_secs(1),
    attempt: Duration::from_millis(500),
    grace: Duration::from_secs(5),
};

/// Nothing is lost, and nothing is sent twice but what was open.
pub(crate) async fn killed(stage: Arc<Stage>, kind: Kind) -> Finding {
    let kills = stage.pick(100, 30);
    let total = stage.pick(10_000, 1_500);
    let processes = match kind {
        Kind::Postgres => 4,
        Kind::Memory | Kind::Sqlite => 1,
    };
    let fleet = Fleet::new(stage.sink(Duration::from_millis(3)), stage.place(kind).await, WORK);
    let mut flow = Flow::new(&stage, fleet, total, kills + processes);
    for _ in 0..processes {
        flow.start(None).await;
    }
    for turn in 0..kills {
        flow.strike(turn).await;
    }
    let stats = flow.drain(total).await;
    flow.finding(kind, total, kills, stats).await
}

/// A store that forgets must be found out: otherwise nothing above means anything.
pub(crate) async fn forgotten(stage: Arc<Stage>, kind: Kind) -> Finding {
    let fleet = Fleet::new(stage.sink(Duration::from_millis(20)), stage.place(kind).await, WORK);
    let mut flow = Flow::new(&stage, fleet, 200, 2);
    flow.start(None).await;
    flow.strike(0).await;
    flow.fleet.all_taken(0..200, Duration::from_secs(5)).await;
    let verdict = flow.fleet.sink.see(|log| judge(log, 0..200));
    let mut finding = Finding::default();
    finding.demand(verdict.landed == 1, || "no blow landed".into());
    finding.demand(!verdict.lost.is_empty(), || "a store that forgets lost nothing".into());
    finding
}

/// A process, and the numbers that it is to enqueue.
struct Slot {
    process: Process,
    numbers: Vec<u32>,
    /// True if it waits for its blow at a point that it was started with.
    waits: bool,
}

struct Flow<'a> {
    stage: &'a Stage,
    fleet: Fleet,
    slots: Vec<Slot>,
    /// The numbers that nobody was told to enqueue yet, one part for each start.
    parts: Vec<Vec<u32>>,
    at_points: usize,
}

impl<'a> Flow<'a> {
    fn new(stage: &'a Stage, fleet: Fleet, total: u32, starts: u32) -> Self {
        let numbers: Vec<u32> = (0..total).collect();
        let parts = numbers.chunks(total.div_ceil(starts) as usize).map(<[u32]>::to_vec).collect();
        Self { stage, fleet, slots: Vec::new(), parts, at_points: 0 }
    }

    /// Starts a process for the next part of the numbers, and for those that a dead one may not have enqueued.
    async fn start(&mut self, dead: Option<Vec<u32>>) {
        let left = dead.into_iter().flatten();
        let mut numbers: Vec<u32> =
            self.fleet.sink.see(|log| left.filter(|n| !log.is_enqueued(*n)).collect());
        numbers.extend(self.parts.pop().unwrap_or_default());
        let batch = self.stage.random(1..20) as usize;
        let job = Job::Flow { numbers: numbers.clone(), batch };
        let waits = self.stage.faults && self.stage.random(0..8) == 0;
        let process = match waits {
            true => self.fleet.start_to(job, Point::Enqueued, self.stage.random(1..4)),
            false => self.fleet.start(job),
        };
        self.slots.push(Slot { process, numbers, waits });
    }

    /// Kills a process while it has messages, and starts another in its place.
    async fn strike(&mut self, turn: u32) {
        if !self.stage.faults {
            return;
        }
        let waiting = self.slots.iter().position(|slot| slot.waits);
        let any = self.stage.random(0..self.slots.len() as u32) as usize;
        let Slot { process, numbers, waits } = self.slots.swap_remove(waiting.unwrap_or(any));
        match waits {
            true => self.at_point(process.who).await,
            false => self.await_moment(process.who, turn).await,
        }
        process.kill().await;
        self.start(Some(numbers)).await;
    }

    /// Waits for the moment of the blow.
    async fn await_moment(&mut self, who: u32, turn: u32) {
        let sink = &self.fleet.sink;
        let _ = sink.wait(Duration::from_secs(10), |log| (log.held_by(who) > 0).then_some(())).await;
        if turn % 2 == 0 {
            return tokio::time::sleep(Duration::from_micros(self.stage.random(0..60_000).into())).await;
        }
        let point = POINTS[self.stage.random(0..POINTS.len() as u32) as usize];
        sink.arm(who, point, self.stage.random(1..6)).await;
        self.at_point(who).await;
    }

    /// Waits until a process waits for its blow; if it never gets there it is struck wherever it is.
    async fn at_point(&mut self, who: u32) {
        let limit = Duration::from_secs(2);
        let is_there = self.fleet.sink.wait(limit, |log| log.is_at_point(who));
        self.at_points += usize::from(is_there.await.is_some());
    }

    /// Lets all end that still flows.
    async fn drain(&mut self, total: u32) -> QueueStats {
        while let Some(part) = self.parts.pop() {
            let job = Job::Flow { numbers: part.clone(), batch: 20 };
            let process = self.fleet.start(job);
            self.slots.push(Slot { process, numbers: part, waits: false });
        }
        self.fleet.all_taken(0..total, Duration::from_secs(60)).await;
        let stats = self.fleet.idle(Duration::from_secs(30)).await;
        for slot in self.slots.drain(..) {
            slot.process.end(WORK.grace * 2).await;
        }
        stats
    }

    async fn finding(self, kind: Kind, total: u32, kills: u32, stats: QueueStats) -> Finding {
        let verdict = self.fleet.sink.see(|log| judge(log, 0..total));
        let Verdict { landed, lost, beyond, .. } = &verdict;
        let note = format!("{total} messages, {} blows at chosen points", self.at_points);
        let row = Row::of("kill -9", kind.word(), &verdict).note(note);
        let mut finding = Finding::of(row, &verdict, kills as usize);
        let left = QueueState::ALL.map(|state| stats.depth(state));
        finding.demand(left == [0; 6], || format!("messages are left in the queue: {:?}", stats.depths));
        let bar = |name: &str| format!("crash.{}.{name}", kind.word());
        finding.bar(bar("landed"), *landed);
        finding.bar(bar("lost"), lost.len());
        finding.bar(bar("copies_beyond_open"), beyond.len());
        finding
    }
}
