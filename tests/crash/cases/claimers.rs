//! Many claimers over many rows.

use std::{collections::HashSet, time::Duration};

use tidings::MessageId;

use crate::{
    fact::{Fact, Job, Work},
    fleet::Fleet,
    log::Log,
    messages,
    process::Process,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

/// Leases that outlive the case: nothing is recovered, so that twice is wrong.
const WORK: Work = Work::new(1, Duration::from_secs(3_600));

const TASKS: usize = 4;

/// No row is claimed twice.
pub(crate) async fn claimed_once(stage: Stage, kind: Kind) -> Finding {
    let rows = stage.pick(1_000_000, 20_000);
    let processes = if stage.faults { 4 } else { 1 };
    let mut fleet = Fleet::new(stage.sink(Duration::ZERO), stage.place(kind).await, WORK);
    let desk = messages::desk(&fleet.place).await;
    let numbers: Vec<u32> = (0..rows).collect();
    for part in numbers.chunks(2_000) {
        messages::enqueue(&desk, part.iter().map(|number| messages::draft(*number))).await;
    }
    let claimers: Vec<Process> = (0..processes).map(|_| fleet.start(Job::Claim { tasks: TASKS })).collect();
    for mut claimer in claimers {
        let ended = claimer.ended(Duration::from_secs(stage.pick(900, 60))).await;
        assert!(ended.is_some_and(|status| status.success()), "a claimer failed: {ended:?}");
    }

    let Claims { once, twice, turns } = fleet.sink.see(claims);
    let note = format!("{rows} rows, {} claimers, {turns} turns", processes * TASKS);
    let row = Row { fault: "claimers".into(), store: kind.word(), struck: turns, ..Row::default() };
    let mut finding = Finding { rows: vec![row.note(note)], ..Finding::default() };
    finding.demand(twice == 0, || format!("{twice} rows were claimed twice"));
    finding.demand(once == rows as usize, || format!("{once} of {rows} rows were claimed"));
    finding.demand_struck(turns > 8, || format!("claimers took turns {turns} times, and hardly met"));
    finding
}

#[derive(Default)]
struct Claims {
    once: usize,
    twice: usize,
    /// How often the next claim was another process's.
    turns: usize,
}

fn claims(log: &Log) -> Claims {
    let mut seen: HashSet<MessageId> = HashSet::new();
    let (mut found, mut last) = (Claims::default(), None);
    for entry in log.entries() {
        let Fact::Claimed(ids) = &entry.fact else { continue };
        found.turns += usize::from(last.replace(entry.who).is_some_and(|last| last != entry.who));
        let fresh = ids.iter().filter(|id| seen.insert(**id)).count();
        found.twice += ids.len() - fresh;
    }
    found.once = seen.len();
    found
}
