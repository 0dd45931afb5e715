//! Workers whose clocks are wrong: on Postgres the database's clock is the judge.

use std::time::Duration;

use tidings::{Clock as _, SystemClock};

use crate::{
    fact::{Fact, Hand, Job, Work},
    fleet::Fleet,
    judge::judge,
    log::Log,
    messages,
    process::Process,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

/// A hand-over takes so long that leases are renewed on the way.
const WORK: Work = Work::new(8, Duration::from_secs(3));
const LATENCY: Duration = Duration::from_millis(1_200);

const TEN_MINUTES: i64 = 600;

/// Due at once; due later; and to be sent within a minute.
const NOW: u32 = 60;
const LATER: u32 = 90;
const SOON: u32 = 120;

/// Ten minutes too early or too late change nothing.
pub(crate) async fn wrong(stage: Stage, kind: Kind) -> Finding {
    let mut fleet = Fleet::new(stage.sink(LATENCY), stage.place(kind).await, WORK);
    let desk = messages::desk(&fleet.place).await;
    let now = SystemClock.now();
    // The same moment on the clock of the log.
    let (due, due_at) = (now + Duration::from_secs(5), fleet.sink.elapsed() + Duration::from_secs(5));
    let drafts = (0..SOON).map(|number| match number {
        0..NOW => messages::draft(number),
        NOW..LATER => messages::draft(number).at(due),
        _ => messages::draft(number).expires(now + Duration::from_secs(60)),
    });
    messages::enqueue(&desk, drafts).await;
    let off = if stage.faults { TEN_MINUTES } else { 0 };
    let workers: Vec<Process> = [0, off, -off].map(|off| worker(&mut fleet, off)).into();
    fleet.all_taken(0..SOON, Duration::from_secs(30)).await;
    let stats = fleet.idle(Duration::from_secs(10)).await;
    for worker in workers {
        worker.end(WORK.grace * 2).await;
    }

    let verdict = fleet.sink.see(|log| judge(log, 0..SOON));
    let clocks = fleet.sink.see(wrong_clocks);
    let row = Row { struck: clocks, ..Row::of("clocks ten minutes wrong", kind.word(), &verdict) };
    let mut finding = Finding::of(row.note(format!("{SOON} messages, 3 workers")), &verdict, 0);
    finding.demand_struck(clocks == 2, || format!("{clocks} of 2 wrong clocks sent something"));
    finding.demand(verdict.second == 0, || format!("{} second copies", verdict.second));
    let early = fleet.sink.see(|log| early(log, due_at));
    finding.demand(early == 0, || format!("{early} messages were sent before they were due"));
    let misled = fleet.sink.see(misled);
    finding.demand(misled == 0, || format!("{misled} times a provider was told a wrong time"));
    let left: u64 = stats.depths.iter().map(|depth| depth.count).sum();
    finding.demand(left == 0, || format!("left: {:?}", stats.depths));
    finding
}

fn worker(fleet: &mut Fleet, off: i64) -> Process {
    let mut orders = fleet.orders(Job::Work);
    orders.clock_off = off;
    fleet.start_with(&orders)
}

fn hands(log: &Log) -> impl Iterator<Item = (Duration, u32, &Hand)> {
    log.entries().iter().filter_map(|entry| match &entry.fact {
        Fact::Handed(hand) => Some((entry.at, entry.who, hand)),
        _ => None,
    })
}

/// How many processes handed over by a clock more than nine minutes from ours.
fn wrong_clocks(log: &Log) -> usize {
    let now = SystemClock.now().as_micros();
    let wrong = hands(log).filter(|(_, _, hand)| is_off(hand.clock, now));
    wrong.map(|(_, who, _)| who).collect::<std::collections::HashSet<u32>>().len()
}

/// More than nine minutes from now.
fn is_off(clock: i64, now: i64) -> bool {
    (clock - now).abs() > 540_000_000
}

/// How many providers were told a wrong time.
fn misled(log: &Log) -> usize {
    let now = SystemClock.now().as_micros();
    hands(log).filter(|(_, _, hand)| is_off(hand.told, now)).count()
}

/// How many were handed over before they were due.
fn early(log: &Log, due: Duration) -> usize {
    let later = hands(log).filter(|(_, _, hand)| (NOW..LATER).contains(&hand.number));
    later.filter(|(at, _, _)| *at < due).count()
}
