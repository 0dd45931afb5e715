//! Who must not be written to.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{
    SqliteStore,
    group::Work,
    tx::{Tx, column, json},
};
use crate::{
    error::Result,
    id::TenantId,
    message::Channel,
    storage::{RecipientText, Record, Suppression, SuppressionStore, sql::channel_from},
    time::Timestamp,
};

/// In the column `channel`: every channel.
const ALL: &str = "";

fn word(channel: Option<Channel>) -> &'static str {
    channel.map_or(ALL, Channel::as_str)
}

struct Suppress(TenantId, Suppression);

const PUT: &str = "\
INSERT INTO {suppressions} (tenant, channel, address, shown, reason, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (tenant, channel, address)
    DO UPDATE SET shown = excluded.shown, reason = excluded.reason, at = excluded.at";

#[async_trait]
impl Work for Suppress {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let Self(tenant, Suppression { channel, address, reason, at }) = self;
        let asked = tx.statement(PUT).bind(tenant.as_str().to_owned()).bind(word(*channel));
        let asked = asked.bind(address.0.to_ascii_lowercase()).bind(address.0.clone());
        tx.run(asked.bind(reason.clone()).bind(at.as_micros())).await?;
        Ok(())
    }
}

struct Unsuppress {
    tenant: TenantId,
    channel: Option<Channel>,
    address: String,
}

const REMOVE: &str = "DELETE FROM {suppressions} WHERE tenant = ?1 AND channel = ?2 AND address = ?3";

#[async_trait]
impl Work for Unsuppress {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let asked = tx.statement(REMOVE).bind(self.tenant.as_str().to_owned()).bind(word(self.channel));
        Ok(tx.run(asked.bind(self.address.clone())).await? > 0)
    }
}

/// A suppression on the channel comes before one on all of them.
const FIND: &str = "\
SELECT j.key, s.channel, s.shown, s.reason, s.at FROM json_each(?1) AS j CROSS JOIN {suppressions} s
    ON s.tenant = j.value ->> 0 AND s.channel IN (j.value ->> 1, '') AND s.address = j.value ->> 2
ORDER BY s.channel";

/// What the list has of each recipient of some messages.
pub(super) async fn of_all(
    tx: &mut Tx<'_>,
    records: &[&Record],
) -> Result<Vec<(Uuid, Vec<Option<Suppression>>)>> {
    let looks = |record: &&Record| {
        let (tenant, channel) = (record.tenant.as_str().to_owned(), record.channel.as_str());
        let look = move |to: &RecipientText| (tenant.clone(), channel, to.0.to_ascii_lowercase());
        record.recipients.iter().map(look).collect::<Vec<_>>()
    };
    let looks: Vec<(String, &str, String)> = records.iter().flat_map(looks).collect();
    let rows = tx.rows(tx.statement(FIND).bind(json(&looks))).await?;
    let mut found = places(&rows, looks.len())?.into_iter();
    let own =
        |record: &&Record| (record.id.as_uuid(), found.by_ref().take(record.recipients.len()).collect());
    Ok(records.iter().map(own).collect())
}

/// What rows say of so many looks.
fn places(rows: &[SqliteRow], looks: usize) -> Result<Vec<Option<Suppression>>> {
    let mut found = vec![None; looks];
    for row in rows {
        let place = usize::try_from(column::<i64>(row, 0)?).unwrap_or(usize::MAX);
        if let Some(found) = found.get_mut(place) {
            *found = Some(read(row)?);
        }
    }
    Ok(found)
}

#[async_trait]
impl SuppressionStore for SqliteStore {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        self.writer.run(Suppress(tenant.clone(), suppression)).await
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        let address = address.to_ascii_lowercase();
        self.writer.run(Unsuppress { tenant: tenant.clone(), channel, address }).await
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        let look = |address: &&str| (tenant.as_str(), channel.as_str(), address.to_ascii_lowercase());
        let looks: Vec<(&str, &str, String)> = addresses.iter().map(look).collect();
        places(&self.readers.rows(self.core.statement(FIND).bind(json(&looks))).await?, looks.len())
    }
}

fn read(row: &SqliteRow) -> Result<Suppression> {
    let channel = match column(row, 1)? {
        ALL => None,
        word => Some(channel_from(word)?),
    };
    let (address, reason): (&str, &str) = (column(row, 2)?, column(row, 3)?);
    Ok(Suppression::new(channel, address, reason, Timestamp::from_micros(column(row, 4)?)))
}
