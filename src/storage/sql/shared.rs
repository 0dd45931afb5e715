//! What the constructors of the stores over SQL have in common.

use std::sync::Arc;

use crate::time::Clock;
#[cfg(feature = "sqlite")]
use crate::time::{SystemClock, Timestamp};

/// Whose clock a store judges by.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum TimeSource {
    /// The database's own; SQLite has none, so the machine's.
    #[default]
    Database,
    /// This one: for tests.
    Injected(Arc<dyn Clock>),
}

#[cfg(feature = "sqlite")]
impl TimeSource {
    /// Now, where the machine's clock stands for the database's.
    pub(in crate::storage) fn now(&self) -> Timestamp {
        match self {
            Self::Database => SystemClock.now(),
            Self::Injected(clock) => clock.now(),
        }
    }
}

/// One numbered step of our tables' history, as SQL for those who run it by their own tools.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Migration {
    /// Its number; they run in order, each once.
    pub number: u32,
    /// What it does, in a word or two.
    pub name: &'static str,
    /// Its statements, with the names of this store's tables; to be run in one transaction.
    pub sql: String,
}

impl Migration {
    /// A step with its statements.
    pub fn new(number: u32, name: &'static str, sql: impl Into<String>) -> Self {
        Self { number, name, sql: sql.into() }
    }
}
