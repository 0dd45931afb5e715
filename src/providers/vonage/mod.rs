//! Vonage: text messages over its SMS API or its Messages API (v1).
//!
//! Feature `vonage`. One call for each message. The SMS API answers with what became of each
//! part of a long text and what it costs; the Messages API with one id, and tells the price later.
//!
//! ```no_run
//! use tidings::providers::vonage::VonageConfig;
//!
//! let vonage = VonageConfig::new("abcd1234", "api secret")
//!     .from("Bookshop".parse()?)
//!     .signature_secret("from the dashboard")
//!     .build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - **SMS** with a number, a short code or a name as sender. A text that does not fit GSM's
//!   alphabet is sent as unicode. Over the Messages API up to 1,000 characters; the SMS API
//!   refuses by itself what is too long for it.
//! - The SMS API takes key and secret; the Messages API takes them too, or an application's id
//!   and private key, with which tokens are signed (RS256).
//! - No media, no WhatsApp, no batch call, no idempotency keys, no test mode.
//!
//! Which API is asked is set by [`VonageConfig::api`]. A long text of which the SMS API took
//! some parts and refused others is of unknown outcome, and not asked for again.
//!
//! # Options
//!
//! Addressed to `vonage`:
//!
//! | name | value |
//! |---|---|
//! | `content_id`, `entity_id` | texts that some countries demand, up to 100 characters |
//! | `message_class` | 0 to 3; SMS API only |
//! | `ttl` | seconds, 20 to 604,800: for how long delivery is attempted |
//!
//! # Variables
//!
//! `VONAGE_API_KEY` and `VONAGE_API_SECRET`, or in place of the secret `VONAGE_APPLICATION_ID` with
//! `VONAGE_PRIVATE_KEY` (or a file, `VONAGE_APPLICATION_PRIVATE_KEY_PATH`); and if wanted `VONAGE_API` (`sms` or
//! `messages`), `VONAGE_FROM`, `VONAGE_STATUS_CALLBACK`, `VONAGE_SIGNATURE_SECRET`,
//! `VONAGE_SIGNATURE_METHOD`, `VONAGE_CURRENCY`, `VONAGE_ECHO_KEY`.
//!
//! # Events
//!
//! Messages carry a signed token of the delivery as client reference, which comes back; without it
//! events are found by the id of the (first part of the) message. Calls are verified by the
//! signature secret: a JWT with the body's hash (HS256), or the parameter `sig` of the SMS API over all other
//! parameters, by HMAC with SHA-512, SHA-256 or SHA-1. Vonage's other two methods rest on MD5 and are not
//! offered: choose another in the dashboard. What is signed carries a time; since Vonage repeats what
//! was not taken for 24 hours, calls of up to 25 hours are good, and repetitions fall together by their id.
//! Prices without a currency are in the account's, euros unless `currency` says otherwise. An
//! answer of several parts comes in as several, as the SMS API hands it over.
//!
//! Referees: requests of the Messages API are judged by the models of Vonage's own SDK
//! (`vonage-messages`), JWTs by `vonage-jwt`. The form of the SMS API, and `sig`, were only compared by
//! reading with Vonage's SDK and its [description][spec], for nobody published a judge of them.
//!
//! Rules come from the pages on the [SMS API][sms], its [troubleshooting][trouble] and
//! [receipts][receipts], the [Messages API][messages], its [errors][errors] and
//! [status callbacks][status], and on [signed webhooks][signed] and [signed parameters][sig].
//!
//! [sms]: https://developer.vonage.com/en/api/sms
//! [spec]: https://github.com/Nexmo/api-specification/blob/main/definitions/sms.yml
//! [trouble]: https://developer.vonage.com/messaging/sms/guides/troubleshooting-sms
//! [receipts]: https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
//! [messages]: https://developer.vonage.com/en/api/messages
//! [errors]: https://developer.vonage.com/api-errors/messages
//! [status]: https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
//! [signed]: https://developer.vonage.com/en/getting-started/concepts/webhooks
//! [sig]: https://developer.vonage.com/en/getting-started/concepts/signing-messages

use std::{fmt, time::Duration};

use async_trait::async_trait;
use http::Uri;
use secrecy::SecretString;

use crate::{
    address::{SmsSender, WebUrl, shown_url},
    context::CallContext,
    error::{Error, Result},
    http::call_with,
    message::{Features, Message, Sms},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::{
        echo::{Echo, EchoKey},
        shared::callback::CallbackSecrets,
    },
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod auth;
mod config;
mod errors;
mod messages;
mod options;
mod signature;
mod sms;
mod webhook;

pub use config::{SignatureMethod, VonageApi, VonageConfig};

const VENDOR: &str = "vonage";

pub(in crate::providers) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, Features::ALPHANUMERIC_SENDER).max_recipients(1);

/// Vonage as a provider of text messages; made by [`VonageConfig::build`].
pub struct Vonage {
    name: String,
    api: VonageApi,
    endpoint: Uri,
    check: Option<Uri>,
    login: auth::Login,
    from: Option<SmsSender>,
    status_callback: Option<WebUrl>,
    callback_secrets: CallbackSecrets,
    signature_secret: Option<SecretString>,
    signature_method: SignatureMethod,
    tolerance: Duration,
    currency: String,
    echo: Option<EchoKey>,
}

impl Vonage {
    /// Who writes: numbers without their plus, as Vonage takes them.
    fn sender<'a>(&'a self, sms: &'a Sms) -> Result<&'a str> {
        let from = sms.from.as_ref().or(self.from.as_ref());
        let why = "there is no sender; set one on the message, or `from` in the configuration";
        from.map(|from| without_plus(from.as_str())).ok_or_else(|| Error::invalid("from", why))
    }

    /// Our token of the delivery: 54 characters, where Vonage takes 100.
    fn reference<M: Message>(&self, item: &Outgoing<'_, M>) -> Option<String> {
        let delivery = item.delivery(0);
        let (message, recipient) = (delivery.message, Some(delivery.recipient));
        Some(self.echo.as_ref()?.sign(&Echo { message, recipient, generation: item.generation() }))
    }
}

fn without_plus(number: &str) -> &str {
    number.strip_prefix('+').unwrap_or(number)
}

impl fmt::Debug for Vonage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vonage")
            .field("name", &self.name)
            .field("api", &self.api)
            .field("endpoint", &shown_url(&self.endpoint.to_string()))
            .field("from", &self.from)
            .field("status_callback", &self.status_callback)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Vonage {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks for the balance, which only key and secret may see.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let (auth::Login::Basic { .. }, Some(uri)) = (&self.login, &self.check) else {
            return Ok(Health::Unchecked);
        };
        let build = |secret: &_| self.login.request(http::Method::GET, uri, secret, None);
        let answer = call_with(cx, self.login.credential(), build).await?;
        sms::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Provider<Sms> for Vonage {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        let body = match self.api {
            VonageApi::Messages => messages::body(self, &item)?,
            VonageApi::Sms => sms::body(self, &item)?,
        };
        let build =
            |secret: &_| self.login.request(http::Method::POST, &self.endpoint, secret, Some(body.clone()));
        let answer = self.callback_secrets.blotted(call_with(cx, self.login.credential(), build).await?);
        match self.api {
            VonageApi::Messages => messages::receipt(&answer, cx.clock().now()),
            VonageApi::Sms => sms::receipt(&answer, &self.currency, cx.clock().now()),
        }
    }
}

#[async_trait]
impl Webhook for Vonage {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        let why = "no signature secret is configured; set `signature_secret`";
        let secret = self.signature_secret.as_ref().ok_or_else(|| signature::refused(why))?;
        signature::verify(secret, self.signature_method, self.tolerance, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), &self.currency, verified.request())
    }
}

#[cfg(test)]
mod tests;
