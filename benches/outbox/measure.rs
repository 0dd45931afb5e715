//! Wall time, CPU time, paired rounds, medians.

use rustix::time::{ClockId, clock_gettime};

/// Seconds since some moment, by a clock that never jumps.
pub(crate) fn now() -> f64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as f64 + now.tv_nsec as f64 / 1e9
}

/// How fast some messages went, and what each cost.
#[derive(Clone, Copy)]
pub(crate) struct Sample {
    /// Messages a second.
    pub(crate) rate: f64,
    /// Microseconds of CPU a message in this process.
    cpu: f64,
    /// The same in the server's processes, if it is on this machine.
    served: f64,
}

/// Measures work; of a server on this machine the process that started all others is known.
#[derive(Clone, Copy, Default)]
pub(crate) struct Meter {
    pub(crate) server: Option<i32>,
}

impl Meter {
    /// Does work on `count` messages.
    pub(crate) async fn run(self, count: usize, work: impl Future<Output = ()>) -> Sample {
        let (before, cpu, served) = (now(), cpu_seconds("self"), self.served());
        work.await;
        let a_message = |seconds: f64| seconds * 1e6 / count as f64;
        let rate = count as f64 / (now() - before);
        Sample { rate, cpu: a_message(cpu_seconds("self") - cpu), served: a_message(self.served() - served) }
    }

    /// CPU time of the server's processes so far.
    pub(crate) fn served(self) -> f64 {
        let Some(server) = self.server else { return 0.0 };
        let children = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
        children.unwrap_or_default().split_whitespace().map(cpu_seconds).sum()
    }
}

/// CPU time of all threads of a process so far.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let nanos = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanos.sum::<f64>() / 1e9
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

/// Runs both by turns, after a round that does not count. The median of the rounds' ratios of
/// `ours` over `theirs` in messages a second, printed with the medians of both.
pub(crate) async fn ratio(
    what: &str,
    rounds: usize,
    mut ours: impl AsyncFnMut() -> Sample,
    (name, mut theirs): (&str, impl AsyncFnMut() -> Sample),
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
    let ratios: Vec<f64> = pairs.iter().map(|(ours, theirs)| ours.rate / theirs.rate).collect();
    let ratio = median(ratios.iter().copied());
    println!("{what}: {ratio:.3} is the median of {ratios:.3?}");
    say("tidings", pairs.iter().map(|pair| &pair.0));
    say(name, pairs.iter().map(|pair| &pair.1));
    ratio
}

fn say<'a>(name: &str, samples: impl Iterator<Item = &'a Sample> + Clone) {
    let of = |part: fn(&Sample) -> f64| median(samples.clone().map(part));
    let (rate, cpu, served) = (of(|s| s.rate), of(|s| s.cpu), of(|s| s.served));
    println!("  {name}: {rate:.0}/s; CPU a message {cpu:.1} us here, {served:.1} us in the server");
}

/// A number from the environment, for longer or shorter runs.
pub(crate) fn size(variable: &str, usual: usize) -> usize {
    std::env::var(variable).ok().and_then(|text| text.replace('_', "").parse().ok()).unwrap_or(usual)
}
