//! The way into the queue.

use std::collections::{HashMap, HashSet};

use async_trait::async_trait;
use uuid::Uuid;

use super::{
    group::{Group, Op, Pile},
    suppress,
    text::chunks,
    tx::{Statement, Tx, column, internal, json, list},
};
use crate::{
    error::Result,
    id::{Fingerprint, MessageId},
    storage::{
        Enqueued, Entry, Record, Suppression,
        sql::{blobs_text, details, priority_code, recipient_hashes},
    },
    time::Timestamp,
};

/// Enqueues messages.
#[derive(Debug)]
pub(super) struct Enqueue;

#[async_trait]
impl Op for Enqueue {
    type Item = Entry;
    type Answer = Enqueued;

    async fn run(tx: &mut Tx<'_>, entries: &[&Entry]) -> Result<Vec<Result<Enqueued>>> {
        let list = Look::take(tx, entries).await?;
        let mut plan = Plan { known: known(tx, entries).await?, new: Vec::new() };
        let admitted = entries.iter().map(|entry| list.admit(entry).and_then(|()| plan.add(entry)));
        let answers = admitted.collect();
        if !plan.new.is_empty() {
            insert_messages(tx, &plan.new).await?;
            queue(tx, &plan.new, &list).await?;
            tx.wakes = true;
        }
        Ok(answers)
    }

    fn pile(group: &mut Group) -> &mut Pile<Self> {
        &mut group.enqueues
    }
}

/// A look at the suppression list for entries that are refused by it.
#[derive(Default)]
struct Look {
    /// How many additions it has seen.
    version: i64,
    /// What it has of each recipient, where it has any.
    found: HashMap<Uuid, Vec<Option<Suppression>>>,
}

const VERSION: &str = "SELECT n, EXISTS (SELECT 1 FROM {suppressions}) FROM {suppressions_version}";

impl Look {
    async fn take(tx: &mut Tx<'_>, entries: &[&Entry]) -> Result<Self> {
        let mut look = Self::default();
        let asking = || entries.iter().filter(|entry| entry.unless_suppressed).map(|entry| &entry.record);
        if asking().next().is_none() {
            return Ok(look);
        }
        let row = tx.row(tx.statement(VERSION)).await?.ok_or_else(|| internal("no version of the list"))?;
        look.version = column(&row, 0)?;
        if column::<bool>(&row, 1)? {
            let lists = suppress::of_all(tx, &asking().collect::<Vec<_>>()).await?;
            let found = lists.into_iter().filter(|(_, found)| found.iter().any(Option::is_some));
            look.found = found.collect();
        }
        Ok(look)
    }

    fn admit(&self, entry: &Entry) -> Result<()> {
        let found = self.found.get(&entry.record.id.as_uuid()).filter(|_| entry.unless_suppressed);
        found.map_or(Ok(()), |found| Suppression::admit(found))
    }

    fn is_clear(&self, entry: &Entry) -> bool {
        entry.unless_suppressed && !self.found.contains_key(&entry.record.id.as_uuid())
    }
}

type Key = (String, &'static str, String);

/// The first message of a key.
type First = (Uuid, Option<Vec<u8>>);

#[derive(Default)]
struct Known {
    ids: HashSet<Uuid>,
    keys: HashMap<Key, First>,
}

/// Which of the entries are new. Nobody else writes meanwhile.
struct Plan<'a> {
    known: Known,
    new: Vec<&'a Entry>,
}

impl<'a> Plan<'a> {
    fn add(&mut self, entry: &'a Entry) -> Result<Enqueued> {
        let id = entry.record.id;
        let key = key_of(&entry.record);
        if let Some((first, fingerprint)) = key.as_ref().and_then(|key| self.known.keys.get(key)) {
            return same(entry, MessageId::from_uuid(*first), fingerprint.as_deref());
        }
        if !self.known.ids.insert(id.as_uuid()) {
            return Ok(Enqueued::new(id, false));
        }
        let first = (id.as_uuid(), entry.fingerprint.map(|hash| hash.0.to_vec()));
        self.known.keys.extend(key.map(|key| (key, first)));
        self.new.push(entry);
        Ok(Enqueued::new(id, true))
    }
}

fn same(entry: &Entry, first: MessageId, fingerprint: Option<&[u8]>) -> Result<Enqueued> {
    let is_same = fingerprint == entry.fingerprint.as_ref().map(|Fingerprint(hash)| hash.as_slice());
    if is_same { Ok(Enqueued::new(first, false)) } else { Err(entry.conflict(first)) }
}

fn key_of(record: &Record) -> Option<Key> {
    Some((record.tenant.as_str().to_owned(), record.channel.as_str(), record.key.as_deref()?.to_owned()))
}

const KNOWN_IDS: &str = "SELECT id FROM {messages!} WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

const KNOWN_KEYS: &str = "\
SELECT j.key, m.id, m.fingerprint FROM json_each(?1) AS j CROSS JOIN {messages} m INDEXED BY {messages}_by_key
    ON m.tenant = j.value ->> 0 AND m.channel = j.value ->> 1 AND m.key = j.value ->> 2
WHERE m.key IS NOT NULL AND m.payload_version IS NOT NULL";

/// What is there already of these.
async fn known(tx: &mut Tx<'_>, entries: &[&Entry]) -> Result<Known> {
    let mut known = Known::default();
    let ids = list(entries.iter().map(|entry| entry.record.id.as_uuid()));
    for row in tx.rows(tx.statement(KNOWN_IDS).bind(ids)).await? {
        known.ids.insert(column(&row, 0)?);
    }
    let keys: Vec<Key> = entries.iter().filter_map(|entry| key_of(&entry.record)).collect();
    if keys.is_empty() {
        return Ok(known);
    }
    for row in tx.rows(tx.statement(KNOWN_KEYS).bind(json(&keys))).await? {
        let place = usize::try_from(column::<i64>(&row, 0)?).unwrap_or(usize::MAX);
        let Some(key) = keys.get(place) else { continue };
        known.keys.insert(key.clone(), (column(&row, 1)?, column(&row, 2)?));
    }
    Ok(known)
}

const INSERT: &str = "\
INSERT INTO {messages} (id, tenant, channel, at, key, fingerprint, category, external_ref, recipient_hashes,
    details, due, expires, priority, on_unknown, ordering_key, payload_version, payload_codec, payload_key_id,
    payload_blobs, payload)
VALUES [(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)]";

async fn insert_messages(tx: &mut Tx<'_>, entries: &[&Entry]) -> Result<()> {
    let mut entries_left = entries.iter();
    for size in chunks(entries.len()) {
        let mut statement = sqlx::query(tx.core.texts.repeated(INSERT, ", ", size, 0));
        for entry in entries_left.by_ref().take(size) {
            statement =
                bind_record(statement, tx.core.texts.dialect().hash_key(), &entry.record, entry.fingerprint);
            statement = bind_body(statement, entry);
        }
        tx.run(statement).await?;
    }
    Ok(())
}

/// The columns that every message has.
pub(super) fn bind_record(
    statement: Statement,
    hash_key: &[u8],
    record: &Record,
    fingerprint: Option<Fingerprint>,
) -> Statement {
    statement
        .bind(record.id.as_uuid())
        .bind(record.tenant.as_str())
        .bind(record.channel.as_str())
        .bind(record.at.as_micros())
        .bind(record.key.clone())
        .bind(fingerprint.map(|hash| hash.0.to_vec()))
        .bind(record.category.clone())
        .bind(record.external_ref.clone())
        .bind(recipient_hashes(hash_key, record))
        .bind(details(record))
}

/// The columns that only messages in the queue have.
fn bind_body(statement: Statement, Entry { payload, terms, .. }: &Entry) -> Statement {
    statement
        .bind(terms.due.map(Timestamp::as_micros))
        .bind(terms.expires.map(Timestamp::as_micros))
        .bind(priority_code(terms.priority))
        .bind(terms.on_unknown.as_str())
        .bind(terms.ordering_key.clone())
        .bind(i64::from(payload.version))
        .bind(payload.codec.as_str())
        .bind(payload.key_id.as_deref())
        .bind(blobs_text(&payload.blobs))
        .bind(payload.bytes.to_vec())
}

const QUEUE: &str = "\
INSERT INTO {queue} (id, tenant, channel, priority, due, since, state, payload_version, ordering_key, on_unknown,
    unsuppressed_at)
SELECT id, tenant, channel, priority, coalesce(due, ?2), max(coalesce(due, ?2), ?2), 'ready', payload_version,
    ordering_key, on_unknown, ?3
FROM {messages!} WHERE id IN (SELECT unhex(value) FROM json_each(?1))";

/// Keeps those out of the index of ready ones that have to wait for others of their key.
pub(super) const BLOCK: &str = "\
UPDATE {queue!} SET blocked = 1 WHERE ordering_key IS NOT NULL
    AND id IN (SELECT unhex(value) FROM json_each(?1))
    AND EXISTS (SELECT 1 FROM {queue} o
        WHERE o.tenant = {queue}.tenant AND o.ordering_key = {queue}.ordering_key
            AND o.ordering_key IS NOT NULL AND o.id < {queue}.id AND o.state NOT IN ('dead', 'held'))";

const REFER: &str = "\
INSERT INTO {blob_refs} (hash, message) SELECT unhex(value ->> 0), unhex(value ->> 1) FROM json_each(?1)
WHERE true ON CONFLICT DO NOTHING";

/// Puts messages into the queue that were just written.
async fn queue(tx: &mut Tx<'_>, entries: &[&Entry], look: &Look) -> Result<()> {
    let (clear, others): (Vec<&Entry>, Vec<&Entry>) = entries.iter().partition(|entry| look.is_clear(entry));
    for (part, version) in [(clear, Some(look.version)), (others, None)] {
        if !part.is_empty() {
            let ids = list(part.iter().map(|entry| entry.record.id.as_uuid()));
            tx.run(tx.statement(QUEUE).bind(ids).bind(tx.now.as_micros()).bind(version)).await?;
        }
    }
    let ordered = entries.iter().filter(|entry| entry.terms.ordering_key.is_some());
    let ordered: Vec<Uuid> = ordered.map(|entry| entry.record.id.as_uuid()).collect();
    if !ordered.is_empty() {
        tx.run(tx.statement(BLOCK).bind(list(ordered))).await?;
    }
    let refs: Vec<(String, String)> = entries.iter().flat_map(|entry| refs_of(entry)).collect();
    if !refs.is_empty() {
        tx.run(tx.statement(REFER).bind(json(&refs))).await?;
    }
    Ok(())
}

fn refs_of(entry: &Entry) -> impl Iterator<Item = (String, String)> + '_ {
    let message = entry.record.id.as_uuid().simple().to_string();
    entry.payload.blobs.iter().map(move |hash| (hash.to_string(), message.clone()))
}
