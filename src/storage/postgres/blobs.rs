//! Attachments.

use async_trait::async_trait;
use bytes::Bytes;

use super::{PostgresStore, columns::column};
use crate::{error::Result, id::Fingerprint, storage::BlobStore};

/// Put again it is young again, so that it stays for the message that is about to be enqueued.
const PUT: &str = "INSERT INTO {blobs} (hash, at, bytes) SELECT $2, {now_1}($1), $3 \
    ON CONFLICT (hash) DO UPDATE SET at = excluded.at";

#[async_trait]
impl BlobStore for PostgresStore {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        let link = &self.inner.link;
        let put = || link.statement(PUT).bind(link.clock()).bind(&hash.0[..]).bind(&bytes[..]);
        link.rows(put).await.map(drop)
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        let link = &self.inner.link;
        let find = || link.statement("SELECT bytes FROM {blobs} WHERE hash = $1").bind(&hash.0[..]);
        let rows = link.rows(find).await?;
        let bytes = rows.first().map(|row| column::<Vec<u8>>(row, "bytes")).transpose()?;
        Ok(bytes.map(Bytes::from))
    }
}
