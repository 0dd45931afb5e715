//! Enqueueing in a transaction of the caller's.

use std::{future::IntoFuture, pin::Pin, sync::Arc};

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, Row};

use crate::{
    error::{Error, ErrorKind, Result},
    event::OnUnknown,
    id::MessageId,
    message::Priority,
    messenger::{Draft, Messenger, Prepared, option_methods, queue_option_methods},
    storage::{Dialect, DialectKind, Enqueued, Entry, Param, Statement},
    time::Timestamp,
};

mod sealed {
    pub trait Sealed {}
}

/// A transaction of sqlx in which messages can be enqueued. Sealed: those of Postgres and SQLite.
#[async_trait]
pub trait OutboxTransaction: sealed::Sealed + Send {
    /// Its database.
    #[doc(hidden)]
    const KIND: DialectKind;

    /// Executes a statement; how many rows it affected.
    #[doc(hidden)]
    async fn execute(&mut self, statement: Statement) -> Result<u64>;

    /// Executes a query for an id and a fingerprint.
    #[doc(hidden)]
    async fn find(&mut self, statement: Statement) -> Result<Option<Known>>;
}

/// Binds the parameters of a statement, in order.
macro_rules! bound {
    ($statement:expr) => {{
        let Statement { sql, params, .. } = $statement;
        let query = sqlx::query(AssertSqlSafe(sql));
        params.into_iter().fold(query, |query, param| match param {
            Param::Bytes(bytes) => query.bind(bytes.map(|bytes| bytes.to_vec())),
            Param::Int(number) => query.bind(number),
            Param::Small(number) => query.bind(number),
            Param::Text(text) => query.bind(text),
            Param::Uuid(uuid) => query.bind(uuid),
        })
    }};
}

macro_rules! outbox_transaction {
    ($feature:literal, $database:ident, $module:ident::$row:ident) => {
        #[cfg(feature = $feature)]
        impl sealed::Sealed for sqlx::Transaction<'_, sqlx::$database> {}

        #[cfg(feature = $feature)]
        #[async_trait]
        impl OutboxTransaction for sqlx::Transaction<'_, sqlx::$database> {
            const KIND: DialectKind = DialectKind::$database;

            async fn execute(&mut self, statement: Statement) -> Result<u64> {
                let done = bound!(statement).execute(&mut **self).await;
                done.map(|done| done.rows_affected()).map_err(in_transaction)
            }

            async fn find(&mut self, statement: Statement) -> Result<Option<Known>> {
                let row = bound!(statement).fetch_optional(&mut **self).await.map_err(in_transaction)?;
                let read = |row: sqlx::$module::$row| Ok((row.try_get(0)?, row.try_get(1)?));
                row.map(read).transpose().map_err(in_transaction)
            }
        }
    };
}

outbox_transaction!("postgres", Postgres, postgres::PgRow);
outbox_transaction!("sqlite", Sqlite, sqlite::SqliteRow);

/// The id and the fingerprint of a message that is there.
type Known = (uuid::Uuid, Option<Vec<u8>>);

/// What went wrong in a transaction that is not ours: it is the caller's to roll back.
fn in_transaction(error: sqlx::Error) -> Error {
    // SQLite's primary result code for "busy" is 5; extended codes keep it in the low octet.
    let code = error.as_database_error().and_then(|error| error.code());
    let busy = code.and_then(|code| code.parse::<i64>().ok()).is_some_and(|code| code & 0xff == 5);
    if busy {
        let why = "this SQLite transaction cannot become a writer, because another one wrote since it began: \
                   roll it back and begin it with `sqlx_0_9::begin_immediate(&pool)`";
        return Error::new(ErrorKind::Conflict, why).with_source(error);
    }
    Error::new(ErrorKind::Storage, "the message could not be enqueued in this transaction; roll it back")
        .with_source(error)
}

/// A message about to be enqueued in a transaction: set options, then await it.
#[derive(Debug)]
#[must_use = "nothing is enqueued until the request is awaited"]
pub struct EnqueueIn<'t, T> {
    messenger: Messenger,
    transaction: &'t mut T,
    draft: Draft,
}

impl Messenger {
    /// Enqueues a message in your own transaction: committed, it is sent; rolled back, it never was.
    ///
    /// Nothing is notified, since that would serialise commits: workers find the message when they look
    /// next, or at once if you call [`wake`](Messenger::wake) after the commit.
    ///
    /// On SQLite begin with [`begin_immediate`](super::begin_immediate): a transaction that only
    /// read so far may be unable to write (then the error is of kind `conflict`).
    ///
    /// ```
    /// # async fn f(messenger: tidings::Messenger, pool: sqlx::SqlitePool, email: tidings::Email) -> Result<(), Box<dyn std::error::Error>> {
    /// let mut tx = tidings::sqlx_0_9::begin_immediate(&pool).await?;
    /// sqlx::query("INSERT INTO orders (id) VALUES (17)").execute(&mut *tx).await?;
    /// messenger.enqueue_in(&mut tx, email).key("order-17").await?;
    /// tx.commit().await?;
    /// messenger.wake().await?;
    /// # Ok(()) }
    /// ```
    pub fn enqueue_in<'t, T: OutboxTransaction>(
        &self,
        transaction: &'t mut T,
        message: impl Into<Draft>,
    ) -> EnqueueIn<'t, T> {
        EnqueueIn { messenger: self.clone(), transaction, draft: message.into() }
    }
}

impl<T> EnqueueIn<'_, T> {
    queue_option_methods!(draft.options);

    option_methods!(draft.options);
}

impl<'t, T: OutboxTransaction> IntoFuture for EnqueueIn<'t, T> {
    type Output = Result<Enqueued>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send + 't>>;

    fn into_future(self) -> Self::IntoFuture {
        let Self { messenger, transaction, draft } = self;
        Box::pin(async move {
            let dialect = dialect_of::<T>(&messenger)?;
            let prepared = messenger.prepare_for_transaction(draft).await?;
            enqueue(transaction, &dialect, &prepared).await
        })
    }
}

fn dialect_of<T: OutboxTransaction>(messenger: &Messenger) -> Result<Dialect> {
    match messenger.dialect() {
        Some(dialect) if dialect.kind() == T::KIND => Ok(dialect),
        Some(dialect) => {
            let text = format!(
                "the transaction is one of {:?}, the messenger's store is in {:?}",
                T::KIND,
                dialect.kind()
            );
            Err(Error::config(text))
        }
        None => Err(Error::config(
            "the messenger's store has no tables: give the builder a SqliteStore or a PostgresStore in the same database",
        )),
    }
}

async fn enqueue<T: OutboxTransaction>(
    transaction: &mut T,
    dialect: &Dialect,
    prepared: &Prepared,
) -> Result<Enqueued> {
    let mut fresh = true;
    for statement in prepared.statements(dialect) {
        let decides = statement.decides;
        let affected = transaction.execute(statement).await?;
        fresh &= !decides || affected > 0;
    }
    if fresh {
        return Ok(Enqueued::new(prepared.id, true));
    }
    let known = transaction.find(prepared.known(dialect)).await?;
    same(&prepared.entry, known)
}

/// The first message of the same key, if it says the same.
fn same(entry: &Entry, known: Option<Known>) -> Result<Enqueued> {
    let Some((id, fingerprint)) = known else {
        let why = "a message of the same key was enqueued at the same moment and withdrawn; try again";
        return Err(Error::new(ErrorKind::Conflict, why));
    };
    let id = MessageId::from_uuid(id);
    let same = fingerprint.as_deref() == entry.fingerprint.as_ref().map(|hash| &hash.0[..]);
    if same { Ok(Enqueued::new(id, false)) } else { Err(entry.conflict(id)) }
}
