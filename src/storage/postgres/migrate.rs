//! Migrations: numbered, each taken once and in one transaction, by one process at a time.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::{
    call::{Link, Transaction},
    fault::failed,
    statements::named,
};
use crate::{
    error::Result,
    storage::{Dialect, Migration},
};

const STEPS: [(&str, &str); 3] = [
    ("tables", include_str!("migrations/0001_tables.sql")),
    ("functions", include_str!("migrations/0002_functions.sql")),
    ("documents", include_str!("migrations/0003_documents.sql")),
];

/// Who migrates waits for others that do, however long it takes them.
const BEGIN: &str = "BEGIN; SET LOCAL lock_timeout = 0";

/// Where we note which steps were taken.
const NOTES: &str = "CREATE TABLE IF NOT EXISTS {migrations} \
                     (number integer PRIMARY KEY, at bigint NOT NULL, name text NOT NULL)";

/// Two processes that make the same table at once both find that it is not there, and one of them fails.
const LOCK: &str = "SELECT pg_advisory_xact_lock(hashtextextended('{migrations}', 0))";

/// All steps for tables of these names.
pub(super) fn steps(dialect: &Dialect) -> Vec<Migration> {
    let numbered = (1..).zip(STEPS);
    numbered.map(|(number, (name, sql))| Migration::new(number, name, named(dialect, sql))).collect()
}

/// Takes all steps that were not taken yet.
pub(super) async fn migrate(link: &Link, dialect: &Dialect) -> Result<()> {
    prepare(link, dialect).await.map_err(failed)?;
    for step in steps(dialect) {
        take(link, dialect, &step).await.map_err(|e| failed(e).with_context("migration", step.name))?;
    }
    Ok(())
}

async fn locked<'l>(link: &'l Link, dialect: &Dialect) -> sqlx::Result<Transaction<'l>> {
    let mut transaction = link.begin_with(BEGIN, Duration::MAX).await?;
    transaction.batch(AssertSqlSafe(named(dialect, LOCK))).await?;
    Ok(transaction)
}

async fn prepare(link: &Link, dialect: &Dialect) -> sqlx::Result<()> {
    let mut transaction = locked(link, dialect).await?;
    if let Some(schema) = dialect.schema() {
        // Who may not make schemas may not even say IF NOT EXISTS of one that is there.
        let known = link.statement("SELECT 1 FROM pg_namespace WHERE nspname = $1").bind(schema);
        if transaction.rows(known).await?.is_empty() {
            transaction.batch(AssertSqlSafe(format!("CREATE SCHEMA {schema}"))).await?;
        }
    }
    transaction.batch(AssertSqlSafe(named(dialect, NOTES))).await?;
    transaction.commit().await
}

async fn take(link: &Link, dialect: &Dialect, step: &Migration) -> sqlx::Result<()> {
    let mut transaction = locked(link, dialect).await?;
    let number = i32::try_from(step.number).unwrap_or(i32::MAX);
    let taken = link.statement("SELECT 1 FROM {migrations} WHERE number = $1").bind(number);
    if !transaction.rows(taken).await?.is_empty() {
        return transaction.commit().await;
    }
    transaction.batch(AssertSqlSafe(step.sql.clone())).await?;
    let note = "INSERT INTO {migrations} (number, at, name) \
                SELECT $1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint, $2";
    transaction.run(link.statement(note).bind(number).bind(step.name)).await?;
    transaction.commit().await
}
