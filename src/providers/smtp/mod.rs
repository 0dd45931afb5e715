//! Email through any SMTP server, over [lettre](https://docs.rs/lettre/0.11).
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
//!   do not keep the others from their mail
//! - connections are kept for the next message, up to
//!   [`max_connections`](SmtpConfig::max_connections), and belong to the tokio
//!   runtime that opened them: an [`Smtp`] may outlive its runtime
//!
//! # When it fails
//!
//! Whatever fails before the content was sent is `NotSent`. So is a refusal
//! at any time. Silence, nonsense or a lost connection after that is
//! `Unknown`: the server may have taken the message.
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
//! # Limits that come from lettre
//!
//! `TCP_NODELAY` is set for STARTTLS and plain connections; for TLS from the
//! start lettre opens the socket itself. The content goes out in one write,
//! so that nothing waits for it there either.

mod config;
mod errors;
mod pool;
mod server;
#[cfg(test)]
mod tests;
mod url;

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use lettre::transport::smtp::client::AsyncSmtpConnection;
use secrecy::SecretString;

use self::{config::Login, pool::Pool, server::Server};
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

pub use self::config::{SmtpAuth, SmtpConfig, SmtpTls};

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
    server: Server,
    login: Option<Login>,
    pool: Pool,
    #[cfg(feature = "dkim")]
    dkim: Arc<[crate::providers::dkim::DkimKey]>,
}

impl Smtp {
    /// A new connection, logged in; if fetched credentials are refused, once more with fresh ones.
    async fn connect(&self, cx: &CallContext) -> Result<AsyncSmtpConnection> {
        let Some(login) = &self.login else { return self.server.connect(cx).await };
        let password = login.password.value(cx).await?;
        match self.connect_as(cx, login, &password).await {
            Err(error) if error.kind() == ErrorKind::Auth => {
                let fresh = login.password.renewed(cx, &password).await?.ok_or(error)?;
                self.connect_as(cx, login, &fresh).await
            }
            connected => connected,
        }
    }

    async fn connect_as(
        &self,
        cx: &CallContext,
        login: &Login,
        password: &SecretString,
    ) -> Result<AsyncSmtpConnection> {
        let mut connection = self.server.connect(cx).await?;
        self.server.log_in(cx, &mut connection, login, password).await?;
        Ok(connection)
    }

    /// A connection on which the server has said yes to the sender.
    async fn begin(&self, cx: &CallContext, mail: &Mail) -> Result<AsyncSmtpConnection> {
        if let Some(mut connection) = self.pool.take(cx) {
            match self.server.begin(cx, &mut connection, mail).await {
                Ok(()) => return Ok(connection),
                // It hung up while nothing was going on.
                Err(error) if hung_up(&error) => self.pool.clear(),
                Err(error) => return Err(error),
            }
        }
        let mut connection = self.connect(cx).await?;
        self.server.begin(cx, &mut connection, mail).await?;
        Ok(connection)
    }

    async fn hand_over(&self, cx: &CallContext, email: &Email, mail: &Mail) -> Result<Receipt> {
        let _permit = self.pool.permit(cx).await?;
        let mut connection = self.begin(cx, mail).await?;
        let mut refused = Vec::with_capacity(mail.recipients.len());
        for (index, address) in mail.recipients.iter().enumerate() {
            let said = self.server.recipient(cx, &mut connection, address).await?;
            refused.push(said.err().map(|error| error.with_field(field(email, index))));
        }
        if refused.iter().all(Option::is_some) {
            if self.server.reset(cx, &mut connection).await.is_ok() {
                self.pool.park(cx, connection);
            }
            return receipt(refused.into_iter().flatten().map(Outcome::Refused).collect());
        }
        let said = self.server.content(cx, &mut connection, mail).await;
        if said.is_ok() {
            self.pool.park(cx, connection);
        }
        receipt(refused.into_iter().map(|error| outcome(error, &said)).collect())
    }
}

fn hung_up(error: &Error) -> bool {
    error.kind() == ErrorKind::Transport || error.code().is_some_and(|code| code.starts_with("421"))
}

fn outcome(refused: Option<Error>, said: &Result<String>) -> Outcome {
    match (refused, said) {
        (Some(error), _) => Outcome::Refused(error),
        (None, Ok(said)) => Outcome::accepted(errors::queue_id(said).map(Arc::from)),
        (None, Err(error)) => Outcome::failed(error.clone()),
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
        let _permit = self.pool.permit(cx).await?;
        let mut connection = self.connect(cx).await?;
        self.server.noop(cx, &mut connection).await?;
        self.pool.park(cx, connection);
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
        self.hand_over(cx, email, &mail).await
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Smtp({}, {:?})", self.name, self.server)
    }
}
