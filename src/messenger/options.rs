//! What a caller may say about a send, the same for every channel.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    error::{Error, ErrorKind, Result},
    message::Priority,
    provider::OnUnknown,
    time::Timestamp,
};

/// The options of a send.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Options {
    pub(super) key: Option<Arc<str>>,
    pub(super) at: Option<Timestamp>,
    pub(super) priority: Priority,
    pub(super) category: Option<Arc<str>>,
    pub(super) tags: Vec<Arc<str>>,
    pub(super) metadata: BTreeMap<Arc<str>, Arc<str>>,
    pub(super) expires: Option<Timestamp>,
    pub(super) external_ref: Option<Arc<str>>,
    pub(super) on_unknown: OnUnknown,
}

impl Options {
    /// Checks what can be checked at `now`, before anything else happens.
    pub(super) fn admit(&self, now: Timestamp) -> Result<()> {
        if let Some(expires) = self.expires.filter(|expires| *expires <= now) {
            return Err(Error::new(ErrorKind::Expired, format!("the message expired at {expires}"))
                .with_field("expires"));
        }
        if let Some(at) = self.at.filter(|at| *at > now) {
            let why = "`send` sends now; a later time needs the outbox";
            return Err(Error::invalid("at", why).with_context("at", at.to_string()));
        }
        let key_fits =
            |key: &Arc<str>| (1..=255).contains(&key.len()) && key.bytes().all(|b| (0x20..0x7f).contains(&b));
        if self.key.as_ref().is_some_and(|key| !key_fits(key)) {
            // It becomes an HTTP header at some vendors.
            return Err(Error::invalid("key", "an idempotency key has 1 to 255 printable ASCII characters"));
        }
        Ok(())
    }
}

/// The methods by which a request's options are set.
macro_rules! option_methods {
    () => {
        /// Not before this moment. `send` refuses a moment in the future.
        pub fn at(mut self, at: Timestamp) -> Self {
            self.options.at = Some(at);
            self
        }

        /// Before or after others that wait. What is sent at once does not wait.
        pub fn priority(mut self, priority: Priority) -> Self {
            self.options.priority = priority;
            self
        }

        /// What kind of message it is, in your words, such as `receipt`.
        pub fn category(mut self, category: impl Into<Arc<str>>) -> Self {
            self.options.category = Some(category.into());
            self
        }

        /// Adds a word to find it by. It stays with us; vendors do not see it.
        pub fn tag(mut self, tag: impl Into<Arc<str>>) -> Self {
            self.options.tags.push(tag.into());
            self
        }

        /// Adds data to its record. It stays with us; vendors do not see it.
        pub fn metadata(mut self, name: impl Into<Arc<str>>, value: impl Into<Arc<str>>) -> Self {
            self.options.metadata.insert(name.into(), value.into());
            self
        }

        /// Not sent after this moment.
        pub fn expires(mut self, at: Timestamp) -> Self {
            self.options.expires = Some(at);
            self
        }

        /// Your own name of what it is about, such as an order's number.
        pub fn external_ref(mut self, name: impl Into<Arc<str>>) -> Self {
            self.options.external_ref = Some(name.into());
            self
        }

        /// What to do if we cannot know whether the vendor took it.
        pub fn on_unknown(mut self, policy: OnUnknown) -> Self {
            self.options.on_unknown = policy;
            self
        }
    };
}

pub(super) use option_methods;
