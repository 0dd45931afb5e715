//! Small documents.

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::postgres::PgRow;

use super::{
    PostgresStore,
    call::{Link, Transaction},
    columns::{column, limit},
    fault::failed,
};
use crate::{
    error::Result,
    id::TenantId,
    storage::documents::{Document, Documents, Expected, checked},
    time::Timestamp,
};

/// The row of the shelf is locked first, so that changes of one shelf go one by one.
const COUNT: &str = "INSERT INTO {shelves} AS s (tenant, shelf, version) VALUES ($1, $2, 1) \
    ON CONFLICT (tenant, shelf) DO UPDATE SET version = s.version + 1 RETURNING version";
const VERSION: &str = "SELECT version FROM {documents} WHERE tenant = $1 AND shelf = $2 AND key = $3";
const PUT: &str = "INSERT INTO {documents} (tenant, shelf, key, version, at, body) VALUES ($1, $2, $3, $4, \
    coalesce($5, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint), $6) \
    ON CONFLICT (tenant, shelf, key) DO UPDATE SET version = excluded.version, at = excluded.at, body = excluded.body";
const REMOVE: &str = "DELETE FROM {documents} WHERE tenant = $1 AND shelf = $2 AND key = $3";
const ONE: &str =
    "SELECT key, version, at, body FROM {documents} WHERE tenant = $1 AND shelf = $2 AND key = $3";
/// In the order of octets, whatever the database's own is: the column has that collation.
const PAGE: &str = "SELECT key, version, at, body FROM {documents} \
    WHERE tenant = $1 AND shelf = $2 AND key > $3 ORDER BY key LIMIT $4";
const SHELF: &str = "SELECT version FROM {shelves} WHERE tenant = $1 AND shelf = $2";

/// Where a document stands.
#[derive(Clone, Copy)]
struct Spot<'a> {
    tenant: &'a TenantId,
    shelf: &'a str,
    key: &'a str,
}

impl Spot<'_> {
    /// Locks the shelf and counts a change of it; what stands there must be as expected.
    async fn open(self, link: &Link, expected: Expected) -> Result<(Transaction<'_>, i64, bool)> {
        let mut transaction = link.begin().await.map_err(failed)?;
        let count = link.statement(COUNT).bind(self.tenant.as_str()).bind(self.shelf);
        let rows = transaction.rows(count).await.map_err(failed)?;
        let counted = rows.first().map_or(Ok(0), |row| column(row, "version"))?;
        let rows = transaction.rows(self.bound(link, VERSION)).await.map_err(failed)?;
        let found = rows.first().map(version).transpose()?;
        expected.compare(self.key, found)?;
        Ok((transaction, counted, found.is_some()))
    }

    fn bound(self, link: &Link, template: &'static str) -> super::call::Statement {
        link.statement(template)
            .bind(self.tenant.as_str().to_owned())
            .bind(self.shelf.to_owned())
            .bind(self.key.to_owned())
    }
}

#[async_trait]
impl Documents for PostgresStore {
    async fn put_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        expected: Expected,
    ) -> Result<u64> {
        checked(shelf, key)?;
        let (link, spot) = (&self.inner.link, Spot { tenant, shelf, key });
        let (mut transaction, version, _) = spot.open(link, expected).await?;
        let put = spot.bound(link, PUT).bind(version).bind(link.clock()).bind(body.to_vec());
        transaction.run(put).await.map_err(failed)?;
        transaction.commit().await.map_err(failed)?;
        Ok(version.unsigned_abs())
    }

    async fn document(&self, tenant: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>> {
        let (link, spot) = (&self.inner.link, Spot { tenant, shelf, key });
        let rows = link.rows(|| spot.bound(link, ONE)).await?;
        rows.first().map(read).transpose()
    }

    async fn documents(
        &self,
        tenant: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>> {
        // No key is empty, so that all are behind the empty one.
        let (link, spot) = (&self.inner.link, Spot { tenant, shelf, key: after.unwrap_or_default() });
        link.rows(|| spot.bound(link, PAGE).bind(limit(most))).await?.iter().map(read).collect()
    }

    async fn remove_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        expected: Expected,
    ) -> Result<bool> {
        checked(shelf, key)?;
        let (link, spot) = (&self.inner.link, Spot { tenant, shelf, key });
        let (mut transaction, _, found) = spot.open(link, expected).await?;
        if found {
            transaction.run(spot.bound(link, REMOVE)).await.map_err(failed)?;
            transaction.commit().await.map_err(failed)?;
        }
        Ok(found)
    }

    async fn shelf_version(&self, tenant: &TenantId, shelf: &str) -> Result<u64> {
        let link = &self.inner.link;
        let rows = link
            .rows(|| link.statement(SHELF).bind(tenant.as_str().to_owned()).bind(shelf.to_owned()))
            .await?;
        rows.first().map_or(Ok(0), version)
    }
}

fn version(row: &PgRow) -> Result<u64> {
    column::<i64>(row, "version").map(i64::unsigned_abs)
}

fn read(row: &PgRow) -> Result<Document> {
    let at = Timestamp::from_micros(column(row, "at")?);
    let body = Bytes::from(column::<Vec<u8>>(row, "body")?);
    Ok(Document::new(column::<&str>(row, "key")?, version(row)?, at, body))
}
