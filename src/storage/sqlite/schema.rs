//! The tables, as numbered steps.
//!
//! A step is never changed once it was released. Changes expand first and contract later: a step may
//! add tables, columns with a default and indexes; what is no longer used is dropped one minor version
//! after the last one that used it. So a worker one minor version older or newer runs beside.

use crate::storage::{Dialect, Migration};

use super::text::named;

/// Number, name, statements.
const STEPS: &[(u32, &str, &str)] = &[(1, "outbox", OUTBOX), (2, "documents", DOCUMENTS)];

/// `messages` and `history` are what is kept, `queue` and `leases` what is worked on: rows of the queue are
/// small, change in place, and go when a message is in a final state.
///
/// `begun` is the mark of a lease: so many of its messages, in the order of `ids` (16 octets each), may have begun.
/// Without `ids` all of them may: then there is nothing to write down but the lease.
///
/// `blocked` keeps a message out of the index of ready ones while one of the same ordering key is before it.
/// `unsuppressed_at` is the version of the suppression list (how many additions there were, whoever made them) that
/// none of the message's recipients was on.
/// The history is clustered by message: to append to it writes one tree, and a timeline is one range.
const OUTBOX: &str = "\
CREATE TABLE {messages} (
    id BLOB NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL,
    key TEXT, fingerprint BLOB, category TEXT, external_ref TEXT,
    recipient_hashes BLOB NOT NULL, details TEXT NOT NULL,
    due INTEGER, expires INTEGER, priority INTEGER, on_unknown TEXT, ordering_key TEXT,
    payload_version INTEGER, payload_codec TEXT, payload_key_id TEXT, payload_blobs TEXT, payload BLOB
) STRICT;
CREATE UNIQUE INDEX {messages}_by_key ON {messages} (tenant, channel, key)
    WHERE key IS NOT NULL AND payload_version IS NOT NULL;
CREATE INDEX {messages}_by_ref ON {messages} (tenant, external_ref) WHERE external_ref IS NOT NULL;
CREATE INDEX {messages}_by_at ON {messages} (at, id);

CREATE TABLE {queue} (
    id BLOB NOT NULL PRIMARY KEY, tenant TEXT NOT NULL, channel TEXT NOT NULL,
    priority INTEGER NOT NULL, due INTEGER NOT NULL, since INTEGER NOT NULL, state TEXT NOT NULL,
    blocked INTEGER NOT NULL DEFAULT 0, payload_version INTEGER NOT NULL,
    ordering_key TEXT, on_unknown TEXT NOT NULL, unsuppressed_at INTEGER, started INTEGER NOT NULL DEFAULT 0,
    attempts INTEGER NOT NULL DEFAULT 0, excused INTEGER NOT NULL DEFAULT 0,
    losses INTEGER NOT NULL DEFAULT 0, generation INTEGER NOT NULL DEFAULT 0,
    token BLOB, cancel INTEGER NOT NULL DEFAULT 0,
    pending TEXT, pinned TEXT, paused_by TEXT, reason TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX {queue}_ready ON {queue} (channel, priority, due, id, payload_version, tenant, ordering_key)
    WHERE state = 'ready' AND blocked = 0;
CREATE INDEX {queue}_parked ON {queue} (state, id, channel) WHERE state <> 'ready' AND state <> 'leased';
CREATE INDEX {queue}_by_token ON {queue} (token) WHERE token IS NOT NULL;
CREATE INDEX {queue}_by_pause ON {queue} (paused_by) WHERE paused_by IS NOT NULL;
CREATE INDEX {queue}_in_order ON {queue} (tenant, ordering_key, id) WHERE ordering_key IS NOT NULL;
CREATE UNIQUE INDEX {queue}_one_of_key ON {queue} (tenant, ordering_key)
    WHERE ordering_key IS NOT NULL AND state = 'leased';

CREATE TABLE {leases} (
    token BLOB NOT NULL PRIMARY KEY, worker TEXT NOT NULL, until INTEGER NOT NULL,
    begun INTEGER NOT NULL DEFAULT 0, ids BLOB
) STRICT, WITHOUT ROWID;
CREATE INDEX {leases}_by_until ON {leases} (until);

CREATE TABLE {history} (
    message BLOB NOT NULL, seq INTEGER NOT NULL, at INTEGER NOT NULL,
    provider TEXT, vendor_id TEXT, events TEXT NOT NULL, PRIMARY KEY (message, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX {history}_by_vendor_id ON {history} (vendor_id, provider) WHERE vendor_id IS NOT NULL;

CREATE TABLE {pauses} (
    word TEXT NOT NULL, name TEXT NOT NULL, ending INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (word, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE {acts} (
    id BLOB NOT NULL PRIMARY KEY, act TEXT NOT NULL, tenant TEXT, filter TEXT NOT NULL,
    at INTEGER NOT NULL, note TEXT, changed INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE {blobs} (hash BLOB NOT NULL PRIMARY KEY, at INTEGER NOT NULL, bytes BLOB NOT NULL) STRICT;
CREATE TABLE {blob_refs} (
    hash BLOB NOT NULL, message BLOB NOT NULL, PRIMARY KEY (hash, message)
) STRICT, WITHOUT ROWID;
CREATE INDEX {blob_refs}_by_message ON {blob_refs} (message);

CREATE TABLE {suppressions} (
    tenant TEXT NOT NULL, channel TEXT NOT NULL, address TEXT NOT NULL,
    shown TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL,
    PRIMARY KEY (tenant, channel, address)
) STRICT, WITHOUT ROWID;
CREATE TABLE {suppressions_version} (n INTEGER NOT NULL) STRICT;
INSERT INTO {suppressions_version} VALUES (0);
CREATE TRIGGER {suppressions}_insert AFTER INSERT ON {suppressions} BEGIN UPDATE {suppressions_version} SET n = n + 1; END;
CREATE TRIGGER {suppressions}_update AFTER UPDATE ON {suppressions} BEGIN UPDATE {suppressions_version} SET n = n + 1; END;

CREATE TABLE {rates} (
    key TEXT NOT NULL PRIMARY KEY, idle_at INTEGER NOT NULL, state TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

/// Small documents of the rooms above, and for each shelf of them how often it was changed.
const DOCUMENTS: &str = "\
CREATE TABLE {documents} (
    tenant TEXT NOT NULL, shelf TEXT NOT NULL, key TEXT NOT NULL,
    version INTEGER NOT NULL, at INTEGER NOT NULL, body BLOB NOT NULL,
    PRIMARY KEY (tenant, shelf, key)
) STRICT;
CREATE TABLE {shelves} (
    tenant TEXT NOT NULL, shelf TEXT NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (tenant, shelf)
) STRICT, WITHOUT ROWID;
";

/// Every step, with the names of this store's tables.
pub(super) fn migrations(dialect: &Dialect) -> Vec<Migration> {
    let made =
        |(number, name, sql): &(u32, &'static str, &str)| Migration::new(*number, name, named(dialect, sql));
    STEPS.iter().map(made).collect()
}
