//! Email through any SMTP server.
//!
//! ```no_run
//! use tidings::providers::smtp::SmtpConfig;
//!
//! let smtp = SmtpConfig::from_url("smtp://shop:secret@mail.example.org")?.build()?;
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # What it does
//!
//! - text, HTML, both as alternatives, inline images, attachments, cc, bcc
//!   (in the envelope only), reply-to, headers of the caller's own, priority
//!   (`X-Priority`, `Importance`), `List-Unsubscribe` with one-click
//! - no tags, metadata, merge data or templates of a vendor: SMTP has no place for them
//! - STARTTLS (the default: nothing is sent without it), TLS from the start,
//!   or none; certificates are checked against those of the system and the
//!   one CA that you name, and there is no switch to leave that out
//! - AUTH PLAIN, LOGIN, XOAUTH2; fetched credentials are renewed once when refused
//! - one outcome for each recipient: those whom the server refuses at RCPT TO
//!   do not keep the others from their mail; more than the server takes at once
//!   go in several transactions
//! - connections are kept for the next message, up to
//!   [`max_connections`](SmtpConfig::max_connections), and belong to the tokio
//!   runtime that opened them: an [`Smtp`] may outlive its runtime
//! - SIZE (RFC 1870), 8BITMIME (RFC 6152), SMTPUTF8 (RFC 6531), LIMITS RCPTMAX
//!   (RFC 9422), where offered: what the server does not take is refused before it is begun
//!
//! # Its pace
//!
//! Sender, recipients and DATA go out in one write if the server offers
//! PIPELINING ([RFC 2920](https://www.rfc-editor.org/rfc/rfc2920)), the content
//! and its end in another. If someone waits for a connection, his sender,
//! recipients and DATA go out right behind that end, so that a message costs one
//! round trip: **let more send at once than there are connections.** Whoever was
//! written behind an answer that takes longer than a second goes over another
//! connection; then, and after a server that took it badly, nothing is written
//! ahead for five minutes.
//!
//! A connection that was kept and proves dead before DATA is accepted is replaced
//! once; no NOOP asks for its health. It is closed by QUIT when unused for
//! [`idle_timeout`](SmtpConfig::idle_timeout). Who finds all connections in use
//! waits his turn, until the deadline of the call.
//!
//! `transport=lettre` in the URL ([`SmtpTransport::Lettre`]) hands all this to the
//! connections of [lettre](https://docs.rs/lettre/0.11), which take a step at a time.
//!
//! # When it fails
//!
//! Whatever fails before the content's final dot was handed to the system is
//! `NotSent`. So is a refusal at any time. Silence, nonsense or a lost connection
//! after the dot is `Unknown`: the server may have taken the message.
//!
//! The vendor id is the queue id, from answers in the manner of Postfix,
//! Exim, Sendmail and Amazon SES. Which reply is of what kind follows
//! [RFC 5321](https://www.rfc-editor.org/rfc/rfc5321),
//! [RFC 4954](https://www.rfc-editor.org/rfc/rfc4954) and
//! [RFC 3463](https://www.rfc-editor.org/rfc/rfc3463).
//!
//! # A server with a certificate of its own
//!
//! A self-signed certificate is refused, also on loopback, with an error that
//! says how to trust it: name the PEM file of its authority (or itself) by
//! `?ca=/path/to/ca.pem` in the URL, by `SMTP_CA`, or by [`SmtpConfig::ca_file`].
//!
//! # Environment
//!
//! `SMTP_URL`, or `SMTP_HOST`, `SMTP_PORT`, `SMTP_USER`, `SMTP_PASS`,
//! `SMTP_TLS`; with both `SMTP_CA`.
//!
//! The URL is `smtp://user:password@host:port?option=value`. `smtp` means STARTTLS, without which
//! nothing is sent; `smtps` means TLS from the first octet. User and password are percent-encoded. Options:
//!
//! | option | value |
//! |---|---|
//! | `tls` | `none`, `starttls` or its synonym `required`; with `smtps` only `tls` |
//! | `ca` | path of a PEM file with a certificate authority to trust |
//! | `auth` | `password`, `xoauth2` |
//! | `hello` | the name given in EHLO |
//! | `pool` | how many connections at most |
//! | `timeout` | seconds for each step |
//!
//! # Options of a message
//!
//! | option | value |
//! |---|---|
//! | `return_path` | the address to which mail that cannot be delivered returns; the sender's by default |
//!
//! # DKIM
//!
//! With the feature `dkim` and a key (`SmtpConfig::dkim`, or the three settings `dkim_…`) each message carries a
//! signature of the sender's domain; the page of `providers::dkim` says what is signed. Of several keys each signs.
//!
//! # Other letters than ASCII
//!
//! Domains are sent in their ASCII form. A local part with other letters
//! needs a server that offers SMTPUTF8 (RFC 6531); others refuse it as
//! `unsupported` before anything is sent.
//!
//! # Texts as they are
//!
//! Line breaks of whatever kind become CR LF, dots at the beginning of lines are
//! doubled, no line has more than 998 octets: a text can neither end its message
//! nor go on with commands (SMTP smuggling), nor a value begin another header.

mod auth;
mod config;
mod delivery;
mod envelope;
mod errors;
mod exchange;
mod offers;
mod opening;
mod over_lettre;
mod pool;
mod reply;
mod server;
mod session;
mod stream;
mod talk;
#[cfg(test)]
mod tests;
mod tls;
mod url;

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use self::{delivery::Sessions, over_lettre::OverLettre};
use crate::{
    address::EmailAddress,
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    message::{Email, Features, Message},
    provider::{Capabilities, Health, Outcome, Outgoing, Provider, Receipt, Vendor},
    providers::shared::{
        mime::{self, Mail},
        options::{addressed, unknown, wrong},
    },
};

pub use self::config::{SmtpAuth, SmtpConfig, SmtpTls, SmtpTransport};

const FEATURES: Features = Features::ATTACHMENTS
    .and(Features::BCC)
    .and(Features::CC)
    .and(Features::CUSTOM_HEADERS)
    .and(Features::HTML)
    .and(Features::INLINE_IMAGES)
    .and(Features::LIST_UNSUBSCRIBE)
    .and(Features::PRIORITY)
    .and(Features::REPLY_TO);

pub(super) const CAPABILITIES: Capabilities = Capabilities::new("smtp", FEATURES);

/// An SMTP server as a provider of email.
pub struct Smtp {
    name: Arc<str>,
    way: Way,
    #[cfg(feature = "dkim")]
    dkim: Arc<[crate::providers::dkim::DkimKey]>,
}

/// Whose sessions carry the mail.
enum Way {
    Lettre(Box<OverLettre>),
    Own(Box<Sessions>),
}

impl Way {
    async fn deliver(&self, cx: &CallContext, mail: Mail) -> Result<Vec<Outcome>> {
        match self {
            Self::Lettre(lettre) => lettre.deliver(cx, mail).await,
            Self::Own(sessions) => sessions.deliver(cx, mail).await,
        }
    }
}

/// A refusal that concerns one recipient says which.
fn named(outcome: Outcome, email: &Email, index: usize) -> Outcome {
    match outcome {
        Outcome::Refused(error) if error.field() == Some(errors::RECIPIENT) => {
            Outcome::Refused(error.with_field(field(email, index)))
        }
        outcome => outcome,
    }
}

/// `Err` if all failed for the same reason.
fn receipt(outcomes: Vec<Outcome>) -> Result<Receipt> {
    let reason = |outcome: &Outcome| outcome.error().map(|e| (e.kind(), e.certainty(), e.retry()));
    let first = outcomes.first().and_then(reason);
    match outcomes.first().and_then(Outcome::error) {
        Some(error) if outcomes.iter().all(|outcome| reason(outcome) == first) => Err(error.clone()),
        _ => Ok(Receipt::new(outcomes)),
    }
}

/// The field of the recipient at `index`, such as `cc[0]`.
fn field(email: &Email, index: usize) -> String {
    let (to, cc) = (email.to.len(), email.cc.len());
    match index {
        _ if index < to => format!("to[{index}]"),
        _ if index < to + cc => format!("cc[{}]", index - to),
        _ => format!("bcc[{}]", index - to - cc),
    }
}

/// The one option there is: where mail that cannot be delivered returns to.
fn return_path(email: &Email) -> Result<Option<EmailAddress>> {
    let mut path = None;
    for option in addressed(email.options(), CAPABILITIES.vendor) {
        if &*option.name != "return_path" {
            return Err(unknown(option, &["return_path"]));
        }
        let address = option.value.as_str().and_then(|text| text.parse().ok());
        path = Some(address.ok_or_else(|| wrong(option, "an email address"))?);
    }
    Ok(path)
}

/// What would be lost on the way, should it have slipped past the gate.
fn refuse_unsupported(email: &Email) -> Result<()> {
    let missing = email.needs().missing_in(FEATURES);
    match missing.iter().next() {
        None => Ok(()),
        Some(feature) => Err(Error::new(ErrorKind::Unsupported, format!("SMTP has no place for: {missing}"))
            .with_field(email.field_of(feature).unwrap_or("message"))),
    }
}

#[async_trait]
impl Vendor for Smtp {
    fn name(&self) -> &str {
        &self.name
    }

    /// Connects, logs in, and asks for nothing.
    async fn check(&self, cx: &CallContext) -> Result<Health> {
        match &self.way {
            Way::Lettre(lettre) => lettre.check(cx).await?,
            Way::Own(sessions) => sessions.check(cx).await?,
        }
        Ok(Health::Good)
    }
}

#[async_trait]
impl Provider<Email> for Smtp {
    fn capabilities(&self) -> Capabilities {
        CAPABILITIES
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        let email = item.message();
        refuse_unsupported(email)?;
        email.validate()?;
        let bounces = return_path(email)?;
        let mail = mime::write(email, item.message_id(), cx.clock().now(), bounces.as_ref())
            .map_err(|error| error.with_certainty(Certainty::NotSent))?;
        #[cfg(feature = "dkim")]
        let mail = mail.signed(&self.dkim, cx.clock().now())?;
        let outcomes = self.way.deliver(cx, mail).await?.into_iter().enumerate();
        receipt(outcomes.map(|(index, outcome)| named(outcome, email, index)).collect())
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Lettre(lettre) => write!(f, "Smtp({}, {lettre:?} over lettre)", self.name),
            Way::Own(sessions) => write!(f, "Smtp({}, {:?})", self.name, sessions.server()),
        }
    }
}
