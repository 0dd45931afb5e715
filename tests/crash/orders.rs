//! The application's own table, beside the outbox's in the same database.

use std::collections::HashSet;

use sqlx::{PgPool, SqlitePool, postgres::PgPoolOptions, sqlite::SqlitePoolOptions};

use crate::fact::Place;

/// The application's own pool.
#[derive(Clone)]
pub(crate) enum Pool {
    Postgres(PgPool),
    Sqlite(SqlitePool),
}

const CREATE: &str = "CREATE TABLE IF NOT EXISTS orders (number BIGINT PRIMARY KEY)";
pub(crate) const INSERT: &str = "INSERT INTO orders (number) VALUES ($1)";
/// Attempts of messages in the queue that count for the retry plan.
const BURNED: &str = "SELECT CAST(coalesce(sum(attempts - excused), 0) AS BIGINT) FROM tidings_queue";
const ALL: &str = "SELECT number FROM orders";

/// Opens a pool of up to `connections`.
pub(crate) async fn pool(place: &Place, connections: u32) -> Pool {
    match place {
        Place::Memory => panic!("orders need a database"),
        Place::Postgres(url) => {
            let pool = PgPoolOptions::new().max_connections(connections).connect(url).await;
            Pool::Postgres(pool.expect("the server is up"))
        }
        Place::Sqlite(path) => {
            let pool = SqlitePoolOptions::new().max_connections(connections);
            let url = format!("sqlite://{}", path.display());
            Pool::Sqlite(pool.connect(&url).await.expect("the file is there"))
        }
    }
}

impl Pool {
    /// Makes the table.
    pub(crate) async fn create(&self) {
        match self {
            Self::Postgres(pool) => drop(sqlx::query(CREATE).execute(pool).await.expect("valid SQL")),
            Self::Sqlite(pool) => drop(sqlx::query(CREATE).execute(pool).await.expect("valid SQL")),
        }
    }

    /// The numbers of all orders that were committed.
    pub(crate) async fn numbers(&self) -> HashSet<u32> {
        let numbers: Vec<i64> = match self {
            Self::Postgres(pool) => sqlx::query_scalar(ALL).fetch_all(pool).await.expect("valid SQL"),
            Self::Sqlite(pool) => sqlx::query_scalar(ALL).fetch_all(pool).await.expect("valid SQL"),
        };
        numbers.into_iter().map(|number| u32::try_from(number).expect("our own numbers")).collect()
    }

    /// How many attempts of messages in the queue count for the retry plan.
    pub(crate) async fn burned(&self) -> i64 {
        match self {
            Self::Postgres(pool) => sqlx::query_scalar(BURNED).fetch_one(pool).await.expect("valid SQL"),
            Self::Sqlite(pool) => sqlx::query_scalar(BURNED).fetch_one(pool).await.expect("valid SQL"),
        }
    }
}
