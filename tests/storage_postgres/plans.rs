//! How the busy calls find their rows: by indexes, also when the planner last looked at an empty queue.

use sqlx::{AssertSqlSafe, PgPool, Row};
use tidings::storage::Messages;

use crate::{
    helpers::{claim, done, enqueue, until},
    postgres::{Schema, pool},
};

const ROWS: i64 = 200_000;

/// Many messages, made in the database itself.
const FILL: &str = "WITH made AS (INSERT INTO {messages} (id, at, tenant, channel, recipient_hashes, details, priority, \
        payload_version, on_unknown, payload_codec, payload) \
    SELECT gen_random_uuid(), g, 'default', 'sms', '', '{\"to\":[]}', 1, 1, 'retry', 'json', '{}' \
    FROM generate_series(1, {rows}) g RETURNING *) \
    INSERT INTO {queue} (id, due, since, priority, payload_version, tenant, channel, on_unknown) \
    SELECT id, at, at, priority, payload_version, tenant, channel, on_unknown FROM made";

/// Rows that were read by scans of whole tables, and rows that were deleted from the queue.
async fn scanned(pool: &PgPool, schema: &Schema) -> (i64, i64) {
    let sql = "SELECT sum(seq_tup_read)::bigint AS read, sum(n_tup_del) FILTER (WHERE relname = 'tidings_queue')::bigint AS gone \
               FROM pg_stat_user_tables WHERE schemaname = $1 AND relname IN \
               ('tidings_queue', 'tidings_messages', 'tidings_history', 'tidings_leases')";
    let row = sqlx::query(sql).bind(&schema.0).fetch_one(pool).await.expect("counted");
    (row.get("read"), row.get("gone"))
}

#[tokio::test]
async fn a_plan_made_for_an_empty_queue_serves_a_long_one() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let store = schema.store_with(schema.options().connections(1)).await;
    for table in ["messages", "queue", "history", "leases"] {
        let table = schema.table(table);
        let sql =
            format!("ALTER TABLE {table} SET (autovacuum_enabled = false); ANALYZE {table}; VACUUM {table}");
        for sql in sql.split("; ") {
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("prepared");
        }
    }
    // More often than Postgres takes to keep a plan.
    for _ in 0..10 {
        enqueue(&store, 1).await;
        let leased = claim(&store, 10).await;
        store.start(&[leased[0].lease]).await.expect("started");
        store.renew(&[leased[0].lease], crate::helpers::LEASE).await.expect("renewed");
        assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
    }
    let fill =
        FILL.replace("{messages}", &schema.table("messages")).replace("{queue}", &schema.table("queue"));
    sqlx::raw_sql(AssertSqlSafe(fill.replace("{rows}", &ROWS.to_string())))
        .execute(&pool)
        .await
        .expect("filled");
    until("the first messages are counted", || async { scanned(&pool, &schema).await.1 == 10 }).await;
    let (before, _) = scanned(&pool, &schema).await;
    for _ in 0..4 {
        let leased = claim(&store, 100).await;
        assert_eq!(leased.len(), 100);
        let leases: Vec<_> = leased.iter().map(|leased| leased.lease).collect();
        store.start(&leases).await.expect("started");
        store.renew(&leases, crate::helpers::LEASE).await.expect("renewed");
        assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
    }
    until("the last ones are counted", || async { scanned(&pool, &schema).await.1 == 410 }).await;
    let (after, _) = scanned(&pool, &schema).await;
    assert!(after - before < ROWS / 10, "{} rows were read without an index", after - before);
}
