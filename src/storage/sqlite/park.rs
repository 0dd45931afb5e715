//! What a claim met and could not take is put aside, so that it is met once.

use super::{
    claim::{Found, Sight, tenant},
    tx::Tx,
};
use crate::{
    error::Result,
    storage::{Claim, Lane, sql::priority_code},
    time::Timestamp,
};

/// Those of paused tenants wait until the tenant is resumed.
const PAUSE: &str = "\
UPDATE {queue!} SET state = 'paused', paused_by = 'tenant:' || tenant WHERE id IN (
    [SELECT id FROM (SELECT q.id FROM {queue} q INDEXED BY {queue}_ready WHERE q.state = 'ready' AND q.blocked = 0
        AND q.channel = # AND q.priority = # AND q.due <= # AND (?1 IS NULL OR q.tenant = ?1)
        AND q.tenant IN (SELECT name FROM {pauses} WHERE word = 'tenant' AND ending = 0)
    ORDER BY q.due, q.id LIMIT 1000)])";

/// Those behind others of their ordering key wait until these are gone.
const BLOCK: &str = "\
UPDATE {queue!} SET blocked = 1 WHERE id IN (
    [SELECT id FROM (SELECT q.id FROM {queue} q INDEXED BY {queue}_ready WHERE q.state = 'ready' AND q.blocked = 0
        AND q.channel = # AND q.priority = # AND q.due <= # AND (?1 IS NULL OR q.tenant = ?1)
        AND q.ordering_key IS NOT NULL
        AND EXISTS (SELECT 1 FROM {queue} o WHERE o.tenant = q.tenant AND o.ordering_key = q.ordering_key
            AND o.ordering_key IS NOT NULL AND o.id < q.id AND o.state NOT IN ('dead', 'held'))
    ORDER BY q.due, q.id LIMIT 1000)])";

/// How far a claim has looked into a lane.
pub(super) struct Met {
    lane: Lane,
    up_to: Timestamp,
}

impl Met {
    /// Lanes that were not looked into are left out.
    pub(super) fn of(claim: &Claim, lanes: &[Lane], found: &[Found], now: Timestamp) -> Vec<Self> {
        let is_full = found.len() >= claim.limit;
        let last = found.iter().map(|(place, _)| *place).max();
        let met = lanes.iter().enumerate().filter_map(|(place, lane)| {
            let mine = || found.iter().filter(|(of, _)| *of == place);
            if is_full && last.is_none_or(|last| place > last) || lane.limit == 0 {
                return None;
            }
            let stopped = mine().count() >= lane.limit || (is_full && Some(place) == last);
            let furthest = mine().filter_map(|(_, leased)| leased.terms.due).max();
            Some(Self { lane: *lane, up_to: furthest.filter(|_| stopped).unwrap_or(now) })
        });
        met.collect()
    }
}

/// Puts aside what could not go.
pub(super) async fn park(tx: &mut Tx<'_>, claim: &Claim, met: &[Met], sight: &Sight) -> Result<()> {
    if met.is_empty() {
        return Ok(());
    }
    if sight.tenants_paused {
        put_aside(tx, PAUSE, claim, met).await?;
    }
    if sight.ordered {
        put_aside(tx, BLOCK, claim, met).await?;
    }
    Ok(())
}

async fn put_aside(tx: &mut Tx<'_>, template: &'static str, claim: &Claim, met: &[Met]) -> Result<()> {
    let text = tx.core.texts.repeated(template, " UNION ALL ", met.len(), 2);
    let mut statement = sqlx::query(text).bind(tenant(claim));
    for Met { lane, up_to } in met {
        statement = statement.bind(lane.channel.as_str()).bind(priority_code(lane.priority));
        statement = statement.bind(up_to.as_micros());
    }
    tx.run(statement).await?;
    Ok(())
}
