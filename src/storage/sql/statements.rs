//! The statements that enqueue a message, for transactions that are not ours.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use super::{Dialect, DialectKind, blobs_text, details, priority_code, recipient_hashes};
use crate::{id::Fingerprint, storage::Entry};

/// One statement with its parameters, for any driver.
///
/// `$1` (Postgres) or `?1` (SQLite) is the first parameter.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Statement {
    /// The text. It depends on the dialect only: prepared once, it serves for every message.
    pub sql: Arc<str>,
    /// The parameters, in order.
    pub params: Vec<Param>,
    /// True for the one that puts the message into the queue: if it affects no row, a message of
    /// the same idempotency key was there already and nothing was enqueued.
    pub decides: bool,
}

/// A parameter of a [`Statement`]; the variant says the column's type also where it holds nothing.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Param {
    /// `bytea` or `BLOB`.
    Bytes(Option<Bytes>),
    /// `bigint` or `INTEGER`.
    Int(Option<i64>),
    /// `smallint` or `INTEGER`.
    Small(Option<i16>),
    /// `text`.
    Text(Option<String>),
    /// `uuid`, or a `BLOB` of 16 octets.
    Uuid(Uuid),
}

/// The columns of a message in the order of [`params`].
const COLUMNS: &str = "id, tenant, channel, at, key, fingerprint, category, external_ref, \
     recipient_hashes, details, due, expires, priority, on_unknown, ordering_key, payload_version, \
     payload_codec, payload_key_id, payload, payload_blobs";
const COUNT: usize = 20;

/// What a message's place in the queue takes over from it.
const PLACE: &str = "id, tenant, channel, priority, payload_version, ordering_key, on_unknown";

/// What makes a key that is there already no error.
const UNLESS_KNOWN: &str =
    "ON CONFLICT (tenant, channel, key) WHERE key IS NOT NULL AND payload_version IS NOT NULL DO NOTHING";

/// What enqueues `entry`, to be executed in this order within one transaction.
pub(crate) fn enqueueing(dialect: &Dialect, entry: &Entry, files: &[(Fingerprint, Bytes)]) -> Vec<Statement> {
    let mut statements: Vec<Statement> = files.iter().map(|file| keep(dialect, entry, file)).collect();
    match dialect.kind() {
        DialectKind::Postgres => statements.push(at_once(dialect, entry)),
        DialectKind::Sqlite => {
            statements.extend([message(dialect, entry), place(dialect, entry)]);
            statements.extend(entry.terms.ordering_key.as_ref().map(|_| block(dialect, entry)));
        }
    }
    statements.extend(entry.payload.blobs.iter().map(|hash| refer(dialect, entry, *hash)));
    statements
}

/// Looks for the message of the same key: its id and fingerprint.
pub(crate) fn known(dialect: &Dialect, entry: &Entry) -> Statement {
    let sql = format!(
        "SELECT id, fingerprint FROM {} WHERE tenant = {} AND channel = {} AND key = {} AND payload_version IS NOT NULL",
        dialect.table("messages"),
        mark(dialect, 1),
        mark(dialect, 2),
        mark(dialect, 3)
    );
    let record = &entry.record;
    let key = record.key.as_deref().unwrap_or_default();
    let params =
        [record.tenant.as_str(), record.channel.as_str(), key].map(|text| Param::Text(Some(text.into())));
    statement(sql, params.into())
}

fn statement(sql: String, params: Vec<Param>) -> Statement {
    Statement { sql: sql.into(), params, decides: false }
}

fn deciding(sql: String, params: Vec<Param>) -> Statement {
    Statement { decides: true, ..statement(sql, params) }
}

fn mark(dialect: &Dialect, place: usize) -> String {
    match dialect.kind() {
        DialectKind::Postgres => format!("${place}"),
        DialectKind::Sqlite => format!("?{place}"),
    }
}

fn marks(dialect: &Dialect, count: usize) -> String {
    let marks: Vec<String> = (1..=count).map(|place| mark(dialect, place)).collect();
    marks.join(", ")
}

/// The database's clock in microseconds.
fn now(dialect: &Dialect) -> &'static str {
    match dialect.kind() {
        DialectKind::Postgres => "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
        DialectKind::Sqlite => "CAST(unixepoch('subsec') * 1000000 AS INTEGER)",
    }
}

/// Postgres takes message and place in one statement.
fn at_once(dialect: &Dialect, entry: &Entry) -> Statement {
    let sql = format!(
        "WITH taken AS (INSERT INTO {messages} ({COLUMNS}) VALUES ({marks}) {UNLESS_KNOWN} RETURNING {PLACE}, due) \
         INSERT INTO {queue} ({PLACE}, due, since, state) \
         SELECT {PLACE}, coalesce(due, {now}), greatest(due, {now}), 'ready' FROM taken",
        messages = dialect.table("messages"),
        queue = dialect.table("queue"),
        marks = marks(dialect, COUNT),
        now = now(dialect),
    );
    deciding(sql, params(dialect, entry))
}

fn message(dialect: &Dialect, entry: &Entry) -> Statement {
    let (messages, marks) = (dialect.table("messages"), marks(dialect, COUNT));
    let sql = format!("INSERT INTO {messages} ({COLUMNS}) VALUES ({marks}) {UNLESS_KNOWN}");
    statement(sql, params(dialect, entry))
}

fn place(dialect: &Dialect, entry: &Entry) -> Statement {
    let sql = format!(
        "INSERT INTO {queue} ({PLACE}, due, since, state) \
         SELECT {PLACE}, coalesce(due, {now}), max(coalesce(due, {now}), {now}), 'ready' FROM {messages} WHERE id = ?1",
        messages = dialect.table("messages"),
        queue = dialect.table("queue"),
        now = now(dialect),
    );
    deciding(sql, vec![Param::Uuid(entry.record.id.as_uuid())])
}

/// In SQLite a message that waits for others of its ordering key stands apart from those that are ready.
fn block(dialect: &Dialect, entry: &Entry) -> Statement {
    let sql = format!(
        "UPDATE {queue} SET blocked = 1 WHERE id = ?1 AND EXISTS (SELECT 1 FROM {queue} o \
         WHERE o.tenant = {queue}.tenant AND o.ordering_key = {queue}.ordering_key AND o.ordering_key IS NOT NULL \
         AND o.id < {queue}.id AND o.state NOT IN ('dead', 'held'))",
        queue = dialect.table("queue"),
    );
    statement(sql, vec![Param::Uuid(entry.record.id.as_uuid())])
}

/// Keeps a file's content, once.
fn keep(dialect: &Dialect, entry: &Entry, (hash, content): &(Fingerprint, Bytes)) -> Statement {
    let (blobs, marks) = (dialect.table("blobs"), marks(dialect, 3));
    let sql = format!("INSERT INTO {blobs} (hash, bytes, at) VALUES ({marks}) ON CONFLICT (hash) DO NOTHING");
    let content = Param::Bytes(Some(content.clone()));
    statement(sql, vec![hash_param(*hash), content, Param::Int(Some(entry.record.at.as_micros()))])
}

/// Says that a message that was enqueued needs a file.
fn refer(dialect: &Dialect, entry: &Entry, hash: Fingerprint) -> Statement {
    let sql = format!(
        "INSERT INTO {} (hash, message) SELECT {}, id FROM {} WHERE id = {} ON CONFLICT DO NOTHING",
        dialect.table("blob_refs"),
        mark(dialect, 1),
        dialect.table("messages"),
        mark(dialect, 2)
    );
    statement(sql, vec![hash_param(hash), Param::Uuid(entry.record.id.as_uuid())])
}

fn hash_param(hash: Fingerprint) -> Param {
    Param::Bytes(Some(Bytes::copy_from_slice(&hash.0)))
}

fn params(dialect: &Dialect, entry: &Entry) -> Vec<Param> {
    let Entry { record, payload, terms, fingerprint, .. } = entry;
    let text = |text: &str| Param::Text(Some(text.to_owned()));
    let maybe = |text: Option<&str>| Param::Text(text.map(str::to_owned));
    let micros = |at: Option<crate::time::Timestamp>| Param::Int(at.map(crate::time::Timestamp::as_micros));
    vec![
        Param::Uuid(record.id.as_uuid()),
        text(record.tenant.as_str()),
        text(record.channel.as_str()),
        micros(Some(record.at)),
        maybe(record.key.as_deref()),
        Param::Bytes(fingerprint.map(|hash| Bytes::copy_from_slice(&hash.0))),
        maybe(record.category.as_deref()),
        maybe(record.external_ref.as_deref()),
        Param::Bytes(Some(recipient_hashes(dialect.hash_key(), record).into())),
        text(&details(record)),
        micros(terms.due),
        micros(terms.expires),
        Param::Small(Some(priority_code(terms.priority))),
        text(terms.on_unknown.as_str()),
        maybe(terms.ordering_key.as_deref()),
        Param::Small(Some(payload.version.try_into().unwrap_or(i16::MAX))),
        text(&payload.codec),
        maybe(payload.key_id.as_deref()),
        Param::Bytes(Some(payload.bytes.clone())),
        Param::Text(blobs_text(&payload.blobs)),
    ]
}
