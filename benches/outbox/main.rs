//! What the outbox costs over SQL by hand: the same tables, the same writes, full durability on.
//!
//! Baselines run in the same process and by turns with ours. `cargo bench --bench outbox` ends with one
//! line `bar NAME VALUE` for each figure; a part of names behind `--` chooses some. It takes the server of
//! `TIDINGS_TEST_POSTGRES_URL`, or starts one of its own. The figures against other job queues are those
//! of the package in `benches/peers`.
//!
//! Sizes: `TIDINGS_BENCH_BACKLOG`, `_SINGLE`, `_SQLITE`, `_DEPTH`, `_MEMORY` (messages), `_PICKUP`,
//! `_ROUNDS` (how often) and `_IDLE` (seconds).

#[cfg(feature = "full")]
mod measure;
#[cfg(feature = "full")]
mod memory;
#[cfg(feature = "full")]
mod message;
#[cfg(feature = "full")]
mod ours;
#[cfg(feature = "full")]
mod pickup;
#[cfg(feature = "full")]
mod postgres;
#[cfg(feature = "full")]
mod raw;
#[cfg(feature = "full")]
mod server;
#[cfg(feature = "full")]
mod sqlite;

/// Both stores are features: builds itself again with them.
#[cfg(not(feature = "full"))]
fn main() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut full = std::process::Command::new(cargo);
    full.current_dir(env!("CARGO_MANIFEST_DIR"));
    full.args(["bench", "--features", "full", "--bench", "outbox", "--"]);
    full.args(std::env::args().skip(1).filter(|arg| arg != "--bench"));
    let status = full.status().expect("cargo runs");
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(feature = "full")]
fn main() {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Ok(path) = std::env::var(memory::VARIABLE) {
        return runtime.block_on(memory::serve(&path));
    }
    let filter: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &&str| filter.is_empty() || filter.iter().any(|part| name.contains(part.as_str()));
    let mut bars: Vec<(&str, f64)> = Vec::new();
    for (names, bench) in BENCHES.iter().filter(|(names, _)| names.iter().any(wanted)) {
        bars.extend(names.iter().copied().zip(runtime.block_on(bench())));
    }
    println!();
    for (name, value) in bars {
        println!("bar {name} {value:.3}");
    }
}

/// The figures of one measurement.
#[cfg(feature = "full")]
type Figures = std::pin::Pin<Box<dyn Future<Output = Vec<f64>>>>;

/// The bars that it prints, and what measures them.
#[cfg(feature = "full")]
type Bench = (&'static [&'static str], fn() -> Figures);

#[cfg(feature = "full")]
const BENCHES: [Bench; 6] = [
    // First, while nothing else has happened in this process.
    (&["outbox.pickup.p50_vs_raw", "outbox.pickup.p99_ms", "outbox.pickup.idle_cpu"], || {
        Box::pin(pickup::bench())
    }),
    (&["outbox.postgres.vs_raw"], || Box::pin(postgres::deliver())),
    (&["outbox.postgres.send64_vs_insert"], || Box::pin(postgres::single())),
    (&["outbox.sqlite.vs_raw"], || Box::pin(sqlite::deliver())),
    (&["outbox.sqlite.depth"], || Box::pin(sqlite::depth())),
    (&["outbox.memory_mib"], || Box::pin(memory::bench())),
];
