//! To enqueue: beside apalis-postgres, one at a time by 16 callers, and in batches.

use apalis::prelude::TaskSink;
use apalis_postgres::{Config, PostgresStorage};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, postgres::PgPoolOptions};
use tokio::task::JoinSet;

use crate::{measure, message, postgres::Sides, server::Server};

#[derive(Clone, Serialize, Deserialize)]
struct Send {
    message: serde_json::Value,
}

fn job() -> Send {
    Send { message: serde_json::from_slice(&message::stored(&message::email())).expect("JSON") }
}

const CALLERS: usize = 16;

async fn apalis(server: &Server) -> (PgPool, PostgresStorage<Send>) {
    let pool =
        PgPoolOptions::new().max_connections(CALLERS as u32).connect(&server.url).await.expect("a server");
    PostgresStorage::setup(&pool).await.expect("its tables");
    let storage = PostgresStorage::new(&pool).with_config(Config::default().queue("send"));
    (pool, storage)
}

async fn empty(pool: &PgPool) {
    sqlx::raw_sql("TRUNCATE apalis.jobs; CHECKPOINT").execute(pool).await.expect("an empty table");
}

async fn one_by_one(storage: &PostgresStorage<Send>, count: usize) {
    let mut callers = JoinSet::new();
    for _ in 0..CALLERS {
        let mut storage = storage.clone();
        callers.spawn(async move {
            let job = job();
            for _ in 0..count / CALLERS {
                storage.push(job.clone()).await.expect("pushed");
            }
        });
    }
    callers.join_all().await;
}

async fn in_batches(mut storage: PostgresStorage<Send>, count: usize) {
    let job = job();
    for _ in 0..count / 1_000 {
        storage.push_bulk(vec![job.clone(); 1_000]).await.expect("pushed");
    }
}

pub(crate) async fn single() -> f64 {
    let server = Server::start().await;
    let (sides, (pool, storage)) = (Sides::new(&server).await, apalis(&server).await);
    let count = measure::size("TIDINGS_BENCH_SINGLE", 8_000);
    let theirs = async || {
        empty(&pool).await;
        sides.meter.run(count, one_by_one(&storage, count)).await
    };
    let what = format!("single messages enqueued on Postgres by {CALLERS} callers");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 7);
    let ours = async || sides.enqueue_ours(CALLERS, count).await;
    measure::ratio(&what, rounds, ours, ("apalis-postgres", theirs)).await
}

pub(crate) async fn batch() -> f64 {
    let server = Server::start().await;
    let (sides, (pool, storage)) = (Sides::new(&server).await, apalis(&server).await);
    let count = measure::size("TIDINGS_BENCH_BATCH", 50_000);
    let theirs = async || {
        empty(&pool).await;
        sides.meter.run(count, in_batches(storage.clone(), count)).await
    };
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 7);
    let ours = async || sides.enqueue_batches(count).await;
    measure::ratio("batches of 1,000 enqueued on Postgres", rounds, ours, ("apalis-postgres", theirs)).await
}
