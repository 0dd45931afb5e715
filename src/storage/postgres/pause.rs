//! Pauses.

use super::{
    call::Link,
    columns::{column, text},
    fault::failed,
};
use crate::{
    error::Result,
    storage::{Pause, sql::unreadable},
};

const PAUSE: &str = "INSERT INTO {pauses} (word, name) VALUES ($1, $2) ON CONFLICT DO NOTHING";
const RESUME: &str = "DELETE FROM {pauses} WHERE word = $1 AND name = $2";
/// Whoever parks messages by what it read before is waited for; see migration 2.
const BARRIER: &str = "SELECT pg_advisory_xact_lock(hashtextextended('{pauses}', 0))";
const UNPARK: &str = "UPDATE {queue} SET paused_by = NULL, state = CASE WHEN losses >= 2 THEN 'suspect' ELSE 'ready' END \
    WHERE state = 'paused' AND paused_by = $1";

pub(super) async fn pause(link: &Link, pause: &Pause) -> Result<()> {
    let (word, name) = pause.parts();
    link.rows(|| link.statement(PAUSE).bind(word).bind(text(name))).await.map(drop)
}

pub(super) async fn resume(link: &Link, pause: &Pause) -> Result<()> {
    let (word, name) = pause.parts();
    let work = async {
        let mut transaction = link.begin_long().await?;
        transaction.run(link.statement(RESUME).bind(word).bind(text(name))).await?;
        transaction.run(link.statement(BARRIER)).await?;
        transaction.run(link.statement(UNPARK).bind(text(&pause.to_string()))).await?;
        transaction.commit().await
    };
    work.await.map_err(failed)
}

pub(super) async fn pauses(link: &Link) -> Result<Vec<Pause>> {
    let rows = link.rows(|| link.statement("SELECT word, name FROM {pauses} ORDER BY word, name")).await?;
    let read = |row| {
        let pause = Pause::from_parts(column(row, "word")?, column(row, "name")?);
        pause.ok_or_else(|| unreadable("word", "a pause that is not known here"))
    };
    rows.iter().map(read).collect()
}
