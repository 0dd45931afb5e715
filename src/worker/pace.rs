//! How much of one channel a worker has under way: much while its vendors work, a probe a second
//! while they do not.
//!
//! Pure: `(state, how an attempt ended, now) -> state`.

use std::time::Duration;

use crate::time::Monotonic;

/// How often an outage is probed, and how often a vendor that asks for less is given less.
const PROBE: Duration = Duration::from_secs(1);
/// The longest that a vendor's own wish keeps us from probing.
const PROBE_AT_MOST: Duration = Duration::from_secs(60);
/// So many failures in a row are never chance: a channel with one vendor of two down goes on.
const STREAK: usize = 16;

/// What the end of an attempt says about the channel's vendors.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Signal {
    /// They work.
    Clean,
    /// Out of order, perhaps for this long.
    Down(Duration),
    /// Nothing: our own limits and configuration.
    Silent,
    /// They count our calls and want fewer.
    Throttled(Duration),
}

/// The state of one channel.
#[derive(Clone, Debug)]
pub(super) struct Pace {
    most: usize,
    width: usize,
    /// Grows by one a round instead of doubling, after the vendor wanted fewer.
    careful: bool,
    clean: usize,
    streak: usize,
    /// Set while the channel is taken to be down: when the next probe may go.
    probe: Option<Monotonic>,
    next_cut: Monotonic,
}

impl Pace {
    /// A channel whose vendors work, with at most `most` attempts at once.
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        let next_cut = Monotonic::default();
        Self { most, width: most, careful: false, clean: 0, streak: 0, probe: None, next_cut }
    }

    /// How many attempts may be under way at once.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// When the next probe may go, if the channel is taken to be down.
    pub(super) fn probe_at(&self) -> Option<Monotonic> {
        self.probe
    }

    /// Takes in how an attempt ended.
    pub(super) fn note(&mut self, signal: Signal, now: Monotonic) {
        match signal {
            Signal::Clean => self.grow(),
            Signal::Down(wait) => self.fail(wait, now),
            Signal::Silent => {}
            Signal::Throttled(wait) => {
                self.cut(now);
                self.fail(wait, now);
            }
        }
    }

    /// A probe was sent: the next one may go later.
    pub(super) fn probed(&mut self, now: Monotonic) {
        self.probe = self.probe.map(|_| now + PROBE);
    }

    fn grow(&mut self) {
        (self.streak, self.probe) = (0, None);
        self.clean += 1;
        if !self.careful {
            self.width = self.width.saturating_mul(2);
        } else if self.clean >= self.width {
            (self.width, self.clean) = (self.width + 1, 0);
        }
        if self.width >= self.most {
            (self.width, self.careful) = (self.most, false);
        }
    }

    fn fail(&mut self, wait: Duration, now: Monotonic) {
        self.streak += 1;
        if self.probe.is_some() || self.streak >= self.width.max(STREAK) {
            self.width = 1;
            self.probe = Some(now + wait.clamp(PROBE, PROBE_AT_MOST));
        }
    }

    /// Half as many, but only once a second: all that are under way hear the same refusal.
    fn cut(&mut self, now: Monotonic) {
        if now >= self.next_cut {
            (self.width, self.clean) = ((self.width / 2).max(1), 0);
            (self.careful, self.next_cut) = (true, now + PROBE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOWN: Signal = Signal::Down(Duration::ZERO);

    fn at(millis: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_millis(millis))
    }

    fn down(most: usize) -> Pace {
        let mut pace = Pace::new(most);
        (0..most.max(STREAK)).for_each(|_| pace.note(DOWN, at(0)));
        pace
    }

    #[test]
    fn an_outage_is_probed_once_a_second() {
        let mut pace = down(100);
        assert_eq!((pace.width(), pace.probe_at()), (1, Some(at(1_000))));
        pace.probed(at(1_200));
        assert_eq!(pace.probe_at(), Some(at(2_200)));
        pace.note(DOWN, at(1_900));
        assert_eq!((pace.width(), pace.probe_at()), (1, Some(at(2_900))));
        pace.note(Signal::Down(Duration::from_secs(3_600)), at(3_000));
        assert_eq!(pace.probe_at(), Some(at(63_000)), "a vendor's wish, within reason");
    }

    #[test]
    fn it_doubles_when_the_vendor_returns() {
        let mut pace = down(100);
        let mut widths = Vec::new();
        for _ in 0..8 {
            pace.note(Signal::Clean, at(5_000));
            widths.push(pace.width());
        }
        assert_eq!(widths, [2, 4, 8, 16, 32, 64, 100, 100]);
        assert_eq!(pace.probe_at(), None);
    }

    #[test]
    fn one_vendor_of_two_does_not_stop_the_other() {
        let mut pace = Pace::new(100);
        let mut random = fastrand::Rng::with_seed(1);
        for step in 0..100_000_u64 {
            pace.note(if random.f64() < 0.5 { DOWN } else { Signal::Clean }, at(step));
            assert_eq!(pace.width(), 100, "at {step}");
        }
    }

    #[test]
    fn what_says_nothing_changes_nothing() {
        let mut pace = down(10);
        let before = (pace.width(), pace.probe_at());
        pace.note(Signal::Silent, at(9_000));
        assert_eq!((pace.width(), pace.probe_at()), before);
    }

    #[test]
    fn who_wants_fewer_calls_gets_them() {
        // A vendor that takes 10 of every hundred milliseconds' calls.
        let mut pace = Pace::new(64);
        let (mut calls, mut refused) = (0, 0);
        for round in 0..600_u64 {
            let width = pace.width();
            for call in 0..width {
                let throttled = call >= 10;
                calls += 1;
                refused += usize::from(throttled);
                let signal = if throttled { Signal::Throttled(Duration::ZERO) } else { Signal::Clean };
                pace.note(signal, at(round * 100));
            }
        }
        assert!(refused * 4 < calls, "{refused} of {calls} calls were refused");
        assert!(calls > 600 * 5, "{calls} calls: it need not creep");
    }
}
