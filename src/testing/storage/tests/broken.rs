//! A store over that in memory, with one thing wrong.

use std::{
    collections::{HashMap, HashSet},
    future::Future,
    pin::Pin,
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;

use super::{Arc, Clock, DurableHarness, Harness, MemoryStore};
use crate::{
    error::{Error, ErrorKind, Result},
    event::{Event, EventKind, Status},
    id::{DeliveryId, Fingerprint, MessageId, TenantId},
    message::Channel,
    storage::{
        Act, ActRecord, BlobStore, Cancelled, Claim, Claimed, Enqueued, Entry, Filter, Lease, Leased,
        Messages, Next, Page, Pause, QueueStats, RateAsk, Record, Retention, Scope, Settlement, SharedLimits,
        Suppression, SuppressionStore, Tracked,
    },
    testing::lock,
    time::Timestamp,
};

mod documents;

/// What is wrong with a store.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Flaw {
    ActsAreNotTold,
    ActsIgnoreFilters,
    ActsIgnoreScopes,
    AllKeysAreOne,
    AnswersAreTurned,
    AnyNameIsTaken,
    AnyTenantCancels,
    AnyTenantReads,
    AnyTenantWritesEvents,
    BlobsAreOnce,
    CaseMatters,
    ChannelsDoNotMatter,
    ClaimsAreTurned,
    ClaimsIgnoreLimits,
    ClaimsIgnoreScopes,
    ClaimsStart,
    ConflictsAreForgiven,
    DeadLettersAreDropped,
    DelaysAreForgotten,
    DocumentsAreTexts,
    DueIsForgotten,
    DueIsNotSaid,
    EverythingIsFresh,
    EverythingIsReadable,
    FiltersAreIgnored,
    FingerprintsAreIgnored,
    ForgetsEverything,
    HeldIsDropped,
    InlineIsForgotten,
    KeysAreForgotten,
    KeysAreGlobal,
    KeysAreNotSaid,
    Late,
    LaterIsReturned,
    LeasesAreShort,
    LeasesNeverEnd,
    LimitsAreIgnored,
    ListsAreTurned,
    LossesAreForgiven,
    MarksAreForgotten,
    MarksAreOfAll,
    MarksGoTooFar,
    NeverWakes,
    NextDueIsNotSaid,
    NoAct,
    NoActsAreKept,
    NoBlobs,
    NoCancel,
    NoEventCodes,
    NoLanesAreAll,
    NoLeft,
    NoMarks,
    NoOrder,
    NoPause,
    NoPlaceInLists,
    NoPrune,
    NoStats,
    NoSuppressions,
    NoTags,
    NoTenantOf,
    NoVendorIds,
    OneEventOfMany,
    OneLossIsTold,
    OneSettlementOfMany,
    OnlyOneIsWoken,
    OrderReachesAcrossTenants,
    PagesBeginAnew,
    ProviderStopsAll,
    PruneIgnoresLimits,
    PruneTakesBlobs,
    PruneTakesQueue,
    RecoversAtOnce,
    RenewsNothing,
    ResumedIsPausedAgain,
    ReturnedIsLater,
    SentIsSentAgain,
    ShelvesAreOne,
    ShelvesCountDocuments,
    SinceIsNow,
    StaleIsForgiven,
    StartsAreForgotten,
    StatusesAreForgotten,
    SuppressionsAreAllTenants,
    SuppressionsAreNotAsked,
    SuppressionsStay,
    SuspectsAreMany,
    SuspectsWithOthers,
    TheFirstSuppressionStays,
    TimelinesAreTurned,
    TokensAreTheSame,
    TwiceIsTwice,
    UncountedIsCounted,
    UnsuppressedIsSaidOfAll,
    UnsuppressesAll,
    WaitsAreShort,
    WishesAreForgotten,
}

#[derive(Debug)]
pub(super) struct Broken {
    memory: MemoryStore,
    clock: Arc<dyn Clock>,
    flaw: Flaw,
    known: Mutex<Known>,
    pruned: AtomicBool,
}

/// What some flaws have to remember.
#[derive(Debug, Default)]
struct Known {
    /// Those that are leased, and until when.
    leased: HashMap<MessageId, (Leased, Timestamp)>,
    keys: HashMap<Arc<str>, MessageId>,
    blobs: HashSet<Fingerprint>,
    events: u64,
    again: Option<Leased>,
    waiting: bool,
}

pub(super) struct BrokenHarness(pub(super) Flaw);

impl Harness for BrokenHarness {
    type Store = Broken;

    async fn open(&self, clock: Arc<dyn Clock>) -> Broken {
        let memory = MemoryStore::default().with_clock(Arc::clone(&clock));
        Broken { memory, clock, flaw: self.0, known: Mutex::default(), pruned: AtomicBool::new(false) }
    }
}

impl DurableHarness for BrokenHarness {
    async fn reopen(&self, store: Broken, clock: Arc<dyn Clock>) -> Broken {
        match self.0 {
            Flaw::ForgetsEverything => self.open(clock).await,
            _ => store,
        }
    }
}

impl Broken {
    fn is(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    fn scope(&self, scope: &Scope, flaw: Flaw) -> Scope {
        if self.is(flaw) { Scope::All } else { scope.clone() }
    }

    async fn tenant(&self, tenant: &TenantId, id: MessageId, flaw: Flaw) -> Result<TenantId> {
        let real = self.memory.tenant_of(id).await?.filter(|_| self.is(flaw));
        Ok(real.unwrap_or_else(|| tenant.clone()))
    }

    fn entry(&self, mut entry: Entry) -> Entry {
        match self.flaw {
            Flaw::DueIsForgotten => entry.terms.due = None,
            Flaw::FingerprintsAreIgnored => entry.fingerprint = None,
            Flaw::Late => entry.terms.due = Some(self.clock.now() + Duration::from_secs(1)),
            Flaw::KeysAreForgotten => entry.record.key = None,
            Flaw::NoOrder => entry.terms.ordering_key = None,
            Flaw::OrderReachesAcrossTenants => entry.terms.ordering_key = Some("all".into()),
            _ => {}
        }
        entry
    }

    fn wish(&self, claim: &Claim) -> Claim {
        let mut claim = claim.clone();
        claim.scope = self.scope(&claim.scope, Flaw::ClaimsIgnoreScopes);
        match self.flaw {
            Flaw::ClaimsIgnoreLimits => {
                claim.lanes.iter_mut().for_each(|lane| lane.limit = usize::MAX);
                claim.limit = usize::MAX;
            }
            Flaw::EverythingIsReadable => claim.newest_payload = u16::MAX,
            Flaw::MarksGoTooFar => claim.begin = claim.begin.saturating_add(1),
            Flaw::NoMarks => claim.begin = usize::MAX,
            Flaw::LeasesAreShort => claim.lease /= 2,
            Flaw::LeasesNeverEnd => claim.lease *= 1_000,
            Flaw::NoLanesAreAll if claim.lanes.is_empty() => {
                claim.lanes = Claim::everything("", 9, Duration::ZERO).lanes;
            }
            _ => {}
        }
        claim
    }

    /// Hands back what has been lost, as if nothing had happened.
    async fn forgive(&self) -> Result<()> {
        let now = self.clock.now();
        let lost = |(leased, until): &(Leased, Timestamp)| (*until <= now).then(|| leased.clone());
        let lost: Vec<Leased> = lock(&self.known).leased.values().filter_map(lost).collect();
        let end = |leased| Settlement::new(leased, Next::Returned, 0, Vec::new());
        self.memory.settle(lost.iter().map(end).collect()).await.map(drop)
    }

    async fn change(&self, claim: &Claim, claimed: &mut Claimed) -> Result<()> {
        match self.flaw {
            Flaw::ClaimsAreTurned => claimed.leased.reverse(),
            Flaw::ClaimsStart => {
                let leases: Vec<_> = claimed.leased.iter().map(|leased| leased.lease).collect();
                self.memory.start(&leases).await?;
            }
            Flaw::DueIsNotSaid => claimed.leased.iter_mut().for_each(|leased| leased.terms.due = None),
            Flaw::KeysAreNotSaid => claimed.leased.iter_mut().for_each(|leased| leased.key = None),
            Flaw::NextDueIsNotSaid => claimed.next_due = None,
            Flaw::SentIsSentAgain => {
                let again = std::mem::replace(&mut lock(&self.known).again, claimed.leased.first().cloned());
                claimed.leased.extend(again.filter(|_| !claimed.leased.is_empty()));
            }
            Flaw::SinceIsNow => claimed.leased.iter_mut().for_each(|leased| leased.since = claimed.now),
            Flaw::SuspectsAreMany if claim.alone => {
                claimed.leased.extend(self.memory.claim(claim).await?.leased);
            }
            Flaw::SuspectsWithOthers if !claim.alone => {
                claimed.leased.extend(self.memory.claim(&claim.clone().alone()).await?.leased);
            }
            Flaw::UnsuppressedIsSaidOfAll => {
                claimed.leased.iter_mut().for_each(|leased| leased.unsuppressed = true);
            }
            Flaw::TokensAreTheSame => {
                claimed.leased.iter_mut().for_each(|leased| leased.lease.token = leased.lease.id.as_uuid());
            }
            _ => {}
        }
        Ok(())
    }

    fn remember(&self, claim: &Claim, claimed: &Claimed) {
        let until = claimed.now + claim.lease;
        let leased = claimed.leased.iter().map(|leased| (leased.lease.id, (leased.clone(), until)));
        lock(&self.known).leased.extend(leased);
    }

    /// The lease that the store knows.
    fn real(&self, lease: Lease) -> Lease {
        let known = lock(&self.known);
        let real = known.leased.get(&lease.id).filter(|_| self.is(Flaw::TokensAreTheSame));
        real.map_or(lease, |(leased, _)| leased.lease)
    }

    fn forgiven<T>(&self, answer: Result<T>, instead: T) -> Result<T> {
        match answer {
            Err(_) if self.is(Flaw::StaleIsForgiven) => Ok(instead),
            answer => answer,
        }
    }

    async fn impatient(&self) -> Result<()> {
        if self.is(Flaw::RecoversAtOnce) {
            self.memory.claim(&Claim::new("", Vec::new(), 0, Duration::ZERO)).await?;
        }
        Ok(())
    }

    fn end(&self, mut settlement: Settlement) -> Settlement {
        settlement.lease = self.real(settlement.lease);
        let at_once = |reason: &str| Next::Later {
            after: Duration::ZERO,
            counted: true,
            reason: reason.into(),
            pending: None,
            pinned: None,
        };
        settlement.next = match (self.flaw, settlement.next) {
            (Flaw::DeadLettersAreDropped, Next::Dead { .. }) => Next::Done,
            (Flaw::HeldIsDropped, Next::Held { .. }) => Next::Done,
            (Flaw::LaterIsReturned, Next::Later { .. }) => Next::Returned,
            (Flaw::ReturnedIsLater, Next::Returned) => at_once("returned"),
            (Flaw::SentIsSentAgain, Next::Done) => at_once("again"),
            // The queue's order goes on only with those that are done.
            (Flaw::NoCancel, Next::Dead { reason } | Next::Held { reason }) => at_once(&reason),
            (Flaw::DelaysAreForgotten, Next::Later { counted, reason, pending, pinned, .. }) => {
                Next::Later { after: Duration::ZERO, counted, reason, pending, pinned }
            }
            (Flaw::UncountedIsCounted, Next::Later { after, reason, pending, pinned, .. }) => {
                Next::Later { after, counted: true, reason, pending, pinned }
            }
            (_, next) => next,
        };
        match self.flaw {
            Flaw::NoLeft => settlement.left = None,
            Flaw::OneEventOfMany => settlement.events.truncate(1),
            _ => {}
        }
        settlement
    }

    fn tracked(&self, mut tracked: Tracked) -> Tracked {
        match self.flaw {
            Flaw::NoTags => tracked.record.tags.clear(),
            Flaw::StatusesAreForgotten => tracked.deliveries.fill(Status::Queued),
            _ => {}
        }
        tracked
    }

    fn address(&self, address: &str) -> String {
        match self.is(Flaw::CaseMatters) {
            true => address
                .chars()
                .map(|c| if c.is_ascii_uppercase() { format!("_{c}") } else { c.into() })
                .collect(),
            false => address.to_owned(),
        }
    }

    fn of_whom(&self, tenant: &TenantId) -> TenantId {
        if self.is(Flaw::SuppressionsAreAllTenants) { TenantId::DEFAULT } else { tenant.clone() }
    }
}

#[async_trait]
impl Messages for Broken {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        match self.flaw {
            Flaw::InlineIsForgotten => return Ok(()),
            Flaw::KeysAreGlobal => {
                let keys = messages.iter().filter_map(|(record, _)| Some((record.key.clone()?, record.id)));
                lock(&self.known).keys.extend(keys);
            }
            _ => {}
        }
        self.memory.record(messages).await
    }

    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        let mut entries: Vec<_> = entries.into_iter().map(|entry| self.entry(entry)).collect();
        if self.is(Flaw::SuppressionsAreNotAsked) {
            entries.iter_mut().for_each(|entry| entry.unless_suppressed = false);
        }
        let mut known = Vec::new();
        if self.is(Flaw::KeysAreGlobal) {
            let keys = &mut lock(&self.known).keys;
            for entry in &entries {
                let key = entry.record.key.clone();
                known.push(key.map(|key| *keys.entry(key).or_insert(entry.record.id)));
            }
        }
        let mut answers = self.memory.enqueue(entries).await?;
        for (answer, known) in answers.iter_mut().zip(known) {
            let changed = known.zip(answer.as_ref().ok().copied()).filter(|(known, new)| *known != new.id);
            if let Some((known, _)) = changed {
                *answer = Ok(Enqueued::new(known, false));
            }
        }
        match self.flaw {
            Flaw::AnswersAreTurned => answers.reverse(),
            Flaw::EverythingIsFresh => answers.iter_mut().flatten().for_each(|answer| answer.fresh = true),
            _ => {}
        }
        Ok(answers)
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        let claim = self.wish(claim);
        if self.is(Flaw::LossesAreForgiven) {
            self.forgive().await?;
        }
        let mut claimed = self.memory.claim(&claim).await?;
        self.remember(&claim, &claimed);
        self.change(&claim, &mut claimed).await?;
        Ok(claimed)
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        self.impatient().await?;
        if self.is(Flaw::StartsAreForgotten) {
            return Ok(leases.iter().map(|_| Ok(1)).collect());
        }
        let leases: Vec<_> = leases.iter().map(|lease| self.real(*lease)).collect();
        let answers = self.memory.start(&leases).await?;
        Ok(answers.into_iter().map(|answer| self.forgiven(answer, 1)).collect())
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        if self.is(Flaw::MarksAreForgotten) {
            return Ok(());
        }
        if self.is(Flaw::MarksAreOfAll) {
            let leased: Vec<_> = lock(&self.known).leased.values().map(|(leased, _)| leased.lease).collect();
            for lease in leased {
                // Some of them are over.
                let _ = self.memory.begin(&lease).await;
            }
        }
        let answer = self.memory.begin(&self.real(*last)).await;
        self.forgiven(answer, ())
    }

    async fn renew(&self, leases: &[Lease], by: Duration) -> Result<Vec<Result<()>>> {
        self.impatient().await?;
        let leases: Vec<_> = leases.iter().map(|lease| self.real(*lease)).collect();
        let by = if self.is(Flaw::RenewsNothing) { Duration::from_micros(1) } else { by };
        let answers = self.memory.renew(&leases, by).await?;
        Ok(answers.into_iter().map(|answer| self.forgiven(answer, ())).collect())
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        self.impatient().await?;
        let count = settlements.len();
        let mut ends: Vec<_> = settlements.into_iter().map(|settlement| self.end(settlement)).collect();
        if self.is(Flaw::OneSettlementOfMany) {
            ends.truncate(1);
        }
        if self.is(Flaw::ResumedIsPausedAgain) {
            for end in &ends {
                if let Next::Paused { by } = &end.next {
                    self.memory.pause(by).await?;
                }
            }
        }
        let mut answers = self.memory.settle(ends).await?;
        answers.resize_with(count, || Ok(()));
        Ok(answers.into_iter().map(|answer| self.forgiven(answer, ())).collect())
    }

    async fn cancel(&self, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>> {
        let mut answers = Vec::new();
        for id in ids {
            let tenant = self.tenant(tenant, *id, Flaw::AnyTenantCancels).await?;
            let place = self.memory.tracked(&tenant, *id).await?.and_then(|tracked| tracked.place);
            let leased = place.is_some_and(|place| place.state == crate::storage::QueueState::Leased);
            answers.push(match self.flaw {
                Flaw::NoCancel => Cancelled::Cancelled,
                Flaw::WishesAreForgotten if leased => Cancelled::InFlight,
                _ => self.memory.cancel(&tenant, &[*id]).await?[0],
            });
        }
        Ok(answers)
    }

    async fn append_events(&self, tenant: &TenantId, mut events: Vec<Event>) -> Result<()> {
        if self.is(Flaw::TwiceIsTwice) {
            for event in &mut events {
                let mut known = lock(&self.known);
                known.events += 1;
                event.source = Some(known.events.to_string().into());
            }
        }
        for event in events {
            let tenant = self.tenant(tenant, event.message, Flaw::AnyTenantWritesEvents).await?;
            self.memory.append_events(&tenant, vec![event]).await?;
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
        let scope = self.scope(scope, Flaw::ActsIgnoreScopes);
        match self.flaw {
            Flaw::ActsIgnoreFilters => self.memory.act(&scope, act, &Filter::new(), note).await,
            Flaw::NoAct => self.memory.act(&scope, act, &Filter::new().tag("nobody"), note).await,
            _ => self.memory.act(&scope, act, filter, note).await,
        }
    }

    async fn pause(&self, pause: &Pause) -> Result<()> {
        match (self.flaw, pause) {
            (Flaw::NoPause, _) => Ok(()),
            (Flaw::ProviderStopsAll, Pause::Provider(_)) => self.memory.pause(&Pause::All).await,
            _ => self.memory.pause(pause).await,
        }
    }

    async fn prune(&self, retention: &Retention) -> Result<u64> {
        self.pruned.store(true, Ordering::SeqCst);
        match self.flaw {
            Flaw::NoPrune => return Ok(0),
            Flaw::PruneIgnoresLimits => {
                return self.memory.prune(&Retention { limit: usize::MAX, ..*retention }).await;
            }
            Flaw::PruneTakesQueue => {
                self.memory.act(&Scope::All, Act::Cancel, &Filter::new(), None).await?;
            }
            _ => {}
        }
        self.memory.prune(retention).await
    }

    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        let tenant = self.tenant(tenant, id, Flaw::AnyTenantReads).await?;
        Ok(self.memory.tracked(&tenant, id).await?.map(|tracked| Broken::tracked(self, tracked)))
    }

    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        let mut events = self.memory.timeline(tenant, id).await?;
        match self.flaw {
            Flaw::ActsAreNotTold => events.retain(|event| event.source.is_none()),
            Flaw::NoEventCodes => events.iter_mut().for_each(|event| event.code = None),
            Flaw::OneLossIsTold => {
                let mut told = false;
                events.retain(|event| {
                    event.kind != EventKind::Recovered || !std::mem::replace(&mut told, true)
                });
            }
            Flaw::TimelinesAreTurned => events.reverse(),
            _ => {}
        }
        Ok(events)
    }

    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        let filter = if self.is(Flaw::FiltersAreIgnored) { &Filter::new() } else { filter };
        let mut listed = self.memory.list(scope, filter, page).await?;
        match self.flaw {
            Flaw::ListsAreTurned => listed.reverse(),
            Flaw::NoPlaceInLists => listed.iter_mut().for_each(|tracked| tracked.place = None),
            _ => {}
        }
        Ok(listed)
    }

    async fn stats(&self, scope: &Scope) -> Result<QueueStats> {
        let stats = self.memory.stats(scope).await?;
        Ok(if self.is(Flaw::NoStats) {
            QueueStats { now: stats.now, ..QueueStats::default() }
        } else {
            stats
        })
    }

    async fn acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>> {
        self.memory.acts(scope, if self.is(Flaw::NoActsAreKept) { 0 } else { limit }).await
    }

    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        match self.is(Flaw::NoVendorIds) {
            true => Ok(None),
            false => self.memory.by_vendor_id(provider, vendor_id, recipient).await,
        }
    }

    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        if self.is(Flaw::NoTenantOf) { Ok(None) } else { self.memory.tenant_of(id).await }
    }

    fn woken<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = ()> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        let other = std::mem::replace(&mut lock(&self.known).waiting, true);
        match self.flaw {
            Flaw::NeverWakes => Box::pin(std::future::pending()),
            Flaw::OnlyOneIsWoken if other => Box::pin(std::future::pending()),
            _ => self.memory.woken(),
        }
    }

    crate::forward_messages! { [self.memory] resume pauses wake }
}

#[async_trait]
impl BlobStore for Broken {
    async fn put_blob(&self, hash: Fingerprint, bytes: Bytes) -> Result<()> {
        let fresh = lock(&self.known).blobs.insert(hash);
        match self.flaw {
            Flaw::NoBlobs => Ok(()),
            Flaw::BlobsAreOnce if !fresh => Err(Error::new(ErrorKind::Storage, "there already")),
            _ => self.memory.put_blob(hash, bytes).await,
        }
    }

    async fn blob(&self, hash: Fingerprint) -> Result<Option<Bytes>> {
        match self.is(Flaw::PruneTakesBlobs) && self.pruned.load(Ordering::SeqCst) {
            true => Ok(None),
            false => self.memory.blob(hash).await,
        }
    }
}

#[async_trait]
impl SuppressionStore for Broken {
    async fn suppress(&self, tenant: &TenantId, mut suppression: Suppression) -> Result<()> {
        let tenant = self.of_whom(tenant);
        let address = self.address(&suppression.address.0);
        if self.is(Flaw::TheFirstSuppressionStays) {
            let channel = suppression.channel.unwrap_or(Channel::Email);
            let known = self.memory.suppressed(&tenant, channel, &[&*address]).await?;
            if known[0].is_some() {
                return Ok(());
            }
        }
        suppression.address.0 = address.into();
        if self.is(Flaw::ChannelsDoNotMatter) {
            suppression.channel = None;
        }
        self.memory.suppress(&tenant, suppression).await
    }

    async fn unsuppress(&self, tenant: &TenantId, channel: Option<Channel>, address: &str) -> Result<bool> {
        let (tenant, address) = (self.of_whom(tenant), self.address(address));
        match self.flaw {
            Flaw::SuppressionsStay => return Ok(true),
            Flaw::UnsuppressesAll => drop(self.memory.unsuppress(&tenant, None, &address).await?),
            _ => {}
        }
        self.memory.unsuppress(&tenant, channel, &address).await
    }

    async fn suppressed(
        &self,
        tenant: &TenantId,
        channel: Channel,
        addresses: &[&str],
    ) -> Result<Vec<Option<Suppression>>> {
        let addresses: Vec<_> = addresses.iter().map(|address| self.address(address)).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        let mut found = self.memory.suppressed(&self.of_whom(tenant), channel, &addresses).await?;
        match self.flaw {
            Flaw::AnswersAreTurned => found.reverse(),
            Flaw::NoSuppressions => found.fill(None),
            _ => {}
        }
        Ok(found)
    }
}

#[async_trait]
impl SharedLimits for Broken {
    async fn take(&self, asks: &[RateAsk]) -> Result<Option<Duration>> {
        let mut asks = asks.to_vec();
        if self.is(Flaw::AllKeysAreOne) {
            asks.iter_mut().for_each(|ask| ask.key = "all".into());
        }
        match self.flaw {
            Flaw::LimitsAreIgnored => Ok(None),
            Flaw::WaitsAreShort => Ok(self.memory.take(&asks).await?.map(|wait| wait / 2)),
            _ => self.memory.take(&asks).await,
        }
    }
}
