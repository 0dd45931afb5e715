//! One transaction of the writer.

use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
};

use sqlx::{
    Row, Sqlite, SqliteConnection,
    query::Query,
    sqlite::{SqliteArguments, SqliteConnectOptions, SqliteRow},
};
use uuid::Uuid;

use super::{fault::failed, folder::Folder, hub::Hub, text::Texts};
use crate::{
    error::{Error, ErrorKind, Result},
    storage::TimeSource,
    time::{Clock, SystemClock, Timestamp},
};

/// A statement with its parameters.
pub(super) type Statement = Query<'static, Sqlite, SqliteArguments>;

/// What does not change while a store lives.
#[derive(Debug)]
pub(super) struct Core {
    pub(super) options: SqliteConnectOptions,
    /// The database is gone with its last connection, and readers would get into each other's way.
    pub(super) memory: bool,
    pub(super) file: PathBuf,
    pub(super) hub: Arc<Hub>,
    pub(super) texts: Texts,
    pub(super) time: TimeSource,
    /// Where attachments stand, if not in the database.
    pub(super) folder: Option<Folder>,
    pub(super) sequence: Sequence,
    /// The news that the claims of this store have heard.
    pub(super) heard: AtomicU64,
}

impl Core {
    pub(super) fn statement(&self, template: &'static str) -> Statement {
        sqlx::query(self.texts.of(template))
    }
}

/// Numbers for rows of the history: those of one process ascend, those of two differ.
#[derive(Debug)]
pub(super) struct Sequence {
    last: AtomicI64,
    tag: i64,
}

/// Below the microseconds of a number stands a tag of the process.
const TAGS: i64 = 1 << 10;

impl Default for Sequence {
    fn default() -> Self {
        Self { last: AtomicI64::new(0), tag: fastrand::i64(0..TAGS) }
    }
}

impl Sequence {
    pub(super) fn next(&self) -> i64 {
        let now = SystemClock.now().as_micros();
        let next = |last: i64| Some(now.max(last.saturating_add(1)));
        // The closure always answers.
        let last = self.last.fetch_update(Ordering::AcqRel, Ordering::Acquire, next).unwrap_or(now);
        now.max(last.saturating_add(1)).saturating_mul(TAGS).saturating_add(self.tag)
    }
}

/// One transaction: all that is done in it becomes durable together.
#[derive(Debug)]
pub(super) struct Tx<'a> {
    pub(super) connection: &'a mut SqliteConnection,
    pub(super) core: &'a Core,
    /// The store's clock.
    pub(super) now: Timestamp,
    /// There may be work when it is committed.
    pub(super) wakes: bool,
}

impl Tx<'_> {
    pub(super) fn statement(&self, template: &'static str) -> Statement {
        self.core.statement(template)
    }

    /// How many rows it changed.
    pub(super) async fn run(&mut self, statement: Statement) -> Result<u64> {
        let done = statement.execute(&mut *self.connection).await.map_err(failed)?;
        Ok(done.rows_affected())
    }

    pub(super) async fn rows(&mut self, statement: Statement) -> Result<Vec<SqliteRow>> {
        statement.fetch_all(&mut *self.connection).await.map_err(failed)
    }

    pub(super) async fn row(&mut self, statement: Statement) -> Result<Option<SqliteRow>> {
        statement.fetch_optional(&mut *self.connection).await.map_err(failed)
    }
}

/// The value of a column.
pub(super) fn column<'r, T>(row: &'r SqliteRow, index: usize) -> Result<T>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(index).map_err(failed)
}

/// Ids as one parameter: `SELECT unhex(value) FROM json_each(?)` gives them back.
pub(super) fn list(ids: impl IntoIterator<Item = Uuid>) -> String {
    let mut text = String::from("[");
    for id in ids {
        text.push_str(if text.len() > 1 { ",\"" } else { "\"" });
        text.push_str(id.simple().encode_lower(&mut Uuid::encode_buffer()));
        text.push('"');
    }
    text.push(']');
    text
}

/// Values as one parameter.
pub(super) fn json<T: serde::Serialize>(values: &T) -> String {
    // Texts and numbers: nothing of that can fail.
    serde_json::to_string(values).unwrap_or_default()
}

/// A fault of ours.
pub(super) fn internal(text: &'static str) -> Error {
    Error::new(ErrorKind::Internal, text)
}
