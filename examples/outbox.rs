//! The outbox in one SQLite file, in one process, through a crash:
//!
//! ```sh
//! cargo run --features full --example outbox
//! ```
//!
//! The program starts itself again as a child. That one enqueues orders' confirmations, begins to
//! deliver them, and is killed by its own hand in the middle, just after the vendor took a message
//! and before that could be noted. The parent opens the same file, finishes, and prints what happened.

use std::{path::Path, process::Command, time::Duration};

use async_trait::async_trait;
use tidings::{
    CallContext, Capabilities, Defaults, Draft, Email, Features, Messenger, OnUnknown, Outgoing, Provider,
    Receipt, Result, Vendor,
    storage::{Filter, Page, SqliteStore},
};

/// The message during which the child dies.
const FATAL: &str = "Order 4";
const AS_CHILD: &str = "TIDINGS_EXAMPLE_CHILD";

#[tokio::main]
async fn main() -> Result<()> {
    if let Ok(file) = std::env::var(AS_CHILD) {
        return first_life(Path::new(&file)).await;
    }
    let file = std::env::temp_dir().join(format!("tidings-outbox-{}.db", std::process::id()));
    println!("First life: enqueue, deliver, crash.");
    let me = std::env::current_exe().expect("a program knows where it is");
    let status = Command::new(me).env(AS_CHILD, &file).status().expect("it can be started again");
    println!("  … the process is gone ({status}).\n\nSecond life: the same file, nothing else.");
    second_life(&file).await?;
    // The log and the index of the file stand beside it.
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(format!("{}{suffix}", file.display()));
    }
    Ok(())
}

async fn messenger(file: &Path, crashes: bool) -> Result<Messenger> {
    Messenger::builder()
        .store(SqliteStore::open(file).await?)
        .email(Post { crashes })
        .defaults(Defaults::new().email("Corner Shop <shop@example.org>"))
        .build()
}

async fn first_life(file: &Path) -> Result<()> {
    let messenger = messenger(file, true).await?;
    // The one that is cut off is of each kind once: to be tried again, to be held, to be left at that.
    let policies = [OnUnknown::Retry, OnUnknown::Hold, OnUnknown::GiveUp];
    for (number, policy) in (1..=6).zip(policies.into_iter().cycle()) {
        let email =
            Email::builder().to("ada@example.org").subject(format!("Order {number}")).text("Thank you.");
        let draft = Draft::new(email.build()?).key(format!("order-{number}")).on_unknown(policy);
        let queued = messenger.enqueue(draft).await?;
        println!("  enqueued {} as {}", queued.id, policy.as_str());
    }
    // One at a time, so that the story is the same every time.
    messenger.worker().concurrency(1).lease(Duration::from_secs(2)).build()?.run_until_idle().await?;
    Ok(())
}

async fn second_life(file: &Path) -> Result<()> {
    let messenger = messenger(file, false).await?;
    let worker = messenger.worker().build()?.spawn();
    println!("  waiting for the lease of the lost worker to end (2 s) …");
    while messenger.queue_stats().await?.depths.iter().any(|depth| depth.count > 0) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    worker.shutdown(Duration::from_secs(5)).await;

    println!("\nWhat became of each:");
    let mut all = messenger.list(&Filter::new(), Page::first(10)).await?;
    all.reverse();
    for tracked in all {
        let key = tracked.record.key.as_deref().unwrap_or_default();
        println!("\n  {key}: {}", tracked.deliveries[0]);
        for event in messenger.timeline(tracked.record.id).await? {
            let text = event.text.as_deref().unwrap_or_default();
            println!("    {:<28} {:<10} attempt {} {text}", event.at.to_string(), event.kind, event.attempt);
        }
    }
    Ok(())
}

/// A vendor that takes everything; in the first life the process dies while it does.
#[derive(Debug)]
struct Post {
    crashes: bool,
}

impl Vendor for Post {
    fn name(&self) -> &str {
        "post"
    }
}

#[async_trait]
impl Provider<Email> for Post {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("post", Features::ALL)
    }

    async fn send(&self, _: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        println!("  the vendor takes {:<8} key {}", item.message().subject, item.key());
        if self.crashes && *item.message().subject == *FATAL {
            // As if the power failed: nothing is tidied up.
            std::process::abort();
        }
        Ok(Receipt::accepted(1, Some(item.key().into())))
    }
}
