//! What is known of messages.

use std::{collections::HashSet, fmt::Write};

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::{Link, Statement},
    columns::{column, indexed, limit, text, unsigned},
};
use crate::{
    error::{Error, Result},
    event::{Event, EventId},
    id::{DeliveryId, MessageId, TenantId},
    storage::{
        Filter, Page, Place, QueueState, Record, Scope, Tracked,
        sql::{RecordRow, events_from, recipient_hash, record_from, unreadable},
    },
    time::Timestamp,
};

macro_rules! select_tracked {
    ($join:literal) => {
        concat!(
            "SELECT m.id, m.tenant, m.channel, m.at, m.key, m.category, m.external_ref, m.details, \
             m.payload_version IS NOT NULL AS enqueued, q.state, q.due, q.attempts, q.losses, q.generation, q.reason, \
             ARRAY(SELECT h.events FROM {history} h WHERE h.message = m.id ORDER BY h.seq) AS history \
             FROM {messages} m ",
            $join,
            " JOIN {queue} q ON q.id = m.id "
        )
    };
}

const ONE: &str = concat!(select_tracked!("LEFT"), "WHERE m.id = $1 AND m.tenant = $2");

pub(super) async fn tracked(link: &Link, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
    let rows = one(link, tenant, id).await?;
    rows.first().map(tracked_from).transpose()
}

pub(super) async fn timeline(link: &Link, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
    let rows = one(link, tenant, id).await?;
    let Some(row) = rows.first() else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    if column(row, "enqueued")? {
        events.push(record(row)?.queued_event());
    }
    let first = events.len();
    events.extend(history(row)?);
    let mut events = without_duplicates(events);
    events[first..].sort_by_key(|event| event.at);
    Ok(events)
}

async fn one(link: &Link, tenant: &TenantId, id: MessageId) -> Result<Vec<PgRow>> {
    link.rows(|| link.statement(ONE).bind(id.as_uuid()).bind(tenant.as_str())).await
}

fn record(row: &PgRow) -> Result<Record> {
    record_from(RecordRow {
        id: column(row, "id")?,
        tenant: column(row, "tenant")?,
        channel: column(row, "channel")?,
        at: column(row, "at")?,
        key: column(row, "key")?,
        category: column(row, "category")?,
        external_ref: column(row, "external_ref")?,
        details: column(row, "details")?,
    })
}

/// All events that were stored, also those that were stored twice.
fn history(row: &PgRow) -> Result<Vec<Event>> {
    let id = MessageId::from_uuid(column(row, "id")?);
    let texts: Vec<String> = column(row, "history")?;
    let parts = texts.iter().map(|text| events_from(id, text)).collect::<Result<Vec<_>>>()?;
    Ok(parts.into_iter().flatten().collect())
}

/// The first of each id.
fn without_duplicates(events: Vec<Event>) -> Vec<Event> {
    let mut seen: HashSet<EventId<'_>> = HashSet::new();
    let fresh: Vec<bool> = events.iter().map(|event| seen.insert(event.id())).collect();
    events.into_iter().zip(fresh).filter_map(|(event, fresh)| fresh.then_some(event)).collect()
}

fn tracked_from(row: &PgRow) -> Result<Tracked> {
    Ok(Tracked::fold(record(row)?, &without_duplicates(history(row)?)).at_place(place(row)?))
}

fn state_of(row: &PgRow) -> Result<Option<QueueState>> {
    let Some(word) = column::<Option<&str>>(row, "state")? else { return Ok(None) };
    let state = QueueState::from_word(word);
    state.ok_or_else(|| unreadable("state", format!("{word:?} is not known here"))).map(Some)
}

fn place(row: &PgRow) -> Result<Option<Place>> {
    let Some(state) = state_of(row)? else { return Ok(None) };
    let mut place = Place::new(state, Timestamp::from_micros(column(row, "due")?));
    place.attempts = unsigned(column(row, "attempts")?);
    place.losses = unsigned(column(row, "losses")?);
    place.generation = unsigned(column(row, "generation")?);
    place.reason = column::<Option<&str>>(row, "reason")?.map(Into::into);
    Ok(Some(place))
}

/// Lists by what the database can tell; the little that it cannot is told here, and more is read until the page is full.
pub(super) async fn list(inner: &Inner, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
    let mut found = Vec::new();
    let mut before = page.before;
    while found.len() < page.limit {
        let wanted = page.limit - found.len();
        let rows = inner.link.rows(|| listing(inner, scope, filter, before, wanted)).await?;
        for row in &rows {
            let tracked = tracked_from(row)?;
            before = Some(tracked.record.id);
            let state = tracked.place.as_ref().map(|place| place.state);
            found.extend(filter.matches(&tracked.record, state).then_some(tracked));
        }
        if rows.len() < wanted {
            break;
        }
    }
    Ok(found)
}

fn listing(
    inner: &Inner,
    scope: &Scope,
    filter: &Filter,
    before: Option<MessageId>,
    wanted: usize,
) -> Statement {
    let select = match filter.state {
        None => select_tracked!("LEFT"),
        Some(_) => select_tracked!("INNER"),
    };
    let mut conditions = Conditions::new(select);
    conditions.of_filter(scope, filter, inner.options.dialect.hash_key());
    if let Some(state) = filter.state {
        conditions.add(format_args!("q.state = '{state}'"), |statement| statement);
    }
    if let Some(before) = before {
        let id = before.as_uuid();
        conditions.with("m.id < ", move |statement| statement.bind(id));
    }
    conditions.finish(&inner.link, &format!("ORDER BY m.id DESC LIMIT {}", limit(wanted)))
}

/// A statement with the conditions that a filter has, so that the plan fits them.
pub(super) struct Conditions {
    sql: String,
    parameters: usize,
    bindings: Vec<Box<dyn FnOnce(Statement) -> Statement + Send>>,
}

impl Conditions {
    pub(super) fn new(select: &str) -> Self {
        Self { sql: format!("{select}WHERE true"), parameters: 0, bindings: Vec::new() }
    }

    /// Adds a condition on a parameter, written after it.
    pub(super) fn with(
        &mut self,
        condition: &str,
        bind: impl FnOnce(Statement) -> Statement + Send + 'static,
    ) {
        self.parameters += 1;
        let number = self.parameters;
        self.add(format_args!("{condition}${number}"), bind);
    }

    /// Closes a bracket that the last condition opened before its parameter.
    pub(super) fn close(&mut self) {
        self.sql.push(')');
    }

    /// Adds a condition.
    fn add(
        &mut self,
        condition: std::fmt::Arguments<'_>,
        bind: impl FnOnce(Statement) -> Statement + Send + 'static,
    ) {
        // Writing into a String cannot fail.
        let _ = write!(self.sql, " AND {condition}");
        self.bindings.push(Box::new(bind));
    }

    /// Those of a filter but for the state; wider than it where a hash or a text is looked for.
    pub(super) fn of_filter(&mut self, scope: &Scope, filter: &Filter, key: &[u8]) {
        let texts = [
            ("m.tenant = ", scope.tenant().map(|tenant| tenant.as_str())),
            ("m.channel = ", filter.channel.map(|channel| channel.as_str())),
            ("m.category = ", filter.category.as_deref()),
            ("m.external_ref = ", filter.external_ref.as_deref()),
        ];
        for (condition, value) in texts {
            if let Some(value) = value.map(|value| text(value).into_owned()) {
                self.with(condition, move |statement| statement.bind(value));
            }
        }
        let moments = [("m.at >= ", filter.since), ("m.at < ", filter.until)];
        for (condition, at) in moments {
            if let Some(at) = at {
                self.with(condition, move |statement| statement.bind(at.as_micros()));
            }
        }
        self.of_lists(filter, key);
    }

    fn of_lists(&mut self, filter: &Filter, key: &[u8]) {
        if let Some(id) = filter.id {
            self.with("m.id = ", move |statement| statement.bind(id.as_uuid()));
        }
        if let Some(address) = &filter.recipient {
            let hash = recipient_hash(key, address).to_vec();
            self.with("0 < \"position\"(m.recipient_hashes, ", move |statement| statement.bind(hash));
            self.close();
        }
        if let Some(tag) = &filter.tag {
            // As it is written in the text, quotes included.
            let tag = serde_json::to_string(tag).unwrap_or_default();
            self.with("0 < strpos((m.details::json -> 'tags')::text, ", move |statement| statement.bind(tag));
            self.close();
        }
    }

    pub(super) fn finish(self, link: &Link, end: &str) -> Statement {
        let sql = format!("{} {end}", self.sql);
        let statement = link.composed(&sql);
        self.bindings.into_iter().fold(statement, |statement, bind| bind(statement))
    }
}

const BY_VENDOR_ID: &str = "SELECT m.id, m.tenant, m.channel, m.at, m.key, m.category, m.external_ref, m.details, h.events \
    FROM {history} h JOIN {messages} m ON m.id = h.message WHERE h.provider = $1 AND h.vendor_id = $2 \
    ORDER BY h.message DESC, h.seq LIMIT 1000";

pub(super) async fn by_vendor_id(
    link: &Link,
    provider: &str,
    vendor_id: &str,
    recipient: Option<&str>,
) -> Result<Option<(TenantId, DeliveryId)>> {
    let statement = || link.statement(BY_VENDOR_ID).bind(indexed(provider)).bind(indexed(vendor_id));
    for row in &link.rows(statement).await? {
        let record = record(row)?;
        let index = recipient.map(|address| record.index_of(address));
        let events = events_from(record.id, column(row, "events")?)?;
        let of_vendor = events.iter().filter(|event| {
            event.vendor_id.as_deref() == Some(vendor_id) && event.provider.as_deref() == Some(provider)
        });
        let mut deliveries = of_vendor.filter_map(Event::delivery);
        let found = deliveries.find(|delivery| index.is_none_or(|index| index == Some(delivery.recipient)));
        if let Some(found) = found {
            return Ok(Some((record.tenant, found)));
        }
    }
    Ok(None)
}

pub(super) async fn tenant_of(link: &Link, id: MessageId) -> Result<Option<TenantId>> {
    let id: Uuid = id.as_uuid();
    let rows = link.rows(|| link.statement("SELECT tenant FROM {messages} WHERE id = $1").bind(id)).await?;
    let Some(row) = rows.first() else { return Ok(None) };
    let tenant = column::<&str>(row, "tenant")?.parse();
    tenant.map(Some).map_err(|e: Error| unreadable("tenant", e))
}
