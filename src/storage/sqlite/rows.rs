//! Rows of the queue: how they are read, and how changes of many are written at once.

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    history::append,
    tx::{Tx, column, json, list},
};
use crate::{
    error::Result,
    event::{Event, OnUnknown},
    id::MessageId,
    storage::{
        QueueState,
        recovery::{self, Lost},
        sql::unreadable,
    },
    time::Timestamp,
};

/// What of a row changes while it is in the queue, and what decides how.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) id: Uuid,
    pub(super) tenant: String,
    pub(super) state: QueueState,
    pub(super) due: i64,
    pub(super) since: i64,
    pub(super) ordering_key: Option<String>,
    pub(super) on_unknown: OnUnknown,
    pub(super) started: bool,
    pub(super) attempts: u32,
    pub(super) excused: u32,
    pub(super) losses: u32,
    pub(super) generation: u32,
    pub(super) token: Option<Uuid>,
    pub(super) cancel: bool,
    pub(super) pending: Option<String>,
    pub(super) pinned: Option<String>,
    pub(super) paused_by: Option<String>,
    pub(super) reason: Option<String>,
}

impl Row {
    pub(super) fn read(row: &SqliteRow) -> Result<Self> {
        Ok(Self {
            id: column(row, 0)?,
            tenant: column(row, 1)?,
            state: state_from(column(row, 2)?)?,
            due: column(row, 3)?,
            since: column(row, 4)?,
            ordering_key: column(row, 5)?,
            on_unknown: policy_from(column(row, 6)?)?,
            started: column(row, 7)?,
            attempts: column(row, 8)?,
            excused: column(row, 9)?,
            losses: column(row, 10)?,
            generation: column(row, 11)?,
            token: column(row, 12)?,
            cancel: column(row, 13)?,
            pending: column(row, 14)?,
            pinned: column(row, 15)?,
            paused_by: column(row, 16)?,
            reason: column(row, 17)?,
        })
    }

    pub(super) fn message(&self) -> MessageId {
        MessageId::from_uuid(self.id)
    }

    /// What is known of it when its lease is over, and the mark has passed it or not.
    pub(super) fn lost(&self, begun: bool) -> Lost {
        Lost {
            id: self.message(),
            on_unknown: self.on_unknown,
            started: self.started,
            begun,
            cancel: self.cancel,
            attempts: self.attempts,
            losses: self.losses,
            generation: self.generation,
        }
    }

    /// The event of one that is withdrawn.
    pub(super) fn cancelled(&self, now: Timestamp) -> Event {
        recovery::cancelled(self.message(), self.generation, self.attempts, now)
    }

    /// Lets it wait until it is due.
    pub(super) fn waits(&mut self) {
        (self.state, self.paused_by) = (recovery::waiting(self.losses), None);
    }
}

pub(super) fn state_from(word: &str) -> Result<QueueState> {
    QueueState::from_word(word).ok_or_else(|| unreadable("state", format!("{word:?} is not known here")))
}

pub(super) fn policy_from(word: &str) -> Result<OnUnknown> {
    OnUnknown::from_word(word).ok_or_else(|| unreadable("on_unknown", format!("{word:?} is not known here")))
}

/// What becomes of a row. Its lease ends, whatever follows.
#[derive(Debug)]
pub(super) struct Change {
    /// The row as it is from now on.
    pub(super) row: Row,
    /// True if it leaves the queue.
    pub(super) gone: bool,
    pub(super) events: Vec<Event>,
}

impl Change {
    pub(super) fn stays(row: Row, events: Vec<Event>) -> Self {
        Self { row, gone: false, events }
    }

    pub(super) fn leaves(row: Row, events: Vec<Event>) -> Self {
        Self { row, gone: true, events }
    }
}

const DELETE: &str = "DELETE FROM {queue!} WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

/// `UPDATE … FROM json_each` would be shorter, but where `ANALYZE` saw a short queue SQLite reads all of it for that.
const UPDATE: &str = "\
INSERT INTO {queue} (id, tenant, channel, priority, payload_version, on_unknown, state, due, since, attempts,
    excused, losses, generation, pending, pinned, paused_by, reason)
SELECT q.id, q.tenant, q.channel, q.priority, q.payload_version, q.on_unknown, j.value ->> 1, j.value ->> 2,
    j.value ->> 3, j.value ->> 4, j.value ->> 5, j.value ->> 6, j.value ->> 7, j.value ->> 8, j.value ->> 9,
    j.value ->> 10, j.value ->> 11
FROM json_each(?1) AS j CROSS JOIN {queue!q} ON q.id = unhex(j.value ->> 0) WHERE true
ON CONFLICT (id) DO UPDATE SET state = excluded.state, due = excluded.due, since = excluded.since,
    attempts = excluded.attempts, excused = excluded.excused, losses = excluded.losses,
    generation = excluded.generation, pending = excluded.pending, pinned = excluded.pinned,
    paused_by = excluded.paused_by, reason = excluded.reason,
    blocked = 0, started = 0, cancel = 0, token = NULL";

/// Lets the next of each key be found. What holds it back are those before it that are neither dead nor held.
const UNBLOCK: &str = "\
UPDATE {queue!} SET blocked = 0 WHERE blocked = 1 AND id IN (
    SELECT (SELECT o.id FROM {queue} o
            WHERE o.tenant = j.value ->> 0 AND o.ordering_key = j.value ->> 1 AND o.ordering_key IS NOT NULL
                AND o.state NOT IN ('dead', 'held')
            ORDER BY o.id LIMIT 1)
    FROM json_each(?1) AS j)";

/// Writes changes, and lets those go on that waited for them.
pub(super) async fn apply(tx: &mut Tx<'_>, changes: &[Change]) -> Result<()> {
    let gone: Vec<Uuid> = changes.iter().filter(|change| change.gone).map(|change| change.row.id).collect();
    if !gone.is_empty() {
        tx.run(tx.statement(DELETE).bind(list(gone))).await?;
    }
    let kept: Vec<_> =
        changes.iter().filter(|change| !change.gone).map(|change| image(&change.row)).collect();
    if !kept.is_empty() {
        tx.run(tx.statement(UPDATE).bind(json(&kept))).await?;
    }
    append(tx, changes.iter().map(|change| change.events.as_slice())).await?;
    let keys = changes.iter().filter_map(|change| key_of(&change.row)).collect();
    unblock(tx, keys).await
}

fn key_of(row: &Row) -> Option<(&str, &str)> {
    Some((&row.tenant, row.ordering_key.as_deref()?))
}

/// Lets the next of these keys be found.
pub(super) async fn unblock(tx: &mut Tx<'_>, mut keys: Vec<(&str, &str)>) -> Result<()> {
    if keys.is_empty() {
        return Ok(());
    }
    keys.sort_unstable();
    keys.dedup();
    tx.wakes = true;
    tx.run(tx.statement(UNBLOCK).bind(json(&keys))).await?;
    Ok(())
}

type Texts<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<&'a str>);

/// A row as the parameter of [`UPDATE`].
fn image(row: &Row) -> impl serde::Serialize + '_ {
    let id = row.id.simple().to_string();
    let numbers = (row.due, row.since, row.attempts, row.excused, row.losses, row.generation);
    let (due, since, attempts, excused, losses, generation) = numbers;
    let texts: Texts<'_> =
        (row.pending.as_deref(), row.pinned.as_deref(), row.paused_by.as_deref(), row.reason.as_deref());
    let (pending, pinned, paused_by, reason) = texts;
    let state = row.state.as_str();
    (id, state, due, since, attempts, excused, losses, generation, pending, pinned, paused_by, reason)
}

const FORGET_LEASES: &str = "\
DELETE FROM {leases} WHERE token IN (SELECT unhex(value) FROM json_each(?1))
    AND NOT EXISTS (SELECT 1 FROM {queue} q WHERE q.token = {leases}.token AND q.token IS NOT NULL)";

/// Deletes the leases that nothing holds any more.
pub(super) async fn forget_leases(tx: &mut Tx<'_>, mut tokens: Vec<Uuid>) -> Result<()> {
    tokens.sort_unstable();
    tokens.dedup();
    if !tokens.is_empty() {
        tx.run(tx.statement(FORGET_LEASES).bind(list(tokens))).await?;
    }
    Ok(())
}
