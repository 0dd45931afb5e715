//! What Postmark's error codes mean.
//!
//! <https://postmarkapp.com/developer/api/overview#error-codes>

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    providers::shared::envelope::Envelope,
    time::Timestamp,
};

/// Code, kind, and the field that it blames. What is not here is told by the status alone.
const CODES: &[(i64, ErrorKind, Option<&str>)] = {
    use ErrorKind::{
        Auth, InvalidMessage, PayloadTooLarge, Permission, Quota, RateLimited, Suppressed, Template,
        Unavailable,
    };
    &[
        // Bad or missing API token.
        (10, Auth, None),
        // Maintenance: the API is offline.
        (100, Unavailable, None),
        // Invalid email request.
        (300, InvalidMessage, None),
        // Sender signature not found.
        (400, Permission, Some("from")),
        // Sender signature not confirmed.
        (401, Permission, Some("from")),
        // Invalid JSON.
        (402, InvalidMessage, None),
        // Incompatible JSON, such as a template's model that does not fit.
        (403, InvalidMessage, None),
        // Not allowed to send: credits are spent.
        (405, Quota, None),
        // Inactive recipient: a hard bounce, a complaint, or suppressed by hand.
        (406, Suppressed, None),
        // JSON required.
        (409, InvalidMessage, None),
        // Too many batch messages.
        (410, PayloadTooLarge, None),
        // Forbidden attachment type.
        (411, InvalidMessage, Some("attachments")),
        // Account is pending.
        (412, Permission, None),
        // Account may not send.
        (413, Permission, None),
        // Rate limit exceeded.
        (429, RateLimited, None),
        // Template not found, or not active.
        (1101, Template, Some("template")),
    ]
};

/// Postmark's word on one mail.
#[derive(Debug, Deserialize)]
pub(super) struct Verdict {
    /// Zero is good. It is missing where delivery is only delayed.
    #[serde(rename = "ErrorCode", default)]
    pub(super) code: i64,
    #[serde(rename = "Message")]
    pub(super) message: String,
    #[serde(rename = "MessageID")]
    pub(super) message_id: Option<String>,
}

/// What Postmark said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Postmark refused the mail with code {0}: {1}")]
struct Fault(i64, String);

impl Verdict {
    /// The error of a mail that was not taken.
    pub(super) fn error(&self, envelope: &Envelope<'_>) -> Error {
        let row = CODES.iter().find(|(code, ..)| *code == self.code);
        let (kind, field) = row.map_or((ErrorKind::Refused, None), |(_, kind, field)| (*kind, *field));
        let (kind, field) = match (self.code, self.blamed()) {
            (300, Some("From")) => (kind, Some("from")),
            (300, Some("To")) => (ErrorKind::InvalidRecipient, Some("to")),
            (300, Some("Cc")) => (ErrorKind::InvalidRecipient, Some("cc")),
            (300, Some("Bcc")) => (ErrorKind::InvalidRecipient, Some("bcc")),
            _ => (kind, field),
        };
        // A bad copy refuses the mail, but says nothing against its other readers.
        let kind = match kind {
            ErrorKind::InvalidRecipient | ErrorKind::Suppressed if !self.means_all(envelope) => {
                ErrorKind::InvalidMessage
            }
            kind => kind,
        };
        let message = excerpt(&self.message);
        let error = Error::new(kind, message.clone())
            .with_code(self.code.to_string())
            .with_source(Fault(self.code, message));
        match field {
            Some(field) => error.with_field(field),
            None => error,
        }
    }

    /// The field in "Invalid 'To' address: …" and "Error parsing 'Cc': …".
    fn blamed(&self) -> Option<&str> {
        let rest = self.message.strip_prefix("Invalid '").or(self.message.strip_prefix("Error parsing '"))?;
        rest.split('\'').next()
    }

    /// True if the refusal of an address is that of every reader. Postmark answers 406 only then.
    fn means_all(&self, envelope: &Envelope<'_>) -> bool {
        self.code == 406 || envelope.recipients() == 1
    }

    /// The addresses in "… inactive addresses: a@x.org, b@x.org. Inactive recipients are …".
    pub(super) fn inactive(&self) -> Vec<&str> {
        let Some((_, rest)) = self.message.split_once("inactive addresses:") else { return Vec::new() };
        let end = rest.find(". Inactive").or_else(|| rest.find(".\n")).unwrap_or(rest.len());
        rest[..end].split(',').map(|address| address.trim().trim_end_matches('.')).collect()
    }
}

/// An address that Postmark writes to no more.
pub(super) fn inactive(words: &str) -> Error {
    Error::new(ErrorKind::Suppressed, excerpt(words)).with_code("406")
}

/// The error of a call that was no success, for one of its mails.
pub(super) fn refused(answer: &HttpResponse, envelope: &Envelope<'_>, now: Timestamp) -> Error {
    match verdict(answer) {
        Some(verdict) => with_status(verdict.error(envelope), &verdict, answer, now),
        None => plain(answer, now),
    }
}

/// The same for a call that carried no mail.
pub(super) fn first(answer: &HttpResponse, now: Timestamp) -> Error {
    let Some(verdict) = verdict(answer) else { return plain(answer, now) };
    let row = CODES.iter().find(|(code, ..)| *code == verdict.code);
    let kind = row.map_or_else(|| error_for(answer, now).kind(), |(_, kind, _)| *kind);
    let error = Error::new(kind, excerpt(&verdict.message)).with_code(verdict.code.to_string());
    with_status(error, &verdict, answer, now)
}

fn verdict(answer: &HttpResponse) -> Option<Verdict> {
    serde_json::from_slice::<Verdict>(answer.body()).ok().filter(|verdict| verdict.code != 0)
}

/// The status decides how sure it is, and the kind where the code is unknown.
fn with_status(error: Error, verdict: &Verdict, answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    if CODES.iter().all(|(code, ..)| *code != verdict.code) {
        return plain(answer, now).with_code(verdict.code.to_string());
    }
    let error = error.with_certainty(status.certainty());
    if error.kind() == status.kind() { error.with_retry(status.retry()) } else { error }
}

fn plain(answer: &HttpResponse, now: Timestamp) -> Error {
    let words = excerpt(&String::from_utf8_lossy(answer.body()));
    let error = error_for(answer, now);
    if words.is_empty() { error } else { error.with_context("answer", words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::{Certainty, Retry},
        id::{MessageId, TenantId},
        message::Email,
        provider::Outgoing,
        testing::answer,
    };

    fn error(status: u16, body: &str, email: &Email) -> Error {
        let item = Outgoing::new(email, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "k");
        refused(
            &answer(status, &[("retry-after", "3")], body.to_owned()),
            &Envelope::all(item)[0],
            Timestamp::default(),
        )
    }

    fn email() -> Email {
        Email::builder().from("s@x.org").to("a@x.org").text("t").build().expect("valid")
    }

    #[test]
    fn codes_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, InvalidMessage, InvalidRecipient, NotFound, PayloadTooLarge, Permission, Quota,
            RateLimited, Suppressed, Template, Unavailable,
        };
        use Retry::Never;
        let wait = Retry::After(std::time::Duration::from_secs(3));
        // https://postmarkapp.com/developer/api/overview#error-codes unless said otherwise.
        let table = [
            (401, 10, "Bad or missing API token", Auth, NotSent, Never),
            (503, 100, "Maintenance", Unavailable, NotSent, wait),
            // https://postmarkapp.com/support/article/1180-what-does-errorcode-300-mean
            (422, 300, "Invalid 'To' address: 'x'.", InvalidRecipient, NotSent, Never),
            (422, 300, "Error parsing 'Bcc': Illegal email domain", InvalidRecipient, NotSent, Never),
            (422, 300, "Invalid 'From' address: 'x'.", InvalidMessage, NotSent, Never),
            (422, 300, "Invalid metadata content.", InvalidMessage, NotSent, Never),
            (422, 400, "Sender signature not found", Permission, NotSent, Never),
            (422, 401, "Sender signature not confirmed", Permission, NotSent, Never),
            (422, 402, "Invalid JSON", InvalidMessage, NotSent, Never),
            (422, 403, "Incompatible JSON", InvalidMessage, NotSent, Never),
            (422, 405, "Not allowed to send", Quota, NotSent, Never),
            (422, 406, "Found inactive addresses: a@x.org.", Suppressed, NotSent, Never),
            (422, 409, "JSON required", InvalidMessage, NotSent, Never),
            (422, 410, "Too many batch messages", PayloadTooLarge, NotSent, Never),
            (422, 411, "Forbidden attachment type", InvalidMessage, NotSent, Never),
            (422, 412, "Account is pending", Permission, NotSent, Never),
            (422, 413, "Account may not send", Permission, NotSent, Never),
            (429, 429, "Rate limit exceeded", RateLimited, NotSent, wait),
            // https://postmarkapp.com/developer/api/templates-api
            (422, 1101, "Template not found", Template, NotSent, Never),
            // Unknown codes are told by their status.
            (404, 9_999, "no such thing", NotFound, NotSent, Never),
            (500, 9_999, "oops", Unavailable, Unknown, wait),
        ];
        for (status, code, words, kind, certainty, retry) in table {
            let body = serde_json::json!({"ErrorCode": code, "Message": words}).to_string();
            let error = error(status, &body, &email());
            let facts = (error.kind(), error.certainty(), error.retry());
            assert_eq!(facts, (kind, certainty, retry), "{status} {code} {words}");
            assert_eq!(error.code(), Some(code.to_string().as_str()));
        }
        assert_eq!(error(500, "<html>Oops</html>", &email()).certainty(), Unknown);
        assert_eq!(error(413, "", &email()).kind(), PayloadTooLarge);
    }

    #[test]
    fn a_bad_copy_says_nothing_against_the_other_readers() {
        let email =
            Email::builder().from("s@x.org").to("a@x.org").cc("c@x.org").text("t").build().expect("valid");
        let error = error(422, r#"{"ErrorCode":300,"Message":"Invalid 'Cc' address: 'c@x.org'."}"#, &email);
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some("cc")));
    }

    #[test]
    fn addresses_are_read_from_both_forms_of_words() {
        let read = |message: &str| {
            let verdict = Verdict { code: 0, message: message.to_owned(), message_id: None };
            verdict.inactive().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let ok = "Message OK, but will not deliver to these inactive addresses: a@x.org, b@x.org. Inactive recipients are ones that have generated a hard bounce or a spam complaint.";
        assert_eq!(read(ok), ["a@x.org", "b@x.org"]);
        assert_eq!(read("Found inactive addresses: a@x.org.\nInactive recipients are"), ["a@x.org"]);
        assert!(read("OK").is_empty());
    }
}
