//! What Resend's errors mean, by their names.
//!
//! <https://resend.com/docs/api-reference/errors>

use serde::Deserialize;

use super::wire::Complaint;
use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    providers::shared::envelope::Envelope,
    time::Timestamp,
};

/// Name, kind, and the field that it blames. What is not here is told by the status alone.
const NAMES: &[(&str, ErrorKind, Option<&str>)] = {
    use ErrorKind::{
        Auth, Config, Conflict, InvalidMessage, NotFound, Permission, Quota, RateLimited, Refused,
        Unavailable,
    };
    &[
        ("application_error", Unavailable, None),
        // The first request with this key is still under way.
        (CONCURRENT, Unavailable, None),
        ("daily_quota_exceeded", Quota, None),
        ("internal_server_error", Unavailable, None),
        ("invalid_access", Permission, None),
        ("invalid_api_key", Auth, None),
        ("invalid_attachment", InvalidMessage, Some("attachments")),
        ("invalid_from_address", InvalidMessage, Some("from")),
        ("invalid_idempotency_key", InvalidMessage, None),
        // The same key with another payload.
        ("invalid_idempotent_request", Conflict, None),
        ("invalid_parameter", InvalidMessage, None),
        ("invalid_region", Config, None),
        ("method_not_allowed", Config, None),
        ("missing_api_key", Auth, None),
        ("missing_required_field", InvalidMessage, None),
        ("monthly_quota_exceeded", Quota, None),
        ("not_found", NotFound, None),
        ("rate_limit_exceeded", RateLimited, None),
        (RESTRICTED, Permission, None),
        ("security_error", Refused, None),
        ("validation_error", InvalidMessage, None),
    ]
};

const CONCURRENT: &str = "concurrent_idempotent_requests";
const RESTRICTED: &str = "restricted_api_key";

#[derive(Deserialize)]
struct Answer {
    name: String,
    message: String,
}

/// What Resend said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Resend refused the call with {name}: {message}")]
struct Fault {
    name: String,
    message: String,
}

fn read(answer: &HttpResponse) -> Option<Answer> {
    serde_json::from_slice::<Answer>(answer.body()).ok()
}

/// True for a key that is good and may only send.
pub(super) fn may_only_send(answer: &HttpResponse) -> bool {
    read(answer).is_some_and(|answer| answer.name == RESTRICTED)
}

/// The error of a call that was no success, for one of its mails.
pub(super) fn refused(answer: &HttpResponse, envelope: &Envelope<'_>, now: Timestamp) -> Error {
    let error = first(answer, now);
    match read(answer) {
        Some(read) if read.name == "validation_error" && answer.status() != 403 => {
            blamed(error, &read.message, envelope)
        }
        _ => error,
    }
}

/// The same for a call that carried no mail.
pub(super) fn first(answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let Some(read) = read(answer) else { return plain(status, answer) };
    let Some((name, kind, field)) = NAMES.iter().find(|(name, ..)| *name == read.name) else {
        return plain(status, answer).with_code(excerpt(&read.name));
    };
    // "You can only send testing emails …" and "The domain is not verified".
    let forbidden = read.name == "validation_error" && answer.status() == 403;
    let (kind, field) = if forbidden { (ErrorKind::Permission, Some("from")) } else { (*kind, *field) };
    let message = excerpt(&read.message);
    let mut error = Error::new(kind, message.clone())
        .with_code(*name)
        .with_certainty(status.certainty())
        .with_source(Fault { name: read.name, message });
    if kind == status.kind() {
        error = error.with_retry(status.retry());
    }
    if *name == CONCURRENT {
        // The first request may yet succeed; asked again with the same key, Resend tells.
        error = error.with_certainty(Certainty::Unknown).with_retry(Retry::Backoff);
    }
    match field {
        Some(field) => error.with_field(field),
        None => error,
    }
}

/// A mail of a batch that was not taken while others were.
pub(super) fn complained(complaint: &Complaint, envelope: &Envelope<'_>) -> Error {
    let message = excerpt(&complaint.message);
    let error = Error::new(ErrorKind::InvalidMessage, message.clone()).with_code("validation_error");
    blamed(
        error.with_source(Fault { name: "validation_error".into(), message }),
        &complaint.message,
        envelope,
    )
}

/// "Invalid `to` field. …" blames a recipient, if there is only one.
fn blamed(error: Error, words: &str, envelope: &Envelope<'_>) -> Error {
    let field = ["from", "to", "cc", "bcc", "reply_to", "subject"]
        .into_iter()
        .find(|field| words.contains(&format!("`{field}`")));
    match field {
        Some("to") if envelope.recipients() == 1 => {
            let kind = ErrorKind::InvalidRecipient;
            Error::new(kind, error.message().to_owned()).with_code("validation_error").with_field("to")
        }
        Some(field) => error.with_field(field),
        None => error,
    }
}

fn plain(error: Error, answer: &HttpResponse) -> Error {
    let words = excerpt(&String::from_utf8_lossy(answer.body()));
    if words.is_empty() { error } else { error.with_context("answer", words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{MessageId, TenantId},
        message::Email,
        provider::Outgoing,
        testing::answer,
    };

    fn error(status: u16, body: &str) -> Error {
        let email = Email::builder().from("s@x.org").to("a@x.org").text("t").build().expect("valid");
        let item = Outgoing::new(&email, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "k");
        let answer = answer(status, &[("retry-after", "3")], body.to_owned());
        refused(&answer, &Envelope::all(item)[0], Timestamp::default())
    }

    #[test]
    fn names_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, Config, Conflict, InvalidMessage, InvalidRecipient, NotFound, Permission, Quota,
            RateLimited, Refused, Unavailable,
        };
        use Retry::{Backoff, Never};
        let wait = Retry::After(std::time::Duration::from_secs(3));
        // Each of https://resend.com/docs/api-reference/errors
        let table = [
            (
                400,
                "invalid_idempotency_key",
                "The key must be between 1-256 chars.",
                InvalidMessage,
                NotSent,
                Never,
            ),
            (
                400,
                "validation_error",
                "We found an error with one or more fields.",
                InvalidMessage,
                NotSent,
                Never,
            ),
            (422, "validation_error", "Invalid `to` field.", InvalidRecipient, NotSent, Never),
            (422, "validation_error", "Invalid `from` field.", InvalidMessage, NotSent, Never),
            (401, "missing_api_key", "Missing API key", Auth, NotSent, Never),
            (401, "restricted_api_key", "restricted to only send emails", Permission, NotSent, Never),
            (403, "invalid_api_key", "API key is invalid.", Auth, NotSent, Never),
            (403, "validation_error", "The `x.org` domain is not verified.", Permission, NotSent, Never),
            (404, "not_found", "The requested endpoint does not exist.", NotFound, NotSent, Never),
            (405, "method_not_allowed", "Method is not allowed", Config, NotSent, Never),
            (409, "invalid_idempotent_request", "different request payload", Conflict, NotSent, Never),
            (409, "concurrent_idempotent_requests", "still in progress", Unavailable, Unknown, Backoff),
            (422, "invalid_attachment", "must have a content or path", InvalidMessage, NotSent, Never),
            (422, "invalid_from_address", "Invalid from field.", InvalidMessage, NotSent, Never),
            (422, "invalid_access", "Access must be full_access", Permission, NotSent, Never),
            (422, "invalid_parameter", "must be a UUID", InvalidMessage, NotSent, Never),
            (422, "invalid_region", "Region must be", Config, NotSent, Never),
            (422, "missing_required_field", "missing required fields", InvalidMessage, NotSent, Never),
            (429, "daily_quota_exceeded", "daily email quota", Quota, NotSent, Never),
            (429, "monthly_quota_exceeded", "monthly email quota", Quota, NotSent, Never),
            (429, "rate_limit_exceeded", "Too many requests.", RateLimited, NotSent, wait),
            (451, "security_error", "We may have found a security issue", Refused, NotSent, Never),
            (500, "application_error", "An unexpected error occurred.", Unavailable, Unknown, wait),
            (500, "internal_server_error", "An unexpected error occurred.", Unavailable, Unknown, wait),
            // Unknown names are told by their status.
            (402, "pay_first", "x", Quota, NotSent, Never),
        ];
        for (status, name, words, kind, certainty, retry) in table {
            let body = serde_json::json!({"statusCode": status, "name": name, "message": words}).to_string();
            let error = error(status, &body);
            let facts = (error.kind(), error.certainty(), error.retry());
            assert_eq!(facts, (kind, certainty, retry), "{status} {name} {words}");
            assert_eq!(error.code(), Some(name));
        }
        assert_eq!(error(502, "<html>").certainty(), Unknown);
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(NAMES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
