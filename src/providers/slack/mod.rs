//! Slack: messages of a bot to channels and people, or through an incoming webhook to one channel.
//!
//! A bot's message is one call of `chat.postMessage` or, in place of another, `chat.update`; with files it is
//! `files.getUploadURLExternal`, the bytes, and `files.completeUploadExternal`.
//!
//! ```no_run
//! use tidings::{CallContext, Chat, MessageId, Outgoing, Provider, TenantId, message::Button};
//! use tidings::providers::slack::SlackConfig;
//!
//! # async fn send(cx: CallContext) -> tidings::Result<()> {
//! let slack = SlackConfig::new("xoxb-bot-token").build()?;
//! let chat = Chat::builder()
//!     .to("C0123456789")
//!     .markdown("*Deployed* to production")
//!     .keyboard_row([Button::link("Log", "https://example.org/log")?, Button::answer("Roll back", "rollback:7")])
//!     .build()?;
//! let id = MessageId::new(cx.clock().now());
//! slack.send(&cx, Outgoing::new(&chat, id, &TenantId::DEFAULT, "deploy-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it can do
//!
//! | | bot | incoming webhook |
//! |---|---|---|
//! | `to` | the id of a channel, conversation or person, or `#name` | only the configured [`channel`](SlackConfig::channel) |
//! | `text`, plain or in Slack's mrkdwn | 40,000 characters; 3,000 with a keyboard or media | the same |
//! | `keyboard` | links, and answers of 2,000 characters; labels of 75; 25 in a row; 50 blocks in all | the same |
//! | `media` by link | pictures | pictures |
//! | `media` as bytes | any file, up to 1 GB; no buttons beside them | no |
//! | `thread` | the `ts` of its first message, or the id that a receipt gave | the same |
//! | `edits` | 4,000 characters of mrkdwn, 3,000 plain | no |
//! | receipt | `channel:ts`; of files the id of the first | no id |
//!
//! Plain words are shown as they are: [`escape`] what you put into mrkdwn from elsewhere. There is no keyboard of
//! answers, no place, no quoted message (answer in its thread), no batch call and no idempotency key.
//!
//! # Options (vendor `slack`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `attachments` | a list of objects | secondary attachments, at most 100 |
//! | `blocks` | a list of objects | Block Kit in place of text, keyboard and media, at most 50; the text is for notifications |
//! | `icon_emoji`, `icon_url`, `username` | text | who it seems to come from (bot only; `chat:write.customize`) |
//! | `link_names` | true or false | find and link groups of users |
//! | `metadata` | an object with `event_type` and `event_payload` | what other apps may read |
//! | `parse` | `full` or `none` | how the text is read |
//! | `reply_broadcast` | true or false | show an answer in the channel too (bot only) |
//! | `unfurl_links`, `unfurl_media` | true or false | show what links lead to |
//!
//! # What comes back
//!
//! As a [`Webhook`] it takes calls of the Events API and of interactivity, signed (`v0`) by the
//! [`signing_secret`](SlackConfig::signing_secret) and at most five minutes old: messages of people (not of apps)
//! and pressed buttons. The [`answer`](Webhook::answer) to `url_verification` is its challenge. Slack tells apps
//! nothing of delivery or reading.
//!
//! # Environment
//!
//! `SLACK_BOT_TOKEN` or `SLACK_WEBHOOK_URL` (the first counts), `SLACK_SIGNING_SECRET`, `SLACK_CHANNEL`,
//! `SLACK_BASE_URL`. The URL of a webhook is a secret, and is shown nowhere.
//!
//! # How it is tested
//!
//! Requests of the bot are judged by Slack's own published description (of 2021, which knows neither `metadata` nor
//! files) and blocks by its Python library; signatures by that library too. Incoming webhooks and files have no
//! independent referee.
//!
//! # Sources
//!
//! [chat.postMessage](https://docs.slack.dev/reference/methods/chat.postMessage) ·
//! [chat.update](https://docs.slack.dev/reference/methods/chat.update) ·
//! [files](https://docs.slack.dev/messaging/working-with-files) ·
//! [blocks](https://docs.slack.dev/reference/block-kit/blocks) ·
//! [incoming webhooks](https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks) ·
//! [rate limits](https://docs.slack.dev/apis/web-api/rate-limits) ·
//! [signatures](https://docs.slack.dev/authentication/verifying-requests-from-slack)

use std::{borrow::Cow, fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::Uri;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    address::{ChatId, shown_url},
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    http::{HttpResponse, call, call_with},
    message::{Chat, Features, Message as _},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::shared::{answers::without, settings::endpoint},
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod limits;
mod options;
#[cfg(test)]
mod tests;
mod upload;
mod webhook;
mod wire;

pub use config::SlackConfig;

use limits::Shape;
use options::Options;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "slack";
const JSON: &str = "application/json; charset=utf-8";

/// Of an incoming webhook.
const HOOK: Capabilities = Capabilities::new(
    VENDOR,
    Features::IMAGE.and(Features::INLINE_KEYBOARD).and(Features::MARKDOWN).and(Features::THREAD),
);

/// Of a bot.
pub(super) const CAPABILITIES: Capabilities = Capabilities::new(
    VENDOR,
    HOOK.features.and(Features::EDIT).and(Features::MEDIA).and(Features::MEDIA_UPLOAD),
);

/// What is refused in a webhook's message, since Slack passes over it.
const NOT_BY_HOOK: &[&str] =
    &["attachments", "blocks", "link_names", "metadata", "parse", "unfurl_links", "unfurl_media"];

/// Text in which nothing is taken for mrkdwn's mentions and links: `&`, `<` and `>` are replaced.
///
/// The marks `*`, `_`, `~` and `` ` `` have no escape in Slack.
pub fn escape(text: &str) -> Cow<'_, str> {
    wire::escaped(text)
}

/// A provider of chat messages by Slack; made by [`SlackConfig::build`].
#[derive(Clone)]
pub struct Slack {
    name: Arc<str>,
    way: Way,
    signing_secret: Option<SecretString>,
}

/// How messages reach Slack.
#[derive(Clone)]
enum Way {
    Bot { base_url: Arc<str>, token: Credential },
    Hook { url: Credential, channel: ChatId },
}

/// A bot's access to the Web API.
struct Bot<'a> {
    base_url: &'a str,
    token: &'a Credential,
}

impl Bot<'_> {
    /// Calls a method; once more if the token proves to be out of date and there is a fresh one.
    async fn ask<T>(
        &self,
        cx: &CallContext,
        method: &str,
        kind: &'static str,
        body: Bytes,
        read: impl Fn(&HttpResponse) -> Result<T>,
    ) -> Result<T> {
        let uri = endpoint(self.base_url, method)?;
        let used = self.token.value(cx).await?;
        let error = match read(&self.once(cx, &uri, kind, body.clone()).await?) {
            // Slack says so under a status of success; after 401 it was renewed already.
            Err(error) if error.kind() == ErrorKind::Auth && error.code() != Some("401") => error,
            read => return read,
        };
        match self.token.renewed(cx, &used).await? {
            Some(_) => read(&self.once(cx, &uri, kind, body).await?),
            None => Err(error),
        }
    }

    async fn once(
        &self,
        cx: &CallContext,
        uri: &Uri,
        kind: &'static str,
        body: Bytes,
    ) -> Result<HttpResponse> {
        let build = |token: &SecretString| wire::request(uri, kind, token, body.clone());
        let answer = call_with(cx, self.token, build).await?;
        // Failures come under a status of success.
        Ok(without(answer, &*self.token.value(cx).await?))
    }

    async fn deliver(&self, cx: &CallContext, chat: &Chat) -> Result<Receipt> {
        let options = Options::read(&chat.options)?;
        let shape = limits::check(chat, &options)?;
        if shape == Shape::Upload {
            return self.upload(cx, chat).await;
        }
        let post = wire::post(chat, &options, shape)?;
        let (method, post) = match &chat.edits {
            Some(edited) => ("/chat.update", post.instead(edited, &chat.to)?),
            None => ("/chat.postMessage", post.to(&chat.to)?),
        };
        self.ask(cx, method, JSON, wire::json(&post)?, |answer| wire::receipt(answer, cx.clock().now())).await
    }

    async fn upload(&self, cx: &CallContext, chat: &Chat) -> Result<Receipt> {
        upload::show(chat, &[])?;
        let mut ids = Vec::with_capacity(chat.media.len());
        for (file, _) in upload::files(chat) {
            ids.push(self.hand_over(cx, file).await.map_err(upload::nothing_sent)?);
        }
        let body = wire::json(&upload::show(chat, &ids)?)?;
        let read = |answer: &HttpResponse| upload::receipt(answer, cx.clock().now());
        self.ask(cx, "/files.completeUploadExternal", JSON, body, read).await
    }

    /// The id of a file that Slack has, and nobody sees yet.
    async fn hand_over(&self, cx: &CallContext, file: &crate::message::File) -> Result<String> {
        let now = || cx.clock().now();
        let form = upload::place_form(file);
        let read = |answer: &HttpResponse| upload::place(answer, now());
        let place = self.ask(cx, "/files.getUploadURLExternal", upload::FORM, form, read).await?;
        upload::taken(&call(cx, upload::bytes(&place, file)?).await?, now())?;
        Ok(place.file_id)
    }
}

async fn by_hook(cx: &CallContext, url: &Credential, channel: &ChatId, chat: &Chat) -> Result<Receipt> {
    let missing = chat.needs().missing_in(HOOK.features);
    if let Some(feature) = missing.iter().next() {
        let field = chat.field_of(feature).unwrap_or("message");
        let text = format!("an incoming webhook of Slack has not: {missing}; a bot has");
        return Err(Error::new(ErrorKind::Unsupported, text).with_field(field));
    }
    if chat.to != *channel {
        let why = format!("this incoming webhook writes to `{channel}` alone");
        return Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to"));
    }
    let options = Options::read(&chat.options)?;
    options.only(NOT_BY_HOOK, "an incoming webhook has no such option; a bot has")?;
    let shape = limits::check(chat, &options)?;
    let body = wire::json(&wire::post(chat, &options, shape)?)?;
    let build = |url: &SecretString| {
        let wrong = |_| Error::config("the URL of slack's incoming webhook is no address");
        Ok(wire::plain(&url.expose_secret().parse().map_err(wrong)?, JSON, body.clone()))
    };
    let answer = call_with(cx, url, build).await?;
    wire::hook_receipt(&answer, cx.clock().now())
}

impl Slack {
    async fn deliver(&self, cx: &CallContext, chat: &Chat) -> Result<Receipt> {
        match &self.way {
            Way::Bot { base_url, token } => Bot { base_url, token }.deliver(cx, chat).await,
            Way::Hook { url, channel } => by_hook(cx, url, channel, chat).await,
        }
    }

    async fn asked(&self, cx: &CallContext) -> Result<Health> {
        let Way::Bot { base_url, token } = &self.way else { return Ok(Health::Unchecked) };
        let read = |answer: &HttpResponse| wire::health(answer, cx.clock().now());
        Bot { base_url, token }.ask(cx, "/auth.test", upload::FORM, Bytes::new(), read).await
    }

    fn named(&self, error: Error) -> Error {
        error.with_provider(Arc::clone(&self.name))
    }
}

#[async_trait]
impl Vendor for Slack {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks whose token it is (`auth.test`); an incoming webhook has no harmless question.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let asked = self.asked(cx).await;
        asked.map_err(|error| self.named(error.with_certainty(Certainty::NotSent)))
    }
}

#[async_trait]
impl Provider<Chat> for Slack {
    fn capabilities(&self) -> Capabilities {
        match self.way {
            Way::Bot { .. } => CAPABILITIES,
            Way::Hook { .. } => HOOK,
        }
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Chat>) -> Result<Receipt> {
        self.deliver(cx, item.message()).await.map_err(|error| self.named(error))
    }
}

#[async_trait]
impl Webhook for Slack {
    /// By the app's signing secret.
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        let why = "slack's signing_secret is not set, so its calls cannot be told from others";
        let secret = self.signing_secret.as_ref().ok_or_else(|| Error::new(ErrorKind::Auth, why))?;
        webhook::verify(secret, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(verified.request())
    }

    /// The challenge, when Slack asks whether the address is ours.
    fn answer(&self, verified: &Verified) -> HttpResponse {
        webhook::answer(verified.request())
    }
}

impl fmt::Debug for Slack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.way {
            Way::Bot { base_url, .. } => shown_url(base_url),
            Way::Hook { .. } => "an incoming webhook".to_owned(),
        };
        f.debug_struct("Slack").field("name", &self.name).field("way", &way).finish_non_exhaustive()
    }
}
