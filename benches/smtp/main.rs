//! Our SMTP sessions beside lettre's pool and Postfix's smtp-source.
//!
//! All take turns before the same sink, which runs in a process of its own, so
//! that CPU time and memory are the client's alone. `cargo bench --bench smtp`
//! ends with one line `bar NAME VALUE` for each figure; a part of names behind
//! `--` chooses some.

#[cfg(feature = "smtp")]
mod clients;
#[cfg(feature = "smtp")]
mod figures;
#[cfg(feature = "smtp")]
mod measure;
#[cfg(feature = "smtp")]
mod sink;

/// What is measured is a feature: builds itself again with it.
#[cfg(not(feature = "smtp"))]
fn main() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut with_smtp = std::process::Command::new(cargo);
    with_smtp.current_dir(env!("CARGO_MANIFEST_DIR"));
    with_smtp.args(["bench", "--features", "smtp", "--bench", "smtp", "--"]);
    with_smtp.args(std::env::args().skip(1).filter(|arg| arg != "--bench"));
    let status = with_smtp.status().expect("cargo runs");
    std::process::exit(status.code().unwrap_or(1));
}

#[cfg(feature = "smtp")]
fn main() {
    if let Ok(role) = std::env::var(sink::VARIABLE) {
        return match role.as_str() {
            "memory" => figures::send_and_tell_memory(),
            role => sink::serve(role == "far"),
        };
    }
    let filter: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let wanted = |name: &str| filter.is_empty() || filter.iter().any(|part| name.contains(part.as_str()));
    let figures = FIGURES.iter().filter(|(name, _)| wanted(name));
    let bars: Vec<_> = figures.map(|(name, figure)| (*name, figure())).collect();
    println!();
    for (name, value) in bars {
        match value {
            Some(value) => println!("bar {name} {value:.3}"),
            None => println!("skipped {name}: smtp-source is not here (Debian's package postfix has it)"),
        }
    }
}

/// A figure's name, and what measures it.
#[cfg(feature = "smtp")]
type Figure = (&'static str, fn() -> Option<f64>);

#[cfg(feature = "smtp")]
const FIGURES: [Figure; 5] = [
    ("smtp.one_session_vs_lettre", figures::one_session),
    ("smtp.rtt20_vs_lettre", figures::far_away),
    ("smtp.cpu_vs_lettre", figures::cpu),
    ("smtp.rss_mib", figures::memory),
    ("smtp.vs_smtp_source", figures::smtp_source),
];
