//! A push message as Apple's request, Apple's answer as a receipt. No I/O.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderName, HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::SecretString;
use serde::Serialize;

use super::{errors, limits, options::Options};
use crate::{
    error::{Error, ErrorKind, Result},
    http::{Demands, HttpRequest, HttpResponse, classify::not_understood, secret_header},
    id::MessageId,
    message::{Priority, Push},
    provider::Receipt,
    providers::shared::collapse::apns_collapse_id,
    time::Timestamp,
};

const ID: &str = "apns-id";
const BACKGROUND: &str = "background";
/// A token that no device has.
pub(super) const NOBODY: &str = "00";
/// A message that would show nothing.
pub(super) const PROBE: &[u8] = br#"{"aps":{"content-available":1}}"#;

/// What goes beside the payload
/// (<https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>).
pub(super) struct Headers<'a> {
    pub(super) push_type: &'a str,
    topic: &'a str,
    id: Option<String>,
    priority: Option<&'static str>,
    expiration: Option<String>,
    collapse_id: Option<Cow<'a, str>>,
}

impl<'a> Headers<'a> {
    pub(super) fn of(
        push: &'a Push,
        options: &Options<'a>,
        topic: &'a str,
        id: MessageId,
        now: Timestamp,
    ) -> Self {
        let push_type =
            options.push_type.unwrap_or(if is_noticed(push, options) { "alert" } else { BACKGROUND });
        Self {
            push_type,
            topic: options.topic.unwrap_or(topic),
            id: Some(id.as_uuid().hyphenated().to_string()),
            priority: match (push_type, push.priority) {
                (BACKGROUND, _) | (_, Priority::Low) => Some("5"),
                (_, Priority::High) => Some("10"),
                (_, Priority::Normal) => None,
            },
            expiration: push.ttl.map(|ttl| expiration(ttl, now)),
            collapse_id: push.collapse_key.as_deref().map(apns_collapse_id),
        }
    }

    /// Those of a message that reaches nobody.
    pub(super) fn probe(topic: &'a str) -> Self {
        let (id, expiration, collapse_id) = (None, Some("0".to_owned()), None);
        Self { push_type: BACKGROUND, topic, id, priority: Some("5"), expiration, collapse_id }
    }

    fn pairs(&self) -> [(&'static str, Option<&str>); 6] {
        [
            ("apns-push-type", Some(self.push_type)),
            ("apns-topic", Some(self.topic)),
            (ID, self.id.as_deref()),
            ("apns-priority", self.priority),
            ("apns-expiration", self.expiration.as_deref()),
            ("apns-collapse-id", self.collapse_id.as_deref()),
        ]
    }
}

/// True if the device shows, sounds or counts something.
fn is_noticed(push: &Push, options: &Options<'_>) -> bool {
    alert(push, options).is_some() || push.badge.is_some() || push.sound.is_some()
}

/// Zero stands for "now or never" with Apple too.
fn expiration(ttl: Duration, now: Timestamp) -> String {
    match ttl.as_secs() {
        0 => "0".into(),
        secs => (now + Duration::from_secs(secs)).as_secs().to_string(),
    }
}

/// The request but for the token of who sends.
pub(super) fn request(base: &Uri, device: &str, headers: &Headers<'_>, body: Bytes) -> Result<HttpRequest> {
    let unusable = |_: http::Error| Error::new(ErrorKind::Internal, "the request to APNs cannot be written");
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    let path = base.path().trim_end_matches('/');
    let uri = Uri::builder()
        .scheme(base.scheme_str().unwrap_or("https"))
        .authority(base.authority().map_or("", |authority| authority.as_str()))
        .path_and_query(format!("{path}/3/device/{device}"));
    *request.uri_mut() = uri.build().map_err(unusable)?;
    request.extensions_mut().insert(Demands::HTTP2);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    for (name, value) in headers.pairs() {
        if let Some(value) = value {
            let value = HeaderValue::from_str(value).map_err(|e| unusable(e.into()))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
    }
    Ok(request)
}

/// The request with who sends it.
pub(super) fn signed(request: &HttpRequest, token: &SecretString) -> Result<HttpRequest> {
    let mut signed = request.clone();
    signed.headers_mut().insert(AUTHORIZATION, secret_header("bearer ", token)?);
    Ok(signed)
}

pub(super) fn body(push: &Push, options: &Options<'_>, push_type: &str) -> Result<Bytes> {
    let payload = Payload {
        aps: Aps {
            alert: alert(push, options),
            badge: push.badge,
            sound: push.sound.as_deref(),
            category: options.category,
            thread_id: options.thread_id,
            interruption_level: options.interruption_level,
            mutable_content: options.mutable_content.then_some(1),
            content_available: (push_type == BACKGROUND).then_some(1),
        },
        data: &push.data,
    };
    let json = serde_json::to_vec(&payload).map_err(|e| {
        Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e)
    })?;
    limits::check_size(&json, push_type)?;
    Ok(json.into())
}

fn alert<'a>(push: &'a Push, options: &Options<'a>) -> Option<Alert<'a>> {
    let (title, body) = (push.title.as_deref(), push.body.as_deref());
    let subtitle = options.subtitle;
    (title.is_some() || body.is_some() || subtitle.is_some()).then_some(Alert { title, subtitle, body })
}

/// Apple answers 200 without a body, and names the message by `apns-id`.
pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    let id = answer.headers().get(ID).and_then(|value| value.to_str().ok()).filter(|id| !id.is_empty());
    match id {
        Some(id) if id.len() <= 64 => Ok(Receipt::accepted(1, Some(Arc::from(id)))),
        _ => Err(not_understood(answer, "the answer does not name the message by apns-id")),
    }
}

#[derive(Serialize)]
struct Payload<'a> {
    aps: Aps<'a>,
    #[serde(flatten)]
    data: &'a BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Aps<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    alert: Option<Alert<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interruption_level: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutable_content: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_available: Option<u8>,
}

#[derive(Serialize)]
struct Alert<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subtitle: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
}
