//! What Apple's refusals mean.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Result, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    provider::Health,
    time::Timestamp,
};

const BAD_DEVICE_TOKEN: &str = "BadDeviceToken";
const EXPIRED_PROVIDER_TOKEN: &str = "ExpiredProviderToken";
/// How often a provider token may be made anew.
const TOKEN_PAUSE: Duration = Duration::from_secs(20 * 60);

/// Apple's own reason, with what helps.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Refusal {
    #[error("the token is none of this environment; check `sandbox`, and that the token is whole")]
    BadDeviceToken,
    #[error("Apple closed the idle connection")]
    Idle,
    #[error("Apple failed inside")]
    Internal,
    #[error("Apple does not take the provider token; check key, key_id, team_id and `sandbox`")]
    Key,
    #[error("the payload is too large")]
    Large,
    #[error("a header or the payload is wrong")]
    Malformed,
    #[error("there is no such API here; check base_url")]
    NoApi,
    #[error("the token belongs to another app; check `topic`")]
    OtherApp,
    #[error("this action is not allowed")]
    Permission,
    #[error("the provider token is stale; is this machine's clock right?")]
    Stale,
    #[error("the provider token was made anew too often: do several programs use this key?")]
    TooManyTokens,
    #[error("too many messages to this device")]
    TooMany,
    #[error("the topic is wrong; check `topic`, the app's bundle id")]
    Topic,
    #[error("Apple is out of order")]
    Unavailable,
    #[error("the app is no longer registered under this token; forget the token")]
    Unregistered,
}

impl Refusal {
    /// By `reason`:
    /// <https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns>.
    const REASONS: &'static [(&'static str, Self)] = &[
        ("BadCertificate", Self::Key),
        ("BadCertificateEnvironment", Self::Key),
        ("BadCollapseId", Self::Malformed),
        (BAD_DEVICE_TOKEN, Self::BadDeviceToken),
        ("BadEnvironmentKeyIdInToken", Self::Key),
        ("BadExpirationDate", Self::Malformed),
        ("BadMessageId", Self::Malformed),
        ("BadPath", Self::NoApi),
        ("BadPriority", Self::Malformed),
        ("BadTopic", Self::Topic),
        ("DeviceTokenNotForTopic", Self::OtherApp),
        ("DuplicateHeaders", Self::Malformed),
        (EXPIRED_PROVIDER_TOKEN, Self::Stale),
        ("ExpiredToken", Self::Unregistered),
        ("Forbidden", Self::Permission),
        ("IdleTimeout", Self::Idle),
        ("InternalServerError", Self::Internal),
        ("InvalidProviderToken", Self::Key),
        ("InvalidPushType", Self::Malformed),
        ("MethodNotAllowed", Self::NoApi),
        ("MissingDeviceToken", Self::Malformed),
        ("MissingProviderToken", Self::Key),
        ("MissingTopic", Self::Topic),
        ("PayloadEmpty", Self::Malformed),
        ("PayloadTooLarge", Self::Large),
        ("ServiceUnavailable", Self::Unavailable),
        ("Shutdown", Self::Unavailable),
        ("TooManyProviderTokenUpdates", Self::TooManyTokens),
        ("TooManyRequests", Self::TooMany),
        ("TopicDisallowed", Self::Permission),
        ("Unregistered", Self::Unregistered),
        ("UnrelatedKeyIdInToken", Self::Key),
    ];

    /// A reason of tomorrow is judged by its status: the same page says what each is for.
    fn of(reason: Option<&str>, status: u16) -> Option<Self> {
        let known = Self::REASONS.iter().find(|(known, _)| Some(*known) == reason);
        match (known, status) {
            (Some((_, refusal)), _) => Some(*refusal),
            (None, 404 | 405) => Some(Self::NoApi),
            (None, 410) => Some(Self::Unregistered),
            (None, _) => None,
        }
    }

    const fn kind(self) -> ErrorKind {
        match self {
            Self::BadDeviceToken | Self::OtherApp => ErrorKind::InvalidRecipient,
            Self::Idle | Self::Internal | Self::Unavailable => ErrorKind::Unavailable,
            Self::Key | Self::Stale => ErrorKind::Auth,
            Self::Large => ErrorKind::PayloadTooLarge,
            Self::Malformed => ErrorKind::InvalidMessage,
            Self::NoApi | Self::Topic => ErrorKind::Config,
            Self::Permission => ErrorKind::Permission,
            Self::TooMany | Self::TooManyTokens => ErrorKind::RateLimited,
            Self::Unregistered => ErrorKind::Unregistered,
        }
    }

    fn retry(self, by_status: &Error) -> Retry {
        match (self, by_status.retry()) {
            (Self::TooManyTokens, Retry::Backoff) => Retry::After(TOKEN_PAUSE),
            // Its status is 400, but the next connection will do.
            (Self::Idle, _) => Retry::Backoff,
            (_, retry) => retry,
        }
    }

    const fn field(self) -> Option<&'static str> {
        match self {
            Self::BadDeviceToken | Self::OtherApp | Self::Unregistered => Some("to.token"),
            _ => None,
        }
    }
}

/// True if a new provider token will do.
pub(super) fn is_stale(answer: &HttpResponse) -> bool {
    answer.status() == 403 && said(answer).reason.as_deref() == Some(EXPIRED_PROVIDER_TOKEN)
}

/// What the answer to a message for nobody says of the credentials.
pub(super) fn checked(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    let error = match answer.status().is_success() {
        true => {
            return Err(Error::new(
                ErrorKind::Protocol,
                "the server took a message for nobody: is it Apple's?",
            ));
        }
        false => refused(answer, now),
    };
    if error.code() == Some(BAD_DEVICE_TOKEN) { Ok(Health::Good) } else { Err(error) }
}

/// The error that an answer other than 2xx stands for.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let by_status = error_for(answer, now);
    let said = said(answer);
    let code = said.reason.as_deref().map(excerpt);
    let code = code.unwrap_or_else(|| answer.status().as_str().to_owned());
    let Some(refusal) = Refusal::of(said.reason.as_deref(), answer.status().as_u16()) else {
        return by_status.with_code(code);
    };
    let error = Error::new(refusal.kind(), refusal.to_string())
        .with_certainty(by_status.certainty())
        .with_retry(refusal.retry(&by_status))
        .with_code(code)
        .with_source(refusal);
    let error = match refusal.field() {
        Some(field) => error.with_field(field),
        None => error,
    };
    match said.since() {
        Some(since) => error.with_context("inactive_since", since.to_string()),
        None => error,
    }
}

fn said(answer: &HttpResponse) -> Said {
    serde_json::from_slice(answer.body()).unwrap_or_default()
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    reason: Option<String>,
    /// Milliseconds: when Apple found that the token is no longer good. With 410 only.
    #[serde(default)]
    timestamp: Option<i64>,
}

impl Said {
    fn since(&self) -> Option<Timestamp> {
        self.timestamp.and_then(|millis| millis.checked_mul(1_000)).map(Timestamp::from_micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        error::Certainty::{self, NotSent, Unknown},
        testing::answer,
    };

    fn error(status: u16, body: &str) -> Error {
        refused(&answer(status, &[], body.to_owned()), Timestamp::default())
    }

    // Every row: https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns
    #[test]
    fn reasons_have_kind_certainty_and_retry() {
        let (never, backoff) = (Retry::Never, Retry::Backoff);
        let rows: [(u16, &str, ErrorKind, Certainty, Retry); 32] = [
            (400, "BadCollapseId", ErrorKind::InvalidMessage, NotSent, never),
            (400, "BadDeviceToken", ErrorKind::InvalidRecipient, NotSent, never),
            (400, "BadExpirationDate", ErrorKind::InvalidMessage, NotSent, never),
            (400, "BadMessageId", ErrorKind::InvalidMessage, NotSent, never),
            (400, "BadPriority", ErrorKind::InvalidMessage, NotSent, never),
            (400, "BadTopic", ErrorKind::Config, NotSent, never),
            (400, "DeviceTokenNotForTopic", ErrorKind::InvalidRecipient, NotSent, never),
            (400, "DuplicateHeaders", ErrorKind::InvalidMessage, NotSent, never),
            (400, "IdleTimeout", ErrorKind::Unavailable, NotSent, backoff),
            (400, "InvalidPushType", ErrorKind::InvalidMessage, NotSent, never),
            (400, "MissingDeviceToken", ErrorKind::InvalidMessage, NotSent, never),
            (400, "MissingTopic", ErrorKind::Config, NotSent, never),
            (400, "PayloadEmpty", ErrorKind::InvalidMessage, NotSent, never),
            (400, "TopicDisallowed", ErrorKind::Permission, NotSent, never),
            (403, "BadCertificate", ErrorKind::Auth, NotSent, never),
            (403, "BadCertificateEnvironment", ErrorKind::Auth, NotSent, never),
            (403, "BadEnvironmentKeyIdInToken", ErrorKind::Auth, NotSent, never),
            (403, "ExpiredProviderToken", ErrorKind::Auth, NotSent, never),
            (403, "Forbidden", ErrorKind::Permission, NotSent, never),
            (403, "InvalidProviderToken", ErrorKind::Auth, NotSent, never),
            (403, "MissingProviderToken", ErrorKind::Auth, NotSent, never),
            (403, "UnrelatedKeyIdInToken", ErrorKind::Auth, NotSent, never),
            (404, "BadPath", ErrorKind::Config, NotSent, never),
            (405, "MethodNotAllowed", ErrorKind::Config, NotSent, never),
            (410, "ExpiredToken", ErrorKind::Unregistered, NotSent, never),
            (410, "Unregistered", ErrorKind::Unregistered, NotSent, never),
            (413, "PayloadTooLarge", ErrorKind::PayloadTooLarge, NotSent, never),
            (429, "TooManyProviderTokenUpdates", ErrorKind::RateLimited, NotSent, Retry::After(TOKEN_PAUSE)),
            (429, "TooManyRequests", ErrorKind::RateLimited, NotSent, backoff),
            (500, "InternalServerError", ErrorKind::Unavailable, Unknown, backoff),
            (503, "ServiceUnavailable", ErrorKind::Unavailable, NotSent, backoff),
            (503, "Shutdown", ErrorKind::Unavailable, NotSent, backoff),
        ];
        for (status, reason, kind, certainty, retry) in rows {
            let error = error(status, &format!(r#"{{"reason":"{reason}"}}"#));
            assert_eq!(
                (error.kind(), error.certainty(), error.retry()),
                (kind, certainty, retry),
                "{reason}"
            );
            assert_eq!(error.code(), Some(reason));
        }
        assert_eq!(rows.len(), Refusal::REASONS.len(), "every reason has its row");
        assert!(Refusal::REASONS.windows(2).all(|pair| pair[0].0 < pair[1].0), "in order, and none twice");
    }

    #[test]
    fn without_a_known_reason_the_status_decides() {
        for (status, body, kind, code) in [
            (410, "", ErrorKind::Unregistered, "410"),
            (410, r#"{"reason":"OfTomorrow"}"#, ErrorKind::Unregistered, "OfTomorrow"),
            (404, "<html>", ErrorKind::Config, "404"),
            (400, r#"{"reason":"OfTomorrow"}"#, ErrorKind::InvalidMessage, "OfTomorrow"),
            (401, "", ErrorKind::Auth, "401"),
            (502, "<html>Unregistered</html>", ErrorKind::Unavailable, "502"),
            (400, r#"{"reason":7}"#, ErrorKind::InvalidMessage, "400"),
        ] {
            let error = error(status, body);
            assert_eq!((error.kind(), error.code()), (kind, Some(code)), "{status} {body}");
        }
    }

    #[test]
    fn a_dead_token_says_since_when() {
        let error = error(410, r#"{"reason":"Unregistered","timestamp":1795208820000}"#);
        let since: Vec<_> = error.context().collect();
        assert_eq!(since, [("inactive_since", "2026-11-20T21:07:00Z")]);
        assert_eq!(error.field(), Some("to.token"));
        assert!(
            self::error(410, r#"{"reason":"Unregistered","timestamp":9223372036854775807}"#)
                .context()
                .next()
                .is_none()
        );
    }
}
