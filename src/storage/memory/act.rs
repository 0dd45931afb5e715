//! What people do to many messages: act on them, count them, delete the old.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{job::Job, ring::Slot, state::State};
use crate::{
    id::MessageId,
    storage::{Act, ActRecord, Depth, Filter, QueueState, QueueStats, Retention, Scope, act_id},
    time::Timestamp,
};

/// The newest records of acts that are kept.
const ACTS: usize = 10_000;

impl State {
    pub(super) fn act(
        &mut self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
        now: Timestamp,
    ) -> ActRecord {
        let matching: Vec<_> = self.matching(scope, act, filter).map(Job::id).collect();
        let mut record = ActRecord::new(act_id(now), act, scope.tenant().cloned(), filter.clone(), now);
        record.changed = u64::try_from(matching.len()).unwrap_or(u64::MAX);
        record.note = note;
        matching.into_iter().for_each(|id| self.act_on(id, &record, now));
        self.rung += 1;
        self.acts.push(record.clone());
        let surplus = self.acts.len().saturating_sub(ACTS);
        self.acts.drain(..surplus);
        record
    }

    fn matching(&self, scope: &Scope, act: Act, filter: &Filter) -> impl Iterator<Item = &Job> {
        self.queue.iter().filter(move |job| {
            act.works_on().contains(&job.state)
                && scope.covers(job.tenant())
                && filter.matches(&job.slot.record, Some(job.state))
        })
    }

    fn act_on(&mut self, id: MessageId, record: &ActRecord, now: Timestamp) {
        let Some(job) = self.queue.job(id) else { return };
        let event = record.event(id, job.generation, job.attempts, now);
        if record.act == Act::Cancel {
            return self.finish(id, [event]);
        }
        self.queue.change(id, |job| {
            match record.act {
                Act::Hold => (job.state, job.reason) = (QueueState::Held, record.note.clone()),
                Act::Replay => job.replay(now),
                Act::Cancel | Act::Release => {
                    job.waits();
                    job.reason = None;
                }
            }
            job.note([event]);
        });
    }

    pub(super) fn stats(&self, scope: &Scope, now: Timestamp) -> QueueStats {
        let mut stats = QueueStats { now, ..QueueStats::default() };
        let mut depths = BTreeMap::new();
        for job in self.queue.iter().filter(|job| scope.covers(job.tenant())) {
            *depths.entry((job.channel(), job.state)).or_default() += 1;
            let waiting = matches!(job.state, QueueState::Ready | QueueState::Suspect).then_some(job.due);
            stats.oldest_waiting = earlier(stats.oldest_waiting, waiting, now);
            let lease = job.hold.as_ref().map(|hold| hold.until);
            stats.oldest_expired_lease = earlier(stats.oldest_expired_lease, lease, now);
        }
        let depths = depths.into_iter().map(|((channel, state), count)| Depth::new(channel, state, count));
        stats.depths = depths.collect();
        stats
    }

    /// Answers how many messages were deleted.
    pub(super) fn prune(&mut self, retention: &Retention, now: Timestamp) -> u64 {
        self.keys.expire(now);
        let is_old = |slot: &Slot, keep: Duration| {
            let keep = if slot.record.key.is_some() { keep.max(retention.keys()) } else { keep };
            now.since(slot.record.at) >= keep
        };
        let done = self.ring.slots.iter().filter(|slot| is_old(slot, retention.done));
        let dead = self.queue.iter().filter(|job| job.state == QueueState::Dead);
        let dead = dead.filter(|job| is_old(&job.slot, retention.dead));
        let old = done.chain(dead.map(|job| &job.slot)).map(|slot| (slot.record.at, slot.record.id));
        let mut old: Vec<(Timestamp, MessageId)> = old.collect();
        old.sort_unstable();
        old.truncate(retention.limit);
        self.delete(old.iter().map(|(_, id)| *id).collect());
        u64::try_from(old.len()).unwrap_or(u64::MAX)
    }

    fn delete(&mut self, mut ids: Vec<MessageId>) {
        ids.sort_unstable();
        let mut gone = self.ring.remove(&ids);
        gone.extend(ids.iter().filter_map(|id| self.queue.remove(*id)).map(|job| job.slot));
        gone.iter().filter(|slot| slot.enqueued).for_each(|slot| self.keys.remove(&slot.record));
    }
}

/// The earlier of two moments that are not after `now`.
fn earlier(known: Option<Timestamp>, found: Option<Timestamp>, now: Timestamp) -> Option<Timestamp> {
    known.into_iter().chain(found.filter(|at| *at <= now)).min()
}

impl Job {
    fn replay(&mut self, now: Timestamp) {
        self.generation = self.generation.saturating_add(1);
        (self.state, self.due, self.cancel) = (QueueState::Ready, now, false);
        (self.attempts, self.excused, self.losses) = (0, 0, 0);
        // Who is pending stays so: the others have it, or were refused for good.
        (self.pinned, self.reason, self.since) = (None, None, now);
    }
}
