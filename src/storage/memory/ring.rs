//! Messages in a final state: a ring of the newest.

use std::{collections::VecDeque, mem::size_of};

use crate::{
    event::Event,
    id::{DeliveryId, MessageId, TenantId},
    storage::Record,
};

/// A message with what happened to it.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) record: Record,
    pub(super) events: Vec<Event>,
    /// Enqueued ones have an idempotency key that counts, and a timeline that begins with its first event.
    pub(super) enqueued: bool,
    pub(super) octets: usize,
}

impl Slot {
    pub(super) fn new(record: Record, events: Vec<Event>) -> Self {
        let octets = weight_of(&record) + events.iter().map(weight_of_event).sum::<usize>();
        Self { record, events, enqueued: false, octets }
    }

    pub(super) fn enqueued(record: Record) -> Self {
        let queued = record.queued_event();
        Self { enqueued: true, ..Self::new(record, vec![queued]) }
    }

    /// Appends what is new; answers by how much it grew.
    pub(super) fn append(&mut self, event: Event) -> usize {
        if self.events.iter().any(|known| known.id() == event.id()) {
            return 0;
        }
        let octets = weight_of_event(&event);
        self.octets += octets;
        self.events.push(event);
        octets
    }

    pub(super) fn timeline(&self) -> Vec<Event> {
        let mut events = self.events.clone();
        let first = usize::from(self.enqueued).min(events.len());
        events[first..].sort_by_key(|event| event.at);
        events
    }

    /// Which of the deliveries that `provider` accepted under `vendor_id` goes to `recipient`.
    pub(super) fn delivery(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Option<DeliveryId> {
        let accepted = self.events.iter().filter(|event| {
            event.vendor_id.as_deref() == Some(vendor_id) && event.provider.as_deref() == Some(provider)
        });
        let mut candidates = accepted.filter_map(Event::delivery);
        let Some(recipient) = recipient else { return candidates.next() };
        let index = self.record.index_of(recipient)?;
        candidates.find(|delivery| delivery.recipient == index)
    }
}

#[derive(Debug, Default)]
pub(super) struct Ring {
    /// In the order of ids, which is that of time: the first is the oldest.
    pub(super) slots: VecDeque<Slot>,
    pub(super) octets: usize,
}

impl Ring {
    pub(super) fn insert(&mut self, slot: Slot) {
        self.octets += slot.octets;
        match self.slots.back() {
            // Concurrent sends may come in a little late, and what was enqueued much later.
            Some(last) if last.record.id >= slot.record.id => self.insert_late(slot),
            _ => self.slots.push_back(slot),
        }
    }

    /// What was recorded before stays, and what happened since is added.
    fn insert_late(&mut self, slot: Slot) {
        match self.position(slot.record.id) {
            Ok(known) => {
                self.octets -= slot.octets;
                slot.events.into_iter().for_each(|event| self.octets += self.slots[known].append(event));
            }
            Err(place) => self.slots.insert(place, slot),
        }
    }

    pub(super) fn position(&self, id: MessageId) -> Result<usize, usize> {
        self.slots.binary_search_by_key(&id, |slot| slot.record.id)
    }

    pub(super) fn slot(&self, id: MessageId) -> Option<&Slot> {
        Some(&self.slots[self.position(id).ok()?])
    }

    /// Gives the event back if there is no such message.
    pub(super) fn append(&mut self, tenant: &TenantId, event: Event) -> Option<Event> {
        let Ok(position) = self.position(event.message) else { return Some(event) };
        let slot = &mut self.slots[position];
        if slot.record.tenant == *tenant {
            self.octets += slot.append(event);
        }
        None
    }

    /// The oldest, if there are more than so many or they are larger than so much.
    pub(super) fn surplus(&mut self, messages: usize, octets: usize) -> Option<Slot> {
        if self.slots.len() <= messages && self.octets <= octets {
            return None;
        }
        let slot = self.slots.pop_front()?;
        self.octets -= slot.octets;
        Some(slot)
    }

    /// Takes out those that are in `ids`, which are sorted.
    pub(super) fn remove(&mut self, ids: &[MessageId]) -> Vec<Slot> {
        let (gone, kept) = std::mem::take(&mut self.slots)
            .into_iter()
            .partition::<VecDeque<Slot>, _>(|slot| ids.binary_search(&slot.record.id).is_ok());
        self.slots = kept;
        self.octets -= gone.iter().map(|slot| slot.octets).sum::<usize>();
        gone.into()
    }
}

/// What an entry of a map costs beside its value, about.
const ENTRY: usize = 64;

fn weight_of(record: &Record) -> usize {
    let texts = record.recipients.iter().map(|r| r.0.len() + ENTRY).sum::<usize>()
        + record.tags.iter().map(|tag| tag.len() + ENTRY).sum::<usize>()
        + record.metadata.iter().map(|(name, value)| name.len() + value.len() + 2 * ENTRY).sum::<usize>();
    let options = [&record.key, &record.category, &record.external_ref];
    let options = options.into_iter().flatten().map(|text| text.len()).sum::<usize>();
    size_of::<Slot>() + ENTRY + texts + options
}

fn weight_of_event(event: &Event) -> usize {
    let texts = [&event.vendor_id, &event.code, &event.text, &event.source];
    size_of::<Event>() + texts.into_iter().flatten().map(|text| text.len()).sum::<usize>()
}
