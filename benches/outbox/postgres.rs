//! On Postgres: a backlog delivered, and single messages enqueued by many callers.

use sqlx::{
    AssertSqlSafe, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use tidings::Messenger;
use tokio::task::JoinSet;

use crate::{
    measure::{self, Meter, Sample},
    message, ours,
    raw::postgres::Raw,
    server::Server,
};

/// Connections of the baseline that claim and settle at the same time: with one less it is slower, with more it is not faster.
const LANES: usize = 3;
const CALLERS: usize = 64;

/// Both sides on one server, in a schema each.
pub(crate) struct Sides {
    pub(crate) meter: Meter,
    pool: PgPool,
    pub(crate) messenger: Messenger,
    pub(crate) raw: Raw,
    filler: Raw,
    payload: Vec<u8>,
}

/// What someone who knows the server sets for the baseline: left alone it reads whole tables for each batch, and is three
/// times slower.
const TUNED: [(&str, &str); 5] = [
    ("enable_seqscan", "off"),
    ("enable_hashjoin", "off"),
    ("enable_mergejoin", "off"),
    ("plan_cache_mode", "force_generic_plan"),
    ("jit", "off"),
];

const OURS: &str = "bench_ours";
const RAW: &str = "bench_raw";

impl Sides {
    pub(crate) async fn new(server: &Server) -> Self {
        let options: PgConnectOptions = server.url.parse().expect("a URL");
        let pool = PgPoolOptions::new().max_connections(CALLERS as u32);
        let pool = pool.connect_with(options.options(TUNED)).await.expect("a server");
        for schema in [OURS, RAW] {
            let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
            sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("a schema");
            ours::postgres(&server.url, schema).await.close().await;
        }
        let messenger = ours::messenger(ours::postgres(&server.url, OURS).await);
        let payload = message::stored(&message::email());
        let filler = Raw::new(pool.clone(), OURS, String::new());
        filler.insert(1, &payload).await;
        assert_eq!(ours::drain(&messenger).await, 1);
        let events =
            sqlx::query_scalar("SELECT events FROM bench_ours.tidings_history").fetch_one(&pool).await;
        let raw = Raw::new(pool.clone(), RAW, events.expect("an entry"));
        let meter = Meter { server: server.process(&pool).await };
        Self { meter, pool, messenger, raw, filler, payload }
    }

    /// Empty tables, or `backlog` messages waiting, in the same state for both.
    async fn prepare(&self, schema: &str, backlog: usize) {
        let t = format!("{schema}.tidings_");
        self.run(&format!("TRUNCATE {t}messages, {t}queue, {t}history, {t}leases")).await;
        let filler = if schema == OURS { &self.filler } else { &self.raw };
        for _ in 0..backlog / 1_000 {
            filler.insert(1_000, &self.payload).await;
        }
        self.run(&format!("VACUUM ANALYZE {t}messages, {t}queue, {t}history, {t}leases")).await;
        self.run("CHECKPOINT").await;
    }

    async fn run(&self, sql: &str) {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&self.pool).await.expect("prepared");
    }

    pub(crate) async fn deliver_ours(&self, backlog: usize) -> Sample {
        self.prepare(OURS, backlog).await;
        self.meter.run(backlog, async { assert_eq!(ours::drain(&self.messenger).await, backlog) }).await
    }

    async fn deliver_raw(&self, backlog: usize) -> Sample {
        self.prepare(RAW, backlog).await;
        self.meter.run(backlog, async { assert_eq!(self.raw.drain(LANES).await, backlog) }).await
    }

    /// `callers` enqueue one message after the other.
    pub(crate) async fn enqueue_ours(&self, callers: usize, count: usize) -> Sample {
        self.prepare(OURS, 0).await;
        let (messenger, email) = (self.messenger.clone(), message::email());
        let one = move || {
            let request = messenger.enqueue(email.clone());
            async move {
                request.await.expect("enqueued");
            }
        };
        self.meter.run(count, many(callers, count, one)).await
    }

    /// Batches of 1,000, one after the other.
    #[allow(dead_code, reason = "benches/peers uses it")]
    pub(crate) async fn enqueue_batches(&self, count: usize) -> Sample {
        self.prepare(OURS, 0).await;
        let email = message::email();
        let work = async {
            for _ in 0..count / 1_000 {
                let answers = self.messenger.enqueue_many(vec![email.clone(); 1_000]).await;
                assert!(answers.iter().all(Result::is_ok), "all were enqueued");
            }
        };
        self.meter.run(count, work).await
    }

    async fn enqueue_raw(&self, callers: usize, count: usize) -> Sample {
        self.prepare(RAW, 0).await;
        let (raw, payload) = (self.raw.clone(), self.payload.clone());
        let one = move || {
            let (raw, payload) = (raw.clone(), payload.clone());
            async move { raw.insert(1, &payload).await }
        };
        self.meter.run(count, many(callers, count, one)).await
    }
}

/// `count` runs of `one` by `callers`, each one after the other.
async fn many<F, Fut>(callers: usize, count: usize, one: F)
where
    F: Fn() -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let mut tasks = JoinSet::new();
    for _ in 0..callers {
        let one = one.clone();
        tasks.spawn(async move {
            for _ in 0..count / callers {
                one().await;
            }
        });
    }
    tasks.join_all().await;
}

pub(crate) async fn deliver() -> Vec<f64> {
    let server = Server::start().await;
    let sides = Sides::new(&server).await;
    let backlog = measure::size("TIDINGS_BENCH_BACKLOG", 100_000);
    let what = format!("a backlog of {backlog} on Postgres, delivered");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 7);
    let (ours, theirs) =
        (async || sides.deliver_ours(backlog).await, async || sides.deliver_raw(backlog).await);
    vec![measure::ratio(&what, rounds, ours, ("by hand", theirs)).await]
}

pub(crate) async fn single() -> Vec<f64> {
    let server = Server::start().await;
    let sides = Sides::new(&server).await;
    let count = measure::size("TIDINGS_BENCH_SINGLE", 16_000);
    let what = format!("single messages enqueued on Postgres by {CALLERS} callers");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 7);
    let ours = async || sides.enqueue_ours(CALLERS, count).await;
    let theirs = async || sides.enqueue_raw(CALLERS, count).await;
    vec![measure::ratio(&what, rounds, ours, ("an INSERT each", theirs)).await]
}
