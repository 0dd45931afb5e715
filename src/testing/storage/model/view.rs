//! What is compared of an answer: all of it but what the contract leaves open.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{
    brief,
    script::{NEWEST, Script},
};
use crate::{
    event::Event,
    message::Channel,
    storage::{ActRecord, Claim, Claimed, QueueState, QueueStats, Tracked},
    time::Timestamp,
};

/// Looks at answers while this is paused.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    script: &'a Script,
}

#[derive(Debug, PartialEq)]
pub(super) struct ClaimedView {
    now: Timestamp,
    leased: Vec<String>,
    next_due: Option<Timestamp>,
    suspects: bool,
}

#[derive(Debug, PartialEq)]
pub(super) struct StatsView {
    now: Timestamp,
    depths: BTreeMap<(Channel, QueueState), u64>,
    oldest_waiting: Option<Timestamp>,
    oldest_expired_lease: Option<Timestamp>,
}

impl<'a> View<'a> {
    pub(super) fn new(script: &'a Script) -> Self {
        Self { script }
    }

    pub(super) fn act(&self, mut record: ActRecord) -> ActRecord {
        record.id = Uuid::nil();
        record
    }

    pub(super) fn timeline(&self, mut events: Vec<Event>) -> Vec<Event> {
        // The ids of acts.
        let acts = events.iter_mut().filter(|event| event.provider.is_none());
        acts.for_each(|event| event.source = event.source.take().map(|_| "act".into()));
        events
    }

    pub(super) fn claimed(&self, claim: &Claim, claimed: &Claimed) -> ClaimedView {
        // What a paused tenant has waiting may count or not, and so may what an order keeps back, and what is too new.
        let open = self.script.a_tenant_is_paused() || self.script.orders() || claim.newest_payload < NEWEST;
        ClaimedView {
            now: claimed.now,
            leased: claimed.leased.iter().map(|leased| brief::brief(leased.lease.id)).collect(),
            next_due: claimed.next_due.filter(|_| !open),
            suspects: claimed.suspects,
        }
    }

    pub(super) fn tracked(&self, mut tracked: Tracked) -> Tracked {
        let open = self.script.is_paused(&tracked.record.tenant);
        if let Some(place) = tracked.place.as_mut().filter(|_| open) {
            place.state = waiting(place.state);
        }
        tracked
    }

    pub(super) fn stats(&self, stats: QueueStats) -> StatsView {
        let open = self.script.a_tenant_is_paused();
        let mut depths = BTreeMap::new();
        for depth in stats.depths.into_iter().filter(|depth| depth.count > 0) {
            let state = if open { waiting(depth.state) } else { depth.state };
            *depths.entry((depth.channel, state)).or_default() += depth.count;
        }
        StatsView {
            now: stats.now,
            depths,
            oldest_waiting: stats.oldest_waiting.filter(|_| !open),
            oldest_expired_lease: stats.oldest_expired_lease,
        }
    }
}

/// One state for those that a store may call paused.
fn waiting(state: QueueState) -> QueueState {
    match state {
        QueueState::Paused | QueueState::Suspect => QueueState::Ready,
        other => other,
    }
}
