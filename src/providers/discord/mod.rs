//! Discord: messages of a bot to channels, or through a webhook to one channel.
//!
//! A message is one call: `POST /channels/{id}/messages` or `POST /webhooks/{id}/{token}?wait=true`; in place of
//! another it is `PATCH …/messages/{id}`. Files go with it as a form.
//!
//! ```no_run
//! use tidings::{CallContext, Chat, MessageId, Outgoing, Provider, TenantId, message::Button};
//! use tidings::providers::discord::DiscordConfig;
//!
//! # async fn send(cx: CallContext) -> tidings::Result<()> {
//! let discord = DiscordConfig::new("https://discord.com/api/webhooks/123456789012345678/token").build()?;
//! let chat = Chat::builder()
//!     .to("webhook")
//!     .markdown("**Storm** tonight")
//!     .keyboard_row([Button::link("Forecast", "https://example.org/storm")?])
//!     .build()?;
//! let id = MessageId::new(cx.clock().now());
//! discord.send(&cx, Outgoing::new(&chat, id, &TenantId::DEFAULT, "storm-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it can do
//!
//! | | bot | webhook |
//! |---|---|---|
//! | `to` | the id of a channel | only the configured [`channel`](DiscordConfig::channel) |
//! | `text`, plain or in Discord's Markdown | 2,000 characters; plain words are [escaped](escape), and escapes count | the same |
//! | `keyboard` | links (512 characters) and answers (100, all different), labels of 80, 5 in a row, 5 rows | the same; answers only if an application owns the webhook |
//! | `media` by link | pictures, at most 10, each an embed | the same |
//! | `media` as bytes | any file, at most 10, 25 MiB together; Discord itself may take less of one | the same |
//! | `reply_to` | a message's id, or that of a receipt | no |
//! | `thread` | the id of a thread, which is a channel of its own | the same (`thread_id`) |
//! | `edits` | all of the message anew | the same |
//! | receipt | `channel:message` | the same |
//! | repeated hand-over | recognised for a few minutes by `nonce` with `enforce_nonce` | not recognised |
//!
//! Nobody is notified by what the words mention, unless the option `allowed_mentions` says so. There is no keyboard
//! of answers, no place and no batch call.
//!
//! # Options (vendor `discord`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `allowed_mentions` | an object | whom the words may notify; nobody by default (`{"parse": []}`) |
//! | `components` | a list of objects | rows of components in place of the keyboard, at most 5 |
//! | `embeds` | a list of objects | embeds in place of pictures by link, at most 10 of 6,000 characters together |
//! | `fail_if_not_exists` | true or false | with `reply_to`: false sends even if that message is gone |
//! | `suppress_embeds` | true or false | show no previews of links |
//! | `suppress_notifications` | true or false | arrive without a sound |
//! | `thread_name` | text | begin a thread of this name in a forum (webhook only) |
//! | `tts` | true or false | read it aloud |
//! | `username`, `avatar_url` | text | who it seems to come from (webhook only) |
//!
//! # What comes back
//!
//! As a [`Webhook`] it takes interactions, signed by Ed25519 for the
//! [`public_key`](DiscordConfig::public_key) and at most five minutes old: pressed buttons and chosen entries. The
//! [`answer`](Webhook::answer) is PONG to a ping and otherwise that the button was heard. Messages of people and
//! news of delivery come over Discord's gateway only, which is not spoken here.
//!
//! # Environment
//!
//! `DISCORD_BOT_TOKEN`, `DISCORD_TOKEN` or `DISCORD_WEBHOOK_URL` (the first counts), `DISCORD_PUBLIC_KEY`,
//! `DISCORD_CHANNEL`, `DISCORD_BASE_URL`. A webhook's URL is a secret, and is shown nowhere.
//!
//! # Limits of rate
//!
//! 429 carries how long to wait, and whose limit it was as the error's context `scope` (`user`, `global`, `shared`).
//!
//! # How it is tested
//!
//! Requests are judged by Discord's own published OpenAPI description, signatures by PyNaCl.
//!
//! # Sources
//!
//! [messages](https://docs.discord.com/developers/resources/message) ·
//! [webhooks](https://docs.discord.com/developers/resources/webhook) ·
//! [components](https://docs.discord.com/developers/components/reference) ·
//! [files](https://docs.discord.com/developers/reference#uploading-files) ·
//! [rate limits](https://docs.discord.com/developers/topics/rate-limits) ·
//! [codes](https://docs.discord.com/developers/topics/opcodes-and-status-codes) ·
//! [interactions](https://docs.discord.com/developers/interactions/receiving-and-responding)

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD as BASE64};
use http::Method;
use secrecy::SecretString;

use crate::{
    address::{ChatId, shown_url},
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    http::{HttpResponse, call_with},
    message::{Chat, Features, Message as _},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod limits;
mod markdown;
mod options;
#[cfg(test)]
mod tests;
mod webhook;
mod wire;

pub use config::DiscordConfig;
pub use markdown::escape;

use options::Options;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "discord";

/// "Checked for uniqueness in the past few minutes": not more than the fewest that are a few.
const KNOWN_FOR: Duration = Duration::from_secs(2 * 60);

/// Of a webhook.
const HOOK: Capabilities = Capabilities::new(
    VENDOR,
    Features::MEDIA
        .and(Features::EDIT)
        .and(Features::INLINE_KEYBOARD)
        .and(Features::MARKDOWN)
        .and(Features::MEDIA_UPLOAD)
        .and(Features::THREAD),
);

/// Of a bot.
pub(super) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, HOOK.features.and(Features::REPLY_CONTEXT)).idempotency(KNOWN_FOR);

/// A provider of chat messages by Discord; made by [`DiscordConfig::build`].
#[derive(Clone)]
pub struct Discord {
    name: Arc<str>,
    base_url: Arc<str>,
    way: Way,
    public_key: Option<[u8; 32]>,
}

/// How messages reach Discord.
#[derive(Clone)]
enum Way {
    Bot { token: Credential },
    Hook { id: Arc<str>, token: Credential, channel: ChatId },
}

impl Discord {
    async fn deliver(&self, cx: &CallContext, item: Outgoing<'_, Chat>) -> Result<Receipt> {
        let chat = item.message();
        let options = Options::read(&chat.options)?;
        let post = wire::post(chat, &options)?;
        if chat.edits.is_some() {
            wire::check_edit(&options)?;
        }
        // Unguessable to whoever wrote the files, so none of them can hold it.
        let boundary = format!("tidings-{}", item.id().as_uuid().simple());
        let answer = match &self.way {
            Way::Bot { token } => {
                wire::check_bot(&options)?;
                let (method, path, post) = match &chat.edits {
                    Some(edited) => (Method::PATCH, by_bot(chat, Some(edited))?, post),
                    None => (Method::POST, by_bot(chat, None)?, post.known_by(nonce(&item))),
                };
                let (kind, body) = wire::body(&post, chat, &boundary)?;
                let build = |token: &SecretString| {
                    let request = wire::by_bot(&self.base_url, &method, &path, token)?;
                    Ok(wire::with_body(request, &kind, &body))
                };
                call_with(cx, token, build).await?
            }
            Way::Hook { id, token, channel } => {
                refuse_unsupported(chat)?;
                wire::check_hook(chat, channel)?;
                let (method, rest) = by_hook(chat, &post)?;
                let (kind, body) = wire::body(&post, chat, &boundary)?;
                let build = |token: &SecretString| {
                    let request = wire::by_hook(&self.base_url, &method, (id, token), &rest)?;
                    Ok(wire::with_body(request, &kind, &body))
                };
                call_with(cx, token, build).await?
            }
        };
        wire::receipt(&answer, cx.clock().now())
    }

    async fn ask(&self, cx: &CallContext) -> Result<Health> {
        let answer = match &self.way {
            Way::Bot { token } => {
                let build = |token: &_| wire::by_bot(&self.base_url, &Method::GET, "/users/@me", token);
                call_with(cx, token, build).await?
            }
            Way::Hook { id, token, .. } => {
                let build = |token: &_| wire::by_hook(&self.base_url, &Method::GET, (id, token), "");
                call_with(cx, token, build).await?
            }
        };
        wire::health(&answer, cx.clock().now())
    }

    fn named(&self, error: Error) -> Error {
        error.with_provider(Arc::clone(&self.name))
    }
}

/// The path of a bot's message, or of the one that it edits.
fn by_bot(chat: &Chat, edited: Option<&str>) -> Result<String> {
    let channel = wire::channel(chat)?;
    match edited {
        Some(edited) => {
            Ok(format!("/channels/{channel}/messages/{}", wire::message_of(chat, "edits", edited)?))
        }
        None => Ok(format!("/channels/{channel}/messages")),
    }
}

/// The rest of a webhook's path, with its query.
fn by_hook(chat: &Chat, post: &wire::Post<'_>) -> Result<(Method, String)> {
    let (method, path) = match &chat.edits {
        Some(edited) => {
            let id = wire::message_of(chat, "edits", edited)?;
            (Method::PATCH, format!("/messages/{id}"))
        }
        None => (Method::POST, String::new()),
    };
    // Without it Discord neither answers with an id nor says that nothing was kept.
    let wait = (method == Method::POST).then(|| "wait=true".to_owned());
    let thread = wire::thread(chat)?.map(|thread| format!("thread_id={thread}"));
    let components = post.has_components().then(|| "with_components=true".to_owned());
    let query: Vec<String> = [wait, thread, components].into_iter().flatten().collect();
    let mark = if query.is_empty() { "" } else { "?" };
    Ok((method, format!("{path}{mark}{}", query.join("&"))))
}

/// What would be lost on the way, should it have slipped past the gate.
fn refuse_unsupported(chat: &Chat) -> Result<()> {
    let missing = chat.needs().missing_in(HOOK.features);
    match missing.iter().next() {
        None => Ok(()),
        Some(feature) => {
            let text = format!("a webhook of Discord has not: {missing}");
            let field = chat.field_of(feature).unwrap_or("message");
            Err(Error::new(ErrorKind::Unsupported, text).with_field(field))
        }
    }
}

/// The same for every attempt, and of at most 25 characters.
fn nonce(item: &Outgoing<'_, Chat>) -> String {
    let mut hash = hmac_sha256::Hash::new();
    for part in [item.tenant().as_str(), item.key(), &item.generation().to_string()] {
        hash.update(part.len().to_be_bytes());
        hash.update(part);
    }
    // 18 octets are 24 characters.
    BASE64.encode(&hash.finalize()[..18])
}

#[async_trait]
impl Vendor for Discord {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks who the bot is, or after the webhook.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let asked = self.ask(cx).await;
        asked.map_err(|error| self.named(error.with_certainty(Certainty::NotSent)))
    }
}

#[async_trait]
impl Provider<Chat> for Discord {
    fn capabilities(&self) -> Capabilities {
        match self.way {
            Way::Bot { .. } => CAPABILITIES,
            Way::Hook { .. } => HOOK,
        }
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Chat>) -> Result<Receipt> {
        self.deliver(cx, item).await.map_err(|error| self.named(error))
    }
}

#[async_trait]
impl Webhook for Discord {
    /// By the application's public key.
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        let why = "discord's public_key is not set, so its calls cannot be told from others";
        let key = self.public_key.as_ref().ok_or_else(|| Error::new(ErrorKind::Auth, why))?;
        webhook::verify(key, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(verified.request())
    }

    /// PONG, or that the button was heard.
    fn answer(&self, verified: &Verified) -> HttpResponse {
        webhook::answer(verified.request())
    }
}

impl fmt::Debug for Discord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match &self.way {
            Way::Bot { .. } => "a bot".to_owned(),
            Way::Hook { id, .. } => format!("webhook {id}"),
        };
        f.debug_struct("Discord")
            .field("name", &self.name)
            .field("base_url", &shown_url(&self.base_url))
            .field("way", &way)
            .finish_non_exhaustive()
    }
}
