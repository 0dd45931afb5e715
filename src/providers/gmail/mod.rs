//! Gmail: email as a person with an account of Google, over the Gmail API v1.
//!
//! Feature `gmail`. Each mail is written whole here (RFC 5322) and handed over by `users.messages.send`. Who sends it
//! is told by one of
//!
//! - a refresh token that the person gave once (with the client's id and secret);
//! - a service account to which a Workspace domain delegates authority ([domain-wide delegation][delegation]), and the
//!   person of that domain it speaks for;
//! - a [`Credential`] of yours, which gives access tokens.
//!
//! They need the scope `https://www.googleapis.com/auth/gmail.send`, and no other.
//!
//! ```no_run
//! use tidings::providers::gmail::GmailConfig;
//!
//! let shop = GmailConfig::refreshed("shop@example.org", "id.apps.googleusercontent.com", "the secret", "1//the-token");
//! let gmail = shop.build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it can do
//!
//! - text, HTML, files, inline images, cc, bcc, several senders of answers, own headers, priority, list-unsubscribe;
//!   up to 36,700,160 octets as it is written (mails over 4 MiB go by the upload address), and at most 2,000
//!   recipients, which is what the largest accounts may have; Google refuses what yours may not
//! - no tags, metadata, data per recipient or templates; no batches, and no idempotency keys
//!
//! Gmail sends as the account's own address or an alias of it that was confirmed, whatever `from` says, and replaces
//! the address if it is another. A 200 is no promise: Google's own limits for sent mail may bounce it later.
//! The vendor id is Gmail's id of the message in the sender's mailbox. Google tells of no delivery or bounce but by
//! mail to that mailbox: there are no webhooks.
//!
//! # Options
//!
//! | name | value |
//! |---|---|
//! | `thread_id` | text: the thread that the mail belongs to; Google asks for the headers `In-Reply-To` and `References`, and for an equal subject, beside it |
//!
//! # Variables
//!
//! `GMAIL_USER` (an address, or `me`) switches it on; with `GMAIL_CLIENT_ID`, `GMAIL_CLIENT_SECRET` and
//! `GMAIL_REFRESH_TOKEN`, or with `GMAIL_SERVICE_ACCOUNT_JSON`.
//!
//! Requests are judged by Google's own description, assertions by PyJWT (`tests/referees_gmail.rs`), the mail itself by
//! the parsers that read what arrives over SMTP. Gmail itself was not asked, and uploads of large mails only by tests of ours.
//!
//! Sources: [messages.send][send], [uploads][uploads], [errors][errors], [limits][limits].
//!
//! [send]: https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.messages/send
//! [uploads]: https://developers.google.com/workspace/gmail/api/guides/uploads
//! [errors]: https://developers.google.com/workspace/gmail/api/guides/handle-errors
//! [limits]: https://support.google.com/a/answer/166852
//! [delegation]: https://developers.google.com/identity/protocols/oauth2/service-account#delegatingauthority

use std::fmt;

use async_trait::async_trait;

use crate::{
    address::shown_url,
    context::CallContext,
    error::Result,
    http::call_with,
    message::{Email, Features},
    provider::{Capabilities, Health, Outgoing, Provider, Receipt, Vendor},
    secret::Credential,
};

mod config;
mod errors;
#[cfg(test)]
mod tests;
mod wire;

pub use crate::providers::shared::google::ServiceAccount;
pub use config::GmailConfig;

const VENDOR: &str = "gmail";

/// `mediaUpload.maxSize` of the method in Google's own description.
const MAX_SIZE: usize = 36_700_160;
/// <https://support.google.com/a/answer/166852>
const MAX_RECIPIENTS: usize = 2_000;

const FEATURES: Features = Features::ATTACHMENTS
    .and(Features::BCC)
    .and(Features::CC)
    .and(Features::CUSTOM_HEADERS)
    .and(Features::HTML)
    .and(Features::INLINE_IMAGES)
    .and(Features::LIST_UNSUBSCRIBE)
    .and(Features::PRIORITY)
    .and(Features::REPLY_TO);

pub(in crate::providers) const CAPABILITIES: Capabilities =
    Capabilities::new(VENDOR, FEATURES).max_recipients(MAX_RECIPIENTS).max_size(MAX_SIZE);

/// Gmail as a provider of email; made by [`GmailConfig::build`].
pub struct Gmail {
    name: String,
    credential: Credential,
    endpoints: wire::Endpoints,
}

#[async_trait]
impl Vendor for Gmail {
    fn name(&self) -> &str {
        &self.name
    }

    /// Asks for the account's profile; that the token may only send is as good an answer.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.credential, |token| wire::profile(&self.endpoints, token)).await?;
        wire::health(&answer, cx.clock().now())
    }
}

#[async_trait]
impl Provider<Email> for Gmail {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        let mail = wire::mail(&item, cx.clock().now())?;
        let answer =
            call_with(cx, &self.credential, |token| wire::request(&self.endpoints, token, &mail)).await?;
        wire::receipt(&answer, item.message(), cx.clock().now())
    }
}

impl fmt::Debug for Gmail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gmail")
            .field("name", &self.name)
            .field("endpoint", &shown_url(&self.endpoints.send.to_string()))
            .field("credential", &self.credential)
            .finish()
    }
}
