//! Postgres by hand.

use sqlx::{AssertSqlSafe, PgPool, Row, types::Uuid};
use tokio::task::JoinSet;

/// The tables in a schema, and the statements that were written for them.
#[derive(Clone)]
pub(crate) struct Raw {
    pub(crate) pool: PgPool,
    claim: String,
    settle: String,
    insert: String,
    pub(crate) events: String,
}

/// What is claimed and settled at a time.
pub(crate) const BATCH: i64 = 500;
const LEASE_MICROS: i64 = 60_000_000;

impl Raw {
    /// Over tables that stand in `schema` under names that begin with `prefix`; a settle writes `events`.
    pub(crate) fn new(pool: PgPool, prefix: &str, events: String) -> Self {
        let fill = |sql: &str| sql.replace("{t}", prefix);
        Self { pool, claim: fill(CLAIM), settle: fill(SETTLE), insert: fill(INSERT), events }
    }

    /// Claims and settles until the queue is empty, on so many connections.
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
        let token = Uuid::now_v7();
        let query = sqlx::query(AssertSqlSafe(self.claim.as_str())).bind(token).bind(BATCH).bind(LEASE_MICROS);
        let rows = query.fetch_all(&self.pool).await.expect("a claim");
        let octets = rows.iter().map(|row| row.get::<&[u8], _>("payload").len()).sum();
        (token, rows.iter().map(|row| row.get("id")).collect(), octets)
    }

    pub(crate) async fn settle(&self, token: Uuid, ids: Vec<Uuid>) {
        let at = vec![now_micros(); ids.len()];
        let providers = vec![crate::message::VENDOR; ids.len()];
        let events = vec![self.events.as_str(); ids.len()];
        let query = sqlx::query(AssertSqlSafe(self.settle.as_str())).bind(token).bind(&ids).bind(at);
        query.bind(providers).bind(events).execute(&self.pool).await.expect("a settle");
    }

    /// Inserts messages, `payload` in each.
    pub(crate) async fn insert(&self, count: usize, payload: &[u8]) {
        let ids: Vec<Uuid> = (0..count).map(|_| Uuid::now_v7()).collect();
        let payloads = vec![payload; count];
        let query = sqlx::query(AssertSqlSafe(self.insert.as_str())).bind(ids).bind(now_micros()).bind(payloads);
        query.bind(DETAILS).bind([7u8; 8].as_slice()).execute(&self.pool).await.expect("an insert");
    }
}

pub(crate) fn now_micros() -> i64 {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::Realtime);
    now.tv_sec * 1_000_000 + now.tv_nsec / 1_000
}

const DETAILS: &str = r#"{"to":["ada@example.org"]}"#;

const CLAIM: &str = "\
WITH lease AS (
  INSERT INTO {t}leases (token, worker, until)
  VALUES ($1, 'by hand', (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $3)
), picked AS MATERIALIZED (
  SELECT id FROM {t}queue
  WHERE state = 'ready' AND channel = 'email' AND priority = 1
    AND due <= (extract(epoch FROM clock_timestamp()) * 1000000)::bigint
  ORDER BY due, id LIMIT $2 FOR UPDATE SKIP LOCKED
), taken AS (
  UPDATE {t}queue AS q SET state = 'leased', token = $1 FROM picked WHERE q.id = picked.id
  RETURNING q.id, q.tenant, q.channel, q.due, q.attempts, q.generation
)
SELECT taken.*, m.payload_version, m.payload_codec, m.payload
FROM taken JOIN {t}messages AS m ON m.id = taken.id";

const SETTLE: &str = "\
WITH settled AS (
  SELECT * FROM unnest($2::uuid[], $3::bigint[], $4::text[], $5::text[]) AS s (id, at, provider, events)
), gone AS (
  DELETE FROM {t}queue AS q USING settled WHERE q.id = settled.id AND q.token = $1 RETURNING q.id
), noted AS (
  INSERT INTO {t}history (message, at, provider, events)
  SELECT id, at, provider, events FROM settled JOIN gone USING (id)
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
INSERT INTO {t}queue (id, tenant, channel, priority, due, state, payload_version, on_unknown, started, attempts,
  excused, losses, generation, cancel)
SELECT id, 'default', 'email', 1, $2, 'ready', 1, 'retry', false, 0, 0, 0, 0, false FROM said";

/// The tables as they were first thought of.
pub(crate) const TABLES: &str = "\
CREATE TABLE {t}messages (id uuid PRIMARY KEY, tenant text NOT NULL, channel text NOT NULL, at bigint NOT NULL, key text,
  fingerprint bytea, category text, external_ref text, recipient_hashes bytea NOT NULL, details text NOT NULL,
  due bigint, expires bigint, priority smallint, on_unknown text, ordering_key text, payload_version smallint,
  payload_codec text, payload_key_id text, payload bytea, payload_blobs text);
CREATE UNIQUE INDEX ON {t}messages (tenant, channel, key) WHERE key IS NOT NULL AND payload_version IS NOT NULL;
CREATE INDEX ON {t}messages (tenant, external_ref) WHERE external_ref IS NOT NULL;
CREATE TABLE {t}queue (id uuid PRIMARY KEY, tenant text NOT NULL, channel text NOT NULL, priority smallint NOT NULL,
  due bigint NOT NULL, state text NOT NULL, payload_version smallint NOT NULL, ordering_key text, on_unknown text NOT NULL,
  started boolean NOT NULL, attempts integer NOT NULL, excused integer NOT NULL, losses integer NOT NULL,
  generation integer NOT NULL, token uuid, cancel boolean NOT NULL, pending text, pinned text, paused_by text, reason text);
CREATE INDEX ON {t}queue (channel, priority, due, id) WHERE state = 'ready';
CREATE INDEX ON {t}queue (token) WHERE token IS NOT NULL;
CREATE INDEX ON {t}queue (tenant, ordering_key, id) WHERE ordering_key IS NOT NULL;
CREATE UNIQUE INDEX ON {t}queue (tenant, ordering_key) WHERE state = 'leased' AND ordering_key IS NOT NULL;
CREATE TABLE {t}leases (token uuid PRIMARY KEY, worker text NOT NULL, until bigint NOT NULL);
CREATE TABLE {t}history (seq bigserial PRIMARY KEY, message uuid NOT NULL, at bigint NOT NULL, provider text,
  vendor_id text, events text NOT NULL);
CREATE INDEX ON {t}history (message);
CREATE INDEX ON {t}history (provider, vendor_id) WHERE vendor_id IS NOT NULL";
