//! The deletion of what is older than it must be kept.

use std::time::Duration;

use uuid::Uuid;

use super::{
    call::{Link, Transaction},
    columns::{column, limit, micros},
    fault::{Repeats, Trouble},
};
use crate::{error::Result, storage::Retention};

/// What is put before its message was enqueued stays for so long without one.
const ORPHANS: Duration = Duration::from_secs(24 * 3_600);

const FINAL: &str = "SELECT m.id, m.at FROM {messages} m, (SELECT {now_1}($1) AS now) n \
    WHERE m.at <= n.now - $2 AND (m.key IS NULL OR m.at <= n.now - greatest($2, $3)) \
    AND NOT EXISTS (SELECT FROM {queue} q WHERE q.id = m.id) \
    ORDER BY m.at, m.id LIMIT $4 FOR UPDATE OF m SKIP LOCKED";

const DEAD: &str = "SELECT m.id, m.at FROM {queue} q JOIN {messages} m ON m.id = q.id, (SELECT {now_1}($1) AS now) n \
    WHERE q.state = 'dead' AND m.at <= n.now - $2 AND (m.key IS NULL OR m.at <= n.now - greatest($2, $3)) \
    ORDER BY m.at, m.id LIMIT $4 FOR UPDATE OF q SKIP LOCKED";

const DELETE: [&str; 4] = [
    "DELETE FROM {history} WHERE message = ANY ($1)",
    "DELETE FROM {blob_refs} WHERE message = ANY ($1)",
    "DELETE FROM {queue} WHERE id = ANY ($1)",
    "DELETE FROM {messages} WHERE id = ANY ($1)",
];

const BLOBS: &str = "DELETE FROM {blobs} b WHERE b.hash IN ( \
    SELECT o.hash FROM {blobs} o WHERE o.at <= {now_1}($1) - $2 \
    AND NOT EXISTS (SELECT FROM {blob_refs} r WHERE r.hash = o.hash) ORDER BY o.at LIMIT $3)";

const RATES: &str = "DELETE FROM {rates} r WHERE r.key IN ( \
    SELECT o.key FROM {rates} o WHERE o.idle_at <= {now_1}($1) LIMIT $2 FOR UPDATE SKIP LOCKED)";

pub(super) async fn prune(link: &Link, retention: &Retention) -> Result<u64> {
    let mut repeats = Repeats::default();
    loop {
        match prune_once(link, retention).await {
            Err(trouble) if trouble.gave_way() && repeats.again().await => {}
            answer => return answer.map_err(Trouble::into_error),
        }
    }
}

async fn prune_once(link: &Link, retention: &Retention) -> Result<u64, Trouble> {
    let mut transaction = link.begin().await?;
    let mut old = find(link, &mut transaction, FINAL, retention.done, retention).await?;
    old.extend(find(link, &mut transaction, DEAD, retention.dead, retention).await?);
    old.sort_unstable();
    old.truncate(retention.limit);
    if !old.is_empty() {
        let ids: Vec<Uuid> = old.iter().map(|(_, id)| *id).collect();
        for delete in DELETE {
            transaction.run(link.statement(delete).bind(&ids)).await?;
        }
    }
    let orphans = link.statement(BLOBS).bind(link.clock()).bind(micros(ORPHANS)).bind(limit(retention.limit));
    transaction.run(orphans).await?;
    transaction.run(link.statement(RATES).bind(link.clock()).bind(limit(retention.limit))).await?;
    transaction.commit().await?;
    Ok(u64::try_from(old.len()).unwrap_or(u64::MAX))
}

/// Messages that need not be kept, by when they were taken.
async fn find(
    link: &Link,
    transaction: &mut Transaction<'_>,
    template: &'static str,
    keep: Duration,
    retention: &Retention,
) -> Result<Vec<(i64, Uuid)>, Trouble> {
    let statement = link.statement(template).bind(link.clock()).bind(micros(keep));
    let statement = statement.bind(micros(retention.keys())).bind(limit(retention.limit));
    let rows = transaction.rows(statement).await?;
    let read = |row| Ok((column(row, "at")?, column(row, "id")?));
    Ok(rows.iter().map(read).collect::<Result<Vec<_>>>()?)
}
