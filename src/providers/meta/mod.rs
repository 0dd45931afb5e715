//! Meta: WhatsApp over its Cloud API.
//!
//! Feature `meta`. One call for each message, and one before it for media whose bytes are
//! handed over. What became of a message, and what people write, Meta tells by webhook.
//!
//! ```no_run
//! use tidings::providers::meta::MetaConfig;
//!
//! let meta = MetaConfig::new("106540352242922", "EAAG…")
//!     .app_secret("the app's secret")
//!     .verify_token("what the dashboard was told")
//!     .build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - **Words** up to 4,096 characters, **places**, **buttons** (up to three) and **lists** (up to
//!   ten rows), with a header and a footer by option, and answers that quote a message.
//! - **Media** by link or as bytes, which are uploaded first: pictures up to 5 MB, films and
//!   sound up to 16 MB, files up to 100 MB; captions up to 1,024 characters, not under sound.
//! - **Templates** by name and language, with parameters by number (`1`, `2`, …) or by name, a
//!   header of words, media or a place, and buttons that answer, copy a code or end a link.
//! - **Read marks**: [`Meta::mark_read`].
//! - One instance writes from one number, that of its `phone_number_id`. A message that names a
//!   sender is sent only if `number` is set to the same; for several numbers make several instances.
//! - No batch call, no idempotency keys, no scheduled sends, no test mode (Meta has test
//!   *numbers*, which need nothing here).
//!
//! # Options
//!
//! Addressed to `meta`:
//!
//! | name | value |
//! |---|---|
//! | `filename` | what a file behind a link is called, up to 240 characters |
//! | `footer` | words under buttons or a list, up to 60 characters |
//! | `header` | words above buttons or a list, up to 60 characters |
//! | `preview_url` | true if a link in the words is shown with a preview |
//!
//! # Variables
//!
//! `WHATSAPP_PHONE_NUMBER_ID` and `WHATSAPP_ACCESS_TOKEN`; and if wanted `WHATSAPP_APP_SECRET` and
//! `WHATSAPP_VERIFY_TOKEN` (webhooks), `WHATSAPP_NUMBER`, `WHATSAPP_API_VERSION`, `WHATSAPP_ECHO_KEY`.
//!
//! # Events
//!
//! Messages carry a signed token of the delivery (`biz_opaque_callback_data`), which comes back
//! with each status; without it events are found by Meta's id (`wamid…`). Calls are verified by
//! `X-Hub-Signature-256` over the raw body. When the address of the webhook is set, Meta asks by
//! GET for what only its owner knows: verify that call like any other, and answer
//! [`Meta::challenge`] as plain text. Statuses tell which category was billed, and no amount.
//! Answers bring words, media (a link where Meta gives one, else its id), chosen buttons and
//! rows, places, quoted messages and the writer's name. Who hides his number behind a user name
//! is skipped, as nobody could write back to a number.
//!
//! Referees: requests are judged by Meta's own OpenAPI description ([`facebook/openapi`][openapi]
//! v23.0) as far as it goes (no uploads, read marks, captions and buttons of templates), signatures by
//! pywa's validator. Nobody but Meta can judge how its answers are read.
//!
//! Rules come from the pages on [messages][messages], [templates][templates], [media][media],
//! [error codes][errors], [webhooks][webhooks] and [statuses][status].
//!
//! [openapi]: https://github.com/facebook/openapi
//! [messages]: https://developers.facebook.com/documentation/business-messaging/whatsapp/messages/send-messages
//! [templates]: https://developers.facebook.com/documentation/business-messaging/whatsapp/templates/components
//! [media]: https://developers.facebook.com/docs/whatsapp/cloud-api/reference/media
//! [errors]: https://developers.facebook.com/documentation/business-messaging/whatsapp/support/error-codes
//! [webhooks]: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/create-webhook-endpoint
//! [status]: https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status

use std::fmt;

use async_trait::async_trait;
use http::Method;
use secrecy::SecretString;

use crate::{
    address::{PhoneNumber, shown_url},
    context::CallContext,
    error::{Certainty, Result},
    http::{HttpResponse, call_with},
    message::{Features, File, WhatsApp},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::echo::EchoKey,
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod body;
mod config;
mod errors;
mod interactive;
mod options;
mod signature;
mod template;
mod upload;
mod webhook;
mod wire;

pub use config::MetaConfig;

const VENDOR: &str = "meta";

pub(in crate::providers) const CAPABILITIES: Capabilities = Capabilities::new(
    VENDOR,
    Features::BUTTONS
        .and(Features::LISTS)
        .and(Features::LOCATION)
        .and(Features::MEDIA)
        .and(Features::MEDIA_UPLOAD)
        .and(Features::REPLY_CONTEXT)
        .and(Features::VENDOR_TEMPLATE),
)
.max_recipients(1);

/// Meta's Cloud API as a provider of WhatsApp messages; made by [`MetaConfig::build`].
pub struct Meta {
    name: String,
    endpoints: wire::Endpoints,
    token: Credential,
    number: Option<PhoneNumber>,
    app_secret: Option<SecretString>,
    verify_token: Option<SecretString>,
    echo: Option<EchoKey>,
}

impl Meta {
    /// Shows the writer of a message that it was read (two blue ticks), and all before it.
    ///
    /// # Errors
    /// As for sending.
    pub async fn mark_read(&self, cx: &CallContext, vendor_id: &str) -> Result<()> {
        let body = wire::read_mark(vendor_id)?;
        let answer = self.post(cx, &body).await?;
        wire::marked(&answer, cx.clock().now())
    }

    /// What a GET of Meta's is to be answered with, as plain text, once it is verified.
    pub fn challenge(&self, verified: &Verified) -> Option<String> {
        signature::challenge(verified.request())
    }

    async fn post(&self, cx: &CallContext, body: &bytes::Bytes) -> Result<HttpResponse> {
        call_with(cx, &self.token, |token| wire::post(&self.endpoints.messages, token, body.clone())).await
    }

    /// Hands over the bytes of a file and answers with Meta's id of them. No message was sent yet,
    /// however this fails.
    async fn upload(&self, cx: &CallContext, file: &File) -> Result<String> {
        let form = upload::form(file);
        let build = |token: &_| form.request(&self.endpoints.media, token);
        let answer = call_with(cx, &self.token, build).await;
        let id = answer.and_then(|answer| wire::media_id(&answer, cx.clock().now()));
        id.map_err(|error| error.with_certainty(Certainty::NotSent).with_context("asked", "for the upload"))
    }
}

impl fmt::Debug for Meta {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meta")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.messages.to_string()))
            .field("number", &self.number)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Meta {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.token, |token| wire::check(&self.endpoints.check, token)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Provider<WhatsApp> for Meta {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, WhatsApp>) -> Result<Receipt> {
        let body = match upload::needed(item.message())? {
            None => body::json(self, &item, None)?,
            Some(file) => {
                // First without its id: what cannot be sent is not uploaded.
                body::json(self, &item, Some("-"))?;
                body::json(self, &item, Some(&self.upload(cx, file).await?))?
            }
        };
        wire::receipt(&self.post(cx, &body).await?, cx.clock().now())
    }
}

#[async_trait]
impl Webhook for Meta {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        match request.method {
            Method::GET => signature::verify_owner(self.verify_token.as_ref(), request),
            _ => signature::verify(self.app_secret.as_ref(), request),
        }
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), verified.request())
    }
}

#[cfg(test)]
mod tests;
