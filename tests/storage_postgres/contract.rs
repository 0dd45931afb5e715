//! The contract of stores: on connections to the server, and through PgBouncer in transaction mode.

use std::sync::Arc;

use tidings::{
    Clock,
    storage::{Messages, PostgresOptions, PostgresStore},
    testing::storage::{DurableHarness, Harness},
};

use crate::postgres::{fresh_schema, url, variable};

async fn open(url: &str, options: PostgresOptions, clock: Arc<dyn Clock>) -> PostgresStore {
    let options = options.clock(clock).connections(6);
    let store = PostgresStore::connect_with(url, options).await.expect("the test's server answers");
    store.migrate().await.expect("migrated");
    store
}

/// A schema for each rule; it is dropped by the next run.
struct InPostgres;

impl Harness for InPostgres {
    type Store = PostgresStore;

    async fn open(&self, clock: Arc<dyn Clock>) -> PostgresStore {
        let options = PostgresOptions::new().schema(&fresh_schema().await).expect("plain");
        open(&url(), options, clock).await
    }
}

impl DurableHarness for InPostgres {
    async fn reopen(&self, store: PostgresStore, clock: Arc<dyn Clock>) -> PostgresStore {
        let dialect = store.dialect().expect("it has tables");
        store.close().await;
        let options = PostgresOptions::new().schema(dialect.schema().expect("of its own")).expect("plain");
        open(&url(), options, clock).await
    }
}

tidings::storage_conformance! { mod direct; harness: InPostgres; also: documents wakes reopening }

struct BehindBouncer;

impl Harness for BehindBouncer {
    type Store = PostgresStore;

    async fn open(&self, clock: Arc<dyn Clock>) -> PostgresStore {
        let options = PostgresOptions::new().schema(&fresh_schema().await).expect("plain").behind_bouncer();
        open(&variable("TIDINGS_TEST_PGBOUNCER_URL"), options, clock).await
    }
}

tidings::storage_conformance! { mod behind_pgbouncer; harness: BehindBouncer; also: documents }
