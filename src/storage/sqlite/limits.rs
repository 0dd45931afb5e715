//! Limits that several workers share.

use std::{collections::BTreeMap, time::Duration};

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
        sql::{Taken, Wish},
    },
};

const READ: &str = "SELECT key, state FROM {rates} WHERE key IN (SELECT value FROM json_each(?1))";

const WRITE: &str = "\
INSERT INTO {rates} (key, state) VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET state = excluded.state";

#[async_trait]
impl Work for Wish {
    type Answer = Option<Duration>;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<Option<Duration>> {
        let mut rows = BTreeMap::new();
        for row in tx.rows(tx.statement(READ).bind(json(&self.keys()))).await? {
            rows.insert(column(&row, 0)?, column(&row, 1)?);
        }
        match self.take(&rows, tx.now)? {
            Taken::Wait(wait) => Ok(Some(wait)),
            Taken::All(rows) => {
                for (key, state) in rows {
                    tx.run(tx.statement(WRITE).bind(key).bind(state)).await?;
                }
                Ok(None)
            }
        }
    }
}

#[async_trait]
impl SharedLimits for SqliteStore {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        self.writer.run(Wish::new(asks)?).await
    }
}
