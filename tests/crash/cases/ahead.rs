//! What waits at a worker for its turn is not harmed by the worker's death, whatever its policy.

use std::{collections::HashSet, time::Duration};

use tidings::{EventKind, MessageId, Messenger, Status};

use crate::{
    fact::{Fact, Job, Point, Work},
    fleet::Fleet,
    judge::judge,
    log::Log,
    messages,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

const WORK: Work = Work::new(4, Duration::from_secs(1)).attempt(Duration::from_millis(600));

/// Where workers are killed, one after the other.
const POINTS: [Point; 5] =
    [Point::Claimed, Point::BeforeMark, Point::Handed, Point::AfterMark, Point::BeforeSettle];

/// Messages in a round.
const COUNT: u32 = 60;

/// Rows claimed but not started return unharmed: with policy `retry`, however many workers die that had them.
pub(crate) async fn unharmed(stage: Stage, kind: Kind) -> Finding {
    let mut finding = Finding::default();
    let mut row = Row { fault: "kill -9, ahead of their time".into(), store: kind.word(), ..Row::default() };
    let (mut returned, mut died) = (0, 0);
    for _ in 0..stage.pick(5, 1) {
        let round = round(&stage, kind).await;
        (row.struck, row.lost) = (row.struck + round.struck, row.lost + round.lost);
        (row.second, row.open) = (row.second + round.second, row.open + round.open);
        (returned, died) = (returned + round.returned, died + POINTS.len());
        finding.complaints.extend(round.complaints);
    }
    finding.demand_struck(row.struck == died, || format!("only {} of {died} faults struck", row.struck));
    finding.demand_struck(returned > 0, || "nothing was claimed and not begun".into());
    finding.rows.push(row.note(format!("{returned} times a message was claimed and not begun")));
    finding
}

#[derive(Default)]
struct Round {
    struck: usize,
    lost: usize,
    second: usize,
    open: usize,
    /// How often a message was claimed, and its worker died before it was let begin.
    returned: usize,
    complaints: Vec<String>,
}

/// Five workers die, one after the other, and the sixth sends all.
async fn round(stage: &Stage, kind: Kind) -> Round {
    let place = stage.place(kind).await;
    let desk = messages::desk(&place).await;
    let mut fleet = Fleet::new(stage.sink(Duration::from_millis(20)), place, WORK);
    let ids = messages::enqueue(&desk, (0..COUNT).map(messages::draft)).await;
    if !stage.faults {
        return Round::default();
    }
    for point in POINTS {
        let worker = fleet.start_to(Job::Work, point, 1);
        let at = fleet.sink.wait(Duration::from_secs(60), |log| log.is_at_point(worker.who)).await;
        assert!(at.is_some(), "the worker never came to {point:?}");
        worker.kill().await;
        // The next one has the same messages before it.
        fleet.expired(WORK.lease * 5).await;
    }
    let last = fleet.start(Job::Work);
    fleet.idle(Duration::from_secs(30)).await;
    last.end(WORK.grace).await;

    let verdict = fleet.sink.see(|log| judge(log, 0..COUNT));
    let mut round = Round { struck: verdict.landed, second: verdict.second, ..Round::default() };
    (round.lost, round.open) = (verdict.lost.len(), verdict.open);
    round.complaints = verdict.complaints(POINTS.len());
    for (number, id) in (0..COUNT).zip(&ids) {
        let harm = fleet.sink.see(|log| deaths(log, *id));
        round.returned += harm.unharmed;
        round.complaints.extend(judged(&desk, number, *id, &harm).await);
    }
    round
}

/// How many workers died that had a message.
#[derive(Debug, Default)]
struct Deaths {
    /// Before it was let begin.
    unharmed: usize,
    /// After that, or while the store was asked to; or it may have been among those of a claim whose answer nobody heard.
    harmed: usize,
}

fn deaths(log: &Log, id: MessageId) -> Deaths {
    let (mut held, mut ahead, mut claiming) = (HashSet::new(), HashSet::new(), HashSet::new());
    let mut deaths = Deaths::default();
    for entry in log.entries() {
        let who = entry.who;
        match &entry.fact {
            Fact::Claiming => claiming.extend([who]),
            Fact::Claimed(ids) => {
                claiming.remove(&who);
                if ids.contains(&id) {
                    held.insert(who);
                    // Of an earlier claim.
                    ahead.remove(&who);
                }
            }
            Fact::Ahead(ids) => ahead.extend(ids.contains(&id).then_some(who)),
            Fact::Beginning(ids) | Fact::Started(ids) if ids.contains(&id) => {
                ahead.remove(&who);
            }
            Fact::Settled(ids) if ids.contains(&id) => {
                held.remove(&who);
            }
            Fact::Killed if held.remove(&who) => match ahead.contains(&who) {
                true => deaths.unharmed += 1,
                false => deaths.harmed += 1,
            },
            Fact::Killed => deaths.harmed += usize::from(claiming.contains(&who)),
            _ => {}
        }
    }
    deaths
}

/// What is wrong with a message after so many deaths.
async fn judged(desk: &Messenger, number: u32, id: MessageId, deaths: &Deaths) -> Option<String> {
    let timeline = desk.timeline(id).await.expect("the store answers");
    let recovered = timeline.iter().filter(|event| event.kind == EventKind::Recovered).count();
    // Three workers that may have handed it over are enough to bury it; whether one did is judged with what is lost.
    let ended = Status::of(0, &timeline) == Status::Accepted || deaths.harmed >= 3;
    let good = ended && recovered <= deaths.harmed;
    (!good).then(|| format!("{number}, with {deaths:?}: {timeline:?}"))
}
