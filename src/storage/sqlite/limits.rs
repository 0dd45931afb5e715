//! Limits that several workers share.

use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};

use async_trait::async_trait;

use super::{
    SqliteStore,
    group::Work,
    tx::{Tx, column, json},
};
use crate::{
    error::Result,
    storage::{
        RateAsk, SharedLimits,
        places::{Name, Place, places},
        sql::{row_of, take},
    },
};

const READ: &str = "SELECT key, state FROM {rates} WHERE key IN (SELECT value FROM json_each(?1))";

const WRITE: &str = "\
INSERT INTO {rates} (key, idle_at, state) VALUES (?1, ?2, ?3) \
ON CONFLICT (key) DO UPDATE SET idle_at = excluded.idle_at, state = excluded.state";

/// The places that are asked for together.
struct Places(BTreeMap<Name, Place>);

#[async_trait]
impl Work for Places {
    type Answer = Option<Duration>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Duration>> {
        let names: HashMap<String, &Name> = self.0.keys().map(|name| (row_of(name), name)).collect();
        let keys: Vec<&str> = names.keys().map(String::as_str).collect();
        let mut states = HashMap::new();
        for row in tx.rows(tx.statement(READ).bind(json(&keys))).await? {
            if let Some(name) = names.get(&column::<String>(&row, 0)?) {
                states.insert((*name).clone(), column(&row, 1)?);
            }
        }
        let taken = match take(&self.0, &states, tx.now)? {
            Ok(taken) => taken,
            Err(wait) => return Ok(Some(wait)),
        };
        for window in taken {
            let write = tx.statement(WRITE).bind(row_of(&window.name));
            tx.run(write.bind(window.idle_at.as_micros()).bind(window.state)).await?;
        }
        Ok(None)
    }
}

#[async_trait]
impl SharedLimits for SqliteStore {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        let places = places(asks)?;
        if places.is_empty() {
            return Ok(None);
        }
        self.writer.run(Places(places)).await
    }
}
