//! Attachments, suppressions, and limits that workers share.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use tidings::{
    Channel, Fingerprint, Result, TenantId,
    storage::{BlobStore, RateAsk, SharedLimits, Suppression, SuppressionStore},
};

use crate::{Notebook, book::Book};

#[async_trait]
impl BlobStore for Notebook {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        self.book().files.insert(hash, (bytes, self.clock.now()));
        Ok(())
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        Ok(self.book().files.get(&hash).map(|(bytes, _)| bytes.clone()))
    }
}

#[async_trait]
impl SuppressionStore for Notebook {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        let address = suppression.address.0.to_ascii_lowercase();
        self.book().suppressions.insert((tenant.clone(), suppression.channel, address), suppression);
        Ok(())
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        let key = (tenant.clone(), channel, address.to_ascii_lowercase());
        Ok(self.book().suppressions.remove(&key).is_some())
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        let book = self.book();
        Ok(addresses.iter().map(|address| book.suppressed(tenant, channel, address)).collect())
    }
}

impl Book {
    /// The suppression on the channel, before one on all of them.
    pub(crate) fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        address: &str,
    ) -> Option<Suppression> {
        let on = |channel| self.suppressions.get(&(tenant.clone(), channel, address.to_ascii_lowercase()));
        on(Some(channel)).or_else(|| on(None)).cloned()
    }
}

#[async_trait]
impl SharedLimits for Notebook {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        self.book().take(asks, self.clock.now())
    }
}
