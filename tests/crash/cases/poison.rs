//! Messages that do something evil to whoever sends them.

use std::{collections::HashSet, time::Duration};

use tidings::{
    MessageId, Messenger,
    message::Priority,
    storage::{Filter, Page, QueueState},
};

use crate::{
    fact::{Job, Work},
    fleet::Fleet,
    judge::judge,
    messages,
    process::Process,
    report::{Finding, Row},
    stage::{Kind, Stage},
};

const WORK: Work = Work::new(8, Duration::from_secs(2)).attempt(Duration::from_millis(500));
const LATENCY: Duration = Duration::from_millis(40);
const PROCESSES: usize = 2;

/// What they do; so many of each.
const EVIL: [&str; 3] = ["aborts", "hangs", "panics"];

/// Poison does not slow the rest below 90 %, and no innocent neighbour is dead-lettered.
pub(crate) async fn poisoned(stage: Stage, kind: Kind) -> Finding {
    let window = Duration::from_secs(stage.pick(60, 5));
    let evil = if stage.faults { stage.pick(9, 3) } else { 0 };
    // More than the workers can send until the end.
    let at_a_time = (PROCESSES * WORK.concurrency) as u32;
    let rest = at_a_time * (window * 2 + window).as_millis() as u32 / LATENCY.as_millis() as u32;
    let mut fleet = Fleet::new(stage.sink(LATENCY), stage.place(kind).await, WORK);
    let desk = messages::desk(&fleet.place).await;
    let numbers: Vec<u32> = (0..rest).collect();
    for part in numbers.chunks(2_000) {
        messages::enqueue(&desk, part.iter().map(|number| messages::draft(*number))).await;
    }
    let mut pack = Pack::start(&mut fleet);
    pack.keep(&mut fleet, Duration::from_secs(1)).await;
    let before = pack.rate(&mut fleet, window).await;
    let poison = (rest..rest + evil).zip(EVIL.iter().cycle());
    let poison = poison.map(|(number, evil)| messages::poisoned(number, evil).priority(Priority::High));
    let poison = messages::enqueue(&desk, poison).await;
    let after = pack.rate(&mut fleet, window).await;
    let deaths = pack.deaths;
    let aborts: Vec<MessageId> = poison.iter().step_by(EVIL.len()).copied().collect();
    let gone = pack.until_dead(&mut fleet, &desk, &aborts).await;
    let sent = fleet.sink.see(|log| log.taken());
    pack.end().await;

    let verdict = fleet.sink.see(|log| judge(log, []));
    let share = after / before.max(1.0) * 100.0;
    let note = format!("{before:.0}/s before, {after:.0}/s with {evil} poisoned: {share:.0} %; {sent} sent");
    let mut finding = Finding::of(Row::of("poison", kind.word(), &verdict).note(note), &verdict, 0);
    finding.demand_struck(deaths > 0, || "no process died of poison".into());
    finding.demand(share >= 90.0, || format!("the rest went on at {share:.0} %"));
    finding.demand(gone, || "poison that aborts was not given up after three processes".into());
    let dead = dead(&desk).await;
    let innocent = dead.iter().filter(|id| !poison.contains(id)).count();
    finding.demand(innocent == 0, || format!("{innocent} innocent messages were dead-lettered"));
    finding
}

async fn dead(desk: &Messenger) -> HashSet<MessageId> {
    let dead = desk.list(&Filter::new().state(QueueState::Dead), Page::first(1_000)).await;
    dead.expect("the store answers").iter().map(|tracked| tracked.record.id).collect()
}

/// Worker processes, started again when they die.
struct Pack {
    processes: Vec<Process>,
    deaths: usize,
}

impl Pack {
    fn start(fleet: &mut Fleet) -> Self {
        Self { processes: (0..PROCESSES).map(|_| fleet.start(Job::Work)).collect(), deaths: 0 }
    }

    /// Keeps them alive for so long.
    async fn keep(&mut self, fleet: &mut Fleet, time: Duration) {
        let until = tokio::time::Instant::now() + time;
        while tokio::time::Instant::now() < until {
            self.mend(fleet).await;
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// How many messages a second the vendor takes, over so long.
    async fn rate(&mut self, fleet: &mut Fleet, time: Duration) -> f64 {
        let taken = |fleet: &Fleet| (fleet.sink.see(|log| log.taken()), fleet.sink.elapsed());
        let (before, began) = taken(fleet);
        self.keep(fleet, time).await;
        let (after, ended) = taken(fleet);
        (after - before) as f64 / (ended - began).as_secs_f64()
    }

    /// Keeps them alive until all of these are dead letters; false when time is up.
    async fn until_dead(&mut self, fleet: &mut Fleet, desk: &Messenger, wanted: &[MessageId]) -> bool {
        for _ in 0..60 {
            let dead = dead(desk).await;
            if wanted.iter().all(|id| dead.contains(id)) {
                return true;
            }
            self.keep(fleet, Duration::from_millis(500)).await;
        }
        false
    }

    async fn mend(&mut self, fleet: &mut Fleet) {
        for place in 0..self.processes.len() {
            if !self.processes[place].lives() {
                let fresh = fleet.start(Job::Work);
                std::mem::replace(&mut self.processes[place], fresh).bury().await;
                self.deaths += 1;
            }
        }
    }

    async fn end(self) {
        for process in self.processes {
            process.end(WORK.grace * 2).await;
        }
    }
}
