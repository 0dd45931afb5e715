//! Who must not be written to.

use async_trait::async_trait;
use sqlx::postgres::PgRow;

use super::{
    Inner, PostgresStore,
    call::Link,
    columns::{column, indexed, text},
    gather::{self, Gather, Together},
};
use crate::{
    error::Result,
    id::TenantId,
    message::Channel,
    storage::{Suppression, SuppressionStore, sql::channel_from},
    time::Timestamp,
};

const ADD: &str = "INSERT INTO {suppressions} (tenant, channel, address, shown, reason, at) VALUES ($1, $2, $3, $4, $5, $6) \
    ON CONFLICT (tenant, channel, address) DO UPDATE SET shown = excluded.shown, reason = excluded.reason, at = excluded.at";
const REMOVE: &str =
    "DELETE FROM {suppressions} WHERE tenant = $1 AND channel = $2 AND address = $3 RETURNING 1";
/// That of the channel before that of all.
const FIND: &str = "SELECT a.nr::integer AS nr, s.channel, s.shown, s.reason, s.at \
    FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY AS a (tenant, channel, address, nr) \
    CROSS JOIN LATERAL (SELECT s.channel, s.shown, s.reason, s.at FROM {suppressions} s \
        WHERE s.tenant = a.tenant AND s.channel IN (a.channel, '') AND s.address = a.address \
        ORDER BY s.channel DESC LIMIT 1) s";

/// An address by which it is found.
pub(super) fn found_by(address: &str) -> String {
    indexed(&address.to_ascii_lowercase()).into_owned()
}

fn word(channel: Option<Channel>) -> &'static str {
    channel.map_or("", Channel::as_str)
}

#[async_trait]
impl SuppressionStore for PostgresStore {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        let link = &self.inner.link;
        let Suppression { channel, address, reason, at } = &suppression;
        let add = || {
            link.statement(ADD)
                .bind(tenant.as_str())
                .bind(word(*channel))
                .bind(found_by(&address.0))
                .bind(text(&address.0))
                .bind(text(reason))
                .bind(at.as_micros())
        };
        link.rows(add).await.map(drop)
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        let link = &self.inner.link;
        let remove =
            || link.statement(REMOVE).bind(tenant.as_str()).bind(word(channel)).bind(found_by(address));
        Ok(!link.rows(remove).await?.is_empty())
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        let look = |address: &&str| Look { tenant: tenant.clone(), channel, address: found_by(address) };
        let looks: Vec<Look> = addresses.iter().map(look).collect();
        match looks.len() {
            0..=gather::SMALL => gather::ask(&self.inner, looks).await,
            _ => find(&self.inner.link, &looks.iter().collect::<Vec<_>>()).await,
        }
    }
}

/// A look at the list.
pub(super) struct Look {
    tenant: TenantId,
    channel: Channel,
    address: String,
}

impl Together for Look {
    type Answer = Option<Suppression>;

    fn gather(inner: &Inner) -> &Gather<Self> {
        &inner.looks
    }

    async fn run(inner: &Inner, looks: &[&Self]) -> Result<Vec<Self::Answer>> {
        find(&inner.link, looks).await
    }
}

async fn find(link: &Link, looks: &[&Look]) -> Result<Vec<Option<Suppression>>> {
    let tenants: Vec<&str> = looks.iter().map(|look| look.tenant.as_str()).collect();
    let channels: Vec<&str> = looks.iter().map(|look| look.channel.as_str()).collect();
    let addresses: Vec<&str> = looks.iter().map(|look| look.address.as_str()).collect();
    let find = || link.statement(FIND).bind(&tenants).bind(&channels).bind(&addresses);
    let mut found = vec![None; looks.len()];
    for row in &link.rows(find).await? {
        let index = usize::try_from(column::<i32>(row, "nr")? - 1).unwrap_or(usize::MAX);
        if let Some(slot) = found.get_mut(index) {
            *slot = Some(suppression_from(row)?);
        }
    }
    Ok(found)
}

pub(super) fn suppression_from(row: &PgRow) -> Result<Suppression> {
    let channel = Some(column::<&str>(row, "channel")?).filter(|word| !word.is_empty());
    let channel = channel.map(channel_from).transpose()?;
    let (shown, reason): (&str, &str) = (column(row, "shown")?, column(row, "reason")?);
    Ok(Suppression::new(channel, shown, reason, Timestamp::from_micros(column(row, "at")?)))
}
