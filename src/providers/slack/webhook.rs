//! Calls of the Events API and of interactive messages.
//!
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>,
//! <https://docs.slack.dev/apis/events-api>,
//! <https://docs.slack.dev/reference/interaction-payloads/block_actions-payload>

use std::sync::Arc;

use aws_lc_rs::hmac;
use http::header::{CONTENT_TYPE, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use crate::{
    address::ChatId,
    error::{Error, ErrorKind, Result},
    http::HttpResponse,
    time::Timestamp,
    webhook::{ChatReply, Inbound, RawRequest, Verified},
};

const SIGNATURE: &str = "x-slack-signature";
const TIMESTAMP: &str = "x-slack-request-timestamp";
/// "The request timestamp is more than five minutes from local time. It could be a replay attack."
const TOLERANCE: u64 = 5 * 60;

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Auth, why)
}

/// Checks `v0=` and the HMAC-SHA256 over `v0:timestamp:body`.
pub(super) fn verify(secret: &SecretString, request: &RawRequest) -> Result<Verified> {
    let timestamp = request.header(TIMESTAMP)?;
    let signature = request.header(SIGNATURE)?.strip_prefix("v0=").and_then(unhex);
    let signature = signature.ok_or_else(|| refused("the signature is not v0= and 64 hexadecimal digits"))?;
    let secs: i64 = timestamp.parse().map_err(|_| refused("the timestamp is no number"))?;
    if request.received.as_secs().abs_diff(secs) > TOLERANCE {
        return Err(refused("the call is more than five minutes old, or from the future"));
    }
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    let mut signed = Vec::with_capacity(request.body.len() + 16);
    signed.extend_from_slice(b"v0:");
    signed.extend_from_slice(timestamp.as_bytes());
    signed.push(b':');
    signed.extend_from_slice(&request.body);
    hmac::verify(&key, &signed, &signature)
        .map_err(|_| refused("the signature is not that of this app's secret"))?;
    Ok(Verified::trust(request))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let mut octets = [0; 32];
    if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}

pub(super) fn parse(request: &RawRequest) -> Result<Vec<Inbound>> {
    let odd = || Error::new(ErrorKind::Protocol, "Slack's call is not what its documentation says");
    let replies = match interaction(request) {
        Some(payload) => pressed(serde_json::from_str(&payload).map_err(|_| odd())?, request.received),
        None => {
            let call: Call = serde_json::from_slice(&request.body).map_err(|_| odd())?;
            written(call, request.received).into_iter().collect()
        }
    };
    Ok(replies.into_iter().map(Inbound::Chat).collect())
}

/// "Respond with the challenge value as plaintext" when an address is set.
pub(super) fn answer(request: &RawRequest) -> HttpResponse {
    let mut answer = HttpResponse::default();
    let challenge = match serde_json::from_slice::<Call>(&request.body) {
        Ok(Call { kind, challenge: Some(challenge), .. }) if kind == "url_verification" => challenge,
        _ => return answer,
    };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    *answer.body_mut() = challenge.into();
    answer
}

/// Interactions come as a form with one field.
fn interaction(request: &RawRequest) -> Option<String> {
    let (_, payload) = form_urlencoded::parse(&request.body)
        .find(|(name, _)| name == "payload")
        .filter(|_| !is_json(request))?;
    Some(payload.into_owned())
}

fn is_json(request: &RawRequest) -> bool {
    request.body.trim_ascii_start().starts_with(b"{")
}

/// A message of a person: what apps write, ours among them, is no reply.
fn written(call: Call, received: Timestamp) -> Option<ChatReply> {
    let event = call.event.filter(|_| call.kind == "event_callback")?;
    let spoken = matches!(event.kind.as_str(), "app_mention" | "message");
    let whole = matches!(event.subtype.as_deref(), None | Some("file_share" | "thread_broadcast"));
    if !spoken || !whole || event.bot_id.is_some() {
        return None;
    }
    let (channel, ts) = (event.channel?, event.ts?);
    let chat: ChatId = channel.parse().ok()?;
    let id = format!("{channel}:{ts}");
    let source = call.event_id.unwrap_or_else(|| id.clone());
    let at = call.event_time.map_or(received, Timestamp::from_secs);
    let mut reply = ChatReply::new(chat, event.user?, event.text.unwrap_or_default(), id, source, at);
    reply.thread = event.thread_ts;
    reply.media = event.files.into_iter().filter_map(|file| file.url_private).collect();
    Some(reply)
}

/// Each action of a pressed button.
fn pressed(payload: Interaction, received: Timestamp) -> Vec<ChatReply> {
    let (Some(channel), Some(message)) = (payload.channel, payload.message) else { return Vec::new() };
    if payload.kind != "block_actions" {
        return Vec::new();
    }
    let Ok(chat) = channel.id.parse::<ChatId>() else { return Vec::new() };
    let id = format!("{}:{}", channel.id, message.ts);
    let reply = |action: Action| {
        let source = format!("{id}:{}:{}", action.action_id, action.action_ts);
        let mut reply =
            ChatReply::new(chat.clone(), payload.user.id.clone(), "", id.clone(), source, received);
        reply.answer = Some(action.value?);
        reply.thread = message.thread_ts.clone();
        Some(reply)
    };
    payload.actions.into_iter().filter_map(reply).collect()
}

#[derive(Deserialize)]
struct Call {
    #[serde(rename = "type")]
    kind: String,
    challenge: Option<String>,
    event_id: Option<String>,
    event_time: Option<i64>,
    event: Option<Event>,
}

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    subtype: Option<String>,
    bot_id: Option<String>,
    channel: Option<String>,
    user: Option<Arc<str>>,
    text: Option<Arc<str>>,
    ts: Option<String>,
    thread_ts: Option<Arc<str>>,
    #[serde(default)]
    files: Vec<Shared>,
}

#[derive(Deserialize)]
struct Shared {
    url_private: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: String,
    user: Peer,
    channel: Option<Peer>,
    message: Option<Above>,
    #[serde(default)]
    actions: Vec<Action>,
}

#[derive(Deserialize)]
struct Peer {
    id: Arc<str>,
}

#[derive(Deserialize)]
struct Above {
    ts: String,
    thread_ts: Option<Arc<str>>,
}

#[derive(Deserialize)]
struct Action {
    #[serde(default)]
    action_id: String,
    #[serde(default)]
    action_ts: String,
    value: Option<Arc<str>>,
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    fn call(body: &str) -> RawRequest {
        let received = Timestamp::from_secs(1_531_420_618 + 60);
        RawRequest::new(Method::POST, "https://x.org/slack", HeaderMap::new(), body.to_owned(), received)
    }

    /// The example of "Verifying requests from Slack".
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNED: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";

    fn check(body: &str, timestamp: &str, signature: &str, later: i64) -> Result<Verified> {
        let mut request = call(body);
        request.received = Timestamp::from_secs(1_531_420_618 + later);
        request.headers.insert(TIMESTAMP, timestamp.parse().expect("a header"));
        request.headers.insert(SIGNATURE, signature.parse().expect("a header"));
        verify(&SecretString::from(SECRET), &request)
    }

    #[test]
    fn the_documented_example_is_good_and_nothing_else() {
        let now = "1531420618";
        for later in [0, 300, -300] {
            assert!(check(BODY, now, SIGNED, later).is_ok());
        }
        for (body, at, signature, later) in [
            (BODY, now, SIGNED, 301),
            (BODY, now, SIGNED, -301),
            (BODY, "1531420619", SIGNED, 0),
            (BODY, "x", SIGNED, 0),
            (BODY, "99999999999999999999", SIGNED, 0),
            (&BODY[1..], now, SIGNED, 0),
            (BODY, now, &SIGNED[3..], 0),
            (BODY, now, "v0=", 0),
            (BODY, now, &SIGNED[..66], 0),
            (BODY, now, &SIGNED.replace("v0", "v1"), 0),
        ] {
            assert_eq!(check(body, at, signature, later).expect_err("refused").kind(), ErrorKind::Auth);
        }
        assert!(verify(&SecretString::from(SECRET), &call(BODY)).is_err());
    }

    #[test]
    fn an_address_is_confirmed_by_its_challenge() {
        let body = r#"{"token":"t","challenge":"3eZbrw1a","type":"url_verification"}"#;
        assert_eq!(answer(&call(body)).body(), "3eZbrw1a");
        assert_eq!(parse(&call(body)).expect("a call"), []);
        let other = r#"{"challenge":"3eZbrw1a","type":"event_callback"}"#;
        assert!(answer(&call(other)).body().is_empty() && answer(&call("payload=x")).body().is_empty());
    }

    #[test]
    fn what_people_write_is_a_reply() {
        let body = r#"{"type":"event_callback","event_id":"Ev1","event_time":1531420000,"event":{"type":"message",
            "channel":"C0123456789","user":"U061F7AUR","text":"hi &amp; bye","ts":"1355517523.000005",
            "thread_ts":"1355517500.000001","files":[{"url_private":"https://files.slack.com/1"},{"id":"F2"}]}}"#;
        let [Inbound::Chat(reply)] = &parse(&call(body)).expect("a call")[..] else { panic!("one reply") };
        let mut expected = ChatReply::new(
            "C0123456789".parse().expect("a chat"),
            "U061F7AUR",
            "hi &amp; bye",
            "C0123456789:1355517523.000005",
            "Ev1",
            Timestamp::from_secs(1_531_420_000),
        );
        expected.thread = Some("1355517500.000001".into());
        expected.media = vec!["https://files.slack.com/1".into()];
        assert_eq!(*reply, expected);
    }

    #[test]
    fn what_apps_write_and_what_is_unknown_is_skipped() {
        let event = |event: &str| format!(r#"{{"type":"event_callback","event":{event}}}"#);
        for body in [
            event(
                r#"{"type":"message","bot_id":"B1","channel":"C0123456789","user":"U1","text":"t","ts":"1.1"}"#,
            ),
            event(r#"{"type":"message","subtype":"message_changed","channel":"C0123456789","ts":"1.1"}"#),
            event(r#"{"type":"reaction_added","user":"U1"}"#),
            event(r#"{"type":"message","text":"nobody"}"#),
            r#"{"type":"app_rate_limited"}"#.to_owned(),
            "payload=%7B%22type%22%3A%22view_closed%22%2C%22user%22%3A%7B%22id%22%3A%22U1%22%7D%7D"
                .to_owned(),
        ] {
            assert_eq!(parse(&call(&body)).expect(&body), []);
        }
        for body in ["", "[]", "payload=x", "command=%2Fx", "{}", "{\"type\":1}"] {
            assert_eq!(parse(&call(body)).expect_err(body).kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn pressed_buttons_are_answers() {
        let payload = r#"{"type":"block_actions","user":{"id":"U1"},"channel":{"id":"C0123456789","name":"news"},
            "message":{"ts":"1.2","thread_ts":"1.1"},"actions":[{"action_id":"tidings.0.1","value":"seen","action_ts":"9.9",
            "type":"button"},{"action_id":"tidings.0.0","action_ts":"9.9","type":"button"}]}"#;
        let body: String =
            form_urlencoded::Serializer::new(String::new()).append_pair("payload", payload).finish();
        let [Inbound::Chat(reply)] = &parse(&call(&body)).expect("a call")[..] else { panic!("one reply") };
        assert_eq!((reply.answer.as_deref(), &*reply.vendor_id), (Some("seen"), "C0123456789:1.2"));
        assert_eq!((&*reply.from, &*reply.source), ("U1", "C0123456789:1.2:tidings.0.1:9.9"));
    }
}
