//! What an HTTP status means for a message: the one home of this rule.
//!
//! Vendors start from here and override by their own codes.

use std::time::Duration;

use http::{HeaderMap, StatusCode, header::RETRY_AFTER};

use super::{HttpResponse, Truncated};
use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    time::Timestamp,
};

/// The longest part of a vendor's text that an error keeps, in characters.
const EXCERPT: usize = 300;

/// The error that `response`'s status stands for, with its `Retry-After`.
///
/// 429 and 503 say that the request was not taken. After any other 5xx the
/// message may be on its way (a gateway gave up waiting): outcome unknown.
pub fn error_for(response: &HttpResponse, now: Timestamp) -> Error {
    let status = response.status();
    let error = Error::new(kind_of(status), format!("HTTP status {}", status.as_u16()))
        .with_code(status.as_str())
        .with_certainty(certainty_of(status));
    match (error.retry(), retry_after(response.headers(), now)) {
        (Retry::Never, _) | (_, None) => error,
        (_, Some(wait)) => error.with_retry(Retry::After(wait)),
    }
}

/// An answer of status 2xx that does not say what the vendor's answers say:
/// the message may be on its way.
pub fn not_understood(response: &HttpResponse, why: &'static str) -> Error {
    let cut = if response.extensions().get::<Truncated>().is_some() { ", cut at 1 MiB" } else { "" };
    let text = format!("{why} (status {}, {} bytes{cut})", response.status().as_u16(), response.body().len());
    Error::new(ErrorKind::Protocol, text)
}

/// The kind that a status stands for.
pub fn kind_of(status: StatusCode) -> ErrorKind {
    match status.as_u16() {
        401 => ErrorKind::Auth,
        402 => ErrorKind::Quota,
        403 => ErrorKind::Permission,
        404 | 410 => ErrorKind::NotFound,
        408 => ErrorKind::Timeout,
        413 => ErrorKind::PayloadTooLarge,
        429 => ErrorKind::RateLimited,
        400..=499 => ErrorKind::InvalidMessage,
        500..=599 => ErrorKind::Unavailable,
        _ => ErrorKind::Protocol,
    }
}

fn certainty_of(status: StatusCode) -> Certainty {
    match status.as_u16() {
        503 => Certainty::NotSent,
        // A redirect was not followed, and a 4xx refused the request.
        300..=499 => Certainty::NotSent,
        _ => Certainty::Unknown,
    }
}

/// How long the header `Retry-After` asks to wait: seconds or a date
/// (RFC 9110 section 10.2.3). Nonsense is no answer.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    match text.parse::<u32>() {
        Ok(seconds) => Some(Duration::from_secs(seconds.into())),
        Err(_) => Timestamp::from_http_date(text).map(|at| at.since(now)),
    }
}

/// A vendor's text, cut and freed of control characters, fit for an error.
pub fn excerpt(text: &str) -> String {
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    clean.take(EXCERPT).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn answer(status: u16, retry_after: Option<&str>) -> HttpResponse {
        let mut response = http::Response::builder().status(status);
        if let Some(value) = retry_after {
            response = response.header(RETRY_AFTER, value);
        }
        response.body(Bytes::new()).expect("a valid answer")
    }

    #[test]
    fn statuses_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        let table = [
            (302, ErrorKind::Protocol, NotSent, Retry::Never),
            (400, ErrorKind::InvalidMessage, NotSent, Retry::Never),
            (401, ErrorKind::Auth, NotSent, Retry::Never),
            (403, ErrorKind::Permission, NotSent, Retry::Never),
            (404, ErrorKind::NotFound, NotSent, Retry::Never),
            (408, ErrorKind::Timeout, NotSent, Retry::Backoff),
            (413, ErrorKind::PayloadTooLarge, NotSent, Retry::Never),
            (429, ErrorKind::RateLimited, NotSent, Retry::Backoff),
            (500, ErrorKind::Unavailable, Unknown, Retry::Backoff),
            (502, ErrorKind::Unavailable, Unknown, Retry::Backoff),
            (503, ErrorKind::Unavailable, NotSent, Retry::Backoff),
            (504, ErrorKind::Unavailable, Unknown, Retry::Backoff),
        ];
        for (status, kind, certainty, retry) in table {
            let error = error_for(&answer(status, None), Timestamp::default());
            assert_eq!(
                (error.kind(), error.certainty(), error.retry()),
                (kind, certainty, retry),
                "{status}"
            );
        }
    }

    #[test]
    fn retry_after_is_read_as_seconds_and_as_a_date() {
        let now = Timestamp::from_secs(784_111_770);
        let table = [
            ("7", Some(7)),
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(7)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("-1", None),
            ("soon", None),
        ];
        for (text, seconds) in table {
            let read = retry_after(answer(429, Some(text)).headers(), now);
            assert_eq!(read, seconds.map(Duration::from_secs), "{text}");
        }
    }

    #[test]
    fn excerpts_are_short_and_clean() {
        let text = excerpt(&format!("a\r\nb\0{}", "x".repeat(1_000)));
        assert!(text.starts_with("a  b x") && text.chars().count() <= EXCERPT, "{text}");
    }
}
