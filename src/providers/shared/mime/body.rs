//! Parts: texts, files, and what holds them together.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use super::header::Line;
use crate::{
    error::{Error, Result},
    message::Attachment,
};

const LONGEST_LINE: usize = 998;
/// RFC 2045 sections 6.7 and 6.8: at most 76 characters a line.
const WIDTH: usize = 76;
/// So many octets make a line of base64.
const OF_A_LINE: usize = 57;

/// What of a file's name fits a line beside `filename*10*=utf-8''`.
const PIECE: usize = 54;

/// A multipart that is being written (RFC 2046 section 5.1).
pub(super) struct Multipart {
    boundary: String,
}

impl Multipart {
    /// Writes its header.
    pub(super) fn begin(out: &mut String, kind: &str) -> Self {
        // `=_` is in no quoted-printable and no base64 (RFC 2045 section 6.7), and nobody can guess the rest.
        let boundary = format!("=_{:032x}", fastrand::u128(..));
        out.extend(["Content-Type: multipart/", kind, ";\r\n boundary=\"", &boundary, "\"\r\n\r\n"]);
        Self { boundary }
    }

    /// Begins a part.
    pub(super) fn part(&self, out: &mut String) {
        out.extend(["--", &self.boundary, "\r\n"]);
    }

    /// Ends it all.
    pub(super) fn end(&self, out: &mut String) {
        out.extend(["--", &self.boundary, "--\r\n"]);
    }
}

/// A text as a part of its own.
pub(super) fn text(out: &mut String, kind: &str, text: &str) {
    out.extend(["Content-Type: text/", kind, "; charset=utf-8\r\nContent-Transfer-Encoding: "]);
    if is_seven_bit(text) {
        out.push_str("7bit\r\n\r\n");
        lines(out, text);
    } else if is_mostly_ascii(text) {
        out.push_str("quoted-printable\r\n\r\n");
        quoted_printable(out, text);
    } else {
        out.push_str("base64\r\n\r\n");
        let mut whole = String::with_capacity(text.len() + text.len() / 16);
        lines(&mut whole, text);
        base64(out, whole.as_bytes());
    }
    out.push_str("\r\n");
}

/// RFC 2045 section 2.7, without controls.
fn is_seven_bit(text: &str) -> bool {
    let is_bad = |b: u8| !matches!(b, b'\t' | b'\r' | b'\n' | 0x20..=0x7e);
    // All at once and not up to the first: that way the compiler looks at many in one step.
    !text.bytes().fold(false, |bad, b| bad | is_bad(b))
        && text.split(['\r', '\n']).all(|line| line.len() <= LONGEST_LINE)
}

/// True if quoted-printable, three octets for one, is shorter than base64, four for three.
fn is_mostly_ascii(text: &str) -> bool {
    text.bytes().filter(|b| !(0x20..=0x7e).contains(b)).count() * 6 < text.len() || text.is_ascii()
}

/// Each line break of whatever kind as CR LF. A bare CR or LF must not be sent
/// (RFC 5321 section 2.3.8): servers disagree about whether it ends a line, and
/// about where a message ends.
fn lines(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let (line, tail) = rest.split_at(at);
        out.extend([line, "\r\n"]);
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[1..]);
    }
    out.push_str(rest);
}

/// RFC 2045 section 6.7.
fn quoted_printable(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let (line, tail) = rest.split_at(at);
        quoted_line(out, line);
        out.push_str("\r\n");
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[1..]);
    }
    quoted_line(out, rest);
}

fn quoted_line(out: &mut String, line: &str) {
    let mut width = 0;
    for (index, b) in line.bytes().enumerate() {
        let last = index + 1 == line.len();
        // Spaces at a line's end are lost on the way (rule 3).
        let as_it_is = matches!(b, b'!'..=b'<' | b'>'..=b'~') || (matches!(b, b' ' | b'\t') && !last);
        let needs = if as_it_is { 1 } else { 3 };
        if width + needs > WIDTH - usize::from(!last) {
            out.push_str("=\r\n");
            width = 0;
        }
        width += needs;
        if as_it_is {
            out.push(char::from(b));
        } else {
            out.extend(escaped('=', b));
        }
    }
}

fn base64(out: &mut String, content: &[u8]) {
    for (index, line) in content.chunks(OF_A_LINE).enumerate() {
        if index > 0 {
            out.push_str("\r\n");
        }
        BASE64.encode_string(line, out);
    }
}

/// A file as a part of its own; `index` is its place among the attachments.
pub(super) fn file(out: &mut String, index: usize, attachment: &Attachment) -> Result<()> {
    let file = &attachment.file;
    let kind = file.content_type.as_str();
    if !is_media_type(kind) {
        let text = "expected a media type, such as image/png, with parameters as in text/csv; charset=utf-8";
        return Err(Error::invalid(format!("attachments[{index}].content_type"), text));
    }
    out.extend(["Content-Type: ", kind, "\r\nContent-Disposition: "]);
    out.push_str(if attachment.content_id.is_some() { "inline" } else { "attachment" });
    file_name(out, file.name.as_str());
    if let Some(id) = &attachment.content_id {
        Line::new(out, "Content-ID").text("attachments", &format!("<{id}>"))?;
    }
    out.push_str("Content-Transfer-Encoding: base64\r\n\r\n");
    base64(out, &file.content);
    out.push_str("\r\n");
    Ok(())
}

/// RFC 2183 section 2.3; other letters than ASCII by RFC 2231.
fn file_name(out: &mut String, name: &str) {
    if name.bytes().all(|b| (b' '..=b'~').contains(&b)) {
        out.push_str(if name.len() < WIDTH / 2 { "; filename=\"" } else { ";\r\n filename=\"" });
        for c in name.chars() {
            out.extend(matches!(c, '"' | '\\').then_some('\\'));
            out.push(c);
        }
        out.push_str("\"\r\n");
        return;
    }
    let pieces = percent_encoded(name);
    for (number, piece) in pieces.iter().enumerate() {
        out.push_str(";\r\n filename*");
        if pieces.len() > 1 {
            out.extend([&number.to_string(), "*"]);
        }
        out.extend(["=", if number == 0 { "utf-8''" } else { "" }, piece]);
    }
    out.push_str("\r\n");
}

/// Octets as `%` and two digits where RFC 2231 section 7 does not let them
/// stand, in pieces that fit a line and end between two letters.
fn percent_encoded(name: &str) -> Vec<String> {
    let stands = |b: u8| b.is_ascii_alphanumeric() || b"!#$&+-.^_`{|}~".contains(&b);
    let mut pieces = vec![String::new()];
    for c in name.chars() {
        let mut letter = String::with_capacity(12);
        for b in c.encode_utf8(&mut [0; 4]).bytes() {
            match stands(b) {
                true => letter.push(char::from(b)),
                false => letter.extend(escaped('%', b)),
            }
        }
        match pieces.last_mut() {
            Some(last) if last.len() + letter.len() <= PIECE => last.push_str(&letter),
            _ => pieces.push(letter),
        }
    }
    pieces
}

/// A mark and two hexadecimal digits.
fn escaped(mark: char, octet: u8) -> [char; 3] {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    [mark, char::from(HEX[usize::from(octet >> 4)]), char::from(HEX[usize::from(octet & 15)])]
}

/// RFC 2045 section 5.1: `type/subtype`, and parameters that are tokens or quoted.
fn is_media_type(text: &str) -> bool {
    let (essence, mut rest) = text.split_at(text.find(';').unwrap_or(text.len()));
    let essence = essence.trim_end();
    let named = essence.split_once('/').is_some_and(|(kind, sub)| is_token(kind) && is_token(sub));
    while let Some(parameter) = rest.strip_prefix(';') {
        let Some(tail) = after_parameter(parameter.trim_start()) else { return false };
        rest = tail.trim_start();
    }
    named && rest.is_empty()
}

/// What is behind `name=value`.
fn after_parameter(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    if !is_token(name) {
        return None;
    }
    if let Some(quoted) = value.strip_prefix('"') {
        let plain = |c: char| c != '\\' && (' '..='~').contains(&c);
        let (inner, tail) = quoted.split_once('"')?;
        return inner.chars().all(plain).then_some(tail);
    }
    let end = value.find([';', ' ']).unwrap_or(value.len());
    is_token(&value[..end]).then_some(&value[end..])
}

fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?=".contains(&b))
}
