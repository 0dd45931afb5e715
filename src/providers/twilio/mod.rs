//! Twilio: text messages, MMS and WhatsApp over its Messages API (2010-04-01).
//!
//! Feature `twilio`. One call for each message; Twilio queues it and tells what
//! became of it by status callbacks, which are read here too, as are answers.
//!
//! ```no_run
//! use tidings::providers::twilio::TwilioConfig;
//!
//! let twilio = TwilioConfig::new("AC0123456789abcdef0123456789abcdef", "auth token")
//!     .from("+15005550006".parse()?)
//!     .status_callback("https://example.org/webhooks/twilio".parse()?)
//!     .build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - **SMS**: numbers, short codes and names as senders; up to 1,600 characters;
//!   up to ten links to pictures and the like (MMS), without captions.
//! - **WhatsApp**: words up to 1,600 characters (Twilio's limit, below WhatsApp's own), one
//!   picture, film, sound or file by link with a caption, places, and approved templates by
//!   content SID (`HX…`), which holds its language itself. No buttons, lists or quotes.
//! - Media are given by link; Twilio takes no bytes. There are no idempotency
//!   keys and no batch call.
//!
//! The sender is that of the message; else, if no messaging service is asked for by option, the
//! configured one. The configured messaging service is used for messages that name no sender
//! themselves. Of a place, the name is the text of the message and the address the label under it.
//!
//! # Options
//!
//! Addressed to `twilio`; see the [Messages resource][messages] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `messaging_service_sid` | text, `MG…` |
//! | `risk_check` | `enable` or `disable` |
//! | `send_as_mms`, `smart_encoded` | true or false |
//! | `send_at` | a moment such as `2026-11-20T21:07:00Z`; needs a messaging service |
//! | `shorten_urls` | true or false; needs a messaging service |
//! | `validity_period` | seconds, 1 to 36,000 |
//!
//! # Variables
//!
//! `TWILIO_ACCOUNT_SID` with `TWILIO_AUTH_TOKEN`, or with `TWILIO_API_KEY` and `TWILIO_API_SECRET`; and if
//! wanted `TWILIO_FROM`, `TWILIO_WHATSAPP_NUMBER` (or `TWILIO_WHATSAPP_FROM`), `TWILIO_MESSAGING_SERVICE_SID`,
//! `TWILIO_STATUS_CALLBACK`, `TWILIO_ECHO_KEY`.
//!
//! # Events
//!
//! The callback's URL carries a signed token of the delivery (`tidings=…`), which Twilio's own signature covers;
//! without it events are found by message SID. Calls are verified by the account's auth
//! token over the *configured* URL, with and without a port, as Twilio's own validators do it.
//! Twilio's callbacks carry no time: events are dated by their receipt. A status is
//! told apart from its repetition by SID and status.
//!
//! Rules come from the [Messages resource][messages], [WhatsApp's features][whatsapp],
//! the [error dictionary][errors], [signatures][security], [status callbacks][status] and
//! [incoming messages][incoming].
//!
//! [messages]: https://www.twilio.com/docs/messaging/api/message-resource
//! [whatsapp]: https://www.twilio.com/docs/whatsapp/message-features
//! [errors]: https://www.twilio.com/docs/api/errors
//! [security]: https://www.twilio.com/docs/usage/webhooks/webhooks-security
//! [status]: https://www.twilio.com/docs/messaging/guides/outbound-message-status-in-status-callbacks
//! [incoming]: https://www.twilio.com/docs/messaging/guides/webhook-request

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    address::{SmsSender, WebUrl, shown_url},
    context::CallContext,
    error::Result,
    http::call_with,
    message::{Features, Sms, WhatsApp},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::{echo::EchoKey, shared::callback::CallbackSecrets},
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod form;
mod options;
mod signature;
mod webhook;
mod wire;

pub use config::TwilioConfig;

const VENDOR: &str = "twilio";

pub(super) const SMS: Capabilities =
    Capabilities::new(VENDOR, Features::ALPHANUMERIC_SENDER.and(Features::MEDIA)).max_recipients(1);

pub(super) const WHATSAPP: Capabilities =
    Capabilities::new(VENDOR, Features::LOCATION.and(Features::MEDIA).and(Features::VENDOR_TEMPLATE))
        .max_recipients(1);

/// Twilio as a provider of text and WhatsApp messages; made by [`TwilioConfig::build`].
pub struct Twilio {
    name: String,
    endpoints: wire::Endpoints,
    user: String,
    secret: Credential,
    auth_token: Option<Credential>,
    from: Option<SmsSender>,
    whatsapp_from: Option<String>,
    messaging_service: Option<String>,
    status_callback: Option<WebUrl>,
    callback_secrets: CallbackSecrets,
    echo: Option<EchoKey>,
}

impl Twilio {
    async fn post(&self, cx: &CallContext, form: Bytes) -> Result<Receipt> {
        let build = |secret: &_| wire::request(&self.endpoints, &self.user, secret, form.clone());
        let answer = self.callback_secrets.blotted(call_with(cx, &self.secret, build).await?);
        wire::receipt(&answer, cx.clock().now())
    }
}

impl fmt::Debug for Twilio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Twilio")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.messages.to_string()))
            .field("from", &self.from)
            .field("messaging_service", &self.messaging_service)
            .field("status_callback", &self.status_callback)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Twilio {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let build = |secret: &_| wire::check(&self.endpoints, &self.user, secret);
        let answer = call_with(cx, &self.secret, build).await?;
        wire::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Provider<Sms> for Twilio {
    fn capabilities(&self) -> Capabilities {
        SMS
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        let form = form::sms(self, &item)?;
        self.post(cx, form).await
    }
}

#[async_trait]
impl Provider<WhatsApp> for Twilio {
    fn capabilities(&self) -> Capabilities {
        WHATSAPP
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, WhatsApp>) -> Result<Receipt> {
        let form = form::whatsapp(self, &item)?;
        self.post(cx, form).await
    }
}

#[async_trait]
impl Webhook for Twilio {
    async fn verify(&self, cx: &CallContext, request: &RawRequest) -> Result<Verified> {
        let token = match &self.auth_token {
            Some(token) => token.value(cx).await?,
            None => return Err(signature::refused("no auth token is configured; set `auth_token`")),
        };
        signature::verify(&token, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        Ok(webhook::parse(self.echo.as_ref(), verified.request()))
    }
}

#[cfg(test)]
mod tests;
