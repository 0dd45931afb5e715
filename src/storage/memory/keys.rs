//! Idempotency keys of enqueued messages.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use crate::{
    error::Result,
    id::{Fingerprint, MessageId, TenantId},
    message::Channel,
    storage::{Enqueued, Entry, Record, Retention},
    time::Timestamp,
};

pub(super) type Key = (TenantId, Channel, Arc<str>);

/// The first message of a key.
#[derive(Clone, Copy, Debug)]
pub(super) struct First {
    id: MessageId,
    fingerprint: Option<Fingerprint>,
}

impl First {
    pub(super) fn of(entry: &Entry) -> Self {
        Self { id: entry.record.id, fingerprint: entry.fingerprint }
    }

    /// The answer to another message of the same key.
    pub(super) fn answer(self, entry: &Entry) -> Result<Enqueued> {
        if self.fingerprint == entry.fingerprint {
            return Ok(Enqueued::new(self.id, false));
        }
        Err(entry.conflict(self.id))
    }
}

#[derive(Debug, Default)]
pub(super) struct Keys {
    known: HashMap<Key, First>,
    /// Those whose message is forgotten already, by its time.
    orphans: BTreeSet<(Timestamp, Key)>,
}

pub(super) fn key_of(record: &Record) -> Option<Key> {
    Some((record.tenant.clone(), record.channel, record.key.clone()?))
}

impl Keys {
    pub(super) fn first(&self, key: &Key) -> Option<First> {
        self.known.get(key).copied()
    }

    pub(super) fn insert(&mut self, key: Key, first: First) {
        self.known.insert(key, first);
    }

    pub(super) fn orphans(&self) -> usize {
        self.orphans.len()
    }

    /// The message is forgotten, but its key stays for a while.
    pub(super) fn orphan(&mut self, record: Record) {
        let at = record.at;
        self.orphans.extend(key_of(&record).map(|key| (at, key)));
    }

    pub(super) fn remove(&mut self, record: &Record) {
        if let Some(key) = key_of(record) {
            self.known.remove(&key);
        }
    }

    /// Forgets the keys that have been kept for long enough after their messages.
    pub(super) fn expire(&mut self, now: Timestamp) {
        let is_over = |(at, _): &&(Timestamp, Key)| now.since(*at) >= Retention::KEYS_AT_LEAST;
        while self.orphans.first().filter(is_over).is_some() {
            let Some((_, key)) = self.orphans.pop_first() else { return };
            self.known.remove(&key);
        }
    }
}
