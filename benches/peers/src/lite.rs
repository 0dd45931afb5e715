//! A backlog of 5,000 in an SQLite file, delivered: beside apalis-sqlite, `synchronous=FULL` for both.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use apalis::prelude::*;
use apalis_sqlite::{Config, SqliteStorage};
use serde::{Deserialize, Serialize};
use sqlx::{
    SqlitePool,
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};

use crate::{
    measure::{self, Meter, Sample},
    message,
    sqlite::{self, Folder},
};

/// The fastest of the settings that were tried, with its own lock of each task off.
const BATCH: usize = 500;

#[derive(Clone, Serialize, Deserialize)]
struct Send {
    message: serde_json::Value,
}

async fn deliver(job: Send, left: Data<Arc<AtomicUsize>>, worker: WorkerContext) -> Result<(), BoxDynError> {
    std::hint::black_box(&job.message);
    if left.fetch_sub(1, Ordering::Relaxed) == 1 {
        worker.stop()?;
    }
    Ok(())
}

async fn open(path: &std::path::Path) -> SqlitePool {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.expect("a file");
    // Not its `setup`, which switches durability off on one connection of the pool.
    SqliteStorage::migrations().run(&pool).await.expect("its tables");
    pool
}

async fn round(folder: &Folder, count: usize) -> Sample {
    let path = folder.file("apalis.db");
    let pool = open(&path).await;
    sqlx::query("DELETE FROM Jobs").execute(&pool).await.expect("an empty table");
    let config = Config::default().queue("send").batch_size(BATCH).lock_tasks(false);
    let mut storage: SqliteStorage<Send> = SqliteStorage::new(&pool).with_config(config);
    let job = Send { message: serde_json::from_slice(&message::stored(&message::email())).expect("JSON") };
    storage.push_bulk(vec![job; count]).await.expect("pushed");
    let worker = WorkerBuilder::new(format!("worker-{}", uuid::Uuid::now_v7()))
        .backend(storage)
        .data(Arc::new(AtomicUsize::new(count)))
        .build(deliver);
    let work = async { worker.run().await.expect("a worker that ends well") };
    let sample = Meter::default().run(count, work).await;
    let done = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status = 'Done'").fetch_one(&pool).await;
    assert_eq!(done.ok(), Some(count as i64), "all were delivered");
    pool.close().await;
    sample
}

pub(crate) async fn bench() -> f64 {
    let folder = Folder::new("lite");
    let count = measure::size("TIDINGS_BENCH_LITE", 5_000);
    let what = format!("a backlog of {count} in SQLite, delivered");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 3);
    let ours = async || sqlite::deliver_ours(&folder, count).await;
    let theirs = async || round(&folder, count).await;
    measure::ratio(&what, rounds, ours, ("apalis-sqlite", theirs)).await
}
