//! What a workflow's refusals mean.

use serde::Deserialize;

use crate::{
    error::{Certainty, Error, ErrorKind},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

use ErrorKind::{Auth, InvalidMessage, PayloadTooLarge};

/// A code, and what it means. Microsoft has no list of those that a trigger answers with; these were seen:
/// - `DirectApiAuthorizationRequired`, `TriggerInputSchemaMismatch`:
///   <https://github.com/microsoft/power-platform-skills/issues/435>, …/551
/// - `WorkflowTriggerIsNotEnabled`, `WorkflowNotFound`, `AuthorizationFailed`: of workflows that are switched off or
///   gone, and of addresses whose signature is not good
/// - limits of size and rate: <https://learn.microsoft.com/azure/logic-apps/logic-apps-limits-and-configuration>
const CODES: &[(&str, ErrorKind, &str)] = &[
    (
        "AuthorizationFailed",
        Auth,
        "the signature in the workflow's URL is not good: copy the whole URL again",
    ),
    ("DirectApiAuthorizationRequired", Auth, "the workflow wants a login: let anyone trigger it"),
    ("InvalidAuthorization", Auth, "the workflow does not take this URL: copy the whole URL again"),
    ("RequestEntityTooLarge", PayloadTooLarge, "the card is too large"),
    ("TriggerInputSchemaMismatch", InvalidMessage, "the workflow's trigger expects another form than a card"),
    ("WorkflowDisabled", Auth, "the workflow is switched off"),
    ("WorkflowNotFound", Auth, "the workflow is gone: make a new one and use its URL"),
    ("WorkflowTriggerIsNotEnabled", Auth, "the workflow is switched off or deleted"),
];

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: Said,
}

#[derive(Default, Deserialize)]
struct Said {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// The error that an answer without success stands for.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let by_status = error_for(answer, now);
    let Failure { error: said } = serde_json::from_slice(answer.body()).unwrap_or_default();
    let known =
        CODES.iter().find(|(code, ..)| *code == said.code).filter(|_| answer.status().is_client_error());
    if let Some((code, kind, help)) = known {
        return Error::new(*kind, *help).with_code(*code).with_certainty(Certainty::NotSent);
    }
    let is_code = !said.code.is_empty()
        && said.code.len() <= 60
        && said.code.bytes().all(|b| b.is_ascii_alphanumeric());
    let text = match excerpt(&said.message) {
        text if text.is_empty() => by_status.message().to_owned(),
        text => text,
    };
    let error = Error::new(by_status.kind(), text)
        .with_certainty(by_status.certainty())
        .with_retry(by_status.retry());
    if is_code { error.with_code(said.code) } else { error.with_code(answer.status().as_str()) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use Certainty::{NotSent, Unknown};

    use super::*;
    use crate::{error::Retry, testing};

    #[test]
    fn codes_and_statuses_have_kind_and_certainty() {
        for (status, code, kind, certainty) in [
            (400, "WorkflowTriggerIsNotEnabled", Auth, NotSent),
            (400, "TriggerInputSchemaMismatch", InvalidMessage, NotSent),
            (401, "DirectApiAuthorizationRequired", Auth, NotSent),
            (403, "AuthorizationFailed", Auth, NotSent),
            (404, "WorkflowNotFound", Auth, NotSent),
            (413, "RequestEntityTooLarge", PayloadTooLarge, NotSent),
            (404, "Else", ErrorKind::NotFound, NotSent),
            (429, "Else", ErrorKind::RateLimited, NotSent),
            (500, "WorkflowNotFound", ErrorKind::Unavailable, Unknown),
            (502, "NoResponse", ErrorKind::Unavailable, Unknown),
            (503, "Else", ErrorKind::Unavailable, NotSent),
        ] {
            let body = format!(r#"{{"error":{{"code":"{code}","message":"why"}}}}"#);
            let error = refused(&testing::answer(status, &[], body), Timestamp::default());
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{status} {code}");
            assert_eq!(error.code(), Some(code));
        }
        let limited = testing::answer(429, &[("retry-after", "3")], "");
        let error = refused(&limited, Timestamp::default());
        assert_eq!((error.retry(), error.code()), (Retry::After(Duration::from_secs(3)), Some("429")));
        let page = refused(&testing::answer(403, &[], "<html>"), Timestamp::default());
        assert_eq!((page.kind(), page.certainty()), (ErrorKind::Permission, NotSent));
    }
}
