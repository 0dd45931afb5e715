//! Small documents.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::SqliteRow;

use super::{
    SqliteStore,
    group::Work,
    tx::{Tx, column},
};
use crate::{
    error::Result,
    id::TenantId,
    storage::documents::{Document, Documents, Expected, checked},
    time::Timestamp,
};

/// Where a document stands.
struct Spot {
    tenant: String,
    shelf: String,
    key: String,
}

impl Spot {
    fn new(tenant: &TenantId, shelf: &str, key: &str) -> Result<Self> {
        checked(shelf, key)?;
        Ok(Self { tenant: tenant.as_str().into(), shelf: shelf.into(), key: key.into() })
    }

    /// The version of what stands there, if it is as expected.
    async fn compared(&self, tx: &mut Tx<'_>, expected: Expected) -> Result<Option<u64>> {
        let asked = tx.statement(VERSION).bind(self.tenant.clone()).bind(self.shelf.clone());
        let row = tx.row(asked.bind(self.key.clone())).await?;
        let found = row.map(|row| version(&row, 0)).transpose()?;
        expected.compare(&self.key, found).map(|()| found)
    }

    /// Counts a change of the shelf.
    async fn counted(&self, tx: &mut Tx<'_>) -> Result<i64> {
        let asked = tx.statement(COUNT).bind(self.tenant.clone()).bind(self.shelf.clone());
        let row = tx.row(asked).await?;
        row.map_or(Ok(0), |row| column(&row, 0))
    }
}

const VERSION: &str = "SELECT version FROM {documents} WHERE tenant = ?1 AND shelf = ?2 AND key = ?3";
const COUNT: &str = "\
INSERT INTO {shelves} (tenant, shelf, version) VALUES (?1, ?2, 1)
ON CONFLICT (tenant, shelf) DO UPDATE SET version = version + 1 RETURNING version";
const PUT: &str = "\
INSERT INTO {documents} (tenant, shelf, key, version, at, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, shelf, key) DO UPDATE SET version = excluded.version, at = excluded.at, body = excluded.body";
const REMOVE: &str = "DELETE FROM {documents} WHERE tenant = ?1 AND shelf = ?2 AND key = ?3";
const ONE: &str =
    "SELECT key, version, at, body FROM {documents} WHERE tenant = ?1 AND shelf = ?2 AND key = ?3";
const PAGE: &str = "\
SELECT key, version, at, body FROM {documents}
WHERE tenant = ?1 AND shelf = ?2 AND key > ?3 ORDER BY key LIMIT ?4";
const SHELF: &str = "SELECT version FROM {shelves} WHERE tenant = ?1 AND shelf = ?2";

struct Put {
    spot: Spot,
    body: Bytes,
    expected: Expected,
}

#[async_trait]
impl Work for Put {
    type Answer = u64;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<u64> {
        let Self { spot, body, expected } = self;
        spot.compared(tx, *expected).await?;
        let version = spot.counted(tx).await?;
        let put = tx.statement(PUT).bind(spot.tenant.clone()).bind(spot.shelf.clone()).bind(spot.key.clone());
        tx.run(put.bind(version).bind(tx.now.as_micros()).bind(body.to_vec())).await?;
        Ok(version.unsigned_abs())
    }
}

struct Remove {
    spot: Spot,
    expected: Expected,
}

#[async_trait]
impl Work for Remove {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let Self { spot, expected } = self;
        if spot.compared(tx, *expected).await?.is_none() {
            return Ok(false);
        }
        spot.counted(tx).await?;
        let remove = tx.statement(REMOVE).bind(spot.tenant.clone()).bind(spot.shelf.clone());
        Ok(tx.run(remove.bind(spot.key.clone())).await? > 0)
    }
}

#[async_trait]
impl Documents for SqliteStore {
    async fn put_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        expected: Expected,
    ) -> Result<u64> {
        self.writer.run(Put { spot: Spot::new(tenant, shelf, key)?, body, expected }).await
    }

    async fn document(&self, tenant: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>> {
        let asked = self.core.statement(ONE).bind(tenant.as_str().to_owned()).bind(shelf.to_owned());
        let row = self.readers.row(asked.bind(key.to_owned())).await?;
        row.map(|row| read(&row)).transpose()
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>> {
        let asked = self.core.statement(PAGE).bind(tenant.as_str().to_owned()).bind(shelf.to_owned());
        // No key is empty, so that all are behind the empty one.
        let asked = asked.bind(after.unwrap_or_default().to_owned());
        let rows = self.readers.rows(asked.bind(i64::try_from(most).unwrap_or(i64::MAX))).await?;
        rows.iter().map(read).collect()
    }

    async fn remove_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        expected: Expected,
    ) -> Result<bool> {
        self.writer.run(Remove { spot: Spot::new(tenant, shelf, key)?, expected }).await
    }

    async fn shelf_version(&self, tenant: &TenantId, shelf: &str) -> Result<u64> {
        let asked = self.core.statement(SHELF).bind(tenant.as_str().to_owned()).bind(shelf.to_owned());
        let row = self.readers.row(asked).await?;
        row.map_or(Ok(0), |row| version(&row, 0))
    }
}

fn version(row: &SqliteRow, index: usize) -> Result<u64> {
    column::<i64>(row, index).map(i64::unsigned_abs)
}

fn read(row: &SqliteRow) -> Result<Document> {
    let at = Timestamp::from_micros(column(row, 2)?);
    let body = Bytes::from(column::<Vec<u8>>(row, 3)?);
    Ok(Document::new(Arc::<str>::from(column::<&str>(row, 0)?), version(row, 1)?, at, body))
}
