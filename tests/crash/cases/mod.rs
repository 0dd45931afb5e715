//! The faults, one file each.

use std::{pin::Pin, sync::Arc};

use crate::{
    report::Finding,
    stage::{Kind, Stage},
};

mod kills;

type Run = Box<dyn Fn(Arc<Stage>) -> Pin<Box<dyn Future<Output = Finding> + Send>>>;

/// One fault on one store.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) run: Run,
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    vec![
        on(Kind::Memory, "forgetful_store", kills::forgotten),
        on(Kind::Sqlite, "kill_9", kills::killed),
        on(Kind::Postgres, "kill_9", kills::killed),
    ]
}

fn on<F>(kind: Kind, name: &str, run: fn(Arc<Stage>, Kind) -> F) -> Case
where
    F: Future<Output = Finding> + Send + 'static,
{
    let run = move |stage| Box::pin(run(stage, kind)) as Pin<Box<dyn Future<Output = Finding> + Send>>;
    Case { name: format!("{name}_{}", kind.word()), run: Box::new(run) }
}
