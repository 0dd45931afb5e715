//! Resend: email over its API.
//!
//! Feature `resend`. Resend queues each mail, up to 100 in one call, and tells what became
//! of it by signed webhooks, which are read here too.
//!
//! ```no_run
//! use tidings::providers::resend::ResendConfig;
//!
//! let resend = ResendConfig::new("re_key").named("resend-eu").build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - [x] text, HTML, files, inline images, cc, bcc, several addresses for answers, own headers, priority,
//!   list-unsubscribe
//! - [x] metadata and tags, both as Resend's tags, which no reader sees: names and values of up to 256 ASCII
//!   letters, digits, `_` and `-`. A tag of the message becomes one of its name with the value `true`.
//! - [x] templates kept at Resend, filled with texts and numbers; with data per recipient each gets a
//!   mail of their own
//! - [x] batches of any messages, 100 a call, each with its own result. Mails with files or a
//!   time to be sent at go alone: Resend takes neither in a batch.
//! - [x] idempotency keys, kept for 24 hours. A mail that goes alone carries its own; a batch carries one that
//!   is made of the keys of its mails, and so is known again if the same mails go together again.
//! - [ ] a `Message-ID` of ours: Resend writes its own
//! - [ ] data per recipient without a template; letters beyond ASCII before an `@`
//! - [ ] a sandbox: Resend has only addresses for tests, such as `delivered@resend.dev`
//!
//! At most 50 recipients and 40 MB a mail. A file whose name does not fit its type may make Resend lose the
//! mail in silence. One id stands for all recipients.
//!
//! [`check`](crate::Vendor::check) asks for the domains; a key that may only send is told so, and is good.
//!
//! # Options
//!
//! Addressed to `resend`; see the [reference][send] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `scheduled_at` | RFC 3339 time, such as `2026-11-20T21:07:00Z` |
//! | `topic_id` | text of up to 255 characters |
//!
//! # Variables
//!
//! `RESEND_API_KEY`, and if wanted `RESEND_WEBHOOK_SECRET`, `RESEND_ECHO_KEY`; or `RESEND_URL`, such as
//! `resend://:re_key@default`.
//!
//! # Events
//!
//! Each mail carries the tag `tidings`: a signed token that holds the message, the replay, and the recipient if
//! the mail has only one. Resend's events **do not say which of several readers** they are about, so those of
//! mails with several readers are skipped: give each a mail of their own if you follow them. Without a token
//! events are found by Resend's id, as long as they name one address.
//!
//! Signatures follow the scheme of Svix and [Standard Webhooks][standard]; several, as while a secret is changed,
//! may stand side by side. Repeated events are told by `svix-id`.
//!
//! # Referee
//!
//! Resend's published [OpenAPI description][openapi] judges our requests where it is at hand, and the libraries
//! of Standard Webhooks and Svix our signatures (`tests/referees_mailers.rs`).
//!
//! Rules come from the reference of [sending][send], [batches][batch], [errors] and [webhooks].
//!
//! [send]: https://resend.com/docs/api-reference/emails/send-email
//! [batch]: https://resend.com/docs/api-reference/emails/send-batch-emails
//! [errors]: https://resend.com/docs/api-reference/errors
//! [webhooks]: https://resend.com/docs/dashboard/webhooks/event-types
//! [openapi]: https://github.com/resend/resend-openapi
//! [standard]: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md

use std::{fmt, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    address::shown_url,
    context::CallContext,
    error::Result,
    http::call_with,
    message::{Email, Features},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::{
        echo::EchoKey,
        shared::{
            batch::calls,
            parcels::{Parcel, Parcels},
            plan::{Answers, lost},
        },
    },
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod mail;
mod options;
mod signature;
mod webhook;
mod wire;

pub use config::ResendConfig;

const VENDOR: &str = "resend";
/// How many mails one call takes.
const MOST: usize = 100;
/// How many octets a mail has at most; no limit of a batch is told.
const OCTETS: usize = 40_000_000;

pub(in crate::providers) const CAPABILITIES: Capabilities = Capabilities::new(
    VENDOR,
    Features::ATTACHMENTS
        .and(Features::BCC)
        .and(Features::CC)
        .and(Features::CUSTOM_HEADERS)
        .and(Features::HTML)
        .and(Features::INLINE_IMAGES)
        .and(Features::LIST_UNSUBSCRIBE)
        .and(Features::MERGE_DATA)
        .and(Features::METADATA)
        .and(Features::PRIORITY)
        .and(Features::REPLY_TO)
        .and(Features::TAGS)
        .and(Features::VENDOR_TEMPLATE),
)
.idempotency(Duration::from_secs(24 * 60 * 60))
.max_batch(MOST)
.max_recipients(50)
.max_size(OCTETS);

/// How a mail can go.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Kind {
    /// By a call of its own.
    Alone,
    /// With others.
    Together,
}

impl Kind {
    fn limits(self) -> (usize, usize) {
        match self {
            Self::Alone => (1, OCTETS),
            Self::Together => (MOST, OCTETS),
        }
    }
}

/// Resend as a provider of email; made by [`ResendConfig::build`].
pub struct Resend {
    name: String,
    api_key: Credential,
    endpoints: wire::Endpoints,
    echo: Option<EchoKey>,
    webhook_key: Option<signature::SigningKey>,
    tolerance: Duration,
}

impl fmt::Debug for Resend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resend")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.shown()))
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Resend {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.api_key, |key| self.endpoints.check(key)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

impl Resend {
    async fn deliver(&self, cx: &CallContext, parcels: &[Parcel<'_, Kind>]) -> Answers {
        let request = |key: &SecretString| self.endpoints.send(key, parcels);
        match call_with(cx, &self.api_key, request).await {
            Ok(answer) => wire::outcomes(&answer, parcels, cx.clock().now()),
            Err(error) => parcels.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

/// Refuses what Resend would refuse or lose, and says how the mail can go.
fn admit(email: &Email) -> Result<Kind> {
    let wishes = options::Wishes::read(email)?;
    mail::check(email)?;
    let alone = !email.attachments.is_empty() || wishes.scheduled_at.is_some();
    Ok(if alone { Kind::Alone } else { Kind::Together })
}

#[async_trait]
impl Provider<Email> for Resend {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        self.send_batch(cx, &[item]).await.pop().unwrap_or_else(|| Err(lost()))
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Email>]) -> Vec<Result<Receipt>> {
        let write = |envelope: &_| mail::body(envelope, self.echo.as_ref());
        let parcels = Parcels::new(items, admit, write, Kind::limits);
        let answers = calls(parcels.calls().map(|call| self.deliver(cx, call))).await;
        parcels.results(answers)
    }
}

#[async_trait]
impl Webhook for Resend {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        signature::verify(self.webhook_key.as_ref(), self.tolerance, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), verified.request())
    }
}

#[cfg(test)]
mod tests;
