//! The way to the newest tables, for as many as want to go it at once.

use sqlx::{Row, SqliteConnection};

use super::{connect::begin_immediate, fault::failed, schema::migrations, text::named};
use crate::{
    error::Result,
    storage::{Dialect, Migration},
    time::Timestamp,
};

const TABLE: &str = "\
CREATE TABLE IF NOT EXISTS {migrations} (number INTEGER NOT NULL PRIMARY KEY, at INTEGER NOT NULL, name TEXT NOT NULL)
STRICT";

/// Takes the steps that are still to be taken, each in a transaction of its own: killed in the middle, it is
/// as if it had not begun. Others who come meanwhile wait, and find them taken. Numbers that this
/// version does not know are left alone.
pub(super) async fn migrate(
    connection: &mut SqliteConnection,
    dialect: &Dialect,
    now: Timestamp,
) -> Result<()> {
    let known = newest(connection, dialect).await.map_err(failed)?;
    for step in migrations(dialect).iter().filter(|step| i64::from(step.number) > known) {
        begin_immediate(connection).await.map_err(failed)?;
        if let Err(error) = take(connection, dialect, step, now).await {
            // If even this fails, the connection is dropped and with it the transaction.
            let _ = sqlx::raw_sql("ROLLBACK").execute(&mut *connection).await;
            return Err(failed(error));
        }
    }
    Ok(())
}

/// The newest step that was taken; 0 if none was.
pub(super) async fn newest(connection: &mut SqliteConnection, dialect: &Dialect) -> sqlx::Result<i64> {
    let there = sqlx::query("SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1");
    let there = there.bind(dialect.table("migrations")).fetch_optional(&mut *connection).await?;
    match there {
        Some(_) => taken(connection, dialect).await,
        None => Ok(0),
    }
}

async fn taken(connection: &mut SqliteConnection, dialect: &Dialect) -> sqlx::Result<i64> {
    let text = named(dialect, "SELECT coalesce(max(number), 0) FROM {migrations}");
    sqlx::query(sqlx::AssertSqlSafe(text)).fetch_one(connection).await?.try_get(0)
}

async fn take(
    connection: &mut SqliteConnection,
    dialect: &Dialect,
    step: &Migration,
    now: Timestamp,
) -> sqlx::Result<()> {
    let run = |sql: String| sqlx::raw_sql(sqlx::AssertSqlSafe(sql));
    run(named(dialect, TABLE)).execute(&mut *connection).await?;
    // Someone else may have been faster.
    if taken(connection, dialect).await? < i64::from(step.number) {
        run(step.sql.clone()).execute(&mut *connection).await?;
        let note = named(dialect, "INSERT INTO {migrations} (number, at, name) VALUES (?1, ?2, ?3)");
        let note = sqlx::query(sqlx::AssertSqlSafe(note)).bind(step.number).bind(now.as_micros());
        note.bind(step.name).execute(&mut *connection).await?;
    }
    run("COMMIT".into()).execute(&mut *connection).await?;
    Ok(())
}
