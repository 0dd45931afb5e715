//! What Meta's error codes mean.
//!
//! <https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes>

use serde::Deserialize;

use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

/// Code, kind, and the field that it blames. What is not here is told by the status alone.
const CODES: &[(i64, ErrorKind, Option<&str>)] = {
    use ErrorKind::{
        Auth, InvalidMessage, InvalidRecipient, NotFound, PayloadTooLarge, Permission, Quota, RateLimited,
        Refused, Suppressed, Unavailable, Unsupported,
    };
    &[
        // AuthException: the token is expired or was taken back.
        (0, Auth, None),
        // API Service: out of order, or overloaded.
        (2, Unavailable, None),
        // API Method: capability or permissions.
        (3, Permission, None),
        // API Too Many Calls.
        (4, RateLimited, None),
        // Permission denied.
        (10, Permission, None),
        // The business number was deleted.
        (33, Permission, None),
        // Invalid parameter.
        (100, InvalidMessage, None),
        // The token has expired.
        (190, Auth, None),
        // The account is restricted for a breach of policy.
        (368, Permission, None),
        // The account's rate limit.
        (80_007, RateLimited, None),
        // Throughput has been reached.
        (130_429, RateLimited, None),
        // Kept back: the person is part of an experiment.
        (130_472, Refused, Some("to")),
        // The account may not write to this country.
        (130_497, Permission, Some("to")),
        // Unknown reason.
        (131_000, Unavailable, None),
        // Access denied.
        (131_005, Permission, None),
        // A required parameter is missing.
        (131_008, InvalidMessage, None),
        // A parameter's value is not valid.
        (131_009, InvalidMessage, None),
        // A service is unavailable.
        (131_016, Unavailable, None),
        // Sender and recipient are the same.
        (131_021, InvalidRecipient, Some("to")),
        // Undeliverable: not on WhatsApp, old app, terms not accepted.
        (131_026, InvalidRecipient, Some("to")),
        // Not in the list of a test number.
        (131_030, Permission, Some("to")),
        // The account was locked.
        (131_031, Permission, None),
        // The display name is not approved.
        (131_037, Permission, None),
        // A problem with the payment method.
        (131_042, Quota, None),
        // The number's certificate: it is not registered right.
        (131_045, Permission, None),
        // More than 24 hours since the person wrote: use a template.
        (131_047, Refused, Some("content")),
        // Restricted after too many blocks and complaints.
        (131_048, Quota, None),
        // Kept back "to maintain healthy ecosystem engagement".
        (131_049, Refused, Some("to")),
        // The person has stopped marketing messages of this business.
        (131_050, Suppressed, Some("to")),
        // The kind of message is not supported.
        (131_051, Unsupported, Some("content")),
        // The media that the person sent cannot be fetched.
        (131_052, InvalidMessage, Some("content.media")),
        // The media of the message cannot be uploaded.
        (131_053, InvalidMessage, Some("content.media")),
        // Too many messages to this person in a short time.
        (131_056, RateLimited, Some("to")),
        // Maintenance.
        (131_057, Unavailable, None),
        // Other number of parameters than the template has.
        (132_000, InvalidMessage, Some("content.template.parameters")),
        // No such template in this language, or not approved.
        (132_001, NotFound, Some("content.template")),
        // The filled template is too long.
        (132_005, PayloadTooLarge, Some("content.template.parameters")),
        // The template breaks a policy.
        (132_007, Refused, Some("content.template")),
        // A parameter has the wrong form.
        (132_012, InvalidMessage, Some("content.template.parameters")),
        // The template is paused for its low quality.
        (132_015, Refused, Some("content.template")),
        // The template was paused too often and is disabled.
        (132_016, Refused, Some("content.template")),
        // The flow is blocked.
        (132_068, Refused, Some("content.template")),
        // The flow is throttled.
        (132_069, RateLimited, Some("content.template")),
        // The server is unavailable for a while.
        (133_004, Unavailable, None),
        // The business number is not registered.
        (133_010, Permission, None),
        // The template's parameters, or another reason that is not told.
        (135_000, InvalidMessage, None),
    ]
};

/// "API Permission" is a range.
const PERMISSIONS: std::ops::RangeInclusive<i64> = 200..=299;

#[derive(Deserialize)]
struct Answer {
    error: Said,
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: String,
    #[serde(default)]
    error_data: Option<Details>,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    details: String,
}

/// What Meta said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Meta refused: {message} ({code})")]
struct Fault {
    code: i64,
    message: String,
}

/// The error of an answer that is no success.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let said: Option<Answer> = serde_json::from_slice(answer.body()).ok();
    let Some((code, said)) = said.and_then(|Answer { error }| Some((error.code?, error))) else {
        let words = excerpt(&String::from_utf8_lossy(answer.body()));
        return if words.is_empty() { status } else { status.with_context("answer", words) };
    };
    let kind = kind(code).unwrap_or(status.kind());
    let error = Error::new(kind, words(&said))
        .with_code(code.to_string())
        .with_certainty(certainty(code, &status))
        .with_source(Fault { code, message: excerpt(&said.message) });
    let error = row(code).and_then(|(_, _, field)| *field).into_iter().fold(error, Error::with_field);
    // A wait that the header names holds whatever the code; a code's own rule holds without one.
    match status.retry() {
        Retry::After(wait) => error.with_retry(Retry::After(wait)),
        retry if error.kind() == status.kind() => error.with_retry(retry),
        _ => error,
    }
}

/// A code that gives the reason for a refusal proves that nothing was sent, though Meta answers some of
/// them with status 500. One that says "something went wrong" proves no more than its status.
fn certainty(code: i64, status: &Error) -> Certainty {
    match kind(code) {
        None | Some(ErrorKind::Unavailable) => status.certainty(),
        Some(_) => Certainty::NotSent,
    }
}

fn words(said: &Said) -> String {
    let details = said.error_data.as_ref().map(|data| data.details.as_str()).unwrap_or_default();
    match (excerpt(&said.message), excerpt(details)) {
        (message, details) if details.is_empty() => message,
        (message, details) if message.is_empty() => details,
        (message, details) => format!("{message}: {details}"),
    }
}

/// True if the code says that the recipient cannot be reached at all.
pub(super) fn is_unreachable(code: i64) -> bool {
    kind(code) == Some(ErrorKind::InvalidRecipient)
}

/// True if the code says that the recipient must not be written to.
pub(super) fn is_suppressed(code: i64) -> bool {
    kind(code) == Some(ErrorKind::Suppressed)
}

fn kind(code: i64) -> Option<ErrorKind> {
    if PERMISSIONS.contains(&code) {
        return Some(ErrorKind::Permission);
    }
    row(code).map(|(_, kind, _)| *kind)
}

fn row(code: i64) -> Option<&'static (i64, ErrorKind, Option<&'static str>)> {
    CODES.iter().find(|(known, ..)| *known == code)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::answer;

    fn said(status: u16, code: i64) -> Error {
        let body = format!(
            r#"{{"error":{{"message":"(#{code}) m","type":"OAuthException","code":{code},"error_data":{{"messaging_product":"whatsapp","details":"d"}},"fbtrace_id":"x"}}}}"#
        );
        refused(&answer(status, &[], body), Timestamp::default())
    }

    #[test]
    fn codes_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, InvalidMessage, InvalidRecipient, NotFound, PayloadTooLarge, Permission, Quota,
            RateLimited, Refused, Suppressed, Unavailable, Unsupported,
        };
        use Retry::{Backoff, Never};
        // All rows: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
        let table = [
            (401, 0, Auth, NotSent, Never, None),
            (401, 190, Auth, NotSent, Never, None),
            (500, 3, Permission, NotSent, Never, None),
            (403, 10, Permission, NotSent, Never, None),
            (403, 200, Permission, NotSent, Never, None),
            (403, 299, Permission, NotSent, Never, None),
            (403, 368, Permission, NotSent, Never, None),
            (403, 131_031, Permission, NotSent, Never, None),
            (400, 4, RateLimited, NotSent, Backoff, None),
            (400, 80_007, RateLimited, NotSent, Backoff, None),
            (400, 130_429, RateLimited, NotSent, Backoff, None),
            (400, 131_056, RateLimited, NotSent, Backoff, Some("to")),
            (400, 131_048, Quota, NotSent, Never, None),
            (400, 131_042, Quota, NotSent, Never, None),
            (400, 131_026, InvalidRecipient, NotSent, Never, Some("to")),
            (400, 131_021, InvalidRecipient, NotSent, Never, Some("to")),
            (400, 131_030, Permission, NotSent, Never, Some("to")),
            (403, 130_497, Permission, NotSent, Never, Some("to")),
            (400, 131_047, Refused, NotSent, Never, Some("content")),
            (400, 131_049, Refused, NotSent, Never, Some("to")),
            (400, 131_050, Suppressed, NotSent, Never, Some("to")),
            (400, 131_051, Unsupported, NotSent, Never, Some("content")),
            (400, 131_053, InvalidMessage, NotSent, Never, Some("content.media")),
            (400, 132_000, InvalidMessage, NotSent, Never, Some("content.template.parameters")),
            (404, 132_001, NotFound, NotSent, Never, Some("content.template")),
            (400, 132_005, PayloadTooLarge, NotSent, Never, Some("content.template.parameters")),
            (400, 132_015, Refused, NotSent, Never, Some("content.template")),
            (400, 132_016, Refused, NotSent, Never, Some("content.template")),
            (400, 100, InvalidMessage, NotSent, Never, None),
            // What says no reason is as sure as its status.
            (500, 131_000, Unavailable, Unknown, Backoff, None),
            (500, 131_016, Unavailable, Unknown, Backoff, None),
            (503, 133_004, Unavailable, NotSent, Backoff, None),
            (503, 2, Unavailable, NotSent, Backoff, None),
            (500, 999_999, Unavailable, Unknown, Backoff, None),
            (400, 1, InvalidMessage, NotSent, Never, None),
        ];
        for (status, code, kind, certainty, retry, field) in table {
            let error = said(status, code);
            let facts = (error.kind(), error.certainty(), error.retry(), error.field());
            assert_eq!(facts, (kind, certainty, retry, field), "{code}");
            assert_eq!(error.code(), Some(code.to_string().as_str()));
            assert_eq!(error.message(), format!("(#{code}) m: d"));
        }
    }

    #[test]
    fn answers_without_a_code_are_told_by_their_status() {
        for (status, body, kind, certainty) in [
            (502, "<html>Bad gateway</html>", ErrorKind::Unavailable, Certainty::Unknown),
            (503, "", ErrorKind::Unavailable, Certainty::NotSent),
            (404, r#"{"error":{}}"#, ErrorKind::NotFound, Certainty::NotSent),
            (400, r#"{"error":"x"}"#, ErrorKind::InvalidMessage, Certainty::NotSent),
        ] {
            let error = refused(&answer(status, &[], body), Timestamp::default());
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{status}");
        }
        let limited = answer(429, &[("retry-after", "4")], r#"{"error":{"code":130429}}"#);
        let error = refused(&limited, Timestamp::default());
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(4)));
    }

    #[test]
    fn codes_stand_once_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
