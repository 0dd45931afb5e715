//! Counters of rate limits, shared by all workers.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    PostgresStore,
    call::{Link, Transaction},
    columns::{column, indexed},
    fault::{Repeats, Trouble},
};
use crate::{
    error::Result,
    storage::{
        RateAsk, SharedLimits,
        places::{Name, Place, places},
        sql::{self, Taken, take},
    },
    time::Timestamp,
};

/// The clock is read after the lock, by the outer query.
const LOCK: &str = "SELECT r.key, r.state, {now_1}($1) AS now FROM ( \
    SELECT key, state FROM {rates} WHERE key = ANY ($2) ORDER BY key FOR UPDATE) r";
const MAKE: &str = "INSERT INTO {rates} (key, idle_at, state) SELECT k, 0, '[]' FROM unnest($1::text[]) AS k \
    ON CONFLICT DO NOTHING";
const WRITE: &str = "UPDATE {rates} r SET idle_at = a.idle_at, state = a.state \
    FROM unnest($1::text[], $2::bigint[], $3::text[]) AS a (key, idle_at, state) WHERE r.key = a.key";

#[async_trait]
impl SharedLimits for PostgresStore {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        let places = places(asks)?;
        if places.is_empty() {
            return Ok(None);
        }
        let mut repeats = Repeats::default();
        loop {
            match take_once(&self.inner.link, &places).await {
                Err(trouble) if trouble.gave_way() && repeats.again().await => {}
                answer => return answer.map_err(Trouble::into_error),
            }
        }
    }
}

/// The name of a window's row.
fn row_of(name: &Name) -> String {
    indexed(&sql::row_of(name)).into_owned()
}

async fn take_once(link: &Link, places: &BTreeMap<Name, Place>) -> Result<Option<Duration>, Trouble> {
    let names: HashMap<String, &Name> = places.keys().map(|name| (row_of(name), name)).collect();
    // In one order everywhere, so that two who want the same do not wait for each other.
    let mut rows: Vec<&str> = names.keys().map(String::as_str).collect();
    rows.sort_unstable();
    let mut transaction = link.begin().await?;
    let (now, states) = locked(link, &mut transaction, &rows, &names).await?;
    let taken = match take(places, &states, now)? {
        Ok(taken) => taken,
        Err(wait) => {
            transaction.commit().await?;
            return Ok(Some(wait));
        }
    };
    transaction.run(write(link, &taken)).await?;
    transaction.commit().await?;
    Ok(None)
}

/// Locks the rows, and makes those that are missing.
async fn locked(
    link: &Link,
    transaction: &mut Transaction<'_>,
    rows: &[&str],
    names: &HashMap<String, &Name>,
) -> Result<(Timestamp, HashMap<Name, String>), Trouble> {
    let lock = || link.statement(LOCK).bind(link.clock()).bind(rows);
    let mut found = transaction.rows(lock()).await?;
    if found.len() < rows.len() {
        transaction.run(link.statement(MAKE).bind(rows)).await?;
        found = transaction.rows(lock()).await?;
    }
    let mut now = Timestamp::default();
    let mut states = HashMap::new();
    for row in &found {
        now = now.max(Timestamp::from_micros(column(row, "now")?));
        if let Some(name) = names.get(column::<&str>(row, "key")?) {
            states.insert((*name).clone(), column(row, "state")?);
        }
    }
    Ok((now, states))
}

fn write(link: &Link, taken: &[Taken]) -> super::call::Statement {
    link.statement(WRITE)
        .bind(taken.iter().map(|taken| row_of(&taken.name)).collect::<Vec<_>>())
        .bind(taken.iter().map(|taken| taken.idle_at.as_micros()).collect::<Vec<_>>())
        .bind(taken.iter().map(|taken| taken.state.as_str()).collect::<Vec<_>>())
}
