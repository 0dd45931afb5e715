//! SIGTERM with many in flight.

use std::time::Duration;

use crate::{
    fact::{Fact, Job, Work},
    fleet::Fleet,
    judge::judge,
    log::Log,
    messages,
    report::{Finding, Row},
    sink::Mood,
    stage::{Kind, Stage},
};

const IN_FLIGHT: u32 = 500;

const WORK: Work =
    Work { grace: Duration::from_secs(2), ..Work::new(IN_FLIGHT as usize, Duration::from_secs(60)) };

/// It exits within its grace and a second, nothing is lost, and another worker has the rest within a second.
pub(crate) async fn terminated(stage: Stage, kind: Kind) -> Finding {
    let place = stage.place(kind).await;
    let desk = messages::desk(&place).await;
    let mut fleet = Fleet::new(stage.sink(Duration::from_millis(300)), place, WORK);
    let mut first = fleet.start(Job::Work);
    let who = first.who;
    // Half of them are never answered: they cannot end within any grace.
    fleet.sink.set_mood_for(who, if stage.faults { Mood::Half } else { Mood::Good });
    messages::enqueue(&desk, (0..IN_FLIGHT).map(messages::draft)).await;
    let in_flight = fleet.all_taken(0..IN_FLIGHT, Duration::from_secs(20)).await;
    let second = fleet.start(Job::Work);
    fleet.sink.wait(Duration::from_secs(10), |log| log.is_here(second.who)).await.expect("the second starts");
    let asked = fleet.sink.elapsed();
    match stage.faults {
        true => first.terminate(),
        false => tokio::time::sleep(WORK.grace).await,
    }
    let ended = first.ended(WORK.grace + Duration::from_secs(10)).await;
    let exit = fleet.sink.elapsed();
    fleet.idle(Duration::from_secs(10)).await;
    second.end(WORK.grace).await;

    let verdict = fleet.sink.see(|log| judge(log, 0..IN_FLIGHT));
    let took_over = fleet.sink.see(|log| last_hand_of_others(log, who));
    let takeover = took_over.map(|at| at.saturating_sub(exit));
    let note = format!("{IN_FLIGHT} in flight; exit {:.2} s after SIGTERM", (exit - asked).as_secs_f64());
    let row =
        Row { takeover: takeover.map(|time| (time, time)), ..Row::of("SIGTERM", kind.word(), &verdict) }
            .note(note);
    let mut finding = Finding::of(row, &verdict, 1);
    finding.demand(in_flight, || format!("never were {IN_FLIGHT} in flight"));
    let peaceful = ended.is_some_and(|status| status.success());
    finding.demand(peaceful, || format!("the worker did not end well: {ended:?}"));
    let in_time = exit - asked <= WORK.grace + Duration::from_secs(1);
    finding.demand(in_time, || format!("exit took {:?}", exit - asked));
    let in_time = takeover.is_some_and(|time| time <= Duration::from_secs(1));
    finding.demand(in_time, || format!("another worker had the rest after {takeover:?}"));
    let half = IN_FLIGHT as usize / 2;
    finding.demand(verdict.second == half, || format!("{} second copies, not {half}", verdict.second));
    finding
}

/// When another worker handed over the last of what was left.
fn last_hand_of_others(log: &Log, who: u32) -> Option<Duration> {
    let hands = log.entries().iter().rev().filter(|entry| entry.who != who);
    hands.filter_map(|entry| matches!(entry.fact, Fact::Handed(_)).then_some(entry.at)).next()
}
