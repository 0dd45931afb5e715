//! What SendGrid's refusals mean.
//!
//! <https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors>

use std::time::Duration;

use serde::Deserialize;

use super::wire::plain;
use crate::{
    error::{Error, ErrorKind, Result, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt, retry_after},
    },
    provider::Outcome,
    providers::shared::{
        envelope::Envelope,
        plan::{Answers, all_failed},
    },
    time::Timestamp,
};

/// A reset further ahead than this is taken for nonsense.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

#[derive(Deserialize)]
struct Answer {
    errors: Vec<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    message: String,
    #[serde(default)]
    field: Option<String>,
}

/// What SendGrid said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("SendGrid refused the field {field}: {message}")]
    Field { field: String, message: String },
    #[error("SendGrid refused the call: {0}")]
    Whole(String),
}

/// A refusal of each envelope: for good where its address is blamed, for a
/// passing reason where only another's is, so that it is tried again without that.
pub(super) fn refused(answer: &HttpResponse, envelopes: &[Envelope<'_>], now: Timestamp) -> Answers {
    let complaints = complaints(answer);
    let blamed: Option<Vec<Blame>> =
        complaints.iter().map(|complaint| blame(complaint.field.as_deref()?, envelopes)).collect();
    match blamed {
        Some(blamed) if !blamed.is_empty() && answer.status().as_u16() == 400 => {
            let of = |at| by_recipient(answer, (at, &envelopes[at]), &complaints, &blamed, now);
            (0..envelopes.len()).map(of).collect()
        }
        _ => all_failed(envelopes, &first(answer, now)),
    }
}

/// The error of the whole answer, by its first complaint.
pub(super) fn first(answer: &HttpResponse, now: Timestamp) -> Error {
    match complaints(answer).first() {
        Some(complaint) => error(answer, complaint, now),
        None => waiting(plain(answer, now), answer, now),
    }
}

fn complaints(answer: &HttpResponse) -> Vec<Complaint> {
    serde_json::from_slice::<Answer>(answer.body()).map(|answer| answer.errors).unwrap_or_default()
}

fn error(answer: &HttpResponse, complaint: &Complaint, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let kind = kind(answer.status().as_u16(), complaint).unwrap_or(status.kind());
    let message = excerpt(&complaint.message);
    let mut error = Error::new(kind, message.clone())
        .with_code(answer.status().as_str())
        .with_certainty(status.certainty())
        .with_source(Fault::of(complaint));
    if kind == status.kind() {
        error = error.with_retry(status.retry());
    }
    match &complaint.field {
        Some(field) => error = error.with_field(excerpt(field)),
        None if kind == ErrorKind::Permission && message.contains("Sender Identity") => {
            error = error.with_field("from");
        }
        None => {}
    }
    waiting(error, answer, now)
}

/// Where SendGrid's words say more than its status.
fn kind(status: u16, complaint: &Complaint) -> Option<ErrorKind> {
    let says = |words: &str| complaint.message.to_ascii_lowercase().contains(words);
    match status {
        400 if complaint.field.as_deref().is_some_and(|field| named(field).is_some()) => {
            Some(ErrorKind::InvalidRecipient)
        }
        // A spent plan is answered by 401, as if the key were wrong.
        401 if says("credits exceeded") => Some(ErrorKind::Quota),
        _ => None,
    }
}

/// 429 tells the moment at which the limit is renewed, in Unix seconds (the page "Rate Limits").
fn waiting(error: Error, answer: &HttpResponse, now: Timestamp) -> Error {
    if error.kind() != ErrorKind::RateLimited || retry_after(answer.headers(), now).is_some() {
        return error;
    }
    let reset = answer.headers().get("x-ratelimit-reset").and_then(|value| value.to_str().ok()?.parse().ok());
    match reset.map(|secs| Timestamp::from_secs(secs).since(now)) {
        Some(wait) if wait <= LONGEST => error.with_retry(Retry::After(wait)),
        _ => error,
    }
}

/// The envelope, and the position in it, that a complaint is about.
type Blame = (usize, usize);

/// The recipient that `personalizations.0.to.1.email` names.
fn blame(field: &str, envelopes: &[Envelope<'_>]) -> Option<Blame> {
    let (personalization, list, index) = named(field)?;
    let envelope = envelopes.get(personalization)?;
    let (to, cc) = (envelope.to().len(), envelope.cc().len());
    let (before, length) = match list {
        "to" => (0, to),
        "cc" => (to, cc),
        _ => (to + cc, envelope.bcc().len()),
    };
    (index < length).then_some((personalization, before + index))
}

fn named(field: &str) -> Option<(usize, &str, usize)> {
    let mut parts = field.split('.');
    let (head, personalization) = (parts.next()?, parts.next()?.parse().ok()?);
    let (list, index, what) = (parts.next()?, parts.next()?.parse().ok()?, parts.next()?);
    let fits = head == "personalizations" && matches!(list, "bcc" | "cc" | "to") && what == "email";
    (fits && parts.next().is_none()).then_some((personalization, list, index))
}

fn by_recipient(
    answer: &HttpResponse,
    (at, envelope): (usize, &Envelope<'_>),
    complaints: &[Complaint],
    blamed: &[Blame],
    now: Timestamp,
) -> Result<Vec<Outcome>> {
    let complaint = |position| blamed.iter().position(|blame| *blame == (at, position));
    let positions = 0..envelope.recipients();
    match complaint(0) {
        Some(index) if positions.clone().all(|position| complaint(position).is_some()) => {
            return Err(error(answer, &complaints[index], now));
        }
        None if positions.clone().all(|position| complaint(position).is_none()) => {
            return Err(innocent(answer));
        }
        _ => {}
    }
    let failed = |position| match complaint(position) {
        Some(index) => error(answer, &complaints[index], now),
        None => innocent(answer),
    };
    Ok(positions.map(|position| Outcome::failed(failed(position))).collect())
}

fn innocent(answer: &HttpResponse) -> Error {
    Error::new(ErrorKind::Refused, "another recipient's address was refused, and with it the mail")
        .with_code(answer.status().as_str())
        .with_retry(Retry::Backoff)
}

impl Fault {
    fn of(complaint: &Complaint) -> Self {
        let message = excerpt(&complaint.message);
        match &complaint.field {
            Some(field) => Self::Field { field: excerpt(field), message },
            None => Self::Whole(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::{
        error::Certainty,
        id::{MessageId, TenantId},
        message::Email,
        provider::{Outgoing, Receipt},
        providers::shared::envelope::receipt,
    };

    fn refused(answer: &HttpResponse, email: &Email, now: Timestamp) -> Result<Receipt> {
        let id = MessageId::new(Timestamp::default());
        let envelopes = Envelope::all(Outgoing::new(email, id, &TenantId::DEFAULT, "key"));
        receipt(super::refused(answer, &envelopes, now), &envelopes)
    }

    fn email() -> Email {
        let all = Email::builder().to("a@x.org").to("b@x.org").cc("c@x.org").bcc("d@x.org");
        all.subject("s").text("t").build().expect("valid")
    }

    fn answer(status: u16, header: Option<(&str, &str)>, body: &str) -> HttpResponse {
        let mut response = http::Response::builder().status(status);
        if let Some((name, value)) = header {
            response = response.header(name, value);
        }
        response.body(Bytes::copy_from_slice(body.as_bytes())).expect("a valid answer")
    }

    #[test]
    fn answers_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{Auth, InvalidMessage, PayloadTooLarge, Permission, Quota, RateLimited, Unavailable};
        let one = |message: &str, field: &str| {
            format!(r#"{{"errors":[{{"message":"{message}","field":{field},"help":null}}]}}"#)
        };
        let identity = "The from address does not match a verified Sender Identity.";
        // https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors unless said otherwise.
        let table = [
            (
                400,
                None,
                one("The subject is required.", r#""subject""#),
                InvalidMessage,
                NotSent,
                Retry::Never,
            ),
            (401, None, one("authorization required", "null"), Auth, NotSent, Retry::Never),
            // https://github.com/sendgrid/sendgrid-nodejs/issues/1032
            (401, None, one("Maximum credits exceeded", "null"), Quota, NotSent, Retry::Never),
            // https://www.twilio.com/docs/sendgrid/for-developers/sending-email/sender-identity
            (403, None, one(identity, r#""from""#), Permission, NotSent, Retry::Never),
            (413, None, String::new(), PayloadTooLarge, NotSent, Retry::Never),
            // https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
            (
                429,
                Some(("X-RateLimit-Reset", "107")),
                one("too many requests", "null"),
                RateLimited,
                NotSent,
                Retry::After(Duration::from_secs(7)),
            ),
            (
                429,
                Some(("Retry-After", "3")),
                String::new(),
                RateLimited,
                NotSent,
                Retry::After(Duration::from_secs(3)),
            ),
            (429, Some(("X-RateLimit-Reset", "soon")), String::new(), RateLimited, NotSent, Retry::Backoff),
            (500, None, "<html>Oops</html>".into(), Unavailable, Unknown, Retry::Backoff),
            (503, None, String::new(), Unavailable, NotSent, Retry::Backoff),
        ];
        for (status, header, body, kind, certainty, retry) in table {
            let error = refused(&answer(status, header, &body), &email(), Timestamp::from_secs(100));
            let error = error.expect_err("refused");
            let facts = (error.kind(), error.certainty(), error.retry());
            assert_eq!(facts, (kind, certainty, retry), "{status} {body}");
        }
    }

    #[test]
    fn one_bad_address_does_not_lose_the_others() {
        let body = r#"{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.0.cc.0.email"}]}"#;
        let receipt = refused(&answer(400, None, body), &email(), Timestamp::default()).expect("a receipt");
        let kinds: Vec<_> = receipt.outcomes.iter().map(|o| o.error().expect("refused").kind()).collect();
        use ErrorKind::{InvalidRecipient, Refused};
        assert_eq!(kinds, [Refused, Refused, InvalidRecipient, Refused]);
        assert!(receipt.outcomes[0].error().expect("refused").is_passing());
        assert!(!receipt.outcomes[2].error().expect("refused").is_passing());
    }

    #[test]
    fn a_single_bad_address_is_an_error() {
        let email = Email::builder().to("a@x.org").subject("s").text("t").build().expect("valid");
        let body = r#"{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.0.to.0.email"}]}"#;
        let error = refused(&answer(400, None, body), &email, Timestamp::default()).expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::InvalidRecipient);
    }

    #[test]
    fn a_field_that_is_no_recipient_speaks_for_all() {
        for field in
            ["personalizations", "personalizations.9.to.0.email", "personalizations.0.to.7.email", "x"]
        {
            let body = format!(r#"{{"errors":[{{"message":"m","field":"{field}"}}]}}"#);
            assert!(refused(&answer(400, None, &body), &email(), Timestamp::default()).is_err(), "{field}");
        }
    }
}
