//! Time: [`Timestamp`] is the only public one, [`Clock`] the only source.

use std::{fmt, ops::Add, str::FromStr, sync::OnceLock, time::Duration};

use async_trait::async_trait;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, Result};

/// A moment in UTC, in microseconds since 1970.
///
/// Written and read as RFC 3339: `2026-11-20T21:07:00Z`.
///
/// ```
/// use tidings::Timestamp;
///
/// let at: Timestamp = "2026-11-20T21:07:00Z".parse()?;
/// assert_eq!(at.as_micros(), 1_795_208_820_000_000);
/// assert_eq!(at.to_string(), "2026-11-20T21:07:00Z");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From microseconds since 1970-01-01T00:00:00Z.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// From whole seconds since 1970-01-01T00:00:00Z.
    pub const fn from_secs(secs: i64) -> Self {
        Self(secs.saturating_mul(1_000_000))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since 1970-01-01T00:00:00Z, rounded down.
    pub const fn as_secs(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Reads an HTTP date (RFC 9110 section 5.6.7, all three forms).
    pub fn from_http_date(text: &str) -> Option<Self> {
        let at = httpdate::parse_http_date(text.trim()).ok()?;
        Some(Self::from(at))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_micros()).unwrap_or(i64::MAX)))
    }
}

impl From<std::time::SystemTime> for Timestamp {
    fn from(at: std::time::SystemTime) -> Self {
        match at.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self(i64::try_from(after.as_micros()).unwrap_or(i64::MAX)),
            Err(before) => Self(-i64::try_from(before.duration().as_micros()).unwrap_or(i64::MAX)),
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(at) => at.fmt(f),
            Err(_) => write!(f, "{}us", self.0),
        }
    }
}

impl FromStr for Timestamp {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let at: jiff::Timestamp = text
            .parse()
            .map_err(|_| Error::invalid("timestamp", "expected RFC 3339, such as 2026-11-20T21:07:00Z"))?;
        Ok(Self(at.as_microsecond()))
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A moment on a clock that never goes back; only differences mean anything.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// This long after the clock's own start.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// How long after `earlier` this is; zero if it is not.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Monotonic {
    type Output = Self;

    fn add(self, by: Duration) -> Self {
        Self(self.0.saturating_add(by))
    }
}

/// Where the crate gets its time from.
///
/// # Contract
/// - `monotonic` never goes back; `now` may jump.
/// - `sleep_until` ends at or after its moment, at once if that has passed,
///   and may be dropped at any time.
#[async_trait]
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// The wall clock.
    fn now(&self) -> Timestamp;
    /// The monotonic clock.
    fn monotonic(&self) -> Monotonic;
    /// Waits until the monotonic clock reaches `at`.
    async fn sleep_until(&self, at: Monotonic);
}

/// The machine's clocks, sleeping on tokio's timer.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

// The only readings of the machine's clocks in the crate.
#[allow(clippy::disallowed_methods)]
mod machine {
    pub(super) fn wall() -> std::time::SystemTime {
        std::time::SystemTime::now()
    }

    pub(super) fn instant() -> std::time::Instant {
        std::time::Instant::now()
    }
}

fn start() -> std::time::Instant {
    static START: OnceLock<std::time::Instant> = OnceLock::new();
    *START.get_or_init(machine::instant)
}

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        machine::wall().into()
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic(machine::instant().saturating_duration_since(start()))
    }

    async fn sleep_until(&self, at: Monotonic) {
        match start().checked_add(at.0) {
            Some(instant) => tokio::time::sleep_until(instant.into()).await,
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_read_in_all_three_forms() {
        let expected = Timestamp::from_secs(784_111_777);
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(Timestamp::from_http_date(text), Some(expected), "{text}");
        }
        assert_eq!(Timestamp::from_http_date("tomorrow"), None);
    }

    #[test]
    fn differences_never_go_below_zero() {
        let (early, late) = (Timestamp::from_secs(1), Timestamp::from_secs(3));
        assert_eq!(late.since(early), Duration::from_secs(2));
        assert_eq!(early.since(late), Duration::ZERO);
        assert!(Timestamp::from_micros(i64::MAX).since(Timestamp::from_micros(i64::MIN)).as_secs() > 0);
    }

    #[test]
    fn extremes_print_without_panic() {
        for micros in [i64::MIN, -1, 0, i64::MAX] {
            assert!(!Timestamp::from_micros(micros).to_string().is_empty());
        }
    }
}
