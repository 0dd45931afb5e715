//! Templates against plain handlebars, with limits, strictness and escaping
//! on and the same output, byte for byte.
//!
//! `cargo bench --bench render` ends with one line `bar NAME VALUE` for each
//! figure; a part of names behind `--` chooses some.

#[path = "../overhead/measure.rs"]
#[allow(dead_code, reason = "the other benches need the rest")]
mod measure;
#[cfg(feature = "templates")]
mod order;
#[cfg(feature = "templates")]
mod render;

#[cfg(not(feature = "templates"))]
fn main() {
    println!("skipped: the feature `templates` is off");
}

#[cfg(feature = "templates")]
fn main() {
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
#[cfg(feature = "templates")]
type Bench = (&'static str, fn() -> f64);

#[cfg(feature = "templates")]
const BENCHES: [Bench; 5] = [
    ("render.vs_handlebars", render::against_handlebars),
    ("render.register_1000_ms", render::register_1000),
    ("render.memory_growth_mib", render::memory_growth),
    ("render.campaign_vs_plain", render::campaign),
    ("render.hostile_ms", render::hostile),
];
