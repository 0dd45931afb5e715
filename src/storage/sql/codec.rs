//! Values as columns: the forms here are those of the tables and stay readable for ever.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    error::{Error, ErrorKind, Result},
    event::{Event, EventKind},
    id::{Fingerprint, MessageId},
    message::{Channel, Priority},
    storage::{RecipientText, Record},
    time::Timestamp,
};

/// A column that does not hold what it should.
pub(in crate::storage) fn unreadable(
    column: &'static str,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> Error {
    Error::new(ErrorKind::Storage, "a column does not hold what this version writes there")
        .with_context("column", column)
        .with_source(source)
}

fn json<T: Serialize>(value: &T) -> String {
    // Strings, numbers and maps with text keys: nothing of that can fail.
    serde_json::to_string(value).unwrap_or_default()
}

/// The variable part of a record, in the column `details`.
#[derive(Serialize, Deserialize)]
struct Details {
    to: Vec<RecipientText>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tags: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    metadata: BTreeMap<Arc<str>, Arc<str>>,
}

#[derive(Serialize)]
struct DetailsOf<'a> {
    to: &'a [RecipientText],
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    tags: &'a [Arc<str>],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    metadata: &'a BTreeMap<Arc<str>, Arc<str>>,
}

/// Recipients, tags and metadata as one text.
pub(in crate::storage) fn details(record: &Record) -> String {
    json(&DetailsOf { to: &record.recipients, tags: &record.tags, metadata: &record.metadata })
}

/// The index of the recipient with this address, as [`Record::index_of`] finds it.
#[cfg(feature = "sqlite")]
pub(in crate::storage) fn index_in_details(details: &str, address: &str) -> Result<Option<u32>> {
    let details: Details = serde_json::from_str(details).map_err(|e| unreadable("details", e))?;
    let place = details.to.iter().position(|known| known.0.eq_ignore_ascii_case(address));
    Ok(place.and_then(|place| u32::try_from(place).ok()))
}

/// The columns of a record.
pub(in crate::storage) struct RecordRow {
    pub(in crate::storage) id: Uuid,
    pub(in crate::storage) tenant: String,
    pub(in crate::storage) channel: String,
    pub(in crate::storage) at: i64,
    pub(in crate::storage) key: Option<String>,
    pub(in crate::storage) category: Option<String>,
    pub(in crate::storage) external_ref: Option<String>,
    pub(in crate::storage) details: String,
}

pub(in crate::storage) fn record_from(row: RecordRow) -> Result<Record> {
    let details: Details = serde_json::from_str(&row.details).map_err(|e| unreadable("details", e))?;
    let tenant = row.tenant.parse().map_err(|e: Error| unreadable("tenant", e))?;
    let channel = channel_from(&row.channel)?;
    let at = Timestamp::from_micros(row.at);
    let mut record = Record::new(MessageId::from_uuid(row.id), tenant, channel, at, details.to);
    (record.tags, record.metadata) = (details.tags, details.metadata);
    record.key = row.key.map(Into::into);
    record.category = row.category.map(Into::into);
    record.external_ref = row.external_ref.map(Into::into);
    Ok(record)
}

pub(in crate::storage) fn channel_from(word: &str) -> Result<Channel> {
    let known = Channel::ALL.into_iter().find(|channel| channel.as_str() == word);
    known.ok_or_else(|| unreadable("channel", format!("{word:?} is not known here")))
}

/// Smaller is more urgent.
pub(in crate::storage) const fn priority_code(priority: Priority) -> i16 {
    match priority {
        Priority::High => 0,
        Priority::Normal => 1,
        Priority::Low => 2,
    }
}

pub(in crate::storage) const fn priority_from(code: i16) -> Priority {
    match code {
        0 => Priority::High,
        2 => Priority::Low,
        _ => Priority::Normal,
    }
}

/// The hash by which a recipient is found without being read; addresses differ by more than ASCII case.
pub(in crate::storage) fn recipient_hash(key: &[u8], address: &str) -> [u8; 8] {
    let full = hmac_sha256::HMAC::mac(address.to_ascii_lowercase(), key);
    let mut short = [0; 8];
    short.copy_from_slice(&full[..8]);
    short
}

/// The hashes of all recipients, one after the other.
pub(in crate::storage) fn recipient_hashes(key: &[u8], record: &Record) -> Vec<u8> {
    record.recipients.iter().flat_map(|recipient| recipient_hash(key, &recipient.0)).collect()
}

/// The recipients that are still to be served.
pub(in crate::storage) fn pending_text(pending: Option<&[u32]>) -> Option<String> {
    pending.map(|indices| json(&indices))
}

pub(in crate::storage) fn pending_from(text: Option<&str>) -> Result<Option<Vec<u32>>> {
    text.map(|text| serde_json::from_str(text).map_err(|e| unreadable("pending", e))).transpose()
}

/// The hashes of a payload's files; `None` if there are none.
pub(in crate::storage) fn blobs_text(blobs: &[Fingerprint]) -> Option<String> {
    (!blobs.is_empty()).then(|| json(&blobs))
}

pub(in crate::storage) fn blobs_from(text: Option<&str>) -> Result<Vec<Fingerprint>> {
    let Some(text) = text else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|e| unreadable("blobs", e))
}

/// An event as it is written: without the message, which is a column, and without what is not set.
#[derive(Serialize, Deserialize)]
struct EventText {
    #[serde(rename = "k")]
    kind: EventKind,
    #[serde(rename = "t")]
    at: i64,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    recipient: Option<u32>,
    #[serde(rename = "g", default, skip_serializing_if = "is_zero")]
    generation: u32,
    #[serde(rename = "a", default, skip_serializing_if = "is_zero")]
    attempt: u32,
    #[serde(rename = "p", default, skip_serializing_if = "Option::is_none")]
    provider: Option<Arc<str>>,
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    vendor_id: Option<Arc<str>>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    code: Option<Arc<str>>,
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    text: Option<Arc<str>>,
    /// In microseconds.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    latency: Option<u64>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    source: Option<Arc<str>>,
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn written(event: &Event) -> EventText {
    let micros = |latency: Duration| u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
    EventText {
        kind: event.kind.clone(),
        at: event.at.as_micros(),
        recipient: event.recipient,
        generation: event.generation,
        attempt: event.attempt,
        provider: event.provider.clone(),
        vendor_id: event.vendor_id.clone(),
        code: event.code.clone(),
        text: event.text.clone(),
        latency: event.latency.map(micros),
        source: event.source.clone(),
    }
}

fn read(message: MessageId, event: EventText) -> Event {
    let mut read = Event::new(message, event.kind, Timestamp::from_micros(event.at));
    (read.recipient, read.generation, read.attempt) = (event.recipient, event.generation, event.attempt);
    (read.provider, read.vendor_id) = (event.provider, event.vendor_id);
    (read.code, read.text, read.source) = (event.code, event.text, event.source);
    read.latency = event.latency.map(Duration::from_micros);
    read
}

/// The events of one row of the history.
pub(in crate::storage) fn events_from(message: MessageId, text: &str) -> Result<Vec<Event>> {
    let events: Vec<EventText> = serde_json::from_str(text).map_err(|e| unreadable("events", e))?;
    Ok(events.into_iter().map(|event| read(message, event)).collect())
}

/// One row of the history: events of one message that were stored together and hold at most one vendor id.
#[derive(Debug)]
pub(in crate::storage) struct HistoryRow {
    pub(in crate::storage) message: Uuid,
    /// Of the first event.
    pub(in crate::storage) at: i64,
    pub(in crate::storage) provider: Option<Arc<str>>,
    pub(in crate::storage) vendor_id: Option<Arc<str>>,
    pub(in crate::storage) events: String,
}

/// Events of one message as rows: one, but for messages that a vendor gave several ids.
pub(in crate::storage) fn history_rows(events: &[Event]) -> Vec<HistoryRow> {
    let mut rows: Vec<(Option<&Event>, Vec<&Event>)> = Vec::new();
    for event in events {
        let fits = |(named, _): &&mut (Option<&Event>, Vec<&Event>)| match (named, &event.vendor_id) {
            (Some(named), Some(id)) => {
                named.vendor_id.as_ref() == Some(id) && named.provider == event.provider
            }
            _ => true,
        };
        match rows.iter_mut().find(fits) {
            Some((named, row)) => {
                *named = named.or_else(|| event.vendor_id.is_some().then_some(event));
                row.push(event);
            }
            None => rows.push((event.vendor_id.is_some().then_some(event), vec![event])),
        }
    }
    rows.into_iter().map(|(named, row)| row_of(named, &row)).collect()
}

fn row_of(named: Option<&Event>, events: &[&Event]) -> HistoryRow {
    let texts: Vec<EventText> = events.iter().map(|event| written(event)).collect();
    HistoryRow {
        message: events.first().map_or_else(Uuid::nil, |event| event.message.as_uuid()),
        at: events.first().map_or(0, |event| event.at.as_micros()),
        provider: named.and_then(|event| event.provider.clone()),
        vendor_id: named.and_then(|event| event.vendor_id.clone()),
        events: json(&texts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted(id: MessageId, recipient: u32, vendor_id: &str) -> Event {
        let mut event = Event::new(id, EventKind::Accepted, Timestamp::from_micros(7));
        (event.recipient, event.attempt, event.provider) = (Some(recipient), 1, Some("p".into()));
        (event.vendor_id, event.latency) = (Some(vendor_id.into()), Some(Duration::from_micros(9)));
        event
    }

    #[test]
    fn events_survive_and_rows_hold_one_vendor_id_each() {
        let id = MessageId::new(Timestamp::from_secs(1));
        let started = Event::new(id, EventKind::Started, Timestamp::from_micros(5));
        let events = [started, accepted(id, 0, "a"), accepted(id, 1, "b"), accepted(id, 2, "a")];
        let rows = history_rows(&events);
        assert_eq!(
            rows.iter().map(|row| row.vendor_id.as_deref()).collect::<Vec<_>>(),
            [Some("a"), Some("b")]
        );
        let mut back: Vec<Event> =
            rows.iter().flat_map(|row| events_from(id, &row.events).expect("written here")).collect();
        back.sort_by_key(|event| event.recipient);
        assert_eq!(back, events);
    }

    #[test]
    fn the_written_form_is_short() {
        let id = MessageId::new(Timestamp::from_secs(1));
        assert_eq!(
            history_rows(&[accepted(id, 0, "a")])[0].events,
            r#"[{"k":"accepted","t":7,"r":0,"a":1,"p":"p","v":"a","l":9}]"#
        );
    }
}
