//! What the framework costs over doing it by hand.
//!
//! Baselines run in the same process and the same rounds; servers run in a
//! child process, so that CPU time is the client's alone. `cargo bench --bench
//! overhead --features full` ends with one line `bar NAME VALUE` for each figure.

mod http;
mod layers;
mod measure;
mod render;
mod sinks;
mod smtp;

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
type Bench = (&'static str, fn() -> f64);

const BENCHES: [Bench; 4] = [
    ("overhead.http", http::bench),
    ("overhead.smtp", smtp::bench),
    ("overhead.layers_us", layers::bench),
    ("overhead.render", render::bench),
];
