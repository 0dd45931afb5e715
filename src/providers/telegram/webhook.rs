//! Updates that Telegram hands to a webhook: messages and pressed buttons.
//!
//! <https://core.telegram.org/bots/api#update>

use std::sync::Arc;

use aws_lc_rs::constant_time;
use http::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::{
    address::ChatId,
    error::{Error, ErrorKind, Result},
    http::HttpResponse,
    time::Timestamp,
    webhook::{ChatReply, Inbound, RawRequest, Verified},
};

const TOKEN: &str = "x-telegram-bot-api-secret-token";

/// Checks that the call carries the secret that `setWebhook` was given.
pub(super) fn verify(secret: &SecretString, request: &RawRequest) -> Result<Verified> {
    let given = request.header(TOKEN)?;
    let same = constant_time::verify_slices_are_equal(given.as_bytes(), secret.expose_secret().as_bytes());
    match same {
        Ok(()) => Ok(Verified::trust(request)),
        Err(_) => Err(Error::new(ErrorKind::Auth, "the secret token is not that of this bot's webhook")),
    }
}

/// "1-256 characters. Only characters A-Z, a-z, 0-9, _ and - are allowed."
pub(super) fn is_token(text: &str) -> bool {
    (1..=256).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

pub(super) fn parse(request: &RawRequest) -> Result<Vec<Inbound>> {
    let update = read(request).ok_or_else(|| {
        Error::new(ErrorKind::Protocol, "Telegram's update is not what its documentation says")
    })?;
    let source = update.update_id.to_string();
    let reply = match (update.message.or(update.channel_post), update.callback_query) {
        (Some(message), _) => written(message, source),
        (None, Some(query)) => pressed(query, source, request.received),
        (None, None) => None,
    };
    Ok(reply.map(Inbound::Chat).into_iter().collect())
}

/// A pressed button shows that it waits until it is answered.
pub(super) fn answer(request: &RawRequest) -> HttpResponse {
    let mut answer = HttpResponse::default();
    if let Some(query) = read(request).and_then(|update| update.callback_query) {
        let body = json!({"method": "answerCallbackQuery", "callback_query_id": query.id});
        answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        *answer.body_mut() = body.to_string().into();
    }
    answer
}

fn read(request: &RawRequest) -> Option<Update> {
    serde_json::from_slice(&request.body).ok()
}

fn written(message: Message, source: String) -> Option<ChatReply> {
    let from = message.from.as_ref().map_or(message.chat.id, |user| user.id);
    let media = message.media();
    let text = message.text.or(message.caption);
    if text.is_none() && media.is_empty() {
        return None;
    }
    let id = format!("{}:{}", message.chat.id, message.message_id);
    let at = Timestamp::from_secs(message.date);
    let chat = ChatId::from(message.chat.id);
    let mut reply = ChatReply::new(chat, from.to_string(), text.unwrap_or_default(), id, source, at);
    reply.media = media;
    reply.thread = message.message_thread_id.map(|id| id.to_string().into());
    let answered = message.reply_to_message.map(|to| format!("{}:{}", message.chat.id, to.message_id));
    reply.reply_to = answered.map(Into::into);
    Some(reply)
}

fn pressed(query: Query, source: String, received: Timestamp) -> Option<ChatReply> {
    // Without a message it was a button of inline mode, which we never send.
    let message = query.message?;
    let id = format!("{}:{}", message.chat.id, message.message_id);
    let chat = ChatId::from(message.chat.id);
    let mut reply = ChatReply::new(chat, query.from.id.to_string(), "", id, source, received);
    reply.answer = Some(query.data?.into());
    reply.thread = message.message_thread_id.map(|id| id.to_string().into());
    Some(reply)
}

#[derive(Deserialize)]
struct Update {
    update_id: i64,
    message: Option<Message>,
    channel_post: Option<Message>,
    callback_query: Option<Query>,
}

#[derive(Deserialize)]
struct Query {
    id: String,
    from: Peer,
    message: Option<Message>,
    data: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    message_id: i64,
    date: i64,
    chat: Peer,
    from: Option<Peer>,
    message_thread_id: Option<i64>,
    reply_to_message: Option<Answered>,
    text: Option<String>,
    caption: Option<String>,
    photo: Option<Vec<Piece>>,
    audio: Option<Piece>,
    document: Option<Piece>,
    video: Option<Piece>,
    voice: Option<Piece>,
}

impl Message {
    /// The ids of its files; of a picture, which comes in several sizes, the largest.
    fn media(&self) -> Vec<Arc<str>> {
        let picture = self.photo.as_ref().and_then(|sizes| sizes.last());
        let pieces =
            [picture, self.audio.as_ref(), self.document.as_ref(), self.video.as_ref(), self.voice.as_ref()];
        pieces.into_iter().flatten().map(|piece| Arc::clone(&piece.file_id)).collect()
    }
}

#[derive(Deserialize)]
struct Answered {
    message_id: i64,
}

#[derive(Deserialize)]
struct Peer {
    id: i64,
}

#[derive(Deserialize)]
struct Piece {
    file_id: Arc<str>,
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    fn call(body: &str) -> RawRequest {
        let received = Timestamp::from_secs(99);
        RawRequest::new(Method::POST, "https://x.org/tg", HeaderMap::new(), body.to_owned(), received)
    }

    fn one(body: &str) -> ChatReply {
        match parse(&call(body)).expect("an update").pop() {
            Some(Inbound::Chat(reply)) => reply,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn only_the_secret_of_this_webhook_is_good() {
        let secret = SecretString::from("s3cret_-");
        let with = |values: &[&str]| {
            let mut request = call("{}");
            for value in values {
                request.headers.append(TOKEN, value.parse().expect("a header"));
            }
            verify(&secret, &request)
        };
        assert!(with(&["s3cret_-"]).is_ok());
        for wrong in [&[][..], &[""], &["s3cret_"], &["s3cret_-x"], &["S3CRET_-"], &["s3cret_-", "s3cret_-"]]
        {
            assert_eq!(with(wrong).expect_err("refused").kind(), ErrorKind::Auth, "{wrong:?}");
        }
    }

    #[test]
    fn messages_are_replies() {
        let reply =
            one(r#"{"update_id":5,"message":{"message_id":7,"date":8,"chat":{"id":-100,"type":"supergroup"},
            "from":{"id":42,"is_bot":false,"first_name":"Ada"},"message_thread_id":3,"text":"hi",
            "reply_to_message":{"message_id":6,"date":1,"chat":{"id":-100}}}}"#);
        let mut expected = ChatReply::new((-100).into(), "42", "hi", "-100:7", "5", Timestamp::from_secs(8));
        expected.thread = Some("3".into());
        expected.reply_to = Some("-100:6".into());
        assert_eq!(reply, expected);
        let photo = one(
            r#"{"update_id":6,"channel_post":{"message_id":8,"date":9,"chat":{"id":-200},"caption":"room",
            "photo":[{"file_id":"small"},{"file_id":"large"}],"voice":{"file_id":"v"}}}"#,
        );
        assert_eq!((&*photo.from, &*photo.text), ("-200", "room"));
        assert_eq!(photo.media, [Arc::from("large"), Arc::from("v")]);
    }

    #[test]
    fn pressed_buttons_are_answers_and_are_acknowledged() {
        let body = r#"{"update_id":9,"callback_query":{"id":"q1","from":{"id":42},"chat_instance":"x","data":"seen",
            "message":{"message_id":7,"date":0,"chat":{"id":-100}}}}"#;
        let reply = one(body);
        assert_eq!(
            (reply.answer.as_deref(), &*reply.vendor_id, &*reply.source),
            (Some("seen"), "-100:7", "9")
        );
        assert_eq!(reply.at, Timestamp::from_secs(99));
        let said: serde_json::Value = serde_json::from_slice(answer(&call(body)).body()).expect("JSON");
        assert_eq!(said, json!({"method": "answerCallbackQuery", "callback_query_id": "q1"}));
    }

    #[test]
    fn what_is_unknown_is_skipped_and_nonsense_is_an_error() {
        for body in [
            r#"{"update_id":1}"#,
            r#"{"update_id":1,"poll":{"id":"p"}}"#,
            r#"{"update_id":1,"message":{"message_id":7,"date":8,"chat":{"id":1},"new_chat_title":"x"}}"#,
            r#"{"update_id":1,"callback_query":{"id":"q","from":{"id":1},"data":"d","inline_message_id":"i"}}"#,
        ] {
            assert_eq!(parse(&call(body)).expect(body), []);
        }
        for body in ["", "null", "[]", "{}", r#"{"update_id":"x"}"#] {
            assert_eq!(parse(&call(body)).expect_err(body).kind(), ErrorKind::Protocol);
            assert!(answer(&call(body)).body().is_empty());
        }
    }
}
