//! Acts on many messages, and their records.

use std::sync::Arc;

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::{Link, Statement, Transaction},
    columns::{column, limit, text, unsigned},
    fault::{Repeats, Trouble},
    history::History,
    order::let_go,
    read::Conditions,
};
use crate::{
    error::{Error, Result},
    storage::{
        Act, ActRecord, Filter, QueueState, Record, Scope, act_id,
        sql::{RecordRow, record_from, unreadable},
    },
    time::{Clock, SystemClock, Timestamp},
};

/// Messages of one transaction.
const PART: usize = 1_000;

const BEGIN: &str = "INSERT INTO {acts} (id, at, changed, act, tenant, filter, note) \
    SELECT $2, {now_1}($1), 0, $3, $4, $5, $6 RETURNING at";
const COUNT: &str = "UPDATE {acts} SET changed = changed + $2 WHERE id = $1";
const LIST: &str = "SELECT id, at, changed, act, tenant, filter, note FROM {acts} \
    WHERE $1::text IS NULL OR tenant = $1 ORDER BY id DESC LIMIT $2";

const SELECT: &str = "SELECT m.id, m.tenant, m.channel, m.at, m.key, m.category, m.external_ref, m.details, \
    q.state, q.generation, q.attempts, q.ordering_key FROM {queue} q JOIN {messages} m ON m.id = q.id ";

const REMOVE: &str = "DELETE FROM {queue} WHERE id = ANY ($1)";
const HOLD: &str = "UPDATE {queue} SET state = 'held', reason = $2 WHERE id = ANY ($1)";
const RELEASE: &str = "UPDATE {queue} SET state = CASE WHEN losses >= 2 THEN 'suspect' ELSE 'ready' END, behind = false, \
    paused_by = NULL, reason = NULL WHERE id = ANY ($1)";
const REPLAY: &str = "UPDATE {queue} SET state = 'ready', due = $2, generation = generation + 1, cancel = false, \
    attempts = 0, excused = 0, losses = 0, pinned = NULL, reason = NULL, since = $2 WHERE id = ANY ($1)";

/// Acts in parts, each with its share of the counter in one transaction.
pub(super) async fn act(
    inner: &Inner,
    scope: &Scope,
    act: Act,
    filter: &Filter,
    note: Option<Arc<str>>,
) -> Result<ActRecord> {
    let id = act_id(SystemClock.now());
    let mut record = ActRecord::new(id, act, scope.tenant().cloned(), filter.clone(), Timestamp::default());
    record.note = note;
    record.at = begin(&inner.link, &record).await?;
    let mut after = None;
    let mut repeats = Repeats::default();
    loop {
        match act_on_part(inner, scope, &record, after).await {
            Ok(part) => {
                record.changed += part.changed;
                (after, repeats) = (part.last, Repeats::default());
                if after.is_none() {
                    return Ok(record);
                }
            }
            Err(trouble) if trouble.gave_way() && repeats.again().await => {}
            Err(trouble) => return Err(trouble.into_error()),
        }
    }
}

async fn begin(link: &Link, record: &ActRecord) -> Result<Timestamp> {
    let filter = serde_json::to_string(&record.filter).unwrap_or_default();
    let statement = || {
        link.statement(BEGIN)
            .bind(link.clock())
            .bind(record.id)
            .bind(record.act.as_str())
            .bind(record.tenant.as_ref().map(|tenant| tenant.as_str()))
            .bind(text(&filter))
            .bind(record.note.as_deref().map(text))
    };
    let rows = link.rows(statement).await?;
    let at = rows.first().map_or(Ok(0), |row| column(row, "at"))?;
    Ok(Timestamp::from_micros(at))
}

struct Part {
    changed: u64,
    /// Where to go on; `None` at the end.
    last: Option<Uuid>,
}

async fn act_on_part(
    inner: &Inner,
    scope: &Scope,
    record: &ActRecord,
    after: Option<Uuid>,
) -> Result<Part, Trouble> {
    let link = &inner.link;
    let mut transaction = link.begin().await?;
    let rows = transaction.rows(matching(inner, scope, record, after)).await?;
    let found = rows.iter().map(Found::read).collect::<Result<Vec<_>>>()?;
    let last = found.last().filter(|_| found.len() == PART).map(|found| found.record.id.as_uuid());
    let fits = |found: &Found| record.filter.matches(&found.record, Some(found.state));
    let fitting: Vec<Found> = found.into_iter().filter(fits).collect();
    if !fitting.is_empty() {
        apply(link, &mut transaction, record, &fitting).await?;
    }
    let changed = fitting.len();
    transaction.run(link.statement(COUNT).bind(record.id).bind(limit(changed))).await?;
    transaction.commit().await?;
    Ok(Part { changed: u64::try_from(changed).unwrap_or(u64::MAX), last })
}

fn matching(inner: &Inner, scope: &Scope, record: &ActRecord, after: Option<Uuid>) -> Statement {
    let mut conditions = Conditions::new(SELECT);
    let states: Vec<&'static str> = record.act.works_on().iter().map(|state| state.as_str()).collect();
    conditions.with("q.state = ANY (", move |statement| statement.bind(states));
    conditions.close();
    conditions.of_filter(scope, &record.filter, inner.options.dialect.hash_key());
    if let Some(state) = record.filter.state {
        conditions.with("q.state = ", move |statement| statement.bind(state.as_str()));
    }
    if let Some(after) = after {
        conditions.with("q.id > ", move |statement| statement.bind(after));
    }
    conditions.finish(&inner.link, &format!("ORDER BY q.id LIMIT {PART} FOR UPDATE OF q"))
}

/// A message to act on.
struct Found {
    record: Record,
    state: QueueState,
    generation: u32,
    attempts: u32,
    ordering_key: Option<String>,
}

impl Found {
    fn read(row: &PgRow) -> Result<Self> {
        let state = QueueState::from_word(column(row, "state")?);
        let record = record_from(RecordRow {
            id: column(row, "id")?,
            tenant: column(row, "tenant")?,
            channel: column(row, "channel")?,
            at: column(row, "at")?,
            key: column(row, "key")?,
            category: column(row, "category")?,
            external_ref: column(row, "external_ref")?,
            details: column(row, "details")?,
        })?;
        Ok(Self {
            record,
            state: state.ok_or_else(|| unreadable("state", "a state that is not known here"))?,
            generation: unsigned(column(row, "generation")?),
            attempts: unsigned(column(row, "attempts")?),
            ordering_key: column(row, "ordering_key")?,
        })
    }
}

async fn apply(
    link: &Link,
    transaction: &mut Transaction<'_>,
    record: &ActRecord,
    found: &[Found],
) -> sqlx::Result<()> {
    let ids: Vec<Uuid> = found.iter().map(|found| found.record.id.as_uuid()).collect();
    let now = link.clock().map_or(record.at, Timestamp::from_micros);
    let mut history = History::default();
    let event = |found: &Found| record.event(found.record.id, found.generation, found.attempts, now);
    found.iter().for_each(|found| history.add(0, &[event(found)]));
    let statement = match record.act {
        Act::Cancel => link.statement(REMOVE).bind(ids),
        Act::Hold => link.statement(HOLD).bind(ids).bind(record.note.as_deref().map(text)),
        Act::Release => link.statement(RELEASE).bind(ids),
        Act::Replay => link.statement(REPLAY).bind(ids).bind(now.as_micros()),
    };
    transaction.run(statement).await?;
    if matches!(record.act, Act::Cancel | Act::Hold) {
        let whose = |found: &'_ Found| Some((found.record.tenant.to_string(), found.ordering_key.clone()?));
        let_go(link, transaction, found.iter().filter_map(whose)).await?;
    }
    transaction.run(history.insert(link)).await?;
    Ok(())
}

pub(super) async fn acts(link: &Link, scope: &Scope, most: usize) -> Result<Vec<ActRecord>> {
    let tenant = scope.tenant().map(|tenant| tenant.as_str());
    let rows = link.rows(|| link.statement(LIST).bind(tenant).bind(limit(most))).await?;
    rows.iter().map(act_from).collect()
}

fn act_from(row: &PgRow) -> Result<ActRecord> {
    let word: &str = column(row, "act")?;
    let act = Act::ALL.into_iter().find(|act| act.as_str() == word);
    let act = act.ok_or_else(|| unreadable("act", format!("{word:?} is not known here")))?;
    let filter = serde_json::from_str(column(row, "filter")?).map_err(|e| unreadable("filter", e))?;
    let tenant = column::<Option<&str>>(row, "tenant")?.map(str::parse).transpose();
    let tenant = tenant.map_err(|e: Error| unreadable("tenant", e))?;
    let at = Timestamp::from_micros(column(row, "at")?);
    let mut record = ActRecord::new(column(row, "id")?, act, tenant, filter, at);
    record.changed = u64::try_from(column::<i64>(row, "changed")?).unwrap_or_default();
    record.note = column::<Option<&str>>(row, "note")?.map(Into::into);
    Ok(record)
}
