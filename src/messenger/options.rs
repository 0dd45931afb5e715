//! What a caller may say about a send, the same for every channel.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    message::Priority,
    provider::OnUnknown,
    storage::Terms,
    time::Timestamp,
};

/// The options of a send.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Options {
    pub(crate) key: Option<Arc<str>>,
    pub(crate) at: Option<Timestamp>,
    pub(crate) priority: Priority,
    pub(crate) category: Option<Arc<str>>,
    pub(crate) tags: Vec<Arc<str>>,
    pub(crate) metadata: BTreeMap<Arc<str>, Arc<str>>,
    pub(crate) expires: Option<Timestamp>,
    pub(crate) external_ref: Option<Arc<str>>,
    /// `None` is the default of the verb.
    pub(crate) on_unknown: Option<OnUnknown>,
    pub(crate) ordering_key: Option<Arc<str>>,
}

impl Options {
    /// Checks what can be checked at `now`, before anything else happens.
    pub(crate) fn admit(&self, now: Timestamp) -> Result<()> {
        if let Some(expires) = self.expires.filter(|expires| *expires <= now) {
            return Err(Error::new(ErrorKind::Expired, format!("the message expired at {expires}"))
                .with_field("expires"));
        }
        if let (Some(at), Some(expires)) = (self.at, self.expires)
            && expires <= at
        {
            let why = format!("it would expire at {expires}, before it is due");
            return Err(Error::invalid("at", why).with_context("at", at.to_string()));
        }
        fits("key", self.key.as_deref())?;
        fits("ordering_key", self.ordering_key.as_deref())
    }

    /// Checks what only a send that happens at once may not have.
    pub(crate) fn admit_now(&self, now: Timestamp) -> Result<()> {
        let later = self.at.filter(|at| *at > now);
        later.map_or(Ok(()), |at| {
            let why = "`send` sends now; to send later, `enqueue` the message";
            Err(Error::invalid("at", why).with_context("at", at.to_string()))
        })
    }

    /// How a queue is to treat the message.
    pub(crate) fn terms(&self) -> Terms {
        let mut terms = Terms::default();
        (terms.due, terms.expires, terms.priority) = (self.at, self.expires, self.priority);
        terms.on_unknown = self.on_unknown.unwrap_or(terms.on_unknown);
        terms.ordering_key.clone_from(&self.ordering_key);
        terms
    }
}

/// Keys become HTTP headers at some vendors.
fn fits(field: &'static str, key: Option<&str>) -> Result<()> {
    let fits = |key: &str| (1..=255).contains(&key.len()) && key.bytes().all(|b| (0x20..0x7f).contains(&b));
    match key {
        Some(key) if !fits(key) => {
            Err(Error::invalid(field, "a key has 1 to 255 printable ASCII characters"))
        }
        _ => Ok(()),
    }
}

/// The methods by which a request's options are set.
macro_rules! option_methods {
    ($($path:ident).+) => {
        /// Not before this moment. `send` refuses a moment in the future; `enqueue` keeps the message until then.
        pub fn at(mut self, at: Timestamp) -> Self {
            self.$($path).+.at = Some(at);
            self
        }

        /// Before or after others that wait. What is sent at once does not wait.
        pub fn priority(mut self, priority: Priority) -> Self {
            self.$($path).+.priority = priority;
            self
        }

        /// What kind of message it is, in your words, such as `receipt`.
        pub fn category(mut self, category: impl Into<Arc<str>>) -> Self {
            self.$($path).+.category = Some(category.into());
            self
        }

        /// Adds a word to find it by. It stays with us; vendors do not see it.
        pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
            self.$($path).+.tags.push(tag.into());
            self
        }

        /// Adds data to its record. It stays with us; vendors do not see it.
        pub fn metadata(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
            self.$($path).+.metadata.insert(name.into(), value.into());
            self
        }

        /// Not sent after this moment.
        pub fn expires(mut self, at: Timestamp) -> Self {
            self.$($path).+.expires = Some(at);
            self
        }

        /// Your own name of what it is about, such as an order's number.
        pub fn external_ref(mut self, name: impl Into<Arc<str>>) -> Self {
            self.$($path).+.external_ref = Some(name.into());
            self
        }

        /// What to do if we cannot know whether the vendor took it.
        pub fn on_unknown(mut self, policy: OnUnknown) -> Self {
            self.$($path).+.on_unknown = Some(policy);
            self
        }
    };
}

/// The methods by which options of the queue are set.
macro_rules! queue_option_methods {
    ($($path:ident).+) => {
        /// The idempotency key: for one tenant and channel, the same key with the same content
        /// is the same message, and with other content an error. Kept for at least 24 hours.
        /// Every attempt carries it to vendors that know such keys.
        pub fn key(mut self, key: impl Into<Arc<str>>) -> Self {
            self.$($path).+.key = Some(key.into());
            self
        }

        /// Messages of one tenant and ordering key are sent one at a time, in the order of their ids: the
        /// next when the one before is in a final state.
        pub fn ordering_key(mut self, key: impl Into<Arc<str>>) -> Self {
            self.$($path).+.ordering_key = Some(key.into());
            self
        }
    };
}

pub(crate) use {option_methods, queue_option_methods};
