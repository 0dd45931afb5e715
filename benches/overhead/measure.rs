//! CPU time, paired rounds, medians.

use rustix::time::{ClockId, clock_gettime};

/// CPU time of this process so far, in microseconds.
pub(crate) fn cpu_micros() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 * 1e6 + now.tv_nsec as f64 / 1e3
}

/// CPU time that `work` takes, per each of `count`.
pub(crate) fn per_item(count: usize, work: impl FnOnce()) -> f64 {
    let before = cpu_micros();
    work();
    (cpu_micros() - before) / count as f64
}

pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Runs both by turns, after a round that does not count; the median of the
/// rounds' ratios of `ours` over `theirs`, printed with both medians.
pub(crate) fn ratio(
    name: &str,
    rounds: usize,
    mut ours: impl FnMut() -> f64,
    mut theirs: impl FnMut() -> f64,
) -> f64 {
    let (_, _) = (ours(), theirs());
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
    println!(
        "{name}: tidings {a:.2} us, by hand {b:.2} us CPU a message; median of {rounds} paired ratios {ratio:.3}"
    );
    ratio
}

/// One thread, so that CPU time is not spent on stealing work.
pub(crate) fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime")
}

/// `count` runs of `one`, `width` of them at a time.
pub(crate) async fn side_by_side<F, Fut>(count: usize, width: usize, one: F)
where
    F: Fn(usize) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = ()> + Send,
{
    let lanes: Vec<_> = (0..width)
        .map(|lane| {
            let one = one.clone();
            tokio::spawn(async move {
                for index in (lane..count).step_by(width) {
                    one(index).await;
                }
            })
        })
        .collect();
    for lane in lanes {
        lane.await.expect("a lane without panic");
    }
}
