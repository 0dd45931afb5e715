//! Firebase Cloud Messaging by its HTTP v1 API: push messages to Android, Apple devices and browsers.
//!
//! One call sends one message to a device, a topic or a condition over topics. Access tokens are
//! fetched by the service account's key, kept until shortly before they expire, and renewed once
//! when FCM answers 401.
//!
//! ```no_run
//! use tidings::{CallContext, MessageId, Outgoing, Provider, Push, TenantId, providers::fcm::FcmConfig};
//!
//! # async fn send(cx: CallContext) -> tidings::Result<()> {
//! let fcm = FcmConfig::from_env()?.expect("FCM_SERVICE_ACCOUNT_JSON is set").build()?;
//! let push = Push::builder().token("a-device-token").title("Ready").body("Your table is ready.").build()?;
//! fcm.send(&cx, Outgoing::new(&push, MessageId::new(cx.clock().now()), &TenantId::DEFAULT, "order-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What becomes of a push message
//!
//! | field | Android | Apple | browsers |
//! |---|---|---|---|
//! | `title`, `body`, `image` | `notification` | `notification`, with `mutable-content` if there is an image | `notification` |
//! | `data` | `data` | `data` | `data` |
//! | `badge` | `notificationCount`; zero is left to the launcher | `aps.badge` | none |
//! | `sound` | `sound` | `aps.sound` | none |
//! | `collapse_key` | `collapseKey`, and `tag` of what is shown | `apns-collapse-id` | `Topic` |
//! | `ttl` | `ttl` | `apns-expiration` | `TTL` |
//! | `priority` | `HIGH`, `NORMAL` | `apns-priority` 10, 5 | `Urgency` |
//! | `actions` | none | none | `notification.actions` |
//!
//! - Without title, body and image Android shows nothing, and so neither sounds nor counts.
//! - A push that shows, sounds and counts nothing is a background message on Apple devices:
//!   `content-available`, and `apns-priority` 5, the only one that FCM allows there.
//! - A collapse key that does not fit a header (`apns-collapse-id` takes 64 octets, `Topic` 32
//!   characters of base64url) is replaced there by its digest: equal keys stay equal.
//! - **Buttons**: HTTP v1 has a field for them for browsers alone; on phones the app defines them
//!   (option `category` picks Apple's). A message with `actions` is therefore refused unless
//!   [`FcmConfig::web_actions`] says that the tokens are browsers.
//! - **A token that is dead** (`UNREGISTERED`, or `INVALID_ARGUMENT` that names the field `message.token`) is an
//!   error of kind [`Unregistered`](crate::ErrorKind::Unregistered): forget it. `SENDER_ID_MISMATCH` is
//!   `invalid_recipient`: under a wrong account every token is refused so, and none of them is dead.
//! - **Topics**: [`Fcm::subscribe`] and [`Fcm::unsubscribe`] say which devices belong to one, 1,000 in a call. No
//!   referee is known for these two; the others are judged by FCM's published description.
//! - Refused before the call: more than 4,096 octets of texts and data (2,048 to topics and
//!   conditions), a `ttl` over 4 weeks, the data keys `from`, `notification`, `message_type`,
//!   `google`, `gcm` and those that start with `google.` or `gcm.`.
//!
//! # Options (vendor `fcm`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `analytics_label` | text, `A-Z a-z 0-9 - _ . ~ %`, 1 to 50 | label in Firebase's reports |
//! | `category` | text | Apple: the category whose buttons the app shows |
//! | `channel_id` | text | Android: the notification channel |
//! | `click_action` | text | Android: the intent that a tap starts |
//! | `link` | https link | browsers: what a click opens |
//! | `thread_id` | text | Apple: groups notifications |
//! | `validate_only` | true or false | FCM checks the message and sends nothing |
//!
//! # Environment
//!
//! `FCM_SERVICE_ACCOUNT_JSON` holds the service account's JSON itself, `GOOGLE_APPLICATION_CREDENTIALS`
//! the path of a file with it; `FCM_PROJECT_ID` names another project than the account's own.
//!
//! # Sources
//!
//! [messages:send](https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages/send) ·
//! [Message](https://firebase.google.com/docs/reference/fcm/rest/v1/projects.messages) ·
//! [ErrorCode](https://firebase.google.com/docs/reference/fcm/rest/v1/ErrorCode) ·
//! [payload size](https://firebase.google.com/docs/cloud-messaging/customize-messages/set-message-type) ·
//! [topics](https://firebase.google.com/docs/cloud-messaging/manage-topic-subscriptions) ·
//! [Instance ID](https://developers.google.com/instance-id/reference/server) ·
//! [sending at scale](https://firebase.google.com/docs/cloud-messaging/scale-fcm) ·
//! [service accounts](https://developers.google.com/identity/protocols/oauth2/service-account) ·
//! [APNs headers](https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns) ·
//! [RFC 8030](https://www.rfc-editor.org/rfc/rfc8030#section-5)

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;
use secrecy::SecretString;

use crate::{
    address::shown_url,
    context::CallContext,
    error::Result,
    http::{HttpResponse, call_renewing},
    message::{Features, Push},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    secret::Credential,
};

mod config;
mod errors;
mod limits;
mod options;
#[cfg(test)]
mod tests;
mod topics;
mod wire;

pub use crate::providers::shared::google::ServiceAccount;
pub use config::FcmConfig;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "fcm";

const FEATURES: Features = Features::BADGE
    .and(Features::COLLAPSE_KEY)
    .and(Features::CONDITION)
    .and(Features::DATA)
    .and(Features::IMAGE)
    .and(Features::PRIORITY)
    .and(Features::SOUND)
    .and(Features::TOPIC)
    .and(Features::TTL);

pub(super) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, FEATURES).max_size(limits::MAX_PAYLOAD);
const WEB_CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, FEATURES.and(Features::ACTIONS)).max_size(limits::MAX_PAYLOAD);

/// A provider of push messages over Firebase Cloud Messaging; made by [`FcmConfig::build`].
#[derive(Clone)]
pub struct Fcm {
    name: Arc<str>,
    endpoint: Uri,
    relations: topics::Relations,
    credential: Credential,
    web_actions: bool,
}

impl Fcm {
    async fn post(&self, cx: &CallContext, body: Bytes) -> Result<HttpResponse> {
        let build = |token: &SecretString| wire::request(&self.endpoint, token, body.clone());
        call_renewing(cx, &self.credential, errors::is_stale, build).await
    }

    async fn deliver(&self, cx: &CallContext, push: &Push) -> Result<Receipt> {
        let body = wire::body(push, self.web_actions, cx.clock().now())?;
        let answer = self.post(cx, body).await?;
        wire::receipt(&answer, limits::device(push), cx.clock().now())
    }
}

#[async_trait]
impl Vendor for Fcm {
    fn name(&self) -> &str {
        &self.name
    }

    /// Has FCM validate, and not send, a message to a topic.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answered = self.post(cx, Bytes::from_static(wire::PROBE)).await;
        let receipt = answered.and_then(|answer| wire::receipt(&answer, None, cx.clock().now()));
        receipt.map(|_| Health::Good).map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

#[async_trait]
impl Provider<Push> for Fcm {
    fn capabilities(&self) -> Capabilities {
        if self.web_actions { WEB_CAPABILITIES } else { CAPABILITIES }
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Push>) -> Result<Receipt> {
        let delivered = self.deliver(cx, item.message()).await;
        delivered.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

impl fmt::Debug for Fcm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fcm")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoint.to_string()))
            .field("credential", &self.credential)
            .field("web_actions", &self.web_actions)
            .finish()
    }
}
