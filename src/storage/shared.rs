//! A shared store is a store: `Arc<dyn Store>` may stand wherever one is asked for.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{BlobStore, Messages, RateAsk, SharedLimits, Suppression, SuppressionStore};
use crate::{
    error::Result,
    id::{Fingerprint, TenantId},
    message::Channel,
};

impl<S: Messages + ?Sized> Messages for Arc<S> {
    crate::forward_messages! { [self.as_ref()]
        record enqueue claim start begin renew settle cancel append_events act pause resume prune
        tracked timeline list stats acts pauses by_vendor_id tenant_of dialect wake woken
    }
}

#[async_trait]
impl<S: BlobStore + ?Sized> BlobStore for Arc<S> {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        (**self).put_blob(hash, bytes).await
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        (**self).blob(hash).await
    }
}

#[async_trait]
impl<S: SuppressionStore + ?Sized> SuppressionStore for Arc<S> {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        (**self).suppress(tenant, suppression).await
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        (**self).unsuppress(tenant, channel, address).await
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        (**self).suppressed(tenant, channel, addresses).await
    }
}

#[async_trait]
impl<S: SharedLimits + ?Sized> SharedLimits for Arc<S> {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        (**self).take(asks).await
    }
}
