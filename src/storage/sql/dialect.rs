//! Which database, and under which names the tables stand in it.

use std::{fmt, sync::Arc};

use crate::error::{Error, Result};

/// A database's way of SQL, and the names of our tables in it.
///
/// ```
/// use tidings::storage::Dialect;
///
/// let dialect = Dialect::postgres().with_schema("outbox")?.with_prefix("mail_")?;
/// assert_eq!(dialect.table("queue"), "outbox.mail_queue");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Eq, PartialEq)]
pub struct Dialect {
    kind: DialectKind,
    schema: Option<Arc<str>>,
    prefix: Arc<str>,
    hash_key: Arc<[u8]>,
}

/// Which database.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum DialectKind {
    /// PostgreSQL; parameters are `$1`, `$2`, …
    Postgres,
    /// SQLite; parameters are `?1`, `?2`, …
    Sqlite,
}

impl Dialect {
    /// What table names begin with if nothing else is said.
    pub const PREFIX: &str = "tidings_";

    /// PostgreSQL, in the first schema of the search path.
    pub fn postgres() -> Self {
        Self::of(DialectKind::Postgres)
    }

    /// SQLite.
    pub fn sqlite() -> Self {
        Self::of(DialectKind::Sqlite)
    }

    /// The same in this schema.
    ///
    /// # Errors
    /// Of kind `config` if `schema` is no plain name.
    pub fn with_schema(mut self, schema: &str) -> Result<Self> {
        self.schema = Some(plain("schema", schema)?);
        Ok(self)
    }

    /// The same with another beginning of all table names.
    ///
    /// # Errors
    /// Of kind `config` if `prefix` is no plain name.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self> {
        self.prefix = plain("prefix", prefix)?;
        Ok(self)
    }

    /// The same with a key of your own for the hashes by which recipients are found. Whoever knows the key
    /// can test whether an address is among them. To be the same for ever, and for all that
    /// write to the same tables.
    #[must_use]
    pub fn with_hash_key(mut self, key: impl Into<Arc<[u8]>>) -> Self {
        self.hash_key = key.into();
        self
    }

    fn of(kind: DialectKind) -> Self {
        Self { kind, schema: None, prefix: Self::PREFIX.into(), hash_key: (*b"tidings").into() }
    }

    /// The key of the recipients' hashes.
    pub(in crate::storage) fn hash_key(&self) -> &[u8] {
        &self.hash_key
    }

    /// Which database.
    pub fn kind(&self) -> DialectKind {
        self.kind
    }

    /// The schema, if one was named.
    pub fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    /// What table names begin with.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The full name of one of our tables.
    pub fn table(&self, name: &str) -> String {
        match &self.schema {
            Some(schema) => format!("{schema}.{}{name}", self.prefix),
            None => format!("{}{name}", self.prefix),
        }
    }
}

impl fmt::Debug for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Dialect({:?}, {})", self.kind, self.table("*"))
    }
}

/// A name that needs no quotes and leaves room for the rest of an identifier (63 octets in Postgres).
fn plain(what: &'static str, name: &str) -> Result<Arc<str>> {
    let begins = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_');
    let plain = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if begins && plain && name.len() <= 40 {
        return Ok(name.into());
    }
    let text =
        format!("the {what} {name:?} is no plain name: up to 40 of a-z, 0-9 and _, beginning with a letter");
    Err(Error::config(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_more_than_names_are_refused() {
        for name in ["", "1a", "a b", "a\"; drop table x; --", "Größe", &"a".repeat(41)] {
            assert!(Dialect::sqlite().with_prefix(name).is_err(), "{name}");
            assert!(Dialect::postgres().with_schema(name).is_err(), "{name}");
        }
    }
}
