//! From `enqueue` to the handler on an idle Postgres queue, and what it costs to wait.

use std::time::Duration;

use async_trait::async_trait;
use sqlx::{AssertSqlSafe, PgPool, postgres::PgListener};
use tidings::{
    CallContext, Capabilities, Email, Features, Messenger, Outgoing, Provider, Receipt, Result, Vendor,
};
use tokio::sync::mpsc;

use crate::{
    measure::{self, Meter, cpu_seconds, now},
    message, ours,
    raw::postgres::Raw,
    server::Server,
};

const OURS: &str = "pickup_ours";
const RAW: &str = "pickup_raw";

/// Says when it is called.
#[derive(Debug)]
struct Stopwatch(mpsc::UnboundedSender<f64>);

impl Vendor for Stopwatch {
    fn name(&self) -> &str {
        message::VENDOR
    }
}

#[async_trait]
impl Provider<Email> for Stopwatch {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new(message::VENDOR, Features::ALL)
    }

    async fn send(&self, _: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        let _ = self.0.send(now());
        Ok(Receipt::accepted(item.message().to.len(), None))
    }
}

/// Milliseconds from the call of `enqueue`, or of the INSERT, until someone has the message.
async fn once(picked: &mut mpsc::UnboundedReceiver<f64>, enqueue: impl Future<Output = ()>) -> f64 {
    let before = now();
    enqueue.await;
    let after = picked.recv().await.expect("it is picked up");
    // Long enough for the worker to have settled it and to wait again.
    tokio::time::sleep(Duration::from_millis(10)).await;
    (after - before) * 1e3
}

/// By hand: NOTIFY with the INSERT, LISTEN, and a claim when it is heard.
async fn listen(raw: Raw, url: String, picked: mpsc::UnboundedSender<f64>) {
    let mut listener = PgListener::connect(&url).await.expect("a server");
    listener.listen(RAW).await.expect("listening");
    loop {
        listener.recv().await.expect("heard");
        let (token, ids, _) = raw.claim().await;
        if !ids.is_empty() {
            let _ = picked.send(now());
            raw.settle(token, ids).await;
        }
    }
}

async fn schema(pool: &PgPool, url: &str, schema: &str) {
    let sql = format!("DROP SCHEMA IF EXISTS {schema} CASCADE; CREATE SCHEMA {schema}");
    sqlx::raw_sql(AssertSqlSafe(sql)).execute(pool).await.expect("a schema");
    ours::postgres(url, schema).await.close().await;
}

pub(crate) async fn bench() -> Vec<f64> {
    let server = Server::start().await;
    let pool = PgPool::connect(&server.url).await.expect("a server");
    for name in [OURS, RAW] {
        schema(&pool, &server.url, name).await;
    }
    let (to, mut picked) = mpsc::unbounded_channel();
    let watched = Messenger::builder().email(Stopwatch(to)).store(ours::postgres(&server.url, OURS).await);
    let worker = watched.build().expect("valid").worker().build().expect("valid").spawn();
    // Another store, as another process would have: it knows of the worker only through the database.
    let messenger = ours::messenger(ours::postgres(&server.url, OURS).await);
    let idle = idle(Meter { server: server.process(&pool).await }).await;

    let (to, mut picked_raw) = mpsc::unbounded_channel();
    let raw = Raw::new(pool.clone(), RAW, "[]".into());
    let listening = tokio::spawn(listen(raw.clone(), server.url.clone(), to));
    let (email, payload) = (message::email(), message::stored(&message::email()));
    let ours = async || {
        let request = messenger.enqueue(email.clone());
        once(&mut picked, async {
            request.await.expect("enqueued");
        })
        .await
    };
    let theirs = async || once(&mut picked_raw, raw.insert_and_notify(&payload, RAW)).await;
    let (ours, theirs) = by_turns(ours, theirs).await;
    worker.shutdown(Duration::from_secs(5)).await;
    listening.abort();
    let (p50, raw50) = (measure::median(ours.iter().copied()), measure::median(theirs.iter().copied()));
    let (p99, raw99) = (measure::percentile(ours, 99), measure::percentile(theirs, 99));
    println!(
        "pickup: tidings p50 {p50:.2} ms, p99 {p99:.2} ms; LISTEN/NOTIFY by hand {raw50:.2} and {raw99:.2} ms"
    );
    vec![p50 / raw50, p99, idle]
}

async fn by_turns(
    mut ours: impl AsyncFnMut() -> f64,
    mut theirs: impl AsyncFnMut() -> f64,
) -> (Vec<f64>, Vec<f64>) {
    // The listeners must be there: the first may wait for a poll.
    for _ in 0..20 {
        let (_, _) = (ours().await, theirs().await);
    }
    let count = measure::size("TIDINGS_BENCH_PICKUP", 1_000);
    let (mut a, mut b) = (Vec::with_capacity(count), Vec::with_capacity(count));
    for _ in 0..count {
        a.push(ours().await);
        b.push(theirs().await);
    }
    (a, b)
}

/// The part of a core that a worker without work needs, in this process and in its server.
async fn idle(meter: Meter) -> f64 {
    // What begins with the first look is over by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let (before, own, served) = (now(), cpu_seconds("self"), meter.served());
    tokio::time::sleep(Duration::from_secs(measure::size("TIDINGS_BENCH_IDLE", 20) as u64)).await;
    let passed = now() - before;
    let (own, served) = ((cpu_seconds("self") - own) / passed, (meter.served() - served) / passed);
    println!("idle worker: {own:.5} of a core here, {served:.5} in the server");
    own + served
}
