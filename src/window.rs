//! Sliding windows: at most so many in any period of this length.
//!
//! Pure: `(state, now) -> state`. GCRA would need less memory, but lets
//! through up to twice the limit within one period (a burst, and what drips
//! in after it), and vendors count periods.

use std::{collections::VecDeque, time::Duration};

use crate::time::Monotonic;

/// Entries closer together than this part of the period are counted as one,
/// at the time of the later: memory stays bounded, and the limit is never exceeded.
const PARTS: u32 = 128;

/// How many were let through in the past period. The layer of rate limits and the stores count by it.
#[derive(Clone, Debug)]
pub(crate) struct Window {
    limit: u32,
    period: Duration,
    taken: u32,
    entries: VecDeque<Entry>,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    first: Monotonic,
    last: Monotonic,
    count: u32,
}

impl Window {
    pub(crate) fn new(limit: u32, period: Duration) -> Self {
        Self { limit, period, taken: 0, entries: VecDeque::new() }
    }

    /// The same places under another limit.
    pub(crate) fn limit_to(&mut self, limit: u32) {
        self.limit = limit;
    }

    /// How long until `count` more fit; `None` if they do now.
    /// More than the limit fit when the window is empty.
    pub(crate) fn wait(&mut self, now: Monotonic, count: u32) -> Option<Duration> {
        self.forget(now);
        let room = self.limit.saturating_sub(count.min(self.limit));
        let mut surplus = self.taken.saturating_sub(room);
        if surplus == 0 {
            return None;
        }
        for entry in &self.entries {
            surplus = surplus.saturating_sub(entry.count);
            if surplus == 0 {
                return Some((entry.last + self.period).since(now));
            }
        }
        None
    }

    /// Takes `count` places.
    pub(crate) fn take(&mut self, now: Monotonic, count: u32) {
        self.taken = self.taken.saturating_add(count);
        let grain = self.period / PARTS;
        match self.entries.back_mut().filter(|entry| now.since(entry.first) < grain) {
            Some(entry) => (entry.last, entry.count) = (now, entry.count.saturating_add(count)),
            None => self.entries.push_back(Entry { first: now, last: now, count }),
        }
    }

    /// True if nothing is remembered.
    pub(crate) fn is_idle(&mut self, now: Monotonic) -> bool {
        self.forget(now);
        self.taken == 0
    }

    /// What it holds, the oldest first: the first and the last time of each entry, and its count. For stores.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn entries(&self) -> impl Iterator<Item = (Monotonic, Monotonic, u32)> + '_ {
        self.entries.iter().map(|entry| (entry.first, entry.last, entry.count))
    }

    /// The same holding what another held.
    #[cfg(any(feature = "sqlite", feature = "postgres"))]
    pub(crate) fn with_entries(mut self, entries: impl Iterator<Item = (Monotonic, Monotonic, u32)>) -> Self {
        self.entries = entries.map(|(first, last, count)| Entry { first, last, count }).collect();
        self.taken = self.entries.iter().fold(0, |taken, entry| taken.saturating_add(entry.count));
        self
    }

    fn forget(&mut self, now: Monotonic) {
        while let Some(entry) = self.entries.front().filter(|entry| now.since(entry.last) >= self.period) {
            self.taken = self.taken.saturating_sub(entry.count);
            self.entries.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_millis(millis))
    }

    #[test]
    fn the_sixty_first_waits_a_minute() {
        let mut window = Window::new(60, Duration::from_secs(60));
        for _ in 0..60 {
            assert_eq!(window.wait(at(5), 1), None);
            window.take(at(5), 1);
        }
        assert_eq!(window.wait(at(5), 1), Some(Duration::from_secs(60)));
        assert_eq!(window.wait(at(60_004), 1), Some(Duration::from_millis(1)));
        assert_eq!(window.wait(at(60_005), 1), None);
    }

    #[test]
    fn no_period_ever_holds_more_than_the_limit_and_memory_is_bounded() {
        let mut random = fastrand::Rng::with_seed(3);
        let (limit, period) = (50, 10_000);
        let mut window = Window::new(limit, Duration::from_millis(period));
        let mut taken: Vec<u64> = Vec::new();
        let mut now = 0;
        while taken.len() < 5_000 {
            now += random.u64(0..120);
            if window.wait(at(now), 1).is_none() {
                window.take(at(now), 1);
                taken.push(now);
            }
            assert!(window.entries.len() <= PARTS as usize + 2);
        }
        for (index, start) in taken.iter().enumerate() {
            let within = taken[index..].iter().take_while(|t| **t < start + period).count();
            assert!(within <= limit as usize, "{within} from {start}");
        }
    }

    #[test]
    fn a_batch_larger_than_the_limit_goes_when_the_window_is_empty() {
        let mut window = Window::new(5, Duration::from_secs(1));
        assert_eq!(window.wait(at(0), 9), None);
        window.take(at(0), 9);
        assert_eq!(window.wait(at(0), 1), Some(Duration::from_secs(1)));
    }
}
