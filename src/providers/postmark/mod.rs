//! Postmark (ActiveCampaign): email over its API.
//!
//! Feature `postmark`. Postmark takes each mail on its own, many in one call, and
//! tells what became of it by webhooks, which are read here too.
//!
//! ```no_run
//! use tidings::providers::postmark::PostmarkConfig;
//!
//! let postmark = PostmarkConfig::new("server-token").named("postmark-news").message_stream("broadcast").build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - [x] text, HTML, files, inline images, cc, bcc, several addresses for answers, own headers, priority,
//!   list-unsubscribe
//! - [x] one tag of up to 1,000 characters
//! - [x] metadata, which no reader sees: at most 9 (the tenth is ours), names of up to 20 characters that differ
//!   in more than case, values of up to 80
//! - [x] templates kept at Postmark, by number or alias, filled with any JSON
//! - [x] data per recipient, with a template; each recipient then gets a mail of their own
//! - [x] batches of any messages: 500 or 50 MB a call, each with its own result; mails to more than twenty go
//!   alone, since the answer repeats their addresses.
//! - [x] sandbox: mails go to the token `POSTMARK_API_TEST`, which checks and delivers nothing
//! - [ ] idempotency keys: Postmark has none. Each attempt carries the same `Message-ID` (`X-PM-KeepID`).
//! - [ ] data per recipient without a template; mails of files alone; letters beyond ASCII before an `@`
//!
//! At most 50 recipients and 10 MB a mail, and 5 MB for its text and for its HTML part. One id stands for all recipients of a mail.
//! An address that Postmark holds inactive, after a hard bounce or a complaint, is refused as
//! `suppressed`, also if the other recipients of the same mail get theirs.
//!
//! [`check`](crate::Vendor::check) reads the server's settings.
//!
//! # Options
//!
//! Addressed to `postmark`; see the [reference][send] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `inline_css` | true or false, with a template |
//! | `message_stream` | text of up to 255 characters, in place of the configured one |
//! | `sandbox` | true if the mail is only to be checked |
//! | `track_links` | `None`, `HtmlAndText`, `HtmlOnly` or `TextOnly` |
//! | `track_opens` | true or false |
//!
//! # Variables
//!
//! `POSTMARK_SERVER_TOKEN` (or `POSTMARK_API_TOKEN`), and if wanted `POSTMARK_MESSAGE_STREAM`,
//! `POSTMARK_WEBHOOK_SECRET`, `POSTMARK_ECHO_KEY`, `POSTMARK_SANDBOX`; or `POSTMARK_URL`, such as
//! `postmark://:token@default?message_stream=outbound`.
//!
//! # Events
//!
//! Each mail carries the metadata `tidings`: a signed token that holds the message, the replay, and the recipient
//! if the mail has only one; otherwise the event's address says who it was. Without a token events are found by
//! Postmark's id and the address.
//!
//! **Postmark signs nothing.** Set `webhook_secret` to `user:password` and give Postmark both as the webhook's HTTP
//! authentication, or give it as the custom header `X-Tidings-Secret`; calls without it are refused, and so are
//! all if it is not set. Postmark gives up on a webhook that answers 403, so answer refusals with 401.
//!
//! # Referee
//!
//! None: Postmark publishes no description that machines read, and no verifier of what it does not sign.
//! Requests are held against golden files that were compared with the reference by eye.
//!
//! Rules come from the [reference][send], the [overview][errors] with its codes, [batches][batch],
//! [templates][templates], [metadata] and the [webhooks].
//!
//! [send]: https://postmarkapp.com/developer/api/email-api
//! [errors]: https://postmarkapp.com/developer/api/overview
//! [batch]: https://postmarkapp.com/developer/user-guide/send-email-with-api/batch-emails
//! [templates]: https://postmarkapp.com/developer/api/templates-api
//! [metadata]: https://postmarkapp.com/support/article/1125-custom-metadata-faq
//! [webhooks]: https://postmarkapp.com/developer/webhooks/webhooks-overview

use std::fmt;

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
            inbound::by_secret,
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
mod webhook;
mod wire;

pub use config::PostmarkConfig;

const VENDOR: &str = "postmark";
/// How many mails one call takes.
const MOST: usize = 500;
/// Mails with more readers go alone: the answer repeats their addresses, and what is cut of an answer (see
/// [`MAX_BODY`](crate::http::MAX_BODY)) is unknown, though it was sent.
const FEW: usize = 20;
/// How many octets one call takes, attachments included.
const OCTETS: usize = 50_000_000;
/// The token that checks mails and delivers none.
const TEST_TOKEN: &str = "POSTMARK_API_TEST";
/// The header in which a webhook may carry our secret.
const SECRET_HEADER: &str = "x-tidings-secret";

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
.max_batch(MOST)
.max_recipients(50)
.max_size(10_000_000);

/// What mails of one call have in common.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Kind {
    alone: bool,
    template: bool,
    sandbox: bool,
}

impl Kind {
    fn limits(self) -> (usize, usize) {
        (if self.alone { 1 } else { MOST }, OCTETS)
    }
}

/// Postmark as a provider of email; made by [`PostmarkConfig::build`].
pub struct Postmark {
    name: String,
    server_token: Credential,
    test_token: Credential,
    endpoints: wire::Endpoints,
    message_stream: Option<String>,
    echo: Option<EchoKey>,
    webhook_secret: Option<SecretString>,
    sandbox: bool,
}

impl fmt::Debug for Postmark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Postmark")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.shown()))
            .field("message_stream", &self.message_stream)
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Postmark {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.server_token, |token| self.endpoints.check(token)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

impl Postmark {
    /// Refuses what Postmark would refuse or lose, and says what the mail goes with.
    fn admit(&self, email: &Email) -> Result<Kind> {
        let wishes = options::Wishes::read(email, self.sandbox)?;
        mail::check(email)?;
        let alone = email.merge.is_empty() && email.to.len() > FEW;
        Ok(Kind { alone, template: email.template.is_some(), sandbox: wishes.sandbox })
    }

    fn token(&self, kind: Kind) -> &Credential {
        if kind.sandbox { &self.test_token } else { &self.server_token }
    }

    async fn deliver(&self, cx: &CallContext, parcels: &[Parcel<'_, Kind>]) -> Answers {
        let Some(kind) = parcels.first().map(|parcel| parcel.kind) else { return Vec::new() };
        let request = |token: &SecretString| self.endpoints.send(token, kind.template, parcels);
        match call_with(cx, self.token(kind), request).await {
            Ok(answer) => wire::outcomes(&answer, parcels, cx.clock().now()),
            Err(error) => parcels.iter().map(|_| Err(error.clone())).collect(),
        }
    }
}

#[async_trait]
impl Provider<Email> for Postmark {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        self.send_batch(cx, &[item]).await.pop().unwrap_or_else(|| Err(lost()))
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Email>]) -> Vec<Result<Receipt>> {
        let stream = self.message_stream.as_deref();
        let write = |envelope: &_| mail::body(envelope, stream, self.echo.as_ref());
        let parcels = Parcels::new(items, |email| self.admit(email), write, Kind::limits);
        let answers = calls(parcels.calls().map(|call| self.deliver(cx, call))).await;
        parcels.results(answers)
    }
}

#[async_trait]
impl Webhook for Postmark {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        by_secret(self.webhook_secret.as_ref(), Some(SECRET_HEADER), request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), verified.request())
    }
}

#[cfg(test)]
mod tests;
