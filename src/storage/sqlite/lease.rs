//! What holders of leases write before they are done: that they start, and that they still live.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    group::{Group, Op, Pile, Work},
    tx::{Tx, column, list},
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::MessageId,
    storage::Lease,
};

/// The answer to who names a lease that the message does not have.
pub(super) fn lease_lost(id: MessageId) -> Error {
    let why = "another worker has the message, or it left the queue; claim again to work on it";
    Error::new(ErrorKind::LeaseLost, why).with_message_id(id)
}

/// What is asked for, by token: a claim's messages share theirs.
fn by_token(leases: impl Iterator<Item = Lease>) -> HashMap<Uuid, Vec<Uuid>> {
    let mut groups: HashMap<Uuid, Vec<Uuid>> = HashMap::new();
    for lease in leases {
        groups.entry(lease.token).or_default().push(lease.id.as_uuid());
    }
    groups
}

/// Counts starts.
#[derive(Debug)]
pub(super) struct Start;

const START: &str = "\
UPDATE {queue!} SET attempts = attempts + 1, started = 1
WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND token = ?2
    AND EXISTS (SELECT 1 FROM {leases} WHERE token = ?2 AND until > ?3)
RETURNING id, attempts";

#[async_trait]
impl Op for Start {
    type Item = Lease;
    type Answer = u32;

    async fn run(tx: &mut Tx<'_>, leases: &[&Lease]) -> Result<Vec<Result<u32>>> {
        let mut started: HashMap<(Uuid, Uuid), u32> = HashMap::new();
        for (token, ids) in by_token(leases.iter().map(|lease| **lease)) {
            let asked = tx.statement(START).bind(list(ids)).bind(token).bind(tx.now.as_micros());
            for row in tx.rows(asked).await? {
                started.insert((column(&row, 0)?, token), column(&row, 1)?);
            }
        }
        let answer = |lease: &&Lease| {
            let attempt = started.get(&(lease.id.as_uuid(), lease.token)).copied();
            attempt.ok_or_else(|| lease_lost(lease.id))
        };
        Ok(leases.iter().map(answer).collect())
    }

    fn pile(group: &mut Group) -> &mut Pile<Self> {
        &mut group.starts
    }
}

/// Moves the mark of a lease up to and with one of its messages.
#[derive(Debug)]
pub(super) struct Begin(pub(super) Lease);

const MARK: &str = "\
SELECT begun, ids FROM {leases} WHERE token = ?1 AND until > ?2
    AND EXISTS (SELECT 1 FROM {queue!} WHERE id = ?3 AND token = ?1)";

const MOVE_MARK: &str = "UPDATE {leases} SET begun = ?2 WHERE token = ?1";

#[async_trait]
impl Work for Begin {
    type Answer = Result<()>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Result<()>> {
        let Lease { id, token } = self.0;
        let asked = tx.statement(MARK).bind(token).bind(tx.now.as_micros()).bind(id.as_uuid());
        let Some(row) = tx.row(asked).await? else { return Ok(Err(lease_lost(id))) };
        let wished = i64::try_from(place(column(&row, 1)?, id) + 1).unwrap_or(i64::MAX);
        if wished > column(&row, 0)? {
            tx.run(tx.statement(MOVE_MARK).bind(token).bind(wished)).await?;
        }
        Ok(Ok(()))
    }
}

/// The place of a message among those of its lease; the first, if all of them may begin anyway.
fn place(ids: Option<&[u8]>, id: MessageId) -> usize {
    let mut ids = ids.unwrap_or_default().chunks_exact(size_of::<Uuid>());
    ids.position(|known| known == id.as_uuid().as_bytes()).unwrap_or_default()
}

const BEYOND: &str = "\
SELECT token, begun, ids FROM {leases} WHERE token IN (SELECT unhex(value) FROM json_each(?1)) AND ids IS NOT NULL";

/// The messages of these leases that their marks have not passed, with the tokens.
pub(super) async fn beyond(tx: &mut Tx<'_>, tokens: &[Uuid]) -> Result<HashSet<(Uuid, Uuid)>> {
    let mut beyond = HashSet::new();
    for row in tx.rows(tx.statement(BEYOND).bind(list(tokens.iter().copied()))).await? {
        let (token, begun): (Uuid, i64) = (column(&row, 0)?, column(&row, 1)?);
        let ids = column::<&[u8]>(&row, 2)?.chunks_exact(size_of::<Uuid>());
        let rest = ids.skip(usize::try_from(begun).unwrap_or(usize::MAX));
        beyond.extend(rest.filter_map(|id| Some((Uuid::from_slice(id).ok()?, token))));
    }
    Ok(beyond)
}

/// Lets leases hold for longer.
#[derive(Debug)]
pub(super) struct Renew;

const HELD: &str =
    "SELECT id FROM {queue!} WHERE id IN (SELECT unhex(value) FROM json_each(?1)) AND token = ?2";

const RENEW: &str = "UPDATE {leases} SET until = ?2 WHERE token = ?1";

#[async_trait]
impl Op for Renew {
    type Item = (Lease, Duration);
    type Answer = ();

    async fn run(tx: &mut Tx<'_>, asks: &[&(Lease, Duration)]) -> Result<Vec<Result<()>>> {
        let mut held: HashSet<(Uuid, Uuid)> = HashSet::new();
        for (token, ids) in by_token(asks.iter().map(|(lease, _)| *lease)) {
            let rows = tx.rows(tx.statement(HELD).bind(list(ids)).bind(token)).await?;
            for row in &rows {
                held.insert((column(row, 0)?, token));
            }
            let longest = asks.iter().filter(|(lease, _)| lease.token == token).map(|(_, by)| *by).max();
            if let (false, Some(by)) = (rows.is_empty(), longest) {
                tx.run(tx.statement(RENEW).bind(token).bind((tx.now + by).as_micros())).await?;
            }
        }
        let answer = |(lease, _): &&(Lease, Duration)| match held.contains(&(lease.id.as_uuid(), lease.token))
        {
            true => Ok(()),
            false => Err(lease_lost(lease.id)),
        };
        Ok(asks.iter().map(answer).collect())
    }

    fn pile(group: &mut Group) -> &mut Pile<Self> {
        &mut group.renews
    }
}
