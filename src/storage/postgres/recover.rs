//! The recovery of messages whose leases are over.

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::{Link, Transaction},
    columns::{column, signed, unsigned},
    fault::{Repeats, Trouble},
    history::History,
    order::let_go,
};
use crate::{
    error::Result,
    event::OnUnknown,
    id::MessageId,
    storage::{
        Scope,
        recovery::{Lost, Recovery},
        sql::unreadable,
    },
    time::Timestamp,
};

/// Claims whose leases are over, in one transaction.
const PART: i64 = 20;

/// What another claim recovers at this moment is left to it.
const OVER: &str = "SELECT l.token, l.ids, m.now FROM {leases} l, (SELECT {now_1}($1) AS now) m \
    WHERE l.until <= m.now AND NOT l.token = ANY ($3) AND ($4::text IS NULL OR EXISTS ( \
        SELECT FROM {queue} q WHERE q.id = ANY (l.ids) AND q.token = l.token AND q.tenant = $4)) \
    ORDER BY l.until LIMIT $2 FOR UPDATE OF l SKIP LOCKED";

/// What is being settled at this moment is left to whoever settles it.
const LOST: &str = "SELECT q.id, q.on_unknown, q.started, q.id = ANY (l.ids[:l.begun]) AS begun, q.cancel, q.attempts, q.losses, \
    q.generation, q.tenant, q.ordering_key \
    FROM {queue} q JOIN {leases} l ON l.token = q.token \
    WHERE q.id = ANY ($1) AND q.token = ANY ($2) AND ($3::text IS NULL OR q.tenant = $3) \
    ORDER BY q.id FOR UPDATE OF q SKIP LOCKED";

const STAY: &str = "UPDATE {queue} q SET token = NULL, started = false, state = a.state, losses = a.losses, \
    reason = coalesce(a.reason, q.reason) \
    FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[]) AS a (id, state, losses, reason) WHERE q.id = a.id";

const GO: &str = "DELETE FROM {queue} q WHERE q.id = ANY ($1)";

/// A lease stays as long as someone holds it: who settles at this moment, or a tenant out of scope.
const FREE: &str = "DELETE FROM {leases} l WHERE l.token = ANY ($1) \
    AND NOT EXISTS (SELECT FROM {queue} q WHERE q.id = ANY (l.ids) AND q.token = l.token)";

const RECOUNT: &str = "UPDATE {leases} l SET unsettled = \
    (SELECT count(*) FROM {queue} q WHERE q.id = ANY (l.ids) AND q.token = l.token) WHERE l.token = ANY ($1)";

/// Recovers what is within `scope`, in parts; false if others do so already.
pub(super) async fn recover(inner: &Inner, scope: &Scope) -> Result<bool> {
    let mut repeats = Repeats::default();
    let mut seen = Vec::new();
    loop {
        match recover_part(inner, scope, &mut seen).await {
            Ok(true) => {}
            Ok(false) => return Ok(!seen.is_empty()),
            Err(trouble) if trouble.gave_way() && repeats.again().await => {}
            Err(trouble) => return Err(trouble.into_error()),
        }
    }
}

/// True if there may be more.
async fn recover_part(inner: &Inner, scope: &Scope, seen: &mut Vec<Uuid>) -> Result<bool, Trouble> {
    let link = &inner.link;
    let tenant = scope.tenant().map(|tenant| tenant.as_str());
    let mut transaction = link.begin().await?;
    let over = link.statement(OVER).bind(link.clock()).bind(PART).bind(&*seen).bind(tenant);
    let over = Over::read(&transaction.rows(over).await?)?;
    if over.tokens.is_empty() {
        transaction.commit().await?;
        return Ok(false);
    }
    let lost = link.statement(LOST).bind(&over.ids).bind(&over.tokens).bind(tenant);
    let rows = transaction.rows(lost).await?;
    let lost = rows.iter().map(lost_from).collect::<Result<Vec<Lost>>>()?;
    write(link, &mut transaction, &lost, over.now).await?;
    let keys = rows.iter().map(key_of).collect::<Result<Vec<_>>>()?;
    let_go(link, &mut transaction, keys.into_iter().flatten()).await?;
    transaction.run(link.statement(FREE).bind(&over.tokens)).await?;
    transaction.run(link.statement(RECOUNT).bind(&over.tokens)).await?;
    transaction.commit().await?;
    seen.extend(over.tokens);
    Ok(true)
}

/// Leases that are over.
struct Over {
    now: Timestamp,
    tokens: Vec<Uuid>,
    /// Of the messages that were claimed under them.
    ids: Vec<Uuid>,
}

impl Over {
    fn read(rows: &[PgRow]) -> Result<Self> {
        let now = rows.first().map_or(Ok(0), |row| column(row, "now"))?;
        let mut over = Self { now: Timestamp::from_micros(now), tokens: Vec::new(), ids: Vec::new() };
        for row in rows {
            over.tokens.push(column(row, "token")?);
            over.ids.extend(column::<Vec<Uuid>>(row, "ids")?);
        }
        Ok(over)
    }
}

fn lost_from(row: &PgRow) -> Result<Lost> {
    let policy = OnUnknown::from_word(column(row, "on_unknown")?);
    Ok(Lost {
        id: MessageId::from_uuid(column(row, "id")?),
        on_unknown: policy.ok_or_else(|| unreadable("on_unknown", "a policy that is not known here"))?,
        started: column(row, "started")?,
        begun: column(row, "begun")?,
        cancel: column(row, "cancel")?,
        attempts: unsigned(column(row, "attempts")?),
        losses: unsigned(column(row, "losses")?),
        generation: unsigned(column(row, "generation")?),
    })
}

fn key_of(row: &PgRow) -> Result<Option<(String, String)>> {
    let key: Option<String> = column(row, "ordering_key")?;
    key.map(|key| Ok((column(row, "tenant")?, key))).transpose()
}

async fn write(
    link: &Link,
    transaction: &mut Transaction<'_>,
    lost: &[Lost],
    now: Timestamp,
) -> sqlx::Result<()> {
    let found: Vec<(Uuid, Recovery)> =
        lost.iter().map(|lost| (lost.id.as_uuid(), lost.recover(now))).collect();
    let gone: Vec<Uuid> = found.iter().filter(|(_, r)| r.state.is_none()).map(|(id, _)| *id).collect();
    let stay: Vec<_> = found.iter().filter_map(|(id, r)| Some((*id, r.state?.as_str(), r))).collect();
    let update = link
        .statement(STAY)
        .bind(stay.iter().map(|(id, ..)| *id).collect::<Vec<_>>())
        .bind(stay.iter().map(|(_, state, _)| *state).collect::<Vec<_>>())
        .bind(stay.iter().map(|(.., r)| signed(r.losses)).collect::<Vec<_>>())
        .bind(stay.iter().map(|(.., r)| r.reason.as_deref()).collect::<Vec<_>>());
    transaction.run(update).await?;
    transaction.run(link.statement(GO).bind(gone)).await?;
    let mut history = History::default();
    found.iter().for_each(|(_, recovery)| history.add(0, &recovery.events));
    transaction.run(history.insert(link)).await?;
    Ok(())
}
