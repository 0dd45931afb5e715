//! Random steps, the same for the same seed.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use uuid::Uuid;

use super::step::{End, Pair, Step};
use crate::{
    event::{Event, EventKind, OnUnknown},
    id::{Fingerprint, MessageId, TenantId},
    message::{Channel, Payload, Priority},
    storage::{
        Act, Claim, Entry, Filter, Lane, Leased, Next, Pause, QueueState, RecipientText, Record, Retention,
        Scope, Terms,
    },
    testing::ManualClock,
    time::{Clock, Timestamp},
};

const ADDRESSES: [&str; 3] = ["a@example.org", "b@example.org", "c@example.org"];

/// The newest version of a payload.
pub(super) const NEWEST: u16 = 9;

/// What is random, and what the script knows so far.
pub(super) struct Script {
    seed: u64,
    random: fastrand::Rng,
    tenants: Vec<TenantId>,
    pub(super) made: Vec<(TenantId, MessageId)>,
    /// The newest last; those that were settled, or lost, stay for a while.
    pub(super) pairs: Vec<Pair>,
    pub(super) paused: BTreeSet<Pause>,
    claims: u64,
}

impl Script {
    pub(super) fn new(seed: u64) -> Self {
        let tenants = ["b", "c"].into_iter().filter_map(|name| name.parse().ok());
        Self {
            seed,
            random: fastrand::Rng::with_seed(seed),
            tenants: std::iter::once(TenantId::DEFAULT).chain(tenants).collect(),
            made: Vec::new(),
            pairs: Vec::new(),
            paused: BTreeSet::new(),
            claims: 0,
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.seed
    }

    /// Whether there are ordering keys: not in every script, since they leave open what claims say is due next.
    pub(super) fn orders(&self) -> bool {
        !self.seed.is_multiple_of(3)
    }

    pub(super) fn next_step(&mut self, clock: &ManualClock) -> Step {
        let now = clock.now();
        match self.random.u32(0..100) {
            0..18 => Step::Enqueue((0..self.random.usize(1..6)).map(|_| self.entry(now)).collect()),
            18..20 => Step::Record(self.inline(now)),
            20..42 => Step::Claim(self.claim()),
            42..48 => Step::Start(self.some_pairs()),
            48..52 => self.renewal(),
            52..72 => Step::Settle(self.ends(now)),
            72..75 => self.cancellation(),
            75..78 => Step::Append(
                self.any_tenant(),
                (0..self.random.usize(1..4)).map(|_| self.any_event(now)).collect(),
            ),
            78..83 => self.act(now),
            83..85 => Step::Pause(self.any_pause()),
            85..88 => Step::Resume(self.paused_one()),
            88..90 => Step::Prune(self.retention()),
            90..92 => self.suppression(now),
            92..93 => Step::PutBlob(format!("file {}", self.random.u8(0..4)).into()),
            93..95 => self.beginning(),
            _ => Step::Advance(self.delay()),
        }
    }

    /// What two claims gave, which are the same messages in the same order.
    pub(super) fn leased(&mut self, left: Vec<Leased>, right: Vec<Leased>) {
        self.claims += 1;
        let claim = self.claims;
        self.pairs.extend(left.into_iter().zip(right).map(|(left, right)| Pair { claim, left, right }));
        // Whole claims go: those of one token are renewed together or not at all.
        let oldest = claim.saturating_sub(15);
        self.pairs.retain(|pair| pair.claim > oldest);
    }

    pub(super) fn some_made(&mut self, count: usize) -> Vec<(TenantId, MessageId)> {
        (0..count).filter_map(|_| self.random.choice(&self.made).cloned()).collect()
    }

    pub(super) fn is_paused(&self, tenant: &TenantId) -> bool {
        self.paused.contains(&Pause::Tenant(tenant.clone()))
    }

    pub(super) fn a_tenant_is_paused(&self) -> bool {
        self.tenants.iter().any(|tenant| self.is_paused(tenant))
    }

    // ---- making

    fn chance(&mut self, percent: u32) -> bool {
        self.random.u32(0..100) < percent
    }

    fn maybe<T>(&mut self, percent: u32, make: impl FnOnce(&mut Self) -> T) -> Option<T> {
        self.chance(percent).then(|| make(self))
    }

    fn one<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.random.usize(0..of.len())].clone()
    }

    fn any_tenant(&mut self) -> TenantId {
        self.random.choice(&self.tenants).cloned().unwrap_or_default()
    }

    /// Mostly the newest so far; some come late.
    fn id(&mut self, now: Timestamp) -> MessageId {
        let millis = u128::try_from(now.as_micros() / 1_000).unwrap_or_default();
        let late = self.maybe(10, |script| script.random.u128(0..60_000)).unwrap_or_default();
        let random = self.random.u128(..);
        let (top, low) = ((random >> 64) & 0xfff, random & 0x3fff_ffff_ffff_ffff);
        let id = ((millis - late) << 80) | (7 << 76) | (top << 64) | (2 << 62) | low;
        MessageId::from_uuid(Uuid::from_u128(id))
    }

    fn record(&mut self, now: Timestamp) -> Record {
        let (id, tenant) = (self.id(now), self.any_tenant());
        let channel = self.one(&[Channel::Sms, Channel::Email]);
        let recipients = (0..self.random.usize(1..4)).map(|at| RecipientText(ADDRESSES[at].into())).collect();
        self.made.push((tenant.clone(), id));
        let mut record = Record::new(id, tenant, channel, now, recipients);
        record.category = self.maybe(30, |script| script.one(&["receipt", "news"]).into());
        record.external_ref = self.maybe(20, |script| script.one(&["17", "18"]).into());
        record.tags = self.maybe(30, |script| script.one(&["x", "y"]).into()).into_iter().collect();
        record
    }

    fn entry(&mut self, now: Timestamp) -> Entry {
        let mut record = self.record(now);
        record.key = self.maybe(25, |script| format!("key-{}", script.random.u8(0..10)).into());
        let fingerprint = record.key.is_some().then(|| Fingerprint::of(&[self.random.u8(0..2)]));
        let blobs =
            self.maybe(10, |script| vec![Fingerprint::of(&[script.random.u8(..)])]).unwrap_or_default();
        let payload = Payload {
            version: if self.chance(5) { NEWEST } else { 1 },
            codec: "json".into(),
            key_id: None,
            bytes: record.id.to_string().into(),
            blobs,
        };
        let mut entry = Entry::new(record, payload).with_terms(self.terms(now));
        entry.unless_suppressed = self.random.bool();
        entry.fingerprint = fingerprint;
        entry
    }

    fn terms(&mut self, now: Timestamp) -> Terms {
        Terms {
            due: self.maybe(40, |script| {
                let shift = script.random.i64(-30..60);
                Timestamp::from_micros(now.as_micros() + shift * 1_000_000)
            }),
            expires: self.maybe(10, |script| now + Duration::from_secs(script.random.u64(0..100))),
            on_unknown: self.one(&[OnUnknown::Retry, OnUnknown::Retry, OnUnknown::Hold, OnUnknown::GiveUp]),
            ordering_key: self
                .maybe(40, |script| format!("order-{}", script.random.u8(0..4)).into())
                .filter(|_| self.orders()),
            priority: self.one(&Priority::ALL),
        }
    }

    fn inline(&mut self, now: Timestamp) -> (Record, Vec<Event>) {
        let record = self.record(now);
        let event = self.event(record.id, now);
        (record, vec![event])
    }

    fn any_event(&mut self, now: Timestamp) -> Event {
        let id = self.random.choice(&self.made).map(|(_, id)| *id);
        let id = id.unwrap_or_else(|| self.id(now));
        self.event(id, now)
    }

    /// Events with equal ids differ in what is said of them, so that the first must stay.
    fn event(&mut self, id: MessageId, now: Timestamp) -> Event {
        let kinds = [EventKind::Started, EventKind::Accepted, EventKind::Refused, EventKind::Delivered];
        let mut event = Event::new(id, self.one(&kinds), now);
        event.recipient = self.maybe(70, |script| script.random.u32(0..3));
        (event.attempt, event.generation) = (self.random.u32(0..4), self.random.u32(0..2));
        event.at = Timestamp::from_micros(now.as_micros() + self.random.i64(0..30_000_000));
        event.text = self.maybe(50, |script| format!("text {}", script.random.u8(..)).into());
        event.source = self.maybe(20, |script| format!("source {}", script.random.u8(0..3)).into());
        event.provider = Some("vendor".into());
        event.latency = self.maybe(20, |script| Duration::from_micros(script.random.u64(0..9_000_000)));
        // By what makes the event the same, or a vendor's id could be lost with a second event of one id.
        let named = matches!(event.kind, EventKind::Accepted) && event.source.is_none();
        event.vendor_id = event.recipient.filter(|_| named).map(|at| format!("{id}/{at}").into());
        event
    }

    fn claim(&mut self) -> Claim {
        let lease = Duration::from_secs(self.random.u64(5..60));
        let limit = self.random.usize(1..12);
        let mut claim = Claim::everything("model", limit, lease);
        if self.chance(40) {
            claim.lanes = (0..self.random.usize(1..4)).map(|_| self.lane()).collect();
            let mut seen = BTreeSet::new();
            claim.lanes.retain(|lane| seen.insert((lane.channel, lane.priority)));
        }
        claim.alone = self.chance(25);
        claim.newest_payload = if self.chance(30) { NEWEST } else { 2 };
        claim.begin = self.one(&[0, usize::MAX, limit / 2]);
        if self.orders() || self.a_tenant_is_paused() {
            // Which are the first is open where a store looks several times.
            claim.begin = if claim.begin < limit { 0 } else { claim.begin };
        }
        if self.chance(15) {
            claim.scope = Scope::Tenant(self.any_tenant());
        }
        claim
    }

    fn lane(&mut self) -> Lane {
        let channel = self.one(&[Channel::Sms, Channel::Email]);
        Lane::new(channel, self.one(&Priority::ALL), self.random.usize(0..5))
    }

    fn some_pairs(&mut self) -> Vec<Pair> {
        let count = self.random.usize(1..6);
        let newest = self.pairs.len().saturating_sub(12);
        let from = if self.chance(85) { newest } else { 0 };
        let mut chosen = self.pairs[from..].to_vec();
        self.random.shuffle(&mut chosen);
        chosen.truncate(count);
        chosen
    }

    /// All messages of one claim: they may share a token.
    fn renewal(&mut self) -> Step {
        let claim = self.random.choice(&self.pairs).map(|pair| pair.claim);
        let pairs = self.pairs.iter().filter(|pair| Some(pair.claim) == claim).cloned().collect();
        Step::Renew(pairs, Duration::from_secs(self.random.u64(5..60)))
    }

    /// Some of the messages of one claim, the first ones.
    fn beginning(&mut self) -> Step {
        let last = self.random.choice(&self.pairs).cloned();
        let of_claim = |pair: &&Pair| last.as_ref().is_some_and(|last| last.claim == pair.claim);
        let mut pairs: Vec<Pair> = self.pairs.iter().filter(of_claim).cloned().collect();
        let id = last.as_ref().map(|last| last.left.lease.id);
        let place = pairs.iter().position(|pair| Some(pair.left.lease.id) == id);
        pairs.truncate(place.map_or(0, |place| place + 1));
        Step::Begin(pairs)
    }

    fn ends(&mut self, now: Timestamp) -> Vec<End> {
        let pairs = self.some_pairs();
        pairs.into_iter().map(|pair| self.end(pair, now)).collect()
    }

    fn end(&mut self, pair: Pair, now: Timestamp) -> End {
        let id = pair.left.lease.id;
        let events = (0..self.random.usize(0..3)).map(|_| self.event(id, now)).collect();
        let next = self.next();
        let keeps = matches!(next, Next::Dead { .. } | Next::Held { .. } | Next::Paused { .. });
        let left = self.maybe(30, Self::recipients).filter(|_| keeps);
        End { next, attempts: self.random.u32(0..5), events, left, pair }
    }

    fn recipients(&mut self) -> Vec<u32> {
        (0..self.random.u32(1..3)).collect()
    }

    fn next(&mut self) -> Next {
        let reason: Arc<str> = format!("reason {}", self.random.u8(0..9)).into();
        match self.random.u8(0..20) {
            0..8 => Next::Done,
            8..10 => Next::Dead { reason },
            10..11 => Next::Held { reason },
            11..16 => Next::Later {
                after: Duration::from_secs(self.random.u64(0..40)),
                counted: self.random.bool(),
                reason,
                pending: self.maybe(30, Self::recipients),
                pinned: self.maybe(30, |_| "vendor".into()),
            },
            16..18 => Next::Paused { by: self.any_pause() },
            _ => Next::Returned,
        }
    }

    fn cancellation(&mut self) -> Step {
        let count = self.random.usize(1..5);
        let mut chosen: Vec<MessageId> = self.some_made(count).into_iter().map(|(_, id)| id).collect();
        chosen.sort_unstable();
        chosen.dedup();
        let tenant = self.any_tenant();
        Step::Cancel(tenant, chosen)
    }

    fn act(&mut self, now: Timestamp) -> Step {
        let mut act = self.one(&Act::ALL);
        let mut filter = self.filter(now);
        if self.a_tenant_is_paused() {
            // Whether what waits then is ready or paused is the store's choice.
            filter.state = None;
            act = if act == Act::Hold { Act::Release } else { act };
        }
        let scope = if self.chance(70) { Scope::All } else { Scope::Tenant(self.any_tenant()) };
        Step::Act(scope, act, filter, self.maybe(40, |_| "a note".into()))
    }

    pub(super) fn filter(&mut self, now: Timestamp) -> Filter {
        let mut filter = Filter::new();
        filter.category = self.maybe(15, |script| script.one(&["receipt", "news"]).into());
        filter.channel = self.maybe(20, |script| script.one(&[Channel::Sms, Channel::Email]));
        filter.external_ref = self.maybe(10, |script| script.one(&["17", "18"]).into());
        filter.recipient = self.maybe(10, |script| script.one(&ADDRESSES).into());
        filter.since = self
            .maybe(15, |script| Timestamp::from_micros(now.as_micros() - script.random.i64(0..99_000_000)));
        filter.until = self
            .maybe(15, |script| Timestamp::from_micros(now.as_micros() - script.random.i64(0..99_000_000)));
        filter.state =
            self.maybe(30, |script| script.one(&QueueState::ALL)).filter(|_| !self.a_tenant_is_paused());
        filter.tag = self.maybe(10, |script| script.one(&["x", "y"]).into());
        filter.id = self.maybe(10, |script| script.some_made(1).pop()).flatten().map(|(_, id)| id);
        filter
    }

    fn any_pause(&mut self) -> Pause {
        match self.random.u8(0..8) {
            0 => Pause::All,
            1 => Pause::Channel(self.one(&[Channel::Sms, Channel::Email])),
            2..4 => Pause::Tenant(self.any_tenant()),
            _ => Pause::Provider(self.one(&["vendor", "other"]).into()),
        }
    }

    /// Mostly one that is paused, or nothing would go on.
    fn paused_one(&mut self) -> Pause {
        let paused: Vec<_> = self.paused.iter().cloned().collect();
        self.random.choice(&paused).cloned().unwrap_or_else(|| self.any_pause())
    }

    fn retention(&mut self) -> Retention {
        let hours = |hours| Duration::from_secs(hours * 3_600);
        Retention {
            done: hours(self.random.u64(0..3)),
            dead: hours(self.random.u64(0..40)),
            keys: hours(self.random.u64(0..40)),
            limit: self.random.usize(1..30),
        }
    }

    fn suppression(&mut self, now: Timestamp) -> Step {
        let (tenant, address) = (self.any_tenant(), self.one(&ADDRESSES));
        let address = if self.chance(30) { address.to_ascii_uppercase() } else { address.to_owned() };
        let channel = self.maybe(60, |script| script.one(&[Channel::Sms, Channel::Email]));
        let reason = self.one(&["bounced", "complained"]);
        match self.chance(60) {
            true => Step::Suppress(tenant, crate::storage::Suppression::new(channel, address, reason, now)),
            false => Step::Unsuppress(tenant, channel, address),
        }
    }

    fn delay(&mut self) -> Duration {
        match self.random.u8(0..20) {
            0 => Duration::from_secs(self.random.u64(0..40 * 3_600)),
            1..4 => Duration::from_micros(self.random.u64(0..2_000_000)),
            _ => Duration::from_secs(self.random.u64(0..40)),
        }
    }
}

pub(super) const fn addresses() -> [&'static str; 3] {
    ADDRESSES
}
