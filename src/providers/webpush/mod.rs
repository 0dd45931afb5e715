//! Web Push: push messages to browsers, through whichever push service a browser chose.
//!
//! There is no vendor and no account. A browser hands out a subscription, which is the address: where its
//! push service takes messages, and keys by which only that browser can read them. The application signs
//! itself by a key pair of its own (VAPID), whose public half the browser was given when it subscribed.
//!
//! ```no_run
//! use tidings::{
//!     CallContext, MessageId, Outgoing, Provider, Push, TenantId, WebSubscription,
//!     providers::webpush::WebPushConfig,
//! };
//!
//! # async fn send(cx: CallContext, browser: WebSubscription) -> tidings::Result<()> {
//! let webpush = WebPushConfig::from_env()?.expect("VAPID_PRIVATE_KEY is set").build()?;
//! let push = Push::builder().subscription(browser).title("Ready").body("Your table is ready.").build()?;
//! webpush.send(&cx, Outgoing::new(&push, MessageId::new(cx.clock().now()), &TenantId::DEFAULT, "order-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it can do
//!
//! | field | goes where |
//! |---|---|
//! | `title`, `body`, `image`, `actions`, `badge`, `data` | encrypted JSON for the page's service worker, see below |
//! | `collapse_key` | the header `Topic`, and `tag` of what is shown |
//! | `ttl` | the header `TTL`; without one four weeks |
//! | `priority` | the header `Urgency`: high, low |
//!
//! - To one browser (`Push::subscription`). Device tokens, topics and conditions are refused as `unsupported`,
//!   and so is `sound`: browsers play none.
//! - The text is encrypted for the browser (RFC 8291, `aes128gcm`) with a key and salt of its own. It has at
//!   most 3,993 octets, which makes a body of 4,096: more no push service need take. More is refused before.
//! - A collapse key that does not fit `Topic` (32 characters of base64url) is replaced there by its digest.
//! - The VAPID token (RFC 8292) is signed for each push service, kept for 11 hours and good for 12.
//! - **An endpoint is an address that a stranger gave.** It is `https` on the public internet: private,
//!   loopback, link-local, carrier's and documentation addresses and those of clouds' metadata are refused as
//!   they stand in the URL, as the name resolves, and as the socket was connected. No redirect is followed, and
//!   of an answer 1 MiB is read. The transport must keep [`Demands::PUBLIC_ONLY`]; `HyperTransport` does,
//!   `ReqwestTransport` (proxies) does not, and then nothing is sent.
//! - **A subscription that is dead** (404 or 410) is an error of kind
//!   [`Unregistered`](crate::ErrorKind::Unregistered): forget it.
//! - There is no harmless self-test: `check` answers `Unchecked`.
//! - There are no events: a push service tells nobody whether a message was shown.
//!
//! # What the service worker gets
//!
//! ```js
//! self.addEventListener('push', event => {
//!   const { title = '', badge, ...options } = event.data.json(); // body, image, tag, actions, data
//!   if (badge !== undefined) navigator.setAppBadge?.(badge);
//!   event.waitUntil(self.registration.showNotification(title, options));
//! });
//! ```
//!
//! # Options (vendor `webpush`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `urgency` | `very-low`, `low`, `normal`, `high` | the header `Urgency`, in place of `priority` |
//!
//! # Variables
//!
//! `VAPID_PRIVATE_KEY` (32 octets as base64url, or PEM), `VAPID_SUBJECT` (`mailto:` or `https:`), and, if it is to
//! be held against the private key, `VAPID_PUBLIC_KEY`. `npx web-push generate-vapid-keys` makes a pair.
//!
//! # Referees
//!
//! `tests/referees_push.rs` sends to web-push-testing (npm) and to a judge over http_ece and PyJWT (PyPI): both
//! decrypt the text and verify the token.
//!
//! # Sources
//!
//! [RFC 8030](https://www.rfc-editor.org/rfc/rfc8030) ·
//! [RFC 8188](https://www.rfc-editor.org/rfc/rfc8188) ·
//! [RFC 8291](https://www.rfc-editor.org/rfc/rfc8291) ·
//! [RFC 8292](https://www.rfc-editor.org/rfc/rfc8292) ·
//! [Push API](https://www.w3.org/TR/push-api/) ·
//! [Mozilla's errors](https://mozilla-services.github.io/autopush-rs/errors.html)

use std::sync::Arc;

use async_trait::async_trait;

use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{Demands, call_with},
    message::{Features, Push, PushTarget},
    provider::{Capabilities, Outgoing, Provider, Receipt, Vendor},
};

mod config;
mod encrypt;
mod endpoint;
mod errors;
mod options;
#[cfg(test)]
mod tests;
mod vapid;
mod wire;

pub use config::WebPushConfig;

use endpoint::Endpoint;
use options::Options;
use vapid::Vapid;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "webpush";

const FEATURES: Features = Features::ACTIONS
    .and(Features::BADGE)
    .and(Features::COLLAPSE_KEY)
    .and(Features::DATA)
    .and(Features::IMAGE)
    .and(Features::PRIORITY)
    .and(Features::SUBSCRIPTION)
    .and(Features::TTL);

/// What it can do.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, FEATURES).max_size(encrypt::MAX_PLAIN);

/// A provider of push messages to browsers; made by [`WebPushConfig::build`].
#[derive(Clone, Debug)]
pub struct WebPush {
    name: Arc<str>,
    vapid: Arc<Vapid>,
    private_endpoints: bool,
}

impl WebPush {
    /// The public key, which a page gives to `pushManager.subscribe` as `applicationServerKey`.
    pub fn public_key(&self) -> &str {
        self.vapid.public()
    }

    async fn deliver(&self, cx: &CallContext, push: &Push) -> Result<Receipt> {
        let PushTarget::Subscription(browser) = &push.to else { return Err(no_browser(&push.to)) };
        let options = Options::read(&push.options)?;
        let endpoint = Endpoint::of(browser, self.private_endpoints)?;
        let plain = wire::plain(push)?;
        let body = encrypt::encrypted(&plain, browser)?.into();
        let demands = if self.private_endpoints { Demands::NONE } else { Demands::PUBLIC_ONLY };
        let token = self.vapid.token(&endpoint.origin, cx.clock().now())?;
        let request = wire::request(push, &options, &endpoint, demands, body);
        let answered = call_with(cx, &token, |token| wire::signed(&request, token, self.vapid.public()));
        let answer = answered.await.map_err(endpoint::named)?;
        wire::receipt(&answer, &endpoint, cx.clock().now())
    }
}

fn no_browser(to: &PushTarget) -> Error {
    let field = match to {
        PushTarget::Condition(_) => "to.condition",
        PushTarget::Subscription(_) => "to.subscription",
        PushTarget::Token(_) => "to.token",
        PushTarget::Topic(_) => "to.topic",
    };
    Error::new(ErrorKind::Unsupported, "Web Push sends to subscriptions of browsers alone").with_field(field)
}

#[async_trait]
impl Vendor for WebPush {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl Provider<Push> for WebPush {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Push>) -> Result<Receipt> {
        let delivered = self.deliver(cx, item.message()).await;
        delivered.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}
