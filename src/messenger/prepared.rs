//! A message that was admitted and is not yet recorded.

use bytes::Bytes;

use super::{Messenger, dispatch::admit, draft::Draft, enqueue};
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
