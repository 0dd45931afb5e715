//! The end of leases.

use std::{
    borrow::Cow,
    collections::{HashMap, HashSet},
};

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    group::{Group, Op, Pile},
    history::append,
    lease::lease_lost,
    rows::{Change, Row, apply, forget_leases, unblock},
    tx::{Tx, column, list},
};
use crate::{
    error::Result,
    event::Event,
    storage::{Next, Pause, QueueState, Settlement, sql::pending_text},
    time::Timestamp,
};

/// Ends leases.
#[derive(Debug)]
pub(super) struct Settle;

#[async_trait]
impl Op for Settle {
    type Item = Settlement;
    type Answer = ();

    async fn run(tx: &mut Tx<'_>, settlements: &[&Settlement]) -> Result<Vec<Result<()>>> {
        let (done, other): (Vec<&Settlement>, Vec<&Settlement>) =
            settlements.iter().partition(|settlement| settlement.next == Next::Done);
        let mut settled = finish(tx, &done).await?;
        settled.extend(go_on(tx, &other).await?);
        forget_leases(tx, settled.iter().map(|(_, token)| *token).collect()).await?;
        // Of two for one lease the first counts.
        let answer = |settlement: &&Settlement| match settled.remove(&name(settlement)) {
            true => Ok(()),
            false => Err(lease_lost(settlement.lease.id)),
        };
        Ok(settlements.iter().map(answer).collect())
    }

    fn pile(group: &mut Group) -> &mut Pile<Self> {
        &mut group.settles
    }
}

/// Id and token.
type Name = (Uuid, Uuid);

fn name(settlement: &Settlement) -> Name {
    (settlement.lease.id.as_uuid(), settlement.lease.token)
}

fn ids(settlements: &[&Settlement]) -> String {
    list(settlements.iter().map(|settlement| settlement.lease.id.as_uuid()))
}

const DELETE: &str = "DELETE FROM {queue!} WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

/// Lets messages leave the queue.
async fn finish(tx: &mut Tx<'_>, settlements: &[&Settlement]) -> Result<HashSet<Name>> {
    if settlements.is_empty() {
        return Ok(HashSet::new());
    }
    match finish_all(tx, settlements).await? {
        Some(settled) => Ok(settled),
        None => finish_each(tx, settlements).await,
    }
}

const COUNT: &str = "\
SELECT count(*), count(ordering_key) FROM {queue!}
WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND token = ?2 AND tenant = ?3";

/// More tokens than this are not counted one by one.
const TOKENS: usize = 4;

/// The usual end: a worker's messages of one tenant, without ordering keys, under leases that it has. Then
/// nothing has to be read of them one by one. `None` if it is not so.
async fn finish_all(tx: &mut Tx<'_>, settlements: &[&Settlement]) -> Result<Option<HashSet<Name>>> {
    let names: HashSet<Name> = settlements.iter().map(|settlement| name(settlement)).collect();
    let mut tokens: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    names.iter().for_each(|(id, token)| tokens.entry(*token).or_default().push(*id));
    let Some(tenant) = settlements.first().map(|settlement| &settlement.tenant) else { return Ok(None) };
    let one_tenant = settlements.iter().all(|settlement| settlement.tenant == *tenant);
    if names.len() < settlements.len() || tokens.len() > TOKENS || !one_tenant {
        return Ok(None);
    }
    for (token, ids) in tokens {
        let count = ids.len();
        let asked = tx.statement(COUNT).bind(list(ids)).bind(token).bind(tenant.as_str().to_owned());
        let Some(row) = tx.row(asked).await? else { return Ok(None) };
        if (column::<i64>(&row, 0)?, column::<i64>(&row, 1)?) != (count as i64, 0) {
            return Ok(None);
        }
    }
    tx.run(tx.statement(DELETE).bind(ids(settlements))).await?;
    let events: Vec<Cow<'_, [Event]>> = settlements.iter().map(|settlement| own(settlement)).collect();
    append(tx, events.iter().map(|events| &**events)).await?;
    Ok(Some(names))
}

const HOLDERS: &str = "\
SELECT id, token, tenant, ordering_key FROM {queue!}
WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND token IS NOT NULL";

/// The same where each must be looked at.
async fn finish_each(tx: &mut Tx<'_>, settlements: &[&Settlement]) -> Result<HashSet<Name>> {
    let rows = tx.rows(tx.statement(HOLDERS).bind(ids(settlements))).await?;
    let holders: HashMap<Name, Holder> = rows.iter().map(Holder::read).collect::<Result<_>>()?;
    let mut settled = HashSet::with_capacity(settlements.len());
    let mut events: Vec<Cow<'_, [Event]>> = Vec::with_capacity(settlements.len());
    let mut keys = Vec::new();
    for settlement in settlements {
        let holder = holders.get(&name(settlement)).filter(|holder| holder.is_of(settlement));
        let Some(holder) = holder.filter(|_| settled.insert(name(settlement))) else { continue };
        keys.extend(holder.ordering_key.as_deref().map(|key| (holder.tenant.as_str(), key)));
        events.push(own(settlement));
    }
    tx.run(tx.statement(DELETE).bind(list(settled.iter().map(|(id, _)| *id)))).await?;
    append(tx, events.iter().map(|events| &**events)).await?;
    unblock(tx, keys).await?;
    Ok(settled)
}

struct Holder {
    tenant: String,
    ordering_key: Option<String>,
}

impl Holder {
    fn read(row: &SqliteRow) -> Result<(Name, Self)> {
        let name = (column(row, 0)?, column(row, 1)?);
        Ok((name, Self { tenant: column(row, 2)?, ordering_key: column(row, 3)? }))
    }

    fn is_of(&self, settlement: &Settlement) -> bool {
        self.tenant == settlement.tenant.as_str()
    }
}

const ROWS: &str = "\
SELECT id, tenant, state, due, since, ordering_key, on_unknown, started, attempts, excused, losses, generation,
    token, cancel, pending, pinned, paused_by, reason
FROM {queue!} WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND token IS NOT NULL";

const PAUSES: &str = "SELECT word, name FROM {pauses} WHERE ending = 0";

/// Settles what stays in the queue, or might.
async fn go_on(tx: &mut Tx<'_>, settlements: &[&Settlement]) -> Result<HashSet<Name>> {
    if settlements.is_empty() {
        return Ok(HashSet::new());
    }
    let mut rows: HashMap<Name, Row> = HashMap::new();
    for row in tx.rows(tx.statement(ROWS).bind(ids(settlements))).await? {
        let row = Row::read(&row)?;
        rows.extend(row.token.map(|token| ((row.id, token), row)));
    }
    let pauses = pauses(tx, settlements).await?;
    let (mut settled, mut changes) = (HashSet::new(), Vec::new());
    for settlement in settlements {
        let name = name(settlement);
        let of_tenant = rows.get(&name).is_some_and(|row| row.tenant == settlement.tenant.as_str());
        let Some(row) = rows.remove(&name).filter(|_| of_tenant) else { continue };
        settled.insert(name);
        tx.wakes |= matches!(settlement.next, Next::Returned | Next::Paused { .. });
        changes.push(change(row, settlement, &pauses, tx.now));
    }
    apply(tx, &changes).await?;
    Ok(settled)
}

/// What is paused, if someone wants to wait for that.
async fn pauses(tx: &mut Tx<'_>, settlements: &[&Settlement]) -> Result<HashSet<Pause>> {
    if !settlements.iter().any(|settlement| matches!(settlement.next, Next::Paused { .. })) {
        return Ok(HashSet::new());
    }
    let mut pauses = HashSet::new();
    for row in tx.rows(tx.statement(PAUSES)).await? {
        pauses.extend(Pause::from_parts(column(&row, 0)?, column(&row, 1)?));
    }
    Ok(pauses)
}

/// The events that are of its message.
fn own(settlement: &Settlement) -> Cow<'_, [Event]> {
    let Settlement { lease, events, .. } = settlement;
    if events.iter().all(|event| event.message == lease.id) {
        return Cow::Borrowed(events);
    }
    events.iter().filter(|event| event.message == lease.id).cloned().collect()
}

/// What a settlement makes of a row.
fn change(mut row: Row, settlement: &Settlement, pauses: &HashSet<Pause>, now: Timestamp) -> Change {
    let Settlement { next, attempts, left, .. } = settlement;
    let mut events = own(settlement).into_owned();
    row.attempts = row.attempts.max(*attempts);
    let is_back = *next == Next::Returned;
    row.losses = if is_back { row.losses } else { 0 };
    // A wish to cancel that came meanwhile: nothing may keep it waiting.
    if row.cancel && !matches!(next, Next::Dead { .. } | Next::Done) {
        events.push(row.cancelled(now));
        return Change::leaves(row, events);
    }
    let left = || pending_text(left.as_deref());
    match next {
        Next::Done => return Change::leaves(row, events),
        Next::Dead { reason } => stop(&mut row, QueueState::Dead, reason, left()),
        Next::Held { reason } => stop(&mut row, QueueState::Held, reason, left()),
        Next::Later { after, counted, reason, pending, pinned } => {
            row.waits();
            row.due = (now + *after).as_micros();
            row.excused = row.excused.saturating_add(u32::from(!counted));
            row.reason = Some(reason.to_string());
            row.pending = pending_text(pending.as_deref());
            row.pinned = pinned.as_deref().map(str::to_owned);
        }
        Next::Paused { by } => {
            row.waits();
            row.pending = left().or(row.pending);
            // It may have been resumed since the worker saw it.
            if pauses.contains(by) {
                (row.state, row.paused_by) = (QueueState::Paused, Some(by.to_string()));
            }
        }
        Next::Returned => row.waits(),
    }
    Change::stays(row, events)
}

fn stop(row: &mut Row, state: QueueState, reason: &str, left: Option<String>) {
    (row.state, row.reason, row.paused_by) = (state, Some(reason.to_owned()), None);
    row.pending = left.or(row.pending.take());
}
