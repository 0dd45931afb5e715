//! What Gmail's refusals mean.
//!
//! <https://developers.google.com/workspace/gmail/api/guides/handle-errors>

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

#[derive(Deserialize)]
struct Answer {
    error: Complaint,
}

#[derive(Default, Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    errors: Vec<Reason>,
    #[serde(default)]
    details: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// What Gmail said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Gmail refused the call: {reason}: {message}")]
struct Fault {
    reason: String,
    message: String,
}

/// The error of an answer that is no success.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let by_status = error_for(answer, now);
    let Some(complaint) = complaint(answer) else { return by_status };
    let reason = complaint.errors.first().map_or(complaint.status.as_str(), |first| first.reason.as_str());
    let server = answer.status().is_server_error();
    let own = if server { None } else { kind(reason, &complaint.message) };
    let kind = own.unwrap_or(by_status.kind());
    let (reason, message) = (excerpt(reason), excerpt(&complaint.message));
    let status = answer.status();
    let code = if reason.is_empty() { status.as_str() } else { &reason };
    let text = if message.is_empty() { by_status.message().to_owned() } else { message.clone() };
    let mut error = Error::new(kind, text).with_code(code).with_certainty(by_status.certainty());
    if kind == by_status.kind() {
        error = error.with_retry(by_status.retry());
    }
    if kind == ErrorKind::RateLimited {
        error = error.with_retry(waiting(&complaint.message, by_status.retry(), now));
    }
    error.with_source(Fault { reason, message })
}

fn complaint(answer: &HttpResponse) -> Option<Complaint> {
    serde_json::from_slice::<Answer>(answer.body()).ok().map(|answer| answer.error)
}

/// Google's reasons, and its words where one reason says several things.
fn kind(reason: &str, message: &str) -> Option<ErrorKind> {
    let words = message.to_ascii_lowercase();
    let says = |part: &str| words.contains(part);
    Some(match reason {
        "dailyLimitExceeded" | "quotaExceeded" => ErrorKind::Quota,
        "concurrentLimitExceeded" | "rateLimitExceeded" | "userRateLimitExceeded" => ErrorKind::RateLimited,
        "accessNotConfigured" | "domainPolicy" | "forbidden" | "insufficientPermissions" => {
            ErrorKind::Permission
        }
        // A person without a mailbox, or whom the service account may not speak for.
        "failedPrecondition" | "FAILED_PRECONDITION" => ErrorKind::Permission,
        "authError" => ErrorKind::Auth,
        "badRequest" | "invalidArgument" if says("recipient address") || says(" to header") => {
            ErrorKind::InvalidRecipient
        }
        "badRequest" | "invalidArgument" => ErrorKind::InvalidMessage,
        "uploadTooLarge" => ErrorKind::PayloadTooLarge,
        _ => return None,
    })
}

/// "User-rate limit exceeded.  Retry after 2015-10-01T12:00:00.000Z"
fn waiting(message: &str, usual: Retry, now: Timestamp) -> Retry {
    let moment = message.split_once("Retry after ").and_then(|(_, rest)| rest.split_whitespace().next());
    let moment = moment.and_then(|text| text.trim_end_matches('.').parse::<Timestamp>().ok());
    match (moment, usual) {
        (Some(moment), _) => Retry::After(moment.since(now)),
        (None, Retry::Never) => Retry::Backoff,
        (None, usual) => usual,
    }
}

/// True if the token is good, and allows something else than was asked.
pub(super) fn lacks_scope(answer: &HttpResponse) -> bool {
    let lacks = |complaint: Complaint| {
        let scope = |reason: &Reason| reason.reason == "ACCESS_TOKEN_SCOPE_INSUFFICIENT";
        complaint.details.iter().any(scope)
            || complaint.message.contains("insufficient authentication scopes")
    };
    answer.status().as_u16() == 403 && complaint(answer).is_some_and(lacks)
}
