//! A push message as a request to a push service, its answer as a receipt. No I/O.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, LOCATION},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use super::{encrypt::MAX_PLAIN, endpoint::Endpoint, errors, options::Options};
use crate::{
    error::{Error, ErrorKind, Result},
    http::{Demands, HttpRequest, HttpResponse, classify::not_understood, secret_header},
    message::{Priority, Push, PushAction},
    provider::Receipt,
    providers::shared::collapse::web_topic,
    time::Timestamp,
};

const TTL: HeaderName = HeaderName::from_static("ttl");
const TOPIC: HeaderName = HeaderName::from_static("topic");
const URGENCY: HeaderName = HeaderName::from_static("urgency");
/// A push service refuses a message without `TTL` (RFC 8030 section 5.2). This is how long FCM keeps one at most.
const USUAL_TTL: Duration = Duration::from_secs(28 * 24 * 3_600);
/// No push service names its messages at greater length.
const LONGEST_ID: usize = 2_048;

/// What the service worker reads: the members of `NotificationOptions`, with the title.
#[derive(Serialize)]
struct Plain<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<u32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    actions: Vec<Action<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Serialize)]
struct Action<'a> {
    action: &'a str,
    title: &'a str,
}

impl<'a> From<&'a PushAction> for Action<'a> {
    fn from(action: &'a PushAction) -> Self {
        Self { action: &action.id, title: &action.title }
    }
}

/// The text to be encrypted.
pub(super) fn plain(push: &Push) -> Result<Vec<u8>> {
    if push.sound.is_some() {
        return Err(Error::new(ErrorKind::Unsupported, "browsers play no sound").with_field("sound"));
    }
    let plain = Plain {
        title: push.title.as_deref(),
        body: push.body.as_deref(),
        image: push.image.as_ref().map(|url| url.as_str()),
        tag: push.collapse_key.as_deref(),
        badge: push.badge,
        actions: push.actions.iter().map(Action::from).collect(),
        data: &push.data,
    };
    let json = serde_json::to_vec(&plain).map_err(|e| {
        Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e)
    })?;
    if json.len() > MAX_PLAIN {
        let text =
            format!("the message has {} octets as JSON; Web Push takes at most {MAX_PLAIN}", json.len());
        return Err(Error::new(ErrorKind::PayloadTooLarge, text));
    }
    Ok(json)
}

/// The request but for the token.
pub(super) fn request(
    push: &Push,
    options: &Options<'_>,
    endpoint: &Endpoint,
    demands: Demands,
    body: Bytes,
) -> HttpRequest {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.uri.clone();
    request.extensions_mut().insert(demands);
    let headers = request.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
    headers.insert(CONTENT_ENCODING, HeaderValue::from_static("aes128gcm"));
    headers.insert(TTL, HeaderValue::from(push.ttl.unwrap_or(USUAL_TTL).as_secs()));
    // Both are of base64url, or of words that were read before.
    let urgency = urgency(push, options).and_then(|word| HeaderValue::from_str(word).ok());
    let topic = push.collapse_key.as_deref().and_then(|key| HeaderValue::from_str(&web_topic(key)).ok());
    headers.extend(
        [(URGENCY, urgency), (TOPIC, topic)].into_iter().filter_map(|(name, value)| Some((name, value?))),
    );
    request
}

fn urgency<'a>(push: &Push, options: &Options<'a>) -> Option<&'a str> {
    options.urgency.or(match push.priority {
        Priority::High => Some("high"),
        Priority::Low => Some("low"),
        Priority::Normal => None,
    })
}

/// The request with who sends it (RFC 8292 section 3).
pub(super) fn signed(request: &HttpRequest, token: &SecretString, public: &str) -> Result<HttpRequest> {
    let who = SecretString::from(format!("t={}, k={public}", token.expose_secret()));
    let mut signed = request.clone();
    signed.headers_mut().insert(AUTHORIZATION, secret_header("vapid ", &who)?);
    Ok(signed)
}

/// 201, or 202 if a receipt was asked for (RFC 8030 section 5); some services say 200.
pub(super) fn receipt(answer: &HttpResponse, endpoint: &Endpoint, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, endpoint, now));
    }
    if !matches!(answer.status().as_u16(), 200..=202) {
        return Err(not_understood(answer, "the push service's answer is none of 200, 201 and 202"));
    }
    let location = answer.headers().get(LOCATION).and_then(|value| value.to_str().ok());
    let id = location.filter(|text| (1..=LONGEST_ID).contains(&text.len()));
    Ok(Receipt::accepted(1, id.map(Arc::from)))
}
