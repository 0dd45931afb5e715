//! One call on the database: a statement by itself, or several in a transaction.

use std::{
    future::Future,
    io::ErrorKind,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sqlx::{
    AssertSqlSafe, Connection, PgPool, Postgres,
    pool::{PoolConnection, PoolConnectionMetadata},
    postgres::{PgArguments, PgConnectOptions, PgPoolOptions, PgRow},
    query::Query,
};

use super::{
    fault::{Repeats, ends_connection, failed, gave_way},
    options::PostgresOptions,
    statements::{Statements, named},
};
use crate::{
    error::Result,
    storage::{Dialect, TimeSource},
    time::{Clock, Monotonic, SystemClock},
};

/// A statement with its parameters.
pub(super) type Statement = Query<'static, Postgres, PgArguments>;

/// How every transaction of several statements begins. Plans are made for a large queue, whatever its size is now (see
/// migration 2). Our peers wait for rows that we lock, so that we must not stall: if this process is stopped in the
/// middle, the server ends the transaction.
const BEGIN: &str = "BEGIN; SET LOCAL enable_seqscan = off; SET LOCAL jit = off; SET LOCAL lock_timeout = '20s'; \
                     SET LOCAL idle_in_transaction_session_timeout = '20s'";

/// A connection that has been idle for this long is tried before it is used.
const IDLE: Duration = Duration::from_secs(30);

/// Where statements go.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) pool: PgPool,
    statements: Statements,
    dialect: Dialect,
    bouncer: bool,
    limit: Duration,
    time: TimeSource,
    losses: Arc<Losses>,
}

impl Link {
    /// Over connections of its own.
    pub(super) fn open(connect: PgConnectOptions, options: &PostgresOptions) -> Self {
        let losses = Arc::<Losses>::default();
        let known = Arc::clone(&losses);
        let pool = PgPoolOptions::new()
            .max_connections(options.connections)
            .acquire_timeout(options.patience)
            // A round trip for every call; what we know of losses does as well.
            .test_before_acquire(false)
            .before_acquire(move |connection, meta| {
                let doubtful = known.may_be_lost(&meta);
                Box::pin(async move { Ok(!doubtful || connection.ping().await.is_ok()) })
            });
        Self::over(pool.connect_lazy_with(connect), options, losses)
    }

    /// Over the connections of a pool.
    pub(super) fn share(pool: PgPool, options: &PostgresOptions) -> Self {
        Self::over(pool, options, Arc::default())
    }

    fn over(pool: PgPool, options: &PostgresOptions, losses: Arc<Losses>) -> Self {
        let statements = Statements::new(options.dialect.clone());
        let (dialect, time) = (options.dialect.clone(), options.time.clone());
        Self { pool, statements, dialect, bouncer: options.bouncer, limit: options.limit, time, losses }
    }

    /// Now, if not the database's clock is the judge.
    pub(super) fn clock(&self) -> Option<i64> {
        match &self.time {
            TimeSource::Database => None,
            TimeSource::Injected(clock) => Some(clock.now().as_micros()),
        }
    }

    /// A statement in which `{name}` stands for one of our tables.
    pub(super) fn statement(&self, template: &'static str) -> Statement {
        // Behind a bouncer the next transaction may be on another connection, where nothing is prepared.
        sqlx::query(AssertSqlSafe(self.statements.of(template))).persistent(!self.bouncer)
    }

    /// A statement that was put together for this one time.
    pub(super) fn composed(&self, template: &str) -> Statement {
        sqlx::query(AssertSqlSafe(named(&self.dialect, template))).persistent(false)
    }

    /// The rows of one statement, repeated if it gave way to another.
    pub(super) async fn rows(&self, statement: impl Fn() -> Statement + Send + Sync) -> Result<Vec<PgRow>> {
        let mut repeats = Repeats::default();
        loop {
            match self.rows_once(statement()).await {
                Err(error) if gave_way(&error) && repeats.again().await => {}
                answer => return answer.map_err(failed),
            }
        }
    }

    pub(super) async fn rows_once(&self, statement: Statement) -> sqlx::Result<Vec<PgRow>> {
        if self.bouncer {
            // Else a bouncer may give preparation and execution different connections.
            let mut transaction = self.begin().await?;
            let rows = transaction.rows(statement).await?;
            transaction.commit().await?;
            return Ok(rows);
        }
        let mut connection = self.connection().await?;
        let answer = within(self.limit, statement.fetch_all(&mut *connection)).await;
        self.judge(&mut connection, &answer);
        answer
    }

    /// Begins a transaction.
    pub(super) async fn begin(&self) -> sqlx::Result<Transaction<'_>> {
        self.begin_with(BEGIN, self.limit).await
    }

    /// Begins a transaction each statement of which may take as long as it needs.
    pub(super) async fn begin_long(&self) -> sqlx::Result<Transaction<'_>> {
        self.begin_with(BEGIN, Duration::MAX).await
    }

    pub(super) async fn begin_with(
        &self,
        begin: &'static str,
        limit: Duration,
    ) -> sqlx::Result<Transaction<'_>> {
        let connection = self.connection().await?;
        let mut transaction = Transaction { link: self, connection, limit, open: true };
        transaction.batch(begin).await?;
        Ok(transaction)
    }

    async fn connection(&self) -> sqlx::Result<PoolConnection<Postgres>> {
        let answer = self.pool.acquire().await;
        if matches!(&answer, Err(error) if !matches!(error, sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed))
        {
            self.losses.note();
        }
        answer
    }

    /// Does not give back to the pool what is of no use.
    fn judge<T>(&self, connection: &mut PoolConnection<Postgres>, answer: &sqlx::Result<T>) {
        if matches!(answer, Err(error) if ends_connection(error)) {
            self.losses.note();
            connection.close_on_drop();
        }
    }
}

/// A transaction; without [`commit`](Self::commit) nothing of it happened.
pub(super) struct Transaction<'l> {
    link: &'l Link,
    connection: PoolConnection<Postgres>,
    limit: Duration,
    open: bool,
}

/// What takes longer counts as lost.
async fn within<T>(limit: Duration, work: impl Future<Output = sqlx::Result<T>>) -> sqlx::Result<T> {
    let late = |_| Err(sqlx::Error::Io(ErrorKind::TimedOut.into()));
    tokio::time::timeout(limit, work).await.unwrap_or_else(late)
}

impl Transaction<'_> {
    pub(super) async fn rows(&mut self, statement: Statement) -> sqlx::Result<Vec<PgRow>> {
        let answer = within(self.limit, statement.fetch_all(&mut *self.connection)).await;
        self.link.judge(&mut self.connection, &answer);
        answer
    }

    /// Runs a statement; answers how many rows it changed.
    pub(super) async fn run(&mut self, statement: Statement) -> sqlx::Result<u64> {
        let answer = within(self.limit, statement.execute(&mut *self.connection)).await;
        self.link.judge(&mut self.connection, &answer);
        Ok(answer?.rows_affected())
    }

    /// Runs statements without parameters.
    pub(super) async fn batch(&mut self, sql: impl sqlx::SqlSafeStr) -> sqlx::Result<()> {
        let answer = within(self.limit, sqlx::raw_sql(sql).execute(&mut *self.connection)).await;
        self.link.judge(&mut self.connection, &answer);
        answer.map(drop)
    }

    pub(super) async fn commit(mut self) -> sqlx::Result<()> {
        self.batch("COMMIT").await?;
        self.open = false;
        Ok(())
    }
}

impl Drop for Transaction<'_> {
    fn drop(&mut self) {
        if self.open {
            // The server rolls back as soon as the connection is gone.
            self.connection.close_on_drop();
        }
    }
}

/// When a connection was lost: then the others, made before, are probably lost as well.
#[derive(Debug, Default)]
struct Losses(Mutex<Option<Monotonic>>);

impl Losses {
    fn note(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(SystemClock.monotonic());
    }

    fn may_be_lost(&self, meta: &PoolConnectionMetadata) -> bool {
        let lost = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        meta.idle_for >= IDLE || lost.is_some_and(|lost| meta.age >= SystemClock.monotonic().since(lost))
    }
}
