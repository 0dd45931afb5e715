//! What happened: appended, never changed, and read as one timeline.

use std::collections::HashSet;

use uuid::Uuid;

use super::{
    group::Work,
    text::chunks,
    tx::{Tx, column, list},
};
use crate::{
    error::Result,
    event::Event,
    id::{MessageId, TenantId},
    storage::sql::{HistoryRow, events_from, history_rows},
};

const INSERT: &str =
    "INSERT INTO {history} (message, seq, at, provider, vendor_id, events) VALUES [(?, ?, ?, ?, ?, ?)]";

/// Appends events; each slice is of one message.
pub(super) async fn append<'e>(
    tx: &mut Tx<'_>,
    events: impl Iterator<Item = &'e [Event]> + Send,
) -> Result<()> {
    let rows: Vec<HistoryRow> = events.flat_map(history_rows).collect();
    let count = rows.len();
    let mut rows = rows.into_iter();
    for size in chunks(count) {
        let mut statement = sqlx::query(tx.core.texts.repeated(INSERT, ", ", size, 0));
        for row in rows.by_ref().take(size) {
            statement = statement.bind(row.message).bind(tx.core.sequence.next()).bind(row.at);
            statement = statement.bind(row.provider).bind(row.vendor_id).bind(row.events);
        }
        tx.run(statement).await?;
    }
    Ok(())
}

const KNOWN: &str =
    "SELECT id FROM {messages!} WHERE tenant = ?2 AND id IN (SELECT unhex(value) FROM json_each(?1))";

/// Appends events that came from outside.
#[derive(Debug)]
pub(super) struct Append {
    pub(super) tenant: TenantId,
    pub(super) events: Vec<Event>,
}

#[async_trait::async_trait]
impl Work for Append {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let ids: HashSet<Uuid> = self.events.iter().map(|event| event.message.as_uuid()).collect();
        let asked = tx.statement(KNOWN).bind(list(ids)).bind(self.tenant.as_str().to_owned());
        let known: Vec<Uuid> =
            tx.rows(asked).await?.iter().map(|row| column(row, 0)).collect::<Result<_>>()?;
        let mut by_message: Vec<Vec<Event>> = vec![Vec::new(); known.len()];
        for event in &self.events {
            if let Some(place) = known.iter().position(|id| *id == event.message.as_uuid()) {
                by_message[place].push(event.clone());
            }
        }
        append(tx, by_message.iter().map(Vec::as_slice)).await
    }

    fn weight(&self) -> usize {
        self.events.len()
    }
}

/// The events of a message from the texts of its rows, each of them once, after `first`.
pub(super) fn events_of(message: MessageId, first: Option<Event>, rows: Option<&str>) -> Result<Vec<Event>> {
    let mut events = Vec::from_iter(first);
    for row in rows.unwrap_or_default().lines() {
        for event in events_from(message, row)? {
            if !events.iter().any(|known| known.id() == event.id()) {
                events.push(event);
            }
        }
    }
    Ok(events)
}
