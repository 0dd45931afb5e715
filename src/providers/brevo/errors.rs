//! What Brevo's error codes mean.
//!
//! The codes are those of `ErrorModel` in <https://github.com/getbrevo/brevo-node>.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt, retry_after},
    },
    providers::shared::envelope::Envelope,
    time::Timestamp,
};

/// A wait longer than this is taken for nonsense.
const LONGEST: u64 = 24 * 60 * 60;

/// Code and kind. What is not here is told by the status alone.
const CODES: &[(&str, ErrorKind)] = {
    use ErrorKind::{Auth, Config, Conflict, InvalidMessage, NotFound, Permission, Quota, RateLimited};
    &[
        ("account_under_validation", Permission),
        ("bad_request", InvalidMessage),
        ("document_not_found", NotFound),
        ("duplicate_parameter", Conflict),
        ("duplicate_request", Conflict),
        ("invalid_parameter", InvalidMessage),
        ("method_not_allowed", Config),
        ("missing_parameter", InvalidMessage),
        ("not_acceptable", InvalidMessage),
        ("not_enough_credits", Quota),
        ("out_of_range", InvalidMessage),
        ("permission_denied", Permission),
        ("reseller_permission_denied", Permission),
        ("too_many_requests", RateLimited),
        ("unauthorized", Auth),
        ("unprocessable_entity", InvalidMessage),
    ]
};

#[derive(Deserialize)]
struct Answer {
    code: String,
    message: String,
}

/// What Brevo said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Brevo refused the call with {code}: {message}")]
struct Fault {
    code: String,
    message: String,
}

/// The error of a call that was no success, for one of its mails.
pub(super) fn refused(answer: &HttpResponse, envelope: &Envelope<'_>, now: Timestamp) -> Error {
    let error = first(answer, now);
    let field = ["to", "cc", "bcc", "replyTo", "sender"]
        .into_iter()
        .find(|field| error.message().ends_with(&format!("is not valid in {field}")));
    match field {
        Some("to") if error.kind() == ErrorKind::InvalidMessage && envelope.recipients() == 1 => {
            named(&error, ErrorKind::InvalidRecipient).with_field("to")
        }
        Some("replyTo") => error.with_field("reply_to"),
        Some("sender") => error.with_field("from"),
        Some(field) => error.with_field(field),
        None => error,
    }
}

fn named(error: &Error, kind: ErrorKind) -> Error {
    let words = error.message().to_owned();
    Error::new(kind, words).with_code(error.code().unwrap_or_default())
}

/// The same for a call that carried no mail.
pub(super) fn first(answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let Ok(read) = serde_json::from_slice::<Answer>(answer.body()) else { return plain(status, answer, now) };
    let Some((code, kind)) = CODES.iter().find(|(code, _)| *code == read.code) else {
        return plain(status, answer, now).with_code(excerpt(&read.code));
    };
    let message = excerpt(&read.message);
    let error = Error::new(*kind, message.clone())
        .with_code(*code)
        .with_certainty(status.certainty())
        .with_source(Fault { code: read.code, message });
    let error = if *kind == status.kind() { error.with_retry(status.retry()) } else { error };
    waiting(error, answer, now)
}

/// 429 tells how long the limit lasts, in seconds (<https://developers.brevo.com/docs/limit-headers>).
fn waiting(error: Error, answer: &HttpResponse, now: Timestamp) -> Error {
    if error.kind() != ErrorKind::RateLimited || retry_after(answer.headers(), now).is_some() {
        return error;
    }
    let reset =
        answer.headers().get("x-sib-ratelimit-reset").and_then(|value| value.to_str().ok()?.parse().ok());
    match reset {
        Some(secs) if secs <= LONGEST => error.with_retry(Retry::After(Duration::from_secs(secs))),
        _ => error,
    }
}

fn plain(error: Error, answer: &HttpResponse, now: Timestamp) -> Error {
    let words = excerpt(&String::from_utf8_lossy(answer.body()));
    let error = waiting(error, answer, now);
    if words.is_empty() { error } else { error.with_context("answer", words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::Certainty,
        id::{MessageId, TenantId},
        message::Email,
        provider::Outgoing,
        testing::answer,
    };

    fn error(status: u16, body: &str) -> Error {
        let email = Email::builder().from("s@x.org").to("a@x.org").text("t").build().expect("valid");
        let item = Outgoing::new(&email, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "k");
        let answer = answer(status, &[("x-sib-ratelimit-reset", "3")], body.to_owned());
        refused(&answer, &Envelope::all(item)[0], Timestamp::default())
    }

    #[test]
    fn codes_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, Config, Conflict, InvalidMessage, InvalidRecipient, NotFound, Permission, Quota,
            RateLimited, Unavailable,
        };
        use Retry::{Backoff, Never};
        let wait = Retry::After(Duration::from_secs(3));
        // Codes and statuses of https://github.com/getbrevo/brevo-node (model/errorModel.ts) unless said otherwise.
        let table = [
            (400, "invalid_parameter", "sender is invalid", InvalidMessage, NotSent, Never),
            // https://developers.brevo.com/reference/sendtransacemail
            (400, "invalid_parameter", "email is not valid in to", InvalidRecipient, NotSent, Never),
            (400, "invalid_parameter", "email is not valid in cc", InvalidMessage, NotSent, Never),
            (400, "missing_parameter", "subject is missing", InvalidMessage, NotSent, Never),
            (400, "out_of_range", "x", InvalidMessage, NotSent, Never),
            (400, "bad_request", "x", InvalidMessage, NotSent, Never),
            // https://developers.brevo.com/docs/heterogenous-versions-batch-emails
            (400, "duplicate_parameter", "x", Conflict, NotSent, Never),
            (400, "duplicate_request", "x", Conflict, NotSent, Never),
            (401, "unauthorized", "Key not found", Auth, NotSent, Never),
            (402, "not_enough_credits", "x", Quota, NotSent, Never),
            (403, "permission_denied", "x", Permission, NotSent, Never),
            (403, "reseller_permission_denied", "x", Permission, NotSent, Never),
            (403, "account_under_validation", "x", Permission, NotSent, Never),
            (404, "document_not_found", "Template not found", NotFound, NotSent, Never),
            (405, "method_not_allowed", "x", Config, NotSent, Never),
            (406, "not_acceptable", "x", InvalidMessage, NotSent, Never),
            (422, "unprocessable_entity", "x", InvalidMessage, NotSent, Never),
            // https://developers.brevo.com/docs/limit-headers
            (429, "too_many_requests", "x", RateLimited, NotSent, wait),
            (429, "any", "x", RateLimited, NotSent, wait),
            // Unknown codes are told by their status.
            (500, "oops", "x", Unavailable, Unknown, Backoff),
            (503, "oops", "x", Unavailable, NotSent, Backoff),
        ];
        for (status, code, words, kind, certainty, retry) in table {
            let body = serde_json::json!({"code": code, "message": words}).to_string();
            let error = error(status, &body);
            let facts = (error.kind(), error.certainty(), error.retry());
            assert_eq!(facts, (kind, certainty, retry), "{status} {code} {words}");
            assert_eq!(error.code(), Some(code));
        }
        assert_eq!(error(502, "<html>").certainty(), Unknown);
    }

    #[test]
    fn the_table_is_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
