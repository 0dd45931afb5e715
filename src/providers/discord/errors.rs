//! What Discord's refusals mean.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt, not_understood, retry_after},
    },
    time::Timestamp,
};

use ErrorKind::{
    Auth, InvalidMessage, InvalidRecipient, NotFound, PayloadTooLarge, Permission, RateLimited, Refused,
    Unavailable,
};

/// A code, what it means, and the field at fault.
///
/// Source: <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json-json-error-codes>.
const CODES: &[(u32, ErrorKind, Option<&str>)] = &[
    (10_003, InvalidRecipient, Some("to")),
    (10_004, InvalidRecipient, Some("to")),
    (10_008, NotFound, None),
    (10_013, InvalidRecipient, Some("to")),
    (10_015, Auth, None),
    (10_016, Auth, None),
    (20_001, Permission, None),
    (20_009, Refused, None),
    (20_012, Permission, None),
    (20_016, RateLimited, None),
    (20_022, RateLimited, None),
    (20_028, RateLimited, None),
    (20_029, RateLimited, None),
    (30_015, InvalidMessage, Some("media")),
    (30_046, RateLimited, None),
    (40_001, Auth, None),
    (40_002, Permission, None),
    (40_003, RateLimited, None),
    (40_004, Unavailable, None),
    (40_005, PayloadTooLarge, None),
    (40_006, Unavailable, None),
    (40_007, Permission, None),
    (40_058, InvalidRecipient, Some("to")),
    (40_062, RateLimited, None),
    (40_067, InvalidMessage, None),
    (40_333, Permission, None),
    (50_001, Permission, None),
    (50_003, InvalidRecipient, Some("to")),
    (50_005, Permission, Some("edits")),
    (50_006, InvalidMessage, Some("text")),
    (50_007, InvalidRecipient, Some("to")),
    (50_008, InvalidRecipient, Some("to")),
    (50_009, Permission, None),
    (50_013, Permission, None),
    (50_014, Auth, None),
    (50_021, InvalidMessage, Some("edits")),
    (50_024, InvalidRecipient, Some("to")),
    (50_025, Auth, None),
    (50_027, Auth, None),
    (50_033, InvalidRecipient, Some("to")),
    (50_035, InvalidMessage, None),
    (50_045, PayloadTooLarge, Some("media")),
    (50_046, InvalidMessage, Some("media")),
    (50_083, InvalidMessage, Some("thread")),
    (50_109, InvalidMessage, None),
    (50_110, InvalidMessage, Some("media")),
    (50_123, InvalidMessage, Some("media")),
    (50_146, InvalidMessage, Some("media")),
    (50_278, InvalidRecipient, Some("to")),
    (130_000, Unavailable, None),
    (160_002, Permission, Some("reply_to")),
    (160_005, Permission, Some("thread")),
    (200_000, Refused, Some("text")),
    (220_001, InvalidMessage, Some("thread")),
    (220_002, InvalidMessage, Some("thread")),
    (220_003, InvalidMessage, Some("options[\"discord.thread_name\"]")),
    (240_000, Refused, Some("text")),
    (400_001, Permission, Some("media")),
];

/// More depth than Discord's trees of faults have.
const DEEPEST: usize = 12;

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    code: u32,
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Value,
    retry_after: Option<f64>,
    #[serde(default)]
    global: bool,
}

/// The error that an answer without success stands for.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    if answer.status().is_success() {
        return not_understood(answer, "Discord's answer is not what its documentation says");
    }
    let said: Failure = serde_json::from_slice(answer.body()).unwrap_or_default();
    let by_status = error_for(answer, now);
    let known = CODES.iter().find(|(code, ..)| *code == said.code).filter(|_| said.code > 0);
    let (kind, field) = match known {
        // A limit is a limit, whatever else is said.
        _ if answer.status() == StatusCode::TOO_MANY_REQUESTS => (RateLimited, None),
        Some((_, kind, field)) => (*kind, *field),
        None => (by_status.kind(), None),
    };
    let mut error =
        Error::new(kind, text(&by_status, &said)).with_certainty(certainty(answer.status(), &by_status));
    if let Some(field) = field {
        error = error.with_field(field);
    }
    if let Some(scope) = answer.headers().get("x-ratelimit-scope").and_then(|scope| scope.to_str().ok()) {
        error = error.with_context("scope", excerpt(scope));
    } else if said.global {
        error = error.with_context("scope", "global");
    }
    let code = if said.code > 0 { said.code.to_string() } else { answer.status().as_str().to_owned() };
    let retry = retry(&error, answer, &said, now);
    error.with_code(code).with_retry(retry)
}

/// What was refused with 4xx was not sent; of others the status decides.
fn certainty(status: StatusCode, by_status: &Error) -> Certainty {
    if status.is_client_error() { Certainty::NotSent } else { by_status.certainty() }
}

/// "Your application should rely on the `Retry-After` header or `retry_after` field."
fn retry(error: &Error, answer: &HttpResponse, said: &Failure, now: Timestamp) -> Retry {
    let told = said.retry_after.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    match (error.retry(), retry_after(answer.headers(), now).or(told)) {
        (Retry::Never, _) | (_, None) => error.retry(),
        (_, Some(wait)) => Retry::After(wait),
    }
}

fn text(by_status: &Error, said: &Failure) -> String {
    let mut faults = Vec::new();
    gather(&said.errors, "", DEEPEST, &mut faults);
    let all = match faults.is_empty() {
        true => said.message.clone(),
        false => format!("{}: {}", said.message, faults.join("; ")),
    };
    match excerpt(&all) {
        all if all.is_empty() => by_status.message().to_owned(),
        all => all,
    }
}

/// The faults of a form: a tree with lists `_errors` at its leaves.
fn gather(errors: &Value, path: &str, depth: usize, faults: &mut Vec<String>) {
    let Some(map) = errors.as_object().filter(|_| depth > 0) else { return };
    for (name, value) in map {
        if name == "_errors" {
            let messages =
                value.as_array().into_iter().flatten().filter_map(|fault| fault["message"].as_str());
            faults.extend(messages.map(|message| format!("{path}: {message}")));
            continue;
        }
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        gather(value, &path, depth - 1, faults);
    }
}

#[cfg(test)]
mod tests {
    use Certainty::{NotSent, Unknown};

    use super::*;
    use crate::testing;

    fn error_of(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
        refused(&testing::answer(status, headers, body.to_owned()), Timestamp::default())
    }

    /// Codes as <https://docs.discord.com/developers/topics/opcodes-and-status-codes#json-json-error-codes> lists them.
    #[test]
    fn codes_have_kind_certainty_and_retry() {
        for (status, code, kind, retry, field) in [
            (404, 10_003, InvalidRecipient, Retry::Never, Some("to")),
            (404, 10_008, NotFound, Retry::Never, None),
            (404, 10_015, Auth, Retry::Never, None),
            (403, 20_009, Refused, Retry::Never, None),
            (429, 20_016, RateLimited, Retry::Backoff, None),
            (429, 20_028, RateLimited, Retry::Backoff, None),
            (429, 30_046, RateLimited, Retry::Backoff, None),
            (401, 40_001, Auth, Retry::Never, None),
            (403, 40_004, Unavailable, Retry::Backoff, None),
            (413, 40_005, PayloadTooLarge, Retry::Never, None),
            (403, 50_001, Permission, Retry::Never, None),
            (403, 50_005, Permission, Retry::Never, Some("edits")),
            (400, 50_006, InvalidMessage, Retry::Never, Some("text")),
            (403, 50_007, InvalidRecipient, Retry::Never, Some("to")),
            (403, 50_013, Permission, Retry::Never, None),
            (401, 50_027, Auth, Retry::Never, None),
            (400, 50_035, InvalidMessage, Retry::Never, None),
            (400, 50_045, PayloadTooLarge, Retry::Never, Some("media")),
            (400, 50_083, InvalidMessage, Retry::Never, Some("thread")),
            (400, 200_000, Refused, Retry::Never, Some("text")),
            (400, 220_001, InvalidMessage, Retry::Never, Some("thread")),
            (400, 240_000, Refused, Retry::Never, Some("text")),
            (400, 999_999, InvalidMessage, Retry::Never, None),
        ] {
            let error = error_of(status, &[], &format!(r#"{{"code":{code},"message":"why"}}"#));
            let facts = (error.kind(), error.certainty(), error.retry(), error.field());
            assert_eq!(facts, (kind, NotSent, retry, field), "{code}");
            assert_eq!(error.code(), Some(code.to_string().as_str()));
        }
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn statuses_decide_where_there_is_no_code() {
        for (status, body, kind, certainty) in [
            (401, r#"{"message":"401: Unauthorized","code":0}"#, Auth, NotSent),
            (403, "<html>", Permission, NotSent),
            (404, "", NotFound, NotSent),
            (500, r#"{"message":"500: Internal Server Error","code":0}"#, Unavailable, Unknown),
            (502, "<html>", Unavailable, Unknown),
            (503, r#"{"code":130000,"message":"overloaded"}"#, Unavailable, NotSent),
            (200, "{}", ErrorKind::Protocol, Unknown),
        ] {
            let error = error_of(status, &[], body);
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{status} {body}");
        }
    }

    /// The examples of <https://docs.discord.com/developers/topics/rate-limits#exceeding-a-rate-limit>.
    #[test]
    fn limits_say_how_long_and_whose() {
        let body = r#"{"message":"You are being rate limited.","retry_after":64.57,"global":false}"#;
        let headers = [("retry-after", "65"), ("x-ratelimit-scope", "user")];
        let error = error_of(429, &headers, body);
        assert_eq!((error.kind(), error.retry()), (RateLimited, Retry::After(Duration::from_secs(65))));
        assert!(error.context().any(|(name, value)| (name, value) == ("scope", "user")));
        let global = error_of(429, &[], r#"{"message":"m","retry_after":0.5,"global":true}"#);
        assert_eq!(global.retry(), Retry::After(Duration::from_millis(500)));
        assert!(global.context().any(|(_, value)| value == "global"));
        let odd = error_of(429, &[], r#"{"message":"m","retry_after":-1e300}"#);
        assert_eq!(odd.retry(), Retry::Backoff);
    }

    #[test]
    fn faults_of_a_form_are_named() {
        let body = r#"{"code":50035,"message":"Invalid Form Body","errors":{"embeds":{"0":{"title":{"_errors":[
            {"code":"BASE_TYPE_MAX_LENGTH","message":"Must be 256 or fewer in length."}]}}}}}"#;
        let error = error_of(400, &[], body);
        assert!(error.message().contains("embeds.0.title: Must be 256"), "{error}");
        let deep = format!(
            r#"{{"code":50035,"errors":{}{}}}"#,
            r#"{"a":"#.repeat(50),
            "1".to_owned() + &"}".repeat(50)
        );
        assert_eq!(error_of(400, &[], &deep).kind(), InvalidMessage);
    }
}
