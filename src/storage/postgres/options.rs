//! How a store in Postgres is opened.

use std::{fmt, sync::Arc, time::Duration};

use crate::{
    error::Result,
    storage::{Dialect, TimeSource},
    time::Clock,
};

/// How a [`PostgresStore`](super::PostgresStore) is opened.
///
/// ```
/// use tidings::storage::PostgresOptions;
///
/// let options = PostgresOptions::new().schema("outbox")?.connections(20);
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
pub struct PostgresOptions {
    pub(super) dialect: Dialect,
    pub(super) time: TimeSource,
    pub(super) connections: u32,
    pub(super) patience: Duration,
    pub(super) limit: Duration,
    pub(super) bouncer: bool,
    pub(super) listen: bool,
    pub(super) held: bool,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            dialect: Dialect::postgres(),
            time: TimeSource::Database,
            connections: 10,
            patience: Duration::from_secs(10),
            limit: Duration::from_secs(60),
            bouncer: false,
            listen: true,
            held: false,
        }
    }
}

impl PostgresOptions {
    /// Tables `tidings_…` in the first schema of the search path, up to 10 connections.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tables stand in this schema; [`migrate`](super::PostgresStore::migrate) makes it if it is not there.
    ///
    /// # Errors
    /// Of kind `config` if it is no plain name.
    pub fn schema(mut self, schema: &str) -> Result<Self> {
        self.dialect = self.dialect.with_schema(schema)?;
        Ok(self)
    }

    /// What the names of the tables begin with, instead of `tidings_`.
    ///
    /// # Errors
    /// Of kind `config` if it is no plain name.
    pub fn prefix(mut self, prefix: &str) -> Result<Self> {
        self.dialect = self.dialect.with_prefix(prefix)?;
        Ok(self)
    }

    /// At most so many connections at once, and one more to be told of new work. A pool that is
    /// given has its own number.
    #[must_use]
    pub fn connections(mut self, most: u32) -> Self {
        self.connections = most.max(1);
        self
    }

    /// How long to wait for a free connection, or for a server that starts, before giving up. A pool that is
    /// given has its own time.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// How long a statement may take, 60 seconds if nothing is said: after that its connection is taken for
    /// lost, as one is that a firewall forgot. Migrations and the end of a pause may take longer.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The server is behind PgBouncer (or something like it) in transaction mode: nothing is kept on a
    /// connection from one transaction to the next, and nobody listens. Workers then find new work when they
    /// look for it, not at once.
    #[must_use]
    pub fn behind_bouncer(mut self) -> Self {
        (self.bouncer, self.listen) = (true, false);
        self
    }

    /// Without a connection that listens for new work.
    #[must_use]
    pub fn without_listening(mut self) -> Self {
        self.listen = false;
        self
    }

    /// Everything is [paused](crate::storage::Pause::All) before the first claim, until someone resumes
    /// it: for a backup that was restored, which might send again what was sent already.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// The key of the hashes by which recipients are found; see [`Dialect::with_hash_key`].
    #[must_use]
    pub fn hash_key(mut self, key: impl Into<Arc<[u8]>>) -> Self {
        self.dialect = self.dialect.with_hash_key(key);
        self
    }

    /// Judges by this clock instead of the database's: for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.time = TimeSource::Injected(clock);
        self
    }
}

impl fmt::Debug for PostgresOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresOptions")
            .field("dialect", &self.dialect)
            .field("time", &self.time)
            .field("connections", &self.connections)
            .field("bouncer", &self.bouncer)
            .field("listen", &self.listen)
            .field("held", &self.held)
            .finish_non_exhaustive()
    }
}
