//! Numbers about the queue.

use std::collections::BTreeMap;

use super::{SqliteStore, rows::state_from, tx::column};
use crate::{
    error::Result,
    message::Channel,
    storage::{Depth, QueueState, QueueStats, Scope, sql::channel_from},
    time::Timestamp,
};

/// By parts, each of which an index has in its order: no part reads or sorts the whole queue.
const DEPTHS: &str = "\
SELECT channel, 'ready', count(*), min(due) FROM {queue}
    WHERE state = 'ready' AND blocked = 0 AND (?1 IS NULL OR tenant = ?1) GROUP BY channel
UNION ALL SELECT channel, 'ready', count(*), min(due) FROM {queue}
    WHERE ordering_key IS NOT NULL AND state = 'ready' AND blocked = 1 AND (?1 IS NULL OR tenant = ?1) GROUP BY channel
UNION ALL SELECT channel, 'leased', count(*), NULL FROM {queue}
    WHERE token IS NOT NULL AND (?1 IS NULL OR tenant = ?1) GROUP BY channel
UNION ALL SELECT channel, state, count(*), min(due) FROM {queue}
    WHERE state <> 'ready' AND state <> 'leased' AND (?1 IS NULL OR tenant = ?1) GROUP BY channel, state
UNION ALL SELECT '', '', 0, min(until) FROM {leases} WHERE ?1 IS NULL OR EXISTS (SELECT 1 FROM {queue} q
    WHERE q.token = {leases}.token AND q.token IS NOT NULL AND q.tenant = ?1)";

impl SqliteStore {
    pub(super) async fn read_stats(&self, scope: &Scope) -> Result<QueueStats> {
        let mut stats = QueueStats { now: self.core.time.now(), ..QueueStats::default() };
        let tenant = scope.tenant().map(|tenant| tenant.as_str().to_owned());
        let mut depths: BTreeMap<(Channel, QueueState), u64> = BTreeMap::new();
        for row in self.readers.rows(self.core.statement(DEPTHS).bind(tenant)).await? {
            let at = column::<Option<i64>>(&row, 3)?.map(Timestamp::from_micros);
            if column::<&str>(&row, 1)?.is_empty() {
                stats.oldest_expired_lease = at.filter(|at| *at <= stats.now);
                continue;
            }
            let (channel, state) = (channel_from(column(&row, 0)?)?, state_from(column(&row, 1)?)?);
            *depths.entry((channel, state)).or_default() += column::<i64>(&row, 2)?.unsigned_abs();
            let waits = matches!(state, QueueState::Ready | QueueState::Suspect);
            let at = at.filter(|at| waits && *at <= stats.now);
            stats.oldest_waiting = stats.oldest_waiting.into_iter().chain(at).min();
        }
        let depths = depths.into_iter().map(|((channel, state), count)| Depth::new(channel, state, count));
        stats.depths = depths.collect();
        Ok(stats)
    }
}
