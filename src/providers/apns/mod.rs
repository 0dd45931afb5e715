//! Apple Push Notification service: push messages to Apple devices, straight from Apple.
//!
//! One call over HTTP/2 sends one message to one device. Who sends is said by a token, signed by the key (`.p8`)
//! of a developer team; it is made anew after 40 minutes, and once when Apple calls it expired.
//!
//! ```no_run
//! use tidings::{CallContext, MessageId, Outgoing, Provider, Push, TenantId, providers::apns::ApnsConfig};
//!
//! # async fn send(cx: CallContext) -> tidings::Result<()> {
//! let apns = ApnsConfig::from_env()?.expect("APNS_KEY is set").build()?;
//! let token = "6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b";
//! let push = Push::builder().token(token).title("Ready").body("Your table is ready.").build()?;
//! apns.send(&cx, Outgoing::new(&push, MessageId::new(cx.clock().now()), &TenantId::DEFAULT, "order-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it can do
//!
//! | field | goes where |
//! |---|---|
//! | `title`, `body` | `aps.alert` |
//! | `badge`, `sound` | `aps.badge`, `aps.sound` |
//! | `data` | beside `aps`; the name `aps` is Apple's |
//! | `collapse_key` | `apns-collapse-id` |
//! | `ttl` | `apns-expiration`; zero is "now or never", without one Apple decides |
//! | `priority` | `apns-priority` 10 (high), 5 (low); without one Apple takes 10 |
//!
//! - To one device (`Push::token`), whose token is hexadecimal as the app got it. Topics, conditions and
//!   browsers are refused as `unsupported`; so are `image` and `actions`, which the app itself brings: see the
//!   options `mutable_content` and `category`.
//! - A push that shows, sounds and counts nothing is a background message: `apns-push-type: background`,
//!   `content-available`, and `apns-priority` 5, the only one that Apple allows there.
//! - `apns-id` is the message's id, the same at every attempt.
//! - The payload has at most 4,096 octets (5,120 for `voip`); more is refused before the call. A collapse key
//!   that does not fit 64 octets is replaced by its digest.
//! - **A token that is dead** (410) is an error of kind [`Unregistered`](crate::ErrorKind::Unregistered), with
//!   `inactive_since` as context: forget the token, unless the app registered it again after that.
//!   `BadDeviceToken` and `DeviceTokenNotForTopic` are of kind `invalid_recipient`: they may be the
//!   configuration's fault (`sandbox`, `topic`), and then no token is dead.
//! - `check` sends a background message to a token that cannot be: Apple looks at the credentials first.
//! - The transport must keep [`Demands::HTTP2`](crate::http::Demands::HTTP2): with this feature `HyperTransport`
//!   does, over one connection for all messages.
//! - There are no events: Apple tells nobody whether a message was shown.
//!
//! # Options (vendor `apns`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `category` | text | the category whose buttons the app shows |
//! | `interruption_level` | `passive`, `active`, `time-sensitive`, `critical` | how it interrupts |
//! | `mutable_content` | true or false | the app's service extension may change it |
//! | `push_type` | `alert`, `background`, `complication`, `controls`, `fileprovider`, `liveactivity`, `location`, `mdm`, `pushtotalk`, `voip`, `widgets` | the header `apns-push-type` |
//! | `subtitle` | text | between title and body |
//! | `thread_id` | text | groups notifications |
//! | `topic` | text | the header `apns-topic`, in place of the configured one (`….voip`) |
//!
//! # Variables
//!
//! `APNS_KEY` holds the PEM of the `.p8` file, or `APNS_KEY_FILE` its path; `APNS_KEY_ID`, `APNS_TEAM_ID`,
//! `APNS_TOPIC` (the app's bundle id); `APNS_SANDBOX` for tokens of development builds.
//!
//! # Referee
//!
//! None by Apple. `tests/referees_push.rs` sends to a judge on Node's HTTP/2, whose rules were written from
//! Apple's documentation.
//!
//! # Sources
//!
//! [requests](https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns) ·
//! [answers](https://developer.apple.com/documentation/usernotifications/handling-notification-responses-from-apns) ·
//! [tokens](https://developer.apple.com/documentation/usernotifications/establishing-a-token-based-connection-to-apns) ·
//! [payload](https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification)

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;

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
mod token;
mod wire;

pub use config::ApnsConfig;

use options::Options;
use wire::Headers;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "apns";

const FEATURES: Features = Features::BADGE
    .and(Features::COLLAPSE_KEY)
    .and(Features::DATA)
    .and(Features::PRIORITY)
    .and(Features::SOUND)
    .and(Features::TTL);

/// What it can do.
pub(super) const CAPABILITIES: Capabilities = Capabilities::new(VENDOR, FEATURES).max_size(limits::MAX_VOIP);

/// A provider of push messages to Apple devices; made by [`ApnsConfig::build`].
#[derive(Clone)]
pub struct Apns {
    name: Arc<str>,
    base: Uri,
    topic: Arc<str>,
    credential: Credential,
}

impl Apns {
    async fn post(
        &self,
        cx: &CallContext,
        token: &str,
        headers: &Headers<'_>,
        body: Bytes,
    ) -> Result<HttpResponse> {
        let request = wire::request(&self.base, token, headers, body)?;
        call_renewing(cx, &self.credential, errors::is_stale, |token| wire::signed(&request, token)).await
    }

    async fn deliver(&self, cx: &CallContext, item: Outgoing<'_, Push>) -> Result<Receipt> {
        let push = item.message();
        let options = Options::read(&push.options)?;
        let device = limits::check(push)?;
        let headers = Headers::of(push, &options, &self.topic, item.id(), cx.clock().now());
        let body = wire::body(push, &options, headers.push_type)?;
        let answer = self.post(cx, device, &headers, body).await?;
        wire::receipt(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Vendor for Apns {
    fn name(&self) -> &str {
        &self.name
    }

    /// Sends a background message to a token that cannot be.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let headers = Headers::probe(&self.topic);
        let body = Bytes::from_static(wire::PROBE);
        let answered = self.post(cx, wire::NOBODY, &headers, body).await;
        let checked = answered.and_then(|answer| errors::checked(&answer, cx.clock().now()));
        checked.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

#[async_trait]
impl Provider<Push> for Apns {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Push>) -> Result<Receipt> {
        let delivered = self.deliver(cx, item).await;
        delivered.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

impl fmt::Debug for Apns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apns")
            .field("name", &self.name)
            .field("base", &shown_url(&self.base.to_string()))
            .field("topic", &self.topic)
            .field("credential", &self.credential)
            .finish()
    }
}
