//! What names types of sqlx 0.9: your pools and transactions.
//!
//! Nothing else of this crate's API names them, so that a new major version of sqlx gets a module
//! beside this one.

mod enqueue_in;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "sqlite")]
mod sqlite;

pub use enqueue_in::{EnqueueIn, OutboxTransaction};
#[cfg(feature = "postgres")]
pub use postgres::postgres_store;
#[cfg(feature = "sqlite")]
pub use sqlite::{begin_immediate, sqlite_store};
