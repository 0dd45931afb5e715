//! The store in memory: a ring of the newest messages.

use std::{
    collections::VecDeque,
    mem::size_of,
    sync::{Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;

use super::{
    Act, ActRecord, Cancelled, Claim, Claimed, Enqueued, Entry, Filter, Lease, Messages, Page, Pause,
    QueueStats, Record, Retention, Scope, Settlement, Tracked,
};
use crate::{
    error::Result,
    event::Event,
    id::{DeliveryId, MessageId, TenantId},
};
use std::{sync::Arc, time::Duration};

/// Keeps the newest messages, without bodies, until there are too many or
/// they take too much memory.
///
/// ```
/// let store = tidings::storage::MemoryStore::with_limits(1_000, 1 << 20);
/// assert!(store.is_empty());
/// ```
#[derive(Debug)]
pub struct MemoryStore {
    most_messages: usize,
    most_octets: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug, Default)]
struct Ring {
    /// In the order of ids, which is that of time: the first is the oldest.
    slots: VecDeque<Slot>,
    octets: usize,
}

#[derive(Debug)]
struct Slot {
    record: Record,
    events: Vec<Event>,
    octets: usize,
}

impl Default for MemoryStore {
    /// 10,000 messages or 32 MiB.
    fn default() -> Self {
        Self::with_limits(10_000, 32 << 20)
    }
}

impl MemoryStore {
    /// Keeps at most `messages`, and at most about `octets` of memory.
    pub fn with_limits(messages: usize, octets: usize) -> Self {
        Self { most_messages: messages, most_octets: octets, ring: Mutex::default() }
    }

    /// How many messages are kept now.
    pub fn len(&self) -> usize {
        self.ring().slots.len()
    }

    /// True if none are.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// About how many octets they take.
    pub fn octets(&self) -> usize {
        self.ring().octets
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        self.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ring {
    fn insert(&mut self, record: Record, events: Vec<Event>) {
        let octets = weight_of(&record) + events.iter().map(weight_of_event).sum::<usize>();
        let slot = Slot { record, events, octets };
        self.octets += octets;
        match self.slots.back() {
            // Concurrent sends may come in a little late.
            Some(last) if last.record.id >= slot.record.id => self.insert_late(slot),
            _ => self.slots.push_back(slot),
        }
    }

    fn insert_late(&mut self, slot: Slot) {
        match self.position(slot.record.id) {
            Ok(known) => self.octets -= std::mem::replace(&mut self.slots[known], slot).octets,
            Err(place) => self.slots.insert(place, slot),
        }
    }

    fn position(&self, id: MessageId) -> std::result::Result<usize, usize> {
        self.slots.binary_search_by_key(&id, |slot| slot.record.id)
    }

    fn slot(&self, tenant: &TenantId, id: MessageId) -> Option<&Slot> {
        let slot = &self.slots[self.position(id).ok()?];
        (slot.record.tenant == *tenant).then_some(slot)
    }

    fn append(&mut self, tenant: &TenantId, event: Event) {
        let Ok(position) = self.position(event.message) else { return };
        let slot = &mut self.slots[position];
        if slot.record.tenant != *tenant || slot.events.iter().any(|known| known.id() == event.id()) {
            return;
        }
        let octets = weight_of_event(&event);
        slot.octets += octets;
        self.octets += octets;
        slot.events.push(event);
    }

    fn shrink(&mut self, messages: usize, octets: usize) {
        while self.slots.len() > messages || self.octets > octets {
            let Some(slot) = self.slots.pop_front() else { return };
            self.octets -= slot.octets;
        }
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

#[async_trait]
impl Messages for MemoryStore {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        let mut ring = self.ring();
        messages.into_iter().for_each(|(record, events)| ring.insert(record, events));
        ring.shrink(self.most_messages, self.most_octets);
        Ok(())
    }

    async fn enqueue(&self, _: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        todo!()
    }
    async fn claim(&self, _: &Claim) -> Result<Claimed> {
        todo!()
    }
    async fn start(&self, _: &[Lease]) -> Result<Vec<Result<u32>>> {
        todo!()
    }
    async fn renew(&self, _: &[Lease], _: Duration) -> Result<Vec<Result<()>>> {
        todo!()
    }
    async fn settle(&self, _: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        todo!()
    }
    async fn cancel(&self, _: &TenantId, _: &[MessageId]) -> Result<Vec<Cancelled>> {
        todo!()
    }
    async fn act(&self, _: &Scope, _: Act, _: &Filter, _: Option<Arc<str>>) -> Result<ActRecord> {
        todo!()
    }
    async fn pause(&self, _: &Pause) -> Result<()> {
        todo!()
    }
    async fn resume(&self, _: &Pause) -> Result<()> {
        todo!()
    }
    async fn prune(&self, _: &Retention) -> Result<u64> {
        todo!()
    }
    async fn stats(&self, _: &Scope) -> Result<QueueStats> {
        todo!()
    }
    async fn acts(&self, _: &Scope, _: usize) -> Result<Vec<ActRecord>> {
        todo!()
    }
    async fn pauses(&self) -> Result<Vec<Pause>> {
        todo!()
    }
    async fn wake(&self) -> Result<()> {
        todo!()
    }

    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()> {
        let mut ring = self.ring();
        events.into_iter().for_each(|event| ring.append(tenant, event));
        ring.shrink(self.most_messages, self.most_octets);
        Ok(())
    }

    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        let ring = self.ring();
        let slot = ring.slot(tenant, id);
        Ok(slot.map(|slot| Tracked::fold(slot.record.clone(), &slot.events)))
    }

    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        let ring = self.ring();
        let mut events = ring.slot(tenant, id).map(|slot| slot.events.clone()).unwrap_or_default();
        events.sort_by_key(|event| event.at);
        Ok(events)
    }

    async fn list(&self, scope: &Scope, _: &Filter, page: Page) -> Result<Vec<Tracked>> {
        let ring = self.ring();
        let newest = ring.slots.iter().rev().filter(|slot| scope.covers(&slot.record.tenant));
        let older = newest.filter(|slot| page.before.is_none_or(|id| slot.record.id < id));
        Ok(older.take(page.limit).map(|slot| Tracked::fold(slot.record.clone(), &slot.events)).collect())
    }

    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        let ring = self.ring();
        // Vendors call back about what is new, and a map would cost every send more than this.
        let found = ring
            .slots
            .iter()
            .rev()
            .find_map(|slot| Some((slot, delivery(slot, provider, vendor_id, recipient)?)));
        Ok(found.map(|(slot, delivery)| (slot.record.tenant.clone(), delivery)))
    }

    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        let ring = self.ring();
        Ok(ring.position(id).ok().map(|position| ring.slots[position].record.tenant.clone()))
    }
}

/// Which of the deliveries that `provider` accepted under `vendor_id` goes to `recipient`.
fn delivery(slot: &Slot, provider: &str, vendor_id: &str, recipient: Option<&str>) -> Option<DeliveryId> {
    let accepted = slot.events.iter().filter(|event| {
        event.vendor_id.as_deref() == Some(vendor_id) && event.provider.as_deref() == Some(provider)
    });
    let mut candidates = accepted.filter_map(Event::delivery);
    let Some(recipient) = recipient else { return candidates.next() };
    let index = slot.record.index_of(recipient)?;
    candidates.find(|delivery| delivery.recipient == index)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        event::{EventKind, Status},
        message::Channel,
        storage::RecipientText,
        time::Timestamp,
    };

    fn record(at: i64, tenant: &TenantId) -> Record {
        let id = MessageId::new(Timestamp::from_secs(at));
        let recipients = ["a@x.org", "b@x.org"].map(|text| RecipientText(text.into())).to_vec();
        Record::new(id, tenant.clone(), Channel::Email, Timestamp::from_secs(at), recipients)
    }

    fn accepted(id: MessageId, recipient: u32) -> Event {
        let mut event = Event::new(id, EventKind::Accepted, Timestamp::from_secs(9));
        (event.recipient, event.provider) = (Some(recipient), Some("p".into()));
        event.vendor_id = Some(Arc::from(format!("v-{id}")));
        event
    }

    #[tokio::test]
    async fn the_oldest_make_room_and_the_weight_returns_to_zero() {
        let store = MemoryStore::with_limits(3, 1 << 20);
        let tenant = TenantId::DEFAULT;
        for at in 0..10 {
            let record = record(at, &tenant);
            let event = accepted(record.id, 0);
            store.record(vec![(record, Vec::new())]).await.expect("memory");
            store.append_events(&tenant, vec![event]).await.expect("memory");
        }
        assert_eq!(store.len(), 3);
        let newest = store
            .list(&Scope::Tenant(tenant.clone()), &Filter::new(), Page::first(10))
            .await
            .expect("memory");
        assert_eq!(newest.iter().map(|t| t.record.at.as_secs()).collect::<Vec<_>>(), [9, 8, 7]);
        store.ring().shrink(0, 0);
        assert_eq!(store.octets(), 0);
    }

    #[tokio::test]
    async fn octets_are_bounded() {
        let store = MemoryStore::with_limits(usize::MAX, 64 << 10);
        for at in 0..1_000 {
            store.record(vec![(record(at, &TenantId::DEFAULT), Vec::new())]).await.expect("memory");
        }
        assert!(store.octets() <= 64 << 10 && store.len() > 10, "{} in {}", store.len(), store.octets());
    }

    #[tokio::test]
    async fn duplicates_and_other_tenants_change_nothing() {
        let store = MemoryStore::default();
        let (mine, other) = (TenantId::DEFAULT, "other".parse::<TenantId>().expect("valid"));
        let record = record(1, &mine);
        let id = record.id;
        store.record(vec![(record, Vec::new())]).await.expect("memory");
        store.append_events(&mine, vec![accepted(id, 1), accepted(id, 1)]).await.expect("memory");
        store.append_events(&other, vec![accepted(id, 0)]).await.expect("memory");
        assert_eq!(store.timeline(&mine, id).await.expect("memory").len(), 1);
        assert!(store.tracked(&other, id).await.expect("memory").is_none());
        let tracked = store.tracked(&mine, id).await.expect("memory").expect("there");
        assert_eq!(tracked.deliveries, [Status::Queued, Status::Accepted]);
    }

    #[tokio::test]
    async fn a_vendor_id_finds_its_delivery() {
        let store = MemoryStore::default();
        let record = record(1, &TenantId::DEFAULT);
        let id = record.id;
        store.record(vec![(record, Vec::new())]).await.expect("memory");
        store
            .append_events(&TenantId::DEFAULT, vec![accepted(id, 0), accepted(id, 1)])
            .await
            .expect("memory");
        let found = store.by_vendor_id("p", &format!("v-{id}"), Some("B@x.org")).await.expect("memory");
        assert_eq!(found, Some((TenantId::DEFAULT, DeliveryId { message: id, recipient: 1 })));
        assert_eq!(store.by_vendor_id("q", &format!("v-{id}"), None).await.expect("memory"), None);
    }
}
