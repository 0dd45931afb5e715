//! Messages that are withdrawn.

use std::collections::HashMap;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    group::Work,
    rows::{Change, Row, apply},
    tx::{Tx, column, list},
};
use crate::{
    error::Result,
    id::{MessageId, TenantId},
    storage::{Cancelled, QueueState},
};

/// Withdraws messages.
#[derive(Debug)]
pub(super) struct Cancel {
    pub(super) tenant: TenantId,
    pub(super) ids: Vec<MessageId>,
}

const ROWS: &str = "\
SELECT id, tenant, state, due, since, ordering_key, on_unknown, started, attempts, excused, losses, generation,
    token, cancel, pending, pinned, paused_by, reason
FROM {queue!} WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND tenant = ?2";

const KNOWN: &str =
    "SELECT id FROM {messages!} WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND tenant = ?2";

const WISH: &str = "UPDATE {queue!} SET cancel = 1 WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

#[async_trait]
impl Work for Cancel {
    type Answer = Vec<Cancelled>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Vec<Cancelled>> {
        let mut answers = self.known(tx).await?;
        let rows = tx.rows(self.ask(tx, ROWS)).await?;
        let rows: Vec<Row> = rows.iter().map(Row::read).collect::<Result<_>>()?;
        let (leased, waiting): (Vec<Row>, Vec<Row>) =
            rows.into_iter().partition(|row| row.state == QueueState::Leased);
        answers.extend(leased.iter().map(|row| (row.id, Cancelled::InFlight)));
        answers.extend(waiting.iter().map(|row| (row.id, Cancelled::Cancelled)));
        if !leased.is_empty() {
            tx.run(tx.statement(WISH).bind(list(leased.iter().map(|row| row.id)))).await?;
        }
        let gone = |row: Row| {
            let event = row.cancelled(tx.now);
            Change::leaves(row, vec![event])
        };
        let changes: Vec<Change> = waiting.into_iter().map(gone).collect();
        apply(tx, &changes).await?;
        Ok(self.ids.iter().map(|id| take(&mut answers, id.as_uuid())).collect())
    }

    fn weight(&self) -> usize {
        self.ids.len()
    }
}

/// The answer for an id; if it is asked for again, what was cancelled is final.
fn take(answers: &mut HashMap<Uuid, Cancelled>, id: Uuid) -> Cancelled {
    let Some(answer) = answers.get_mut(&id) else { return Cancelled::NotFound };
    match *answer {
        Cancelled::Cancelled => std::mem::replace(answer, Cancelled::Final),
        other => other,
    }
}

impl Cancel {
    fn ask(&self, tx: &Tx<'_>, template: &'static str) -> super::tx::Statement {
        let ids = list(self.ids.iter().map(MessageId::as_uuid));
        tx.statement(template).bind(ids).bind(self.tenant.as_str().to_owned())
    }

    async fn known(&self, tx: &mut Tx<'_>) -> Result<HashMap<Uuid, Cancelled>> {
        let rows = tx.rows(self.ask(tx, KNOWN)).await?;
        rows.iter().map(|row| Ok((column(row, 0)?, Cancelled::Final))).collect()
    }
}
