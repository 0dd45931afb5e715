//! What went wrong, and the two facts that decide what follows.
//!
//! Every failure answers two questions: could the vendor have accepted the
//! message ([`Certainty`]), and may it be tried again ([`Retry`]). Layers,
//! routes and the outbox decide from those two alone; the [`ErrorKind`] is for
//! people and for metrics.

use std::{borrow::Cow, error::Error as StdError, fmt, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use crate::id::MessageId;

/// The crate's result.
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync>;

/// Could the vendor have accepted the message?
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Certainty {
    /// It certainly has not: trying elsewhere cannot make a second copy.
    NotSent,
    /// It may have: only the same provider instance may be asked again, and
    /// only inside its idempotency window or if the caller said so.
    Unknown,
}

/// May the same call be made again?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Retry {
    /// Not before this much time has passed (a vendor's `Retry-After`, a spent limit).
    After(Duration),
    /// Yes, after a delay of the policy's choice.
    Backoff,
    /// No: the same call would fail again.
    Never,
}

/// Whose fault a failure is. Only [`Fault::Provider`] trips a breaker.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The host's configuration.
    Configuration,
    /// What is said; no other provider would take it either.
    Message,
    /// The vendor, or the way to it.
    Provider,
    /// Whom it is said to.
    Recipient,
}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $fault:ident, $certainty:ident, $retry:ident;)*) => {
        /// What kind of failure it was.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq, PartialOrd, Ord)]
        #[non_exhaustive]
        pub enum ErrorKind { $($(#[$doc])* $name,)* }

        impl ErrorKind {
            /// Every kind, for tables and tests.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// A stable word for metrics and storage, such as `rate_limited`.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// Whose fault this kind is.
            pub const fn fault(self) -> Fault {
                match self { $(Self::$name => Fault::$fault,)* }
            }

            const fn facts(self) -> (Certainty, Retry) {
                match self { $(Self::$name => (Certainty::$certainty, Retry::$retry),)* }
            }
        }
    };
}

kinds! {
    /// The vendor did not accept our credentials.
    Auth = "auth", Configuration, NotSent, Never;
    /// The caller withdrew, or dropped the send in flight.
    Cancelled = "cancelled", Message, Unknown, Never;
    /// The circuit breaker of this provider is open.
    CircuitOpen = "circuit_open", Provider, NotSent, Backoff;
    /// A value of the configuration is missing or wrong.
    Config = "config", Configuration, NotSent, Never;
    /// The same idempotency key was used with other content.
    Conflict = "conflict", Message, NotSent, Never;
    /// The message's `expires` has passed.
    Expired = "expired", Message, NotSent, Never;
    /// A fault of this crate or of a downstream provider: please report it.
    Internal = "internal", Provider, Unknown, Never;
    /// A field of the message is wrong; the error names it.
    InvalidMessage = "invalid_message", Message, NotSent, Never;
    /// The recipient does not exist or cannot be reached on this channel.
    InvalidRecipient = "invalid_recipient", Recipient, NotSent, Never;
    /// Another worker has the message, or it left the queue: what this one did late does not count.
    LeaseLost = "lease_lost", Configuration, NotSent, Never;
    /// No provider is configured for the channel.
    NotConfigured = "not_configured", Configuration, NotSent, Never;
    /// The named thing does not exist.
    NotFound = "not_found", Message, NotSent, Never;
    /// The provider instance is paused until someone resumes it.
    Paused = "paused", Configuration, NotSent, Backoff;
    /// The message is larger than the vendor takes.
    PayloadTooLarge = "payload_too_large", Message, NotSent, Never;
    /// The credentials are good but may not do this.
    Permission = "permission", Configuration, NotSent, Never;
    /// The vendor's answer could not be understood.
    Protocol = "protocol", Provider, Unknown, Never;
    /// The account's quota or balance is spent.
    Quota = "quota", Provider, NotSent, Never;
    /// Too many calls; wait.
    RateLimited = "rate_limited", Provider, NotSent, Backoff;
    /// The vendor refused the content (spam, policy, template paused).
    Refused = "refused", Message, NotSent, Never;
    /// Our own storage failed.
    Storage = "storage", Configuration, NotSent, Backoff;
    /// The recipient must not be written to (suppression list, opt-out at the vendor).
    Suppressed = "suppressed", Recipient, NotSent, Never;
    /// A template could not be registered or rendered.
    Template = "template", Message, NotSent, Never;
    /// No answer within the time allowed.
    Timeout = "timeout", Provider, Unknown, Backoff;
    /// The network failed.
    Transport = "transport", Provider, Unknown, Backoff;
    /// The vendor is out of order.
    Unavailable = "unavailable", Provider, NotSent, Backoff;
    /// The device or browser no longer takes messages at this token or subscription, says the vendor by a code:
    /// forget it. Nothing else is reported so.
    Unregistered = "unregistered", Recipient, NotSent, Never;
    /// The provider cannot do what the message needs.
    Unsupported = "unsupported", Message, NotSent, Never;
}

impl fmt::Display for ErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A failure: what, where, why, and what to do next.
///
/// [`Display`](fmt::Display) shows the internal text for logs; [`Error::public`]
/// is fit for people outside. Neither ever holds a secret.
///
/// ```
/// use tidings::{Certainty, Error, ErrorKind, Retry};
/// use std::time::Duration;
///
/// let error = Error::new(ErrorKind::RateLimited, "too many requests")
///     .with_provider("sendgrid-eu")
///     .with_code("429")
///     .with_retry(Retry::After(Duration::from_secs(3)));
/// assert_eq!(error.certainty(), Certainty::NotSent);
/// assert_eq!(error.to_string(), "sendgrid-eu: rate_limited (429): too many requests");
/// ```
#[derive(Clone)]
pub struct Error(Box<Inner>);

#[derive(Clone)]
struct Inner {
    kind: ErrorKind,
    certainty: Certainty,
    retry: Retry,
    message_id: Option<MessageId>,
    provider: Option<Arc<str>>,
    code: Option<Box<str>>,
    field: Option<Cow<'static, str>>,
    message: Cow<'static, str>,
    public: Option<Cow<'static, str>>,
    context: Vec<(&'static str, String)>,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl Error {
    /// A failure of `kind`, with the certainty and retry that are usual for it.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        let (certainty, retry) = kind.facts();
        Self(Box::new(Inner {
            kind,
            certainty,
            retry,
            message_id: None,
            provider: None,
            code: None,
            field: None,
            message: message.into(),
            public: None,
            context: Vec::new(),
            source: None,
        }))
    }

    /// A field of a message that cannot be right, named as in `to[0]`.
    pub fn invalid(field: impl Into<Cow<'static, str>>, message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidMessage, message).with_field(field)
    }

    /// A configuration value that is missing or wrong.
    pub fn config(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Config, message)
    }

    /// Several failures as one of the first's kind; `None` if there are none.
    pub fn all(errors: Vec<Self>) -> Option<Self> {
        let mut errors = errors.into_iter();
        let first = errors.next()?;
        let rest: Vec<String> = errors.map(|e| e.to_string()).collect();
        if rest.is_empty() {
            return Some(first);
        }
        let text = format!("{} problems: {first}; {}", rest.len() + 1, rest.join("; "));
        let mut all = Self::new(first.kind(), text);
        all.0.field = first.0.field;
        Some(all)
    }

    /// What kind of failure it was.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Could the vendor have accepted the message?
    pub fn certainty(&self) -> Certainty {
        self.0.certainty
    }

    /// May the same call be made again?
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        self.0.kind.fault()
    }

    /// The provider instance that failed, where one was asked.
    pub fn provider(&self) -> Option<&str> {
        self.0.provider.as_deref()
    }

    /// The message that failed, if it got as far as to have a record.
    pub fn message_id(&self) -> Option<MessageId> {
        self.0.message_id
    }

    /// The vendor's own code.
    pub fn code(&self) -> Option<&str> {
        self.0.code.as_deref()
    }

    /// The field at fault, such as `to[0]` or `headers["X-Tag"]`.
    pub fn field(&self) -> Option<&str> {
        self.0.field.as_deref()
    }

    /// The text for logs, without provider, kind and field.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What may be shown to people outside.
    pub fn public(&self) -> &str {
        self.0.public.as_deref().unwrap_or(self.0.kind.as_str())
    }

    /// Further facts, in the order they were added.
    pub fn context(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.0.context.iter().map(|(name, value)| (*name, value.as_str()))
    }

    /// True if nothing was sent and another provider might do better.
    pub fn may_fail_over(&self) -> bool {
        self.certainty() == Certainty::NotSent
            && (matches!(self.fault(), Fault::Provider | Fault::Configuration)
                || self.kind() == ErrorKind::Unsupported)
    }

    /// True if the reason will pass and nothing was sent.
    pub fn is_passing(&self) -> bool {
        self.certainty() == Certainty::NotSent && self.retry() != Retry::Never
    }

    /// Says whether the vendor could have accepted the message.
    #[must_use]
    pub fn with_certainty(mut self, certainty: Certainty) -> Self {
        self.0.certainty = certainty;
        self
    }

    /// Says whether the call may be made again.
    #[must_use]
    pub fn with_retry(mut self, retry: Retry) -> Self {
        self.0.retry = retry;
        self
    }

    /// Names the provider instance.
    #[must_use]
    pub fn with_provider(mut self, provider: impl Into<Arc<str>>) -> Self {
        self.0.provider = Some(provider.into());
        self
    }

    /// Names the message.
    #[must_use]
    pub fn with_message_id(mut self, id: MessageId) -> Self {
        self.0.message_id = Some(id);
        self
    }

    /// Keeps the vendor's own code.
    #[must_use]
    pub fn with_code(mut self, code: impl Into<Box<str>>) -> Self {
        self.0.code = Some(code.into());
        self
    }

    /// Names the field at fault.
    #[must_use]
    pub fn with_field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.0.field = Some(field.into());
        self
    }

    /// Sets what may be shown to people outside.
    #[must_use]
    pub fn with_public(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.0.public = Some(text.into());
        self
    }

    /// Adds a fact.
    #[must_use]
    pub fn with_context(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.0.context.push((name, value.into()));
        self
    }

    /// Keeps what caused it. The source must not hold secrets.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Source>) -> Self {
        self.0.source = Some(Arc::from(source.into()));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        if let Some(provider) = &inner.provider {
            write!(f, "{provider}: ")?;
        }
        write!(f, "{}", inner.kind)?;
        if let Some(code) = &inner.code {
            write!(f, " ({code})")?;
        }
        if let Some(field) = &inner.field {
            write!(f, " in {field}")?;
        }
        write!(f, ": {}", inner.message)?;
        for (name, value) in &inner.context {
            write!(f, "; {name}: {value}")?;
        }
        match inner.message_id {
            Some(id) => write!(f, "; message: {id}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        let mut out = f.debug_struct("Error");
        out.field("kind", &inner.kind).field("certainty", &inner.certainty).field("retry", &inner.retry);
        for (name, value) in [
            ("provider", inner.provider.as_deref()),
            ("code", inner.code.as_deref()),
            ("field", inner.field.as_deref()),
        ] {
            if let Some(value) = value {
                out.field(name, &value);
            }
        }
        if let Some(id) = &inner.message_id {
            out.field("message_id", id);
        }
        out.field("message", &inner.message);
        if !inner.context.is_empty() {
            out.field("context", &inner.context);
        }
        if let Some(source) = &inner.source {
            out.field("source", source);
        }
        out.finish()
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.as_ref().map(|s| &**s as &(dyn StdError + 'static))
    }
}

impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_have_distinct_words() {
        let mut words: Vec<_> = ErrorKind::ALL.iter().map(|k| k.as_str()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), ErrorKind::ALL.len());
    }

    #[test]
    fn an_unknown_outcome_never_fails_over() {
        for kind in ErrorKind::ALL {
            let error = Error::new(*kind, "x").with_certainty(Certainty::Unknown);
            assert!(!error.may_fail_over(), "{kind}");
            assert!(!error.is_passing(), "{kind}");
        }
    }

    #[test]
    fn several_errors_become_one_list() {
        let all = Error::all(vec![Error::invalid("to[0]", "no @"), Error::invalid("subject", "line break")]);
        let text = all.expect("two errors").to_string();
        assert!(text.contains("2 problems") && text.contains("to[0]") && text.contains("subject"), "{text}");
    }
}
