//! What Slack's refusals mean.

use http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    error::{Certainty, Error, ErrorKind, Result, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt, not_understood, retry_after},
    },
    time::Timestamp,
};

use ErrorKind::{
    Auth, Config, InvalidMessage, InvalidRecipient, NotFound, PayloadTooLarge, Permission, Quota,
    RateLimited, Refused, Unavailable,
};

/// A code, what it means, and the field at fault.
///
/// Sources, in the order of their sections: the errors that each method's page lists,
/// <https://docs.slack.dev/reference/methods/chat.postMessage>, …/chat.update, …/files.getUploadURLExternal,
/// …/files.completeUploadExternal, …/auth.test; and of incoming webhooks
/// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors> and
/// <https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks>.
const CODES: &[(&str, ErrorKind, Option<&str>)] = &[
    // Who we are.
    ("account_inactive", Auth, None),
    ("invalid_auth", Auth, None),
    ("not_authed", Auth, None),
    ("token_expired", Auth, None),
    ("token_revoked", Auth, None),
    ("two_factor_setup_required", Auth, None),
    // What we may do.
    ("access_denied", Permission, None),
    ("accesslimited", Permission, None),
    ("app_access_restricted", Permission, None),
    ("cant_broadcast_message", Permission, None),
    ("cant_update_message", Permission, Some("edits")),
    ("ekm_access_denied", Permission, None),
    ("enterprise_is_restricted", Permission, None),
    ("file_uploads_disabled", Permission, Some("media")),
    ("file_uploads_except_images_disabled", Permission, Some("media")),
    ("is_bot", Permission, None),
    ("metadata_must_be_sent_from_app", Permission, None),
    ("missing_scope", Permission, None),
    ("no_permission", Permission, None),
    ("not_allowed_token_type", Permission, None),
    ("posting_to_channel_denied", Permission, None),
    ("restricted_action", Permission, None),
    ("restricted_action_non_threadable_channel", Permission, Some("thread")),
    ("restricted_action_read_only_channel", Permission, None),
    ("restricted_action_thread_locked", Permission, Some("thread")),
    ("restricted_action_thread_only_channel", Permission, None),
    ("send_on_behalf_not_allowed", Permission, None),
    // Where it was to go.
    ("channel_not_found", InvalidRecipient, Some("to")),
    ("invalid_channel", InvalidRecipient, Some("to")),
    ("is_archived", InvalidRecipient, Some("to")),
    ("is_inactive", InvalidRecipient, Some("to")),
    ("messages_tab_disabled", InvalidRecipient, Some("to")),
    ("not_in_channel", InvalidRecipient, Some("to")),
    ("team_not_found", InvalidRecipient, Some("to")),
    ("user_not_found", InvalidRecipient, Some("to")),
    // What it said.
    ("attachment_payload_limit_exceeded", PayloadTooLarge, None),
    ("block_mismatch", InvalidMessage, None),
    ("blocked_file_type", Refused, Some("media")),
    ("cannot_reply_to_message", InvalidMessage, Some("thread")),
    ("edit_window_closed", InvalidMessage, Some("edits")),
    ("file_not_found", InvalidMessage, Some("media")),
    ("file_type_not_allowed", Refused, Some("media")),
    ("file_upload_size_restricted", PayloadTooLarge, Some("media")),
    ("invalid_attachments", InvalidMessage, None),
    ("invalid_blocks", InvalidMessage, None),
    ("invalid_blocks_format", InvalidMessage, None),
    ("invalid_metadata_format", InvalidMessage, None),
    ("invalid_metadata_schema", InvalidMessage, None),
    ("message_not_found", NotFound, Some("edits")),
    ("metadata_too_large", PayloadTooLarge, None),
    ("msg_blocks_too_long", PayloadTooLarge, Some("text")),
    ("msg_too_long", PayloadTooLarge, Some("text")),
    ("no_text", InvalidMessage, Some("text")),
    ("slack_connect_file_upload_sharing_blocked", Refused, Some("media")),
    ("too_many_attachments", InvalidMessage, None),
    // How much.
    ("message_limit_exceeded", Quota, None),
    ("rate_limited", RateLimited, None),
    ("ratelimited", RateLimited, None),
    ("storage_limit_reached", Quota, None),
    // Slack itself. It says of the first two that a part may have been done.
    ("fatal_error", Unavailable, None),
    ("internal_error", Unavailable, None),
    ("org_login_required", Unavailable, None),
    ("request_timeout", Unavailable, None),
    ("service_unavailable", Unavailable, None),
    ("team_added_to_org", Unavailable, None),
    ("update_failed", Unavailable, None),
    // What we call.
    ("deprecated_endpoint", Config, None),
    ("method_deprecated", Config, None),
    ("unknown_method", Config, None),
    // Incoming webhooks.
    ("action_prohibited", Permission, None),
    ("channel_is_archived", InvalidRecipient, Some("to")),
    ("invalid_payload", InvalidMessage, None),
    ("invalid_token", Auth, None),
    ("no_active_hooks", Auth, None),
    ("no_service", Auth, None),
    ("no_service_id", Auth, None),
    ("no_team", Auth, None),
    ("posting_to_general_channel_denied", Permission, None),
    ("rollup_error", Unavailable, None),
    ("team_disabled", Auth, None),
];

/// "It's possible some aspect of the operation succeeded before the error was raised."
const UNSURE: &[&str] = &["fatal_error", "internal_error", "rollup_error", "update_failed"];

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error: String,
    #[serde(default)]
    needed: String,
    #[serde(default)]
    response_metadata: Details,
}

#[derive(Default, Deserialize)]
struct Details {
    #[serde(default)]
    messages: Vec<String>,
}

#[derive(Deserialize)]
struct Verdict {
    ok: bool,
}

/// What a method answered, if it says so.
pub(super) fn answered<T: DeserializeOwned>(answer: &HttpResponse, now: Timestamp) -> Result<T> {
    if !answer.status().is_success() {
        return Err(refused(answer, now));
    }
    let odd = || not_understood(answer, "Slack's answer is not what its documentation says");
    match serde_json::from_slice::<Verdict>(answer.body()) {
        Ok(Verdict { ok: true }) => serde_json::from_slice(answer.body()).map_err(|_| odd()),
        Ok(Verdict { ok: false }) => Err(refused(answer, now)),
        Err(_) => Err(odd()),
    }
}

/// The error that a failure stands for: of its code, or else of its status.
fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let said: Failure = serde_json::from_slice(answer.body()).unwrap_or_default();
    let code = said.error.as_str();
    if code.is_empty() && answer.status().is_success() {
        return not_understood(answer, "Slack's answer is neither success nor failure");
    }
    let mut details = said.response_metadata.messages.join("; ");
    if !said.needed.is_empty() {
        details = format!("needed: {}", said.needed);
    }
    of_code(answer, code, &details, now)
}

/// The error that an incoming webhook's answer stands for: its body is the code.
pub(super) fn refused_hook(answer: &HttpResponse, now: Timestamp) -> Error {
    let body = String::from_utf8_lossy(answer.body());
    let code = body.trim();
    match is_code(code) {
        true => of_code(answer, code, "", now),
        false => error_for(answer, now),
    }
}

/// A word as Slack's codes are: nothing else is shown.
fn is_code(text: &str) -> bool {
    (1..=60).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}

fn of_code(answer: &HttpResponse, code: &str, details: &str, now: Timestamp) -> Error {
    let status = answer.status();
    let known = CODES.iter().find(|(known, ..)| *known == code);
    let Some((_, kind, field)) = known else { return unlisted(answer, code, now) };
    let text = if details.is_empty() {
        help(code).to_owned()
    } else {
        format!("{}: {}", help(code), excerpt(details))
    };
    let sure =
        !UNSURE.contains(&code) && (!status.is_server_error() || status == StatusCode::SERVICE_UNAVAILABLE);
    let mut error = Error::new(*kind, text).with_code(code).with_certainty(if sure {
        Certainty::NotSent
    } else {
        Certainty::Unknown
    });
    if let Some(field) = field {
        error = error.with_field(*field);
    }
    match (error.retry(), retry_after(answer.headers(), now)) {
        (Retry::Never, _) | (_, None) => error,
        (_, Some(wait)) => error.with_retry(Retry::After(wait)),
    }
}

/// Slack adds codes: one that nobody knows here is a refusal, of which we cannot say that nothing was done.
fn unlisted(answer: &HttpResponse, code: &str, now: Timestamp) -> Error {
    let shown = if is_code(code) { code } else { "unknown" };
    if answer.status().is_success() {
        let error = Error::new(Refused, "Slack refused the message for a reason that is not known here");
        return error.with_code(shown).with_certainty(Certainty::Unknown);
    }
    let error = error_for(answer, now);
    if is_code(code) { error.with_code(code) } else { error }
}

/// What helps, where the code does not say it.
fn help(code: &str) -> &'static str {
    match code {
        "account_inactive" | "invalid_auth" | "not_authed" | "token_expired" | "token_revoked" => {
            "Slack does not take the token; is the app installed?"
        }
        "channel_not_found" => "Slack knows no such channel, or the app is not in it",
        "is_archived" | "channel_is_archived" | "is_inactive" => "the channel is archived",
        "missing_scope" => "the token lacks a scope",
        "msg_too_long" | "msg_blocks_too_long" => "the message is too long",
        "no_active_hooks" | "no_service" | "no_service_id" | "no_team" | "invalid_token"
        | "team_disabled" => "the incoming webhook is gone or was never there; make a new one",
        "not_in_channel" => "the app is not a member of the channel: invite it, or give it chat:write.public",
        "rate_limited" | "ratelimited" => "too many messages",
        _ => "Slack refused the call",
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use Certainty::{NotSent, Unknown};

    use super::*;
    use crate::testing;

    fn error_of(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
        let answer = testing::answer(status, headers, body.to_owned());
        answered::<serde_json::Value>(&answer, Timestamp::default()).expect_err("a failure")
    }

    /// The codes of `chat.postMessage` (P), `chat.update` (U), `files.*UploadExternal` (F) and `auth.test` (A) on
    /// <https://docs.slack.dev/reference/methods>.
    #[test]
    fn codes_have_kind_certainty_and_retry() {
        for (code, kind, certainty, retry, field) in [
            ("account_inactive", Auth, NotSent, Retry::Never, None), // A
            ("invalid_auth", Auth, NotSent, Retry::Never, None),     // A
            ("token_revoked", Auth, NotSent, Retry::Never, None),    // P
            ("missing_scope", Permission, NotSent, Retry::Never, None), // P
            ("restricted_action", Permission, NotSent, Retry::Never, None), // P
            ("channel_not_found", InvalidRecipient, NotSent, Retry::Never, Some("to")), // P
            ("not_in_channel", InvalidRecipient, NotSent, Retry::Never, Some("to")), // P
            ("is_archived", InvalidRecipient, NotSent, Retry::Never, Some("to")), // P
            ("cannot_reply_to_message", InvalidMessage, NotSent, Retry::Never, Some("thread")), // P
            ("invalid_blocks", InvalidMessage, NotSent, Retry::Never, None), // P
            ("msg_blocks_too_long", PayloadTooLarge, NotSent, Retry::Never, Some("text")), // P
            ("msg_too_long", PayloadTooLarge, NotSent, Retry::Never, Some("text")), // U
            ("message_not_found", NotFound, NotSent, Retry::Never, Some("edits")), // U
            ("edit_window_closed", InvalidMessage, NotSent, Retry::Never, Some("edits")), // U
            ("update_failed", Unavailable, Unknown, Retry::Backoff, None), // U
            ("message_limit_exceeded", Quota, NotSent, Retry::Never, None), // P
            ("storage_limit_reached", Quota, NotSent, Retry::Never, None), // F
            ("file_type_not_allowed", Refused, NotSent, Retry::Never, Some("media")), // F
            ("rate_limited", RateLimited, NotSent, Retry::Backoff, None), // P
            ("ratelimited", RateLimited, NotSent, Retry::Backoff, None), // P
            ("service_unavailable", Unavailable, NotSent, Retry::Backoff, None), // P
            ("request_timeout", Unavailable, NotSent, Retry::Backoff, None), // P
            ("fatal_error", Unavailable, Unknown, Retry::Backoff, None), // P
            ("internal_error", Unavailable, Unknown, Retry::Backoff, None), // A
            ("unknown_method", Config, NotSent, Retry::Never, None), // P
            ("a_code_of_tomorrow", Refused, Unknown, Retry::Never, None),
        ] {
            let error = error_of(200, &[], &format!(r#"{{"ok":false,"error":"{code}"}}"#));
            let facts = (error.kind(), error.certainty(), error.retry(), error.field());
            assert_eq!((facts, error.code()), ((kind, certainty, retry, field), Some(code)));
        }
    }

    #[test]
    fn codes_stand_once() {
        let mut codes: Vec<_> = CODES.iter().map(|(code, ..)| code).collect();
        codes.sort_unstable();
        assert!(codes.windows(2).all(|pair| pair[0] != pair[1]));
    }

    #[test]
    fn waiting_scopes_and_details_are_told() {
        let limited = error_of(429, &[("retry-after", "30")], r#"{"ok":false,"error":"ratelimited"}"#);
        assert_eq!((limited.kind(), limited.retry()), (RateLimited, Retry::After(Duration::from_secs(30))));
        let scope = r#"{"ok":false,"error":"missing_scope","needed":"chat:write","provided":"users:read"}"#;
        assert!(error_of(200, &[], scope).message().contains("chat:write"));
        let blocks = r#"{"ok":false,"error":"invalid_blocks","response_metadata":{"messages":["[ERROR] no more than 50"]}}"#;
        assert!(error_of(200, &[], blocks).message().contains("no more than 50"));
    }

    /// <https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>
    #[test]
    fn webhooks_say_why_in_their_body() {
        for (status, body, kind, certainty) in [
            (400, "invalid_payload", InvalidMessage, NotSent),
            (400, "user_not_found", InvalidRecipient, NotSent),
            (403, "action_prohibited", Permission, NotSent),
            (403, "posting_to_general_channel_denied", Permission, NotSent),
            (404, "channel_not_found", InvalidRecipient, NotSent),
            (404, "no_service", Auth, NotSent),
            (404, "no_team", Auth, NotSent),
            (410, "channel_is_archived", InvalidRecipient, NotSent),
            (429, "rate_limited", RateLimited, NotSent),
            (500, "rollup_error", Unavailable, Unknown),
            (502, "<html>", Unavailable, Unknown),
            (400, "no_text", InvalidMessage, NotSent),
            (418, "A teapot!", InvalidMessage, NotSent),
        ] {
            let error = refused_hook(&testing::answer(status, &[], body), Timestamp::default());
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{body}");
        }
    }

    #[test]
    fn what_is_no_verdict_is_not_understood() {
        for body in ["", "null", "{}", "<html>", r#"{"ok":"yes"}"#, r#"{"ok":false}"#, "[1]"] {
            let error = error_of(200, &[], body);
            assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Unknown), "{body}");
        }
    }
}
