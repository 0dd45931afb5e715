//! Amazon SNS: text messages, straight to a telephone.
//!
//! Feature `sns`. One call (`Publish` with `PhoneNumber`) for each message, signed as for
//! Amazon SES (`providers::ses`): with given keys, or with those of the chain that is usual for AWS (environment, files of
//! profiles, single sign-on, web identity, container, instance metadata).
//!
//! ```no_run
//! use tidings::providers::sns::SnsConfig;
//!
//! let sns = SnsConfig::new("eu-west-1").sender_id("Shop").transactional().build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - words, up to 1,600 octets; SNS cuts them into parts itself. No media.
//! - `from` is a name (as `AWS.SNS.SMS.SenderID`, which has at most 11 letters and digits, one of them a letter)
//!   or a number or short code of yours (as `AWS.MM.SMS.OriginationNumber`); without it the configured ones, else what
//!   the account says
//! - the class `transactional` or `promotional`, and the highest price that a message may cost
//! - no batches (`PublishBatch` is for topics alone) and no idempotency keys
//!
//! # Options
//!
//! Addressed to `sns`; see [SMS attributes][attributes]:
//!
//! | name | value |
//! |---|---|
//! | `class` | `transactional` or `promotional`, in place of the configured one |
//! | `entity_id`, `template_id` | text of up to 50 characters: what India asks for |
//! | `max_price` | text: US dollars, such as `0.50` |
//!
//! # Variables
//!
//! `SNS_REGION` (or `AWS_SNS_REGION`) switches it on; `SNS_ACCESS_KEY_ID` and `SNS_SECRET_ACCESS_KEY` give keys for SNS alone,
//! else the usual chain reads `AWS_ACCESS_KEY_ID`, `AWS_PROFILE` and the like; `SNS_SENDER_ID`,
//! `SNS_ORIGINATION_NUMBER`, `SNS_CLASS`, `SNS_MAX_PRICE`, `SNS_WEBHOOK_TOPICS`.
//!
//! # Events and replies
//!
//! SNS tells what became of a text message in CloudWatch's logs alone: there are no events. What people answer to a
//! number with [two-way messaging][two-way] comes over a topic of SNS, and is read here: name the topic in
//! `webhook_topics`, and subscribe your webhook to it (protocol HTTPS, raw delivery off). How its
//! messages are verified, and the subscription confirmed, is told with Amazon SES (`providers::ses`).
//!
//! Requests are judged by moto, which checks the signature; signatures of webhooks by Amazon's sns-validator
//! (`tests/referees_aws.rs`). SNS itself was not asked.
//!
//! Sources: [Publish][publish], [SMS attributes][attributes], [two-way messaging][two-way].
//!
//! [publish]: https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
//! [attributes]: https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html
//! [two-way]: https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html

use std::fmt;

use async_trait::async_trait;
use http::Uri;

use crate::{
    address::shown_url,
    context::CallContext,
    error::Result,
    message::{Features, Sms},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    providers::shared::aws::{Client, Inbox},
    webhook::{Inbound, RawRequest, Verified, Webhook},
};

mod config;
mod errors;
mod options;
mod replies;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::providers::shared::aws::AwsKeys;
pub use config::{SmsClass, SnsConfig};

const VENDOR: &str = "sns";

/// "The total size limit for a single SMS publish action is 1,600 bytes."
/// <https://docs.aws.amazon.com/sns/latest/dg/sms_publish-to-phone.html>
const MAX_SIZE: usize = 1_600;

pub(in crate::providers) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, Features::ALPHANUMERIC_SENDER).max_size(MAX_SIZE);

/// Amazon SNS as a provider of text messages; made by [`SnsConfig::build`].
pub struct Sns {
    name: String,
    client: Client,
    endpoint: Uri,
    defaults: wire::Defaults,
    inbox: Inbox,
}

#[async_trait]
impl Vendor for Sns {
    fn name(&self) -> &str {
        &self.name
    }

    /// Reads the account's settings for text messages (`sns:GetSMSAttributes`).
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = self.client.call(cx, wire::settings(&self.endpoint)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Provider<Sms> for Sns {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        let request = wire::publish(&self.endpoint, item.message(), &self.defaults)?;
        let answer = self.client.call(cx, request).await?;
        wire::receipt(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Webhook for Sns {
    async fn verify(&self, cx: &CallContext, request: &RawRequest) -> Result<Verified> {
        self.inbox.verify(cx, request).await
    }

    fn parse(&self, verified: &Verified) -> Result<Vec<Inbound>> {
        replies::parse(verified.request())
    }
}

impl fmt::Debug for Sns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sns")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoint.to_string()))
            .field("inbox", &self.inbox)
            .finish_non_exhaustive()
    }
}
