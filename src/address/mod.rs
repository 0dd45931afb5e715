//! Parsed addresses: to construct one is to validate it.

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::error::{Error, ErrorKind, Result};

mod email;
mod subscription;
mod text;
mod url;

pub use email::{EmailAddress, Mailbox};
pub use subscription::WebSubscription;
pub(crate) use text::{header_safe, is_hostile};
pub use url::WebUrl;
pub(crate) use url::shown_url;

/// Implements what all parsed texts share: Display, redacted Debug, conversions, serde.
macro_rules! parsed_text {
    ($name:ident, shown: $shown:expr) => {
        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// The text, shared and not copied.
            #[allow(dead_code, reason = "not every parsed text is ever recorded")]
            pub(crate) fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                let shown: fn(&str) -> String = $shown;
                write!(f, concat!(stringify!($name), "({})"), shown(&self.0))
            }
        }

        impl TryFrom<&str> for $name {
            type Error = Error;

            fn try_from(text: &str) -> Result<Self> {
                text.parse()
            }
        }

        impl TryFrom<String> for $name {
            type Error = Error;

            fn try_from(text: String) -> Result<Self> {
                text.parse()
            }
        }

        impl TryFrom<&$name> for $name {
            type Error = Error;

            fn try_from(value: &$name) -> Result<Self> {
                Ok(value.clone())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
            }
        }
    };
}

pub(crate) use parsed_text;

fn invalid(what: &'static str, why: impl fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidRecipient, format!("not a valid {what}: {why}"))
}

/// Keeps the first and the last two characters: enough to tell two apart in a
/// log, too little to reach anyone.
pub(crate) fn masked(text: &str) -> String {
    let count = text.chars().count();
    let keep = if count > 8 { 2 } else { 0 };
    let head = text.chars().take(keep);
    let tail = text.chars().skip(count - keep);
    head.chain("…".chars()).chain(tail).collect()
}

/// A telephone number in E.164 form, such as `+4915112345678`.
///
/// Visual separators (spaces, hyphens, dots, parentheses; RFC 3966 section 5.1.1)
/// are accepted and dropped. The country code is required.
///
/// ```
/// use tidings::PhoneNumber;
///
/// let number: PhoneNumber = "+49 (151) 123-456 78".parse()?;
/// assert_eq!(number.as_str(), "+4915112345678");
/// assert!("0151 12345678".parse::<PhoneNumber>().is_err());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PhoneNumber(Arc<str>);

parsed_text!(PhoneNumber, shown: masked);

impl PhoneNumber {
    /// Stands in for a number that a builder has not been given yet.
    pub(crate) fn placeholder() -> Self {
        Self("+".into())
    }
}

impl FromStr for PhoneNumber {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why| Err(invalid("phone number", why));
        let Some(rest) = text.trim().strip_prefix('+') else {
            return wrong("it must start with + and the country code, such as +4915112345678");
        };
        let mut digits = String::with_capacity(16);
        digits.push('+');
        for c in rest.chars() {
            match c {
                '0'..='9' => digits.push(c),
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return wrong("only digits and the separators space - . ( ) may follow the +"),
            }
        }
        // E.164: at most 15 digits; the shortest international numbers in use have 7.
        match digits.len() - 1 {
            7..=15 if !digits.starts_with("+0") => Ok(Self(digits.into())),
            7..=15 => wrong("a country code never starts with 0"),
            _ => wrong("E.164 numbers have 7 to 15 digits"),
        }
    }
}

/// Who an SMS comes from: a number, a short code, or an alphanumeric sender id.
///
/// Alphanumeric ids have up to 11 characters of `A-Z a-z 0-9`, space and `& . _ - +`, at
/// least one of them a letter; short codes have 3 to 8 digits.
///
/// ```
/// use tidings::SmsSender;
///
/// assert!(matches!("+15005550006".parse()?, SmsSender::Number(_)));
/// assert!(matches!("Bookshop".parse()?, SmsSender::Alphanumeric(_)));
/// assert!("A far too long name".parse::<SmsSender>().is_err());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SmsSender {
    /// A name that the recipient sees and cannot answer.
    Alphanumeric(SenderName),
    /// A number in E.164 form.
    Number(PhoneNumber),
    /// A short code of the recipient's country.
    ShortCode(ShortCode),
}

/// An alphanumeric sender id; see [`SmsSender`].
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SenderName(Arc<str>);

parsed_text!(SenderName, shown: str::to_owned);

impl FromStr for SenderName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fits = (1..=11).contains(&text.len())
            && text.chars().all(|c| c.is_ascii_alphanumeric() || " &._-+".contains(c))
            && text.chars().any(|c| c.is_ascii_alphabetic());
        let why = "1 to 11 characters of A-Z a-z 0-9, space, & . _ - +, one a letter";
        if fits { Ok(Self(text.into())) } else { Err(invalid("alphanumeric sender", why)) }
    }
}

/// A short code of 3 to 8 digits; see [`SmsSender`].
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ShortCode(Arc<str>);

parsed_text!(ShortCode, shown: str::to_owned);

impl FromStr for ShortCode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fits = (3..=8).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        if fits { Ok(Self(text.into())) } else { Err(invalid("short code", "3 to 8 digits")) }
    }
}

impl SmsSender {
    /// The sender as vendors take it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Alphanumeric(name) => name.as_str(),
            Self::Number(number) => number.as_str(),
            Self::ShortCode(code) => code.as_str(),
        }
    }
}

impl fmt::Display for SmsSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for SmsSender {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.starts_with('+') {
            return text.parse().map(Self::Number);
        }
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
            return text.parse().map(Self::ShortCode);
        }
        text.parse().map(Self::Alphanumeric)
    }
}

impl TryFrom<&str> for SmsSender {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<String> for SmsSender {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<PhoneNumber> for SmsSender {
    fn from(number: PhoneNumber) -> Self {
        Self::Number(number)
    }
}

impl Serialize for SmsSender {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for SmsSender {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// A device's push token (FCM registration token, APNs device token): 1 to
/// 4,096 visible ASCII characters. It is a secret of the device: Debug masks it.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct DeviceToken(Arc<str>);

parsed_text!(DeviceToken, shown: masked);

impl FromStr for DeviceToken {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fits = (1..=4_096).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
        let why = "1 to 4096 visible ASCII characters, no spaces";
        if fits { Ok(Self(text.into())) } else { Err(invalid("device token", why)) }
    }
}

/// A push topic's name: up to 900 characters of `A-Z a-z 0-9 - _ . ~ %`, the
/// form that FCM documents for topics.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Topic(Arc<str>);

parsed_text!(Topic, shown: str::to_owned);

impl FromStr for Topic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.strip_prefix("/topics/").unwrap_or(text);
        let fits = (1..=900).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b));
        let why = "1 to 900 characters of A-Z a-z 0-9 - _ . ~ %";
        if fits { Ok(Self(text.into())) } else { Err(invalid("topic", why)) }
    }
}

/// Names a chat: a Telegram chat id or `@channel`, a Slack channel, and the
/// like: 1 to 128 visible characters without spaces.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ChatId(Arc<str>);

parsed_text!(ChatId, shown: masked);

impl ChatId {
    /// Stands in for a chat that a builder has not been given yet.
    pub(crate) fn placeholder() -> Self {
        Self("-".into())
    }
}

impl FromStr for ChatId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fits = (1..=128).contains(&text.chars().count())
            && !text.chars().any(|c| c.is_whitespace() || is_hostile(c));
        let why = "1 to 128 visible characters, no spaces";
        if fits { Ok(Self(text.into())) } else { Err(invalid("chat id", why)) }
    }
}

impl From<i64> for ChatId {
    fn from(id: i64) -> Self {
        Self(id.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phone_numbers() {
        for (text, expected) in
            [("+15005550006", Some("+15005550006")), ("+44 20 7946 0958", Some("+442079460958"))]
        {
            assert_eq!(text.parse::<PhoneNumber>().ok().as_ref().map(PhoneNumber::as_str), expected);
        }
        for bad in [
            "",
            "+",
            "15005550006",
            "+0123456789",
            "+12345",
            "+1234567890123456",
            "+1500x550006",
            "+1\n5005550006",
        ] {
            assert!(bad.parse::<PhoneNumber>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn senders() {
        assert_eq!("12345".parse::<SmsSender>().expect("short code").as_str(), "12345");
        for bad in ["", "+123", "A name far too long", "Büro", "a\r\nb", "123456789"] {
            assert!(bad.parse::<SmsSender>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn debug_never_shows_whom() {
        let number: PhoneNumber = "+15005550006".parse().expect("valid");
        let token: DeviceToken = "abcdefghijklmnop".parse().expect("valid");
        assert_eq!(format!("{number:?}"), "PhoneNumber(+1…06)");
        assert_eq!(format!("{token:?}"), "DeviceToken(ab…op)");
    }

    #[test]
    fn topics_and_chats() {
        assert_eq!("/topics/news".parse::<Topic>().expect("valid").as_str(), "news");
        assert!("a b".parse::<Topic>().is_err() && "".parse::<Topic>().is_err());
        assert_eq!(ChatId::from(-100123).as_str(), "-100123");
        assert!("a\u{202e}b".parse::<ChatId>().is_err());
    }
}
