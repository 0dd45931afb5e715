//! What vendors cost: the wire of one message, and batches over single sends.
//!
//! `cargo bench --bench vendors` ends with one line `bar NAME VALUE` for each figure; a part of
//! names behind `--` chooses some. Servers run in a child process, so that CPU time is the client's alone.

#[cfg(feature = "full")]
mod batch;
#[cfg(feature = "full")]
#[allow(dead_code, reason = "the other benchmark uses the rest")]
#[path = "../overhead/measure.rs"]
mod measure;
#[cfg(feature = "full")]
mod sink;
#[cfg(feature = "full")]
mod wire;

/// The vendors that are measured are features: builds itself again with them.
#[cfg(not(feature = "full"))]
fn main() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut full = std::process::Command::new(cargo);
    full.current_dir(env!("CARGO_MANIFEST_DIR"));
    full.args(["bench", "--features", "full", "--bench", "vendors", "--"]);
    full.args(std::env::args().skip(1).filter(|arg| arg != "--bench"));
    let status = full.status().expect("cargo runs");
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(feature = "full")]
fn main() {
    if std::env::var_os(sink::VARIABLE).is_some() {
        return sink::serve();
    }
    let filter: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|part| name.contains(part.as_str()));
    let benches = BENCHES.iter().filter(|(name, _)| wanted(name));
    let bars: Vec<(&str, f64)> = benches.map(|(name, bench)| (*name, bench())).collect();
    println!();
    for (name, value) in bars {
        println!("bar {name} {value:.4}");
    }
}

/// A figure's name, and what measures it.
#[cfg(feature = "full")]
type Bench = (&'static str, fn() -> f64);

#[cfg(feature = "full")]
const BENCHES: [Bench; 3] = [
    ("vendors.wire_us", wire::bench),
    ("vendors.batch_requests", batch::requests),
    ("vendors.batch_cpu", batch::cpu),
];
