//! What is old enough is deleted, a part at a time.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    group::Work,
    tx::{Tx, column, list},
};
use crate::{error::Result, id::Fingerprint, storage::Retention, time::Timestamp};

/// How long a file stays that no message needs: its message may be on its way.
const ALONE: Duration = Duration::from_secs(24 * 3_600);

/// Deletes messages.
#[derive(Debug)]
pub(super) struct Prune(pub(super) Retention);

/// `?1` is the latest moment of those without a key, `?2` of those with one.
const DONE: &str = "\
SELECT m.at, m.id FROM {messages} m WHERE m.at <= max(?1, ?2)
    AND NOT EXISTS (SELECT 1 FROM {queue} WHERE id = m.id)
    AND m.at <= iif(m.key IS NULL, ?1, ?2)
ORDER BY m.at, m.id LIMIT ?3 + 0";

const DEAD: &str = "\
SELECT m.at, m.id FROM {queue} q CROSS JOIN {messages} m ON m.id = q.id
WHERE q.state = 'dead' AND q.state <> 'ready' AND q.state <> 'leased'
    AND m.at <= iif(m.key IS NULL, ?1, ?2)
ORDER BY m.at, m.id LIMIT ?3 + 0";

const DELETE: [&str; 4] = [
    "DELETE FROM {queue!} WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM {history!} WHERE message IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM {blob_refs} INDEXED BY {blob_refs}_by_message WHERE message IN (SELECT unhex(value) FROM json_each(?1))",
    "DELETE FROM {messages!} WHERE id IN (SELECT unhex(value) FROM json_each(?1))",
];

const FILES: &str = "\
DELETE FROM {blobs} WHERE at <= ?1 AND NOT EXISTS (SELECT 1 FROM {blob_refs} WHERE hash = {blobs}.hash)
RETURNING hash";

/// Windows of rate limits that hold nothing any more.
const RATES: &str = "\
DELETE FROM {rates} WHERE key IN (SELECT key FROM {rates} WHERE idle_at <= ?1 LIMIT ?2 + 0)";

#[async_trait]
impl Work for Prune {
    type Answer = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64> {
        let Retention { done, dead, limit, .. } = self.0;
        let mut old = self.old(tx, DONE, done).await?;
        old.extend(self.old(tx, DEAD, dead).await?);
        old.sort_unstable();
        old.truncate(limit);
        if !old.is_empty() {
            let ids = list(old.iter().map(|(_, id)| *id));
            for template in DELETE {
                tx.run(tx.statement(template).bind(ids.clone())).await?;
            }
        }
        if old.len() < limit {
            files(tx).await?;
        }
        let most = i64::try_from(limit).unwrap_or(i64::MAX);
        tx.run(tx.statement(RATES).bind(tx.now.as_micros()).bind(most)).await?;
        Ok(old.len() as u64)
    }

    fn weight(&self) -> usize {
        self.0.limit
    }
}

/// Deletes the contents that no message needs. Files go while nobody can write that they are there.
async fn files(tx: &mut Tx<'_>) -> Result<()> {
    for row in tx.rows(tx.statement(FILES).bind(before(tx.now, ALONE))).await? {
        let hash = <[u8; 32]>::try_from(column::<&[u8]>(&row, 0)?);
        if let (Some(folder), Ok(hash)) = (&tx.core.folder, hash) {
            folder.remove(Fingerprint(hash))?;
        }
    }
    Ok(())
}

impl Prune {
    /// Those that were taken as long ago as this, or as keys are kept.
    async fn old(&self, tx: &mut Tx<'_>, template: &'static str, keep: Duration) -> Result<Vec<(i64, Uuid)>> {
        let limit = i64::try_from(self.0.limit).unwrap_or(i64::MAX);
        let with_key = before(tx.now, keep.max(self.0.keys()));
        let asked = tx.statement(template).bind(before(tx.now, keep)).bind(with_key).bind(limit);
        tx.rows(asked).await?.iter().map(|row| Ok((column(row, 0)?, column(row, 1)?))).collect()
    }
}

/// The moment so long before `now`.
fn before(now: Timestamp, by: Duration) -> i64 {
    now.as_micros().saturating_sub(i64::try_from(by.as_micros()).unwrap_or(i64::MAX))
}
