//! Time, CPU time, medians of paired rounds.

use rustix::time::{ClockId, clock_gettime};

fn micros(clock: ClockId) -> f64 {
    let now = clock_gettime(clock);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// Microseconds of this process's CPU for each of `count`.
pub(crate) fn cpu_per_item(count: usize, work: impl FnOnce()) -> f64 {
    let before = micros(ClockId::ProcessCPUTime);
    work();
    (micros(ClockId::ProcessCPUTime) - before) / count as f64
}

/// How many of `count` a second.
pub(crate) fn rate(count: usize, work: impl FnOnce()) -> f64 {
    let before = micros(ClockId::Monotonic);
    work();
    count as f64 * 1e6 / (micros(ClockId::Monotonic) - before)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs both by turns, after a round that does not count: the median of the rounds' ratios.
pub(crate) fn ratio(
    name: &str,
    unit: &str,
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> f64 {
    let _ = (ours(), theirs());
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..rounds {
        // By turns also within the pair: whoever comes second finds warmer caches.
        if round % 2 == 0 {
            let first = ours();
            pairs.push((first, theirs()));
        } else {
            let first = theirs();
            pairs.push((ours(), first));
        }
    }
    let ratio = median(pairs.iter().map(|(a, b)| a / b).collect());
    let (a, b) = (median(pairs.iter().map(|p| p.0).collect()), median(pairs.iter().map(|p| p.1).collect()));
    println!("{name}: tidings {a:.1}, the other {b:.1} {unit}; median of {rounds} paired ratios {ratio:.3}");
    ratio
}

/// One thread, so that CPU time is not spent on stealing work.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}
