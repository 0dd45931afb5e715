//! What becomes of messages whose worker was lost.

use uuid::Uuid;

use super::{
    lease::beyond,
    rows::{Change, Row, apply, forget_leases},
    tx::{Tx, list},
};
use crate::{error::Result, storage::Scope, time::Timestamp};

const ROWS: &str = "\
SELECT id, tenant, state, due, since, ordering_key, on_unknown, started, attempts, excused, losses, generation,
    token, cancel, pending, pinned, paused_by, reason
FROM {queue} INDEXED BY {queue}_by_token WHERE token IN (SELECT unhex(value) FROM json_each(?1)) AND token IS NOT NULL
    AND (?2 IS NULL OR tenant = ?2)";

/// Ends these leases, which are over. True if there were messages under them.
pub(super) async fn recover(tx: &mut Tx<'_>, scope: &Scope, over: &[Uuid]) -> Result<bool> {
    if over.is_empty() {
        return Ok(false);
    }
    let tenant = scope.tenant().map(|tenant| tenant.as_str().to_owned());
    let rows = tx.rows(tx.statement(ROWS).bind(list(over.iter().copied())).bind(tenant)).await?;
    let (now, beyond) = (tx.now, beyond(tx, over).await?);
    let has_begun = |row: &Row| row.token.is_none_or(|token| !beyond.contains(&(row.id, token)));
    let changes = rows.iter().map(|row| {
        let row = Row::read(row)?;
        let begun = has_begun(&row);
        Ok(change(row, begun, now))
    });
    let changes: Vec<Change> = changes.collect::<Result<_>>()?;
    apply(tx, &changes).await?;
    forget_leases(tx, over.to_vec()).await?;
    Ok(!changes.is_empty())
}

fn change(mut row: Row, begun: bool, now: Timestamp) -> Change {
    let recovery = row.lost(begun).recover(now);
    let Some(state) = recovery.state else { return Change::leaves(row, recovery.events) };
    (row.state, row.losses) = (state, recovery.losses);
    row.reason = recovery.reason.as_deref().map(str::to_owned).or(row.reason);
    Change::stays(row, recovery.events)
}
