//! What Twilio's error codes mean.
//!
//! Each has a page of its own: `https://www.twilio.com/docs/api/errors/<code>`.

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

/// Code, kind, and the field that it blames. What is not here is told by the status alone.
const CODES: &[(i64, ErrorKind, Option<&str>)] = {
    use ErrorKind::{
        Auth, InvalidMessage, InvalidRecipient, PayloadTooLarge, Permission, Quota, RateLimited, Refused,
        Suppressed, Unavailable, Unsupported,
    };
    &[
        // Account is not active.
        (10001, Permission, None),
        // More than 30 messages between two numbers in 30 seconds.
        (14107, RateLimited, None),
        // Authentication, or a key without this right.
        (20003, Auth, None),
        // Account not active, or out of funds.
        (20005, Permission, None),
        // Not with test credentials.
        (20008, Permission, None),
        // Too many requests; "not processed and safe to retry".
        (20429, RateLimited, None),
        // Invalid To.
        (21211, InvalidRecipient, Some("to")),
        // Invalid From.
        (21212, Permission, Some("from")),
        // No permission to send to the region of To.
        (21408, Permission, Some("to")),
        // From is no number of ours.
        (21601, Permission, Some("from")),
        // Body or media are required.
        (21602, InvalidMessage, Some("body")),
        // A sender is required.
        (21603, InvalidMessage, Some("from")),
        // From cannot send to this destination.
        (21606, Permission, Some("from")),
        // To is not verified, on a trial account.
        (21608, Permission, Some("to")),
        // To has unsubscribed.
        (21610, Suppressed, Some("to")),
        // From has too many messages queued.
        (21611, RateLimited, Some("from")),
        // To cannot be reached by this From.
        (21612, Unsupported, Some("to")),
        // To is no mobile number.
        (21614, InvalidRecipient, Some("to")),
        // Longer than 1,600 characters; some count as several.
        (21617, PayloadTooLarge, Some("body")),
        // Body, media or content are required, with a messaging service.
        (21619, InvalidMessage, Some("body")),
        // Invalid media URL.
        (21620, InvalidMessage, Some("media")),
        // From is not Twilio's, or a short code of another country.
        (21659, Permission, Some("from")),
        // From belongs to another account.
        (21660, Permission, Some("from")),
        // Maintenance.
        (21730, Unavailable, None),
        // Queue overflow.
        (30001, RateLimited, None),
        // Account suspended.
        (30002, Permission, None),
        // Unknown handset.
        (30005, InvalidRecipient, Some("to")),
        // Landline.
        (30006, InvalidRecipient, Some("to")),
        // Filtered by Twilio or a carrier.
        (30007, Refused, None),
        // The channel did not find To.
        (63003, InvalidRecipient, Some("to")),
        // No channel has this From.
        (63007, Permission, Some("from")),
        // The recipient blocked the sender, or opted out.
        (63014, Suppressed, Some("to")),
        // Outside the messaging window: use a template.
        (63016, Refused, Some("content")),
        // Rate limit exceeded.
        (63017, RateLimited, None),
        // Rate limit of the channel exceeded.
        (63018, RateLimited, None),
        // Rejected or not supported by the channel: media, components, a template filled too long.
        (63021, InvalidMessage, Some("content")),
        // WhatsApp cannot reach the recipient (its codes 1002 and 1026).
        (63024, InvalidRecipient, Some("to")),
        // The account's daily limit; until the next day.
        (63038, Quota, None),
    ]
};

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    code: Option<i64>,
    #[serde(default)]
    message: Option<String>,
}

/// What Twilio said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Twilio refused: {message} (https://www.twilio.com/docs/api/errors/{code})")]
struct Fault {
    code: i64,
    message: String,
}

/// The error of an answer that is no success.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let said: Option<Answer> = serde_json::from_slice(answer.body()).ok();
    let Some(Answer { code: Some(code), message }) = said else {
        let words = excerpt(&String::from_utf8_lossy(answer.body()));
        return if words.is_empty() { status } else { status.with_context("answer", words) };
    };
    let error = coded(code, message.as_deref(), status.kind()).with_certainty(status.certainty());
    // A wait that the header names holds whatever the code; a code's own rule holds without one.
    match status.retry() {
        Retry::After(wait) => error.with_retry(Retry::After(wait)),
        retry if error.kind() == status.kind() => error.with_retry(retry),
        _ => error,
    }
}

/// The error of a message that Twilio made and gave up at once.
pub(super) fn failed(code: Option<i64>, message: Option<&str>) -> Error {
    coded(code.unwrap_or_default(), message, ErrorKind::Refused)
}

/// True if the code says that the recipient cannot be reached at all.
pub(super) fn is_unreachable(code: i64) -> bool {
    row(code).is_some_and(|(_, kind, _)| *kind == ErrorKind::InvalidRecipient)
}

/// True if the code says that the recipient must not be written to.
pub(super) fn is_suppressed(code: i64) -> bool {
    row(code).is_some_and(|(_, kind, _)| *kind == ErrorKind::Suppressed)
}

fn row(code: i64) -> Option<&'static (i64, ErrorKind, Option<&'static str>)> {
    CODES.iter().find(|(known, ..)| *known == code)
}

fn coded(code: i64, message: Option<&str>, otherwise: ErrorKind) -> Error {
    let (kind, field) = row(code).map_or((otherwise, None), |(_, kind, field)| (*kind, *field));
    let message = excerpt(message.unwrap_or("no words"));
    let error = Error::new(kind, message.clone())
        .with_code(code.to_string())
        .with_certainty(crate::Certainty::NotSent)
        .with_source(Fault { code, message });
    match field {
        Some(field) => error.with_field(field),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use bytes::Bytes;

    use super::*;
    use crate::error::Certainty;

    fn answer(status: u16, retry_after: Option<&str>, body: &str) -> HttpResponse {
        let mut response = http::Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header("Retry-After", value);
        }
        response.body(Bytes::copy_from_slice(body.as_bytes())).expect("a valid answer")
    }

    #[test]
    fn codes_have_kind_certainty_and_retry() {
        use Certainty::NotSent;
        use ErrorKind::{
            Auth, InvalidMessage, InvalidRecipient, PayloadTooLarge, Permission, Quota, RateLimited, Refused,
            Suppressed, Unavailable, Unsupported,
        };
        use Retry::{Backoff, Never};
        // Each row's page: https://www.twilio.com/docs/api/errors/<code>
        let table = [
            (401, 20003, Auth, Never, None),
            (403, 20005, Permission, Never, None),
            (403, 20008, Permission, Never, None),
            (429, 20429, RateLimited, Backoff, None),
            (429, 14107, RateLimited, Backoff, None),
            (400, 21211, InvalidRecipient, Never, Some("to")),
            (400, 21408, Permission, Never, Some("to")),
            (400, 21606, Permission, Never, Some("from")),
            (400, 21610, Suppressed, Never, Some("to")),
            (429, 21611, RateLimited, Backoff, Some("from")),
            (400, 21612, Unsupported, Never, Some("to")),
            (400, 21614, InvalidRecipient, Never, Some("to")),
            (400, 21602, InvalidMessage, Never, Some("body")),
            (400, 21603, InvalidMessage, Never, Some("from")),
            (400, 21617, PayloadTooLarge, Never, Some("body")),
            (400, 21619, InvalidMessage, Never, Some("body")),
            (400, 21659, Permission, Never, Some("from")),
            (400, 21660, Permission, Never, Some("from")),
            (400, 21730, Unavailable, Backoff, None),
            (400, 30001, RateLimited, Backoff, None),
            (400, 63003, InvalidRecipient, Never, Some("to")),
            (400, 63007, Permission, Never, Some("from")),
            (400, 63014, Suppressed, Never, Some("to")),
            (400, 63016, Refused, Never, Some("content")),
            (400, 63018, RateLimited, Backoff, None),
            (400, 63021, InvalidMessage, Never, Some("content")),
            (400, 63024, InvalidRecipient, Never, Some("to")),
            (400, 63038, Quota, Never, None),
            (400, 99999, InvalidMessage, Never, None),
        ];
        for (status, code, kind, retry, field) in table {
            let body = format!(r#"{{"code":{code},"message":"m","more_info":"x","status":{status}}}"#);
            let error = refused(&answer(status, None, &body), Timestamp::default());
            let facts = (error.kind(), error.certainty(), error.retry(), error.field());
            assert_eq!(facts, (kind, NotSent, retry, field), "{code}");
            assert_eq!(error.code(), Some(code.to_string().as_str()));
        }
    }

    #[test]
    fn answers_without_a_code_are_told_by_their_status() {
        for (status, body, kind, certainty) in [
            (502, "<html>Bad gateway</html>", ErrorKind::Unavailable, Certainty::Unknown),
            (503, "", ErrorKind::Unavailable, Certainty::NotSent),
            (404, r#"{"status":404}"#, ErrorKind::NotFound, Certainty::NotSent),
            (500, r#"{"code":20500,"message":"m"}"#, ErrorKind::Unavailable, Certainty::Unknown),
        ] {
            let error = refused(&answer(status, None, body), Timestamp::default());
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{status}");
        }
    }

    #[test]
    fn a_named_wait_is_kept() {
        let error = refused(&answer(429, Some("4"), r#"{"code":20429}"#), Timestamp::default());
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(4)));
    }

    #[test]
    fn codes_stand_once_and_in_order() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
