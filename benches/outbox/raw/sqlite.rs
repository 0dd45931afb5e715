//! SQLite by hand: one connection that writes, `synchronous=FULL`, 500 a transaction.

use std::path::Path;

use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    types::Uuid,
};

use super::postgres::now_micros;

/// The tables in a file, and the statements that were written for them.
pub(crate) struct Raw {
    pub(crate) connection: SqliteConnection,
    pub(crate) events: String,
}

const BATCH: i64 = 500;

impl Raw {
    pub(crate) async fn open(path: &Path, events: String) -> Self {
        let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let connection = SqliteConnection::connect_with(&options).await.expect("a file");
        Self { connection, events }
    }

    async fn run(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.connection).await.expect(sql);
    }

    /// Claims and settles until the queue is empty.
    pub(crate) async fn drain(&mut self) -> usize {
        let mut count = 0;
        loop {
            let (token, ids, octets) = self.claim().await;
            if ids.is_empty() {
                return count;
            }
            assert!(octets >= ids.len() * 1_000, "the payloads were read");
            count += ids.len();
            self.settle(token, ids).await;
        }
    }

    async fn claim(&mut self) -> (Uuid, Vec<Uuid>, usize) {
        let token = Uuid::now_v7();
        let now = now_micros();
        self.run("BEGIN IMMEDIATE").await;
        let update = sqlx::query(CLAIM).bind(token).bind(now).bind(BATCH);
        update.execute(&mut self.connection).await.expect("a claim");
        let lease = sqlx::query("INSERT INTO tidings_leases (token, worker, until) VALUES (?1, 'by hand', ?2)");
        lease.bind(token).bind(now + 60_000_000).execute(&mut self.connection).await.expect("a lease");
        let rows = sqlx::query(CLAIMED).bind(token).fetch_all(&mut self.connection).await.expect("rows");
        self.run("COMMIT").await;
        let octets = rows.iter().map(|row| row.get::<&[u8], _>("payload").len()).sum();
        (token, rows.iter().map(|row| row.get("id")).collect(), octets)
    }

    async fn settle(&mut self, token: Uuid, ids: Vec<Uuid>) {
        let at = now_micros();
        self.run("BEGIN IMMEDIATE").await;
        for sql in ["DELETE FROM tidings_queue WHERE token = ?1", "DELETE FROM tidings_leases WHERE token = ?1"] {
            sqlx::query(sql).bind(token).execute(&mut self.connection).await.expect(sql);
        }
        let rows = vec!["(?, ?, ?, ?)"; ids.len()].join(", ");
        let sql = format!("INSERT INTO tidings_history (message, at, provider, events) VALUES {rows}");
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for id in ids {
            insert = insert.bind(id).bind(at).bind(crate::message::VENDOR).bind(self.events.as_str());
        }
        insert.execute(&mut self.connection).await.expect("history");
        self.run("COMMIT").await;
    }

    /// Inserts messages, `payload` in each.
    pub(crate) async fn insert(&mut self, count: usize, payload: &[u8]) {
        let at = now_micros();
        self.run("BEGIN IMMEDIATE").await;
        for _ in 0..count {
            let id = Uuid::now_v7();
            let message = sqlx::query(MESSAGE).bind(id).bind(at).bind([7u8; 8].as_slice()).bind(DETAILS).bind(payload);
            message.execute(&mut self.connection).await.expect("a message");
            sqlx::query(QUEUE).bind(id).bind(at).execute(&mut self.connection).await.expect("its place");
        }
        self.run("COMMIT").await;
    }
}

const DETAILS: &str = r#"{"to":["ada@example.org"]}"#;

const CLAIM: &str = "\
UPDATE tidings_queue SET state = 'leased', token = ?1 WHERE id IN (
  SELECT id FROM tidings_queue WHERE state = 'ready' AND channel = 'email' AND priority = 1 AND due <= ?2
  ORDER BY due, id LIMIT ?3)";

const CLAIMED: &str = "\
SELECT q.id, q.tenant, q.channel, q.due, q.attempts, q.generation, m.payload_version, m.payload_codec, m.payload
FROM tidings_queue AS q JOIN tidings_messages AS m ON m.id = q.id WHERE q.token = ?1";

const MESSAGE: &str = "\
INSERT INTO tidings_messages (id, tenant, channel, at, recipient_hashes, details, priority, on_unknown, payload_version,
  payload_codec, payload) VALUES (?1, 'default', 'email', ?2, ?3, ?4, 1, 'retry', 1, 'json', ?5)";

const QUEUE: &str = "\
INSERT INTO tidings_queue (id, tenant, channel, priority, due, state, payload_version, on_unknown, started, attempts,
  excused, losses, generation, cancel)
VALUES (?1, 'default', 'email', 1, ?2, 'ready', 1, 'retry', 0, 0, 0, 0, 0, 0)";

/// The tables as they were first thought of.
pub(crate) const TABLES: &[&str] = &[
    "CREATE TABLE tidings_messages (id BLOB PRIMARY KEY, tenant TEXT NOT NULL, channel TEXT NOT NULL, at INTEGER NOT NULL,
      key TEXT, fingerprint BLOB, category TEXT, external_ref TEXT, recipient_hashes BLOB NOT NULL, details TEXT NOT NULL,
      due INTEGER, expires INTEGER, priority INTEGER, on_unknown TEXT, ordering_key TEXT, payload_version INTEGER,
      payload_codec TEXT, payload_key_id TEXT, payload BLOB, payload_blobs TEXT) WITHOUT ROWID",
    "CREATE UNIQUE INDEX m1 ON tidings_messages (tenant, channel, key) WHERE key IS NOT NULL AND payload_version IS NOT NULL",
    "CREATE INDEX m2 ON tidings_messages (tenant, external_ref) WHERE external_ref IS NOT NULL",
    "CREATE TABLE tidings_queue (id BLOB PRIMARY KEY, tenant TEXT NOT NULL, channel TEXT NOT NULL, priority INTEGER NOT NULL,
      due INTEGER NOT NULL, state TEXT NOT NULL, payload_version INTEGER NOT NULL, ordering_key TEXT,
      on_unknown TEXT NOT NULL, started INTEGER NOT NULL, attempts INTEGER NOT NULL, excused INTEGER NOT NULL,
      losses INTEGER NOT NULL, generation INTEGER NOT NULL, token BLOB, cancel INTEGER NOT NULL, pending TEXT,
      pinned TEXT, paused_by TEXT, reason TEXT) WITHOUT ROWID",
    "CREATE INDEX q1 ON tidings_queue (channel, priority, due, id) WHERE state = 'ready'",
    "CREATE INDEX q2 ON tidings_queue (token) WHERE token IS NOT NULL",
    "CREATE INDEX q3 ON tidings_queue (tenant, ordering_key, id) WHERE ordering_key IS NOT NULL",
    "CREATE TABLE tidings_leases (token BLOB PRIMARY KEY, worker TEXT NOT NULL, until INTEGER NOT NULL)",
    "CREATE TABLE tidings_history (seq INTEGER PRIMARY KEY AUTOINCREMENT, message BLOB NOT NULL, at INTEGER NOT NULL,
      provider TEXT, vendor_id TEXT, events TEXT NOT NULL)",
    "CREATE INDEX h1 ON tidings_history (message)",
    "CREATE INDEX h2 ON tidings_history (provider, vendor_id) WHERE vendor_id IS NOT NULL",
];
