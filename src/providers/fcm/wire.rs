//! A push message as FCM's request, FCM's answer as a receipt. No I/O.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{
    HeaderValue, Method, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{
    errors,
    limits::{self, is_shown},
    options::Options,
};
use crate::{
    address::DeviceToken,
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    message::{Priority, Push, PushAction, PushTarget},
    provider::Receipt,
    providers::shared::collapse::{apns_collapse_id, web_topic},
    time::Timestamp,
};

/// A message that FCM is asked to validate and not to send.
pub(super) const PROBE: &[u8] =
    br#"{"validateOnly":true,"message":{"topic":"tidings-check","data":{"check":"1"}}}"#;

pub(super) fn request(endpoint: &Uri, token: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let authorization = secret_header("Bearer ", token)?;
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.clone();
    request.headers_mut().insert(AUTHORIZATION, authorization);
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

pub(super) fn body(push: &Push, web_actions: bool, now: Timestamp) -> Result<Bytes> {
    let options = Options::read(&push.options)?;
    limits::check(push, web_actions, &options)?;
    let envelope = Envelope { validate_only: options.validate_only, message: message(push, &options, now) };
    let json = serde_json::to_vec(&envelope).map_err(|e| {
        Error::new(ErrorKind::Internal, "the message cannot be written as JSON").with_source(e)
    })?;
    Ok(json.into())
}

pub(super) fn receipt(
    answer: &HttpResponse,
    device: Option<&DeviceToken>,
    now: Timestamp,
) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, device, now));
    }
    match serde_json::from_slice::<Sent<'_>>(answer.body()) {
        Ok(sent) if !sent.name.is_empty() => Ok(Receipt::accepted(1, Some(sent.name.into()))),
        _ => Err(not_understood(answer, "FCM's answer does not name the message")),
    }
}

#[derive(Deserialize)]
struct Sent<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
}

fn message<'a>(push: &'a Push, options: &Options<'a>, now: Timestamp) -> Message<'a> {
    let (mut token, mut topic, mut condition) = (None, None, None);
    match &push.to {
        PushTarget::Condition(text) => condition = Some(&**text),
        // Refused by `limits` before.
        PushTarget::Subscription(_) => {}
        PushTarget::Token(device) => token = Some(device.as_str()),
        PushTarget::Topic(name) => topic = Some(name.as_str()),
    }
    Message {
        token,
        topic,
        condition,
        notification: unless_default(notification(push)),
        data: &push.data,
        fcm_options: options.analytics_label.map(|analytics_label| FcmOptions { analytics_label }),
        android: unless_default(android(push, options)),
        apns: unless_default(apns(push, options, now)),
        webpush: unless_default(webpush(push, options)),
    }
}

fn notification(push: &Push) -> Notification<'_> {
    Notification {
        title: push.title.as_deref(),
        body: push.body.as_deref(),
        image: push.image.as_ref().map(|url| url.as_str()),
    }
}

fn android<'a>(push: &'a Push, options: &Options<'a>) -> Android<'a> {
    Android {
        collapse_key: push.collapse_key.as_deref(),
        priority: match push.priority {
            Priority::High => Some("HIGH"),
            Priority::Low => Some("NORMAL"),
            Priority::Normal => None,
        },
        ttl: push.ttl.map(|ttl| format!("{}s", ttl.as_secs())),
        // With this part an otherwise silent message would be shown, empty.
        notification: if is_shown(push) { unless_default(android_notification(push, options)) } else { None },
    }
}

fn android_notification<'a>(push: &'a Push, options: &Options<'a>) -> AndroidNotification<'a> {
    AndroidNotification {
        sound: push.sound.as_deref(),
        tag: push.collapse_key.as_deref(),
        click_action: options.click_action,
        channel_id: options.channel_id,
        // Zero would mean "count one up" (reference of `notification_count`).
        notification_count: push
            .badge
            .filter(|badge| *badge > 0)
            .map(|badge| badge.min(i32::MAX.unsigned_abs())),
    }
}

fn apns<'a>(push: &'a Push, options: &Options<'a>, now: Timestamp) -> Apns<'a> {
    let background = !is_shown(push) && push.badge.is_none() && push.sound.is_none();
    let headers = ApnsHeaders {
        priority: match (background, push.priority) {
            (true, _) | (false, Priority::Low) => Some("5"),
            (false, Priority::High) => Some("10"),
            (false, Priority::Normal) => None,
        },
        expiration: push.ttl.map(|ttl| expiration(ttl, now)),
        collapse_id: push.collapse_key.as_deref().map(apns_collapse_id),
    };
    let aps = Aps {
        badge: push.badge,
        sound: push.sound.as_deref(),
        category: options.category,
        thread_id: options.thread_id,
        mutable_content: push.image.is_some().then_some(1),
        content_available: background.then_some(1),
    };
    Apns { headers: unless_default(headers), payload: unless_default(aps).map(|aps| ApnsPayload { aps }) }
}

/// Zero stands for "now or never" with Apple too.
fn expiration(ttl: Duration, now: Timestamp) -> String {
    match ttl.as_secs() {
        0 => "0".into(),
        secs => (now + Duration::from_secs(secs)).as_secs().to_string(),
    }
}

fn webpush<'a>(push: &'a Push, options: &Options<'a>) -> Webpush<'a> {
    let headers = WebHeaders {
        ttl: push.ttl.map(|ttl| ttl.as_secs().to_string()),
        urgency: match push.priority {
            Priority::High => Some("high"),
            Priority::Low => Some("low"),
            Priority::Normal => None,
        },
        topic: push.collapse_key.as_deref().map(web_topic),
    };
    let actions: Vec<WebAction<'_>> = push.actions.iter().map(WebAction::from).collect();
    Webpush {
        headers: unless_default(headers),
        notification: (!actions.is_empty()).then_some(WebNotification { actions }),
        fcm_options: options.link.map(|link| WebOptions { link }),
    }
}

fn unless_default<T: Default + PartialEq>(part: T) -> Option<T> {
    (part != T::default()).then_some(part)
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    validate_only: bool,
    message: Message<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Message<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<Notification<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    data: &'a BTreeMap<Arc<str>, Arc<str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fcm_options: Option<FcmOptions<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    android: Option<Android<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    apns: Option<Apns<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webpush: Option<Webpush<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
struct Notification<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct FcmOptions<'a> {
    analytics_label: &'a str,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Android<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    collapse_key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<AndroidNotification<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct AndroidNotification<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tag: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click_action: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    channel_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification_count: Option<u32>,
}

#[derive(Default, PartialEq, Serialize)]
struct Apns<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<ApnsHeaders<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<ApnsPayload<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
struct ApnsHeaders<'a> {
    #[serde(rename = "apns-priority", skip_serializing_if = "Option::is_none")]
    priority: Option<&'static str>,
    #[serde(rename = "apns-expiration", skip_serializing_if = "Option::is_none")]
    expiration: Option<String>,
    #[serde(rename = "apns-collapse-id", skip_serializing_if = "Option::is_none")]
    collapse_id: Option<Cow<'a, str>>,
}

#[derive(PartialEq, Serialize)]
struct ApnsPayload<'a> {
    aps: Aps<'a>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Aps<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    badge: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sound: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    category: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mutable_content: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_available: Option<u8>,
}

#[derive(Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Webpush<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<WebHeaders<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notification: Option<WebNotification<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fcm_options: Option<WebOptions<'a>>,
}

#[derive(Default, PartialEq, Serialize)]
struct WebHeaders<'a> {
    #[serde(rename = "TTL", skip_serializing_if = "Option::is_none")]
    ttl: Option<String>,
    #[serde(rename = "Urgency", skip_serializing_if = "Option::is_none")]
    urgency: Option<&'static str>,
    #[serde(rename = "Topic", skip_serializing_if = "Option::is_none")]
    topic: Option<Cow<'a, str>>,
}

#[derive(PartialEq, Serialize)]
struct WebNotification<'a> {
    actions: Vec<WebAction<'a>>,
}

#[derive(PartialEq, Serialize)]
struct WebAction<'a> {
    action: &'a str,
    title: &'a str,
}

impl<'a> From<&'a PushAction> for WebAction<'a> {
    fn from(action: &'a PushAction) -> Self {
        Self { action: &action.id, title: &action.title }
    }
}

#[derive(PartialEq, Serialize)]
struct WebOptions<'a> {
    link: &'a str,
}
