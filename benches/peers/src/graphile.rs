//! A backlog of 100,000, delivered: beside graphile_worker with its local queue of 500 and its batched completion.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use graphile_worker::{
    IntoTaskHandlerResult, JobSpec, LocalQueueConfig, RawJobSpec, TaskHandler, WorkerContext, WorkerOptions,
    WorkerUtils,
};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use tokio::sync::Notify;

use crate::{
    measure::{self, Meter, Sample},
    message,
    postgres::Sides,
    server::Server,
};

#[derive(Serialize, Deserialize)]
struct Send {
    message: serde_json::Value,
}

#[derive(Clone, Debug)]
struct Countdown(Arc<(AtomicUsize, Notify)>);

impl TaskHandler for Send {
    const IDENTIFIER: &'static str = "send";

    async fn run(self, context: WorkerContext) -> impl IntoTaskHandlerResult {
        std::hint::black_box(&self.message);
        let Countdown(left) = context.get_ext::<Countdown>().expect("was added");
        if left.0.fetch_sub(1, Ordering::Relaxed) == 1 {
            left.1.notify_one();
        }
        Ok::<(), String>(())
    }
}

const SCHEMA: &str = "graphile_worker";

/// Handlers at a time: with fewer or more it is slower here.
const CONCURRENCY: usize = 50;

struct Graphile {
    pool: PgPool,
    utils: WorkerUtils,
    count: usize,
}

impl Graphile {
    async fn new(server: &Server, count: usize) -> Self {
        let pool = PgPool::connect(&server.url).await.expect("a server");
        let utils = WorkerUtils::new(pool.clone(), SCHEMA);
        utils.migrate().await.expect("its tables");
        Self { pool, utils, count }
    }

    async fn fill(&self) {
        let payload: serde_json::Value =
            serde_json::from_slice(&message::stored(&message::email())).expect("JSON");
        let job = || RawJobSpec {
            identifier: Send::IDENTIFIER.to_owned(),
            payload: serde_json::json!({ "message": payload }),
            spec: JobSpec::default(),
        };
        for _ in 0..self.count.div_ceil(1_000) {
            let jobs: Vec<_> = (0..1_000).map(|_| job()).collect();
            self.utils.add_raw_jobs(&jobs).await.expect("jobs");
        }
    }

    /// From a backlog until the queue is empty.
    async fn round(&self, meter: Meter) -> Sample {
        self.fill().await;
        let tables = format!("VACUUM ANALYZE {SCHEMA}._private_jobs");
        sqlx::raw_sql(sqlx::AssertSqlSafe(tables)).execute(&self.pool).await.expect("vacuum");
        sqlx::raw_sql("CHECKPOINT").execute(&self.pool).await.expect("checkpoint");
        let left = Countdown(Arc::new((AtomicUsize::new(self.count), Notify::new())));
        let concurrency = measure::size("TIDINGS_BENCH_GRAPHILE_CONCURRENCY", CONCURRENCY);
        let worker = WorkerOptions::default()
            .database(self.pool.clone())
            .schema(SCHEMA)
            .concurrency(concurrency)
            .poll_interval(Duration::from_millis(10))
            .complete_job_batch_delay(Duration::from_millis(5))
            .local_queue(LocalQueueConfig::default().with_size(500))
            .listen_os_shutdown_signals(false)
            .add_extension(left.clone())
            .define_job::<Send>()
            .init()
            .await
            .expect("a worker");
        let worker = Arc::new(worker);
        let work = async {
            let running = tokio::spawn({
                let worker = Arc::clone(&worker);
                async move { worker.run().await }
            });
            left.0.1.notified().await;
            // The last completions are written on the way out.
            worker.request_shutdown();
            running.await.expect("no panic").expect("a worker that ends well");
        };
        let sample = meter.run(self.count, work).await;
        let waiting: i64 = sqlx::query_scalar("SELECT count(*) FROM graphile_worker._private_jobs")
            .fetch_one(&self.pool)
            .await
            .expect("a count");
        assert_eq!(waiting, 0, "all were completed");
        sample
    }
}

pub(crate) async fn bench() -> f64 {
    let server = Server::start().await;
    let count = measure::size("TIDINGS_BENCH_BACKLOG", 100_000);
    let (sides, theirs) = (Sides::new(&server).await, Graphile::new(&server, count).await);
    let what = format!("a backlog of {count} on Postgres, delivered");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 5);
    let (ours, theirs) = (async || sides.deliver_ours(count).await, async || theirs.round(sides.meter).await);
    measure::ratio(&what, rounds, ours, ("graphile_worker", theirs)).await
}
