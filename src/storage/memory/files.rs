//! Attachments, once for equal content.

use std::{
    collections::{HashMap, HashSet},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use crate::{
    error::{Error, ErrorKind, Result},
    id::Fingerprint,
    storage::BlobStore,
    time::Timestamp,
};

/// How long a file stays that no message in the queue needs: its message may be on its way.
const ALONE: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug)]
pub(super) struct Files {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    files: HashMap<Fingerprint, (Bytes, Timestamp)>,
    octets: usize,
}

impl Default for Files {
    fn default() -> Self {
        Self { most: 256 << 20, kept: Mutex::default() }
    }
}

impl Files {
    pub(super) fn limit_to(&mut self, octets: usize) {
        self.most = octets;
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn put(&self, hash: Fingerprint, bytes: Bytes, now: Timestamp) -> Result<()> {
        let mut kept = self.kept();
        if let Some((_, at)) = kept.files.get_mut(&hash) {
            *at = now;
            return Ok(());
        }
        if kept.octets.saturating_add(bytes.len()) > self.most {
            let why = format!(
                "the attachments in memory take more than {} octets; let workers empty the queue and prune, \
                 allow more by MemoryStore::with_queue_limits, or use a store on disk",
                self.most
            );
            return Err(Error::new(ErrorKind::Storage, why));
        }
        kept.octets += bytes.len();
        kept.files.insert(hash, (bytes, now));
        Ok(())
    }

    fn prune(&self, needed: &HashSet<Fingerprint>, now: Timestamp) {
        let mut kept = self.kept();
        kept.files.retain(|hash, (_, at)| needed.contains(hash) || now.since(*at) < ALONE);
        kept.octets = kept.files.values().map(|(bytes, _)| bytes.len()).sum();
    }
}

impl MemoryStore {
    /// Drops the files that no message in the queue needs any more.
    pub(super) fn prune_files(&self) {
        let needed = self.state().queue.iter().flat_map(|job| job.payload.blobs.iter().copied()).collect();
        self.files.prune(&needed, self.clock.now());
    }
}

#[async_trait]
impl BlobStore for MemoryStore {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        self.files.put(hash, bytes, self.clock.now())
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        Ok(self.files.kept().files.get(&hash).map(|(bytes, _)| bytes.clone()))
    }
}
