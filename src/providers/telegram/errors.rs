//! What Telegram's refusals mean.

use std::time::Duration;

use http::StatusCode;
use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind, Retry},
    http::{
        HttpResponse,
        classify::{error_for, excerpt, not_understood},
    },
    time::Timestamp,
};

/// Telegram's reason, with what helps.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
enum Refusal {
    #[error("the text is no valid MarkdownV2; escape what comes from elsewhere")]
    BadMarkup,
    #[error("the bot was blocked or removed; do not write there again")]
    Blocked,
    #[error("a button is not taken")]
    Button,
    #[error("the account is deleted")]
    Deactivated,
    #[error("Telegram could not take the media; are link, type and size right?")]
    Media,
    #[error("the group has become a supergroup; write to migrate_to_chat_id")]
    Migrated,
    #[error(
        "the bot knows no such chat; people must have written to it, groups and channels have it as a member"
    )]
    NoChat,
    #[error("the message cannot be edited (any more); it must be the bot's own, and of the same kind")]
    NotEditable,
    #[error("there is no such message to edit")]
    NotThere,
    #[error("the bot may not do this in this chat; is it an administrator where it must be?")]
    NoRights,
    #[error("there is no such Bot API here; check base_url")]
    NoServer,
    #[error("there is no such thread in this chat")]
    NoThread,
    #[error("the message that this one answers is not found; see the option allow_sending_without_reply")]
    ReplyGone,
    #[error("the text is too long")]
    TooLong,
    #[error("the bot's token is not known; see @BotFather")]
    Token,
}

/// Telegram has no codes beneath those of HTTP: only the description tells refusals apart, and this
/// is the one place that reads it. Compared are its beginnings, without `Bad Request: ` and
/// `Forbidden: `, in lower case.
///
/// Sources: `telegram-bot-api/Client.cpp` and `ClientManager.cpp` of
/// <https://github.com/tdlib/telegram-bot-api>; where these pass on an error of Telegram's core
/// (`PEER_ID_INVALID` and other words in capitals) <https://core.telegram.org/api/errors>, and for
/// the texts "not enough rights…", "message is too long", "bot can't initiate…" and "wrong file
/// identifier…" TDLib, on which the server is built.
const TEXTS: &[(u16, &str, Refusal)] = &[
    (400, "button_data_invalid", Refusal::Button),
    (400, "button_url_invalid", Refusal::Button),
    (400, "can't parse entities", Refusal::BadMarkup),
    (400, "chat not found", Refusal::NoChat),
    (400, "chat_admin_required", Refusal::NoRights),
    (400, "chat_id is empty", Refusal::NoChat),
    (400, "chat_restricted", Refusal::NoRights),
    (400, "chat_write_forbidden", Refusal::NoRights),
    (400, "failed to get http url content", Refusal::Media),
    (400, "group chat was upgraded", Refusal::Migrated),
    (400, "have no rights", Refusal::NoRights),
    (400, "input_user_deactivated", Refusal::Deactivated),
    (400, "media_caption_too_long", Refusal::TooLong),
    (400, "message caption is too long", Refusal::TooLong),
    (400, "message is too long", Refusal::TooLong),
    (400, "message can't be edited", Refusal::NotEditable),
    (400, "message thread not found", Refusal::NoThread),
    (400, "message to edit not found", Refusal::NotThere),
    (400, "message to be replied not found", Refusal::ReplyGone),
    (400, "message_too_long", Refusal::TooLong),
    (400, "need administrator rights", Refusal::NoRights),
    (400, "not enough rights", Refusal::NoRights),
    (400, "peer_id_invalid", Refusal::NoChat),
    (400, "photo_invalid_dimensions", Refusal::Media),
    (400, "private chat not found", Refusal::NoChat),
    (400, "text is too long", Refusal::TooLong),
    (400, "there is no caption in the message to edit", Refusal::NotEditable),
    (400, "there is no media in the message to edit", Refusal::NotEditable),
    (400, "there is no text in the message to edit", Refusal::NotEditable),
    (400, "topic_closed", Refusal::NoRights),
    (400, "user not found", Refusal::NoChat),
    (400, "webpage_", Refusal::Media),
    (400, "wrong file identifier", Refusal::Media),
    (400, "wrong http url specified", Refusal::Media),
    (400, "wrong type of the web page content", Refusal::Media),
    (403, "bot can't initiate conversation", Refusal::NoChat),
    (403, "bot can't send messages", Refusal::NoChat),
    (403, "bot is not a member", Refusal::NoChat),
    (403, "bot was blocked", Refusal::Blocked),
    (403, "bot was kicked", Refusal::Blocked),
    (403, "the group chat was deleted", Refusal::NoChat),
    (403, "user is deactivated", Refusal::Deactivated),
    (404, "not found: method not found", Refusal::NoServer),
    // A token that is none makes an address that is none.
    (404, "not found", Refusal::Token),
    (421, "misdirected request", Refusal::NoServer),
];

impl Refusal {
    /// The kind, and the field at fault.
    const fn meaning(self) -> (ErrorKind, Option<&'static str>) {
        match self {
            Self::BadMarkup => (ErrorKind::InvalidMessage, Some("text")),
            Self::Blocked => (ErrorKind::Suppressed, Some("to")),
            Self::Button => (ErrorKind::InvalidMessage, Some("keyboard")),
            Self::Deactivated | Self::Migrated | Self::NoChat => (ErrorKind::InvalidRecipient, Some("to")),
            Self::Media => (ErrorKind::InvalidMessage, Some("media")),
            Self::NoRights => (ErrorKind::Permission, None),
            Self::NoServer => (ErrorKind::Config, None),
            Self::NoThread => (ErrorKind::InvalidMessage, Some("thread")),
            Self::NotEditable => (ErrorKind::InvalidMessage, Some("edits")),
            Self::NotThere => (ErrorKind::NotFound, Some("edits")),
            Self::ReplyGone => (ErrorKind::InvalidMessage, Some("reply_to")),
            Self::TooLong => (ErrorKind::PayloadTooLarge, Some("text")),
            Self::Token => (ErrorKind::Auth, None),
        }
    }

    fn of(code: u16, description: &str) -> Option<Self> {
        let text = description.to_ascii_lowercase();
        let text =
            text.strip_prefix("bad request: ").or_else(|| text.strip_prefix("forbidden: ")).unwrap_or(&text);
        let known = TEXTS.iter().find(|(status, start, _)| *status == code && text.starts_with(start));
        known.map(|(_, _, refusal)| *refusal)
    }
}

/// True if an edit was refused because the message is already as it should be.
pub(super) fn is_unchanged(answer: &HttpResponse) -> bool {
    let said: Failure = serde_json::from_slice(answer.body()).unwrap_or_default();
    let text = said.description.to_ascii_lowercase();
    said.error_code == Some(400) && text.starts_with("bad request: message is not modified")
}

/// The error that an answer which is not `ok` stands for.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let said: Failure = serde_json::from_slice(answer.body()).unwrap_or_default();
    // With a status of 2xx only the body says which failure it was.
    let status = match (answer.status(), said.error_code.map(StatusCode::from_u16)) {
        (status, _) if !status.is_success() => status,
        (_, Some(Ok(status))) if !status.is_success() => status,
        _ => return not_understood(answer, "Telegram's answer is neither success nor failure"),
    };
    let by_status = with_status(answer, status, now);
    let error = match refusal(status, &said) {
        Some(refusal) => told(refusal, &said),
        None => Error::new(by_status.kind(), text(by_status.message(), &said)),
    };
    let error = error
        .with_code(status.as_str())
        .with_certainty(by_status.certainty())
        .with_retry(retry(&by_status, &said.parameters));
    match said.parameters.migrate_to_chat_id {
        Some(chat) => error.with_context("migrate_to_chat_id", chat.to_string()),
        None => error,
    }
}

fn refusal(status: StatusCode, said: &Failure) -> Option<Refusal> {
    match (status.as_u16(), &*said.description) {
        (404, "") => Some(Refusal::NoServer),
        (code, description) => Refusal::of(code, description),
    }
}

fn with_status(answer: &HttpResponse, status: StatusCode, now: Timestamp) -> Error {
    let mut answer = answer.clone();
    *answer.status_mut() = status;
    error_for(&answer, now)
}

fn told(refusal: Refusal, said: &Failure) -> Error {
    let (kind, field) = refusal.meaning();
    let error = Error::new(kind, text(&refusal.to_string(), said)).with_source(refusal);
    match field {
        Some(field) => error.with_field(field),
        None => error,
    }
}

fn text(known: &str, said: &Failure) -> String {
    match excerpt(&said.description) {
        description if description.is_empty() => known.to_owned(),
        description => format!("{known}: {description}"),
    }
}

fn retry(by_status: &Error, parameters: &Parameters) -> Retry {
    match (by_status.retry(), parameters.retry_after) {
        (Retry::Never, _) | (_, None) => by_status.retry(),
        (_, Some(seconds)) => Retry::After(Duration::from_secs(seconds.into())),
    }
}

#[derive(Default, Deserialize)]
struct Failure {
    #[serde(default)]
    error_code: Option<u16>,
    #[serde(default)]
    description: String,
    #[serde(default)]
    parameters: Parameters,
}

/// <https://core.telegram.org/bots/api#responseparameters>.
#[derive(Default, Deserialize)]
struct Parameters {
    #[serde(default)]
    migrate_to_chat_id: Option<i64>,
    #[serde(default)]
    retry_after: Option<u32>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::error::Certainty::{self, NotSent, Unknown};

    fn answer(status: u16, body: String) -> HttpResponse {
        http::Response::builder().status(status).body(body.into()).expect("an answer")
    }

    fn said(code: u16, description: &str) -> String {
        json!({"ok": false, "error_code": code, "description": description}).to_string()
    }

    // Texts: Client.cpp (fail_query, fail_query_with_error, check_chat_access) and ClientManager.cpp of
    // https://github.com/tdlib/telegram-bot-api; meanings: https://core.telegram.org/bots/api#making-requests
    #[test]
    fn descriptions_have_kind_and_field() {
        use ErrorKind::*;
        let table = [
            (400, "Bad Request: chat not found", InvalidRecipient, Some("to")),
            (400, "Bad Request: PEER_ID_INVALID", InvalidRecipient, Some("to")),
            (400, "Bad Request: private chat not found", InvalidRecipient, Some("to")),
            (403, "Forbidden: user is deactivated", InvalidRecipient, Some("to")),
            (403, "Forbidden: bot was blocked by the user", Suppressed, Some("to")),
            (403, "Forbidden: bot was kicked from the channel chat", Suppressed, Some("to")),
            (403, "Forbidden: bot is not a member of the supergroup chat", InvalidRecipient, Some("to")),
            (403, "Forbidden: the group chat was deleted", InvalidRecipient, Some("to")),
            (403, "Forbidden: bot can't initiate conversation with a user", InvalidRecipient, Some("to")),
            (403, "Forbidden: something new", Permission, None),
            (400, "Bad Request: message thread not found", InvalidMessage, Some("thread")),
            (400, "Bad Request: message to be replied not found", InvalidMessage, Some("reply_to")),
            (
                400,
                "Bad Request: can't parse entities: character '.' is reserved",
                InvalidMessage,
                Some("text"),
            ),
            (400, "Bad Request: message is too long", PayloadTooLarge, Some("text")),
            (400, "Bad Request: BUTTON_DATA_INVALID", InvalidMessage, Some("keyboard")),
            (400, "Bad Request: wrong HTTP URL specified", InvalidMessage, Some("media")),
            (400, "Bad Request: failed to get HTTP URL content", InvalidMessage, Some("media")),
            (400, "Bad Request: CHAT_WRITE_FORBIDDEN", Permission, None),
            (400, "Bad Request: not enough rights to send text messages to the chat", Permission, None),
            (400, "Bad Request: something new", InvalidMessage, None),
            (401, "Unauthorized", Auth, None),
            (404, "Not Found", Auth, None),
            (404, "Not Found: method not found", Config, None),
            (413, "Request Entity Too Large", PayloadTooLarge, None),
            (421, "Misdirected Request: unallowed token specified", Config, None),
        ];
        for (code, description, kind, field) in table {
            let error = refused(&answer(code, said(code, description)), Timestamp::default());
            assert_eq!((error.kind(), error.field()), (kind, field), "{description}");
            assert_eq!((error.certainty(), error.retry()), (NotSent, Retry::Never), "{description}");
            assert!(error.message().contains(description), "{error}");
        }
    }

    #[test]
    fn waiting_and_moving_are_told() {
        let table: [(u16, serde_json::Value, ErrorKind, Certainty, Retry); 5] = [
            (
                429,
                json!({"retry_after": 9}),
                ErrorKind::RateLimited,
                NotSent,
                Retry::After(Duration::from_secs(9)),
            ),
            (429, json!({}), ErrorKind::RateLimited, NotSent, Retry::Backoff),
            (500, json!({}), ErrorKind::Unavailable, Unknown, Retry::Backoff),
            (502, json!({}), ErrorKind::Unavailable, Unknown, Retry::Backoff),
            (409, json!({"retry_after": 9}), ErrorKind::InvalidMessage, NotSent, Retry::Never),
        ];
        for (code, parameters, kind, certainty, retry) in table {
            let body = json!({"ok": false, "error_code": code, "description": "x", "parameters": parameters});
            let error = refused(&answer(code, body.to_string()), Timestamp::default());
            assert_eq!((error.kind(), error.certainty(), error.retry()), (kind, certainty, retry), "{code}");
        }
        let body = json!({"ok": false, "error_code": 400, "parameters": {"migrate_to_chat_id": -1001},
            "description": "Bad Request: group chat was upgraded to a supergroup chat"});
        let error = refused(&answer(400, body.to_string()), Timestamp::default());
        assert_eq!(error.kind(), ErrorKind::InvalidRecipient);
        assert_eq!(error.context().collect::<Vec<_>>(), [("migrate_to_chat_id", "-1001")]);
    }

    #[test]
    fn odd_answers_are_told_apart() {
        let table = [
            (200, said(403, "Forbidden: bot was blocked by the user"), ErrorKind::Suppressed, NotSent),
            (200, said(200, "?"), ErrorKind::Protocol, Unknown),
            (200, json!({"ok": false}).to_string(), ErrorKind::Protocol, Unknown),
            (404, "<html>".into(), ErrorKind::Config, NotSent),
            (502, "<html>".into(), ErrorKind::Unavailable, Unknown),
            (302, String::new(), ErrorKind::Protocol, NotSent),
        ];
        for (status, body, kind, certainty) in table {
            let error = refused(&answer(status, body.clone()), Timestamp::default());
            assert_eq!((error.kind(), error.certainty()), (kind, certainty), "{status} {body}");
        }
    }
}
