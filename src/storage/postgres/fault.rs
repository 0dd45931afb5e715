//! What Postgres says, in the crate's words.

use std::time::Duration;

use crate::error::{Error, ErrorKind, Retry};

/// How often a transaction that lost against another is repeated.
const REPEATS: u32 = 8;

/// What the server told of an error, but for the details: those hold values.
fn code_of(error: &sqlx::Error) -> Option<String> {
    Some(error.as_database_error()?.code()?.into_owned())
}

/// True if the connection is of no use any more: it is broken, or leads to a server that only reads.
pub(super) fn ends_connection(error: &sqlx::Error) -> bool {
    match code_of(error) {
        Some(code) => code == "25006" || code.starts_with("57P") || code.starts_with("08"),
        None => {
            !matches!(error, sqlx::Error::RowNotFound | sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed)
        }
    }
}

/// True if two transactions met and this one gave way: it did nothing and may be repeated at once.
pub(super) fn gave_way(error: &sqlx::Error) -> bool {
    matches!(code_of(error).as_deref(), Some("40001" | "40P01" | "55P03"))
}

/// True if a row is there already.
pub(super) fn is_duplicate(error: &sqlx::Error) -> bool {
    code_of(error).as_deref() == Some("23505")
}

/// What can go wrong between two statements.
#[derive(Debug)]
pub(super) enum Trouble {
    Database(sqlx::Error),
    Other(Error),
}

impl Trouble {
    pub(super) fn gave_way(&self) -> bool {
        matches!(self, Self::Database(error) if gave_way(error))
    }

    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Database(error) => failed(error),
            Self::Other(error) => error,
        }
    }
}

impl From<sqlx::Error> for Trouble {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

/// Counts repetitions.
#[derive(Debug, Default)]
pub(super) struct Repeats(u32);

impl Repeats {
    /// Waits for a short while of random length, so that those who met do not meet again; false if there were enough.
    pub(super) async fn again(&mut self) -> bool {
        self.0 += 1;
        if self.0 > REPEATS {
            return false;
        }
        tokio::time::sleep(Duration::from_micros(fastrand::u64(200..4_000 * u64::from(self.0)))).await;
        true
    }
}

/// An error of the database.
pub(super) fn failed(error: sqlx::Error) -> Error {
    match error {
        sqlx::Error::Database(told) => {
            let code = told.code().unwrap_or_default().into_owned();
            let (text, retry) = words(&code);
            let error = Error::new(ErrorKind::Storage, text).with_context("postgres", told.message());
            error.with_retry(retry).with_code(code)
        }
        sqlx::Error::Configuration(_) => Error::config("the URL of the database cannot be read"),
        sqlx::Error::ColumnDecode { ref index, .. } => {
            let text = "a column does not hold what this version writes there";
            Error::new(ErrorKind::Storage, text).with_context("column", index.clone()).with_source(error)
        }
        sqlx::Error::PoolClosed => {
            Error::new(ErrorKind::Storage, "the pool is closed: open the store anew").with_retry(Retry::Never)
        }
        sqlx::Error::PoolTimedOut => {
            let text = "the database does not answer, or all connections are in use for too long";
            Error::new(ErrorKind::Storage, text)
        }
        error => Error::new(ErrorKind::Storage, "the connection to the database is lost").with_source(error),
    }
}

fn words(code: &str) -> (&'static str, Retry) {
    let passing = |text| (text, Retry::Backoff);
    match code {
        "25006" => {
            passing("the server only reads: a replica; the connection is closed, to find the one that writes")
        }
        "40001" | "40P01" => passing("others wrote the same rows again and again"),
        "42P01" | "42703" | "42883" | "3F000" => {
            passing("the tables are not there, or older than this version needs: call migrate()")
        }
        "53100" => passing("the database's disk is full: as soon as there is space the next write works"),
        "53300" => passing("the database has no connection left for us"),
        "55P03" | "57014" => passing("others keep rows locked for too long"),
        _ if code.starts_with("08") || code.starts_with("57P") => {
            passing("the database goes down or comes up")
        }
        _ if code.starts_with("28") => ("the database refuses the login", Retry::Never),
        _ if code.starts_with("42501") => ("the login may not do this in the database", Retry::Never),
        _ if code.starts_with("22") || code.starts_with("23") || code.starts_with("54") => {
            ("the database cannot hold this value", Retry::Never)
        }
        _ => passing("the database failed"),
    }
}
