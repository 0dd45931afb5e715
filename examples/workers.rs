//! The outbox in Postgres, with several workers:
//!
//! ```sh
//! DATABASE_URL=postgres://user:password@localhost/app cargo run --features full --example workers
//! ```
//!
//! Here the workers are tasks of one process. Start the program several times, on several machines, and they
//! share the work all the same. Without `DATABASE_URL` it says what it needs and ends.
//! Its tables go into a schema of their own, `tidings_example`.

use std::{collections::BTreeMap, time::Duration};

use async_trait::async_trait;
use tidings::{
    CallContext, Capabilities, Draft, Features, Messenger, Outgoing, Provider, Receipt, Result, Sms, Vendor,
    message::Priority,
    storage::{PostgresOptions, PostgresStore, QueueState},
};

const MESSAGES: u32 = 2_000;
const WORKERS: usize = 4;

#[tokio::main]
async fn main() -> Result<()> {
    let Some(url) = std::env::var("DATABASE_URL").ok().filter(|url| !url.is_empty()) else {
        println!("This example needs a Postgres: set DATABASE_URL, for example");
        println!(
            "  DATABASE_URL=postgres://user:password@localhost/app cargo run --features full --example workers"
        );
        return Ok(());
    };
    let options = PostgresOptions::new().schema("tidings_example")?;
    let store = PostgresStore::connect_with(&url, options).await?;
    store.migrate().await?;
    // A text message a second is what a number bears if nothing else is known; this carrier bears more.
    let messenger = Messenger::builder().store(store).sms(Carrier).without_default_rate_limits().build()?;

    let workers = (0..WORKERS).map(|n| messenger.worker().name(format!("worker-{n}")).build());
    let workers = workers.collect::<Result<Vec<_>>>()?;
    let workers: Vec<_> = workers.into_iter().map(|worker| worker.spawn()).collect();

    let mut enqueued = 0;
    for batch in (0..MESSAGES).collect::<Vec<_>>().chunks(500) {
        let answers = messenger.enqueue_many(batch.iter().map(|n| draft(*n))).await;
        enqueued += answers.into_iter().filter(Result::is_ok).count();
        println!("{enqueued} enqueued");
    }
    loop {
        let stats = messenger.queue_stats().await?;
        let waiting = stats.depth(QueueState::Ready) + stats.depth(QueueState::Leased);
        println!("{waiting} to go");
        if waiting == 0 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    let mut shares = BTreeMap::new();
    for (n, worker) in workers.into_iter().enumerate() {
        let sent = worker.stats().sent;
        worker.shutdown(Duration::from_secs(5)).await;
        shares.insert(format!("worker-{n}"), sent);
    }
    println!("Sent by each: {shares:?}");
    Ok(())
}

fn draft(n: u32) -> Draft {
    let sms = Sms::builder().from("Shop").to("+15005550006").body(format!("Parcel {n} is on its way."));
    let draft = Draft::new(sms.build().expect("a plain text message"));
    // Every tenth is urgent, and messages of one parcel keep their order.
    let priority = if n.is_multiple_of(10) { Priority::High } else { Priority::Normal };
    draft.priority(priority).ordering_key(format!("parcel-{}", n / 2))
}

/// A carrier that takes a hundredth of a second.
#[derive(Debug)]
struct Carrier;

impl Vendor for Carrier {
    fn name(&self) -> &str {
        "carrier"
    }
}

#[async_trait]
impl Provider<Sms> for Carrier {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("carrier", Features::ALL)
    }

    async fn send(&self, _: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Ok(Receipt::accepted(1, Some(item.key().into())))
    }
}
