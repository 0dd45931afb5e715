//! The faults, one file each.

use std::{pin::Pin, sync::Arc};

use tokio::sync::Semaphore;

use crate::{
    report::{Finding, PROVES_NOTHING},
    stage::{Kind, Stage},
};

mod ahead;
mod busy;
mod claimers;
mod clocks;
mod give_up;
mod kills;
mod outage;
mod poison;
mod restarts;
mod stops;
mod terminated;

type Running = Pin<Box<dyn Future<Output = Finding> + Send>>;

/// One fault on one store.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Box<dyn Fn(Stage) -> Running + Send + Sync>,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    use Kind::{Memory, Postgres, Sqlite};
    vec![
        on(Memory, "forgetful_store", kills::forgotten),
        on(Sqlite, "kill_9", kills::killed),
        on(Postgres, "kill_9", kills::killed),
        on(Sqlite, "sigstop", stops::stopped),
        on(Postgres, "sigstop", stops::stopped),
        on(Sqlite, "give_up", give_up::given_up),
        on(Postgres, "give_up", give_up::given_up),
        on(Sqlite, "ahead", ahead::unharmed),
        on(Postgres, "ahead", ahead::unharmed),
        on(Sqlite, "transactions", kills::transactions),
        on(Postgres, "transactions", kills::transactions),
        on(Sqlite, "sigterm", terminated::terminated),
        on(Postgres, "sigterm", terminated::terminated),
        on(Postgres, "restarts", restarts::restarted),
        on(Sqlite, "vendor_down", outage::vendor_down),
        on(Postgres, "vendor_down", outage::vendor_down),
        on(Sqlite, "claimers", claimers::claimed_once),
        on(Postgres, "claimers", claimers::claimed_once),
        on(Sqlite, "one_file", busy::shared_file),
        on(Sqlite, "poison", poison::poisoned),
        on(Postgres, "poison", poison::poisoned),
        on(Postgres, "wrong_clocks", clocks::wrong),
        on(Memory, "nothing_strikes", nothing_strikes),
    ]
}

/// A case's finding; a panic is a complaint.
pub(crate) async fn judged(case: &Case, stage: &Stage) -> Finding {
    let run = tokio::spawn((case.run)(stage.clone()));
    run.await.unwrap_or_else(|panic| {
        let complaint = format!("the case itself failed: {panic}");
        Finding { complaints: vec![complaint], ..Finding::default() }
    })
}

/// Every case must complain if nothing strikes: one that is content then would be content with anything.
async fn nothing_strikes(stage: Stage, kind: Kind) -> Finding {
    let calm = stage.calm();
    let striking = all().into_iter().filter(|case| !case.name.ends_with(kind.word()));
    // Several at a time: nothing is measured.
    let places = Arc::new(Semaphore::new(4));
    let findings = striking.map(|case| {
        let (calm, places) = (calm.clone(), places.clone());
        tokio::spawn(async move {
            let _place = places.acquire().await;
            (judged(&case, &calm).await, case.name)
        })
    });
    let mut finding = Finding::default();
    for judged in findings.collect::<Vec<_>>() {
        let (Finding { complaints, .. }, name) = judged.await.expect("no panic");
        let complains = complaints.iter().any(|complaint| complaint.contains(PROVES_NOTHING));
        finding.demand(complains, || format!("{name} is content though nothing struck: {complaints:?}"));
    }
    finding
}

fn on<F>(kind: Kind, name: &str, run: fn(Stage, Kind) -> F) -> Case
where
    F: Future<Output = Finding> + Send + 'static,
{
    let run = move |stage| Box::pin(run(stage, kind)) as Running;
    Case { name: format!("{name}_{}", kind.word()), run: Box::new(run) }
}
