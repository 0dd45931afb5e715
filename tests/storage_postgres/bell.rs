//! News of work.

use std::time::Duration;

use sqlx::PgPool;
use tidings::storage::{Messages, PostgresOptions, PostgresStore};

use crate::{
    helpers::{PATIENCE, claim, enqueue, process, until},
    postgres::{Schema, pool, url},
};

/// The job of a helper process.
pub(crate) async fn enqueue_one(schema: &str) {
    let options = PostgresOptions::new().schema(schema).expect("plain");
    let store = PostgresStore::connect_with(&url(), options).await.expect("the test's server answers");
    enqueue(&store, 1).await;
}

/// The connections that listen for work in this schema.
async fn listeners(pool: &PgPool, schema: &Schema) -> Vec<i32> {
    let sql = "SELECT pid FROM pg_stat_activity WHERE query LIKE 'LISTEN%' AND query LIKE '%' || $1 || '.%'";
    sqlx::query_scalar(sql).bind(&schema.0).fetch_all(pool).await.expect("activity")
}

/// A store that listens, and has heard all there is.
async fn listening(pool: &PgPool, schema: &Schema) -> PostgresStore {
    let store = schema.store().await;
    // The first call starts to listen, and that it listens now is news as well.
    store.woken().await;
    until("someone listens", || async { !listeners(pool, schema).await.is_empty() }).await;
    quiet(&store).await;
    store
}

/// Claims until nothing is new.
async fn quiet(store: &PostgresStore) {
    until("nothing is new", || async {
        assert!(claim(store, 10).await.is_empty());
        tokio::time::timeout(Duration::from_millis(300), store.woken()).await.is_err()
    })
    .await;
}

#[tokio::test]
async fn another_process_wakes_who_waits() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let store = listening(&pool, &schema).await;
    let woken = store.woken();
    let mut process = process("enqueue", &schema.0);
    tokio::time::timeout(PATIENCE, woken).await.expect("woken");
    assert_eq!(claim(&store, 10).await.len(), 1);
    assert!(process.wait().expect("it ends").success());
}

#[tokio::test]
async fn a_store_that_lost_its_connection_listens_again() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let store = listening(&pool, &schema).await;
    let before = listeners(&pool, &schema).await;
    for pid in &before {
        let ended: bool = sqlx::query_scalar("SELECT pg_terminate_backend($1)")
            .bind(pid)
            .fetch_one(&pool)
            .await
            .expect("asked");
        assert!(ended, "the fault must strike");
    }
    until("someone listens again", || async {
        let now = listeners(&pool, &schema).await;
        !now.is_empty() && now.iter().all(|pid| !before.contains(pid))
    })
    .await;
    quiet(&store).await;
    let woken = store.woken();
    let mut process = process("enqueue", &schema.0);
    tokio::time::timeout(PATIENCE, woken).await.expect("woken");
    assert!(process.wait().expect("it ends").success());
}

#[tokio::test]
async fn nobody_listens_who_does_not_wait_and_who_went_away() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let store = schema.store().await;
    enqueue(&store, 1).await;
    assert!(listeners(&pool, &schema).await.is_empty(), "before anybody waits");
    claim(&store, 10).await;
    drop(store.woken());
    until("someone listens", || async { !listeners(&pool, &schema).await.is_empty() }).await;
    drop(store);
    until("nobody listens", || async { listeners(&pool, &schema).await.is_empty() }).await;
}

#[tokio::test]
async fn behind_a_bouncer_nobody_listens_but_the_process_wakes_itself() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let store = schema.store_with(schema.options().behind_bouncer()).await;
    claim(&store, 1).await;
    let woken = store.woken();
    enqueue(&store, 1).await;
    tokio::time::timeout(PATIENCE, woken).await.expect("woken");
    assert!(listeners(&pool, &schema).await.is_empty());
}
