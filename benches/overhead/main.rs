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
    let bars = [http::bench(), smtp::bench(), layers::bench(), render::bench()];
    println!();
    for (name, value) in bars {
        println!("bar {name} {value:.3}");
    }
}
