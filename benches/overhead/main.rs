//! What the framework costs over doing it by hand.
//!
//! Baselines run in the same process and the same rounds; servers run in a
//! child process, so that CPU time is the client's alone. `cargo bench --bench
//! overhead` ends with one line `bar NAME VALUE` for each figure; a part of
//! names behind `--` chooses some.

#[cfg(feature = "full")]
mod http;
#[cfg(feature = "full")]
mod layers;
#[cfg(feature = "full")]
mod measure;
#[cfg(feature = "full")]
mod render;
#[cfg(feature = "full")]
mod sinks;
#[cfg(feature = "full")]
mod smtp;

/// The vendors that are measured are features: builds itself again with them.
#[cfg(not(feature = "full"))]
fn main() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut full = std::process::Command::new(cargo);
    full.current_dir(env!("CARGO_MANIFEST_DIR"));
    full.args(["bench", "--features", "full", "--bench", "overhead", "--"]);
    full.args(std::env::args().skip(1).filter(|arg| arg != "--bench"));
    let status = full.status().expect("cargo runs");
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(feature = "full")]
fn main() {
    if let Ok(kind) = std::env::var(sinks::VARIABLE) {
        return sinks::serve(&kind);
    }
    let filter: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|part| name.contains(part.as_str()));
    let benches = BENCHES.iter().filter(|(name, _)| wanted(name));
    let bars: Vec<(&str, f64)> = benches.map(|(name, bench)| (*name, bench())).collect();
    println!();
    for (name, value) in bars {
        println!("bar {name} {value:.3}");
    }
}

/// A figure's name, and what measures it.
#[cfg(feature = "full")]
type Bench = (&'static str, fn() -> f64);

#[cfg(feature = "full")]
const BENCHES: [Bench; 4] = [
    ("overhead.http", http::bench),
    ("overhead.smtp", smtp::bench),
    ("overhead.layers_us", layers::bench),
    ("overhead.render", render::bench),
];
