//! Identities: messages, deliveries, tenants.

use std::{
    cell::RefCell,
    fmt,
    hash::{Hash, Hasher},
    str::FromStr,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use uuid::Uuid;

use crate::{
    error::{Error, Result},
    time::Timestamp,
};

/// Identifies one message: a UUIDv7 (RFC 9562), so ids sort by time.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MessageId(Uuid);

impl MessageId {
    /// A new id for a message made `now`.
    pub fn new(now: Timestamp) -> Self {
        let micros = u64::try_from(now.as_micros()).unwrap_or(0);
        let mut tail = random_tail();
        // Where twelve random bits would stand, the part of the millisecond (RFC 9562
        // section 6.2, method 3): ids of one millisecond sort by time as well.
        let part = (micros % 1_000 * 4_096 / 1_000) as u16;
        tail[..2].copy_from_slice(&part.to_be_bytes());
        Self(uuid::Builder::from_unix_timestamp_millis(micros / 1_000, &tail).into_uuid())
    }

    /// From a UUID, as read from a database.
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// Its text, made in one allocation.
    pub(crate) fn to_shared(self) -> Arc<str> {
        let mut buffer = uuid::Uuid::encode_buffer();
        Arc::from(&*self.0.hyphenated().encode_lower(&mut buffer))
    }

    /// When it was made, by the clock of whom it was made by; the beginning of time if it is no UUIDv7.
    pub fn made_at(&self) -> Timestamp {
        let Some(at) = self.0.get_timestamp() else { return Timestamp::default() };
        let (secs, nanos) = at.to_unix();
        Timestamp::from_secs(i64::try_from(secs).unwrap_or(i64::MAX)) + Duration::from_nanos(nanos.into())
    }

    /// The UUID.
    pub const fn as_uuid(&self) -> Uuid {
        self.0
    }
}

/// Makes ids that sort in the order in which they were asked for, also within a microsecond
/// and when the clock is set back (RFC 9562 section 6.2).
#[derive(Debug, Default)]
pub(crate) struct MessageIds(AtomicI64);

impl MessageIds {
    /// The next id, of `now` or a little later.
    pub(crate) fn next(&self, now: Timestamp) -> MessageId {
        let now = now.as_micros();
        let after = |last: i64| Some(now.max(last.saturating_add(1)));
        let last = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, after).unwrap_or(now);
        MessageId::new(Timestamp::from_micros(now.max(last.saturating_add(1))))
    }
}

/// Ten bytes from the operating system, drawn for 64 ids at a time: one system
/// call an id would be a tenth of what a whole send costs.
fn random_tail() -> [u8; 10] {
    const IDS: usize = 64;
    struct Pool {
        bytes: [[u8; 10]; IDS],
        used: usize,
    }
    thread_local! {
        static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [[0; 10]; IDS], used: IDS }) };
    }
    POOL.with_borrow_mut(|pool| {
        if pool.used == IDS {
            // A system without randomness still has a weaker source that never fails.
            if getrandom::fill(pool.bytes.as_flattened_mut()).is_err() {
                fastrand::fill(pool.bytes.as_flattened_mut());
            }
            pool.used = 0;
        }
        pool.used += 1;
        pool.bytes[pool.used - 1]
    })
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MessageId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Uuid::try_parse(text)
            .map(Self)
            .map_err(|_| Error::invalid("message id", "expected a UUID, such as 0199f5a8-…"))
    }
}

/// Identifies one delivery: a message and the index of one of its recipients.
///
/// Recipients are counted from zero, `to` first, then `cc`, then `bcc`.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd, Serialize, Deserialize)]
pub struct DeliveryId {
    /// The message.
    pub message: MessageId,
    /// The recipient's index in it.
    pub recipient: u32,
}

impl fmt::Display for DeliveryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.message, self.recipient)
    }
}

/// On whose behalf something is done; part of every key.
///
/// Up to 128 characters, none of them control characters. Applications with one tenant never
/// see it: theirs is [`TenantId::DEFAULT`].
#[derive(Clone)]
pub struct TenantId(Repr);

#[derive(Clone)]
enum Repr {
    Default,
    Named(Arc<str>),
}

impl TenantId {
    /// The tenant of applications that have only one.
    pub const DEFAULT: Self = Self(Repr::Default);

    /// The tenant as text; that of the default one is `default`.
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Default => "default",
            Repr::Named(name) => name,
        }
    }
}

impl FromStr for TenantId {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        if name == Self::DEFAULT.as_str() {
            return Ok(Self::DEFAULT);
        }
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
            let why = "a tenant id has 1 to 128 characters and no control characters";
            return Err(Error::invalid("tenant", why));
        }
        Ok(Self(Repr::Named(name.into())))
    }
}

impl TryFrom<&str> for TenantId {
    type Error = Error;

    fn try_from(name: &str) -> Result<Self> {
        name.parse()
    }
}

impl TryFrom<String> for TenantId {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl TryFrom<&TenantId> for TenantId {
    type Error = Error;

    fn try_from(tenant: &TenantId) -> Result<Self> {
        Ok(tenant.clone())
    }
}

impl Default for TenantId {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl PartialEq for TenantId {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for TenantId {}

impl PartialOrd for TenantId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for TenantId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for TenantId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TenantId({:?})", self.as_str())
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for TenantId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for TenantId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The SHA-256 of some content.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    /// That of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(hmac_sha256::Hash::hash(bytes))
    }
}

impl FromStr for Fingerprint {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || Error::invalid("fingerprint", "expected 64 hexadecimal digits");
        let mut bytes = [0; 32];
        if text.len() != 64 || !text.is_ascii() {
            return Err(wrong());
        }
        for (byte, at) in bytes.iter_mut().zip((0..64).step_by(2)) {
            *byte = u8::from_str_radix(&text[at..at + 2], 16).map_err(|_| wrong())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for Fingerprint {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Fingerprint {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_are_distinct_and_sort_by_time() {
        let ids: HashSet<_> = (0..10_000).map(|_| MessageId::new(Timestamp::from_secs(5))).collect();
        assert_eq!(ids.len(), 10_000);
        let later = MessageId::new(Timestamp::from_micros(5_000_001));
        assert!(ids.iter().all(|id| *id < later));
        assert_eq!(later.as_uuid().get_version_num(), 7);
        assert_eq!(later.made_at(), Timestamp::from_secs(5), "to the millisecond");
        assert_eq!(MessageId::from_uuid(Uuid::nil()).made_at(), Timestamp::default());
    }

    #[test]
    fn ids_of_one_maker_sort_in_the_order_they_were_asked_for() {
        let ids = MessageIds::default();
        let asked: Vec<_> = [5, 5, 5, 4, 9, 5].map(|at| ids.next(Timestamp::from_micros(at))).into();
        assert!(asked.is_sorted(), "{asked:?}");
    }

    #[test]
    fn a_tenant_named_default_is_the_default_one() {
        assert_eq!("default".parse::<TenantId>().expect("valid"), TenantId::DEFAULT);
        assert!("".parse::<TenantId>().is_err());
        assert!("a\nb".parse::<TenantId>().is_err());
    }
}
