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

use crate::{measure, message};

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

async fn round(folder: &std::path::Path, count: usize, config: Config) -> f64 {
    let pool = open(&folder.join("apalis.db")).await;
    sqlx::query("DELETE FROM Jobs").execute(&pool).await.expect("an empty table");
    let mut storage: SqliteStorage<Send> = SqliteStorage::new(&pool).with_config(config);
    let job = Send { message: serde_json::from_slice(&message::stored(&message::email())).expect("JSON") };
    storage.push_bulk(vec![job; count]).await.expect("pushed");
    let worker = WorkerBuilder::new(format!("worker-{}", uuid::Uuid::now_v7()))
        .backend(storage)
        .data(Arc::new(AtomicUsize::new(count)))
        .build(deliver);
    let seconds = measure::seconds(async { worker.run().await.expect("a worker that ends well") }).await;
    let done: i64 = sqlx::query_scalar("SELECT count(*) FROM Jobs WHERE status = 'Done'").fetch_one(&pool).await.expect("a count");
    println!("done {done}");
    pool.close().await;
    count as f64 / seconds
}

pub(crate) async fn bench() -> f64 {
    let folder = std::env::temp_dir().join(format!("tidings-peers-lite.{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let count = measure::size("TIDINGS_BENCH_LITE", 5_000);
    for (batch, lock) in [(10, true), (500, true), (500, false), (10, false)] {
        let config = Config::default().queue("send").batch_size(batch).lock_tasks(lock);
        println!("apalis-sqlite batch {batch} lock {lock} {:.0}/s", round(&folder, count, config).await);
    }
    std::fs::remove_dir_all(&folder).expect("the folder");
    f64::NAN
}
