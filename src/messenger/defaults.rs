//! Who writes, where a message does not say.

use std::collections::HashMap;

use crate::{
    address::{Mailbox, PhoneNumber, SmsSender},
    error::{Error, Result},
    id::TenantId,
};

/// The senders of messages that name none, for each channel.
///
/// ```
/// use tidings::Defaults;
///
/// let defaults = Defaults::new().email("Shop <shop@example.org>").sms("+15005550006");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Defaults {
    pub(super) email: Option<Mailbox>,
    pub(super) sms: Option<SmsSender>,
    pub(super) whatsapp: Option<PhoneNumber>,
    faults: Vec<Error>,
}

impl Defaults {
    /// No senders.
    pub fn new() -> Self {
        Self::default()
    }

    /// Who writes emails. What cannot be parsed is reported by the messenger's `build`.
    #[must_use]
    pub fn email<V: TryInto<Mailbox, Error: Into<Error>>>(mut self, from: V) -> Self {
        self.email = self.parsed("defaults.email", from.try_into());
        self
    }

    /// Who writes text messages.
    #[must_use]
    pub fn sms<V: TryInto<SmsSender, Error: Into<Error>>>(mut self, from: V) -> Self {
        self.sms = self.parsed("defaults.sms", from.try_into());
        self
    }

    /// The business number that writes WhatsApp messages.
    #[must_use]
    pub fn whatsapp<V: TryInto<PhoneNumber, Error: Into<Error>>>(mut self, from: V) -> Self {
        self.whatsapp = self.parsed("defaults.whatsapp", from.try_into());
        self
    }

    pub(super) fn take_faults(&mut self) -> Vec<Error> {
        std::mem::take(&mut self.faults)
    }

    fn parsed<T, E: Into<Error>>(&mut self, field: &'static str, parsed: Result<T, E>) -> Option<T> {
        parsed.map_err(|error| self.faults.push(error.into().with_field(field))).ok()
    }
}

/// The defaults of all tenants, each falling back on those for everybody.
#[derive(Debug, Default)]
pub(super) struct DefaultsTable {
    pub(super) common: Defaults,
    pub(super) tenants: HashMap<TenantId, Defaults>,
}

impl DefaultsTable {
    /// What `field` says for this tenant.
    pub(super) fn of<T: Clone>(
        &self,
        tenant: &TenantId,
        field: impl Fn(&Defaults) -> &Option<T>,
    ) -> Option<T> {
        let own = self.tenants.get(tenant).and_then(|defaults| field(defaults).clone());
        own.or_else(|| field(&self.common).clone())
    }
}
