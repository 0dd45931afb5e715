//! Small documents of the rooms above: configurations, templates, what a room must remember.

use std::{fmt, sync::Arc};

use async_trait::async_trait;
use bytes::Bytes;

use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    time::Timestamp,
};

/// The longest key and the longest name of a shelf, in octets.
const LONGEST: usize = 200;

/// A document as it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Document {
    /// Its key on its shelf.
    pub key: Arc<str>,
    /// Which change of the shelf made it: it grows with every change, also of other documents.
    pub version: u64,
    /// When that was.
    pub at: Timestamp,
    /// What it says; what that means is known to its room alone.
    pub body: Bytes,
}

impl Document {
    /// A document as a store read it.
    pub fn new(key: impl Into<Arc<str>>, version: u64, at: Timestamp, body: Bytes) -> Self {
        Self { key: key.into(), version, at, body }
    }
}

/// What a change expects to find.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Expected {
    /// Whatever there is.
    #[default]
    Anything,
    /// No document of this key.
    Nothing,
    /// The document at this version.
    Version(u64),
}

impl Expected {
    /// Compares with what is there.
    ///
    /// # Errors
    /// Of kind `conflict`, naming the document.
    pub fn compare(self, key: &str, found: Option<u64>) -> Result<()> {
        let fits = match self {
            Self::Anything => true,
            Self::Nothing => found.is_none(),
            Self::Version(version) => found == Some(version),
        };
        if fits {
            return Ok(());
        }
        let text = format!("the document {key:?} was changed meanwhile; read it again and repeat the change");
        Err(Error::new(ErrorKind::Conflict, text))
    }
}

/// Keeps small documents on shelves, for the rooms that are built on the outbox.
///
/// # Contract
/// - **Tenants and shelves are apart.** A key means something on its shelf and for its tenant alone.
/// - **Durable.** A call that answered is durable, where the store is.
/// - **One at a time.** Of two changes that expect the same version one gets `conflict`, and changes nothing.
/// - **The version of a shelf** grows with every change of it, removals among them, and never otherwise; it is zero
///   before the first. It is cheap to ask for, so that readers may keep what they read until it differs.
#[async_trait]
pub trait Documents: fmt::Debug + Send + Sync + 'static {
    /// Puts a document; answers its version.
    ///
    /// # Errors
    /// Of kind `conflict` if there is something else than expected, `config` if key or shelf is not 1 to 200 octets
    /// without control characters, or `storage`.
    async fn put_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        body: Bytes,
        expected: Expected,
    ) -> Result<u64>;

    /// The document of this key.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn document(&self, tenant: &TenantId, shelf: &str, key: &str) -> Result<Option<Document>>;

    /// The documents with keys behind `after`, in the order of the keys' octets, at most `most` of them.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn documents(
        &self,
        tenant: &TenantId,
        shelf: &str,
        after: Option<&str>,
        most: usize,
    ) -> Result<Vec<Document>>;

    /// Removes a document; false if there was none.
    ///
    /// # Errors
    /// As for [`put_document`](Self::put_document).
    async fn remove_document(
        &self,
        tenant: &TenantId,
        shelf: &str,
        key: &str,
        expected: Expected,
    ) -> Result<bool>;

    /// The version of the shelf.
    ///
    /// # Errors
    /// Of kind `storage`.
    async fn shelf_version(&self, tenant: &TenantId, shelf: &str) -> Result<u64>;
}

/// A shelf or a key that every store can hold.
pub(super) fn checked(shelf: &str, key: &str) -> Result<()> {
    let fits = |text: &str| (1..=LONGEST).contains(&text.len()) && !text.chars().any(char::is_control);
    if fits(shelf) && fits(key) {
        return Ok(());
    }
    Err(Error::config(format!("the name of a document is 1 to {LONGEST} octets without control characters")))
}
