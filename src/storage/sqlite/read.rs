//! The read half.

use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::{SqliteStore, filter::Search, history::events_of, rows::state_from, tx::column};
use crate::{
    error::{Error, Result},
    event::Event,
    id::{DeliveryId, MessageId, TenantId},
    storage::{
        ActRecord, Filter, Page, Pause, Place, Record, Scope, Tracked,
        sql::{RecordRow, events_from, record_from, unreadable},
    },
    time::Timestamp,
};

macro_rules! tracked {
    () => {
        "SELECT m.id, m.tenant, m.channel, m.at, m.key, m.category, m.external_ref, m.details,
    m.payload_version IS NOT NULL,
    (SELECT group_concat(events, char(10)) FROM (SELECT events FROM {history} WHERE message = m.id ORDER BY seq)),
    q.state, q.due, q.attempts, q.losses, q.generation, q.reason "
    };
}

const ONE: &str = concat!(
    tracked!(),
    "FROM {messages} m LEFT JOIN {queue} q ON q.id = m.id WHERE m.id = ?1 AND m.tenant = ?2"
);

const ALL: &str = concat!(tracked!(), "FROM {messages} m LEFT JOIN {queue} q ON q.id = m.id WHERE true");

const QUEUED: &str = concat!(tracked!(), "FROM {queue} q CROSS JOIN {messages} m ON m.id = q.id WHERE true");

const BY_VENDOR_ID: &str = "\
SELECT h.message, h.events, m.tenant, m.details FROM {history} h CROSS JOIN {messages} m ON m.id = h.message
WHERE h.vendor_id = ?1 AND h.vendor_id IS NOT NULL AND h.provider = ?2 ORDER BY h.message DESC";

const TENANT_OF: &str = "SELECT tenant FROM {messages} WHERE id = ?1";

const PAUSES: &str = "SELECT word, name FROM {pauses} WHERE ending = 0";

const ACTS: &str = "\
SELECT id, act, tenant, filter, at, note, changed FROM {acts} WHERE (?1 IS NULL OR tenant = ?1)
ORDER BY id DESC LIMIT ?2 + 0";

/// A message as it is read.
struct Known {
    record: Record,
    enqueued: bool,
    events: Vec<Event>,
    place: Option<Place>,
}

impl Known {
    fn read(row: &SqliteRow) -> Result<Self> {
        let record = record_from(RecordRow {
            id: column(row, 0)?,
            tenant: column(row, 1)?,
            channel: column(row, 2)?,
            at: column(row, 3)?,
            key: column(row, 4)?,
            category: column(row, 5)?,
            external_ref: column(row, 6)?,
            details: column(row, 7)?,
        })?;
        let enqueued: bool = column(row, 8)?;
        let first = enqueued.then(|| record.queued_event());
        let events = events_of(record.id, first, column(row, 9)?)?;
        Ok(Self { record, enqueued, events, place: place(row)? })
    }

    fn tracked(self) -> Tracked {
        Tracked::fold(self.record, &self.events).at_place(self.place)
    }

    fn timeline(mut self) -> Vec<Event> {
        let first = usize::from(self.enqueued).min(self.events.len());
        self.events[first..].sort_by_key(|event| event.at);
        self.events
    }
}

fn place(row: &SqliteRow) -> Result<Option<Place>> {
    let Some(state) = column::<Option<&str>>(row, 10)? else { return Ok(None) };
    let mut place = Place::new(state_from(state)?, Timestamp::from_micros(column(row, 11)?));
    (place.attempts, place.losses) = (column(row, 12)?, column(row, 13)?);
    (place.generation, place.reason) = (column(row, 14)?, column::<Option<&str>>(row, 15)?.map(Into::into));
    Ok(Some(place))
}

impl SqliteStore {
    pub(super) async fn read_tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        Ok(self.known(tenant, id).await?.map(Known::tracked))
    }

    pub(super) async fn read_timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        Ok(self.known(tenant, id).await?.map(Known::timeline).unwrap_or_default())
    }

    async fn known(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Known>> {
        let asked = self.core.statement(ONE).bind(id.as_uuid()).bind(tenant.as_str().to_owned());
        self.readers.row(asked).await?.as_ref().map(Known::read).transpose()
    }

    pub(super) async fn read_list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        let dialect = self.core.texts.dialect();
        let search = match filter.state {
            Some(state) => Search::new(dialect, QUEUED).in_states(&[state]),
            None => Search::new(dialect, ALL),
        };
        let search = search.within(scope).matching(filter);
        let (search, order) = match (filter.state, page.before) {
            (Some(_), Some(before)) => {
                (search.with(" AND q.id < ?", before.as_uuid()), " ORDER BY q.id DESC LIMIT ? + 0")
            }
            (Some(_), None) => (search, " ORDER BY q.id DESC LIMIT ? + 0"),
            (None, Some(before)) => {
                (search.with(" AND m.id < ?", before.as_uuid()), " ORDER BY m.id DESC LIMIT ? + 0")
            }
            (None, None) => (search, " ORDER BY m.id DESC LIMIT ? + 0"),
        };
        let rows = self.readers.rows(search.ending(order, page.limit)?).await?;
        rows.iter().map(|row| Ok(Known::read(row)?.tracked())).collect()
    }

    pub(super) async fn read_acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>> {
        let tenant = scope.tenant().map(|tenant| tenant.as_str().to_owned());
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let rows = self.readers.rows(self.core.statement(ACTS).bind(tenant).bind(limit)).await?;
        rows.iter().map(super::act::read).collect()
    }

    pub(super) async fn read_pauses(&self) -> Result<Vec<Pause>> {
        let rows = self.readers.rows(self.core.statement(PAUSES)).await?;
        let pauses = rows.iter().map(|row| Ok(Pause::from_parts(column(row, 0)?, column(row, 1)?)));
        let pauses: Vec<Option<Pause>> = pauses.collect::<Result<_>>()?;
        let mut pauses: Vec<Pause> = pauses.into_iter().flatten().collect();
        pauses.sort();
        Ok(pauses)
    }

    pub(super) async fn read_tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        let row = self.readers.row(self.core.statement(TENANT_OF).bind(id.as_uuid())).await?;
        row.map(|row| tenant_from(column(&row, 0)?)).transpose()
    }

    pub(super) async fn read_by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        let asked = self.core.statement(BY_VENDOR_ID).bind(vendor_id.to_owned()).bind(provider.to_owned());
        for row in self.readers.rows(asked).await? {
            if let Some(delivery) = delivery(&row, provider, vendor_id, recipient)? {
                return Ok(Some((tenant_from(column(&row, 2)?)?, delivery)));
            }
        }
        Ok(None)
    }
}

fn tenant_from(text: &str) -> Result<TenantId> {
    text.parse().map_err(|e: Error| unreadable("tenant", e))
}

/// Which of the deliveries of this row goes to `recipient`.
fn delivery(
    row: &SqliteRow,
    provider: &str,
    vendor_id: &str,
    recipient: Option<&str>,
) -> Result<Option<DeliveryId>> {
    let message = MessageId::from_uuid(column::<Uuid>(row, 0)?);
    let events = events_from(message, column(row, 1)?)?;
    let named = |event: &&Event| {
        event.vendor_id.as_deref() == Some(vendor_id) && event.provider.as_deref() == Some(provider)
    };
    let mut candidates = events.iter().filter(named).filter_map(Event::delivery);
    let Some(recipient) = recipient else { return Ok(candidates.next()) };
    let index = crate::storage::sql::index_in_details(column(row, 3)?, recipient)?;
    Ok(candidates.find(|delivery| Some(delivery.recipient) == index))
}
