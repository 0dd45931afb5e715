//! Email addresses and mailboxes (RFC 5321 and 5322, with RFC 6531 for other scripts).

use std::{fmt, str::FromStr, sync::Arc};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{invalid, is_hostile, masked, parsed_text, text::header_safe};
use crate::error::{Error, Result};

/// An email address: a dot-atom, `@`, and a domain name or an address literal.
///
/// Letters of all scripts are taken (RFC 6531); quoted local parts, comments
/// and obsolete forms are not. At most 64 octets before the `@` and 254 in all (RFC 5321 section 4.5.3.1).
///
/// ```
/// use tidings::EmailAddress;
///
/// let address: EmailAddress = "ada@example.org".parse()?;
/// assert_eq!((address.local(), address.domain()), ("ada", "example.org"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct EmailAddress(Arc<str>);

parsed_text!(EmailAddress, shown: masked);

impl EmailAddress {
    /// The part before the `@`.
    pub fn local(&self) -> &str {
        self.split().0
    }

    /// The part after the `@`.
    pub fn domain(&self) -> &str {
        self.split().1
    }

    fn split(&self) -> (&str, &str) {
        // Parsed: there is exactly one @.
        self.0.split_once('@').unwrap_or((&self.0, ""))
    }
}

impl FromStr for EmailAddress {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = |why| Err(invalid("email address", why));
        let Some((local, domain)) = text.rsplit_once('@') else {
            return wrong("there is no @; expected name@domain");
        };
        if local.len() > 64 || text.len() > 254 {
            return wrong("at most 64 octets before the @ and 254 in all");
        }
        if local.is_empty() || !local.split('.').all(is_atom) {
            return wrong("the part before the @ is empty or holds a character that does not belong there");
        }
        if !is_domain(domain) {
            return wrong("the part after the @ is no domain name");
        }
        Ok(Self(text.into()))
    }
}

fn is_atom(atom: &str) -> bool {
    !atom.is_empty()
        && atom.chars().all(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => true,
            c if c.is_ascii() => "!#$%&'*+-/=?^_`{|}~".contains(c),
            c => is_letter_beyond_ascii(c),
        })
}

fn is_domain(domain: &str) -> bool {
    if let Some(literal) = domain.strip_prefix('[').and_then(|d| d.strip_suffix(']')) {
        return literal.parse::<std::net::Ipv4Addr>().is_ok()
            || literal.strip_prefix("IPv6:").is_some_and(|v6| v6.parse::<std::net::Ipv6Addr>().is_ok());
    }
    domain.len() <= 253 && domain.split('.').all(is_label)
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || is_letter_beyond_ascii(c))
}

fn is_letter_beyond_ascii(c: char) -> bool {
    !c.is_ascii() && !c.is_whitespace() && !is_hostile(c)
}

/// An email address with an optional display name: `Ada <ada@example.org>`.
///
/// ```
/// use tidings::Mailbox;
///
/// let ada: Mailbox = "Ada Lovelace <ada@example.org>".parse()?;
/// assert_eq!(ada.name(), Some("Ada Lovelace"));
/// assert_eq!(ada.to_string(), "Ada Lovelace <ada@example.org>");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Mailbox {
    name: Option<Arc<str>>,
    address: EmailAddress,
}

impl Mailbox {
    /// A mailbox with a display name.
    ///
    /// # Errors
    /// If the name holds line breaks, controls or bidirectional marks.
    pub fn named(name: &str, address: EmailAddress) -> Result<Self> {
        let name = name.trim();
        if let Err(why) = header_safe(name) {
            return Err(invalid("display name", why));
        }
        let name = (!name.is_empty()).then(|| name.into());
        Ok(Self { name, address })
    }

    /// The display name.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// The address.
    pub fn address(&self) -> &EmailAddress {
        &self.address
    }
}

impl From<EmailAddress> for Mailbox {
    fn from(address: EmailAddress) -> Self {
        Self { name: None, address }
    }
}

impl FromStr for Mailbox {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let Some((name, address)) = text.strip_suffix('>').and_then(|t| t.rsplit_once('<')) else {
            return text.parse::<EmailAddress>().map(Self::from);
        };
        Self::named(&unquoted(name.trim()), address.parse()?)
    }
}

fn unquoted(name: &str) -> String {
    let Some(inner) = name.strip_prefix('"').and_then(|n| n.strip_suffix('"')) else {
        return name.to_owned();
    };
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        plain.extend(if c == '\\' { chars.next() } else { Some(c) });
    }
    plain
}

impl fmt::Display for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(name) = &self.name else { return self.address.fmt(f) };
        // RFC 5322 section 3.2.3: these are special, so the name must be quoted.
        if !name.contains(['"', '\\', '(', ')', '<', '>', '[', ']', ':', ';', '@', ',', '.']) {
            return write!(f, "{name} <{}>", self.address);
        }
        let escaped = name.replace('\\', "\\\\").replace('"', "\\\"");
        write!(f, "\"{escaped}\" <{}>", self.address)
    }
}

impl fmt::Debug for Mailbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mailbox({:?})", self.address)
    }
}

impl TryFrom<&str> for Mailbox {
    type Error = Error;

    fn try_from(text: &str) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<String> for Mailbox {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl TryFrom<&Mailbox> for Mailbox {
    type Error = Error;

    fn try_from(mailbox: &Mailbox) -> Result<Self> {
        Ok(mailbox.clone())
    }
}

impl Serialize for Mailbox {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Mailbox {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_addresses_are_kept_as_they_are() {
        for text in [
            "a@b",
            "a.b+tag@x.example.org",
            "jürgen@bücher.example",
            "x@[192.0.2.1]",
            "x@[IPv6:2001:db8::1]",
            "o'hara@x.ie",
        ] {
            assert_eq!(text.parse::<EmailAddress>().expect(text).as_str(), text);
        }
    }

    #[test]
    fn bad_addresses_cannot_be_constructed() {
        let long = format!("{}@x.org", "a".repeat(65));
        for text in [
            "",
            "@",
            "a@",
            "@b",
            "a b@c.org",
            "a@b c.org",
            "a..b@c.org",
            ".a@c.org",
            "a@-c.org",
            "a@c..org",
            "a@b@c.org",
            "a\r\nBcc: x@y.org@c.org",
            "a\0@c.org",
            "a@c.org\n",
            "a\u{202e}@c.org",
            "<a@c.org>",
            &long,
            "a@[300.1.1.1]",
        ] {
            assert!(text.parse::<EmailAddress>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn mailboxes_survive_printing_and_parsing() {
        for name in ["Ada", "Lovelace, Ada", r#"Ada "The" \ Great"#, "Ωmega", "a <b> c"] {
            let mailbox = Mailbox::named(name, "a@b.org".parse().expect("valid")).expect(name);
            let again: Mailbox = mailbox.to_string().parse().expect(name);
            assert_eq!(again, mailbox, "{name}");
        }
    }

    #[test]
    fn display_names_take_no_header_tricks() {
        for name in ["a\r\nBcc: x@y.org", "a\nb", "a\0b", "evil\u{202e}gpj.exe"] {
            assert!(Mailbox::named(name, "a@b.org".parse().expect("valid")).is_err(), "{name:?}");
        }
        assert!("\"a\r\nb\" <a@b.org>".parse::<Mailbox>().is_err());
    }

    #[test]
    fn debug_masks_the_address() {
        let mailbox: Mailbox = "Ada <ada.lovelace@example.org>".parse().expect("valid");
        assert_eq!(format!("{mailbox:?}"), "Mailbox(EmailAddress(ad…rg))");
    }
}
