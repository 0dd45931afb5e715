//! Microsoft Teams: cards through a workflow (Power Automate) that waits for webhooks.
//!
//! In Teams, add the workflow "Send webhook alerts to a channel" (or "to a chat") and copy its URL. Each message is
//! one adaptive card. The older connectors of Office 365, which Microsoft has switched off, are not spoken.
//!
//! ```no_run
//! use tidings::{CallContext, Chat, MessageId, Outgoing, Provider, TenantId, message::Button};
//! use tidings::providers::teams::TeamsConfig;
//!
//! # async fn send(cx: CallContext) -> tidings::Result<()> {
//! let teams = TeamsConfig::new("https://example.environment.api.powerplatform.com/workflows/1?sig=secret").build()?;
//! let chat = Chat::builder()
//!     .to("webhook")
//!     .markdown("**Deployed** to production")
//!     .keyboard_row([Button::link("Log", "https://example.org/log")?])
//!     .build()?;
//! let id = MessageId::new(cx.clock().now());
//! teams.send(&cx, Outgoing::new(&chat, id, &TenantId::DEFAULT, "deploy-7")).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What it can do
//!
//! - `to`: only the configured [`channel`](TeamsConfig::channel), since the workflow alone knows where it posts.
//! - `text`: plain words are shown as they are, line by line. Markdown is that of cards: bold, italic, links and
//!   lists, no headings, tables, code or pictures.
//! - `media`: pictures by `https` link, with their captions; Teams wants at most 1 MB each.
//! - `keyboard`: buttons that open links; nobody would hear an answer.
//! - The whole is at most 28 KB.
//! - No answers, edits, threads, quoted messages, places or files; no batch call and no idempotency key.
//!
//! **Accepted means that the workflow began** (status 202): whether it then posted the card shows only in its run
//! history, under the id that the receipt gives (`x-ms-workflow-run-id`).
//!
//! # Options (vendor `teams`)
//!
//! | name | value | meaning |
//! |---|---|---|
//! | `card` | an object | an adaptive card in place of text, keyboard and media; the text is its `fallbackText` |
//!
//! # Environment
//!
//! `TEAMS_WEBHOOK_URL`, `TEAMS_CHANNEL`. The URL is a secret, and is shown nowhere.
//!
//! # Limits of rate
//!
//! Microsoft names four requests a second; 429 is obeyed with its `Retry-After`.
//!
//! # How it is tested
//!
//! There is no referee for the workflow: cards are judged by Microsoft's own JSON schema of adaptive cards, and
//! answers are those that Microsoft and others describe, for no list of them is published.
//!
//! # Sources
//!
//! [workflows](https://support.microsoft.com/office/create-incoming-webhooks-with-workflows-for-microsoft-teams-8ae491c7-0394-4861-ba59-055e33f75498) ·
//! [size and rate](https://learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook) ·
//! [Markdown in cards](https://learn.microsoft.com/microsoftteams/platform/task-modules-and-cards/cards/cards-format) ·
//! [cards](https://adaptivecards.io/explorer/) ·
//! [triggers](https://learn.microsoft.com/azure/connectors/connectors-native-reqres)

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    address::ChatId,
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, call_with, classify::not_understood},
    message::{Chat, Features},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::shared::settings::secure_uri,
    secret::Credential,
    time::Timestamp,
};

mod card;
mod config;
mod errors;
mod options;
#[cfg(test)]
mod tests;

pub use config::TeamsConfig;

use options::Options;

/// The vendor's bare name, to which options are addressed.
const VENDOR: &str = "teams";
const RUN: &str = "x-ms-workflow-run-id";

pub(super) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, Features::IMAGE.and(Features::INLINE_KEYBOARD).and(Features::MARKDOWN));

/// A workflow of Teams as a provider of chat messages; made by [`TeamsConfig::build`].
#[derive(Clone)]
pub struct Teams {
    name: Arc<str>,
    url: Credential,
    channel: ChatId,
}

impl Teams {
    async fn deliver(&self, cx: &CallContext, chat: &Chat) -> Result<Receipt> {
        if chat.to != self.channel {
            let why = format!("this workflow posts to `{}` alone", self.channel);
            return Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to"));
        }
        let body = card::body(chat, &Options::read(&chat.options)?)?;
        let answer = call_with(cx, &self.url, |url| request(url, &body)).await?;
        receipt(&answer, cx.clock().now())
    }
}

fn request(url: &SecretString, body: &Bytes) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body.clone());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = secure_uri("webhook_url", url.expose_secret())?;
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// 202 says that the workflow began. A workflow that answers itself names its run too.
fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    let run = answer.headers().get(RUN).and_then(|run| run.to_str().ok());
    let run: Option<Arc<str>> = run.filter(|run| !run.is_empty() && run.len() <= 128).map(Into::into);
    match answer.status() {
        status if !status.is_success() => Err(errors::refused(answer, now)),
        StatusCode::ACCEPTED => Ok(Receipt::accepted(1, run)),
        _ if run.is_some() => Ok(Receipt::accepted(1, run)),
        _ => Err(not_understood(answer, "no workflow answered: is webhook_url that of a workflow of Teams?")),
    }
}

#[async_trait]
impl Vendor for Teams {
    fn name(&self) -> &str {
        &self.name
    }

    /// A workflow has no harmless question.
    async fn check(&self, _: &CallContext) -> Result<Health> {
        Ok(Health::Unchecked)
    }
}

#[async_trait]
impl Provider<Chat> for Teams {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Chat>) -> Result<Receipt> {
        let delivered = self.deliver(cx, item.message()).await;
        delivered.map_err(|error| error.with_provider(Arc::clone(&self.name)))
    }
}

impl fmt::Debug for Teams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Teams")
            .field("name", &self.name)
            .field("channel", &self.channel)
            .finish_non_exhaustive()
    }
}
