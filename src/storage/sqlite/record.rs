//! Messages that are sent at once: recorded, never queued.

use async_trait::async_trait;

use super::{enqueue::bind_record, group::Work, history::append, text::chunks, tx::Tx};
use crate::{error::Result, event::Event, storage::Record};

/// Records messages with their first events.
#[derive(Debug)]
pub(super) struct Note(pub(super) Vec<(Record, Vec<Event>)>);

const INSERT: &str = "\
INSERT INTO {messages} (id, tenant, channel, at, key, fingerprint, category, external_ref, recipient_hashes, details)
VALUES [(?, ?, ?, ?, ?, ?, ?, ?, ?, ?)] ON CONFLICT (id) DO NOTHING";

#[async_trait]
impl Work for Note {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let mut left = self.0.iter();
        for size in chunks(self.0.len()) {
            let mut statement = sqlx::query(tx.core.texts.repeated(INSERT, ", ", size, 0));
            for (record, _) in left.by_ref().take(size) {
                statement = bind_record(statement, tx.core.texts.dialect().hash_key(), record, None);
            }
            tx.run(statement).await?;
        }
        append(tx, self.0.iter().map(|(_, events)| events.as_slice())).await
    }

    fn weight(&self) -> usize {
        self.0.len()
    }
}
