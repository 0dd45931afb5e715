//! What Vonage's codes mean: the SMS API's statuses, and the Messages API's numbers.

use serde::Deserialize;

use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

type Row = (u32, ErrorKind, Option<&'static str>);

/// <https://developer.vonage.com/messaging/sms/guides/troubleshooting-sms>: status, kind, and the field that it blames.
const SMS: &[Row] = {
    use ErrorKind::{
        Auth, InvalidMessage, InvalidRecipient, PayloadTooLarge, Permission, Quota, RateLimited, Suppressed,
        Unavailable,
    };
    &[
        // Throttled.
        (1, RateLimited, None),
        // Missing parameters.
        (2, InvalidMessage, None),
        // Invalid parameters.
        (3, InvalidMessage, None),
        // Invalid credentials.
        (4, Auth, None),
        // Internal error.
        (5, Unavailable, None),
        // Invalid message, such as an unknown prefix.
        (6, InvalidMessage, None),
        // Number barred: it may not receive messages.
        (7, Suppressed, Some("to")),
        // The account is barred.
        (8, Permission, None),
        // No credit.
        (9, Quota, None),
        // Too many connections.
        (10, RateLimited, None),
        // The account may not use this API.
        (11, Permission, None),
        // Message too long.
        (12, PayloadTooLarge, Some("body")),
        // The signature of the request.
        (14, Auth, None),
        // Sender not authorized.
        (15, Permission, Some("from")),
        // Network code.
        (22, InvalidMessage, None),
        // Callback URL.
        (23, InvalidMessage, None),
        // Demo account: not in the list of test numbers.
        (29, Permission, Some("to")),
        // Signed, and a secret besides.
        (32, Auth, None),
        // Number de-activated.
        (33, InvalidRecipient, Some("to")),
    ]
};

/// <https://developer.vonage.com/api-errors/messages>: code, kind, and the field that it blames.
const MESSAGES: &[Row] = {
    use ErrorKind::{
        InvalidMessage, InvalidRecipient, PayloadTooLarge, Permission, Quota, RateLimited, Refused,
        Suppressed, Unavailable,
    };
    &[
        // Throttled.
        (1000, RateLimited, None),
        // Missing parameters.
        (1010, InvalidMessage, None),
        // Invalid parameters.
        (1020, InvalidMessage, None),
        // Internal error.
        (1030, Unavailable, None),
        // Invalid message, such as an unknown prefix.
        (1040, InvalidMessage, None),
        // Number barred.
        (1050, Suppressed, Some("to")),
        // The account is barred.
        (1060, Permission, None),
        // No credit.
        (1070, Quota, None),
        // The account may not use this API.
        (1080, Permission, None),
        // Message too long.
        (1090, PayloadTooLarge, Some("body")),
        // "Message was not submitted because there was a communication failure".
        (1100, Unavailable, None),
        // Sender not accepted, by local regulations.
        (1120, Permission, Some("from")),
        // Time to live.
        (1130, InvalidMessage, None),
        // Facility not allowed.
        (1140, Permission, None),
        // Not in the list of allowed destinations.
        (1160, Permission, Some("to")),
        // To is missing or invalid.
        (1170, InvalidRecipient, Some("to")),
        // To is no longer active.
        (1190, InvalidRecipient, Some("to")),
        // Spam, by a carrier's rules.
        (1210, Refused, None),
        // To has said STOP.
        (1240, Suppressed, Some("to")),
        // Too many requests to this number.
        (1241, RateLimited, Some("to")),
        // Blocked by the carrier for age.
        (1270, Refused, Some("to")),
        // Blocked by the carrier.
        (1280, Refused, Some("to")),
        // No user of the network.
        (1300, InvalidRecipient, Some("to")),
        // The device cannot receive it.
        (1310, InvalidRecipient, Some("to")),
        // The provider does not answer.
        (1331, Unavailable, None),
    ]
};

/// The codes of the SMS API's receipts that mean: never again
/// (<https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts>).
const GONE: &[&str] = &["3", "9"];

/// What Vonage said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Vonage refused: {message} ({code})")]
struct Fault {
    code: String,
    message: String,
}

/// The error of a part that the SMS API did not take.
pub(super) fn of_sms(status: &str, words: &str) -> Error {
    let row = status.parse().ok().and_then(|code| row(SMS, code));
    let (kind, field) = row.unwrap_or((ErrorKind::Refused, None));
    // An internal error may have come before or after the message went out.
    let certainty = if kind == ErrorKind::Unavailable { Certainty::Unknown } else { Certainty::NotSent };
    coded(kind, field, excerpt(status), excerpt(words)).with_certainty(certainty)
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default, rename = "type")]
    kind: String,
    #[serde(default)]
    title: String,
    #[serde(default)]
    detail: String,
}

/// The error of an answer of the Messages API that is no success (RFC 7807 with a code behind the `#`).
pub(super) fn of_messages(answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let Ok(problem) = serde_json::from_slice::<Problem>(answer.body()) else {
        return with_words(status, answer);
    };
    let code = problem.kind.rsplit_once('#').map_or("", |(_, code)| code);
    let words = [excerpt(&problem.title), excerpt(&problem.detail)];
    let words: Vec<&str> = words.iter().map(String::as_str).filter(|text| !text.is_empty()).collect();
    if words.is_empty() && code.is_empty() {
        return with_words(status, answer);
    }
    let (kind, field) = named(code).unwrap_or((status.kind(), None));
    let code = if code.is_empty() { answer.status().as_str().to_owned() } else { excerpt(code) };
    let error = coded(kind, field, code, words.join(": ")).with_certainty(status.certainty());
    // A wait that the header names holds whatever the code; a code's own rule holds without one.
    match status.retry() {
        Retry::After(wait) => error.with_retry(Retry::After(wait)),
        retry if error.kind() == status.kind() => error.with_retry(retry),
        _ => error,
    }
}

/// The error of an answer that is told by its status alone.
pub(super) fn by_status(answer: &HttpResponse, now: Timestamp) -> Error {
    with_words(error_for(answer, now), answer)
}

fn with_words(error: Error, answer: &HttpResponse) -> Error {
    let words = excerpt(&String::from_utf8_lossy(answer.body()));
    if words.is_empty() { error } else { error.with_context("answer", words) }
}

/// What a code means, which is a number or one of the generic words.
fn named(code: &str) -> Option<(ErrorKind, Option<&'static str>)> {
    match code {
        "forbidden" => Some((ErrorKind::Permission, None)),
        "low-balance" => Some((ErrorKind::Quota, None)),
        "unauthorized" => Some((ErrorKind::Auth, None)),
        code => row(MESSAGES, code.parse().ok()?),
    }
}

/// True if the code of a receipt says that the recipient cannot be reached at all.
pub(super) fn is_unreachable(code: &str) -> bool {
    GONE.contains(&code) || is(code, ErrorKind::InvalidRecipient)
}

/// True if the code of a status says that the recipient must not be written to.
pub(super) fn is_suppressed(code: &str) -> bool {
    is(code, ErrorKind::Suppressed)
}

fn is(code: &str, kind: ErrorKind) -> bool {
    code.parse().ok().and_then(|code| row(MESSAGES, code)).is_some_and(|(known, _)| known == kind)
}

fn row(table: &[Row], code: u32) -> Option<(ErrorKind, Option<&'static str>)> {
    table.iter().find(|(known, ..)| *known == code).map(|(_, kind, field)| (*kind, *field))
}

fn coded(kind: ErrorKind, field: Option<&'static str>, code: String, message: String) -> Error {
    let error = Error::new(kind, if message.is_empty() { "no words".to_owned() } else { message.clone() })
        .with_code(code.clone())
        .with_source(Fault { code, message });
    field.into_iter().fold(error, Error::with_field)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::testing::answer;

    // https://developer.vonage.com/messaging/sms/guides/troubleshooting-sms, each row
    #[test]
    fn statuses_of_the_sms_api() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, InvalidMessage, InvalidRecipient, PayloadTooLarge, Permission, Quota, RateLimited, Refused,
            Suppressed, Unavailable,
        };
        use Retry::{Backoff, Never};
        for (status, kind, certainty, retry, field) in [
            ("1", RateLimited, NotSent, Backoff, None),
            ("2", InvalidMessage, NotSent, Never, None),
            ("3", InvalidMessage, NotSent, Never, None),
            ("4", Auth, NotSent, Never, None),
            ("5", Unavailable, Unknown, Backoff, None),
            ("6", InvalidMessage, NotSent, Never, None),
            ("7", Suppressed, NotSent, Never, Some("to")),
            ("8", Permission, NotSent, Never, None),
            ("9", Quota, NotSent, Never, None),
            ("10", RateLimited, NotSent, Backoff, None),
            ("11", Permission, NotSent, Never, None),
            ("12", PayloadTooLarge, NotSent, Never, Some("body")),
            ("14", Auth, NotSent, Never, None),
            ("15", Permission, NotSent, Never, Some("from")),
            ("22", InvalidMessage, NotSent, Never, None),
            ("23", InvalidMessage, NotSent, Never, None),
            ("29", Permission, NotSent, Never, Some("to")),
            ("32", Auth, NotSent, Never, None),
            ("33", InvalidRecipient, NotSent, Never, Some("to")),
            ("99", Refused, NotSent, Never, None),
            ("x", Refused, NotSent, Never, None),
        ] {
            let error = of_sms(status, "words");
            let facts = (error.kind(), error.certainty(), error.retry(), error.field());
            assert_eq!(facts, (kind, certainty, retry, field), "{status}");
            assert_eq!(error.code(), Some(status));
        }
    }

    // https://developer.vonage.com/api-errors/messages and https://developer.vonage.com/api-errors
    #[test]
    fn codes_of_the_messages_api() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, InvalidMessage, InvalidRecipient, Permission, Quota, RateLimited, Refused, Suppressed,
            Unavailable,
        };
        use Retry::{Backoff, Never};
        for (status, code, kind, certainty, retry, field) in [
            (429, "1000", RateLimited, NotSent, Backoff, None),
            (422, "1020", InvalidMessage, NotSent, Never, None),
            (500, "1030", Unavailable, Unknown, Backoff, None),
            (422, "1050", Suppressed, NotSent, Never, Some("to")),
            (402, "1070", Quota, NotSent, Never, None),
            (422, "1120", Permission, NotSent, Never, Some("from")),
            (422, "1170", InvalidRecipient, NotSent, Never, Some("to")),
            (422, "1190", InvalidRecipient, NotSent, Never, Some("to")),
            (422, "1210", Refused, NotSent, Never, None),
            (422, "1240", Suppressed, NotSent, Never, Some("to")),
            (429, "1241", RateLimited, NotSent, Backoff, Some("to")),
            (402, "low-balance", Quota, NotSent, Never, None),
            (401, "unauthorized", Auth, NotSent, Never, None),
            (403, "forbidden", Permission, NotSent, Never, None),
            (422, "9999", InvalidMessage, NotSent, Never, None),
        ] {
            let body = format!(
                r#"{{"type":"https://developer.vonage.com/api-errors/messages#{code}","title":"t","detail":"d","instance":"i"}}"#
            );
            let error = of_messages(&answer(status, &[], body), Timestamp::default());
            let facts = (error.kind(), error.certainty(), error.retry(), error.field());
            assert_eq!(facts, (kind, certainty, retry, field), "{code}");
            assert_eq!((error.code(), error.message()), (Some(code), "t: d"));
        }
        let limited = answer(429, &[("retry-after", "4")], r#"{"type":"x#1000","title":"t"}"#);
        let error = of_messages(&limited, Timestamp::default());
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(4)));
    }

    #[test]
    fn answers_without_a_code_are_told_by_their_status() {
        for (status, body, kind, certainty) in [
            (502, "<html>Bad gateway</html>", ErrorKind::Unavailable, Certainty::Unknown),
            (503, "", ErrorKind::Unavailable, Certainty::NotSent),
            (404, "{}", ErrorKind::NotFound, Certainty::NotSent),
            (401, r#"{"title":"Unauthorized"}"#, ErrorKind::Auth, Certainty::NotSent),
        ] {
            let error = of_messages(&answer(status, &[], body), Timestamp::default());
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{status}");
        }
    }

    #[test]
    fn codes_stand_once_and_in_order() {
        for table in [SMS, MESSAGES] {
            assert!(table.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
    }
}
