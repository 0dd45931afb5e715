//! The queue, and what is known of messages.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use tidings::{
    DeliveryId, Event, MessageId, Result, TenantId,
    storage::{
        Act, ActRecord, Cancelled, Claim, Claimed, Depth, Enqueued, Entry, Filter, Lease, Messages, Page,
        Pause, QueueState, QueueStats, Record, Retention, Scope, Settlement, Tracked,
    },
};

use crate::{
    Notebook,
    row::{Job, Row, lease_lost},
};

#[async_trait]
impl Messages for Notebook {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        let rows = &mut self.book().rows;
        for (record, events) in messages {
            rows.entry(record.id).or_insert(Row { record, events, fingerprint: None, job: None });
        }
        Ok(())
    }

    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        let (now, mut book) = (self.clock.now(), self.book());
        Ok(entries.into_iter().map(|entry| book.enqueue(entry, now)).collect())
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        Ok(self.book().claim(claim, self.clock.now()))
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        let (now, mut book) = (self.clock.now(), self.book());
        let start = |lease: &Lease| {
            let job = book.rows.get_mut(&lease.id).and_then(|row| row.held(lease.token));
            let job = job.filter(|job| job.lease.is_some_and(|hold| hold.until > now));
            let job = job.ok_or_else(|| lease_lost(lease.id))?;
            (job.started, job.place.attempts) = (true, job.place.attempts + 1);
            Ok(job.place.attempts)
        };
        Ok(leases.iter().map(start).collect())
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        self.book().begin(last, self.clock.now())
    }

    async fn renew(&self, leases: &[Lease], by: Duration) -> Result<Vec<Result<()>>> {
        let (now, mut book) = (self.clock.now(), self.book());
        let renew = |lease: &Lease| {
            let job = book.rows.get_mut(&lease.id).and_then(|row| row.held(lease.token));
            let hold = job.and_then(|job| job.lease.as_mut()).ok_or_else(|| lease_lost(lease.id))?;
            hold.until = now + by;
            Ok(())
        };
        Ok(leases.iter().map(renew).collect())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        let (now, mut book) = (self.clock.now(), self.book());
        Ok(settlements.into_iter().map(|end| book.settle(end, now)).collect())
    }

    async fn cancel(&self, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>> {
        let (now, mut book) = (self.clock.now(), self.book());
        Ok(ids.iter().map(|id| book.cancel(tenant, *id, now)).collect())
    }

    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()> {
        let mut book = self.book();
        for event in events {
            if let Some(row) = book.row(tenant, event.message) {
                row.note(event);
            }
        }
        Ok(())
    }

    async fn act(
        &self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
    ) -> Result<ActRecord> {
        let (now, mut book) = (self.clock.now(), self.book());
        let id = MessageId::new(now).as_uuid();
        let mut record = ActRecord::new(id, act, scope.tenant().cloned(), filter.clone(), now);
        record.note = note;
        for row in book.rows.values_mut().filter(|row| scope.covers(&row.record.tenant)) {
            let works = row.state().is_some_and(|state| act.works_on().contains(&state));
            if works && filter.matches(&row.record, row.state()) {
                row.act(&record, now);
                record.changed += 1;
            }
        }
        book.acts.push(record.clone());
        Ok(record)
    }

    async fn pause(&self, pause: &Pause) -> Result<()> {
        self.book().pauses.insert(pause.clone());
        Ok(())
    }

    async fn resume(&self, pause: &Pause) -> Result<()> {
        let mut book = self.book();
        book.pauses.remove(pause);
        let jobs = book.rows.values_mut().filter_map(|row| row.job.as_mut());
        jobs.filter(|job| job.paused_by.as_ref() == Some(pause)).for_each(Job::wait);
        Ok(())
    }

    async fn prune(&self, retention: &Retention) -> Result<u64> {
        Ok(self.book().prune(retention, self.clock.now()))
    }

    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        Ok(self.book().read(tenant, id).map(Row::tracked))
    }

    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        let mut events = self.book().read(tenant, id).map(|row| row.events.clone()).unwrap_or_default();
        events.sort_by_key(|event| event.at);
        Ok(events)
    }

    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        let book = self.book();
        let older =
            book.rows.values().rev().filter(|row| page.before.is_none_or(|last| row.record.id < last));
        let theirs = older.filter(|row| scope.covers(&row.record.tenant));
        let matching = theirs.filter(|row| filter.matches(&row.record, row.state()));
        Ok(matching.take(page.limit).map(Row::tracked).collect())
    }

    async fn stats(&self, scope: &Scope) -> Result<QueueStats> {
        let (now, book) = (self.clock.now(), self.book());
        let (mut depths, mut waiting, mut over) = (BTreeMap::new(), Vec::new(), Vec::new());
        for row in book.rows.values().filter(|row| scope.covers(&row.record.tenant)) {
            let Some(job) = &row.job else { continue };
            *depths.entry((row.record.channel, job.place.state)).or_default() += 1;
            let waits = matches!(job.place.state, QueueState::Ready | QueueState::Suspect);
            waiting.extend(waits.then_some(job.place.due).filter(|due| *due <= now));
            over.extend(job.lease.map(|hold| hold.until).filter(|until| *until <= now));
        }
        let mut stats = QueueStats::default();
        stats.depths = depths.into_iter().map(|((c, state), count)| Depth::new(c, state, count)).collect();
        (stats.now, stats.oldest_waiting) = (now, waiting.into_iter().min());
        stats.oldest_expired_lease = over.into_iter().min();
        Ok(stats)
    }

    async fn acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>> {
        let book = self.book();
        let theirs =
            |act: &&ActRecord| scope.tenant().is_none_or(|tenant| act.tenant.as_ref() == Some(tenant));
        Ok(book.acts.iter().rev().filter(theirs).take(limit).cloned().collect())
    }

    async fn pauses(&self) -> Result<Vec<Pause>> {
        Ok(self.book().pauses.iter().cloned().collect())
    }

    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        let book = self.book();
        Ok(book.rows.values().rev().find_map(|row| {
            let index = recipient.map(|address| row.record.index_of(address));
            let accepted = row.events.iter().filter(|event| {
                event.vendor_id.as_deref() == Some(vendor_id) && event.provider.as_deref() == Some(provider)
            });
            let mut theirs = accepted.filter(|event| index.is_none_or(|index| event.recipient == index));
            Some((row.record.tenant.clone(), theirs.find_map(Event::delivery)?))
        }))
    }

    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        Ok(self.book().rows.get(&id).map(|row| row.record.tenant.clone()))
    }

    /// Workers of a notebook poll.
    async fn wake(&self) -> Result<()> {
        Ok(())
    }
}
