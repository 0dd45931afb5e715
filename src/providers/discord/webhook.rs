//! Interactions: pressed buttons and chosen entries.
//!
//! <https://docs.discord.com/developers/interactions/overview#setting-up-an-endpoint>,
//! <https://docs.discord.com/developers/interactions/receiving-and-responding>

use std::sync::Arc;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use http::header::{CONTENT_TYPE, HeaderValue};
use serde::Deserialize;

use crate::{
    address::ChatId,
    error::{Error, ErrorKind, Result},
    http::HttpResponse,
    time::Timestamp,
    webhook::{ChatReply, Inbound, RawRequest, Verified},
};

const SIGNATURE: &str = "x-signature-ed25519";
const TIMESTAMP: &str = "x-signature-timestamp";
/// Discord sets no limit; an interaction is worthless after three seconds, and its token after fifteen minutes.
const TOLERANCE: u64 = 5 * 60;

const PING: u8 = 1;
const COMPONENT: u8 = 3;

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Auth, why)
}

/// Checks the signature over timestamp and body.
pub(super) fn verify(key: &[u8; 32], request: &RawRequest) -> Result<Verified> {
    let timestamp = request.header(TIMESTAMP)?;
    let signature = unhex::<64>(request.header(SIGNATURE)?);
    let signature = signature.ok_or_else(|| refused("the signature is not 128 hexadecimal digits"))?;
    let secs: i64 = timestamp.parse().map_err(|_| refused("the timestamp is no number"))?;
    if request.received.as_secs().abs_diff(secs) > TOLERANCE {
        return Err(refused("the call is more than five minutes old, or from the future"));
    }
    let signed = [timestamp.as_bytes(), &request.body].concat();
    UnparsedPublicKey::new(&ED25519, key)
        .verify(&signed, &signature)
        .map_err(|_| refused("the signature is not that of this application"))?;
    Ok(Verified::trust(request))
}

/// As many octets as that, in hexadecimal digits.
pub(super) fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut octets = [0; N];
    if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
        return None;
    }
    for (octet, pair) in octets.iter_mut().zip(text.as_bytes().chunks(2)) {
        *octet = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(octets)
}

fn read(request: &RawRequest) -> Option<Interaction> {
    serde_json::from_slice(&request.body).ok()
}

pub(super) fn parse(request: &RawRequest) -> Result<Vec<Inbound>> {
    let odd = || Error::new(ErrorKind::Protocol, "Discord's interaction is not what its documentation says");
    let pressed = pressed(read(request).ok_or_else(odd)?, request.received);
    Ok(pressed.map(Inbound::Chat).into_iter().collect())
}

/// PONG to a ping; to a pressed button that it was heard, which changes nothing that the reader sees.
pub(super) fn answer(request: &RawRequest) -> HttpResponse {
    let mut answer = HttpResponse::default();
    let body = match read(request).map(|interaction| interaction.kind) {
        Some(PING) => r#"{"type":1}"#,
        Some(COMPONENT) => r#"{"type":6}"#,
        _ => return answer,
    };
    answer.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    *answer.body_mut() = body.into();
    answer
}

fn pressed(interaction: Interaction, received: Timestamp) -> Option<ChatReply> {
    let data = interaction.data.filter(|_| interaction.kind == COMPONENT)?;
    let (message, channel) = (interaction.message?, interaction.channel_id?);
    let user = interaction.member.map(|member| member.user).or(interaction.user)?;
    let chat: ChatId = channel.parse().ok()?;
    let id = format!("{channel}:{}", message.id);
    let mut reply = ChatReply::new(chat, user.id, "", id, interaction.id, received);
    // Of a menu what was chosen, of a button what it stands for.
    let chosen = data.values.join(",");
    reply.answer = Some(if chosen.is_empty() { data.custom_id } else { chosen.into() });
    Some(reply)
}

#[derive(Deserialize)]
struct Interaction {
    #[serde(rename = "type")]
    kind: u8,
    #[serde(default)]
    id: String,
    channel_id: Option<String>,
    data: Option<Data>,
    member: Option<Member>,
    user: Option<Peer>,
    message: Option<Peer>,
}

#[derive(Deserialize)]
struct Data {
    #[serde(default)]
    custom_id: Arc<str>,
    #[serde(default)]
    values: Vec<String>,
}

#[derive(Deserialize)]
struct Member {
    user: Peer,
}

#[derive(Deserialize)]
struct Peer {
    id: String,
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
    use http::{HeaderMap, Method};

    use super::*;

    const NOW: i64 = 1_790_000_000;

    fn call(body: &str) -> RawRequest {
        let received = Timestamp::from_secs(NOW);
        RawRequest::new(Method::POST, "https://x.org/discord", HeaderMap::new(), body.to_owned(), received)
    }

    fn hex(octets: &[u8]) -> String {
        octets.iter().map(|octet| format!("{octet:02x}")).collect()
    }

    #[test]
    fn only_what_the_application_signed_is_good() {
        let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).expect("a key");
        let key: [u8; 32] = pair.public_key().as_ref().try_into().expect("32 octets");
        let body = r#"{"type":1}"#;
        let check = |at: i64, signed: &str, sent: &str, change: fn(String) -> String| {
            let signature = hex(pair.sign(format!("{at}{signed}").as_bytes()).as_ref());
            let mut request = call(sent);
            request.headers.insert(TIMESTAMP, at.to_string().parse().expect("a header"));
            request.headers.insert(SIGNATURE, change(signature).parse().expect("a header"));
            verify(&key, &request)
        };
        let same: fn(String) -> String = |signature| signature;
        assert!(check(NOW, body, body, same).is_ok() && check(NOW - 300, body, body, same).is_ok());
        for refused in [
            check(NOW - 301, body, body, same),
            check(NOW + 301, body, body, same),
            check(NOW, body, r#"{"type":2}"#, same),
            check(NOW, body, body, |signature| signature[2..].to_owned()),
            check(NOW, body, body, |signature| signature.replace(|_: char| true, "0")),
            check(NOW, body, body, |_| "zz".repeat(64)),
            verify(&key, &call(body)),
        ] {
            assert_eq!(refused.expect_err("refused").kind(), ErrorKind::Auth);
        }
    }

    #[test]
    fn pressed_buttons_are_answers() {
        let body = |data: &str, who: &str| {
            format!(r#"{{"type":3,"id":"9","channel_id":"12","message":{{"id":"34"}},"data":{data},{who}}}"#)
        };
        for (data, answer) in [
            (r#"{"custom_id":"seen","component_type":2}"#, "seen"),
            (r#"{"custom_id":"menu","component_type":3,"values":["a","b"]}"#, "a,b"),
        ] {
            for who in [r#""member":{"user":{"id":"5"}}"#, r#""user":{"id":"5"}"#] {
                let request = call(&body(data, who));
                let [Inbound::Chat(reply)] = &parse(&request).expect("read")[..] else { panic!("one reply") };
                let mut expected =
                    ChatReply::new(12.into(), "5", "", "12:34", "9", Timestamp::from_secs(NOW));
                expected.answer = Some(answer.into());
                assert_eq!(*reply, expected);
                assert_eq!(super::answer(&request).body(), r#"{"type":6}"#);
            }
        }
    }

    #[test]
    fn pings_are_answered_and_what_is_unknown_is_skipped() {
        let ping = call(r#"{"type":1,"id":"1","application_id":"2","token":"t","version":1}"#);
        assert_eq!(
            (parse(&ping).expect("read"), answer(&ping).body().as_ref()),
            (vec![], &br#"{"type":1}"#[..])
        );
        assert_eq!(answer(&ping).headers()["content-type"], "application/json");
        let command = call(r#"{"type":2,"id":"1","data":{"id":"3","name":"x","type":1}}"#);
        assert_eq!(parse(&command).expect("read"), []);
        assert!(answer(&command).body().is_empty());
        for body in ["", "[]", "{}", r#"{"type":"1"}"#] {
            assert_eq!(parse(&call(body)).expect_err(body).kind(), ErrorKind::Protocol);
        }
    }
}
