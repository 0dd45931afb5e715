//! Numbers about the queue.

use sqlx::postgres::PgRow;

use super::{call::Link, columns::column};
use crate::{
    error::Result,
    storage::{
        Depth, QueueState, QueueStats, Scope,
        sql::{channel_from, unreadable},
    },
    time::Timestamp,
};

/// One row for each channel and state, and one without for what is about leases.
const STATS: &str = "WITH moment AS MATERIALIZED (SELECT {now_1}($1) AS now) \
    SELECT m.now, q.channel, q.state, count(*) AS depth, \
        min(q.due) FILTER (WHERE q.state IN ('ready', 'suspect') AND q.due <= m.now) AS waiting, NULL::bigint AS expired \
    FROM {queue} q, moment m WHERE $2::text IS NULL OR q.tenant = $2 GROUP BY m.now, q.channel, q.state \
    UNION ALL SELECT m.now, NULL, NULL, 0, NULL, (SELECT min(l.until) FROM {leases} l \
        WHERE l.until <= m.now AND EXISTS (SELECT FROM {queue} q WHERE q.id = ANY (l.ids) AND q.token = l.token \
            AND ($2::text IS NULL OR q.tenant = $2))) FROM moment m";

pub(super) async fn stats(link: &Link, scope: &Scope) -> Result<QueueStats> {
    let tenant = scope.tenant().map(|tenant| tenant.as_str());
    let rows = link.rows(|| link.statement(STATS).bind(link.clock()).bind(tenant)).await?;
    let mut stats = QueueStats::default();
    rows.iter().try_for_each(|row| add(&mut stats, row))?;
    stats.depths.sort_by_key(|depth| (depth.channel, depth.state));
    Ok(stats)
}

fn add(stats: &mut QueueStats, row: &PgRow) -> Result<()> {
    let moment = |name| column::<Option<i64>>(row, name).map(|at| at.map(Timestamp::from_micros));
    stats.now = moment("now")?.unwrap_or_default();
    stats.oldest_waiting = stats.oldest_waiting.into_iter().chain(moment("waiting")?).min();
    stats.oldest_expired_lease = stats.oldest_expired_lease.or(moment("expired")?);
    let Some(channel) = column::<Option<&str>>(row, "channel")? else { return Ok(()) };
    let word: &str = column(row, "state")?;
    let state = QueueState::from_word(word);
    let state = state.ok_or_else(|| unreadable("state", format!("{word:?} is not known here")))?;
    let count = u64::try_from(column::<i64>(row, "depth")?).unwrap_or_default();
    stats.depths.push(Depth::new(channel_from(channel)?, state, count));
    Ok(())
}
