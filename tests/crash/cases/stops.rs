//! SIGSTOP past the lease, then SIGCONT: a worker that does not know that its time is over.

use std::time::Duration;

use tidings::{EventKind, MessageId, Messenger, storage::Pause};

use crate::{
    fact::{Fact, Job, Point, Work},
    fleet::Fleet,
    judge::judge,
    log::Log,
    messages,
    process::Process,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

const WORK: Work = Work::new(8, Duration::from_secs(1)).attempt(Duration::from_millis(600));

const LIMIT: Duration = Duration::from_secs(60);

/// The stale worker's result is refused, and what it hands over late carries the same key.
pub(crate) async fn stopped(stage: Stage, kind: Kind) -> Finding {
    let rounds = stage.pick(20, 2);
    let mut sum = Finding::default();
    let (mut struck, mut second, mut refused) = (0, 0, 0);
    for _ in 0..rounds {
        let round = round(&stage, kind).await;
        let row = &round.rows[0];
        (struck, second, refused) = (struck + row.struck, second + row.second, refused + row.open);
        sum.complaints.extend(round.complaints);
    }
    let note = format!("{refused} late results, all refused");
    let row =
        Row { fault: "SIGSTOP past the lease".into(), store: kind.word(), struck, second, ..Row::default() };
    sum.rows.push(row.note(note));
    sum
}

async fn round(stage: &Stage, kind: Kind) -> Finding {
    let place = stage.place(kind).await;
    let desk = messages::desk(&place).await;
    let mut fleet = Fleet::new(stage.sink(Duration::from_millis(5)), place, WORK);
    let ids = messages::enqueue(&desk, (0..20).map(messages::draft)).await;
    // The worker has checked its lease, and its thread is about to hand over, when it is stopped.
    let stale = fleet.start_to(Job::Work, Point::Handing, stage.random(1..8));
    let at = fleet.sink.wait(LIMIT, |log| log.is_at_point(stale.who)).await;
    assert!(at.is_some(), "the worker never came to hand over");
    if stage.faults {
        stop_between_writes(&stale, &desk).await;
    }
    let other = fleet.start(Job::Work);
    let all = fleet.all_taken(0..20, if stage.faults { LIMIT } else { WORK.lease * 2 }).await;
    if stage.faults {
        stale.go_on();
    }
    let before = fleet.sink.see(|log| log.entries().len());
    fleet.sink.release(stale.who).await;
    let who = stale.who;
    let late = fleet.sink.wait(Duration::from_secs(10), |log| late_number(log, who, before)).await;
    let refused = fleet.sink.wait(Duration::from_secs(5), |log| refusals(log, who, before)).await;
    stale.end(WORK.grace).await;
    other.end(WORK.grace).await;

    let verdict = fleet.sink.see(|log| judge(log, 0..20));
    let row = Row { open: refused.unwrap_or(0), ..Row::of("", kind.word(), &verdict) };
    let mut finding = Finding::of(row, &verdict, 1);
    finding.demand(all, || "the other worker did not take over".into());
    finding.demand(refused.is_some(), || "the stale worker's result was not refused".into());
    match late {
        None => finding.complaints.push("nothing was handed over late: this proves nothing".into()),
        Some(number) => once_accepted(&desk, ids[number as usize], &mut finding).await,
    }
    finding
}

/// Whoever is stopped while it writes to a file keeps it locked, as any process would: that is not what this is about.
async fn stop_between_writes(stale: &Process, desk: &Messenger) {
    let nobody = Pause::Provider("nobody".into());
    for _ in 0..50 {
        stale.stop();
        let write = desk.pause(&nobody);
        if tokio::time::timeout(Duration::from_millis(300), write).await.is_ok() {
            return;
        }
        stale.go_on();
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("the worker wrote whenever it was stopped");
}

/// What the stale worker handed over after it went on.
fn late_number(log: &Log, who: u32, before: usize) -> Option<u32> {
    let late = log.entries()[before..].iter().filter(|entry| entry.who == who);
    late.filter_map(|entry| if let Fact::Handed(hand) = &entry.fact { Some(hand.number) } else { None })
        .next()
}

/// How many of its results were refused after it went on.
fn refusals(log: &Log, who: u32, before: usize) -> Option<usize> {
    let late = log.entries()[before..].iter().filter(|entry| entry.who == who);
    late.filter_map(|entry| if let Fact::Refused(ids) = &entry.fact { Some(ids.len()) } else { None }).next()
}

/// The stale result is not in the timeline: one acceptance is, the other worker's.
async fn once_accepted(desk: &Messenger, id: MessageId, finding: &mut Finding) {
    let timeline = desk.timeline(id).await.expect("the store answers");
    let accepted = timeline.iter().filter(|event| event.kind == EventKind::Accepted).count();
    finding.demand(accepted == 1, || format!("{accepted} results of {id} were stored: {timeline:?}"));
}
