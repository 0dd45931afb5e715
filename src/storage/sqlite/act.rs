//! Acts on many messages, a part at a time.

use std::sync::Arc;

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    SqliteStore,
    filter::Search,
    group::Work,
    rows::{Change, Row, apply},
    tx::{Tx, column},
};
use crate::{
    error::{Error, Result},
    id::TenantId,
    storage::{Act, ActRecord, Filter, QueueState, Scope, act_id, sql::unreadable},
    time::Timestamp,
};

/// How many messages are changed in one transaction.
const PART: usize = 500;

impl SqliteStore {
    pub(super) async fn act_on(
        &self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
    ) -> Result<ActRecord> {
        let now = self.core.time.now();
        let mut record = ActRecord::new(act_id(now), act, scope.tenant().cloned(), filter.clone(), now);
        record.note = note;
        let mut part = Part { record, scope: scope.clone(), after: None, first: true };
        loop {
            let (changed, last) = self.writer.run(part.clone()).await?;
            part.record.changed += changed as u64;
            (part.after, part.first) = (last, false);
            if changed < PART {
                return Ok(part.record);
            }
        }
    }
}

/// A part of an act. Its record counts what was changed with it, so that it is true also
/// of an act that was interrupted.
#[derive(Clone, Debug)]
struct Part {
    record: ActRecord,
    scope: Scope,
    /// The last message of the part before.
    after: Option<Uuid>,
    first: bool,
}

const ROWS: &str = "\
SELECT q.id, q.tenant, q.state, q.due, q.since, q.ordering_key, q.on_unknown, q.started, q.attempts, q.excused,
    q.losses, q.generation, q.token, q.cancel, q.pending, q.pinned, q.paused_by, q.reason
FROM {queue} q CROSS JOIN {messages} m ON m.id = q.id WHERE true";

const BEGIN: &str = "\
INSERT INTO {acts} (id, act, tenant, filter, at, note, changed) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

const COUNT: &str = "UPDATE {acts} SET changed = changed + ?2 WHERE id = ?1";

#[async_trait]
impl Work for Part {
    /// How many were changed, and the last of them.
    type Answer = (usize, Option<Uuid>);

    async fn run(&self, tx: &mut Tx<'_>) -> Result<(usize, Option<Uuid>)> {
        let rows = self.rows(tx).await?;
        let last = rows.last().map(|row| row.id);
        let changes: Vec<Change> = rows.into_iter().map(|row| self.change(row, tx.now)).collect();
        apply(tx, &changes).await?;
        let changed = i64::try_from(changes.len()).unwrap_or(i64::MAX);
        match self.first {
            true => self.begin(tx, changed).await?,
            false => {
                tx.run(tx.statement(COUNT).bind(self.record.id).bind(changed)).await?;
            }
        }
        tx.wakes = true;
        Ok((changes.len(), last))
    }

    fn weight(&self) -> usize {
        PART
    }
}

impl Part {
    async fn rows(&self, tx: &mut Tx<'_>) -> Result<Vec<Row>> {
        let filter = &self.record.filter;
        let wished = |state: &&QueueState| filter.state.is_none_or(|only| only == **state);
        let states: Vec<QueueState> = self.record.act.works_on().iter().filter(wished).copied().collect();
        if states.is_empty() {
            return Ok(Vec::new());
        }
        let search = Search::new(tx.core.texts.dialect(), ROWS).in_states(&states);
        let mut search = search.within(&self.scope).matching(filter);
        if let Some(after) = self.after {
            search = search.with(" AND q.id > ?", after);
        }
        let rows = tx.rows(search.ending(" ORDER BY q.id LIMIT ? + 0", PART)?).await?;
        rows.iter().map(Row::read).collect()
    }

    fn change(&self, mut row: Row, now: Timestamp) -> Change {
        let event = self.record.event(row.message(), row.generation, row.attempts, now);
        match self.record.act {
            Act::Cancel => return Change::leaves(row, vec![event]),
            Act::Hold => {
                row.state = QueueState::Held;
                row.reason = self.record.note.as_deref().map(str::to_owned);
            }
            Act::Release => {
                row.waits();
                row.reason = None;
            }
            Act::Replay => replay(&mut row, now),
        }
        Change::stays(row, vec![event])
    }

    async fn begin(&self, tx: &mut Tx<'_>, changed: i64) -> Result<()> {
        let ActRecord { id, act, tenant, filter, at, note, .. } = &self.record;
        let filter = serde_json::to_string(filter).map_err(|e| unreadable("filter", e))?;
        let asked = tx.statement(BEGIN).bind(*id).bind(act.as_str());
        let asked = asked.bind(tenant.as_ref().map(|tenant| tenant.as_str().to_owned())).bind(filter);
        tx.run(asked.bind(at.as_micros()).bind(note.clone()).bind(changed)).await?;
        Ok(())
    }
}

/// A dead letter is sent again, to those who are left.
fn replay(row: &mut Row, now: Timestamp) {
    row.generation = row.generation.saturating_add(1);
    (row.state, row.due, row.since) = (QueueState::Ready, now.as_micros(), now.as_micros());
    (row.attempts, row.excused, row.losses) = (0, 0, 0);
    (row.pinned, row.reason) = (None, None);
}

/// A record of an act.
pub(super) fn read(row: &SqliteRow) -> Result<ActRecord> {
    let word: &str = column(row, 1)?;
    let act = Act::ALL.into_iter().find(|act| act.as_str() == word);
    let act = act.ok_or_else(|| unreadable("act", format!("{word:?} is not known here")))?;
    let tenant = column::<Option<&str>>(row, 2)?.map(str::parse::<TenantId>).transpose();
    let tenant = tenant.map_err(|e: Error| unreadable("tenant", e))?;
    let filter = serde_json::from_str(column(row, 3)?).map_err(|e| unreadable("filter", e))?;
    let mut record =
        ActRecord::new(column(row, 0)?, act, tenant, filter, Timestamp::from_micros(column(row, 4)?));
    record.note = column::<Option<&str>>(row, 5)?.map(Into::into);
    record.changed = column::<i64>(row, 6)?.unsigned_abs();
    Ok(record)
}
