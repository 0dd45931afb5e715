//! Postgres by hand: arrays, SKIP LOCKED, one statement a batch.

use sqlx::{AssertSqlSafe, PgPool, Row, types::Uuid};
use tokio::task::JoinSet;

use super::{DETAILS, HASHES, WORKER, fresh_id, now_micros};
use crate::message::VENDOR;

/// What is claimed and settled at a time.
const BATCH: i64 = 500;

/// Statements over the store's own tables.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) pool: PgPool,
    claim: String,
    settle: String,
    insert: String,
    /// What a settle writes: the very text that ours writes.
    events: String,
}

impl Raw {
    /// Over the tables in `schema`.
    pub(crate) fn new(pool: PgPool, schema: &str, events: String) -> Self {
        let named = |sql: &str| sql.replace("{t}", &format!("{schema}.tidings_"));
        Self { pool, claim: named(CLAIM), settle: named(SETTLE), insert: named(INSERT), events }
    }

    /// Claims and settles until the queue is empty, on so many connections; answers how many messages.
    pub(crate) async fn drain(&self, lanes: usize) -> usize {
        let mut tasks = JoinSet::new();
        (0..lanes).for_each(|_| drop(tasks.spawn(self.clone().lane())));
        tasks.join_all().await.into_iter().sum()
    }

    async fn lane(self) -> usize {
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

    /// One batch: its token, its ids, and how many octets its payloads have.
    pub(crate) async fn claim(&self) -> (Uuid, Vec<Uuid>, usize) {
        let token = fresh_id();
        let query = sqlx::query(AssertSqlSafe(self.claim.as_str())).bind(token).bind(BATCH).bind(WORKER);
        let rows = query.fetch_all(&self.pool).await.expect("a claim");
        let octets = rows.iter().map(|row| row.get::<&[u8], _>("payload").len()).sum();
        (token, rows.iter().map(|row| row.get("id")).collect(), octets)
    }

    pub(crate) async fn settle(&self, token: Uuid, ids: Vec<Uuid>) {
        let count = ids.len();
        let query = sqlx::query(AssertSqlSafe(self.settle.as_str())).bind(token).bind(ids);
        let query = query.bind(vec![now_micros(); count]).bind(vec![VENDOR; count]);
        let query = query.bind(vec![self.events.as_str(); count]);
        query.execute(&self.pool).await.expect("a settle");
    }

    /// Inserts messages, `payload` in each.
    pub(crate) async fn insert(&self, count: usize, payload: &[u8]) {
        let ids: Vec<Uuid> = (0..count).map(|_| fresh_id()).collect();
        let query = sqlx::query(AssertSqlSafe(self.insert.as_str())).bind(ids).bind(now_micros());
        let query = query.bind(vec![payload; count]).bind(DETAILS).bind(HASHES);
        query.execute(&self.pool).await.expect("an insert");
    }

    /// Inserts one message, and tells those who listen, in one transaction.
    pub(crate) async fn insert_and_notify(&self, payload: &[u8], channel: &str) {
        let sql = format!("{} RETURNING pg_notify('{channel}', '')", self.insert);
        let query = sqlx::query(AssertSqlSafe(sql)).bind(vec![fresh_id()]).bind(now_micros());
        let query = query.bind(vec![payload]).bind(DETAILS).bind(HASHES);
        query.execute(&self.pool).await.expect("an insert");
    }
}

const CLAIM: &str = "\
WITH picked AS MATERIALIZED (
  SELECT id FROM {t}queue
  WHERE state = 'ready' AND NOT behind AND channel = 'email' AND priority = 1
    AND due <= (extract(epoch FROM statement_timestamp()) * 1000000)::bigint
  ORDER BY due, id LIMIT $2 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE {t}queue AS q SET state = 'leased', token = $1 FROM picked WHERE q.id = picked.id
  RETURNING q.id, q.tenant, q.channel, q.due, q.attempts, q.generation
), leased AS (
  INSERT INTO {t}leases (token, until, unsettled, begun, worker, ids)
  SELECT $1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + 60000000, count(*), count(*), $3, array_agg(id)
  FROM taken HAVING count(*) > 0
)
SELECT taken.*, m.payload_version, m.payload_codec, m.payload
FROM taken JOIN {t}messages AS m ON m.id = taken.id";

const SETTLE: &str = "\
WITH gone AS (
  DELETE FROM {t}queue AS q
  USING unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) AS s (id, at, provider, events)
  WHERE q.id = s.id AND q.token = $1
  RETURNING s.*
), noted AS (
  INSERT INTO {t}history (message, at, provider, events) SELECT id, at, provider, events FROM gone
)
DELETE FROM {t}leases WHERE token = $1";

const INSERT: &str = "\
WITH said AS (
  SELECT * FROM unnest($1::uuid[], $3::bytea[]) AS s (id, payload)
), kept AS (
  INSERT INTO {t}messages (id, tenant, channel, at, recipient_hashes, details, priority, on_unknown, payload_version,
    payload_codec, payload)
  SELECT id, 'default', 'email', $2, $5, $4, 1, 'retry', 1, 'json', payload FROM said
)
INSERT INTO {t}queue (id, tenant, channel, priority, due, since, payload_version, on_unknown, unsuppressed_at)
SELECT id, 'default', 'email', 1, $2, $2, 1, 'retry', 0 FROM said";
