//! Wall time, paired rounds, medians.

use rustix::time::{ClockId, clock_gettime};

/// Seconds since some moment, by a clock that never jumps.
pub(crate) fn now() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// How many seconds `work` takes.
pub(crate) async fn seconds(work: impl Future<Output = ()>) -> f64 {
    let before = now();
    work.await;
    now() - before
}

pub(crate) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    percentile(values, 50)
}

/// The smallest value that `percent` of all do not exceed.
pub(crate) fn percentile(values: impl IntoIterator<Item = f64>, percent: usize) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let rank = (values.len() * percent).div_ceil(100);
    values[rank.saturating_sub(1)]
}

/// Runs both by turns, after a round that does not count. Each answers messages a second;
/// the median of the rounds' ratios of `ours` over `theirs` is printed with both medians.
pub(crate) async fn ratio(
    what: &str,
    rounds: usize,
    mut ours: impl AsyncFnMut() -> f64,
    (name, mut theirs): (&str, impl AsyncFnMut() -> f64),
) -> f64 {
    let (_, _) = (ours().await, theirs().await);
    let mut pairs = Vec::with_capacity(rounds);
    for round in 0..rounds {
        // By turns also within the pair: whoever comes second finds warmer caches.
        if round % 2 == 0 {
            let first = ours().await;
            pairs.push((first, theirs().await));
        } else {
            let first = theirs().await;
            pairs.push((ours().await, first));
        }
    }
    let ratio = median(pairs.iter().map(|(a, b)| a / b));
    let (a, b) = (median(pairs.iter().map(|p| p.0)), median(pairs.iter().map(|p| p.1)));
    let all: Vec<String> = pairs.iter().map(|(a, b)| format!("{:.3}", a / b)).collect();
    println!("{what}: tidings {a:.0}/s, {name} {b:.0}/s; median ratio {ratio:.3} of {}", all.join(" "));
    ratio
}

/// A number from the environment, for longer or shorter runs.
pub(crate) fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.replace('_', "").parse().ok()).unwrap_or(usual)
}
