//! Claims, and the recovery of what was lost.

use std::{
    ops::Bound::{Excluded, Included},
    sync::{Arc, atomic::AtomicUsize},
};

use uuid::Uuid;

use super::{
    job::{Hold, Job},
    state::State,
};
use crate::{
    id::MessageId,
    message::Channel,
    storage::{Claim, Claimed, Lane, Leased, Pause, QueueState, Scope},
    time::Timestamp,
};

const LEAST_ID: MessageId = MessageId::from_uuid(Uuid::nil());
const MOST_ID: MessageId = MessageId::from_uuid(Uuid::max());

/// A claim at its moment.
struct Wish<'a> {
    claim: &'a Claim,
    now: Timestamp,
    token: Uuid,
    mark: Arc<AtomicUsize>,
    /// Of the suppression list.
    version: u64,
}

impl Wish<'_> {
    /// The lease of the message at `place`.
    fn hold(&self, place: usize) -> Hold {
        let until = self.now + self.claim.lease;
        Hold { token: self.token, until, place, mark: Arc::clone(&self.mark) }
    }
}

/// Whether a message that is due can be leased.
enum Verdict {
    Lease,
    Park(Pause),
    Skip,
}

impl State {
    pub(super) fn claim(&mut self, claim: &Claim, token: Uuid, version: u64, now: Timestamp) -> Claimed {
        self.recover(&claim.scope, now);
        let wish = Wish { claim, now, token, mark: Arc::new(AtomicUsize::new(claim.begin)), version };
        let mut claimed = Claimed::nothing(now);
        if !self.pauses.contains(&Pause::All) {
            match claim.alone {
                true => self.claim_suspect(&wish, &mut claimed.leased),
                false => {
                    claim.lanes.iter().for_each(|lane| self.claim_lane(&wish, lane, &mut claimed.leased))
                }
            }
            claimed.suspects = self.due_suspects(&wish).next().is_some();
            claimed.next_due = self.next_due(&wish, claimed.leased.len());
        }
        if claimed.leased.len() < claim.limit {
            self.heard = self.rung;
        }
        claimed
    }

    /// Ends the leases that are over.
    fn recover(&mut self, scope: &Scope, now: Timestamp) {
        let over: Vec<_> = self.queue.index.leased.range(..=(now, MOST_ID)).map(|(_, id)| *id).collect();
        for id in over {
            let Some(lost) = self.queue.job(id).filter(|job| scope.covers(job.tenant())).map(Job::lost)
            else {
                continue;
            };
            let recovery = lost.recover(now);
            let Some(state) = recovery.state else {
                self.finish(id, recovery.events);
                continue;
            };
            self.queue.change(id, |job| {
                job.note(recovery.events);
                (job.state, job.hold, job.started) = (state, None, false);
                job.losses = recovery.losses;
                job.reason = recovery.reason.or(job.reason.take());
            });
        }
    }

    fn claim_lane(&mut self, wish: &Wish<'_>, lane: &Lane, leased: &mut Vec<Leased>) {
        if self.pauses.contains(&Pause::Channel(lane.channel)) {
            return;
        }
        let most = leased.len().saturating_add(lane.limit).min(wish.claim.limit);
        let end = (lane.channel, lane.priority, wish.now, MOST_ID);
        let mut after = (lane.channel, lane.priority, Timestamp::from_micros(i64::MIN), LEAST_ID);
        while leased.len() < most {
            let next = self.queue.index.ready.range((Excluded(after), Included(end))).next().copied();
            let Some(next) = next else { return };
            after = next;
            leased.extend(self.try_lease(wish, next.3, leased.len()));
        }
    }

    fn claim_suspect(&mut self, wish: &Wish<'_>, leased: &mut Vec<Leased>) {
        let first = self.due_suspects(wish).next().filter(|_| wish.claim.limit > 0);
        leased.extend(first.and_then(|id| self.try_lease(wish, id, 0)));
    }

    fn try_lease(&mut self, wish: &Wish<'_>, id: MessageId, place: usize) -> Option<Leased> {
        let job = self.queue.job(id)?;
        match self.verdict(wish, job) {
            Verdict::Lease => self.queue.change(id, |job| job.lease(wish.hold(place), wish.version)),
            Verdict::Park(by) => {
                self.queue.change(id, |job| job.park(by));
                None
            }
            Verdict::Skip => None,
        }
    }

    fn verdict(&self, wish: &Wish<'_>, job: &Job) -> Verdict {
        if !wish.claim.scope.covers(job.tenant()) || job.payload.version > wish.claim.newest_payload {
            return Verdict::Skip;
        }
        let paused = Pause::Tenant(job.tenant().clone());
        match () {
            () if !self.pauses.is_empty() && self.pauses.contains(&paused) => Verdict::Park(paused),
            () if self.queue.index.is_next(job) => Verdict::Lease,
            () => Verdict::Skip,
        }
    }

    /// The suspects that a claim alone would find now, in the order of due and id.
    fn due_suspects(&self, wish: &Wish<'_>) -> impl Iterator<Item = MessageId> {
        let due = self.queue.index.suspects.range(..=(wish.now, MOST_ID)).map(|(_, id)| *id);
        let fits = |job: &Job| {
            self.looks_at(wish, job.channel()) && matches!(self.verdict(wish, job), Verdict::Lease)
        };
        due.filter(move |id| self.queue.job(*id).is_some_and(fits))
    }

    fn looks_at(&self, wish: &Wish<'_>, channel: Channel) -> bool {
        wish.claim.lanes.iter().any(|lane| lane.channel == channel)
            && !self.pauses.contains(&Pause::Channel(channel))
    }

    fn next_due(&self, wish: &Wish<'_>, found: usize) -> Option<Timestamp> {
        if found >= wish.claim.limit || wish.claim.alone {
            return None;
        }
        let lanes = wish.claim.lanes.iter().filter(|lane| self.looks_at(wish, lane.channel));
        lanes.filter_map(|lane| self.next_of(wish, lane)).min()
    }

    fn next_of(&self, wish: &Wish<'_>, lane: &Lane) -> Option<Timestamp> {
        let Lane { channel, priority, .. } = *lane;
        let begin = (channel, priority, wish.now, MOST_ID);
        let end = (channel, priority, Timestamp::from_micros(i64::MAX), MOST_ID);
        let mut later = self.queue.index.ready.range((Excluded(begin), Included(end)));
        let covered =
            |id: MessageId| self.queue.job(id).is_some_and(|job| wish.claim.scope.covers(job.tenant()));
        later.find(|(_, _, _, id)| covered(*id)).map(|(_, _, due, _)| *due)
    }
}

impl Job {
    fn park(&mut self, by: Pause) {
        (self.state, self.paused_by) = (QueueState::Paused, Some(by));
    }
}
