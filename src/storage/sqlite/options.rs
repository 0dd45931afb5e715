//! How a store in SQLite is opened.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use super::{SqliteStore, schema::migrations};
use crate::{
    error::Result,
    storage::{Dialect, Migration, TimeSource},
    time::Clock,
};

/// How a [`SqliteStore`] is opened.
///
/// ```
/// # async fn f() -> tidings::Result<()> {
/// use tidings::storage::SqliteOptions;
///
/// let store = SqliteOptions::new().prefix("mail_")?.files_in("attachments").open("outbox.db").await?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct SqliteOptions {
    pub(super) dialect: Dialect,
    pub(super) time: TimeSource,
    pub(super) folder: Option<PathBuf>,
    pub(super) held: bool,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { dialect: Dialect::sqlite(), time: TimeSource::Database, folder: None, held: false }
    }
}

impl SqliteOptions {
    /// Tables `tidings_…`, attachments in the database, the machine's clock.
    pub fn new() -> Self {
        Self::default()
    }

    /// What the names of the tables begin with, instead of `tidings_`.
    ///
    /// # Errors
    /// Of kind `config` if it is no plain name.
    pub fn prefix(mut self, prefix: &str) -> Result<Self> {
        self.dialect = self.dialect.with_prefix(prefix)?;
        Ok(self)
    }

    /// The key of the hashes by which recipients are found. Without one, who reads the database
    /// can try out addresses. It must never change while there are messages.
    #[must_use]
    pub fn recipient_key(mut self, key: impl Into<Arc<[u8]>>) -> Self {
        self.dialect = self.dialect.with_hash_key(key);
        self
    }

    /// Keeps attachments as files in this folder, which is made if it is not there, instead of in the
    /// database. All stores on one database must name the same folder.
    #[must_use]
    pub fn files_in(mut self, folder: impl Into<PathBuf>) -> Self {
        self.folder = Some(folder.into());
        self
    }

    /// Everything is [paused](crate::storage::Pause::All) before the first claim, until someone resumes
    /// it: for a backup that was restored, which might send again what was sent already.
    #[must_use]
    pub fn held(mut self) -> Self {
        self.held = true;
        self
    }

    /// Judges by this clock instead of the machine's: for tests.
    #[must_use]
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.time = TimeSource::Injected(clock);
        self
    }

    /// The statements that make the tables, for those who run them by their own tools.
    pub fn migrations(&self) -> Vec<Migration> {
        migrations(&self.dialect)
    }

    /// Opens a file, which is made if it is not there, and brings its tables up to date.
    ///
    /// # Errors
    /// Of kind `config` for names of databases in memory; of kind `storage` if the file cannot be opened.
    pub async fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore> {
        super::open::file(path.as_ref(), self).await
    }
}
