//! The header field DKIM-Signature.

use std::fmt::Write as _;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::{
    canonical::{Field, body_hash, relaxed_value, split},
    key::DkimKey,
};
use crate::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
};

/// What is signed where it stands (RFC 6376 section 5.4.1, RFC 8058 section 4).
const SIGNED: &[&str] = &[
    "From",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "MIME-Version",
    "Content-Type",
    "Reply-To",
    "Sender",
    "In-Reply-To",
    "References",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
];
const LINE: usize = 76;

/// The header fields `DKIM-Signature` of `message`, one for each key, each with its line's end: to be put before it.
///
/// `message` is header and body as they go over the wire, with CRLF and before dots are stuffed.
///
/// # Errors
/// Of kind `invalid_message` if it has no From.
pub fn sign(message: &[u8], keys: &[DkimKey], now: Timestamp) -> Result<String> {
    let (fields, body) = split(message);
    if !fields.iter().any(|field| field.is("From")) {
        return Err(Error::new(ErrorKind::InvalidMessage, "a message without From cannot be signed by DKIM"));
    }
    let hash = BASE64.encode(body_hash(body));
    let chosen = chosen(&fields);
    let mut out = String::new();
    for key in keys {
        let unsigned = unsigned(key, &chosen, &hash, now);
        let signature = key.sign(&signed_text(&chosen, &unsigned))?;
        out.push_str(&unsigned);
        folded(&BASE64.encode(signature), &mut out);
        out.push_str("\r\n");
    }
    Ok(out)
}

/// Names with their fields; of several of one name the last first (section 5.4.2).
fn chosen<'a>(fields: &[Field<'a>]) -> Vec<(&'static str, Option<Field<'a>>)> {
    let mut chosen = Vec::with_capacity(SIGNED.len() + 1);
    for name in SIGNED {
        let named = fields.iter().rev().filter(|field| field.is(name));
        chosen.extend(named.map(|field| (*name, Some(*field))));
        if *name == "From" {
            chosen.push((*name, None));
        }
    }
    chosen
}

/// The field up to `b=`.
fn unsigned(
    key: &DkimKey,
    chosen: &[(&'static str, Option<Field<'_>>)],
    hash: &str,
    now: Timestamp,
) -> String {
    let mut out = format!(
        "DKIM-Signature: v=1; a={}; c=relaxed/relaxed;\r\n d={};\r\n s={}; t={};\r\n h=",
        key.algorithm(),
        key.domain,
        key.selector,
        now.as_secs().max(0),
    );
    let mut width = 3;
    for (index, (name, _)) in chosen.iter().enumerate() {
        let colon = if index == 0 { "" } else { ":" };
        if width + name.len() >= LINE {
            out.push_str("\r\n  ");
            width = 2;
        }
        // Writing into a String does not fail.
        let _ = write!(out, "{colon}{name}");
        width += colon.len() + name.len();
    }
    let _ = write!(out, ";\r\n bh={hash};\r\n b=");
    out
}

/// What is signed: the fields, then this one without its signature and without its line's end (section 3.7).
fn signed_text(chosen: &[(&'static str, Option<Field<'_>>)], unsigned: &str) -> Vec<u8> {
    let mut text = Vec::with_capacity(1_024);
    chosen.iter().filter_map(|(_, field)| *field).for_each(|field| field.relaxed(&mut text));
    text.extend_from_slice(b"dkim-signature:");
    let value = unsigned.split_once(':').map_or(unsigned, |(_, value)| value);
    relaxed_value(value.as_bytes(), &mut text);
    text
}

fn folded(base64: &str, out: &mut String) {
    let (mut rest, mut room) = (base64, LINE - 3);
    while rest.len() > room {
        let (line, behind) = rest.split_at(room);
        out.push_str(line);
        out.push_str("\r\n  ");
        (rest, room) = (behind, LINE - 2);
    }
    out.push_str(rest);
}
