//! The real store, with the suite's eyes and blows around it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tidings::{
    Channel, ErrorKind, Fingerprint, MessageId, Result, TenantId,
    storage::{
        BlobStore, Claim, Claimed, Dialect, Enqueued, Entry, Lease, Messages, RateAsk, Settlement,
        SharedLimits, Store, Suppression, SuppressionStore,
    },
};
use uuid::Uuid;

use super::line::Mouth;
use crate::fact::{Fact, Point};

/// Says what is claimed, started and settled, and waits at the points where it is to be struck.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) inner: Arc<dyn Store>,
    pub(crate) mouth: Arc<Mouth>,
    /// What waits ahead of its time, by token and in the order of its claim.
    ahead: Mutex<HashMap<Uuid, Vec<MessageId>>>,
}

impl Watched {
    pub(crate) fn new(inner: Arc<dyn Store>, mouth: &Arc<Mouth>) -> Self {
        Self { inner, mouth: mouth.clone(), ahead: Mutex::default() }
    }

    /// Keeps what must not begin yet.
    fn keep(&self, claimed: &Claimed) {
        let ahead = claimed.leased.iter().filter(|leased| !leased.begun).map(|leased| leased.lease);
        let mut known = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        ahead.clone().for_each(|lease| known.entry(lease.token).or_default().push(lease.id));
        let ids: Vec<MessageId> = ahead.map(|lease| lease.id).collect();
        if !ids.is_empty() {
            self.mouth.say(Fact::Ahead(ids));
        }
    }

    /// Those that may begin when this one may.
    fn before(&self, last: &Lease) -> Vec<MessageId> {
        let known = self.ahead.lock().unwrap_or_else(PoisonError::into_inner);
        let ids = known.get(&last.token).map(Vec::as_slice).unwrap_or_default();
        let place = ids.iter().position(|id| *id == last.id);
        ids[..place.map_or(0, |place| place + 1)].to_vec()
    }
}

#[async_trait]
impl Messages for Watched {
    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        let answers = self.inner.enqueue(entries).await?;
        self.mouth.pass(Point::Enqueued).await;
        Ok(answers)
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        self.mouth.say(Fact::Claiming);
        let claimed = self.inner.claim(claim).await?;
        let ids: Vec<MessageId> = claimed.leased.iter().map(|leased| leased.lease.id).collect();
        let any = !ids.is_empty();
        self.mouth.say(Fact::Claimed(ids));
        self.keep(&claimed);
        if any {
            self.mouth.pass(Point::Claimed).await;
        }
        Ok(claimed)
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        self.mouth.pass(Point::BeforeStart).await;
        let answers = self.inner.start(leases).await?;
        let (started, _) = parted(leases.iter().map(|lease| lease.id), &answers);
        self.mouth.say(Fact::Started(started));
        self.mouth.pass(Point::AfterStart).await;
        Ok(answers)
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        let ids = self.before(last);
        self.mouth.pass(Point::BeforeMark).await;
        self.mouth.say(Fact::Beginning(ids.clone()));
        self.inner.begin(last).await?;
        self.mouth.say(Fact::MayBegin(ids));
        self.mouth.pass(Point::AfterMark).await;
        Ok(())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        self.mouth.pass(Point::BeforeSettle).await;
        let ids: Vec<MessageId> = settlements.iter().map(|settlement| settlement.lease.id).collect();
        let answers = self.inner.settle(settlements).await?;
        let (settled, refused) = parted(ids.into_iter(), &answers);
        self.mouth.say(Fact::Settled(settled));
        if !refused.is_empty() {
            self.mouth.say(Fact::Refused(refused));
        }
        self.mouth.pass(Point::AfterSettle).await;
        Ok(answers)
    }

    tidings::forward_messages! { [self.inner]
        record renew cancel append_events act pause resume prune
        tracked timeline list stats acts pauses by_vendor_id tenant_of wake woken
    }

    fn dialect(&self) -> Option<Dialect> {
        self.inner.dialect()
    }
}

/// Those of which the store said yes, and those whose lease was lost.
fn parted<T>(
    ids: impl Iterator<Item = MessageId>,
    answers: &[Result<T>],
) -> (Vec<MessageId>, Vec<MessageId>) {
    let (mut yes, mut lost) = (Vec::new(), Vec::new());
    for (id, answer) in ids.zip(answers) {
        match answer {
            Ok(_) => yes.push(id),
            Err(error) if error.kind() == ErrorKind::LeaseLost => lost.push(id),
            Err(_) => {}
        }
    }
    (yes, lost)
}

#[async_trait]
impl BlobStore for Watched {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        self.inner.put_blob(hash, bytes).await
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        self.inner.blob(hash).await
    }
}

#[async_trait]
impl SuppressionStore for Watched {
    async fn suppress(&self, tenant: &TenantId, suppression: Suppression) -> Result<()> {
        self.inner.suppress(tenant, suppression).await
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        self.inner.unsuppress(tenant, channel, address).await
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        self.inner.suppressed(tenant, channel, addresses).await
    }
}

#[async_trait]
impl SharedLimits for Watched {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        self.inner.take(asks).await
    }
}
