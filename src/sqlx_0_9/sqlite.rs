//! SQLite: a store in your database, and transactions that may write.

use sqlx::{Sqlite, SqlitePool, Transaction};

use crate::{
    error::Result,
    storage::{
        SqliteOptions, SqliteStore,
        sqlite::{begin, over_pool},
    },
};

/// A store in the database of this pool.
///
/// It connects as the pool does, but has connections of its own: one that writes with `synchronous=FULL`, and
/// a few that read. The database is switched to `journal_mode=WAL`. Its tables are not made by themselves:
/// call [`migrate`](SqliteStore::migrate), or run [`migrations`](SqliteStore::migrations) by your own tools.
///
/// ```
/// # async fn f(pool: sqlx::SqlitePool) -> tidings::Result<()> {
/// use tidings::{sqlx_0_9::sqlite_store, storage::SqliteOptions};
///
/// let store = sqlite_store(&pool, SqliteOptions::new()).await?;
/// store.migrate().await?;
/// # Ok(()) }
/// ```
///
/// # Errors
/// Of kind `config` for a database in memory that a second connection does not see.
pub async fn sqlite_store(pool: &SqlitePool, options: SqliteOptions) -> Result<SqliteStore> {
    over_pool(pool, options).await
}

/// Begins a transaction that may write from its first statement on: it waits until nobody else does.
///
/// One that only reads at first may be unable to write later, if another wrote since it began.
/// Transactions that are begun in this way take turns with the store's own, in the order in which they came.
///
/// # Errors
/// Of kind `storage`, if the lock is not free for two minutes.
pub async fn begin_immediate(pool: &SqlitePool) -> Result<Transaction<'static, Sqlite>> {
    begin(pool).await
}
