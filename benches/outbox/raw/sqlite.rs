//! SQLite by hand: one connection that writes, `synchronous=FULL`, 500 a transaction.

use std::path::Path;

use sqlx::{
    AssertSqlSafe, Connection, Row, SqliteConnection,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous},
    types::Uuid,
};

use super::{DETAILS, HASHES, WORKER, fresh_id, now_micros};
use crate::message::VENDOR;

/// What is claimed, settled and inserted in one transaction.
pub(crate) const BATCH: usize = 500;

/// What one statement inserts.
const ROWS: usize = 100;

/// A connection to a file with the store's own tables.
pub(crate) struct Raw {
    connection: SqliteConnection,
    /// What a settle writes: the very text that ours writes.
    events: String,
}

impl Raw {
    pub(crate) async fn open(path: &Path, events: String) -> Self {
        let options = SqliteConnectOptions::new().filename(path);
        let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let connection = SqliteConnection::connect_with(&options).await.expect("a file");
        Self { connection, events }
    }

    async fn run(&mut self, sql: &'static str) {
        sqlx::query(sql).execute(&mut self.connection).await.expect(sql);
    }

    /// Claims and settles until the queue is empty; answers how many messages.
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
        let (token, now) = (fresh_id(), now_micros());
        self.run("BEGIN IMMEDIATE").await;
        let update = sqlx::query(CLAIM).bind(token).bind(now).bind(BATCH as i64);
        update.execute(&mut self.connection).await.expect("a claim");
        let lease = sqlx::query(LEASE).bind(token).bind(WORKER).bind(now + 60_000_000);
        lease.execute(&mut self.connection).await.expect("a lease");
        let rows = sqlx::query(CLAIMED).bind(token).fetch_all(&mut self.connection).await.expect("rows");
        self.run("COMMIT").await;
        let octets = rows.iter().map(|row| row.get::<&[u8], _>("payload").len()).sum();
        (token, rows.iter().map(|row| row.get("id")).collect(), octets)
    }

    async fn settle(&mut self, token: Uuid, ids: Vec<Uuid>) {
        let at = now_micros();
        self.run("BEGIN IMMEDIATE").await;
        for sql in
            ["DELETE FROM tidings_queue WHERE token = ?1", "DELETE FROM tidings_leases WHERE token = ?1"]
        {
            sqlx::query(sql).bind(token).execute(&mut self.connection).await.expect(sql);
        }
        let rows = vec!["(?, 0, ?, ?, ?)"; ids.len()].join(", ");
        let sql = format!("INSERT INTO tidings_history (message, seq, at, provider, events) VALUES {rows}");
        let mut insert = sqlx::query(AssertSqlSafe(sql));
        for id in ids {
            insert = insert.bind(id).bind(at).bind(VENDOR).bind(self.events.as_str());
        }
        insert.execute(&mut self.connection).await.expect("history");
        self.run("COMMIT").await;
    }

    /// Inserts messages, `payload` in each.
    pub(crate) async fn insert(&mut self, count: usize, payload: &[u8]) {
        for _ in 0..count.div_ceil(BATCH) {
            self.run("BEGIN IMMEDIATE").await;
            for _ in 0..BATCH / ROWS {
                self.insert_rows(payload).await;
            }
            self.run("COMMIT").await;
        }
    }

    async fn insert_rows(&mut self, payload: &[u8]) {
        let rows: Vec<(Uuid, i64)> = (0..ROWS).map(|_| (fresh_id(), now_micros())).collect();
        let mut messages = sqlx::query(AssertSqlSafe(repeated(MESSAGE)));
        let mut places = sqlx::query(AssertSqlSafe(repeated(PLACE)));
        for (id, at) in rows {
            messages = messages.bind(id).bind(at).bind(HASHES).bind(DETAILS).bind(payload);
            places = places.bind(id).bind(at).bind(at);
        }
        messages.execute(&mut self.connection).await.expect("messages");
        places.execute(&mut self.connection).await.expect("their places");
    }

    pub(crate) async fn close(self) {
        self.connection.close().await.expect("a file that closes");
    }
}

const CLAIM: &str = "\
UPDATE tidings_queue SET state = 'leased', token = ?1 WHERE id IN (
  SELECT id FROM tidings_queue WHERE state = 'ready' AND blocked = 0 AND channel = 'email' AND priority = 1 AND due <= ?2
  ORDER BY due, id LIMIT ?3)";

const LEASE: &str = "INSERT INTO tidings_leases (token, worker, until, begun) VALUES (?1, ?2, ?3, 500)";

const CLAIMED: &str = "\
SELECT q.id, q.tenant, q.channel, q.due, q.attempts, q.generation, m.payload_version, m.payload_codec, m.payload
FROM tidings_queue AS q JOIN tidings_messages AS m ON m.id = q.id WHERE q.token = ?1";

/// An INSERT and the values of a row.
type Insert = (&'static str, &'static str);

const MESSAGE: Insert = (
    "INSERT INTO tidings_messages (id, tenant, channel, at, recipient_hashes, details, priority, on_unknown, payload_version,
  payload_codec, payload) VALUES ",
    "(?, 'default', 'email', ?, ?, ?, 1, 'retry', 1, 'json', ?)",
);

const PLACE: Insert = (
    "INSERT INTO tidings_queue (id, tenant, channel, priority, due, since, state, payload_version, on_unknown,
  unsuppressed_at) VALUES ",
    "(?, 'default', 'email', 1, ?, ?, 'ready', 1, 'retry', 0)",
);

fn repeated((insert, row): Insert) -> String {
    format!("{insert}{}", vec![row; ROWS].join(", "))
}
