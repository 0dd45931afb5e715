//! When a message that was not sent is tried again.

use std::time::Duration;

/// The longest that a message waits whose vendor is down: when it returns, nobody waits for long.
const EXCUSED_AT_MOST: Duration = Duration::from_secs(60);

/// How often and after which delays a queued message is tried again.
///
/// Delays double from `min_delay` to `max_delay`, with full jitter: each is drawn between zero and
/// its bound. A vendor's `Retry-After` is obeyed. Attempts that were nobody's fault but the
/// vendor's (it is down, its limit is spent) do not count; `max_age` ends them too.
///
/// ```
/// use tidings::worker::RetryPlan;
/// use std::time::Duration;
///
/// let plan = RetryPlan::default().attempts(5).max_age(Duration::from_secs(3_600));
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct RetryPlan {
    attempts: u32,
    min_delay: Duration,
    max_delay: Duration,
    max_age: Duration,
}

impl Default for RetryPlan {
    /// 12 attempts, delays of up to 1 second, 2, 4, and so on to an hour, all within a day.
    fn default() -> Self {
        Self {
            attempts: 12,
            min_delay: Duration::from_secs(1),
            max_delay: Duration::from_secs(3_600),
            max_age: Duration::from_secs(24 * 3_600),
        }
    }
}

impl RetryPlan {
    /// One attempt and no more.
    pub fn once() -> Self {
        Self::default().attempts(1)
    }

    /// How many attempts count before the message is dead; at least one.
    #[must_use]
    pub const fn attempts(mut self, attempts: u32) -> Self {
        self.attempts = if attempts == 0 { 1 } else { attempts };
        self
    }

    /// The bound of the first delay.
    #[must_use]
    pub const fn min_delay(mut self, delay: Duration) -> Self {
        self.min_delay = delay;
        self
    }

    /// The longest delay of our choice.
    #[must_use]
    pub const fn max_delay(mut self, delay: Duration) -> Self {
        self.max_delay = delay;
        self
    }

    /// No attempt is planned for later than this after the message was first due.
    #[must_use]
    pub const fn max_age(mut self, age: Duration) -> Self {
        self.max_age = age;
        self
    }

    /// True if no attempt is left after this many.
    pub(super) const fn is_spent(&self, counted: u32) -> bool {
        counted >= self.attempts
    }

    /// True if a message of this age is too old for another attempt.
    pub(super) fn is_too_old(&self, age: Duration) -> bool {
        age > self.max_age
    }

    /// The bound of the delay after this many attempts.
    pub(super) fn bound(&self, attempts: u32) -> Duration {
        let doublings = attempts.saturating_sub(1).min(31);
        self.min_delay.saturating_mul(1 << doublings).min(self.max_delay)
    }

    /// The same for attempts that do not count.
    pub(super) fn excused_bound(&self, attempts: u32) -> Duration {
        self.bound(attempts).min(EXCUSED_AT_MOST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_double_up_to_an_hour() {
        let plan = RetryPlan::default();
        let secs: Vec<u64> = (1..=13).map(|attempts| plan.bound(attempts).as_secs()).collect();
        assert_eq!(secs, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 2_048, 3_600]);
        assert_eq!(plan.excused_bound(13), Duration::from_secs(60));
        assert_eq!(plan.bound(u32::MAX), Duration::from_secs(3_600));
        assert_eq!(plan.min_delay(Duration::MAX).bound(40), Duration::from_secs(3_600));
    }

    #[test]
    fn twelve_attempts_are_all() {
        assert!(!RetryPlan::default().is_spent(11) && RetryPlan::default().is_spent(12));
        assert!(RetryPlan::default().attempts(0).is_spent(1), "there is always a first attempt");
    }
}
