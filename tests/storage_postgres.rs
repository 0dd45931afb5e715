//! The store in Postgres, against a real server.
#![cfg(feature = "postgres")]

use std::sync::Arc;

use tidings::{
    Clock,
    storage::{Messages, PostgresOptions, PostgresStore},
    testing::storage::{DurableHarness, Harness},
};

#[path = "support/postgres.rs"]
mod postgres;

/// A schema for each rule; it is dropped by the next run.
struct InPostgres;

async fn open(schema: &str, clock: Arc<dyn Clock>) -> PostgresStore {
    let options = PostgresOptions::new().schema(schema).expect("plain").clock(clock).connections(6);
    let store =
        PostgresStore::connect_with(&postgres::url(), options).await.expect("the test's server answers");
    store.migrate().await.expect("migrated");
    store
}

impl Harness for InPostgres {
    type Store = PostgresStore;

    async fn open(&self, clock: Arc<dyn Clock>) -> PostgresStore {
        open(&postgres::fresh_schema().await, clock).await
    }
}

impl DurableHarness for InPostgres {
    async fn reopen(&self, store: PostgresStore, clock: Arc<dyn Clock>) -> PostgresStore {
        let dialect = store.dialect().expect("it has tables");
        let schema = dialect.schema().expect("of its own").to_owned();
        store.close().await;
        open(&schema, clock).await
    }
}

tidings::storage_conformance! { mod contract; harness: InPostgres; also: wakes reopening }
