//! Eight threads in each of four processes on one SQLite file, transactions of the application's own among them.

use std::time::Duration;

use crate::{
    fact::{Fact, Job, Work},
    fleet::Fleet,
    judge::judge,
    log::Log,
    orders,
    process::Process,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

const WORK: Work = Work::new(8, Duration::from_secs(30));

const TASKS: u32 = 8;

/// No busy error reaches a caller.
pub(crate) async fn shared_file(stage: Stage, kind: Kind) -> Finding {
    let processes = if stage.faults { 4 } else { 1 };
    let tasks = if stage.faults { TASKS } else { 1 };
    let turns = stage.pick(500, 40);
    let total = processes * tasks * turns;
    let mut fleet = Fleet::new(stage.sink(Duration::from_millis(1)), stage.place(kind).await, WORK);
    orders::pool(&fleet.place, 1).await.create().await;
    let naive = fleet.start(Job::Naive);
    let busy = |nth: u32| Job::Busy { tasks, turns, first: nth * tasks * turns };
    let workers: Vec<Process> = (0..processes).map(|nth| fleet.start(busy(nth))).collect();
    let limit = Duration::from_secs(stage.pick(600, 60));
    let done = fleet.sink.wait(limit, |log| (noted(log, "turns") == i64::from(total)).then_some(()));
    let done = done.await.is_some();
    naive.end(WORK.grace).await;
    let all = fleet.all_taken(0..total, limit).await;
    for worker in workers {
        worker.end(WORK.grace * 2).await;
    }

    let verdict = fleet.sink.see(|log| judge(log, 0..total));
    let met = fleet.sink.see(|log| noted(log, "busy"));
    let note = format!("{} tasks, {total} turns; one who begins naively met {met} locks", processes * tasks);
    let row = Row { struck: met.max(0) as usize, ..Row::of("one file for all", kind.word(), &verdict) };
    let mut finding = Finding::of(row.note(note), &verdict, 0);
    let met_enough = if stage.faults { met >= 20 } else { false };
    finding.demand_struck(met_enough, || format!("the naive one met {met} locks"));
    finding.demand(done && all, || "the turns did not come to an end".into());
    finding.demand(verdict.second == 0, || format!("{} second copies", verdict.second));
    finding
}

/// The sum of what was noted under this name.
fn noted(log: &Log, wanted: &str) -> i64 {
    let values = log.entries().iter().filter_map(|entry| match &entry.fact {
        Fact::Noted(name, value) if name == wanted => Some(*value),
        _ => None,
    });
    values.sum()
}
