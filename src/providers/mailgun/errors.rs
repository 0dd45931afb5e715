//! What Mailgun's refusals mean.
//!
//! Mailgun has no codes beside the statuses of HTTP; the rest stands in words. The words
//! are those of its API description and of its help pages.

use std::time::Duration;

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt, retry_after},
    },
    time::Timestamp,
};

/// A wait longer than this is taken for nonsense.
const LONGEST: u64 = 24 * 60 * 60;

#[derive(Deserialize)]
struct Answer {
    message: String,
}

/// What Mailgun said, for those who look for the source of an error.
#[derive(Debug, thiserror::Error)]
#[error("Mailgun refused the call: {0}")]
struct Fault(String);

/// What Mailgun says in an answer of JSON.
pub(super) fn message(answer: &HttpResponse) -> Option<String> {
    let read = serde_json::from_slice::<Answer>(answer.body()).ok()?;
    Some(excerpt(&read.message)).filter(|message| !message.is_empty())
}

/// The error that a refusal stands for.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let status = error_for(answer, now);
    let words = message(answer);
    let lower = words.as_deref().unwrap_or_default().to_ascii_lowercase();
    let (kind, field) = kind(answer.status().as_u16(), &lower).unwrap_or((status.kind(), None));
    let error = match &words {
        Some(words) => Error::new(kind, words.clone()).with_source(Fault(words.clone())),
        None => plain(Error::new(kind, status.message().to_owned()), answer),
    };
    let mut error = error.with_code(answer.status().as_str()).with_certainty(status.certainty());
    if let Some(field) = field {
        error = error.with_field(field);
    }
    match kind {
        ErrorKind::RateLimited => {
            error.with_retry(wait(answer, &lower, now).map_or(Retry::Backoff, Retry::After))
        }
        _ if kind == status.kind() => error.with_retry(status.retry()),
        _ => error,
    }
}

/// Where Mailgun's status or words say more than HTTP does.
fn kind(status: u16, words: &str) -> Option<(ErrorKind, Option<&'static str>)> {
    let not_valid = words.contains("is not a valid address");
    match status {
        400 if not_valid && words.contains("from parameter") => {
            Some((ErrorKind::InvalidMessage, Some("from")))
        }
        400 if not_valid => Some((ErrorKind::InvalidRecipient, Some("to"))),
        // A key without rights is refused with 403 and the same words as an unverified domain.
        403 => Some((ErrorKind::Permission, None)),
        // The domain is not one of this account in this region.
        404 => Some((ErrorKind::Config, None)),
        // Beyond the standard: a limit of recipients, with the moment of its end.
        420 => Some((ErrorKind::RateLimited, None)),
        _ => None,
    }
}

/// "… try again after 120 seconds" or "… try again after Mon, 25 Aug 2025 07:00:31 UTC".
fn wait(answer: &HttpResponse, words: &str, now: Timestamp) -> Option<Duration> {
    if let Some(wait) = retry_after(answer.headers(), now) {
        return Some(wait);
    }
    let (_, when) = words.split_once("try again after ")?;
    let wait = match when.split_once(" second") {
        Some((secs, _)) => Duration::from_secs(secs.trim().parse().ok()?),
        None => moment(when)?.since(now),
    };
    (wait.as_secs() <= LONGEST).then_some(wait)
}

/// A date as in HTTP, but in the zone UTC; the words were made lower case.
fn moment(text: &str) -> Option<Timestamp> {
    let date = text.trim().trim_end_matches('.').strip_suffix("utc")?;
    let mut words: Vec<String> = date.split_whitespace().map(capital).collect();
    words.push("GMT".to_owned());
    Timestamp::from_http_date(&words.join(" "))
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters).collect()
}

fn plain(error: Error, answer: &HttpResponse) -> Error {
    let words = excerpt(&String::from_utf8_lossy(answer.body()));
    if words.is_empty() { error } else { error.with_context("answer", words) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Certainty, testing::answer};

    #[test]
    fn answers_have_kind_certainty_and_retry() {
        use Certainty::{NotSent, Unknown};
        use ErrorKind::{
            Auth, Config, InvalidMessage, InvalidRecipient, PayloadTooLarge, Permission, Quota, RateLimited,
            Unavailable,
        };
        use Retry::{After, Backoff, Never};
        let secs = |secs| After(Duration::from_secs(secs));
        // https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages unless said otherwise.
        let table = [
            (
                400,
                "to parameter is not a valid address. please check documentation",
                InvalidRecipient,
                NotSent,
                Never,
            ),
            (
                400,
                "from parameter is not a valid address. please check documentation",
                InvalidMessage,
                NotSent,
                Never,
            ),
            (400, "from parameter is missing", InvalidMessage, NotSent, Never),
            // Plain text, and no JSON.
            (401, "", Auth, NotSent, Never),
            // https://documentation.mailgun.com/docs/mailgun/api-reference/api-overview#status-codes
            (402, "Payment required", Quota, NotSent, Never),
            // https://help.mailgun.com/hc/en-us/articles/217531258 (authorized recipients)
            (403, "Free accounts are for test purposes only. Please upgrade", Permission, NotSent, Never),
            (404, "Domain not found: mg.x.org", Config, NotSent, Never),
            (413, "", PayloadTooLarge, NotSent, Never),
            // https://github.com/mailgun/mailgun-java/issues/50
            (
                420,
                "Domain x.org is not allowed to send: recipient limit exceeded, try again after Mon, 25 Aug 2025 07:00:31 UTC",
                RateLimited,
                NotSent,
                secs(31),
            ),
            (
                429,
                "Domain x.org is not allowed to send: account-requests-per-sec limit exceeded, try again after 120 seconds",
                RateLimited,
                NotSent,
                secs(120),
            ),
            (429, "try again after 99999999 seconds", RateLimited, NotSent, Backoff),
            (429, "try again after a while", RateLimited, NotSent, Backoff),
            (500, "Internal Server Error", Unavailable, Unknown, Backoff),
            (503, "", Unavailable, NotSent, Backoff),
        ];
        let now = "2025-08-25T07:00:00Z".parse().expect("a time");
        for (status, words, kind, certainty, retry) in table {
            let body = match words {
                "" => "Forbidden".to_owned(),
                words => serde_json::json!({ "message": words }).to_string(),
            };
            let error = refused(&answer(status, &[], body), now);
            let facts = (error.kind(), error.certainty(), error.retry());
            assert_eq!(facts, (kind, certainty, retry), "{status} {words}");
        }
    }

    #[test]
    fn the_header_counts_before_the_words() {
        let error = refused(
            &answer(429, &[("retry-after", "3")], r#"{"message":"try again after 9 seconds"}"#),
            Timestamp::default(),
        );
        assert_eq!(error.retry(), Retry::After(Duration::from_secs(3)));
    }
}
