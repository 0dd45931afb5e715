//! Filters as conditions on messages `m` and the queue `q`.

use sqlx::{Arguments, AssertSqlSafe, Sqlite, error::BoxDynError, sqlite::SqliteArguments};

use super::{fault::failed, text::named, tx::Statement};
use crate::error::Result;
use crate::storage::{Dialect, Filter, QueueState, Scope, sql::recipient_hash};

/// A query that is put together.
pub(super) struct Search {
    text: String,
    values: Result<SqliteArguments, BoxDynError>,
    dialect: Dialect,
}

impl Search {
    /// Begins a query that ends with `WHERE …`.
    pub(super) fn new(dialect: &Dialect, template: &str) -> Self {
        Self {
            text: named(dialect, template),
            values: Ok(SqliteArguments::default()),
            dialect: dialect.clone(),
        }
    }

    /// Adds a piece with one parameter, which stands where `?` does.
    pub(super) fn with<T>(mut self, piece: &'static str, value: T) -> Self
    where
        T: sqlx::Encode<'static, Sqlite> + sqlx::Type<Sqlite> + 'static,
    {
        self.text.push_str(piece);
        self.values = self.values.and_then(|mut values| values.add(value).map(|()| values));
        self
    }

    fn with_some<T>(self, piece: &'static str, value: Option<T>) -> Self
    where
        T: sqlx::Encode<'static, Sqlite> + sqlx::Type<Sqlite> + 'static,
    {
        match value {
            Some(value) => self.with(piece, value),
            None => self,
        }
    }

    pub(super) fn within(self, scope: &Scope) -> Self {
        self.with_some(" AND m.tenant = ?", scope.tenant().map(|tenant| tenant.as_str().to_owned()))
    }

    /// Those that match; of the state only what is in [`in_states`](Self::in_states).
    pub(super) fn matching(self, filter: &Filter) -> Self {
        let Filter { category, channel, external_ref, id, recipient, since, tag, until, .. } = filter;
        let hash =
            recipient.as_ref().map(|address| recipient_hash(self.dialect.hash_key(), address).to_vec());
        self.with_some(" AND m.id = ?", id.map(|id| id.as_uuid()))
            .with_some(" AND m.category = ?", category.clone())
            .with_some(" AND m.channel = ?", channel.map(|channel| channel.as_str()))
            .with_some(" AND m.external_ref = ?", external_ref.clone())
            .with_some(" AND m.at >= ?", since.map(|at| at.as_micros()))
            .with_some(" AND m.at < ?", until.map(|at| at.as_micros()))
            .with_some(" AND instr(m.recipient_hashes, ?) > 0", hash)
            .with_some(
                " AND EXISTS (SELECT 1 FROM json_each(m.details, '$.to') WHERE value = ?)",
                recipient.clone(),
            )
            .with_some(
                " AND EXISTS (SELECT 1 FROM json_each(m.details, '$.tags') WHERE value = ?)",
                tag.clone(),
            )
    }

    /// Those in one of these states of the queue.
    pub(super) fn in_states(mut self, states: &[QueueState]) -> Self {
        let words: Vec<String> = states.iter().map(|state| format!("'{state}'")).collect();
        let is_parked = |state: &QueueState| !matches!(state, QueueState::Leased | QueueState::Ready);
        if states.iter().all(is_parked) {
            // In these words, so that the partial index is seen to fit.
            self.text.push_str(" AND q.state <> 'ready' AND q.state <> 'leased'");
        }
        self.text.push_str(&format!(" AND q.state IN ({})", words.join(", ")));
        self
    }

    /// The query, which ends with a limit where `piece` has its `?`. It is not a bare
    /// parameter, for which SQLite would plan anew.
    pub(super) fn ending(self, piece: &'static str, limit: usize) -> Result<Statement> {
        let Self { text, values, .. } = self.with(piece, i64::try_from(limit).unwrap_or(i64::MAX));
        let values = values.map_err(|error| failed(sqlx::Error::Encode(error)))?;
        Ok(sqlx::query_with(AssertSqlSafe(text), values))
    }
}
