//! The faults, one file each.

use std::{pin::Pin, sync::Arc};

use crate::{
    report::Finding,
    stage::{Kind, Stage},
};

mod claimers;
mod clocks;
mod give_up;
mod kills;
mod outage;
mod poison;
mod restarts;
mod stops;
mod terminated;

type Run = Box<dyn Fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = Finding> + Send>>>;

/// One fault on one store.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Run,
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
        on(Sqlite, "sigterm", terminated::terminated),
        on(Postgres, "sigterm", terminated::terminated),
        on(Postgres, "restarts", restarts::restarted),
        on(Sqlite, "vendor_down", outage::vendor_down),
        on(Postgres, "vendor_down", outage::vendor_down),
        on(Sqlite, "claimers", claimers::claimed_once),
        on(Postgres, "claimers", claimers::claimed_once),
        on(Sqlite, "poison", poison::poisoned),
        on(Postgres, "poison", poison::poisoned),
        on(Postgres, "wrong_clocks", clocks::wrong),
    ]
}

fn on<F>(kind: Kind, name: &str, run: fn(Arc<Stage>, Kind) -> F) -> Case
where
    F: Future<Output = Finding> + Send + 'static,
{
    let run = move |stage| Box::pin(run(stage, kind)) as Pin<Box<dyn Future<Output = Finding> + Send>>;
    Case { name: format!("{name}_{}", kind.word()), run: Box::new(run) }
}
