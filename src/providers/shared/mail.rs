//! What vendors of email write alike: headers, files, addresses.

use std::{borrow::Cow, fmt::Write as _};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use serde::{Serialize, Serializer};

use crate::{
    address::Mailbox,
    error::{Certainty, Error, ErrorKind, Result},
    message::{Email, Priority},
};

/// Headers of one mail, each once.
pub(crate) type Headers<'a> = Vec<(&'a str, Cow<'a, str>)>;

/// All headers of the mail that its fields and its own headers ask for: the
/// vendors keep them as a table of names, which has no room for a second of one name.
///
/// `first` is written before them, and `theirs` are headers that `vendor` writes itself.
pub(crate) fn headers<'a>(
    email: &'a Email,
    first: Headers<'a>,
    vendor: &str,
    theirs: &[&str],
) -> Result<Headers<'a>> {
    let mut headers = first;
    headers.extend(priority(email.priority).iter().map(|(name, value)| (*name, Cow::Borrowed(*value))));
    if let Some(list) = &email.list_unsubscribe {
        headers.extend(list.headers().into_iter().map(|(name, value)| (name, Cow::Owned(value))));
    }
    for header in &email.headers {
        let taken = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(&header.name));
        if taken || theirs.iter().any(|name| name.eq_ignore_ascii_case(&header.name)) {
            let why = if taken { "takes each header once" } else { "writes this header itself" };
            let error = Error::new(ErrorKind::Unsupported, format!("{vendor} {why}"));
            return Err(error.with_field(format!("headers[{:?}]", header.name)));
        }
        headers.push((&header.name, encoded(&header.value)));
    }
    Ok(headers)
}

fn priority(priority: Priority) -> &'static [(&'static str, &'static str)] {
    match priority {
        Priority::High => &[("X-Priority", "1"), ("Importance", "high")],
        Priority::Low => &[("X-Priority", "5"), ("Importance", "low")],
        Priority::Normal => &[],
    }
}

/// Beyond ASCII as encoded words of RFC 2047.
pub(crate) fn encoded(value: &str) -> Cow<'_, str> {
    if value.is_ascii() {
        return Cow::Borrowed(value);
    }
    // 45 octets are 60 of base64; a word may have 75 with what frames it.
    let mut words = String::new();
    let mut rest = value;
    while !rest.is_empty() {
        let cut = rest.floor_char_boundary(45);
        let (word, next) = rest.split_at(cut);
        let space = if words.is_empty() { "" } else { " " };
        words.extend([space, "=?UTF-8?B?", &BASE64.encode(word), "?="]);
        rest = next;
    }
    Cow::Owned(words)
}

/// Pairs as a JSON object.
pub(crate) fn as_map<S: Serializer>(
    pairs: &[(&str, Cow<'_, str>)],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
}

/// Bytes as base64.
pub(crate) fn as_base64<S: Serializer>(content: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&BASE64.encode(content))
}

/// The mailboxes as a header has them, between commas.
pub(crate) fn list(mailboxes: &[Mailbox]) -> String {
    let mut text = String::with_capacity(mailboxes.len() * 32);
    for mailbox in mailboxes {
        if !text.is_empty() {
            text.push_str(", ");
        }
        // To a String it cannot fail.
        let _ = write!(text, "{mailbox}");
    }
    text
}

/// `value` as JSON.
pub(crate) fn json(value: &impl Serialize, room: usize) -> Result<Bytes> {
    let mut json = Vec::with_capacity(room);
    serde_json::to_writer(&mut json, value).map_err(|e| {
        Error::new(ErrorKind::Internal, "the mail cannot be written as JSON")
            .with_certainty(Certainty::NotSent)
            .with_source(e)
    })?;
    Ok(json.into())
}

/// What the vendor has not, refused by the field that asks for it.
pub(crate) fn unsupported(field: &'static str, why: &'static str) -> Error {
    Error::new(ErrorKind::Unsupported, why).with_field(field)
}

/// With data per recipient each gets a mail of their own, and nobody a copy of it.
pub(crate) fn no_copies_with_data(email: &Email) -> Result<()> {
    let field = match (email.cc.is_empty(), email.bcc.is_empty()) {
        _ if email.merge.is_empty() => return Ok(()),
        (true, true) => return Ok(()),
        (false, _) => "cc",
        (true, false) => "bcc",
    };
    Err(unsupported(field, "with data per recipient each gets a mail of their own: use `to` alone"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_written_as_headers_are() {
        let mailboxes = ["Ada <a@x.org>", r#""B, \"C\"" <b@x.org>"#].map(|text| text.parse().expect("valid"));
        assert_eq!(list(&mailboxes), r#"Ada <a@x.org>, "B, \"C\"" <b@x.org>"#);
        assert_eq!(list(&[]), "");
    }
}
