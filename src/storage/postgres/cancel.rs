//! Wishes to cancel.

use std::collections::{HashMap, HashSet};

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::{Link, Transaction},
    columns::{column, unsigned},
    fault::{Repeats, Trouble},
    history::History,
    order::let_go,
};
use crate::{
    error::Result,
    id::{MessageId, TenantId},
    storage::{Cancelled, recovery::cancelled},
    time::Timestamp,
};

const FIND: &str = "SELECT q.id, q.state = 'leased' AS leased, q.generation, q.attempts, q.ordering_key, {now_1}($1) AS now \
    FROM {queue} q WHERE q.id = ANY ($2) AND q.tenant = $3 ORDER BY q.id FOR UPDATE";
const WISH: &str = "UPDATE {queue} SET cancel = true WHERE id = ANY ($1)";
const REMOVE: &str = "DELETE FROM {queue} WHERE id = ANY ($1)";
const KNOWN: &str = "SELECT id FROM {messages} WHERE id = ANY ($1) AND tenant = $2";

pub(super) async fn cancel(inner: &Inner, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>> {
    let wanted: Vec<Uuid> = ids.iter().map(MessageId::as_uuid).collect();
    let mut repeats = Repeats::default();
    loop {
        match cancel_once(&inner.link, tenant, &wanted).await {
            Err(trouble) if trouble.gave_way() && repeats.again().await => {}
            answer => return answer.map_err(Trouble::into_error),
        }
    }
}

async fn cancel_once(link: &Link, tenant: &TenantId, ids: &[Uuid]) -> Result<Vec<Cancelled>, Trouble> {
    let mut transaction = link.begin().await?;
    let find = link.statement(FIND).bind(link.clock()).bind(ids).bind(tenant.as_str());
    let found = transaction.rows(find).await?;
    let found = found.iter().map(Found::read).collect::<Result<Vec<_>>>()?;
    withdraw(link, &mut transaction, &found).await?;
    let gone = found.iter().filter(|found| !found.leased);
    let keys = gone.filter_map(|found| Some((tenant.to_string(), found.ordering_key.clone()?)));
    let_go(link, &mut transaction, keys).await?;
    let known = transaction.rows(link.statement(KNOWN).bind(ids).bind(tenant.as_str())).await?;
    transaction.commit().await?;
    let known = known.iter().map(|row| column(row, "id")).collect::<Result<HashSet<Uuid>>>()?;
    let mut answers: HashMap<Uuid, Cancelled> =
        found.iter().map(|found| (found.id, found.answer())).collect();
    // A second wish for the same message finds it withdrawn.
    let mut answer = |id: &Uuid| match answers.get_mut(id) {
        Some(Cancelled::Cancelled) => answers.insert(*id, Cancelled::Final).unwrap_or(Cancelled::Final),
        Some(answer) => *answer,
        None if known.contains(id) => Cancelled::Final,
        None => Cancelled::NotFound,
    };
    Ok(ids.iter().map(&mut answer).collect())
}

async fn withdraw(link: &Link, transaction: &mut Transaction<'_>, found: &[Found]) -> sqlx::Result<()> {
    let ids = |leased: bool| -> Vec<Uuid> {
        found.iter().filter(|found| found.leased == leased).map(|found| found.id).collect()
    };
    if found.iter().any(|found| found.leased) {
        transaction.run(link.statement(WISH).bind(ids(true))).await?;
    }
    let mut history = History::default();
    let waiting = found.iter().filter(|found| !found.leased);
    waiting.for_each(|found| history.add(0, &[found.event()]));
    if !history.is_empty() {
        transaction.run(link.statement(REMOVE).bind(ids(false))).await?;
        transaction.run(history.insert(link)).await?;
    }
    Ok(())
}

/// A message in the queue.
struct Found {
    id: Uuid,
    leased: bool,
    generation: u32,
    attempts: u32,
    ordering_key: Option<String>,
    now: Timestamp,
}

impl Found {
    fn read(row: &PgRow) -> Result<Self> {
        Ok(Self {
            id: column(row, "id")?,
            leased: column(row, "leased")?,
            generation: unsigned(column(row, "generation")?),
            attempts: unsigned(column(row, "attempts")?),
            ordering_key: column(row, "ordering_key")?,
            now: Timestamp::from_micros(column(row, "now")?),
        })
    }

    fn answer(&self) -> Cancelled {
        if self.leased { Cancelled::InFlight } else { Cancelled::Cancelled }
    }

    fn event(&self) -> crate::event::Event {
        cancelled(MessageId::from_uuid(self.id), self.generation, self.attempts, self.now)
    }
}
