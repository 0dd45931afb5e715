//! Turns at a limit for messages that wait elsewhere: each is told when to come back, and no two
//! are told the same moment unless the limit bears both.
//!
//! Pure: `(state, now) -> state`.

use std::{collections::HashMap, hash::Hash, time::Duration};

use crate::{time::Monotonic, window::Window};

/// Of so many turns one is left free, for who comes ahead of others or found a turn taken.
const SPARE: u32 = 16;

/// A limit's windows as they will be when all that were told a moment have come.
#[derive(Debug)]
struct Line {
    windows: Vec<Window>,
    last: Monotonic,
    told: u32,
}

/// The windows of limits by their keys, and the lines of those who wait for them.
#[derive(Debug)]
pub(super) struct Turns<K> {
    windows: HashMap<K, Vec<Window>>,
    /// Who never waited stands behind all who do.
    behind: HashMap<K, Line>,
    /// Who is urgent, or has waited.
    ahead: HashMap<K, Line>,
}

impl<K> Default for Turns<K> {
    fn default() -> Self {
        Self { windows: HashMap::new(), behind: HashMap::new(), ahead: HashMap::new() }
    }
}

impl<K: Clone + Eq + Hash> Turns<K> {
    /// Forgets idle keys if there are more than `most`.
    pub(super) fn tidy(&mut self, now: Monotonic, most: usize) {
        if self.windows.len() > most {
            self.windows.retain(|_, all| !all.iter_mut().all(|window| window.is_idle(now)));
            self.behind.retain(|_, line| line.last > now);
            self.ahead.retain(|_, line| line.last > now);
        }
    }

    /// Takes a place in every window for each of `keys`, or says how long to wait.
    pub(super) fn take(
        &mut self,
        keys: &HashMap<K, u32>,
        now: Monotonic,
        make: impl Fn(&K) -> Vec<Window>,
    ) -> Option<Duration> {
        let mut wait: Option<Duration> = None;
        for (key, count) in keys {
            let all = self.windows.entry(key.clone()).or_insert_with(|| make(key));
            wait = all.iter_mut().filter_map(|window| window.wait(now, *count)).chain(wait).max();
        }
        if wait.is_none() {
            for (key, count) in keys {
                let all = self.windows.get_mut(key).into_iter().flatten();
                all.for_each(|window| window.take(now, *count));
            }
        }
        wait
    }

    /// The same for a message that is told when to come back, and will.
    pub(super) fn take_or_tell(
        &mut self,
        keys: &HashMap<K, u32>,
        now: Monotonic,
        is_ahead: bool,
        make: impl Fn(&K) -> Vec<Window>,
    ) -> Option<Duration> {
        let is_waited_for = |key: &K| self.behind.get(key).is_some_and(|line| line.last > now);
        if is_ahead || !keys.keys().any(is_waited_for) {
            self.take(keys, now, make)?;
        }
        Some(self.tell(keys, now, is_ahead))
    }

    fn tell(&mut self, keys: &HashMap<K, u32>, now: Monotonic, is_ahead: bool) -> Duration {
        let Self { windows, behind, ahead } = self;
        let lines = if is_ahead { ahead } else { behind };
        let mut at = now;
        for key in keys.keys() {
            at = at.max(line(lines, windows, key, now).last);
        }
        // What waits for several keys finds a moment that suits all within a few steps.
        for _ in 0..keys.len() + 2 {
            let waits = keys.iter().filter_map(|(key, count)| lines.get_mut(key)?.wait(at, *count));
            let Some(wait) = waits.max() else { break };
            at = at + wait;
        }
        for (key, count) in keys {
            if let Some(line) = lines.get_mut(key) {
                line.take(at, *count, !is_ahead);
            }
        }
        at.since(now)
    }
}

/// The line of this key; a new one if all of the old have come.
fn line<'a, K: Clone + Eq + Hash>(
    lines: &'a mut HashMap<K, Line>,
    windows: &HashMap<K, Vec<Window>>,
    key: &K,
    now: Monotonic,
) -> &'a mut Line {
    let fresh = || Line { windows: windows.get(key).cloned().unwrap_or_default(), last: now, told: 0 };
    let line = lines.entry(key.clone()).or_insert_with(fresh);
    if line.last < now {
        *line = fresh();
    }
    line
}

impl Line {
    fn wait(&mut self, at: Monotonic, count: u32) -> Option<Duration> {
        self.windows.iter_mut().filter_map(|window| window.wait(at, count)).max()
    }

    fn take(&mut self, at: Monotonic, count: u32, spares: bool) {
        self.told = self.told.wrapping_add(1);
        let spare = u32::from(spares && self.told.is_multiple_of(SPARE));
        self.windows.iter_mut().for_each(|window| window.take(at, count.saturating_add(spare)));
        self.last = at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Sut = Turns<&'static str>;

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_millis(millis))
    }

    fn ten_a_second(_: &&'static str) -> Vec<Window> {
        vec![Window::new(10, Duration::from_secs(1))]
    }

    fn ask(turns: &mut Sut, now: u64, is_ahead: bool) -> Option<u64> {
        let wait = turns.take_or_tell(&HashMap::from([("k", 1)]), at(now), is_ahead, ten_a_second);
        wait.map(|wait| u64::try_from(wait.as_millis()).expect("short"))
    }

    /// Messages come when they are told to, with some delay; how often each had to ask.
    fn run(count: usize, late: impl Fn(usize) -> u64) -> (Vec<u32>, u64) {
        let mut turns = Sut::default();
        let mut coming: std::collections::BTreeSet<(u64, usize)> = (0..count).map(|n| (0, n)).collect();
        let mut asked = vec![0; count];
        let mut end = 0;
        while let Some((now, n)) = coming.pop_first() {
            asked[n] += 1;
            match ask(&mut turns, now, asked[n] > 1) {
                Some(wait) => assert!(coming.insert((now + wait + late(asked[n] as usize + n), n))),
                None => end = now,
            }
        }
        (asked, end)
    }

    #[test]
    fn a_backlog_is_spread_at_the_rate_and_each_asks_a_few_times() {
        let (asked, end) = run(5_000, |_| 0);
        assert!(asked.iter().sum::<u32>() < 11_000, "{} questions", asked.iter().sum::<u32>());
        assert!((495_000..560_000).contains(&end), "{end} ms for 500 s of work");
    }

    #[test]
    fn who_comes_late_costs_little() {
        let (asked, end) = run(5_000, |n| (n % 7) as u64 * 3);
        let most = asked.iter().max().expect("some");
        assert!(asked.iter().sum::<u32>() < 25_000 && *most < 60, "{} {most}", asked.iter().sum::<u32>());
        assert!(end < 600_000, "{end} ms for 500 s of work");
    }

    #[test]
    fn who_never_waited_stands_behind_who_does_and_the_urgent_do_not() {
        let mut turns = Sut::default();
        assert_eq!((0..10).filter_map(|_| ask(&mut turns, 0, false)).count(), 0);
        let waits: Vec<_> = (0..100).filter_map(|_| ask(&mut turns, 0, false)).collect();
        assert_eq!(waits.len(), 100);
        assert!(ask(&mut turns, 1_000, false).expect("behind") > 9_000);
        assert_eq!(ask(&mut turns, 1_000, true), None, "ahead");
    }

    #[test]
    fn keys_do_not_hinder_each_other_unless_a_message_has_both() {
        let mut turns = Sut::default();
        let mut both = |keys: &[&'static str]| {
            turns.take_or_tell(&keys.iter().map(|key| (*key, 1)).collect(), at(0), false, ten_a_second)
        };
        for _ in 0..30 {
            let _ = both(&["a"]);
        }
        assert_eq!(both(&["b"]), None);
        assert!(both(&["a", "b"]).is_some_and(|wait| wait >= Duration::from_secs(2)));
    }
}
