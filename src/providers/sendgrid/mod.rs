//! SendGrid (Twilio): email over its API v3.
//!
//! Feature `sendgrid`. One call for each mail; SendGrid queues it and tells
//! what became of it by the signed [Event Webhook][events], which is read here too.
//!
//! ```no_run
//! use tidings::providers::sendgrid::SendGridConfig;
//!
//! let sendgrid = SendGridConfig::new("SG.key").named("sendgrid-eu").eu().build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! All that an [`Email`] says: several senders of answers, cc and bcc, files and inline
//! images, own headers, priority, tags (at most 10 of up to 255 characters, as
//! categories), metadata (as custom arguments), list-unsubscribe, templates kept
//! at SendGrid, and data per recipient. Up to 1,000 recipients and 30 MB a mail.
//! There are no idempotency keys.
//!
//! A batch goes out by one call for each content: messages that differ only in their
//! recipients, data, metadata and headers become personalizations of one mail, up to
//! 1,000 recipients a call. Each keeps its own `Message-ID`, metadata and token.
//!
//! - A mail goes out as **one envelope**: everybody sees the same `To` and `Cc`.
//!   With data per recipient each gets a mail of their own, and `cc` and `bcc` are refused.
//!   The data are `dynamic_template_data` for templates whose id begins with
//!   `d-`, else substitutions: names are replaced as they are written, delimiters
//!   included (`-name-`), by texts, numbers or booleans.
//! - SendGrid refuses mails without anyone in `to`, and mails without a subject that
//!   have no template; both are refused before they are sent. A mail of files
//!   alone gets a text part of one space, because SendGrid asks for a part.
//! - A refused address refuses the whole mail. It is then named in the receipt, and the
//!   others are refused for a passing reason, so that they are tried again without it.
//! - One vendor id, from the header `X-Message-Id`, stands for all recipients.
//!
//! # Options
//!
//! Addressed to `sendgrid`; see the [reference][send] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `asm_group_id` | number of an unsubscribe group |
//! | `asm_groups_to_display` | list of at most 25 numbers |
//! | `batch_id` | text, from the scheduled-sends API |
//! | `click_tracking`, `open_tracking`, `subscription_tracking` | true or false |
//! | `ip_pool_name` | text of 2 to 64 characters |
//! | `sandbox` | true if the mail is only to be checked |
//! | `send_at` | Unix time in seconds, at most 72 hours ahead |
//!
//! # Variables
//!
//! `SENDGRID_API_KEY`, and if wanted `SENDGRID_REGION` (`global`, `eu`),
//! `SENDGRID_WEBHOOK_KEY`, `SENDGRID_ECHO_KEY`, `SENDGRID_SANDBOX` (`true`, `false`).
//!
//! # Events
//!
//! Each mail carries the custom argument `tidings`: a signed token that holds the message,
//! the replay, and the recipient if the envelope has only one; otherwise the event's address says who it was.
//! Without a token (a credential that is fetched, and no `echo_key`) events are found by
//! vendor id and address. Metadata may not use the names that SendGrid's events use themselves.
//! SendGrid names no tolerance for the age of a signature; ours is five minutes either way.
//! Repeated events are told by `sg_event_id`.
//!
//! Rules come from [Mail Send][send], its [errors][errors], [rate limits][limits], the
//! [events][events] and their [signature][security].
//!
//! [send]: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/mail-send
//! [errors]: https://www.twilio.com/docs/sendgrid/api-reference/mail-send/errors
//! [limits]: https://www.twilio.com/docs/sendgrid/api-reference/how-to-use-the-sendgrid-v3-api/rate-limits
//! [events]: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
//! [security]: https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features

use std::{fmt, time::Duration};

use async_trait::async_trait;
use secrecy::SecretString;

use crate::{
    address::shown_url,
    context::CallContext,
    error::Result,
    http::{HttpResponse, call_with},
    message::{Email, Features},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::{
        echo::EchoKey,
        shared::{
            batch::{PerReader, Shared, calls},
            envelope::{Envelope, receipt},
            plan::{Answers, Plan, all_failed},
        },
    },
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod json;
mod mail;
mod options;
mod webhook;
mod wire;

pub use config::SendGridConfig;

const VENDOR: &str = "sendgrid";
/// The most recipients of one call, whether of one mail or of several.
const MOST: usize = 1_000;
/// What stands in a personalization, and so may differ within a call.
const PER_READER: PerReader = PerReader { headers: true, metadata: true, template_data: true };

pub(super) const CAPABILITIES: Capabilities = Capabilities::new(
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
.max_recipients(MOST)
.max_size(30_000_000);

/// SendGrid as a provider of email; made by [`SendGridConfig::build`].
pub struct SendGrid {
    name: String,
    api_key: Credential,
    endpoints: wire::Endpoints,
    echo: Option<EchoKey>,
    webhook_key: Option<webhook::VerificationKey>,
    tolerance: Duration,
    sandbox: bool,
}

impl fmt::Debug for SendGrid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGrid")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.send.to_string()))
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for SendGrid {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.api_key, |key| wire::check(&self.endpoints, key)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

impl SendGrid {
    /// Refuses what SendGrid would refuse or lose.
    fn admit(&self, email: &Email) -> Result<()> {
        options::Wishes::read(email, self.sandbox)?;
        mail::check(email)
    }

    /// Hands over envelopes of one content by one call.
    async fn deliver(&self, cx: &CallContext, envelopes: &[Envelope<'_>]) -> Answers {
        match self.call(cx, envelopes).await {
            Ok((answer, sandbox)) => wire::outcomes(&answer, envelopes, sandbox, cx.clock().now()),
            Err(error) => all_failed(envelopes, &error),
        }
    }

    /// The answer, and whether the mail is only checked.
    async fn call(&self, cx: &CallContext, envelopes: &[Envelope<'_>]) -> Result<(HttpResponse, bool)> {
        let first = envelopes.first().map(Envelope::email);
        let wishes = first.map(|email| options::Wishes::read(email, self.sandbox)).transpose()?;
        let wishes = wishes.unwrap_or_default();
        let body = mail::body(envelopes, &wishes, self.echo.as_ref())?;
        let request = |key: &SecretString| wire::request(&self.endpoints, key, body.clone());
        Ok((call_with(cx, &self.api_key, request).await?, wishes.sandbox))
    }
}

#[async_trait]
impl Provider<Email> for SendGrid {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        self.admit(item.message())?;
        let envelopes = Envelope::all(item);
        receipt(self.deliver(cx, &envelopes).await, &envelopes)
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Email>]) -> Vec<Result<Receipt>> {
        let key = |email| Some(Shared { email, per_reader: PER_READER });
        let plan = Plan::new(items, |email| self.admit(email), key, MOST);
        let groups = plan.calls();
        let answers = calls(groups.iter().map(|group| self.deliver(cx, group))).await;
        plan.results(answers)
    }
}

#[async_trait]
impl Webhook for SendGrid {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        webhook::verify(self.webhook_key.as_ref(), self.tolerance, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), verified.request())
    }
}

#[cfg(test)]
mod tests;
