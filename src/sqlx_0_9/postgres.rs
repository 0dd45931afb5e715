//! Postgres: a store in your database.

use sqlx::PgPool;

use crate::storage::{PostgresOptions, PostgresStore};

/// A store in the database of this pool, over the pool's own connections.
///
/// Its tables are not made by themselves: call [`migrate`](PostgresStore::migrate), or run
/// [`migrations`](PostgresStore::migrations) by your own tools.
///
/// ```
/// # async fn f(pool: sqlx::PgPool) -> tidings::Result<()> {
/// use tidings::{sqlx_0_9::postgres_store, storage::PostgresOptions};
///
/// let store = postgres_store(pool, PostgresOptions::new());
/// store.migrate().await?;
/// # Ok(()) }
/// ```
pub fn postgres_store(pool: PgPool, options: PostgresOptions) -> PostgresStore {
    PostgresStore::share(pool, options)
}
