//! A schema of its own for each test, in the Postgres that tests/run starts.

use std::sync::{
    OnceLock,
    atomic::{AtomicU32, Ordering},
};

use sqlx::{AssertSqlSafe, PgPool, Row, postgres::PgPoolOptions};
use tidings::storage::{PostgresOptions, PostgresStore};

/// The server.
pub(crate) fn url() -> String {
    variable("TIDINGS_TEST_POSTGRES_URL")
}

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| {
        panic!("{name} is not set: run tests/run, or start a server with tests/servers/postgres_up.sh and set what it says")
    })
}

/// A pool for what a test does behind the store's back.
pub(crate) async fn pool() -> PgPool {
    PgPoolOptions::new().max_connections(4).connect(&url()).await.expect("the test's server answers")
}

/// A name for a schema that no other test has. Those that earlier runs left are dropped at first.
pub(crate) async fn fresh_schema() -> String {
    static SWEPT: OnceLock<()> = OnceLock::new();
    static NEXT: AtomicU32 = AtomicU32::new(0);
    if SWEPT.set(()).is_ok() {
        sweep().await;
    }
    format!("t{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Drops the schemas of test processes that are gone.
async fn sweep() {
    let pool = pool().await;
    let names = sqlx::query("SELECT nspname::text FROM pg_namespace WHERE nspname ~ '^t[0-9]+_[0-9]+$'");
    for row in names.fetch_all(&pool).await.expect("names of schemas") {
        let name: String = row.get(0);
        let process = name[1..].split('_').next().unwrap_or_default();
        if !std::path::Path::new("/proc").join(process).exists() {
            // Another process may sweep at this moment.
            let _ = sqlx::raw_sql(AssertSqlSafe(format!("DROP SCHEMA IF EXISTS {name} CASCADE")))
                .execute(&pool)
                .await;
        }
    }
    pool.close().await;
}

/// A schema that is dropped at the end.
pub(crate) struct Schema(pub(crate) String);

impl Schema {
    pub(crate) async fn new() -> Self {
        Self(fresh_schema().await)
    }

    pub(crate) fn options(&self) -> PostgresOptions {
        PostgresOptions::new().schema(&self.0).expect("plain")
    }

    /// A store with its tables.
    pub(crate) async fn store(&self) -> PostgresStore {
        self.store_with(self.options()).await
    }

    pub(crate) async fn store_with(&self, options: PostgresOptions) -> PostgresStore {
        let store = PostgresStore::connect_with(&url(), options).await.expect("the test's server answers");
        store.migrate().await.expect("migrated");
        store
    }

    /// The full name of a table.
    pub(crate) fn table(&self, name: &str) -> String {
        format!("{}.tidings_{name}", self.0)
    }
}

impl Drop for Schema {
    fn drop(&mut self) {
        let sql = format!("DROP SCHEMA IF EXISTS {} CASCADE", self.0);
        let work = move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                // The next run sweeps what is left now.
                if let Ok(pool) = PgPoolOptions::new().max_connections(1).connect(&url()).await {
                    let _ = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await;
                }
            });
        };
        let _ = std::thread::spawn(work).join();
    }
}
