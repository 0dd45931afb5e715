//! What is said of a message before its content, and the content as it goes over the wire.

use std::borrow::Cow;

use super::offers::Offers;
use crate::{
    error::{Error, ErrorKind, Result},
    providers::shared::mime::Mail,
};

/// RFC 5321 section 4.5.3.1.6, without CR and LF.
const LONGEST_LINE: usize = 998;

/// Who sends to whom, and what the server must be able to do.
#[derive(Debug, Default)]
pub(super) struct Envelope {
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// The content's octets, without what the wire adds (RFC 1870 section 5).
    pub(super) size: usize,
    pub(super) eight_bit: bool,
    /// An address has other letters than ASCII before the `@`.
    pub(super) utf8: bool,
}

/// The envelope, and the content with its final dot.
pub(super) fn packed(mail: Mail) -> Result<(Envelope, String)> {
    let Mail { sender, recipients, content, utf8 } = mail;
    let (size, eight_bit) = (content.len(), utf8 || !content.is_ascii());
    let envelope = Envelope { sender, recipients, size, eight_bit, utf8 };
    // Addresses are parsed before they come here; a bracket or line break in one would be a command of its own.
    for address in envelope.recipients.iter().chain([&envelope.sender]) {
        if address.bytes().any(|b| b <= b' ' || b == b'<' || b == b'>' || b == 0x7f) {
            return Err(Error::invalid("to", "an address holds a space, a bracket or a control character"));
        }
    }
    Ok((envelope, on_the_wire(content)?))
}

impl Envelope {
    /// Refuses what this server certainly would not take.
    pub(super) fn check(&self, offers: &Offers) -> Result<()> {
        if self.utf8 && !(offers.utf8 && offers.eight_bit) {
            let text = "an address is not ASCII and the server does not offer SMTPUTF8 (RFC 6531)";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        if self.eight_bit && !offers.eight_bit {
            let text = "the content is not ASCII and the server does not offer 8BITMIME (RFC 6152)";
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        match offers.size.flatten() {
            Some(most) if self.size > most => Err(Error::new(
                ErrorKind::PayloadTooLarge,
                format!("the message has {} octets and the server takes {most} (SIZE, RFC 1870)", self.size),
            )),
            _ => Ok(()),
        }
    }
}

/// Lines end by CR LF, none begins with a dot of its own, and a line with a
/// dot ends it all (RFC 5321 section 4.5.2).
///
/// A bare CR or LF would be read by some servers as the end of a line: with
/// it a text could end the message and go on with commands (SMTP smuggling).
fn on_the_wire(content: String) -> Result<String> {
    let mut wire = if is_ready(&content) { content } else { stuffed(&content) };
    if wire.split('\n').any(is_long) {
        let text = "a line of the message has more than 998 octets (RFC 5321 section 4.5.3.1.6)";
        return Err(Error::new(ErrorKind::InvalidMessage, text));
    }
    wire.push_str(if wire.is_empty() || wire.ends_with('\n') { ".\r\n" } else { "\r\n.\r\n" });
    Ok(wire)
}

/// Neither the line's end nor a dot that the wire added counts.
fn is_long(line: &str) -> bool {
    let line = line.strip_suffix('\r').unwrap_or(line);
    line.len() > LONGEST_LINE && line.strip_prefix('.').unwrap_or(line).len() > LONGEST_LINE
}

/// True if every line break is CR LF and no line begins with a dot: so it is with nearly all.
fn is_ready(content: &str) -> bool {
    let mut lines = content.split('\n');
    let last = lines.next_back().unwrap_or_default();
    let dotless = |line: &str| !line.starts_with('.');
    lines.all(|line| dotless(line) && line.strip_suffix('\r').is_some_and(|line| !line.contains('\r')))
        && dotless(last)
        && !last.contains('\r')
}

fn stuffed(content: &str) -> String {
    let lines = with_crlf(content);
    let mut wire = String::with_capacity(lines.len() + 64);
    for line in lines.split_inclusive('\n') {
        wire.extend(line.starts_with('.').then_some('.'));
        wire.push_str(line);
    }
    wire
}

fn with_crlf(text: &str) -> Cow<'_, str> {
    let mut out = String::with_capacity(text.len() + 64);
    let mut rest = text;
    while let Some(at) = rest.find(['\r', '\n']) {
        let (line, tail) = rest.split_at(at);
        out.push_str(line);
        out.push_str("\r\n");
        rest = tail.strip_prefix("\r\n").unwrap_or(&tail[1..]);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_end_by_one_dot_and_hold_no_other() {
        let table = [
            ("", ".\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            ("a", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n", "..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n..b\r\n", "a\r\n...b\r\n.\r\n"),
            // SMTP smuggling: each of these is an end of the message to some server.
            ("a\n.\nMAIL FROM:<x@y.org>\r\n", "a\r\n..\r\nMAIL FROM:<x@y.org>\r\n.\r\n"),
            ("a\r.\rb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\n.\r\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\n.\nb", "a\r\n..\r\nb\r\n.\r\n"),
            ("a\r\r\n.\r\n", "a\r\n\r\n..\r\n.\r\n"),
        ];
        for (content, wire) in table {
            assert_eq!(on_the_wire(content.to_owned()).expect("short lines"), wire, "{content:?}");
        }
    }

    #[test]
    fn long_lines_are_refused() {
        assert!(on_the_wire(format!("{}\r\n", "x".repeat(998))).is_ok());
        assert!(on_the_wire(format!("{}\r\n", "x".repeat(999))).is_err());
        assert!(on_the_wire("x".repeat(2_000)).is_err());
    }

    fn envelope() -> Envelope {
        let recipients = vec!["b@x.org".to_owned()];
        Envelope { sender: "a@x.org".to_owned(), recipients, size: 100, eight_bit: false, utf8: false }
    }

    #[test]
    fn what_a_server_does_not_take_is_refused_before_it_is_asked() {
        let all = Offers { eight_bit: true, utf8: true, size: Some(Some(100)), ..Offers::default() };
        assert!(Envelope { utf8: true, eight_bit: true, ..envelope() }.check(&all).is_ok());
        let error = Envelope { size: 101, ..envelope() }.check(&all).expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::PayloadTooLarge);
        assert!(error.message().contains("101") && error.message().contains("100"), "{error}");
        for wants in [Envelope { utf8: true, ..envelope() }, Envelope { eight_bit: true, ..envelope() }] {
            let error = wants.check(&Offers::default()).expect_err("ASCII only");
            assert_eq!(error.kind(), ErrorKind::Unsupported);
        }
    }

    #[test]
    fn addresses_are_no_commands() {
        for address in ["a@x.org>\r\nRSET", "a@x.org> SIZE=1", "<a@x.org", "a\nb@x.org"] {
            let mail = Mail {
                sender: "a@x.org".to_owned(),
                recipients: vec![address.to_owned()],
                content: String::new(),
                utf8: false,
            };
            assert!(packed(mail).is_err(), "{address:?}");
        }
    }
}
