//! Brevo (once Sendinblue): email over its API v3.
//!
//! Feature `brevo`. Brevo queues each mail, many versions of one in a call, and tells what became
//! of them by webhooks, which are read here too.
//!
//! ```no_run
//! use tidings::providers::brevo::BrevoConfig;
//!
//! let brevo = BrevoConfig::new("xkeysib-key").named("brevo-eu").build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - [x] HTML with or without text, cc, bcc, one address for answers, tags
//! - [x] files whose names end as Brevo knows them (`pdf`, `png`, `txt` and so on): their types are told by these
//! - [x] own headers, priority and list-unsubscribe, in ASCII: Brevo sends other letters as they are, which mailboxes refuse
//! - [x] metadata in ASCII, in the header `X-Mailin-custom`, which a reader who looks at the source of the mail
//!   finds: put nothing secret there
//! - [x] templates kept at Brevo, by number, filled with any JSON (`params`); the subject and the sender of
//!   the message lie over the template's
//! - [x] data per recipient, as `{{params.name}}` in the HTML or of a template; each recipient then gets
//!   a mail of their own
//! - [x] batches: messages that differ only in readers, data, metadata and headers go out by one call
//!   (`messageVersions`), up to 1,000 recipients, each with an id of its own
//! - [x] sandbox (`X-Sib-Sandbox: drop`)
//! - [ ] text without HTML, inline images, a `Message-ID` of ours
//! - [ ] idempotency keys: Brevo's are good for half an hour, and a repeated one is answered by an error that
//!   does not say what became of the first
//!
//! At most 99 recipients and 20 MB a mail. A display name with both letters beyond ASCII and commas or the like
//! goes out as an encoded word, because Brevo would drop it.
//!
//! [`check`](crate::Vendor::check) reads the account.
//!
//! # Options
//!
//! Addressed to `brevo`; see the [reference][send] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `batch_id` | text of up to 255 characters, with `scheduled_at` |
//! | `sandbox` | true if the mail is only to be checked |
//! | `scheduled_at` | RFC 3339 time, such as `2026-11-20T21:07:00Z` |
//!
//! # Variables
//!
//! `BREVO_API_KEY`, and if wanted `BREVO_WEBHOOK_SECRET`, `BREVO_ECHO_KEY`, `BREVO_SANDBOX`; or `BREVO_URL`, such
//! as `brevo://:xkeysib-key@default`.
//!
//! # Events
//!
//! Each mail carries `tidings` in `X-Mailin-custom`: a signed token that holds the message, the replay, and the
//! recipient if the mail has only one; otherwise the event's address says who it was. Without a token events are
//! found by Brevo's id and the address. Brevo gives its events no id, so they are told by what makes them one.
//!
//! **Brevo signs nothing.** Set `webhook_secret` and give it to Brevo as the webhook's bearer token, as
//! `user:password` of its URL, or as the custom header `X-Tidings-Secret`; calls without it are refused, and so
//! are all if it is not set. Webhooks in batches are read too.
//!
//! # Referee
//!
//! None that judges requests here. Fields and error codes were read from the [client library][client] that Brevo
//! generates of its description, and from what [django-anymail][anymail] found by sending.
//!
//! Rules come from the reference of [sending][send], [batches][batch], the [sandbox], [limits][limits] and
//! [webhooks].
//!
//! [send]: https://developers.brevo.com/reference/sendtransacemail
//! [batch]: https://developers.brevo.com/docs/batch-send-transactional-emails
//! [sandbox]: https://developers.brevo.com/docs/using-sandbox-mode-to-send-an-email
//! [limits]: https://developers.brevo.com/docs/limit-headers
//! [webhooks]: https://developers.brevo.com/docs/transactional-webhooks
//! [client]: https://github.com/getbrevo/brevo-node
//! [anymail]: https://anymail.dev/en/stable/esps/brevo/

use std::fmt;

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
            inbound::by_secret,
            plan::{Answers, Plan, all_failed},
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

pub use config::BrevoConfig;

const VENDOR: &str = "brevo";
/// The most recipients, and so the most versions, of one call.
const MOST: usize = 1_000;
/// What stands in a version, and so may differ within a call.
const PER_READER: PerReader = PerReader { headers: true, metadata: true, template_data: true };
/// The header in which a webhook may carry our secret.
const SECRET_HEADER: &str = "x-tidings-secret";

pub(in crate::providers) const CAPABILITIES: Capabilities = Capabilities::new(
    VENDOR,
    Features::ATTACHMENTS
        .and(Features::BCC)
        .and(Features::CC)
        .and(Features::CUSTOM_HEADERS)
        .and(Features::HTML)
        .and(Features::LIST_UNSUBSCRIBE)
        .and(Features::MERGE_DATA)
        .and(Features::METADATA)
        .and(Features::PRIORITY)
        .and(Features::REPLY_TO)
        .and(Features::TAGS)
        .and(Features::VENDOR_TEMPLATE),
)
.max_batch(MOST)
.max_recipients(99)
.max_size(20_000_000);

/// Brevo as a provider of email; made by [`BrevoConfig::build`].
pub struct Brevo {
    name: String,
    api_key: Credential,
    endpoints: wire::Endpoints,
    echo: Option<EchoKey>,
    webhook_secret: Option<SecretString>,
    sandbox: bool,
}

impl fmt::Debug for Brevo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Brevo")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.shown()))
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Brevo {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.api_key, |key| self.endpoints.check(key)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

impl Brevo {
    /// Refuses what Brevo would refuse or lose.
    fn admit(&self, email: &Email) -> Result<()> {
        options::Wishes::read(email, self.sandbox)?;
        mail::check(email)
    }

    /// Hands over envelopes of one content by one call.
    async fn deliver(&self, cx: &CallContext, envelopes: &[Envelope<'_>]) -> Answers {
        match self.call(cx, envelopes).await {
            Ok(answer) => wire::outcomes(&answer, envelopes, cx.clock().now()),
            Err(error) => all_failed(envelopes, &error),
        }
    }

    async fn call(&self, cx: &CallContext, envelopes: &[Envelope<'_>]) -> Result<HttpResponse> {
        let body = mail::body(envelopes, self.sandbox, self.echo.as_ref())?;
        call_with(cx, &self.api_key, |key| self.endpoints.send(key, body.clone())).await
    }
}

#[async_trait]
impl Provider<Email> for Brevo {
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
impl Webhook for Brevo {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        by_secret(self.webhook_secret.as_ref(), Some(SECRET_HEADER), request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), verified.request())
    }
}

#[cfg(test)]
mod tests;
