//! How long to leave a store alone that fails.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(20);
/// Short: a database that was restarted should not wait for us.
const MOST: Duration = Duration::from_secs(1);

/// Delays that double up to a second, the upper half of each drawn by chance.
#[derive(Debug, Default)]
pub(super) struct Backoff {
    failures: u32,
}

impl Backoff {
    /// The delay after one more failure.
    pub(super) fn next(&mut self) -> Duration {
        let bound = FIRST.saturating_mul(1 << self.failures.min(10)).min(MOST);
        self.failures = self.failures.saturating_add(1);
        bound.mul_f64(0.5 + fastrand::f64() / 2.0)
    }

    /// It works again.
    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_second_and_begin_anew() {
        let mut backoff = Backoff::default();
        let delays: Vec<Duration> = (0..40).map(|_| backoff.next()).collect();
        assert!(delays[0] <= FIRST && delays[0] >= FIRST / 2);
        assert!(delays[10..].iter().all(|delay| *delay >= MOST / 2 && *delay <= MOST));
        backoff.reset();
        assert!(backoff.next() <= FIRST);
    }
}
