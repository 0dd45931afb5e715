//! What the refusals of push services mean.
//!
//! There are many push services and one protocol, so the status decides. What a service says beside it is
//! kept as code and text, and decides nothing.

use serde::Deserialize;

use super::endpoint::Endpoint;
use crate::{
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

/// What a status says, with what helps.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Refusal {
    #[error("the subscription is dead; forget it")]
    Gone,
    #[error("the push service does not take this VAPID key; was the browser subscribed with another?")]
    OtherKey,
    #[error("the message is too large for this push service")]
    TooLarge,
    #[error("the push service wants a VAPID token and did not take ours; are key, subject and clock right?")]
    Unsigned,
}

impl Refusal {
    const fn of(status: u16) -> Option<Self> {
        match status {
            401 => Some(Self::Unsigned),
            403 => Some(Self::OtherKey),
            404 | 410 => Some(Self::Gone),
            413 => Some(Self::TooLarge),
            _ => None,
        }
    }

    const fn kind(self) -> ErrorKind {
        match self {
            Self::Gone => ErrorKind::Unregistered,
            Self::OtherKey => ErrorKind::Permission,
            Self::TooLarge => ErrorKind::PayloadTooLarge,
            Self::Unsigned => ErrorKind::Auth,
        }
    }
}

/// The error that an answer other than 2xx stands for.
pub(super) fn refused(answer: &HttpResponse, endpoint: &Endpoint, now: Timestamp) -> Error {
    let by_status = error_for(answer, now);
    let said = serde_json::from_slice::<Said>(answer.body()).unwrap_or_default();
    let code = said.code().unwrap_or_else(|| answer.status().as_str().to_owned());
    let text = |known: &str| match said.text(endpoint) {
        Some(said) => format!("{known}: {said}"),
        None => known.to_owned(),
    };
    let Some(refusal) = Refusal::of(answer.status().as_u16()) else {
        let text = text(by_status.message());
        let error = Error::new(by_status.kind(), text).with_certainty(by_status.certainty());
        return error.with_retry(by_status.retry()).with_code(code);
    };
    let error =
        Error::new(refusal.kind(), text(&refusal.to_string())).with_retry(Retry::Never).with_code(code);
    let error = error.with_source(refusal);
    if refusal == Refusal::Gone { error.with_field("to.subscription") } else { error }
}

/// Mozilla says `errno` and `message`, Apple `reason`; others say HTML or nothing.
#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    errno: Option<u32>,
    #[serde(default)]
    message: Option<String>,
    #[serde(default)]
    reason: Option<String>,
}

impl Said {
    fn code(&self) -> Option<String> {
        self.reason.as_deref().map(excerpt).or_else(|| self.errno.map(|errno| errno.to_string()))
    }

    /// Without the endpoint, which is a secret of the browser.
    fn text(&self, endpoint: &Endpoint) -> Option<String> {
        let message = self.message.as_deref().filter(|message| !message.is_empty())?;
        let path = endpoint.uri.path_and_query().map_or("/", |path| path.as_str());
        let clean = if path.len() > 1 { message.replace(path, "…") } else { message.to_owned() };
        Some(excerpt(&clean))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        error::Certainty::{self, NotSent, Unknown},
        providers::webpush::tests::browser_at,
        testing::answer,
    };

    fn error(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
        let endpoint = Endpoint::of(&browser_at("https://push.example.net/p/s3cret"), false).expect("public");
        refused(&answer(status, headers, body.to_owned()), &endpoint, Timestamp::default())
    }

    #[test]
    fn statuses_have_kind_certainty_and_retry() {
        let rows: [(u16, ErrorKind, Certainty, Retry); 10] = [
            // https://mozilla-services.github.io/autopush-rs/errors.html, 400
            (400, ErrorKind::InvalidMessage, NotSent, Retry::Never),
            // https://www.rfc-editor.org/rfc/rfc8292#section-4.2
            (401, ErrorKind::Auth, NotSent, Retry::Never),
            (403, ErrorKind::Permission, NotSent, Retry::Never),
            // https://www.rfc-editor.org/rfc/rfc8030#section-7.3
            (404, ErrorKind::Unregistered, NotSent, Retry::Never),
            // https://mozilla-services.github.io/autopush-rs/errors.html, 410
            (410, ErrorKind::Unregistered, NotSent, Retry::Never),
            // https://www.rfc-editor.org/rfc/rfc8030#section-7.2
            (413, ErrorKind::PayloadTooLarge, NotSent, Retry::Never),
            // https://www.rfc-editor.org/rfc/rfc8030#section-8.4
            (429, ErrorKind::RateLimited, NotSent, Retry::After(Duration::from_secs(7))),
            // https://mozilla-services.github.io/autopush-rs/errors.html, 500 and 503; RFC 9110 section 15.6
            (500, ErrorKind::Unavailable, Unknown, Retry::After(Duration::from_secs(7))),
            (502, ErrorKind::Unavailable, Unknown, Retry::After(Duration::from_secs(7))),
            (503, ErrorKind::Unavailable, NotSent, Retry::After(Duration::from_secs(7))),
        ];
        for (status, kind, certainty, retry) in rows {
            let error = error(status, &[("retry-after", "7")], "<html>");
            assert_eq!(
                (error.kind(), error.certainty(), error.retry()),
                (kind, certainty, retry),
                "{status}"
            );
            assert_eq!(error.code(), Some(&*status.to_string()));
        }
    }

    #[test]
    fn what_a_service_says_beside_is_kept_and_decides_nothing() {
        let mozilla = r#"{"code":410,"errno":106,"error":"Gone","message":"no /p/s3cret here"}"#;
        let error = error(410, &[], mozilla);
        assert_eq!((error.kind(), error.code()), (ErrorKind::Unregistered, Some("106")));
        assert!(
            error.message().contains("no … here") && !format!("{error:?}").contains("s3cret"),
            "{error:?}"
        );
        for (status, kind) in [(400, ErrorKind::InvalidMessage), (403, ErrorKind::Permission)] {
            let error =
                self::error(status, &[], r#"{"reason":"Unregistered","message":"the subscription is gone"}"#);
            assert_eq!((error.kind(), error.code()), (kind, Some("Unregistered")));
        }
    }
}
