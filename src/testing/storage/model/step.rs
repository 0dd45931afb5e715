//! One step of a script, taken by both stores.

use std::{collections::HashSet, fmt, sync::Arc, time::Duration};

use bytes::Bytes;

use super::{Twins, brief};
use crate::{
    error::{Error, ErrorKind, Result},
    event::Event,
    id::{Fingerprint, MessageId, TenantId},
    message::{Channel, Priority},
    storage::{
        Act, Claim, Entry, Filter, Lane, Lease, Leased, Next, Pause, Record, Retention, Scope, Settlement,
        Store, Suppression,
    },
};

/// One message, as each of the stores leased it.
#[derive(Clone)]
pub(super) struct Pair {
    /// Which claim it was.
    pub(super) claim: u64,
    pub(super) left: Leased,
    pub(super) right: Leased,
}

/// The end of a lease.
#[derive(Clone)]
pub(super) struct End {
    pub(super) pair: Pair,
    pub(super) next: Next,
    pub(super) attempts: u32,
    pub(super) events: Vec<Event>,
    pub(super) left: Option<Vec<u32>>,
}

impl End {
    fn of(&self, leased: &Leased) -> Settlement {
        Settlement::new(leased, self.next.clone(), self.attempts, self.events.clone())
            .with_left(self.left.clone())
    }
}

#[derive(Debug)]
pub(super) enum Step {
    Act(Scope, Act, Filter, Option<Arc<str>>),
    Advance(Duration),
    Append(TenantId, Vec<Event>),
    /// The messages of one claim, up to the one that may begin.
    Begin(Vec<Pair>),
    Cancel(TenantId, Vec<MessageId>),
    Claim(Claim),
    Enqueue(Vec<Entry>),
    Pause(Pause),
    Prune(Retention),
    PutBlob(Bytes),
    Record((Record, Vec<Event>)),
    Renew(Vec<Pair>, Duration),
    Resume(Pause),
    Settle(Vec<End>),
    Start(Vec<Pair>),
    Suppress(TenantId, Suppression),
    Unsuppress(TenantId, Option<Channel>, String),
}

/// What is compared of an error.
fn told<T>(answer: Result<T>) -> std::result::Result<T, (ErrorKind, Option<MessageId>)> {
    answer.map_err(|error: Error| (error.kind(), error.message_id()))
}

fn each<T>(answers: Result<Vec<Result<T>>>) -> impl PartialEq + fmt::Debug
where
    T: PartialEq + fmt::Debug,
{
    told(answers.map(|answers| answers.into_iter().map(told).collect::<Vec<_>>()))
}

/// Asks both stores the same.
macro_rules! both {
    ($twins:ident, $what:literal, $told:ident, |$store:ident| $ask:expr) => {{
        let left = {
            let $store: &dyn Store = &*$twins.left;
            $ask.await
        };
        let right = {
            let $store: &dyn Store = &*$twins.right;
            $ask.await
        };
        $twins.same($what, $told(left), $told(right))
    }};
}

impl Twins {
    pub(super) async fn take(&mut self, step: Step) {
        match step {
            Step::Act(scope, act, filter, note) => self.act(&scope, act, &filter, note).await,
            Step::Advance(by) => self.clock.advance(by),
            Step::Append(tenant, events) => {
                both!(self, "append_events", told, |store| store.append_events(&tenant, events.clone()));
            }
            Step::Begin(pairs) => self.begin(&pairs).await,
            Step::Cancel(tenant, ids) => {
                both!(self, "cancel", told, |store| store.cancel(&tenant, &ids));
            }
            Step::Claim(claim) => self.claim(&claim).await,
            Step::Enqueue(entries) => {
                both!(self, "enqueue", each, |store| store.enqueue(entries.clone()));
            }
            Step::Pause(pause) => {
                both!(self, "pause", told, |store| store.pause(&pause));
                self.script.paused.insert(pause);
            }
            Step::Prune(retention) => {
                both!(self, "prune", told, |store| store.prune(&retention));
            }
            Step::PutBlob(bytes) => {
                let hash = Fingerprint::of(&bytes);
                both!(self, "put_blob", told, |store| store.put_blob(hash, bytes.clone()));
                both!(self, "blob", told, |store| store.blob(hash));
            }
            Step::Record(record) => {
                both!(self, "record", told, |store| store.record(vec![record.clone()]));
            }
            Step::Renew(pairs, by) => self.renew(&pairs, by).await,
            Step::Resume(pause) => {
                both!(self, "resume", told, |store| store.resume(&pause));
                self.script.paused.remove(&pause);
            }
            Step::Settle(ends) => self.settle(&ends).await,
            Step::Start(pairs) => self.start(&pairs).await,
            Step::Suppress(tenant, suppression) => {
                both!(self, "suppress", told, |store| store.suppress(&tenant, suppression.clone()));
                self.suppressed(&tenant).await;
            }
            Step::Unsuppress(tenant, channel, address) => {
                both!(self, "unsuppress", told, |store| store.unsuppress(&tenant, channel, &address));
                self.suppressed(&tenant).await;
            }
        }
    }

    async fn act(&mut self, scope: &Scope, act: Act, filter: &Filter, note: Option<Arc<str>>) {
        // Which of two acts of one moment is the newer one is not said.
        self.clock.advance(Duration::from_micros(1));
        let view = self.view();
        let record = |answer: Result<crate::storage::ActRecord>| told(answer.map(|record| view.act(record)));
        both!(self, "act", record, |store| store.act(scope, act, filter, note.clone()));
    }

    async fn claim(&mut self, claim: &Claim) {
        self.recover().await;
        self.claim_within(claim).await;
    }

    /// Recovers what is lost, of all tenants: a store may do it in parts.
    async fn recover(&mut self) {
        let nowhere = Lane::new(Channel::Chat, Priority::Low, 1);
        let recovery = Claim::new("model", vec![nowhere], 1, Duration::from_secs(1));
        for store in [&self.left, &self.right] {
            while store.stats(&Scope::All).await.is_ok_and(|stats| stats.oldest_expired_lease.is_some()) {
                if let Err(error) = store.claim(&recovery).await {
                    self.differ("a claim fails", &error, &"what was lost is recovered");
                }
            }
        }
    }

    async fn claim_within(&mut self, claim: &Claim) {
        let (left, right) = (self.left.claim(claim).await, self.right.claim(claim).await);
        let view = self.view();
        let claimed = |answer: &Result<_>| told(answer.clone().map(|claimed| view.claimed(claim, &claimed)));
        self.same("claim", claimed(&left), claimed(&right));
        if let (Ok(left), Ok(right)) = (left, right) {
            for (left, right) in left.leased.iter().zip(&right.leased) {
                self.same("what is leased", brief::leased(left), brief::leased(right));
            }
            self.script.leased(left.leased, right.leased);
        }
    }

    async fn begin(&mut self, pairs: &[Pair]) {
        let (left, right) = leases(pairs);
        let (left, right) = (begin(&*self.left, &left).await, begin(&*self.right, &right).await);
        self.same("begin", left, right);
    }

    async fn start(&mut self, pairs: &[Pair]) {
        let (left, right) = leases(pairs);
        let (left, right) = (self.left.start(&left).await, self.right.start(&right).await);
        self.same("start", each(left), each(right));
    }

    async fn renew(&mut self, pairs: &[Pair], by: Duration) {
        let (left, right) = leases(pairs);
        let (left, right) = (self.left.renew(&left, by).await, self.right.renew(&right, by).await);
        self.same("renew", each(left), each(right));
    }

    async fn settle(&mut self, ends: &[End]) {
        let left = ends.iter().map(|end| end.of(&end.pair.left)).collect();
        let right = ends.iter().map(|end| end.of(&end.pair.right)).collect();
        let (left, right) = (self.left.settle(left).await, self.right.settle(right).await);
        self.same("settle", each(left), each(right));
        for end in ends {
            self.message(&end.pair.left.tenant, end.pair.left.lease.id).await;
        }
    }
}

/// Lets all of these begin that are still leased, whether they share tokens or not; true if there were any.
async fn begin(store: &dyn Store, leases: &[Lease]) -> bool {
    let mut begun = HashSet::new();
    for lease in leases.iter().rev() {
        if !begun.contains(&lease.token) && store.begin(lease).await.is_ok() {
            begun.insert(lease.token);
        }
    }
    !begun.is_empty()
}

fn leases(pairs: &[Pair]) -> (Vec<Lease>, Vec<Lease>) {
    pairs.iter().map(|pair| (pair.left.lease, pair.right.lease)).unzip()
}
