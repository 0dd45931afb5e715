//! New messages: one statement for up to a thousand of them.

use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::{Link, Statement},
    columns::{column, nth, text},
    fault::{Repeats, failed, gave_way},
    gather::{self, Gather, Together},
    suppressions::{found_by, suppression_from},
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::{Fingerprint, MessageId},
    storage::{
        Enqueued, Entry, RecipientText, Suppression,
        sql::{blobs_text, details, priority_code, recipient_hashes},
    },
};

/// Rows of one statement.
pub(super) const ROWS: usize = 1_000;

/// Octets of one statement: the server keeps them in memory.
const OCTETS: usize = 2 << 20;

const ENQUEUE: &str = "SELECT * FROM {enqueue_1}($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, \
     $18, $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29)";

/// Those of which the id or the key is there.
const KNOWN: &str = "SELECT a.nr::integer AS nr, m.id, m.fingerprint \
    FROM unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) WITH ORDINALITY AS a (id, tenant, channel, key, nr) \
    CROSS JOIN LATERAL (SELECT k.id, k.fingerprint FROM {messages} k \
        WHERE k.tenant = a.tenant AND k.channel = a.channel AND k.key = a.key AND k.payload_version IS NOT NULL \
        UNION ALL SELECT k.id, k.fingerprint FROM {messages} k WHERE k.id = a.id AND k.tenant = a.tenant LIMIT 1) m";

/// Enqueues those that can be stored; the others get their own answers.
pub(super) async fn enqueue_admitted(
    inner: &Arc<Inner>,
    entries: Vec<Entry>,
) -> Result<Vec<Result<Enqueued>>> {
    let mut refused: Vec<(usize, Error)> = Vec::new();
    let mut good = Vec::with_capacity(entries.len());
    for (index, entry) in entries.into_iter().enumerate() {
        match admit(&entry) {
            Ok(()) => good.push(entry),
            Err(error) => refused.push((index, error)),
        }
    }
    let mut answers = match good.len() {
        0..=gather::SMALL => gather::ask(inner, good).await?,
        _ => enqueue(inner.desk(), &good.iter().collect::<Vec<_>>()).await?,
    };
    refused.into_iter().for_each(|(index, error)| answers.insert(index.min(answers.len()), Err(error)));
    Ok(answers)
}

impl Together for Entry {
    type Answer = Result<Enqueued>;

    fn gather(inner: &Inner) -> &Gather<Self> {
        &inner.new
    }

    async fn run(inner: &Inner, entries: &[&Self]) -> Result<Vec<Self::Answer>> {
        enqueue(inner.desk(), entries).await
    }
}

/// Where and how new messages are written.
#[derive(Clone, Copy)]
pub(super) struct Desk<'a> {
    pub(super) link: &'a Link,
    /// Of the hashes of recipients.
    pub(super) key: &'a [u8],
    /// The channel of NOTIFY.
    pub(super) bell: &'a str,
}

/// Makes messages durable in one transaction; one answer for each. Repeated after a failure it changes nothing that is there.
pub(super) async fn enqueue(desk: Desk<'_>, entries: &[&Entry]) -> Result<Vec<Result<Enqueued>>> {
    if entries.is_empty() {
        return Ok(Vec::new());
    }
    let parts: Vec<Rows<'_>> = parts(entries).into_iter().map(|part| Rows::of(desk.key, part)).collect();
    let rows = insert(desk, &parts).await.map_err(failed)?;
    answer(desk.link, entries, Written::read(&rows)?).await
}

/// What became of some entries.
#[derive(Default)]
struct Written {
    /// What is new.
    fresh: HashSet<Uuid>,
    /// What the suppression list has of the recipients of the others.
    hits: HashMap<Uuid, Vec<Suppression>>,
}

impl Written {
    fn read(rows: &[PgRow]) -> Result<Self> {
        let mut written = Self::default();
        for row in rows {
            let id = nth(row, 0)?;
            match nth(row, 1)? {
                true => drop(written.fresh.insert(id)),
                false => written.hits.entry(id).or_default().push(suppression_from(row)?),
            }
        }
        Ok(written)
    }

    /// Whether an entry was refused, if it is not new.
    fn refusal(&self, entry: &Entry) -> Option<Error> {
        let found = self.hits.get(&entry.record.id.as_uuid())?;
        let is_everyone = found.len() == entry.record.recipients.len();
        found.first().filter(|_| is_everyone).map(Suppression::refusal)
    }
}

/// Entries cut into statements.
fn parts<'e, 'x>(mut entries: &'x [&'e Entry]) -> Vec<&'x [&'e Entry]> {
    let mut parts = Vec::new();
    while !entries.is_empty() {
        let mut octets = 0;
        let fits = entries.iter().take(ROWS).take_while(|entry| {
            octets += entry.payload.bytes.len();
            octets <= OCTETS
        });
        let (part, rest) = entries.split_at(fits.count().max(1));
        parts.push(part);
        entries = rest;
    }
    parts
}

async fn insert(desk: Desk<'_>, parts: &[Rows<'_>]) -> sqlx::Result<Vec<PgRow>> {
    let mut repeats = Repeats::default();
    loop {
        match insert_once(desk, parts).await {
            Err(error) if gave_way(&error) && repeats.again().await => {}
            answer => return answer,
        }
    }
}

async fn insert_once(desk: Desk<'_>, parts: &[Rows<'_>]) -> sqlx::Result<Vec<PgRow>> {
    let Desk { link, bell, .. } = desk;
    let statement = |part: &Rows<'_>| part.bind(link.statement(ENQUEUE).bind(link.clock()).bind(bell));
    if let [part] = parts {
        return link.rows_once(statement(part)).await;
    }
    let mut transaction = link.begin().await?;
    let mut rows = Vec::new();
    for part in parts {
        rows.extend(transaction.rows(statement(part)).await?);
    }
    transaction.commit().await?;
    Ok(rows)
}

/// The answers, where some are new, some refused, and the others are there already.
async fn answer(link: &Link, entries: &[&Entry], mut written: Written) -> Result<Vec<Result<Enqueued>>> {
    let mut answers: Vec<Option<Result<Enqueued>>> = Vec::with_capacity(entries.len());
    for entry in entries {
        let id = entry.record.id;
        // Of two of the same id the first is new.
        answers.push(match written.fresh.remove(&id.as_uuid()) {
            true => Some(Ok(Enqueued::new(id, true))),
            false => written.refusal(entry).map(Err),
        });
    }
    let others: Vec<usize> = (0..entries.len()).filter(|index| answers[*index].is_none()).collect();
    if !others.is_empty() {
        let wanted: Vec<&Entry> = others.iter().map(|index| entries[*index]).collect();
        for (index, known) in others.into_iter().zip(known(link, &wanted).await?) {
            answers[index] = Some(judge(entries[index], known));
        }
    }
    Ok(answers.into_iter().flatten().collect())
}

/// A message that is there.
type Known = (Uuid, Option<Vec<u8>>);

async fn known(link: &Link, entries: &[&Entry]) -> Result<Vec<Option<Known>>> {
    let ids: Vec<Uuid> = entries.iter().map(|entry| entry.record.id.as_uuid()).collect();
    let tenants: Vec<&str> = entries.iter().map(|entry| entry.record.tenant.as_str()).collect();
    let channels: Vec<&str> = entries.iter().map(|entry| entry.record.channel.as_str()).collect();
    let keys: Vec<Option<&str>> = entries.iter().map(|entry| entry.record.key.as_deref()).collect();
    let rows =
        link.rows(|| link.statement(KNOWN).bind(&ids).bind(&tenants).bind(&channels).bind(&keys)).await?;
    let mut found = vec![None; entries.len()];
    for row in &rows {
        let index = usize::try_from(column::<i32>(row, "nr")?).unwrap_or_default();
        if let Some(slot) = index.checked_sub(1).and_then(|index| found.get_mut(index)) {
            *slot = Some((column(row, "id")?, column(row, "fingerprint")?));
        }
    }
    Ok(found)
}

fn judge(entry: &Entry, known: Option<Known>) -> Result<Enqueued> {
    let Some((id, fingerprint)) = known else {
        let why = "the first message of this key was deleted at this moment; enqueue it again";
        return Err(Error::new(ErrorKind::Storage, why));
    };
    let id = MessageId::from_uuid(id);
    let same =
        fingerprint.as_deref() == entry.fingerprint.as_ref().map(|Fingerprint(bytes)| bytes.as_slice());
    if same || id == entry.record.id {
        return Ok(Enqueued::new(id, false));
    }
    Err(entry.conflict(id))
}

/// What no text in Postgres can hold, or no row.
pub(super) fn admit(entry: &Entry) -> Result<()> {
    let record = &entry.record;
    let texts = [
        ("key", &record.key),
        ("category", &record.category),
        ("external_ref", &record.external_ref),
        ("ordering_key", &entry.terms.ordering_key),
    ];
    for (field, value) in texts {
        if value.as_ref().is_some_and(|value| value.contains('\0')) {
            return Err(Error::invalid(field, "the character NUL cannot be stored in Postgres"));
        }
    }
    for (field, value) in texts {
        // An index takes no more; by such texts messages are found.
        if value.as_ref().is_some_and(|value| value.len() > 1_024) {
            return Err(Error::invalid(field, "at most 1,024 octets can be found again in Postgres"));
        }
    }
    Ok(())
}

/// Entries as columns.
struct Rows<'e> {
    entries: &'e [&'e Entry],
    hashes: Vec<Vec<u8>>,
    details: Vec<String>,
    blobs: Vec<Option<String>>,
}

impl<'e> Rows<'e> {
    fn of(key: &[u8], entries: &'e [&'e Entry]) -> Self {
        Self {
            entries,
            hashes: entries.iter().map(|entry| recipient_hashes(key, &entry.record)).collect(),
            details: entries.iter().map(|entry| details(&entry.record)).collect(),
            blobs: entries.iter().map(|entry| blobs_text(&entry.payload.blobs)).collect(),
        }
    }

    fn all<T>(&self, part: impl Fn(&'e Entry) -> T) -> Vec<T> {
        self.entries.iter().map(|entry| part(entry)).collect()
    }

    fn bind(&self, statement: Statement) -> Statement {
        let statement = self.bind_record(statement);
        let statement = self.bind_terms(statement);
        let blobs = |entry: &&'e Entry| {
            let id = entry.record.id.as_uuid();
            entry.payload.blobs.iter().map(move |Fingerprint(hash)| (hash.as_slice(), id))
        };
        let (hashes, messages): (Vec<&[u8]>, Vec<Uuid>) =
            self.entries.iter().copied().flat_map(|entry| blobs(&entry)).unzip();
        self.bind_looks(statement.bind(hashes).bind(messages))
    }

    /// The recipients to be looked up, and the messages without such.
    fn bind_looks(&self, statement: Statement) -> Statement {
        let (asking, others): (Vec<&Entry>, Vec<&Entry>) =
            self.entries.iter().partition(|entry| entry.unless_suppressed);
        let (mut ids, mut tenants, mut channels, mut addresses) = (vec![], vec![], vec![], vec![]);
        for record in asking.iter().map(|entry| &entry.record) {
            for RecipientText(address) in &record.recipients {
                ids.push(record.id.as_uuid());
                tenants.push(record.tenant.as_str());
                channels.push(record.channel.as_str());
                addresses.push(found_by(address));
            }
        }
        let others: Vec<Uuid> = others.iter().map(|entry| entry.record.id.as_uuid()).collect();
        statement.bind(ids).bind(tenants).bind(channels).bind(addresses).bind(others)
    }

    fn bind_record(&self, statement: Statement) -> Statement {
        statement
            .bind(self.all(|entry| entry.record.id.as_uuid()))
            .bind(self.all(|entry| entry.record.at.as_micros()))
            .bind(self.all(|entry| entry.record.tenant.as_str()))
            .bind(self.all(|entry| entry.record.channel.as_str()))
            .bind(self.all(|entry| entry.record.key.as_deref()))
            .bind(self.all(|entry| entry.record.category.as_deref()))
            .bind(self.all(|entry| entry.record.external_ref.as_deref()))
            .bind(&self.hashes)
            .bind(&self.details)
            .bind(self.all(|entry| entry.fingerprint.as_ref().map(|Fingerprint(bytes)| bytes.as_slice())))
    }

    fn bind_terms(&self, statement: Statement) -> Statement {
        statement
            .bind(self.all(|entry| entry.terms.due.map(|at| at.as_micros())))
            .bind(self.all(|entry| entry.terms.expires.map(|at| at.as_micros())))
            .bind(self.all(|entry| priority_code(entry.terms.priority)))
            .bind(self.all(|entry| i16::try_from(entry.payload.version).unwrap_or(i16::MAX)))
            .bind(self.all(|entry| entry.terms.on_unknown.as_str()))
            .bind(self.all(|entry| entry.terms.ordering_key.as_deref()))
            .bind(self.all(|entry| text(&entry.payload.codec)))
            .bind(self.all(|entry| entry.payload.key_id.as_deref().map(text)))
            .bind(&self.blobs)
            .bind(self.all(|entry| &entry.payload.bytes[..]))
    }
}
