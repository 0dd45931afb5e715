//! `give_up`: after a crash nobody asks the vendor again, and nobody suffers who was not started.

use std::time::Duration;

use tidings::{Event, EventKind, MessageId, Messenger, OnUnknown, Status};

use crate::{
    fact::{Job, Point, Work},
    fleet::Fleet,
    judge::judge,
    messages,
    report::{Finding, Row},
    sink::Sink,
    stage::{Kind, Stage},
};

const WORK: Work = Work::new(8, Duration::from_secs(1)).attempt(Duration::from_millis(600));

/// Where the worker is killed, one a round.
const POINTS: [Point; 5] =
    [Point::Handed, Point::BeforeSettle, Point::BeforeStart, Point::AfterStart, Point::Claimed];

/// Messages in a round.
const COUNT: u32 = 40;

/// A crash after the vendor's accept gives no second copy, and touches no message that was not started.
pub(crate) async fn given_up(stage: Stage, kind: Kind) -> Finding {
    let rounds = stage.pick(25, 5);
    let mut total = Tally::default();
    for round in 0..rounds {
        total.add(self::round(&stage, kind, POINTS[round % POINTS.len()]).await);
    }
    let Tally { struck, accepted, untouched, second, mut finding } = total;
    let note = format!("{accepted} accepted at the crash, {untouched} claimed and not started");
    let row = Row { fault: "kill -9, give_up".into(), store: kind.word(), struck, second, ..Row::default() };
    finding.rows.push(row.note(note));
    finding.demand_struck(struck == rounds, || format!("only {struck} of {rounds} faults struck"));
    finding.demand_struck(accepted > 0, || "nothing was accepted at a crash".into());
    finding.demand_struck(untouched > 0, || "nothing was claimed and not started".into());
    finding
}

#[derive(Default)]
struct Tally {
    struck: usize,
    /// Taken by the vendor, started, and not settled at the crash.
    accepted: usize,
    /// Claimed, and not started at the crash.
    untouched: usize,
    second: usize,
    finding: Finding,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.struck += other.struck;
        self.accepted += other.accepted;
        self.untouched += other.untouched;
        self.second += other.second;
        self.finding.complaints.extend(other.finding.complaints);
    }
}

async fn round(stage: &Stage, kind: Kind, point: Point) -> Tally {
    let place = stage.place(kind).await;
    let desk = messages::desk(&place).await;
    let mut fleet = Fleet::new(stage.sink(Duration::from_millis(5)), place, WORK);
    let drafts = (0..COUNT).map(|number| messages::draft(number).on_unknown(OnUnknown::GiveUp));
    let ids = messages::enqueue(&desk, drafts).await;
    let first = fleet.start_to(Job::Work, point, stage.random(1..6));
    let at = fleet.sink.wait(Duration::from_secs(60), |log| log.is_at_point(first.who)).await;
    assert!(at.is_some(), "the worker never came to {point:?}");
    if !stage.faults {
        fleet.sink.release(first.who).await;
        first.end(WORK.grace).await;
        return Tally::default();
    }
    first.kill().await;
    let crashed = states_at_rest(&desk, &ids).await;
    let second = fleet.start(Job::Work);
    fleet.idle(Duration::from_secs(20)).await;
    second.end(WORK.grace).await;
    judged(&fleet.sink, &desk, &ids, &crashed).await
}

/// Where a message stood when its worker was dead.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// In a final state.
    Settled,
    /// Its attempt was counted.
    Started,
    /// It was leased, and no attempt counted.
    Untouched,
    /// Nobody had it.
    Waiting,
}

/// Where they stand when the server is done with what the dead worker had still asked of it.
async fn states_at_rest(desk: &Messenger, ids: &[MessageId]) -> Vec<State> {
    let mut before = states(desk, ids).await;
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = states(desk, ids).await;
        if now == before {
            return now;
        }
        before = now;
    }
}

async fn states(desk: &Messenger, ids: &[MessageId]) -> Vec<State> {
    let mut states = Vec::with_capacity(ids.len());
    for id in ids {
        let tracked = desk.tracked(*id).await.expect("the store answers").expect("it was enqueued");
        states.push(match tracked.place {
            None => State::Settled,
            Some(place) if place.attempts > 0 => State::Started,
            Some(place) if place.state == tidings::storage::QueueState::Leased => State::Untouched,
            Some(_) => State::Waiting,
        });
    }
    states
}

async fn judged(sink: &Sink, desk: &Messenger, ids: &[MessageId], crashed: &[State]) -> Tally {
    let open = |number: &u32| crashed[*number as usize] == State::Started;
    // What was started and not handed over is given up by its policy.
    let verdict = sink.see(|log| judge(log, (0..COUNT).filter(|number| !open(number))));
    let mut tally = Tally { struck: verdict.landed, second: verdict.second, ..Tally::default() };
    tally.finding.complaints = verdict.complaints(0);
    let second = verdict.second;
    tally.finding.demand(second == 0, || format!("{second} second copies in spite of give_up"));
    for (number, (id, state)) in (0..COUNT).zip(ids.iter().zip(crashed)) {
        let timeline = desk.timeline(*id).await.expect("the store answers");
        let good = match state {
            State::Started => is_unknown(&timeline),
            State::Settled | State::Untouched | State::Waiting => is_unharmed(&timeline),
        };
        tally.finding.demand(good, || format!("{number} was {state:?} at the crash; then: {timeline:?}"));
        let took = sink.see(|log| log.took(number));
        tally.accepted += usize::from(*state == State::Started && took);
        tally.untouched += usize::from(*state == State::Untouched);
    }
    tally
}

fn is_unknown(timeline: &[Event]) -> bool {
    Status::of(0, timeline) == Status::Unknown && timeline.iter().all(|e| e.kind != EventKind::Accepted)
}

fn is_unharmed(timeline: &[Event]) -> bool {
    let harm = [EventKind::Recovered, EventKind::Unknown, EventKind::Dead, EventKind::Refused];
    Status::of(0, timeline) == Status::Accepted && timeline.iter().all(|e| !harm.contains(&e.kind))
}
