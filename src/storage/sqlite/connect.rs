//! Connections of our own, and the lock that only one of them can have.

use std::{
    path::{Path, PathBuf},
    time::Duration,
};

use sqlx::{ConnectOptions, SqliteConnection, sqlite::SqliteConnectOptions};

use super::fault::is_busy;
use crate::time::{Clock, Monotonic, SystemClock};

/// How long a lock is waited for before its holder is thought to be stuck.
const PATIENCE: Duration = Duration::from_secs(120);

/// SQLite's own waiting sleeps longer and longer and so loses against those who just came:
/// we let it wait for this long only, and begin again.
const SPELL: Duration = Duration::from_millis(30);

/// The log is written back into the file when it has so many pages.
const CHECKPOINT_PAGES: u32 = 4_000;

/// The log's file is cut down to this when it begins anew.
pub(super) const LOG_OCTETS: u64 = 32 << 20;

/// For the one that writes.
pub(super) fn for_writing(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    common(options)
        .busy_timeout(SPELL)
        .pragma("synchronous", "FULL")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES.to_string())
        .pragma("journal_size_limit", LOG_OCTETS.to_string())
        .pragma("cache_size", "-16384")
}

/// For those that read.
pub(super) fn for_reading(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    common(options).busy_timeout(PATIENCE).pragma("query_only", "ON").pragma("cache_size", "-4096")
}

fn common(options: &SqliteConnectOptions) -> SqliteConnectOptions {
    let options = options.clone().statement_cache_capacity(128).row_buffer_size(1_024);
    options.pragma("temp_store", "MEMORY").disable_statement_logging()
}

/// Opens a connection; waits while others have the file to themselves.
pub(super) async fn connect(options: &SqliteConnectOptions) -> sqlx::Result<SqliteConnection> {
    let waiting = Waiting::begin();
    loop {
        match options.connect().await {
            Err(error) if is_busy(&error) && waiting.goes_on() => waiting.pause().await,
            answer => return answer,
        }
    }
}

/// Begins a transaction that may write; waits for its turn. True if it had to wait.
pub(super) async fn begin_immediate(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    let waiting = Waiting::begin();
    loop {
        match sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut *connection).await {
            Ok(_) => return Ok(waiting.took() > Duration::from_millis(1)),
            Err(error) if is_busy(&error) && waiting.goes_on() => waiting.pause().await,
            Err(error) => return Err(error),
        }
    }
}

/// One wait for a lock.
pub(super) struct Waiting(Monotonic);

impl Waiting {
    pub(super) fn begin() -> Self {
        Self(SystemClock.monotonic())
    }

    pub(super) fn took(&self) -> Duration {
        SystemClock.monotonic().since(self.0)
    }

    pub(super) fn goes_on(&self) -> bool {
        self.took() < PATIENCE
    }

    /// A short while of random length, so that those who wait do not come back together.
    pub(super) async fn pause(&self) {
        tokio::time::sleep(Duration::from_micros(fastrand::u64(200..3_000))).await;
    }
}

/// The file that these options open, by a name that is the same for all who open it.
pub(super) fn file_of(options: &SqliteConnectOptions) -> PathBuf {
    let name = options.get_filename();
    std::fs::canonicalize(name).or_else(|_| std::path::absolute(name)).unwrap_or_else(|_| name.to_owned())
}

/// The file of the log beside that of the database.
pub(super) fn log_of(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn pragma(connection: &mut SqliteConnection, name: &str) -> i64 {
        let text = sqlx::AssertSqlSafe(format!("PRAGMA {name}"));
        sqlx::query_scalar(text).fetch_one(connection).await.expect("a number")
    }

    #[tokio::test]
    async fn every_commit_is_flushed_whatever_the_pool_says() {
        let options = SqliteConnectOptions::new().pragma("synchronous", "OFF");
        let mut writer = connect(&for_writing(&options)).await.expect("connected");
        assert_eq!(pragma(&mut writer, "synchronous").await, 2, "FULL");
        assert_eq!(pragma(&mut writer, "busy_timeout").await, 30);
        let mut reader = connect(&for_reading(&options)).await.expect("connected");
        assert_eq!(pragma(&mut reader, "query_only").await, 1);
    }
}
