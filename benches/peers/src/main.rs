//! What the outbox costs beside other job queues, with full durability on, and templates beside other engines: all
//! sides in one run, by turns.
//!
//! From the repository's root: `cargo run --release --manifest-path benches/peers/Cargo.toml`; a part of
//! names behind `--` chooses some. Ends with one line `bar NAME VALUE` for each figure.

mod graphile;
mod lite;
#[path = "../../outbox/measure.rs"]
mod measure;
#[path = "../../outbox/message.rs"]
mod message;
#[path = "../../render/order.rs"]
mod order;
#[path = "../../outbox/ours.rs"]
#[allow(dead_code, reason = "the baseline by hand needs the rest")]
mod ours;
#[path = "../../outbox/postgres.rs"]
#[allow(dead_code, reason = "the baseline by hand needs the rest")]
mod postgres;
mod push;
#[path = "../../outbox/raw/mod.rs"]
#[allow(dead_code, reason = "the baseline by hand needs the rest")]
mod raw;
#[path = "../../outbox/server.rs"]
#[allow(dead_code, reason = "the baseline by hand needs the rest")]
mod server;
#[path = "../../outbox/sqlite.rs"]
#[allow(dead_code, reason = "the baseline by hand needs the rest")]
mod sqlite;
mod templates;

use futures::future::LocalBoxFuture;

/// A figure's name, and what measures it.
type Bench = (&'static str, fn() -> LocalBoxFuture<'static, f64>);

const BENCHES: [Bench; 5] = [
    ("outbox.postgres.vs_graphile", || Box::pin(graphile::bench())),
    ("outbox.postgres.send16_vs_apalis", || Box::pin(push::single())),
    ("outbox.postgres.batch_vs_apalis", || Box::pin(push::batch())),
    ("outbox.sqlite.vs_apalis", || Box::pin(lite::bench())),
    ("render.peers.vs_handlebars", || Box::pin(templates::bench())),
];

#[tokio::main]
async fn main() {
    let filter: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|part| name.contains(part.as_str()));
    let mut bars = Vec::new();
    for (name, bench) in BENCHES.iter().filter(|(name, _)| wanted(name)) {
        bars.push((name, bench().await));
    }
    println!();
    for (name, value) in bars {
        println!("bar {name} {value:.3}");
    }
}
