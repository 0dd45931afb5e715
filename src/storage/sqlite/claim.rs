//! Claims: what is due goes to a worker.

use std::{borrow::Cow, collections::HashMap, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use serde::Deserialize;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    group::{Ask, Join, Work},
    history::append,
    park::{Met, park},
    pause::GoOn,
    recover::recover,
    rows::policy_from,
    settle::Settle,
    tx::{Tx, column, json},
};
use crate::{
    error::{Error, Result},
    event::{Event, EventKind},
    id::{MessageId, TenantId},
    message::{Channel, Payload},
    storage::{
        Claim, Claimed, Lane, Lease, Leased, Next, Pause, Settlement, Terms, act_id,
        sql::{blobs_from, channel_from, pending_from, priority_code, priority_from, unreadable},
    },
    time::Timestamp,
};

#[async_trait]
impl Work for Claim {
    type Answer = Claimed;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Claimed> {
        let mut sight = Sight::look(tx, self).await?;
        for pause in sight.ending.drain(..) {
            GoOn(pause).run(tx).await?;
        }
        let recovered = recover(tx, &self.scope, &sight.over).await?;
        if sight.all_paused {
            return Ok(Claimed::nothing(tx.now));
        }
        let lanes = sight.lanes(self);
        let mut claimed = Claimed::nothing(tx.now);
        let found = lease(tx, self, &lanes).await?;
        if !self.alone {
            park(tx, self, &Met::of(self, &lanes, &found, tx.now), &sight).await?;
        }
        claimed.leased = found.into_iter().map(|(_, leased)| leased).collect();
        sight.suspects |= recovered;
        claimed.suspects = sight.suspects && suspects(tx, self, &lanes).await?;
        if claimed.leased.len() < self.limit && !self.alone {
            claimed.next_due = next_due(tx, self, &lanes).await?;
        }
        Ok(claimed)
    }

    fn weight(&self) -> usize {
        self.limit.min(500)
    }

    /// The messages go back: nobody would work on them until their leases are over.
    fn unheard(claimed: Claimed) -> Option<Box<dyn Join>> {
        let back = |leased: &Leased| Settlement::new(leased, Next::Returned, leased.attempts, Vec::new());
        let items: Vec<_> = claimed.leased.iter().map(back).collect();
        let to = tokio::sync::oneshot::channel().0;
        (!items.is_empty()).then(|| Box::new(Ask::<Settle> { items, to }) as Box<dyn Join>)
    }
}

/// What a claim must know before it looks for messages.
#[derive(Default)]
pub(super) struct Sight {
    /// Tokens of leases that are over.
    over: Vec<Uuid>,
    /// Pauses that end, by someone who may have been interrupted.
    ending: Vec<Pause>,
    all_paused: bool,
    channels_paused: Vec<String>,
    pub(super) tenants_paused: bool,
    /// There are suspects.
    suspects: bool,
    /// There are messages with an ordering key.
    pub(super) ordered: bool,
}

const LOOK: &str = "\
SELECT * FROM (SELECT 'over' AS word, '' AS name, token FROM {leases} WHERE until <= ?1
        AND (?2 IS NULL OR EXISTS (SELECT 1 FROM {queue} q
            WHERE q.token = {leases}.token AND q.token IS NOT NULL AND q.tenant = ?2))
    ORDER BY until LIMIT 8)
UNION ALL SELECT iif(ending, 'ending', word), iif(ending, word || ' ' || name, name), NULL FROM {pauses}
UNION ALL SELECT 'suspects', '', NULL WHERE EXISTS (SELECT 1 FROM {queue}
    WHERE state = 'suspect' AND state <> 'ready' AND state <> 'leased')
UNION ALL SELECT 'ordered', '', NULL WHERE EXISTS (SELECT 1 FROM {queue} WHERE ordering_key IS NOT NULL)";

impl Sight {
    async fn look(tx: &mut Tx<'_>, claim: &Claim) -> Result<Self> {
        let mut sight = Self::default();
        for row in tx.rows(tx.statement(LOOK).bind(tx.now.as_micros()).bind(tenant(claim))).await? {
            match column(&row, 0)? {
                "ending" => {
                    let parts = column::<&str>(&row, 1)?.split_once(' ');
                    sight.ending.extend(parts.and_then(|(word, name)| Pause::from_parts(word, name)));
                }
                "all" => sight.all_paused = true,
                "channel" => sight.channels_paused.push(column(&row, 1)?),
                "ordered" => sight.ordered = true,
                "over" => sight.over.push(column(&row, 2)?),
                "suspects" => sight.suspects = true,
                "tenant" => sight.tenants_paused = true,
                _ => {}
            }
        }
        Ok(sight)
    }

    /// The lanes that are not paused.
    fn lanes(&self, claim: &Claim) -> Vec<Lane> {
        let paused = |lane: &&Lane| self.channels_paused.iter().any(|name| name == lane.channel.as_str());
        claim.lanes.iter().filter(|lane| !paused(lane)).copied().collect()
    }
}

/// What must hold for a row `q` to be leased: `?2` is now, `?3` the newest payload, `?4` the tenant or NULL.
macro_rules! may_go {
    () => {
        "q.due <= ?2 AND q.payload_version <= ?3 AND (?4 IS NULL OR q.tenant = ?4)
        AND q.tenant NOT IN (SELECT name FROM {pauses} WHERE word = 'tenant' AND ending = 0)
        AND (q.ordering_key IS NULL OR NOT (
            EXISTS (SELECT 1 FROM {queue} o INDEXED BY {queue}_one_of_key WHERE o.tenant = q.tenant
                AND o.ordering_key = q.ordering_key AND o.ordering_key IS NOT NULL AND o.state = 'leased')
            OR EXISTS (SELECT 1 FROM {queue} o INDEXED BY {queue}_in_order WHERE o.tenant = q.tenant
                AND o.ordering_key = q.ordering_key AND o.ordering_key IS NOT NULL AND o.id < q.id AND o.state NOT IN ('dead', 'held'))))"
    };
}

/// `LIMIT # + 0`, since SQLite plans a statement anew at each execution if its limit is a bare parameter.
const LEASE: &str = concat!(
    "UPDATE {queue!} SET state = 'leased', token = ?1, started = 0 WHERE id IN (SELECT id FROM (",
    "[SELECT id FROM (SELECT q.id FROM {queue} q INDEXED BY {queue}_ready WHERE q.state = 'ready' AND q.blocked = 0
        AND q.channel = # AND q.priority = # AND ",
    may_go!(),
    " ORDER BY q.due, q.id LIMIT # + 0)]) LIMIT ?5 + 0)"
);

const LEASE_SUSPECT: &str = concat!(
    "UPDATE {queue!} SET state = 'leased', token = ?1, started = 0 WHERE id IN (
        SELECT q.id FROM {queue} q INDEXED BY {queue}_parked WHERE q.state = 'suspect' AND q.state <> 'ready' AND q.state <> 'leased'
            AND q.channel IN (SELECT value FROM json_each(?6)) AND ",
    may_go!(),
    " ORDER BY q.due, q.id LIMIT ?5 + 0)"
);

const SUSPECTS: &str = concat!(
    "SELECT 1 FROM {queue} q INDEXED BY {queue}_parked WHERE ?1 IS NULL AND ?5 IS NULL AND q.state = 'suspect'
        AND q.state <> 'ready' AND q.state <> 'leased'
        AND q.channel IN (SELECT value FROM json_each(?6)) AND ",
    may_go!(),
    " LIMIT 1"
);

const KEEP_LEASE: &str =
    "INSERT INTO {leases} (token, worker, until, begun, ids) VALUES (?1, ?2, ?3, ?4, ?5)";

/// A message with the place of its lane.
pub(super) type Found = (usize, Leased);

/// Leases what may go, in the order of the lanes.
async fn lease(tx: &mut Tx<'_>, claim: &Claim, lanes: &[Lane]) -> Result<Vec<Found>> {
    let token = act_id(tx.now);
    let found = match claim.alone {
        true => mark_suspect(tx, claim, lanes, token).await?,
        false => mark(tx, claim, lanes, token).await?,
    };
    if found == 0 {
        return Ok(Vec::new());
    }
    let mut found = leased(tx, token, lanes).await?;
    found.iter_mut().skip(claim.begin).for_each(|(_, leased)| leased.begun = false);
    let kept = tx.statement(KEEP_LEASE).bind(token).bind(Arc::clone(&claim.worker));
    let kept = kept.bind((tx.now + claim.lease).as_micros());
    let kept = match claim.begin < found.len() {
        true => kept.bind(number(claim.begin)).bind(Some(ids(&found))),
        false => kept.bind(number(found.len())).bind(None::<Vec<u8>>),
    };
    tx.run(kept).await?;
    Ok(found)
}

/// In their order, as a lease keeps them.
fn ids(found: &[Found]) -> Vec<u8> {
    found.iter().flat_map(|(_, leased)| leased.lease.id.as_uuid().into_bytes()).collect()
}

async fn mark(tx: &mut Tx<'_>, claim: &Claim, lanes: &[Lane], token: Uuid) -> Result<u64> {
    let lanes: Vec<&Lane> = lanes.iter().filter(|lane| lane.limit > 0).collect();
    if lanes.is_empty() || claim.limit == 0 {
        return Ok(0);
    }
    let text = tx.core.texts.repeated(LEASE, " UNION ALL ", lanes.len(), 6);
    let mut statement = sqlx::query(text).bind(token).bind(tx.now.as_micros());
    statement = statement.bind(i64::from(claim.newest_payload)).bind(tenant(claim)).bind(number(claim.limit));
    for lane in lanes {
        statement = statement.bind(lane.channel.as_str()).bind(priority_code(lane.priority));
        statement = statement.bind(number(lane.limit));
    }
    tx.run(statement).await
}

async fn mark_suspect(tx: &mut Tx<'_>, claim: &Claim, lanes: &[Lane], token: Uuid) -> Result<u64> {
    let statement = tx.statement(LEASE_SUSPECT).bind(token).bind(tx.now.as_micros());
    let statement = statement.bind(i64::from(claim.newest_payload)).bind(tenant(claim));
    tx.run(statement.bind(number(claim.limit.min(1))).bind(channels(lanes))).await
}

/// True if a claim of one suspect would find one now.
async fn suspects(tx: &mut Tx<'_>, claim: &Claim, lanes: &[Lane]) -> Result<bool> {
    let statement = tx.statement(SUSPECTS).bind(None::<i64>).bind(tx.now.as_micros());
    let statement = statement.bind(i64::from(claim.newest_payload)).bind(tenant(claim));
    Ok(tx.row(statement.bind(None::<i64>).bind(channels(lanes))).await?.is_some())
}

pub(super) fn tenant(claim: &Claim) -> Option<String> {
    claim.scope.tenant().map(|tenant| tenant.as_str().to_owned())
}

pub(super) fn number(limit: usize) -> i64 {
    i64::try_from(limit).unwrap_or(i64::MAX)
}

fn channels(lanes: &[Lane]) -> String {
    json(&lanes.iter().map(|lane| lane.channel.as_str()).collect::<Vec<_>>())
}

const NEXT_DUE: &str = "\
SELECT min(due) FROM ([SELECT (SELECT q.due FROM {queue} q INDEXED BY {queue}_ready WHERE q.state = 'ready' AND q.blocked = 0
    AND q.channel = # AND q.priority = # AND q.due > ?1 AND (?2 IS NULL OR q.tenant = ?2)
    ORDER BY q.due LIMIT 1) AS due])";

async fn next_due(tx: &mut Tx<'_>, claim: &Claim, lanes: &[Lane]) -> Result<Option<Timestamp>> {
    if lanes.is_empty() {
        return Ok(None);
    }
    let text = tx.core.texts.repeated(NEXT_DUE, " UNION ALL ", lanes.len(), 3);
    let mut statement = sqlx::query(text).bind(tx.now.as_micros()).bind(tenant(claim));
    for lane in lanes {
        statement = statement.bind(lane.channel.as_str()).bind(priority_code(lane.priority));
    }
    let row = tx.row(statement).await?;
    let due: Option<i64> = row.as_ref().map(|row| column(row, 0)).transpose()?.flatten();
    Ok(due.map(Timestamp::from_micros))
}

/// What is small comes as one value: each value of a row costs as much as a lookup.
const LEASED: &str = "\
SELECT q.id, m.payload, json_array(q.tenant, q.channel, q.priority, q.due, q.since, q.on_unknown, q.ordering_key,
    q.attempts, q.excused, q.losses, q.generation, q.pending, q.pinned, m.key, m.expires,
    q.unsuppressed_at = (SELECT n FROM {suppressions_version})), m.payload_version,
    iif(m.payload_key_id IS NULL AND m.payload_blobs IS NULL AND m.payload_codec = 'json', NULL,
        json_array(m.payload_codec, m.payload_key_id, m.payload_blobs))
FROM {queue} q INDEXED BY {queue}_by_token CROSS JOIN {messages!m} ON m.id = q.id
WHERE q.token = ?1 AND q.token IS NOT NULL";

/// The messages of a fresh token, in the order of the lanes.
async fn leased(tx: &mut Tx<'_>, token: Uuid, lanes: &[Lane]) -> Result<Vec<Found>> {
    let rows = tx.rows(tx.statement(LEASED).bind(token)).await?;
    let mut order: HashMap<(Channel, i16), usize> = HashMap::new();
    for (place, lane) in lanes.iter().enumerate() {
        order.entry((lane.channel, priority_code(lane.priority))).or_insert(place);
    }
    let mut found = Vec::with_capacity(rows.len());
    for row in &rows {
        match read(row, token) {
            Ok((lane, leased)) => {
                found.push((order.get(&lane).copied().unwrap_or(usize::MAX), leased));
            }
            Err(error) => give_up(tx, column(row, 0)?, &error).await?,
        }
    }
    found.sort_unstable_by_key(|(place, leased)| (*place, leased.terms.due, leased.lease.id));
    Ok(found)
}

const GIVE_UP: &str = "UPDATE {queue!} SET state = 'dead', token = NULL, reason = ?2 WHERE id = ?1";

/// A row that cannot be read would keep all others of its claim from being leased, at every claim.
async fn give_up(tx: &mut Tx<'_>, id: Uuid, error: &Error) -> Result<()> {
    let event = Event::new(MessageId::from_uuid(id), EventKind::Dead, tx.now).with_error(error);
    tx.run(tx.statement(GIVE_UP).bind(id).bind(error.to_string())).await?;
    append(tx, std::iter::once([event].as_slice())).await
}

/// What a worker must know beside the payload, in the order of the array.
#[derive(Deserialize)]
struct Facts<'a> {
    #[serde(borrow)]
    tenant: Cow<'a, str>,
    #[serde(borrow)]
    channel: Cow<'a, str>,
    priority: i16,
    due: i64,
    since: i64,
    #[serde(borrow)]
    on_unknown: Cow<'a, str>,
    ordering_key: Option<Arc<str>>,
    attempts: u32,
    excused: u32,
    losses: u32,
    generation: u32,
    pending: Option<String>,
    pinned: Option<Arc<str>>,
    key: Option<Arc<str>>,
    expires: Option<i64>,
    unsuppressed: Option<i64>,
}

/// A message with the channel and the code of the priority that name its lane.
fn read(row: &SqliteRow, token: Uuid) -> Result<((Channel, i16), Leased)> {
    let facts: Facts<'_> = serde_json::from_str(column(row, 2)?).map_err(|e| unreadable("queue", e))?;
    let lane = (channel_from(&facts.channel)?, facts.priority);
    let lease = Lease { id: MessageId::from_uuid(column(row, 0)?), token };
    let tenant: TenantId = facts.tenant.parse().map_err(|e: Error| unreadable("tenant", e))?;
    let terms = Terms {
        due: Some(Timestamp::from_micros(facts.due)),
        expires: facts.expires.map(Timestamp::from_micros),
        on_unknown: policy_from(&facts.on_unknown)?,
        ordering_key: facts.ordering_key,
        priority: priority_from(facts.priority),
    };
    let mut leased = Leased::new(lease, tenant, payload(row)?, terms);
    leased.since = Timestamp::from_micros(facts.since);
    (leased.attempts, leased.excused) = (facts.attempts, facts.excused);
    (leased.losses, leased.generation) = (facts.losses, facts.generation);
    leased.pending = pending_from(facts.pending.as_deref())?;
    (leased.pinned, leased.key) = (facts.pinned, facts.key);
    leased.unsuppressed = facts.unsuppressed == Some(1);
    Ok((lane, leased))
}

/// What is rarely so: codec, key and files of a payload.
type Unusual = (String, Option<String>, Option<String>);

fn payload(row: &SqliteRow) -> Result<Payload> {
    let bytes = column::<&[u8]>(row, 1)?;
    let unusual: Option<&str> = column(row, 4)?;
    let unusual = unusual.map(serde_json::from_str::<Unusual>).transpose();
    let unusual = unusual.map_err(|e| unreadable("payload_codec", e))?;
    let (codec, key_id, blobs) = unusual.unwrap_or_else(|| ("json".into(), None, None));
    let (version, blobs) = (column(row, 3)?, blobs_from(blobs.as_deref())?);
    Ok(Payload { version, codec, key_id, bytes: Bytes::copy_from_slice(bytes), blobs })
}
