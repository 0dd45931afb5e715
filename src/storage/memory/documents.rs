//! Small documents.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use bytes::Bytes;

use super::MemoryStore;
use crate::{
    error::Result,
    id::TenantId,
    storage::documents::{Document, Documents, Expected, checked},
};

#[derive(Debug, Default)]
pub(super) struct Shelves(Mutex<HashMap<(TenantId, String), Shelf>>);

#[derive(Debug, Default)]
struct Shelf {
    version: u64,
    documents: BTreeMap<String, Document>,
}

impl Shelf {
    fn version_of(&self, key: &str) -> Option<u64> {
        self.documents.get(key).map(|document| document.version)
    }
}

impl Shelves {
    fn all(&self) -> MutexGuard<'_, HashMap<(TenantId, String), Shelf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, tenant: &TenantId, shelf: &str, work: impl FnOnce(&mut Shelf) -> T) -> T {
        work(self.all().entry((tenant.clone(), shelf.to_owned())).or_default())
    }
}

#[async_trait]
impl Documents for MemoryStore {
    async fn put_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        expected: Expected,
    ) -> Result<u64> {
        checked(shelf, key)?;
        let at = self.clock.now();
        self.shelves.with(tenant, shelf, |shelf| {
            expected.compare(key, shelf.version_of(key))?;
            shelf.version += 1;
            shelf.documents.insert(key.to_owned(), Document::new(key, shelf.version, at, body));
            Ok(shelf.version)
        })
    }

    async fn document(&self, tenant: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>> {
        Ok(self.shelves.with(tenant, shelf, |shelf| shelf.documents.get(key).cloned()))
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>> {
        let behind = after.map_or(Bound::Unbounded, Bound::Excluded);
        Ok(self.shelves.with(tenant, shelf, |shelf| {
            let found = shelf.documents.range::<str, _>((behind, Bound::Unbounded));
            found.take(most).map(|(_, document)| document.clone()).collect()
        }))
    }

    async fn remove_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        expected: Expected,
    ) -> Result<bool> {
        checked(shelf, key)?;
        self.shelves.with(tenant, shelf, |shelf| {
            expected.compare(key, shelf.version_of(key))?;
            let removed = shelf.documents.remove(key).is_some();
            shelf.version += u64::from(removed);
            Ok(removed)
        })
    }

    async fn shelf_version(&self, tenant: &TenantId, shelf: &str) -> Result<u64> {
        Ok(self.shelves.with(tenant, shelf, |shelf| shelf.version))
    }
}
