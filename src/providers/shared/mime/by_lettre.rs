//! The same mail as lettre's builder writes it: what the writer is held against.

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime},
};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use lettre::{
    Address,
    message::{
        Body, Mailbox as LettreMailbox, Mailboxes, MultiPart, MultiPartBuilder, SinglePart,
        header::{
            self, ContentDisposition, ContentTransferEncoding, ContentType, HeaderName, HeaderValue, Headers,
        },
    },
};

use super::plain;
use crate::{
    address::Mailbox,
    error::{Error, Result},
    message::{Attachment, Email, Priority},
    time::Timestamp,
};

/// RFC 5322 section 2.1.1 allows 998; the rest is for the header's name.
const LONGEST_WORD: usize = 900;
const LONGEST_LINE: usize = 998;
/// The last second of the year 9999, the last that RFC 5322 can write.
const LAST_SECOND: i64 = 253_402_300_799;

/// The mail's octets.
pub(super) fn write(email: &Email, id: String, now: Timestamp) -> Result<String> {
    let mut content = headers(email, email.sender_mailbox()?, id, now)?;
    let parts = match body(email)? {
        Tree::Many(parts) => parts.formatted(),
        Tree::One(part) => part.formatted(),
    };
    content.push_str(&String::from_utf8(parts).expect("all parts are encoded as ASCII"));
    Ok(content)
}

fn headers(email: &Email, from: &Mailbox, id: String, now: Timestamp) -> Result<String> {
    let mut headers = Headers::with_capacity(12);
    headers.set(header::Date::new(date(now)));
    headers.set(header::From::from(mailboxes("from", std::slice::from_ref(from))?));
    if !email.reply_to.is_empty() {
        headers.set(header::ReplyTo::from(mailboxes("reply_to", &email.reply_to)?));
    }
    if !email.to.is_empty() {
        headers.set(header::To::from(mailboxes("to", &email.to)?));
    }
    if !email.cc.is_empty() {
        headers.set(header::Cc::from(mailboxes("cc", &email.cc)?));
    }
    if !email.subject.is_empty() {
        headers.insert_raw(text_header("subject", "Subject", &email.subject)?);
    }
    headers.insert_raw(HeaderValue::new(HeaderName::new_from_ascii_str("Message-ID"), id));
    headers.set(header::MIME_VERSION_1_0);
    set_priority(&mut headers, email)?;
    set_unsubscribe(&mut headers, email)?;
    let mut out = headers.to_string();
    for own in &email.headers {
        // One by one: two of the same name are two headers.
        let mut one = Headers::with_capacity(1);
        one.insert_raw(text_header("headers", &own.name, &own.value)?);
        // Writing into a String does not fail.
        let _ = write!(out, "{one}");
    }
    Ok(out)
}

fn date(now: Timestamp) -> SystemTime {
    let secs = now.as_secs().clamp(0, LAST_SECOND).unsigned_abs();
    SystemTime::UNIX_EPOCH + Duration::from_secs(secs)
}

fn mailboxes(field: &'static str, list: &[Mailbox]) -> Result<Mailboxes> {
    let convert = |mailbox: &Mailbox| {
        if let Some(name) = mailbox.name() {
            foldable(field, name)?;
        }
        let address = plain(mailbox.address());
        // Parsed by us, and by a stricter rule than lettre's.
        let (local, domain) = address.rsplit_once('@').unwrap_or((&address, ""));
        Ok(LettreMailbox::new(mailbox.name().map(str::to_owned), Address::new_dangerous(local, domain)))
    };
    list.iter().map(convert).collect()
}

fn text_header(field: &'static str, name: &str, value: &str) -> Result<HeaderValue> {
    foldable(field, value)?;
    let name = HeaderName::new_from_ascii(name.to_owned()).map_err(|_| {
        Error::invalid(field, "a header's name has 1 to 76 visible ASCII characters and no colon")
    })?;
    Ok(HeaderValue::new(name, value.to_owned()))
}

/// Lines are folded at spaces; other letters than ASCII are encoded and may be cut anywhere.
fn foldable(field: &'static str, value: &str) -> Result<()> {
    let short = |run: &str| run.len() <= LONGEST_WORD || !run.is_ascii();
    let words_fit = || value.split(' ').all(short);
    let gaps_fit = || value.split(|c| c != ' ').all(short);
    if value.len() <= LONGEST_WORD || (words_fit() && gaps_fit()) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        "a header is folded at spaces: at most 900 characters, or 900 spaces, in a row",
    ))
}

fn set_priority(headers: &mut Headers, email: &Email) -> Result<()> {
    let (number, word) = match email.priority {
        Priority::High => ("1", "high"),
        Priority::Low => ("5", "low"),
        Priority::Normal => return Ok(()),
    };
    headers.insert_raw(text_header("priority", "X-Priority", number)?);
    if !email.headers.iter().any(|own| own.name.eq_ignore_ascii_case("Importance")) {
        headers.insert_raw(text_header("priority", "Importance", word)?);
    }
    Ok(())
}

fn set_unsubscribe(headers: &mut Headers, email: &Email) -> Result<()> {
    let Some(list) = &email.list_unsubscribe else { return Ok(()) };
    for (name, value) in list.headers() {
        if !value.is_ascii() {
            let text = "RFC 2369 takes ASCII only: write the link percent-encoded";
            return Err(Error::invalid("list_unsubscribe", text));
        }
        headers.insert_raw(text_header("list_unsubscribe", name, &value)?);
    }
    Ok(())
}

enum Tree {
    Many(MultiPart),
    One(SinglePart),
}

/// mixed(alternative(text, related(html, images…)), files…), as far as needed.
fn body(email: &Email) -> Result<Tree> {
    let (inline, beside): (Vec<_>, Vec<_>) = email
        .attachments
        .iter()
        .enumerate()
        .partition(|(_, a)| a.content_id.is_some() && email.html.is_some());
    let text = email.text.as_ref().map(|text| Tree::One(text_part(ContentType::TEXT_PLAIN, text)));
    let html = email.html.as_ref().map(|html| Tree::One(text_part(ContentType::TEXT_HTML, html)));
    let html = match html {
        Some(html) if !inline.is_empty() => Some(joined(MultiPart::related(), Some(html), files(&inline)?)),
        html => html,
    };
    let words = match (text, html) {
        (Some(text), Some(html)) => {
            Some(Tree::Many(append(append(MultiPart::alternative().build(), text), html)))
        }
        (text, html) => text.or(html),
    };
    match words {
        Some(words) if beside.is_empty() => Ok(words),
        words => Ok(joined(MultiPart::mixed(), words, files(&beside)?)),
    }
}

fn joined(kind: MultiPartBuilder, first: Option<Tree>, rest: Vec<SinglePart>) -> Tree {
    let parts = match first {
        Some(first) => append(kind.build(), first),
        None => kind.build(),
    };
    Tree::Many(rest.into_iter().fold(parts, MultiPart::singlepart))
}

fn append(parts: MultiPart, part: Tree) -> MultiPart {
    match part {
        Tree::Many(many) => parts.multipart(many),
        Tree::One(one) => parts.singlepart(one),
    }
}

fn text_part(kind: ContentType, text: &str) -> SinglePart {
    let text = with_crlf(text);
    let body = if is_seven_bit(&text) {
        Body::dangerous_pre_encoded(text.into_bytes(), ContentTransferEncoding::SevenBit)
    } else if text.is_ascii() {
        // lettre would let control characters through as they are.
        Body::new_with_encoding(text, ContentTransferEncoding::QuotedPrintable)
            .unwrap_or_else(|text| Body::dangerous_pre_encoded(text, ContentTransferEncoding::Binary))
    } else {
        Body::new(text)
    };
    SinglePart::builder().header(kind).body(body)
}

/// RFC 2045 section 2.7, without controls.
fn is_seven_bit(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'\t' | b'\r' | b'\n' | 0x20..=0x7e))
        && text.split("\r\n").all(|line| line.len() <= LONGEST_LINE)
}

/// Bare CR and LF must not be sent (RFC 5321 section 2.3.8): servers disagree
/// about whether they end a line, and about where a message ends.
fn with_crlf(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 16);
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let (line, tail) = rest.split_at(at);
        out.push_str(line);
        out.push_str("\r\n");
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[1..]);
    }
    out.push_str(rest);
    out
}

fn files(attachments: &[(usize, &Attachment)]) -> Result<Vec<SinglePart>> {
    attachments.iter().map(|(index, attachment)| file_part(*index, attachment)).collect()
}

fn file_part(index: usize, attachment: &Attachment) -> Result<SinglePart> {
    let file = &attachment.file;
    let kind = ContentType::parse(file.content_type.as_str()).map_err(|_| {
        let text = "expected a media type, such as image/png, with parameters as in text/csv; charset=utf-8";
        Error::invalid(format!("attachments[{index}].content_type"), text)
    })?;
    let part = SinglePart::builder().header(kind);
    let part = match &attachment.content_id {
        Some(id) => part
            .header(ContentDisposition::inline_with_name(file.name.as_str()))
            .header(header::ContentId::from(format!("<{id}>"))),
        None => part.header(ContentDisposition::attachment(file.name.as_str())),
    };
    Ok(part.body(Body::dangerous_pre_encoded(base64_lines(&file.content), ContentTransferEncoding::Base64)))
}

/// Straight from the attachment: lettre's encoder wants a copy of it.
fn base64_lines(content: &[u8]) -> Vec<u8> {
    let mut out = String::with_capacity(content.len().div_ceil(57) * 78);
    for line in content.chunks(57) {
        BASE64.encode_string(line, &mut out);
        out.push_str("\r\n");
    }
    out.truncate(out.trim_end().len());
    out.into_bytes()
}
