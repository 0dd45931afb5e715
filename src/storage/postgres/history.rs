//! Rows of the history as columns.

use super::{
    call::{Link, Statement},
    columns::{indexed, text},
};
use crate::{
    event::Event,
    storage::sql::{HistoryRow, history_rows},
};

const INSERT: &str = "INSERT INTO {history} (message, at, provider, vendor_id, events) \
    SELECT * FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[])";

/// Rows of the history, each with the number of that to which it belongs.
#[derive(Default)]
pub(super) struct History {
    of: Vec<i32>,
    rows: Vec<HistoryRow>,
}

impl History {
    /// Adds events of one message, the `number`th.
    pub(super) fn add(&mut self, number: i32, events: &[Event]) {
        let rows = history_rows(events);
        self.of.extend(rows.iter().map(|_| number));
        self.rows.extend(rows);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Writes them as they are.
    pub(super) fn insert(&self, link: &Link) -> Statement {
        self.bind_rows(link.statement(INSERT))
    }

    /// Binds them with their messages.
    pub(super) fn bind_rows(&self, statement: Statement) -> Statement {
        let messages: Vec<_> = self.rows.iter().map(|row| row.message).collect();
        self.bind(statement.bind(messages))
    }

    /// Binds them with their numbers.
    pub(super) fn bind_numbered(&self, statement: Statement) -> Statement {
        self.bind(statement.bind(&self.of))
    }

    fn bind(&self, statement: Statement) -> Statement {
        let rows = &self.rows;
        statement
            .bind(rows.iter().map(|row| row.at).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.provider.as_deref().map(indexed)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| row.vendor_id.as_deref().map(indexed)).collect::<Vec<_>>())
            .bind(rows.iter().map(|row| text(&row.events)).collect::<Vec<_>>())
    }
}
