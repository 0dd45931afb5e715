//! A shared store is a store: `Arc<dyn Store>` may stand wherever one is asked for.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    BlobStore, Document, Documents, Expected, Messages, RateAsk, SharedLimits, Suppression, SuppressionStore,
};
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

#[async_trait]
impl<S: Documents + ?Sized> Documents for Arc<S> {
    async fn put_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        expected: Expected,
    ) -> Result<u64> {
        (**self).put_document(tenant, shelf, key, body, expected).await
    }

    async fn document(&self, tenant: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>> {
        (**self).document(tenant, shelf, key).await
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>> {
        (**self).documents(tenant, shelf, after, most).await
    }

    async fn remove_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        expected: Expected,
    ) -> Result<bool> {
        (**self).remove_document(tenant, shelf, key, expected).await
    }

    async fn shelf_version(&self, tenant: &TenantId, shelf: &str) -> Result<u64> {
        (**self).shelf_version(tenant, shelf).await
    }
}
