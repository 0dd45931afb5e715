//! Messages that are sent at once, and events that come later.

use std::collections::HashMap;

use super::{
    Inner,
    call::{Link, Statement},
    columns::text,
    fault::{Repeats, failed, gave_way},
    history::History,
};
use crate::{
    error::Result,
    event::Event,
    id::TenantId,
    storage::{
        Record,
        sql::{details, recipient_hashes},
    },
};

/// Of those that are there already nothing is written, their events neither.
const RECORD: &str = "WITH fresh AS (INSERT INTO {messages} \
    (id, at, tenant, channel, key, category, external_ref, recipient_hashes, details) \
    SELECT * FROM unnest($6::uuid[], $7::bigint[], $8::text[], $9::text[], $10::text[], $11::text[], $12::text[], \
        $13::bytea[], $14::text[]) ON CONFLICT (id) DO NOTHING RETURNING id) \
    INSERT INTO {history} (message, at, provider, vendor_id, events) \
    SELECT h.message, h.at, h.provider, h.vendor_id, h.events \
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[]) AS h (message, at, provider, vendor_id, events) \
    WHERE h.message IN (SELECT id FROM fresh)";

const APPEND: &str = "INSERT INTO {history} (message, at, provider, vendor_id, events) \
    SELECT h.message, h.at, h.provider, h.vendor_id, h.events \
    FROM unnest($1::uuid[], $2::bigint[], $3::text[], $4::text[], $5::text[]) AS h (message, at, provider, vendor_id, events) \
    WHERE EXISTS (SELECT FROM {messages} m WHERE m.id = h.message AND m.tenant = $6)";

/// Messages of one statement.
const PART: usize = 1_000;

pub(super) async fn record(inner: &Inner, messages: &[(Record, Vec<Event>)]) -> Result<()> {
    if messages.len() <= PART {
        return inner.link.rows(|| statement(inner, messages)).await.map(drop);
    }
    let mut repeats = Repeats::default();
    loop {
        match record_parts(inner, messages).await {
            Err(error) if gave_way(&error) && repeats.again().await => {}
            answer => return answer.map_err(failed),
        }
    }
}

async fn record_parts(inner: &Inner, messages: &[(Record, Vec<Event>)]) -> sqlx::Result<()> {
    let mut transaction = inner.link.begin().await?;
    for part in messages.chunks(PART) {
        transaction.run(statement(inner, part)).await?;
    }
    transaction.commit().await
}

fn statement(inner: &Inner, messages: &[(Record, Vec<Event>)]) -> Statement {
    let mut history = History::default();
    messages.iter().for_each(|(_, events)| history.add(0, events));
    let all = history.bind_rows(inner.link.statement(RECORD));
    let records: Vec<&Record> = messages.iter().map(|(record, _)| record).collect();
    let key = inner.options.dialect.hash_key();
    all.bind(records.iter().map(|record| record.id.as_uuid()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.at.as_micros()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.tenant.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.channel.as_str()).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.key.as_deref().map(text)).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.category.as_deref().map(text)).collect::<Vec<_>>())
        .bind(records.iter().map(|record| record.external_ref.as_deref().map(text)).collect::<Vec<_>>())
        .bind(records.iter().map(|record| recipient_hashes(key, record)).collect::<Vec<_>>())
        .bind(records.iter().map(|record| details(record)).collect::<Vec<_>>())
}

/// Appends events; those that are there twice are told apart when they are read.
pub(super) async fn append(inner: &Inner, tenant: &TenantId, events: &[Event]) -> Result<()> {
    let history = by_message(events);
    if history.is_empty() {
        return Ok(());
    }
    let link: &Link = &inner.link;
    link.rows(|| history.bind_rows(link.statement(APPEND)).bind(tenant.as_str())).await.map(drop)
}

fn by_message(events: &[Event]) -> History {
    let mut messages: HashMap<_, Vec<Event>> = HashMap::new();
    let mut order = Vec::new();
    for event in events {
        let known = messages.entry(event.message).or_insert_with(|| {
            order.push(event.message);
            Vec::new()
        });
        known.push(event.clone());
    }
    let mut history = History::default();
    order.iter().filter_map(|id| messages.get(id)).for_each(|events| history.add(0, events));
    history
}
