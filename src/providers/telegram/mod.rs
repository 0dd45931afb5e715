//! Telegram by its Bot API: messages of a bot to people, groups and channels.
//!
//! A message is one call: `sendMessage`, `sendPhoto`, `sendVideo`, `sendAudio`, `sendDocument`,
//! `sendMediaGroup`, `sendLocation` or `sendVenue`. Media go as links that Telegram fetches, or as
//! bytes in a multipart form.
//!
//! ```no_run
//! use tidings::{CallContext, Chat, MessageId, Outgoing, Provider, TenantId, providers::telegram::TelegramConfig};
//!
//! # async fn send(cx: CallContext) -> tidings::Result<()> {
//! let telegram = TelegramConfig::new("123456:bot-token").build()?;
//! let chat = Chat::builder().to("@harbour_news").markdown("*Storm* tonight").build()?;
//! let id = MessageId::new(cx.clock().now());
//! telegram.send(&cx, Outgoing::new(&chat, id, &TenantId::DEFAULT, "storm-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What becomes of a chat message
//!
//! - `to`: a number, or `@` and the name of a channel, group or bot.
//! - `text`: up to 4,096 characters; with media their caption, up to 1,024. **Markdown** is
//!   Telegram's MarkdownV2: [`escape`] what comes from elsewhere, or the message is refused.
//! - `media`: one piece, or an album of 2 to 10. Albums mix pictures with videos, but sounds and
//!   files only with their own kind, and have no buttons. `text` and captions of the pieces
//!   exclude each other. By link Telegram takes pictures up to 5 MB and others up to 20 MB, and of
//!   files only GIF, PDF and ZIP; as bytes pictures up to 10 MB and others up to 50 MB (2,000 MB
//!   with a Bot API server of your own, that is another `base_url`).
//! - `location`: a point, or a venue if it has name **and** address; it goes without text and media.
//! - `keyboard`: buttons under the message; an answer has 1 to 64 octets. `buttons`: a keyboard in
//!   place of the reader's own, closed after use.
//! - `reply_to`: the id of a message, or an id that this provider gave (`chat:message`).
//!   `thread`: the number of a topic.
//! - `edits`: words, or one piece of media, in the place of an earlier message of the bot, with the
//!   keyboard anew; of a message with media whose caption is to change, say the option `edit_caption`.
//!   An edit that changes nothing is a success.
//!
//! The vendor's id of a message is `chat:message`, since Telegram counts within a chat; of an
//! album it is that of its first piece. Telegram knows no idempotency keys.
//!
//! # Options (vendor `telegram`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `allow_paid_broadcast` | true or false | up to 1,000 messages a second for a fee |
//! | `allow_sending_without_reply` | true or false | send even if the message of `reply_to` is gone |
//! | `disable_notification` | true or false | arrive without a sound |
//! | `edit_caption` | true or false | with `edits`: the text is the new caption of media |
//! | `has_spoiler` | true or false | cover a picture or video until it is tapped |
//! | `link_preview` | true or false | false shows no preview of links |
//! | `protect_content` | true or false | forbid forwarding and saving |
//! | `show_caption_above_media` | true or false | put the caption of a picture or video above it |
//!
//! | `voice` | true or false | send a sound (OGG with OPUS, MP3 or M4A) as a voice message |
//!
//! # What comes back
//!
//! As a [`Webhook`] it reads messages, posts of channels, and pressed buttons, whose acknowledgement is the
//! [`answer`](Webhook::answer) to the call. It believes calls with the secret that you gave `setWebhook` as
//! `secret_token` and this as [`webhook_secret`](TelegramConfig::webhook_secret). Media come as Telegram's file ids.
//! There are no events about deliveries: Telegram tells bots neither of arrival nor of reading.
//!
//! # Environment
//!
//! `TELEGRAM_BOT_TOKEN`, `TELEGRAM_WEBHOOK_SECRET`, and `TELEGRAM_BASE_URL` for a Bot API server of your own. The token is
//! part of every URL, so no URL is ever shown.
//!
//! # Sources
//!
//! [Bot API](https://core.telegram.org/bots/api) with its sections
//! [making requests](https://core.telegram.org/bots/api#making-requests),
//! [sending files](https://core.telegram.org/bots/api#sending-files),
//! [formatting](https://core.telegram.org/bots/api#markdownv2-style) and
//! [response parameters](https://core.telegram.org/bots/api#responseparameters) ·
//! [its server](https://github.com/tdlib/telegram-bot-api), the source of the error texts

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    address::shown_url,
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpResponse, call_with},
    message::{Chat, Features},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::shared::answers::without,
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod edit;
mod errors;
mod form;
mod limits;
mod markdown;
mod options;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;

pub use config::TelegramConfig;
pub use markdown::escape;

use form::Call;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "telegram";

pub(super) const CAPABILITIES: Capabilities = Capabilities::new(
    VENDOR,
    Features::MEDIA
        .and(Features::BUTTONS)
        .and(Features::EDIT)
        .and(Features::INLINE_KEYBOARD)
        .and(Features::LOCATION)
        .and(Features::MARKDOWN)
        .and(Features::MEDIA_UPLOAD)
        .and(Features::REPLY_CONTEXT)
        .and(Features::THREAD),
);

/// A provider of chat messages by a Telegram bot; made by [`TelegramConfig::build`].
#[derive(Clone)]
pub struct Telegram {
    name: Arc<str>,
    base_url: Arc<str>,
    token: Credential,
    max_upload: usize,
    webhook_secret: Option<SecretString>,
}

impl Telegram {
    async fn call(&self, cx: &CallContext, call: &Call<'_>, boundary: &str) -> Result<HttpResponse> {
        let (content_type, body) = call.body(boundary)?;
        let answer = call_with(cx, &self.token, |token| {
            form::request(&self.base_url, token, call.method, content_type.clone(), body.clone())
        })
        .await?;
        // Failures may come under a status of success, and what is no failure by status is not blotted.
        Ok(without(answer, &*self.token.value(cx).await?))
    }

    async fn deliver(&self, cx: &CallContext, item: Outgoing<'_, Chat>) -> Result<Receipt> {
        let call = wire::call(item.message(), self.max_upload)?;
        // Unguessable to whoever wrote the files, so none of them can hold it.
        let boundary = format!("tidings-{}", item.id().as_uuid().simple());
        let answer = self.call(cx, &call, &boundary).await?;
        if let Some(edited) = &item.message().edits
            && errors::is_unchanged(&answer)
        {
            return Ok(Receipt::accepted(1, Some(Arc::clone(edited))));
        }
        wire::receipt(&answer, cx.clock().now())
    }

    async fn ask(&self, cx: &CallContext) -> Result<Health> {
        let answer = self.call(cx, &Call::new("getMe"), "").await?;
        wire::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Vendor for Telegram {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks who the bot is.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        self.ask(cx).await.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

#[async_trait]
impl Provider<Chat> for Telegram {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Chat>) -> Result<Receipt> {
        let delivered = self.deliver(cx, item).await;
        delivered.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

#[async_trait]
impl Webhook for Telegram {
    /// By the secret that the webhook was set with.
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        let why = "telegram's webhook_secret is not set, so its calls cannot be told from others";
        let secret = self.webhook_secret.as_ref().ok_or_else(|| Error::new(ErrorKind::Auth, why))?;
        webhook::verify(secret, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(verified.request())
    }

    /// After a pressed button its acknowledgement, without which it would show that it waits.
    fn answer(&self, verified: &Verified) -> HttpResponse {
        webhook::answer(verified.request())
    }
}

impl fmt::Debug for Telegram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Telegram")
            .field("name", &self.name)
            .field("base_url", &shown_url(&self.base_url))
            .field("token", &self.token)
            .finish_non_exhaustive()
    }
}
