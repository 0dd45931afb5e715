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
    storage::{Suppression, SuppressionStore},
};

type Key = (TenantId, Option<Channel>, String);

#[derive(Debug, Default)]
pub(super) struct Suppressions(Mutex<HashMap<Key, Suppression>>);

impl Suppressions {
    fn all(&self) -> MutexGuard<'_, HashMap<Key, Suppression>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(tenant: &TenantId, channel: Option<Channel>, address: &str) -> Key {
    (tenant.clone(), channel, address.to_ascii_lowercase())
}

#[async_trait]
impl SuppressionStore for MemoryStore {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        let key = key(tenant, suppression.channel, &suppression.address.0);
        self.suppressions.all().insert(key, suppression);
        Ok(())
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        Ok(self.suppressions.all().remove(&key(tenant, channel, address)).is_some())
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        let all = self.suppressions.all();
        if all.is_empty() {
            // Each send asks, and most applications keep nobody here.
            return Ok(vec![None; addresses.len()]);
        }
        let find = |address: &&str| {
            let on = |channel| all.get(&key(tenant, channel, address));
            on(Some(channel)).or_else(|| on(None)).cloned()
        };
        Ok(addresses.iter().map(find).collect())
    }
}
