//! What an answer of the server, or none, means for the message.
//!
//! Reply codes are those of RFC 5321 section 4.2.3 and RFC 4954 section 6,
//! enhanced ones those of RFC 3463 with RFC 7505 and the IANA registry of
//! RFC 5248. An enhanced code says more than a reply code and goes first.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    http::classify::excerpt,
};

/// How far a message had come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// AUTH.
    Auth,
    /// The content before its final dot was handed over.
    Body,
    /// TCP, TLS, greeting, EHLO, STARTTLS.
    Connect,
    /// The content with its final dot: from here on silence may be consent.
    Content,
    /// DATA.
    Data,
    /// MAIL FROM.
    Mail,
    /// RCPT TO.
    Recipient,
}

impl Stage {
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Auth => "at the login",
            Self::Body => "while the content was sent",
            Self::Connect => "while connecting",
            Self::Content => "after the content",
            Self::Data => "at DATA",
            Self::Mail => "at MAIL FROM",
            Self::Recipient => "at RCPT TO",
        }
    }

    /// What silence or nonsense means here.
    pub(super) const fn certainty(self) -> Certainty {
        match self {
            Self::Content => Certainty::Unknown,
            _ => Certainty::NotSent,
        }
    }
}

/// The field of an error that concerns one recipient, until his place is known.
pub(super) const RECIPIENT: &str = "recipient";

const UNTRUSTED: &str = "the server's certificate is not trusted; if the server is your own, name its authority: \
    `?ca=/path/to/ca.pem` in the URL, SMTP_CA, or SmtpConfig::ca_file";

/// The certificate is nobody's whom we trust.
pub(super) fn untrusted(why: String) -> Error {
    Error::config(UNTRUSTED).with_context("why", why)
}

/// The connection failed.
pub(super) fn io(stage: Stage, why: std::io::Error) -> Error {
    let text = format!("the connection failed {}: {why}", stage.words());
    Error::new(ErrorKind::Transport, text).with_certainty(stage.certainty()).with_source(why)
}

/// The server hung up.
pub(super) fn ended(stage: Stage) -> Error {
    let text = format!("the server closed the connection {}", stage.words());
    Error::new(ErrorKind::Transport, text).with_certainty(stage.certainty())
}

/// What came is no reply of SMTP.
pub(super) fn nonsense(stage: Stage, octets: &[u8]) -> Error {
    let text = match stage {
        // Servers may echo what they were sent.
        Stage::Auth => "the server's answer to the login was not understood".to_owned(),
        _ => {
            let said = String::from_utf8_lossy(octets);
            let said = excerpt(said.lines().next().unwrap_or_default());
            format!("what came {} is no answer of SMTP: {said}", stage.words())
        }
    };
    Error::new(ErrorKind::Protocol, text).with_certainty(stage.certainty())
}

/// A reply at the login that is not the awaited one.
pub(super) fn not_logged_in(code: u16, said: &str, password: &str) -> Error {
    match code {
        // A further challenge is a refusal with reasons.
        300..=399 => Error::new(ErrorKind::Auth, "the server asked for more than the login says")
            .with_code(code.to_string()),
        400..=599 => refused(Stage::Auth, code, &blotted(said, password)),
        _ => out_of_step(Stage::Auth, code),
    }
}

pub(super) fn blotted(said: &str, password: &str) -> String {
    let tells = |word: &str| {
        let octets = BASE64.decode(word).unwrap_or_default();
        octets.windows(password.len().max(1)).any(|w| w == password.as_bytes())
    };
    let mut clean = said.replace(password, "***");
    for word in said.split(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c)) {
        if tells(word) {
            clean = clean.replace(word, "***");
        }
    }
    clean
}

/// RFC 5321 section 4.5.3.1.10, and X.5.3 of RFC 3463.
pub(super) fn is_too_many_recipients(said: &str) -> bool {
    let said = said.to_ascii_lowercase();
    matches!(enhanced(&said), Some((_, 5, 3)))
        || said.contains("too many recipients")
        || said.contains("too many rcpt")
}

/// No answer in time.
pub(super) fn late(stage: Stage) -> Error {
    let text = format!("the server did not answer in time {}", stage.words());
    Error::new(ErrorKind::Timeout, text).with_certainty(stage.certainty())
}

/// An answer that does not belong to the question: the connection is out of step.
pub(super) fn out_of_step(stage: Stage, code: u16) -> Error {
    let text = format!("an answer that does not fit {}", stage.words());
    Error::new(ErrorKind::Protocol, text).with_code(code.to_string()).with_certainty(stage.certainty())
}

/// A negative reply: whatever the stage, the message was not taken.
pub(super) fn refused(stage: Stage, code: u16, said: &str) -> Error {
    let enhanced = enhanced(said);
    let (kind, retry) = meaning(stage, code, enhanced, said);
    let shown = enhanced.map_or_else(|| code.to_string(), |(c, s, d)| format!("{code} {c}.{s}.{d}"));
    Error::new(kind, format!("refused {}: {}", stage.words(), excerpt(said)))
        .with_code(shown)
        .with_certainty(Certainty::NotSent)
        .with_retry(retry)
}

/// The enhanced status code at the beginning of a reply's text.
fn enhanced(said: &str) -> Option<(u16, u16, u16)> {
    let mut numbers = said.split_whitespace().next()?.split('.').map(str::parse::<u16>);
    let code = (numbers.next()?.ok()?, numbers.next()?.ok()?, numbers.next()?.ok()?);
    (numbers.next().is_none() && matches!(code.0, 4 | 5)).then_some(code)
}

fn meaning(stage: Stage, code: u16, enhanced: Option<(u16, u16, u16)>, said: &str) -> (ErrorKind, Retry) {
    let passing = code < 500;
    let kind = match stage {
        Stage::Auth if passing && code != 432 => ErrorKind::Unavailable,
        Stage::Auth => ErrorKind::Auth,
        Stage::Connect => ErrorKind::Unavailable,
        _ => by_enhanced(stage, passing, enhanced)
            .or_else(|| by_words(passing, said).filter(|_| enhanced.is_none()))
            .unwrap_or_else(|| by_code(stage, code)),
    };
    let retry = match kind {
        ErrorKind::Auth => Retry::Never,
        _ if passing => Retry::Backoff,
        _ => Retry::Never,
    };
    (kind, retry)
}

fn by_enhanced(stage: Stage, passing: bool, enhanced: Option<(u16, u16, u16)>) -> Option<ErrorKind> {
    let (_, subject, detail) = enhanced?;
    Some(match (subject, detail) {
        (5, 3) => ErrorKind::RateLimited,
        (7, _) if passing => ErrorKind::RateLimited,
        (2, 2) if passing => ErrorKind::Quota,
        (1..=4, _) if passing => ErrorKind::Unavailable,
        (1, 7 | 8) => ErrorKind::InvalidMessage,
        (1, _) | (2, 0..=2) | (4, 4) => ErrorKind::InvalidRecipient,
        (2 | 3, 3 | 4) => ErrorKind::PayloadTooLarge,
        (4, _) => ErrorKind::Unavailable,
        (6, _) => ErrorKind::InvalidMessage,
        (7, 0) if stage == Stage::Mail => return None,
        (7, 8 | 9 | 11) => ErrorKind::Auth,
        (7, _) => ErrorKind::Refused,
        _ => return None,
    })
}

/// Servers without enhanced codes (RFC 2034) say it in words; these are common ones.
fn by_words(passing: bool, said: &str) -> Option<ErrorKind> {
    let said = said.to_ascii_lowercase();
    let says = |words: &[&str]| words.iter().any(|word| said.contains(word));
    Some(match passing {
        true if says(&["greylist", "graylist", "too many", "rate limit", "throttl"]) => {
            ErrorKind::RateLimited
        }
        true if says(&["mailbox full", "mailbox is full", "over quota", "quota exceeded"]) => {
            ErrorKind::Quota
        }
        false if says(&["authentication required", "must authenticate", "not logged in"]) => ErrorKind::Auth,
        false if says(&["spam", "blacklist", "blocklist", "blocked", "listed at", "relay"]) => {
            ErrorKind::Refused
        }
        false if says(NOBODY) => ErrorKind::InvalidRecipient,
        false if says(&["too large", "too big", "size limit"]) => ErrorKind::PayloadTooLarge,
        _ => return None,
    })
}

const NOBODY: &[&str] = &[
    "does not exist",
    "mailbox full",
    "mailbox is full",
    "mailbox not found",
    "mailbox unavailable",
    "no mailbox here",
    "no such",
    "over quota",
    "recipient rejected",
    "unknown recipient",
    "unknown user",
    "user unknown",
];

fn by_code(stage: Stage, code: u16) -> ErrorKind {
    match (code, stage) {
        (450 | 451, _) => ErrorKind::RateLimited,
        (452, _) => ErrorKind::Quota,
        (..=499, _) => ErrorKind::Unavailable,
        (530 | 534 | 535 | 538, _) => ErrorKind::Auth,
        (501 | 550 | 551 | 552 | 553 | 556, Stage::Recipient) => ErrorKind::InvalidRecipient,
        (501 | 553, Stage::Mail) => ErrorKind::InvalidMessage,
        (555, _) => ErrorKind::Unsupported,
        (500..=504, _) => ErrorKind::Protocol,
        (552, _) => ErrorKind::PayloadTooLarge,
        (521, _) => ErrorKind::Unavailable,
        _ => ErrorKind::Refused,
    }
}

/// The id under which the server keeps the message, where its answer is of a
/// known form: Postfix, Exim, Sendmail, Amazon SES.
pub(super) fn queue_id(said: &str) -> Option<&str> {
    let after = |mark: &str| said.split_once(mark).map(|(_, rest)| rest);
    let named = after("queued as ").or_else(|| after(" id=")).or_else(|| after("id="));
    let word = match named {
        Some(rest) => rest.split_whitespace().next(),
        None => before_accepted(said).or_else(|| said.strip_prefix("Ok ").filter(|rest| rest.len() >= 16)),
    };
    let id = word?.trim_end_matches(['.', ',', ';']);
    ((1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_graphic())).then_some(id)
}

fn before_accepted(said: &str) -> Option<&str> {
    let (before, _) = said.split_once(" Message accepted for delivery")?;
    before.split_whitespace().last().filter(|word| !word.starts_with("2."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ErrorKind as K;
    use Retry::{Backoff, Never};

    #[test]
    fn replies_have_kind_and_retry() {
        use Stage::{Auth, Connect, Content, Data, Mail, Recipient};
        let table = [
            // RFC 5321 section 3.1 (554 and 421 as greeting), section 4.2.3.
            (Connect, 554, "no SMTP service here", K::Unavailable, Never),
            (Connect, 421, "4.3.2 shutting down", K::Unavailable, Backoff),
            // RFC 4954 sections 4 and 6.
            (Auth, 535, "5.7.8 credentials invalid", K::Auth, Never),
            (Auth, 534, "5.7.9 mechanism too weak", K::Auth, Never),
            (Auth, 500, "5.5.6 exchange line is too long", K::Auth, Never),
            (Auth, 432, "4.7.12 a password transition is needed", K::Auth, Never),
            (Auth, 454, "4.7.0 temporary failure", K::Unavailable, Backoff),
            (Mail, 530, "5.7.0 authentication required", K::Auth, Never),
            (Mail, 530, "Must issue a STARTTLS command first", K::Auth, Never), // RFC 3207 section 4
            // RFC 5321 section 4.2.3.
            (Mail, 421, "closing", K::Unavailable, Backoff),
            (Mail, 421, "4.7.0 too many messages", K::RateLimited, Backoff),
            (Mail, 451, "local error", K::RateLimited, Backoff),
            (Mail, 452, "insufficient system storage", K::Quota, Backoff),
            (Mail, 501, "syntax", K::InvalidMessage, Never),
            (Mail, 555, "parameters not recognized", K::Unsupported, Never),
            (Recipient, 450, "mailbox busy", K::RateLimited, Backoff),
            (Recipient, 550, "no such user", K::InvalidRecipient, Never),
            (Recipient, 551, "user not local", K::InvalidRecipient, Never),
            (Recipient, 552, "mailbox full", K::InvalidRecipient, Never),
            (Recipient, 553, "mailbox name not allowed", K::InvalidRecipient, Never),
            (Recipient, 554, "no", K::Refused, Never),
            (Recipient, 521, "host does not accept mail", K::Unavailable, Never), // RFC 7504 section 3
            (Recipient, 556, "domain does not accept mail", K::InvalidRecipient, Never), // RFC 7504 section 4
            (Data, 503, "bad sequence", K::Protocol, Never),
            (Content, 550, "no", K::Refused, Never),
            (Content, 552, "too much mail data", K::PayloadTooLarge, Never),
            (Content, 554, "transaction failed", K::Refused, Never),
            // RFC 3463 sections 3.2 to 3.8.
            (Mail, 550, "5.1.8 bad sender's system address", K::InvalidMessage, Never),
            (Mail, 552, "5.3.4 message too big for system", K::PayloadTooLarge, Never),
            (Recipient, 550, "5.1.1 <a@b.org>: no such mailbox", K::InvalidRecipient, Never),
            (Recipient, 556, "5.1.10 null MX", K::InvalidRecipient, Never), // RFC 7505 section 4
            (Recipient, 550, "5.2.1 mailbox disabled", K::InvalidRecipient, Never),
            (Recipient, 452, "4.2.2 mailbox full", K::Quota, Backoff),
            (Recipient, 552, "5.2.2 mailbox full", K::InvalidRecipient, Never),
            (Recipient, 552, "5.2.3 message length exceeds limit", K::PayloadTooLarge, Never),
            (Recipient, 452, "4.5.3 too many recipients", K::RateLimited, Backoff),
            (Recipient, 450, "4.7.1 greylisted", K::RateLimited, Backoff),
            (Recipient, 451, "4.3.0 lookup failure", K::Unavailable, Backoff),
            (Recipient, 454, "4.4.3 no answer of the name server", K::Unavailable, Backoff),
            (Recipient, 554, "5.7.1 relay access denied", K::Refused, Never),
            (Recipient, 550, "5.4.4 unable to route", K::InvalidRecipient, Never),
            // In words (seen at qmail, Exim, sendmail and older ones, none of which must say an enhanced code).
            (Recipient, 451, "Greylisting in action, please come back later", K::RateLimited, Backoff),
            (Recipient, 450, "<a@b.org>: Recipient address rejected: Graylisted", K::RateLimited, Backoff),
            (Recipient, 421, "too many connections from your address", K::RateLimited, Backoff),
            (Recipient, 452, "Mailbox full", K::Quota, Backoff),
            (Recipient, 554, "sorry, no mailbox here by that name", K::InvalidRecipient, Never),
            (Recipient, 554, "delivery error: this user does not exist", K::InvalidRecipient, Never),
            (Recipient, 550, "relay not permitted", K::Refused, Never),
            (Recipient, 554, "Service unavailable; Client host [192.0.2.1] blocked", K::Refused, Never),
            (Mail, 550, "Authentication required", K::Auth, Never),
            (Content, 554, "Message looks like spam", K::Refused, Never),
            (Content, 554, "message too large", K::PayloadTooLarge, Never),
            // An enhanced code goes before words.
            (Recipient, 550, "5.7.1 user unknown", K::Refused, Never),
            (Content, 554, "5.6.0 other media error", K::InvalidMessage, Never),
            (Content, 550, "5.7.1 looks like spam", K::Refused, Never),
            (Content, 451, "4.7.1 try again later", K::RateLimited, Backoff),
        ];
        for (stage, code, said, kind, retry) in table {
            let error = refused(stage, code, said);
            assert_eq!((error.kind(), error.retry()), (kind, retry), "{stage:?} {code} {said}");
            assert_eq!(error.certainty(), Certainty::NotSent, "a negative reply is certain: {code} {said}");
        }
    }

    #[test]
    fn codes_are_kept_with_their_enhanced_part() {
        assert_eq!(refused(Stage::Recipient, 550, "5.1.1 no").code(), Some("550 5.1.1"));
        assert_eq!(refused(Stage::Recipient, 550, "192.0.2.1 is listed").code(), Some("550"));
    }

    #[test]
    fn queue_ids_of_known_servers() {
        let table = [
            ("2.0.0 Ok: queued as 4dCKzM1vQ6z", Some("4dCKzM1vQ6z")),
            ("OK id=1tEoXB-0000Ab-2C", Some("1tEoXB-0000Ab-2C")),
            ("2.0.0 5AKL7x12 Message accepted for delivery", Some("5AKL7x12")),
            ("2.0.0 Message accepted for delivery", None),
            ("Ok 0100019342c1a2b3-4d5e6f70-000000", Some("0100019342c1a2b3-4d5e6f70-000000")),
            ("Ok", None),
            ("queued as ", None),
            ("2.0.0 queued as a\u{e9}b", None),
        ];
        for (said, id) in table {
            assert_eq!(queue_id(said), id, "{said}");
        }
    }
}
