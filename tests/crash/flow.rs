//! Messages that flow through processes while these are killed.

use std::time::Duration;

use tidings::storage::QueueStats;

use crate::{
    fact::{Job, Point},
    fleet::Fleet,
    log::Log,
    process::Process,
    stage::Stage,
};

/// Where workers are struck; as often, at random moments.
const POINTS: [Point; 4] = [Point::Handed, Point::BeforeSettle, Point::AfterSettle, Point::Claimed];

/// How messages get into the outbox.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Style {
    /// By `enqueue`. What a dead process may not have enqueued, another does again.
    Enqueue,
    /// In transactions of the application's own. What is interrupted stays as it is.
    Transact,
}

impl Style {
    fn job(self, numbers: Vec<u32>, batch: usize) -> Job {
        match self {
            Self::Enqueue => Job::Flow { numbers, batch },
            Self::Transact => Job::Transact { numbers },
        }
    }

    /// Where producers are struck.
    fn points(self) -> &'static [Point] {
        match self {
            Self::Enqueue => &[Point::Enqueued],
            Self::Transact => &[Point::InTransaction, Point::Committed],
        }
    }
}

/// A process, and the numbers that it has to bring in.
struct Slot {
    process: Process,
    numbers: Vec<u32>,
    /// True if it was started to wait for its blow at a point of the producer.
    waits: bool,
}

/// Processes that bring messages in and send them, and are killed.
pub(crate) struct Flow<'a> {
    pub(crate) fleet: Fleet,
    /// How many blows fell at chosen points.
    pub(crate) at_points: usize,
    stage: &'a Stage,
    style: Style,
    slots: Vec<Slot>,
    /// The numbers that no process has yet, one part for each start.
    parts: Vec<Vec<u32>>,
}

impl<'a> Flow<'a> {
    /// A flow of `total` messages through so many processes, counted by their starts.
    pub(crate) fn new(stage: &'a Stage, fleet: Fleet, style: Style, total: u32, starts: u32) -> Self {
        let numbers: Vec<u32> = (0..total).collect();
        let parts = numbers.chunks(total.div_ceil(starts) as usize).map(<[u32]>::to_vec).collect();
        Self { fleet, at_points: 0, stage, style, slots: Vec::new(), parts }
    }

    /// Keeps so many processes at work, and kills so many times.
    pub(crate) async fn run(&mut self, processes: u32, kills: u32) {
        for _ in 0..processes {
            self.start(Vec::new());
        }
        if self.stage.faults {
            self.strike_all(kills).await;
        }
        // What is left has no more blows to fear.
        let left: Vec<u32> = std::mem::take(&mut self.parts).into_iter().flatten().collect();
        if !left.is_empty() {
            let process = self.fleet.start(self.style.job(left.clone(), 20));
            self.slots.push(Slot { process, numbers: left, waits: false });
        }
        for slot in self.slots.iter().filter(|slot| slot.waits) {
            self.fleet.sink.disarm(slot.process.who).await;
        }
    }

    /// Ends all processes when nothing is left to do; the queue's numbers then.
    pub(crate) async fn end(&mut self) -> QueueStats {
        let stats = self.fleet.idle(Duration::from_secs(30)).await;
        for slot in self.slots.drain(..) {
            slot.process.end(self.fleet.work.grace * 2).await;
        }
        stats
    }

    /// Starts a process for the next part of the numbers, and for those that a dead one left.
    fn start(&mut self, left: Vec<u32>) {
        let mut numbers = left;
        numbers.extend(self.parts.pop().unwrap_or_default());
        let batch = self.stage.random(1..20) as usize;
        let mut orders = self.fleet.orders(self.style.job(numbers.clone(), batch));
        let waits = self.stage.faults && self.stage.random(0..6) == 0;
        if waits {
            orders.point = Some((self.one_of(self.style.points()), self.stage.random(1..4)));
        }
        let process = self.fleet.start_with(&orders);
        self.slots.push(Slot { process, numbers, waits });
    }

    /// Strikes until so many blows have landed; one that finds nothing to destroy does not count.
    async fn strike_all(&mut self, kills: u32) {
        let mut landed = 0;
        for turn in 0..kills * 2 {
            if landed == kills {
                break;
            }
            landed += u32::from(self.strike(turn).await);
        }
    }

    /// Kills a process while it has messages, and starts another in its place; true if it had some.
    async fn strike(&mut self, turn: u32) -> bool {
        let victim = self.victim().await;
        let Slot { process, numbers, waits } = self.slots.swap_remove(victim);
        match waits {
            true => self.at_point(process.who).await,
            false => self.moment(process.who, turn).await,
        }
        let landed = process.kill().await;
        let style = self.style;
        let is_left = |log: &Log, number: &u32| match style {
            Style::Enqueue => !log.is_enqueued(*number),
            Style::Transact => !log.is_begun(*number),
        };
        let left = self.fleet.sink.see(|log| numbers.into_iter().filter(|n| is_left(log, n)).collect());
        self.start(left);
        landed
    }

    /// The next to be struck: one that waits for it, or one of those that have messages.
    async fn victim(&self) -> usize {
        if let Some(waiting) = self.slots.iter().position(|slot| slot.waits) {
            return waiting;
        }
        let places = 0..self.slots.len();
        let busy = |log: &Log| {
            let held = |place: &usize| log.held_by(self.slots[*place].process.who) > 0;
            let busy: Vec<usize> = places.clone().filter(held).collect();
            (!busy.is_empty()).then_some(busy)
        };
        let busy = self.fleet.sink.wait(Duration::from_secs(5), busy).await;
        let busy = busy.unwrap_or(places.collect());
        busy[self.stage.random(0..busy.len() as u32) as usize]
    }

    /// Waits for the moment of the blow.
    async fn moment(&mut self, who: u32, turn: u32) {
        let sink = &self.fleet.sink;
        if turn.is_multiple_of(2) {
            return tokio::time::sleep(Duration::from_micros(self.stage.random(0..60_000).into())).await;
        }
        sink.arm(who, self.one_of(&POINTS), self.stage.random(1..6)).await;
        self.at_point(who).await;
    }

    /// Waits until a process waits for its blow; if it never gets there it is struck wherever it is.
    async fn at_point(&mut self, who: u32) {
        let limit = Duration::from_secs(2);
        let is_there = self.fleet.sink.wait(limit, |log| log.is_at_point(who)).await;
        self.at_points += usize::from(is_there.is_some());
    }

    fn one_of(&self, points: &[Point]) -> Point {
        points[self.stage.random(0..points.len() as u32) as usize]
    }
}
