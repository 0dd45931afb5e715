//! Amazon SES: email over its API v2.
//!
//! Feature `ses`. Requests are signed (Signature Version 4) with keys that are given, or found by the chain
//! that is usual for AWS: environment, files of profiles, single sign-on, web identity, container, instance
//! metadata (IMDSv2). Profiles with `credential_process` are not run: give a
//! [`Credential::fetched`](crate::Credential::fetched) of [`AwsKeys`] for keys from elsewhere.
//!
//! ```no_run
//! use tidings::providers::ses::SesConfig;
//!
//! let by_chain = SesConfig::new("eu-west-1").build()?;
//! let by_key = SesConfig::new("eu-west-1").keys("AKIAIOSFODNN7EXAMPLE", "the secret").named("ses-eu").build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - text, HTML, files, inline images, cc, bcc, several senders of answers, own headers, priority,
//!   list-unsubscribe; up to 50 recipients and 40 MB (as base64) a mail
//! - one tag (as the message tag `tag`), and metadata (as message tags): letters, digits, `_` and `-`, at most
//!   256 characters; others are refused, and so are headers that begin with `X-SES-`
//! - templates kept at SES, and data per recipient with such a template: each recipient in `to` gets a mail of
//!   their own then, in one call for all; `cc` and `bcc` are refused with it
//! - batches: mails by templates go 50 recipients a call where sender, template, files and options are the same;
//!   others go by a call each, all at once
//! - no idempotency keys: SES has none
//!
//! SES writes the mail itself of what it is given (`Simple`), which costs fewest octets. What that form has no
//! room for goes as a whole mail of ours (`Raw`): files without a text, names and headers with other letters
//! than ASCII, headers of one name twice, more than 15 headers, and long ones. SES replaces `Message-ID` and
//! `Date` in any case. Local parts of addresses are ASCII: SES has no SMTPUTF8.
//!
//! With a template SES takes no subject, text or HTML beside it; a mail that has them is refused.
//!
//! # Options
//!
//! Addressed to `ses`; see [SendEmail][send] for what they do:
//!
//! | name | value |
//! |---|---|
//! | `configuration_set` | text, in place of the configured one |
//! | `contact_list`, `topic` | text: the list that SES's own unsubscribe links are about |
//! | `feedback_to` | the address to which bounces and complaints are forwarded |
//! | `from_arn` | text: the identity that another account lets this one use |
//! | `tenant` | text: the SES tenant on whose behalf the mail is sent |
//!
//! # Variables
//!
//! `SES_REGION` (or `AWS_SES_REGION`) switches it on; `SES_ACCESS_KEY_ID` and `SES_SECRET_ACCESS_KEY` give keys
//! for SES alone, else the usual chain reads `AWS_ACCESS_KEY_ID`, `AWS_PROFILE` and the like;
//! `SES_CONFIGURATION_SET`, `SES_WEBHOOK_TOPICS`, `SES_ECHO_KEY`. `AWS_REGION` alone does not switch it on:
//! it is set wherever AWS runs a program.
//!
//! # Events
//!
//! A configuration set publishes events to a topic of Amazon SNS, and a subscription of that topic (protocol
//! HTTPS, raw delivery off) posts them to your webhook. Name the topic in `webhook_topics`: SNS signs everybody's
//! messages, so messages of other topics are refused. The signature (version 1 or 2) is checked by the certificate
//! at `SigningCertURL`, which must be `https://sns.<region>.amazonaws.com`; it is fetched once. A subscription to a topic
//! that was named is confirmed by [`Webhook::verify`]. A message's `Timestamp` may be an hour
//! old ([`SesConfig::webhook_tolerance`]), the longest for which SNS tries again.
//!
//! Each mail carries the message tag `tidings`: a signed token that holds the message, the replay, and the
//! recipient if there is only one; otherwise the event's address says who it was. Without a token (fetched
//! keys, and no `echo_key`), and for notifications of an identity, which carry no tags, events are found by
//! vendor id and address. A permanent bounce is `bounced`, another is `failed`, for SES has given up then; addresses
//! on the account's suppression list are `suppressed`.
//!
//! Requests are judged by SES's own description (botocore) and by moto, which checks the signature; signatures of
//! webhooks by Amazon's sns-validator (`tests/referees_aws.rs`). SES itself was not asked.
//!
//! Sources: [SendEmail][send], [SendBulkEmail][bulk], [quotas][quotas], [events][events], [CommonErrors][common].
//!
//! [send]: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html
//! [bulk]: https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendBulkEmail.html
//! [quotas]: https://docs.aws.amazon.com/ses/latest/dg/quotas.html
//! [events]: https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
//! [common]: https://docs.aws.amazon.com/general/latest/gr/CommonErrors.html

use std::{fmt, pin::Pin};

use async_trait::async_trait;

use crate::{
    address::shown_url,
    concurrent::in_order,
    context::CallContext,
    error::Result,
    message::{Email, Features},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::{
        echo::EchoKey,
        shared::aws::{Client, Inbox},
    },
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod batch;
mod config;
mod errors;
mod events;
mod json;
mod limits;
mod mail;
mod options;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::providers::shared::aws::AwsKeys;
pub use config::SesConfig;

/// A call of a batch under way: what became of each message, by its place.
type Call<'a> = Pin<Box<dyn Future<Output = Vec<(usize, Result<Receipt>)>> + Send + 'a>>;

const VENDOR: &str = "ses";

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
.max_batch(limits::MAX_RECIPIENTS)
.max_recipients(limits::MAX_RECIPIENTS)
.max_size(limits::MAX_SIZE);

/// Amazon SES as a provider of email; made by [`SesConfig::build`].
pub struct Ses {
    name: String,
    client: Client,
    endpoints: wire::Endpoints,
    configuration_set: Option<String>,
    echo: Option<EchoKey>,
    inbox: Inbox,
}

impl Ses {
    /// How a mail of this instance is written.
    fn pen(&self) -> mail::Pen<'_> {
        mail::Pen { configuration_set: self.configuration_set.as_deref(), echo: self.echo.as_ref() }
    }

    /// One call for one mail.
    async fn single(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        let body = self.pen().single(&item, cx.clock().now())?;
        let answer = self.client.call(cx, wire::post(&self.endpoints.single, body)).await?;
        wire::single(&answer, item.message(), cx.clock().now())
    }

    /// One call for several mails by one template, each to one recipient or to one envelope.
    async fn bulk(&self, cx: &CallContext, call: batch::Bulk<'_>) -> Vec<Result<Receipt>> {
        let answered = async {
            let body = call.body(&self.pen())?;
            let answer = self.client.call(cx, wire::post(&self.endpoints.bulk, body)).await?;
            wire::bulk(&answer, call.entries(), cx.clock().now())
        };
        call.receipts(answered.await)
    }

    async fn together(&self, cx: &CallContext, call: batch::Bulk<'_>) -> Vec<(usize, Result<Receipt>)> {
        let places = call.places();
        places.into_iter().zip(self.bulk(cx, call).await).collect()
    }
}

#[async_trait]
impl Vendor for Ses {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks whether the account may send (`ses:GetAccount`).
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = self.client.call(cx, wire::read(&self.endpoints.account)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Provider<Email> for Ses {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        if item.message().merge.is_empty() {
            return self.single(cx, item).await;
        }
        let call = batch::Bulk::to_each(item)?;
        let mut receipts = self.bulk(cx, call).await;
        receipts.pop().unwrap_or_else(|| Ok(Receipt::new(Vec::new())))
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Email>]) -> Vec<Result<Receipt>> {
        let (bulks, alone) = batch::sorted(items);
        let mut calls: Vec<Call<'_>> = Vec::new();
        for call in bulks {
            calls.push(Box::pin(self.together(cx, call)));
        }
        for place in alone {
            calls.push(Box::pin(async move { vec![(place, self.send(cx, items[place]).await)] }));
        }
        let width = calls.len();
        let mut results: Vec<_> = in_order(calls.into_iter(), width).await.into_iter().flatten().collect();
        results.sort_by_key(|(place, _)| *place);
        results.into_iter().map(|(_, result)| result).collect()
    }
}

#[async_trait]
impl Webhook for Ses {
    async fn verify(&self, cx: &CallContext, request: &RawRequest) -> Result<Verified> {
        self.inbox.verify(cx, request).await
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        events::parse(self.echo.as_ref(), verified.request())
    }
}

impl fmt::Debug for Ses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ses")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.single.to_string()))
            .field("configuration_set", &self.configuration_set)
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}
