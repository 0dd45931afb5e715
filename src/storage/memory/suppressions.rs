//! Who must not be written to.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::MemoryStore;
use crate::{
    error::Result,
    id::TenantId,
    message::Channel,
    storage::{RecipientText, Record, Suppression, SuppressionStore},
};

type Key = (TenantId, Option<Channel>, String);

#[derive(Debug, Default)]
pub(super) struct Suppressions(Mutex<List>);

#[derive(Debug, Default)]
pub(super) struct List {
    all: HashMap<Key, Suppression>,
    /// Counts additions.
    pub(super) version: u64,
}

impl Suppressions {
    pub(super) fn list(&self) -> MutexGuard<'_, List> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// The suppression on the channel, before one on all of them.
    fn of(&self, tenant: &TenantId, channel: Channel, address: &str) -> Option<Suppression> {
        if self.all.is_empty() {
            // Each send asks, and most applications keep nobody here.
            return None;
        }
        let on = |channel| self.all.get(&key(tenant, channel, address));
        on(Some(channel)).or_else(|| on(None)).cloned()
    }

    /// Those of a message's recipients.
    pub(super) fn of_all(&self, record: &Record) -> Vec<Option<Suppression>> {
        let of = |to: &RecipientText| self.of(&record.tenant, record.channel, &to.0);
        record.recipients.iter().map(of).collect()
    }
}

fn key(tenant: &TenantId, channel: Option<Channel>, address: &str) -> Key {
    (tenant.clone(), channel, address.to_ascii_lowercase())
}

#[async_trait]
impl SuppressionStore for MemoryStore {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        let key = key(tenant, suppression.channel, &suppression.address.0);
        let mut list = self.suppressions.list();
        list.version += 1;
        list.all.insert(key, suppression);
        Ok(())
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        Ok(self.suppressions.list().all.remove(&key(tenant, channel, address)).is_some())
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        let list = self.suppressions.list();
        Ok(addresses.iter().map(|address| list.of(tenant, channel, address)).collect())
    }
}
