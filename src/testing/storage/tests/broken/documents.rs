//! What may be wrong with small documents.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Broken, Flaw};
use crate::{
    error::Result,
    id::TenantId,
    storage::{Document, Documents, Expected},
};

impl Broken {
    fn expected(&self, expected: Expected) -> Expected {
        if self.is(Flaw::ConflictsAreForgiven) { Expected::Anything } else { expected }
    }

    fn whose(&self, tenant: &TenantId) -> TenantId {
        if self.is(Flaw::ShelvesAreOne) { TenantId::DEFAULT } else { tenant.clone() }
    }

    fn shelf<'a>(&self, shelf: &'a str) -> &'a str {
        if self.is(Flaw::ShelvesAreOne) { "all" } else { shelf }
    }
}

#[async_trait]
impl Documents for Broken {
    async fn put_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        expected: Expected,
    ) -> Result<u64> {
        let fits = !key.is_empty() && key.len() <= 200 && !key.chars().any(char::is_control);
        let key = if self.is(Flaw::AnyNameIsTaken) && !fits { "any" } else { key };
        let body = if self.is(Flaw::DocumentsAreTexts) {
            Bytes::from(String::from_utf8_lossy(&body).into_owned())
        } else {
            body
        };
        let (tenant, shelf) = (self.whose(tenant), self.shelf(shelf));
        self.memory.put_document(&tenant, shelf, key, body, self.expected(expected)).await
    }

    async fn document(&self, tenant: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>> {
        self.memory.document(&self.whose(tenant), self.shelf(shelf), key).await
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>> {
        let after = after.filter(|_| !self.is(Flaw::PagesBeginAnew));
        self.memory.documents(&self.whose(tenant), self.shelf(shelf), after, most).await
    }

    async fn remove_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        expected: Expected,
    ) -> Result<bool> {
        let (tenant, shelf) = (self.whose(tenant), self.shelf(shelf));
        self.memory.remove_document(&tenant, shelf, key, self.expected(expected)).await
    }

    async fn shelf_version(&self, tenant: &TenantId, shelf: &str) -> Result<u64> {
        match self.flaw {
            Flaw::ShelvesCountDocuments => {
                Ok(self.memory.documents(tenant, shelf, None, usize::MAX).await?.len() as u64)
            }
            _ => self.memory.shelf_version(&self.whose(tenant), self.shelf(shelf)).await,
        }
    }
}
