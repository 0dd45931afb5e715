//! Attachments, once for equal content: in the database, or as files in a folder.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use super::{
    SqliteStore,
    group::Work,
    tx::{Tx, column, internal},
};
use crate::{error::Result, id::Fingerprint, storage::BlobStore};

/// Keeps the bytes; if they are in a file, notes since when.
struct Put {
    hash: Fingerprint,
    bytes: Bytes,
}

const PUT: &str = "\
INSERT INTO {blobs} (hash, at, bytes) VALUES (?1, ?2, ?3)
ON CONFLICT (hash) DO UPDATE SET at = max(at, excluded.at)";

#[async_trait]
impl Work for Put {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let asked = tx.statement(PUT).bind(self.hash.0.to_vec()).bind(tx.now.as_micros());
        tx.run(asked.bind(self.bytes.to_vec())).await?;
        Ok(())
    }

    fn weight(&self) -> usize {
        1 + self.bytes.len() / 4_096
    }
}

const GET: &str = "SELECT bytes FROM {blobs} WHERE hash = ?1";

#[async_trait]
impl BlobStore for SqliteStore {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        if self.core.folder.is_none() {
            return self.writer.run(Put { hash, bytes }).await;
        }
        // First the row, which keeps the file from being pruned; its bytes stand in the file.
        self.writer.run(Put { hash, bytes: Bytes::new() }).await?;
        let core = Arc::clone(&self.core);
        blocking(move || core.folder.as_ref().map_or(Ok(()), |folder| folder.put(hash, &bytes))).await
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        if self.core.folder.is_some() {
            let core = Arc::clone(&self.core);
            return blocking(move || core.folder.as_ref().map_or(Ok(None), |folder| folder.get(hash))).await;
        }
        let row = self.readers.row(self.core.statement(GET).bind(hash.0.to_vec())).await?;
        row.map(|row| Ok(column::<Vec<u8>>(&row, 0)?.into())).transpose()
    }
}

/// Files are read and written where it holds nobody up.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|_| Err(internal("the thread that works on files was lost")))
}
