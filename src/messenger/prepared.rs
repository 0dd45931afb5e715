//! A message that was admitted and is not yet recorded.

use bytes::Bytes;

use super::{Messenger, dispatch::admit, draft::Draft, enqueue};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
use crate::storage::{self, Dialect, Statement};
use crate::{
    error::Result,
    id::{Fingerprint, MessageId},
    message::{AnyMessage, Payload, on_any},
    storage::Entry,
};

/// A message that was admitted: complete, checked, in the form in which it is stored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Prepared {
    /// Its id.
    pub id: MessageId,
    /// The message, with its defaults filled in.
    pub message: AnyMessage,
    /// What is put into the queue.
    pub entry: Entry,
    /// The contents of its files that the payload keeps apart; they belong into the blob store
    /// before the entry is enqueued.
    pub files: Vec<(Fingerprint, Bytes)>,
}

impl Prepared {
    /// The message as it is stored.
    pub fn payload(&self) -> &Payload {
        &self.entry.payload
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Prepared {
    /// What enqueues the message in a transaction of your own, with any driver: to be executed in this order.
    ///
    /// If the statement that [decides](Statement::decides) affects no row, a message of the same
    /// idempotency key is there and nothing was enqueued. On SQLite begin with `BEGIN IMMEDIATE`.
    /// After the commit you may call [`Messenger::wake`].
    ///
    /// ```
    /// # fn f(messenger: tidings::Messenger, sms: tidings::Sms) -> tidings::Result<()> {
    /// use tidings::storage::Dialect;
    ///
    /// for statement in messenger.prepare(sms)?.statements(&Dialect::postgres()) {
    ///     println!("{} with {} parameters", statement.sql, statement.params.len());
    /// }
    /// # Ok(()) }
    /// ```
    pub fn statements(&self, dialect: &Dialect) -> Vec<Statement> {
        storage::enqueueing(dialect, &self.entry, &self.files)
    }

    /// What finds the message of the same key.
    pub(crate) fn known(&self, dialect: &Dialect) -> Statement {
        storage::known(dialect, &self.entry)
    }
}

#[cfg(any(feature = "sqlite", feature = "postgres"))]
impl Messenger {
    /// The tables of the store.
    pub(crate) fn dialect(&self) -> Option<Dialect> {
        self.inner.messages.dialect()
    }

    /// All of admission; files go into the transaction unless they have a store of their own.
    pub(crate) async fn prepare_for_transaction(&self, draft: Draft) -> Result<Prepared> {
        let mut prepared = prepare(self, draft)?;
        on_any!(&prepared.message, message => enqueue::early(&self.inner, &self.tenant, message).await?);
        if self.inner.blobs_apart {
            for (hash, content) in std::mem::take(&mut prepared.files) {
                self.inner.blobs.put_blob(hash, content).await?;
            }
        }
        Ok(prepared)
    }
}

pub(super) fn prepare(messenger: &Messenger, draft: Draft) -> Result<Prepared> {
    let Messenger { inner, tenant } = messenger;
    let Draft { message, options } = draft;
    on_any!(message, message => {
        let fingerprint = enqueue::fingerprint(&options, &message)?;
        let admitted = admit(inner, tenant, Box::new(message), &options)?;
        let message = AnyMessage::from((*admitted.message).clone());
        let (entry, files) = enqueue::entry(tenant, admitted, &options, fingerprint)?;
        Ok(Prepared { id: entry.record.id, message, entry, files })
    })
}
