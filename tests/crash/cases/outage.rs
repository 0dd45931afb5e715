//! The vendor is down for a while, with many messages waiting.

use std::time::Duration;

use crate::{
    fact::{Fact, Job, Work},
    fleet::Fleet,
    judge::judge,
    log::{Entry, Log},
    messages, orders,
    report::{Finding, Row},
    sink::Mood,
    stage::{Kind, Stage},
};

/// The worker probes once a second; a breaker that stays open for longer would keep it from that.
const WORK: Work = Work { cooldown: Duration::from_secs(1), ..Work::new(32, Duration::from_secs(10)) };

/// How long a hand-over takes.
const LATENCY: Duration = Duration::from_millis(50);

/// About one probe a second, no attempt burned, and no herd when it returns.
pub(crate) async fn vendor_down(stage: Stage, kind: Kind) -> Finding {
    let waiting = stage.pick(50_000, 1_000);
    let outage = Duration::from_secs(stage.pick(180, 10));
    let mut fleet = Fleet::new(stage.sink(LATENCY), stage.place(kind).await, WORK);
    let desk = messages::desk(&fleet.place).await;
    let numbers: Vec<u32> = (0..waiting).collect();
    for part in numbers.chunks(1_000) {
        messages::enqueue(&desk, part.iter().map(|number| messages::draft(*number))).await;
    }
    if stage.faults {
        fleet.sink.set_mood(Mood::Down);
    }
    let worker = fleet.start(Job::Work);
    let first = fleet.sink.wait(Duration::from_secs(20), |log| hands(log).next().map(|hand| hand.at)).await;
    let first = first.expect("the worker begins");
    tokio::time::sleep(outage).await;
    let burned = orders::pool(&fleet.place, 1).await.burned().await;
    let back = fleet.sink.elapsed();
    fleet.sink.set_mood(Mood::Good);
    let again = fleet.sink.wait(Duration::from_secs(10), |log| log.taken().checked_sub(1)).await;
    let again = again.map(|_| fleet.sink.elapsed() - back);
    let limit = Duration::from_secs(30) + LATENCY * waiting / 16;
    fleet.all_taken(0..waiting, limit).await;
    fleet.idle(Duration::from_secs(10)).await;
    worker.end(WORK.grace * 2).await;

    let verdict = fleet.sink.see(|log| judge(log, 0..waiting));
    // The first second is how the worker finds out.
    let probes = fleet.sink.see(|log| between(log, first + Duration::from_secs(1), back).count());
    let refused = fleet.sink.see(|log| hands(log).filter(|hand| !took(hand)).count());
    let peak = fleet.sink.see(|log| peak(log, back));
    let rate = probes as f64 / (outage - Duration::from_secs(1)).as_secs_f64();
    let note = format!("{waiting} waiting, {rate:.2} probes/s, {burned} attempts burned, peak {peak}");
    let row = Row {
        takeover: again.map(|time| (time, time)),
        struck: refused,
        ..Row::of("vendor down", kind.word(), &verdict)
    };
    let mut finding = Finding::of(row.note(note), &verdict, 0);
    finding.demand_struck(refused > 0, || "the vendor refused nothing".into());
    finding.demand((0.3..=1.5).contains(&rate), || format!("{rate:.2} probes a second"));
    finding.demand(burned == 0, || format!("{burned} attempts were counted for the retry plan"));
    finding.demand(peak <= WORK.concurrency, || format!("{peak} at the same time when it returned"));
    let quick = again.is_some_and(|time| time <= Duration::from_secs(5));
    finding.demand(quick, || format!("sending again took {again:?}"));
    finding.demand(verdict.second == 0, || format!("{} second copies", verdict.second));
    finding
}

fn hands(log: &Log) -> impl Iterator<Item = &Entry> {
    log.entries().iter().filter(|entry| matches!(entry.fact, Fact::Handed(_)))
}

fn between(log: &Log, from: Duration, to: Duration) -> impl Iterator<Item = &Entry> {
    hands(log).filter(move |entry| (from..to).contains(&entry.at))
}

fn took(entry: &Entry) -> bool {
    matches!(&entry.fact, Fact::Handed(hand) if hand.took)
}

/// The most hand-overs within the time of one, from `from` on.
fn peak(log: &Log, from: Duration) -> usize {
    let times: Vec<Duration> = hands(log).map(|entry| entry.at).filter(|at| *at >= from).collect();
    let mut first = 0;
    let mut most = 0;
    for (index, at) in times.iter().enumerate() {
        while times[first] + LATENCY <= *at {
            first += 1;
        }
        most = most.max(index + 1 - first);
    }
    most
}
