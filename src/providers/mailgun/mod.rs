//! Mailgun: email over its API v3.
//!
//! Feature `mailgun`. Mailgun queues each mail and tells what became of it by
//! signed [webhooks], which are read here too.
//!
//! ```no_run
//! use tidings::providers::mailgun::MailgunConfig;
//!
//! let mailgun = MailgunConfig::new("mg.example.org", "key").named("mailgun-eu").eu().build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - [x] text, HTML, files, inline images (known by their content id, which takes the file's name)
//! - [x] cc, bcc, several addresses for answers, own headers, priority, list-unsubscribe
//! - [x] tags: at most 10 of up to 128 ASCII characters
//! - [x] metadata, as user variables. Mailgun writes them into the header `X-Mailgun-Variables` of the mail
//!   that it delivers, so a reader who looks at the source finds them: put nothing secret there.
//! - [x] templates kept at Mailgun. With data per recipient these are texts and numbers, under
//!   names that no metadata has; otherwise any JSON (`t:variables`).
//! - [x] data per recipient: `%recipient.name%` in the texts. Each recipient then gets a mail
//!   of their own, `cc` and `bcc` are refused, and who lacks a name that others have gets an empty text for it.
//! - [x] batches: messages that differ only in recipient and data go out by one call
//!   (`recipient-variables`), up to 1,000 recipients. Mailgun then gives them one `Message-ID`, its own.
//!   Messages with several readers who see each other, and ones that hold `%recipient`, go alone.
//! - [x] sandbox (`o:testmode`: Mailgun takes the mail, bills it and delivers nothing)
//! - [ ] idempotency keys: Mailgun has none
//! - [ ] letters beyond ASCII before the `@` of the sender: Mailgun writes a `From` that is refused elsewhere
//!
//! At most 1,000 recipients and 25 MB a mail, and 16 KB of options, headers,
//! metadata and template data together. Mailgun asks for a text, an HTML part or a
//! template, and for a subject unless the template brings one; with a template there is no HTML part beside it.
//!
//! [`check`](crate::Vendor::check) posts a mail without any field, which only good credentials of this domain get
//! refused for the missing sender: keys that may only send cannot read anything.
//!
//! # Options
//!
//! Addressed to `mailgun`; see the [reference][send] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `deliver_within` | text such as `1h30m`, from `5m` to `24h` |
//! | `dkim`, `require_tls`, `skip_verification` | true or false |
//! | `sandbox` | true if the mail is only to be taken and not delivered |
//! | `send_at` | Unix time in seconds, at most 3 or 7 days ahead by plan |
//! | `template_text` | true if the template is to be rendered as text too |
//! | `template_version` | text: a version of the template |
//! | `tracking`, `tracking_clicks` | `yes`, `no` or `htmlonly` |
//! | `tracking_opens` | true or false |
//!
//! # Variables
//!
//! `MAILGUN_API_KEY` and `MAILGUN_DOMAIN`, and if wanted `MAILGUN_REGION` (`us`, `eu`),
//! `MAILGUN_WEBHOOK_SIGNING_KEY`, `MAILGUN_ECHO_KEY`, `MAILGUN_SANDBOX`; or `MAILGUN_URL`, such as
//! `mailgun://:key@mg.example.org?region=eu`.
//!
//! # Events
//!
//! Each mail carries the user variable `tidings`: a signed token that holds the message, the replay, and the
//! recipient if the mail has only one; otherwise the event's address says who it was. Without a token events are
//! found by the mail's `Message-ID` and address. Mailgun's ids of events are unique within a day, so the
//! event's time stands beside them.
//!
//! **Mailgun signs time and token of a webhook and not its content.** Whoever sees one call can change what it
//! says while the signature is young (five minutes if not set otherwise), so receive them by HTTPS only. Of
//! accounts with subaccounts the primary account's signature is taken too.
//!
//! # Referee
//!
//! Mailgun's published [OpenAPI description][openapi] judges our requests where it is at hand, and django-anymail's
//! verifier our signatures (`tests/referees_mailers.rs`). The description asks for a subject even where its
//! words do not, beside a template.
//!
//! Rules come from the [reference][send], the pages [batch sending][batch], [tags][tags] and
//! [securing webhooks][webhooks].
//!
//! [send]: https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/messages
//! [openapi]: https://github.com/mailgun/mailgun-mcp-server
//! [batch]: https://documentation.mailgun.com/docs/mailgun/user-manual/sending-messages/batch-sending
//! [tags]: https://help.mailgun.com/hc/en-us/articles/34389096824219-Tags
//! [webhooks]: https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks

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
            batch::calls,
            envelope::{Envelope, receipt},
            plan::{Answers, Plan, all_failed},
        },
    },
    secret::Credential,
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod form;
mod group;
mod mail;
mod options;
mod webhook;
mod wire;

pub use config::MailgunConfig;

const VENDOR: &str = "mailgun";
/// The most recipients of one call, whether of one mail or of several.
const MOST: usize = 1_000;

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
.max_recipients(MOST)
.max_size(25_000_000);

/// Mailgun as a provider of email; made by [`MailgunConfig::build`].
pub struct Mailgun {
    name: String,
    api_key: Credential,
    endpoint: http::Uri,
    echo: Option<EchoKey>,
    webhook_key: Option<SecretString>,
    tolerance: Duration,
    sandbox: bool,
}

impl fmt::Debug for Mailgun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mailgun")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoint.to_string()))
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Vendor for Mailgun {
    fn name(&self) -> &str {
        &self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let form = form::Form::new("tidings-check").finish();
        let answer = call_with(cx, &self.api_key, |key| wire::request(&self.endpoint, key, &form)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

impl Mailgun {
    /// Refuses what Mailgun would refuse or lose.
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
        let form = mail::form(envelopes, self.sandbox, self.echo.as_ref())?;
        call_with(cx, &self.api_key, |key| wire::request(&self.endpoint, key, &form)).await
    }
}

#[async_trait]
impl Provider<Email> for Mailgun {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        self.admit(item.message())?;
        let envelopes = Envelope::all(item);
        receipt(self.deliver(cx, &envelopes).await, &envelopes)
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Email>]) -> Vec<Result<Receipt>> {
        let mut keys = group::Keys::default();
        let plan = Plan::new(items, |email| self.admit(email), |email| keys.of(email), MOST);
        let groups = plan.calls();
        let answers = calls(groups.iter().map(|group| self.deliver(cx, group))).await;
        plan.results(answers)
    }
}

#[async_trait]
impl Webhook for Mailgun {
    async fn verify(&self, _: &CallContext, request: &RawRequest) -> Result<Verified> {
        webhook::verify(self.webhook_key.as_ref(), self.tolerance, request)
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        webhook::parse(self.echo.as_ref(), verified.request())
    }
}

#[cfg(test)]
mod tests;
