//! `kill -9`, at random moments and at chosen points, while messages flow.

use std::time::Duration;

use tidings::storage::{QueueState, QueueStats};

use crate::{
    fact::Work,
    fleet::Fleet,
    flow::{Flow, Style},
    judge::{Verdict, judge},
    orders,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

/// So slow that there is always something open, and so few at a time that most blows fall on different messages.
const LATENCY: Duration = Duration::from_millis(25);

fn work(_: Kind) -> Work {
    Work::new(4, Duration::from_secs(1)).attempt(Duration::from_millis(500))
}

fn processes(kind: Kind) -> u32 {
    match kind {
        Kind::Memory | Kind::Sqlite => 1,
        Kind::Postgres => 4,
    }
}

/// Nothing is lost, and nothing is sent twice but what was open.
pub(crate) async fn killed(stage: Stage, kind: Kind) -> Finding {
    let (kills, total) = (stage.pick(100, 30), stage.pick(10_000, 1_500));
    let fleet = Fleet::new(stage.sink(LATENCY), stage.place(kind).await, work(kind));
    let mut flow = Flow::new(&stage, fleet, Style::Enqueue, total, kills + processes(kind));
    flow.run(processes(kind), kills).await;
    let all = flow.fleet.all_enqueued(0..total, Duration::from_secs(60)).await;
    flow.fleet.idle(Duration::from_secs(60)).await;
    let stats = flow.end().await;

    let mut verdict = flow.fleet.sink.see(|log| judge(log, 0..total));
    verdict.admit_dead(&flow.fleet.dead().await);
    let (points, dead) = (flow.at_points, verdict.dead);
    let note = format!("{total} messages, {points} blows at chosen points, {dead} dead after three");
    let row = Row::of("kill -9", kind.word(), &verdict).note(note);
    let mut finding = Finding::of(row, &verdict, kills as usize);
    demand_empty(&mut finding, &stats);
    finding.demand(all, || "not everything could be enqueued".into());
    let Verdict { landed, lost, beyond, .. } = &verdict;
    let bar = |name: &str| format!("crash.{}.{name}", kind.word());
    finding.bar(bar("landed"), *landed);
    finding.bar(bar("lost"), lost.len());
    finding.bar(bar("copies_beyond_open"), beyond.len());
    finding
}

/// What was committed is sent, and what was rolled back is not.
pub(crate) async fn transactions(stage: Stage, kind: Kind) -> Finding {
    let (kills, total) = (stage.pick(100, 15), stage.pick(10_000, 1_000));
    let fleet = Fleet::new(stage.sink(LATENCY), stage.place(kind).await, work(kind));
    let pool = orders::pool(&fleet.place, 1).await;
    pool.create().await;
    let mut flow = Flow::new(&stage, fleet, Style::Transact, total, kills + processes(kind));
    flow.run(processes(kind), kills).await;
    flow.fleet.quiet(Duration::from_secs(60)).await;
    flow.fleet.idle(Duration::from_secs(60)).await;
    let stats = flow.end().await;

    // The application's own table says what was committed, also where a kill came between commit and answer.
    let committed = pool.numbers().await;
    let mut verdict = flow.fleet.sink.see(|log| judge(log, committed.iter().copied()));
    verdict.admit_dead(&flow.fleet.dead().await);
    let note = format!("{total} transactions, {} committed", committed.len());
    let row = Row::of("kill -9, transactions", kind.word(), &verdict).note(note);
    let mut finding = Finding::of(row, &verdict, kills as usize);
    demand_empty(&mut finding, &stats);
    let told: Vec<u32> = (0..total).filter(|n| flow.fleet.sink.see(|log| log.is_enqueued(*n))).collect();
    let lost = told.iter().filter(|number| !committed.contains(number)).count();
    finding.demand(lost == 0, || format!("{lost} orders are gone though their commit was answered"));
    let sent: Vec<u32> = (0..total).filter(|n| flow.fleet.sink.see(|log| log.took(*n))).collect();
    let vain = sent.iter().filter(|number| !committed.contains(number)).count();
    finding.demand(vain == 0, || format!("{vain} messages were sent though their order was rolled back"));
    let half = total as usize * 4 / 10;
    finding.demand(committed.len() > half, || format!("only {} orders were committed", committed.len()));
    finding
}

fn demand_empty(finding: &mut Finding, stats: &QueueStats) {
    let left = QueueState::ALL.into_iter().filter(|state| *state != QueueState::Dead);
    let left: u64 = left.map(|state| stats.depth(state)).sum();
    finding.demand(left == 0, || format!("messages are left in the queue: {:?}", stats.depths));
}

/// A store that forgets must be found out: otherwise nothing above means anything.
pub(crate) async fn forgotten(stage: Stage, kind: Kind) -> Finding {
    let fleet = Fleet::new(stage.sink(LATENCY), stage.place(kind).await, work(kind));
    // So many that the blow cannot come when all is done.
    const COUNT: u32 = 1_000;
    let mut flow = Flow::new(&stage, fleet, Style::Enqueue, COUNT, 2);
    flow.run(1, 1).await;
    flow.fleet.all_taken(0..COUNT, Duration::from_secs(2)).await;
    let verdict = flow.fleet.sink.see(|log| judge(log, 0..COUNT));
    let mut finding = Finding::default();
    finding.demand_struck(verdict.landed == 1, || "no blow landed".into());
    finding.demand(!verdict.lost.is_empty(), || "a store that forgets lost nothing".into());
    finding
}
