//! Hosts that no message may name.

use std::collections::BTreeSet;

use serde_json::Value;

use super::ContentFilter;
use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    mail::decoded,
    message::{AnyMessage, Payload},
};

/// Refuses messages that name one of these hosts or a host below it, as a link or as a word: mailboxes and telephones
/// make links of words. Looked at are all texts of the message: subject, parts, links of buttons and media, headers,
/// names of files, data for vendors' templates; not the bytes of files.
///
/// ```
/// use tidings::policy::BlockedHosts;
///
/// let filter = BlockedHosts::new(["evil.example", "bücher.example"])?;
/// assert!(BlockedHosts::new(["https://evil.example/path"]).is_err());
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct BlockedHosts(BTreeSet<String>);

impl BlockedHosts {
    /// These hosts, and all below them. Give a name with umlauts and its like as Unicode and as `xn--…`: both are only
    /// compared.
    ///
    /// # Errors
    /// If one is no host's name.
    pub fn new<S: AsRef<str>>(hosts: impl IntoIterator<Item = S>) -> Result<Self> {
        let checked = hosts.into_iter().map(|host| {
            let host = host.as_ref().trim_end_matches('.').to_lowercase();
            let fits = |c: char| c.is_alphanumeric() || c == '-' || c == '.';
            if host.is_empty() || !host.chars().all(fits) || host.starts_with('.') {
                return Err(Error::config(format!(
                    "{host:?} is no host's name; write it as in evil.example"
                )));
            }
            Ok(host)
        });
        checked.collect::<Result<_>>().map(Self)
    }

    fn named(&self, text: &str) -> Option<&str> {
        let shown = folded(text);
        // What an attribute says in other words, and what it says percent-encoded.
        let forms = [folded(&decoded(text)), folded(&percent_decoded(&decoded(text))), shown];
        let named = |host: &&String| forms.iter().any(|form| names(form, host));
        self.0.iter().find(named).map(String::as_str)
    }
}

impl ContentFilter for BlockedHosts {
    fn name(&self) -> &str {
        "blocked-hosts"
    }

    fn inspect(&self, _: &TenantId, message: &AnyMessage) -> Result<()> {
        let (payload, _) = Payload::encode_apart(message)?;
        let value: Value = serde_json::from_slice(&payload.bytes).map_err(|error| {
            Error::new(ErrorKind::Internal, "the message cannot be read").with_source(error)
        })?;
        let mut waiting = vec![&value];
        while let Some(value) = waiting.pop() {
            match value {
                Value::Array(list) => waiting.extend(list),
                Value::Object(map) => waiting.extend(map.values()),
                Value::String(text) => self.check(text)?,
                _ => {}
            }
        }
        Ok(())
    }
}

impl BlockedHosts {
    fn check(&self, text: &str) -> Result<()> {
        match self.named(text) {
            Some(host) => Err(Error::new(ErrorKind::Refused, format!("it names the host {host}"))),
            None => Ok(()),
        }
    }
}

/// Whether the host or one below it stands in the text, and not only a part of another name.
fn names(text: &str, host: &str) -> bool {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '-';
    text.match_indices(host).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let mut after = text[at + host.len()..].chars();
        let (next, second) = (after.next(), after.next());
        let longer = next == Some('.') && second.is_some_and(part_of_name);
        !before.is_some_and(part_of_name) && !next.is_some_and(part_of_name) && !longer
    })
}

/// As browsers read a host (UTS 46): lower case, wide letters as narrow ones, all dots as one, nothing unseen.
fn folded(text: &str) -> String {
    let seen = |c: &char| {
        !matches!(c, '\t' | '\r' | '\n' | '\u{ad}' | '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
    };
    let narrow = |c: char| match c {
        '\u{3002}' | '\u{ff0e}' | '\u{ff61}' => '.',
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(c as u32 - 0xfee0).unwrap_or(c),
        c => c,
    };
    text.chars().filter(seen).map(narrow).flat_map(char::to_lowercase).collect()
}

fn percent_decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::with_capacity(text.len()), text.as_bytes());
    while let Some((first, after)) = rest.split_first() {
        let pair = after.get(..2).filter(|_| *first == b'%').and_then(|pair| std::str::from_utf8(pair).ok());
        match pair.and_then(|pair| u8::from_str_radix(pair, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Chat, Email, Sms};

    fn refuses(message: impl Into<AnyMessage>) -> bool {
        let filter = BlockedHosts::new(["evil.example"]).expect("a host");
        filter.inspect(&TenantId::DEFAULT, &message.into()).is_err()
    }

    fn html(source: &str) -> bool {
        refuses(Email::builder().to("a@x.org").subject("s").html(source).build().expect("valid"))
    }

    #[test]
    fn a_host_is_found_however_it_is_written() {
        for source in [
            "<a href=\"https://evil.example/x\">x</a>",
            "<a href=\"//EVIL.example\">x</a>",
            "<a href='http://a.b.evil.example:8080'>x</a>",
            "<a href=\"https://good.example@evil.example/\">x</a>",
            "<a href=\"https://&#101;vil.example\">x</a>",
            "<a href=\"https://evil&#x2e;example\">x</a>",
            "<a href=\"https://%65vil.example\">x</a>",
            "<a href=\"https://e\nvil.example\">x</a>",
            "<a href=\"https://ｅｖｉｌ。example\">x</a>",
            "<a href=\"https://evil.example.\">x</a>",
            "<img src=\"https:\\\\evil.example\\p.gif\">",
            "<style>p{background:url(//evil.example/p)}</style>",
            "write to evil.example, please",
        ] {
            assert!(html(source), "{source}");
        }
        assert!(refuses(Sms::builder().to("+15005550006").body("evil.example/1").build().expect("valid")));
        assert!(refuses(Chat::builder().to("1").text("https://evil.example").build().expect("valid")));
        assert!(refuses(
            Email::builder().to("a@x.org").subject("evil.example").text("t").build().expect("valid")
        ));
    }

    #[test]
    fn a_name_that_only_looks_alike_passes() {
        for source in [
            "https://medevil.example",
            "https://evil.example.org",
            "https://evil-example",
            "https://evil.examples",
        ] {
            assert!(!html(source), "{source}");
        }
    }
}
