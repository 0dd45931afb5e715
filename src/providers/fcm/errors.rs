//! What FCM's refusals mean.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use crate::{
    address::DeviceToken,
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

/// "Exponential backoff with a minimum initial delay of 1 minute" (reference of `ErrorCode`).
const QUOTA_DELAY: Duration = Duration::from_secs(60);
/// A 401 that is not about our access token.
const THIRD_PARTY_AUTH_ERROR: &str = "THIRD_PARTY_AUTH_ERROR";
const FCM_ERROR: &str = "google.firebase.fcm.v1.FcmError";

/// FCM's own reason, with what helps.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Refusal {
    #[error("FCM failed inside")]
    Internal,
    #[error("a value of the request is wrong")]
    InvalidArgument,
    #[error("the token is no registration token, says FCM's text")]
    InvalidToken,
    #[error("the token is no registration token; forget it")]
    NoToken,
    #[error("there is no such project here; check project_id and base_url")]
    NoProject,
    #[error("too many messages to this device, topic or project")]
    QuotaExceeded,
    #[error("the token belongs to another Firebase project; check project_id and the service account")]
    SenderIdMismatch,
    #[error("the project's APNs key or web push key is missing or wrong; see the Firebase console")]
    ThirdPartyAuth,
    #[error("the message is too big")]
    TooBig,
    #[error("FCM is overloaded")]
    Unavailable,
    #[error("the app is no longer registered under this token; forget the token")]
    Unregistered,
}

impl Refusal {
    /// By `FcmError.errorCode`: <https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode>.
    const CODES: &'static [(&'static str, Self)] = &[
        ("INTERNAL", Self::Internal),
        ("INVALID_ARGUMENT", Self::InvalidArgument),
        ("QUOTA_EXCEEDED", Self::QuotaExceeded),
        ("SENDER_ID_MISMATCH", Self::SenderIdMismatch),
        (THIRD_PARTY_AUTH_ERROR, Self::ThirdPartyAuth),
        ("UNAVAILABLE", Self::Unavailable),
        ("UNREGISTERED", Self::Unregistered),
    ];

    /// Under `INVALID_ARGUMENT` FCM gives no code of its own to these; the texts are those of
    /// <https://firebase.google.com/docs/cloud-messaging/error-codes> and of the service.
    const TEXTS: &'static [(&'static str, Self)] =
        &[("registration token", Self::InvalidToken), ("too big", Self::TooBig)];

    const fn kind(self) -> ErrorKind {
        match self {
            Self::Internal | Self::Unavailable => ErrorKind::Unavailable,
            Self::InvalidArgument => ErrorKind::InvalidMessage,
            // Under a wrong account every token is refused as another sender's, and what is told from a text is
            // a guess: neither says that a token is dead.
            Self::InvalidToken | Self::SenderIdMismatch => ErrorKind::InvalidRecipient,
            Self::NoProject => ErrorKind::Config,
            Self::NoToken | Self::Unregistered => ErrorKind::Unregistered,
            Self::QuotaExceeded => ErrorKind::RateLimited,
            Self::ThirdPartyAuth => ErrorKind::Auth,
            Self::TooBig => ErrorKind::PayloadTooLarge,
        }
    }
}

/// True if another access token may do: the project's own keys for Apple and browsers are refused by 401 too.
pub(super) fn is_stale(answer: &HttpResponse) -> bool {
    answer.status() == StatusCode::UNAUTHORIZED && status(answer).own_code() != Some(THIRD_PARTY_AUTH_ERROR)
}

fn status(answer: &HttpResponse) -> Status {
    serde_json::from_slice::<Failure>(answer.body()).map(|failure| failure.error).unwrap_or_default()
}

/// The error that an answer other than 2xx stands for.
pub(super) fn refused(answer: &HttpResponse, device: Option<&DeviceToken>, now: Timestamp) -> Error {
    let by_status = error_for(answer, now);
    let status = status(answer);
    let error = match refusal(answer, &status, device) {
        Some(refusal) => {
            Error::new(refusal.kind(), told(&refusal.to_string(), &status, device)).with_source(refusal)
        }
        None => Error::new(by_status.kind(), told(by_status.message(), &status, device)),
    };
    let error = error
        .with_certainty(by_status.certainty())
        .with_retry(retry(&by_status))
        .with_code(code(&status).unwrap_or(answer.status().as_str()));
    match field(&status) {
        Some(field) => error.with_field(field),
        None => error,
    }
}

fn refusal(answer: &HttpResponse, status: &Status, device: Option<&DeviceToken>) -> Option<Refusal> {
    let own = status.own_code();
    let known = Refusal::CODES.iter().find(|(code, _)| Some(*code) == own).map(|(_, refusal)| *refusal);
    match (known, answer.status().as_u16()) {
        (Some(Refusal::InvalidArgument) | None, 400) => Some(of_argument(status, device)),
        (None, 404) => Some(Refusal::NoProject),
        (known, _) => known,
    }
}

fn of_argument(status: &Status, device: Option<&DeviceToken>) -> Refusal {
    if status.violations().any(|violation| violation.field == "message.token") {
        return Refusal::NoToken;
    }
    let text = status.message.to_ascii_lowercase();
    let told = Refusal::TEXTS.iter().find(|(part, _)| text.contains(part)).map(|(_, refusal)| *refusal);
    match told {
        Some(Refusal::InvalidToken) if device.is_none() => Refusal::InvalidArgument,
        told => told.unwrap_or(Refusal::InvalidArgument),
    }
}

fn retry(by_status: &Error) -> Retry {
    match (by_status.kind(), by_status.retry()) {
        (ErrorKind::RateLimited, Retry::Backoff) => Retry::After(QUOTA_DELAY),
        (_, retry) => retry,
    }
}

/// What we know and what FCM says, without the device's token if it repeats that.
fn told(known: &str, status: &Status, device: Option<&DeviceToken>) -> String {
    let said = match device {
        Some(token) => status.message.replace(token.as_str(), "…"),
        None => status.message.clone(),
    };
    if said.is_empty() { known.to_owned() } else { format!("{known}: {}", excerpt(&said)) }
}

fn code(status: &Status) -> Option<&str> {
    let canonical = (!status.status.is_empty()).then_some(&*status.status);
    status.own_code().or(canonical)
}

/// Our name of the first field that FCM names, or FCM's own.
fn field(status: &Status) -> Option<String> {
    let path = &status.violations().find(|violation| !violation.field.is_empty())?.field;
    let ours = match &**path {
        "message.condition" => "to.condition",
        "message.token" => "to.token",
        "message.topic" => "to.topic",
        "message.android.ttl" => "ttl",
        path => path.strip_prefix("message.").unwrap_or(path),
    };
    Some(excerpt(ours))
}

#[derive(Deserialize)]
struct Failure {
    error: Status,
}

/// `google.rpc.Status`.
#[derive(Default, Deserialize)]
struct Status {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    details: Vec<Detail>,
}

impl Status {
    fn own_code(&self) -> Option<&str> {
        let own = self.details.iter().find(|detail| detail.kind.ends_with(FCM_ERROR))?;
        Some(&own.error_code).filter(|code| !code.is_empty()).map(String::as_str)
    }

    fn violations(&self) -> impl Iterator<Item = &Violation> {
        self.details.iter().flat_map(|detail| &detail.field_violations)
    }
}

#[derive(Deserialize)]
struct Detail {
    #[serde(default, rename = "@type")]
    kind: String,
    #[serde(default, rename = "errorCode")]
    error_code: String,
    #[serde(default, rename = "fieldViolations")]
    field_violations: Vec<Violation>,
}

#[derive(Deserialize)]
struct Violation {
    #[serde(default)]
    field: String,
}

#[cfg(test)]
mod tests {
    use http::header::RETRY_AFTER;
    use serde_json::json;

    use super::*;
    use crate::error::Certainty::{self, NotSent, Unknown};

    const ONE_MINUTE: Retry = Retry::After(QUOTA_DELAY);

    fn answer(status: u16, body: &str) -> HttpResponse {
        http::Response::builder().status(status).body(body.to_owned().into()).expect("an answer")
    }

    fn own(code: &str) -> String {
        let detail = json!({"@type": format!("type.googleapis.com/{FCM_ERROR}"), "errorCode": code});
        json!({"error": {"code": 1, "message": "", "status": "X", "details": [detail]}}).to_string()
    }

    // Every row: https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode
    #[test]
    fn codes_have_kind_certainty_and_retry() {
        let table: [(u16, &str, ErrorKind, Certainty, Retry); 9] = [
            (400, "INVALID_ARGUMENT", ErrorKind::InvalidMessage, NotSent, Retry::Never),
            (404, "UNREGISTERED", ErrorKind::Unregistered, NotSent, Retry::Never),
            (403, "SENDER_ID_MISMATCH", ErrorKind::InvalidRecipient, NotSent, Retry::Never),
            (429, "QUOTA_EXCEEDED", ErrorKind::RateLimited, NotSent, ONE_MINUTE),
            (503, "UNAVAILABLE", ErrorKind::Unavailable, NotSent, Retry::Backoff),
            (500, "INTERNAL", ErrorKind::Unavailable, Unknown, Retry::Backoff),
            (401, "THIRD_PARTY_AUTH_ERROR", ErrorKind::Auth, NotSent, Retry::Never),
            (500, "UNSPECIFIED_ERROR", ErrorKind::Unavailable, Unknown, Retry::Backoff),
            (403, "A_CODE_OF_TOMORROW", ErrorKind::Permission, NotSent, Retry::Never),
        ];
        for (status, code, kind, certainty, retry) in table {
            let error = refused(&answer(status, &own(code)), None, Timestamp::default());
            assert_eq!((error.kind(), error.certainty(), error.retry()), (kind, certainty, retry), "{code}");
            assert_eq!(error.code(), Some(code));
        }
    }

    #[test]
    fn retry_after_is_honoured() {
        for (status, code) in [(429, "QUOTA_EXCEEDED"), (503, "UNAVAILABLE"), (500, "INTERNAL")] {
            let mut response = answer(status, &own(code));
            response.headers_mut().insert(RETRY_AFTER, "7".parse().expect("a value"));
            let error = refused(&response, None, Timestamp::default());
            assert_eq!(error.retry(), Retry::After(Duration::from_secs(7)), "{code}");
        }
    }

    // https://firebase.google.com/docs/cloud-messaging/error-codes, both examples, and google.rpc.Code without FcmError
    #[test]
    fn without_a_code_of_its_own_text_and_status_decide() {
        let violation = |field: &str| {
            let detail = json!({"@type": "type.googleapis.com/google.rpc.BadRequest",
                "fieldViolations": [{"field": field, "description": "wrong"}]});
            json!({"error": {"message": "wrong", "status": "INVALID_ARGUMENT", "details": [detail]}})
                .to_string()
        };
        let plain = |message: &str, status: &str| {
            json!({"error": {"message": message, "status": status}}).to_string()
        };
        let dead = plain("The registration token is not a valid FCM registration token", "INVALID_ARGUMENT");
        let big = plain("Android message is too big", "INVALID_ARGUMENT");
        let table = [
            (400, violation("message.token"), ErrorKind::Unregistered, Some("to.token")),
            (400, violation("message.data[0].value"), ErrorKind::InvalidMessage, Some("data[0].value")),
            (400, violation("message.android.ttl"), ErrorKind::InvalidMessage, Some("ttl")),
            (400, dead, ErrorKind::InvalidRecipient, None),
            (400, big, ErrorKind::PayloadTooLarge, None),
            (401, plain("bad token", "UNAUTHENTICATED"), ErrorKind::Auth, None),
            (403, plain("API not enabled", "PERMISSION_DENIED"), ErrorKind::Permission, None),
            (404, plain("no", "NOT_FOUND"), ErrorKind::Config, None),
            (404, "<!DOCTYPE html>".into(), ErrorKind::Config, None),
            (502, "<html>".into(), ErrorKind::Unavailable, None),
            (301, String::new(), ErrorKind::Protocol, None),
        ];
        let device: DeviceToken = "a-device-token".parse().expect("valid");
        for (status, body, kind, field) in table {
            let error = refused(&answer(status, &body), Some(&device), Timestamp::default());
            assert_eq!((error.kind(), error.field()), (kind, field), "{status} {body}");
        }
    }

    #[test]
    fn a_repeated_token_is_not_shown() {
        let device: DeviceToken = "a-device-token".parse().expect("valid");
        let body = json!({"error": {"message": "no such token: a-device-token", "status": "NOT_FOUND"}});
        let error = refused(&answer(404, &body.to_string()), Some(&device), Timestamp::default());
        assert!(error.message().contains("no such token: …"), "{error}");
    }
}
