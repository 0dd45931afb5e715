//! Connections that read, apart from the one that writes.

use std::sync::{Mutex, PoisonError};

use sqlx::{
    SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteRow},
};
use tokio::sync::{Semaphore, SemaphorePermit};

use super::{
    connect::{connect, for_reading},
    fault::failed,
    tx::Statement,
};
use crate::error::Result;

/// How many read at once.
const MOST: usize = 4;

/// Connections that are opened when they are needed, and belong to no runtime.
#[derive(Debug)]
pub(super) struct Readers {
    options: SqliteConnectOptions,
    permits: Semaphore,
    idle: Mutex<Vec<SqliteConnection>>,
}

impl Readers {
    pub(super) fn new(options: &SqliteConnectOptions) -> Self {
        let (permits, idle) = (Semaphore::new(MOST), Mutex::default());
        Self { options: for_reading(options), permits, idle }
    }

    /// All rows of one statement.
    pub(super) async fn rows(&self, statement: Statement) -> Result<Vec<SqliteRow>> {
        let mut reader = self.reader().await?;
        let rows = statement.fetch_all(&mut reader.connection).await.map_err(failed)?;
        reader.done();
        Ok(rows)
    }

    /// The first row of one statement.
    pub(super) async fn row(&self, statement: Statement) -> Result<Option<SqliteRow>> {
        let mut reader = self.reader().await?;
        let row = statement.fetch_optional(&mut reader.connection).await.map_err(failed)?;
        reader.done();
        Ok(row)
    }

    async fn reader(&self) -> Result<Reader<'_>> {
        // The semaphore is never closed.
        let permit = self.permits.acquire().await.ok();
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.options).await.map_err(failed)?,
        };
        Ok(Reader { connection, readers: self, _permit: permit })
    }

    /// Lets the file go.
    pub(super) fn close(&self) {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// One connection in use. If it is dropped in the middle, so is the connection.
struct Reader<'r> {
    connection: SqliteConnection,
    readers: &'r Readers,
    _permit: Option<SemaphorePermit<'r>>,
}

impl Reader<'_> {
    fn done(self) {
        self.readers.idle.lock().unwrap_or_else(PoisonError::into_inner).push(self.connection);
    }
}
