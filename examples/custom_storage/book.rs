//! All messages, and the search through them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use crate::row::{Hold, Job, Row, lease_lost};
use bytes::Bytes;
use tidings::{
    Channel, Error, Fingerprint, MessageId, Result, TenantId, Timestamp,
    storage::{
        ActRecord, Cancelled, Claim, Claimed, Enqueued, Entry, Lane, Lease, Leased, Next, Pause, Place,
        QueueState, RateAsk, RecipientText, Record, Retention, Settlement, Suppression,
    },
};

/// When places of a limit were taken, and how many.
type Taken = VecDeque<(Timestamp, u32)>;

#[derive(Default)]
pub(crate) struct Book {
    pub(crate) rows: BTreeMap<MessageId, Row>,
    pub(crate) pauses: BTreeSet<Pause>,
    pub(crate) acts: Vec<ActRecord>,
    pub(crate) files: HashMap<Fingerprint, (Bytes, Timestamp)>,
    pub(crate) suppressions: HashMap<(TenantId, Option<Channel>, String), Suppression>,
    pub(crate) taken: HashMap<(Arc<str>, Duration), Taken>,
}

impl Book {
    pub(crate) fn row(&mut self, tenant: &TenantId, id: MessageId) -> Option<&mut Row> {
        self.rows.get_mut(&id).filter(|row| row.record.tenant == *tenant)
    }

    pub(crate) fn read(&self, tenant: &TenantId, id: MessageId) -> Option<&Row> {
        self.rows.get(&id).filter(|row| row.record.tenant == *tenant)
    }

    pub(crate) fn enqueue(&mut self, entry: Entry, now: Timestamp) -> Result<Enqueued> {
        let Entry { record, payload, terms, fingerprint, unless_suppressed, .. } = &entry;
        if *unless_suppressed {
            let found = |to: &RecipientText| self.suppressed(&record.tenant, record.channel, &to.0);
            Suppression::admit(&record.recipients.iter().map(found).collect::<Vec<_>>())?;
        }
        let same = |row: &&Row| {
            let known = &row.record;
            (&known.tenant, known.channel, &known.key) == (&record.tenant, record.channel, &record.key)
        };
        let keyed =
            self.rows.values().filter(|row| row.fingerprint.is_some() && record.key.is_some()).find(same);
        match keyed.or_else(|| self.read(&record.tenant, record.id)) {
            Some(first) if first.record.id != record.id && first.fingerprint != Some(*fingerprint) => {
                return Err(entry.conflict(first.record.id));
            }
            Some(first) => return Ok(Enqueued::new(first.record.id, false)),
            None => {}
        }
        let due = terms.due.unwrap_or(now);
        let job = Job {
            payload: payload.clone(),
            terms: terms.clone(),
            place: Place::new(QueueState::Ready, due),
            since: due.max(now),
            excused: 0,
            pending: None,
            pinned: None,
            lease: None,
            started: false,
            cancel: false,
            paused_by: None,
        };
        let (id, events) = (record.id, vec![record.queued_event()]);
        let row = Row { record: record.clone(), events, fingerprint: Some(*fingerprint), job: Some(job) };
        self.rows.insert(id, row);
        Ok(Enqueued::new(id, true))
    }

    pub(crate) fn claim(&mut self, wish: &Claim, now: Timestamp) -> Claimed {
        let over = |row: &&mut Row| {
            let lease = row.job.as_ref().and_then(|job| job.lease);
            wish.scope.covers(&row.record.tenant) && lease.is_some_and(|hold| hold.until <= now)
        };
        self.rows.values_mut().filter(over).for_each(|row| row.recover(now));
        let mut found = Claimed::nothing(now);
        let (token, until) = (MessageId::new(now).as_uuid(), now + wish.lease);
        let hold = |place| Hold { token, until, place, begun: place < wish.begin };
        if wish.alone {
            let suspect = self.suspects(wish, now).first().copied().filter(|_| wish.limit > 0);
            found.leased.extend(suspect.and_then(|id| self.lease(id, hold(0))));
        }
        for lane in wish.lanes.iter().filter(|_| !wish.alone) {
            let most = found.leased.len().saturating_add(lane.limit).min(wish.limit);
            for id in self.waiting(wish, QueueState::Ready, |row, job| {
                row.record.channel == lane.channel
                    && job.terms.priority == lane.priority
                    && job.place.due <= now
            }) {
                if found.leased.len() < most && self.is_next(id) {
                    found.leased.extend(self.lease(id, hold(found.leased.len())));
                }
            }
        }
        found.suspects = !self.suspects(wish, now).is_empty();
        if found.leased.len() < wish.limit && !wish.alone {
            let later = self.waiting(wish, QueueState::Ready, |row, job| {
                let of_lane =
                    |lane: &Lane| (lane.channel, lane.priority) == (row.record.channel, job.terms.priority);
                job.place.due > now && wish.lanes.iter().any(of_lane)
            });
            found.next_due = later.first().and_then(|id| Some(self.rows[id].job.as_ref()?.place.due));
        }
        found
    }

    /// What a claim may have, in the order of due and id.
    pub(crate) fn waiting(
        &self,
        wish: &Claim,
        state: QueueState,
        fits: impl Fn(&Row, &Job) -> bool,
    ) -> Vec<MessageId> {
        let is_paused = |row: &Row| {
            let Record { channel, tenant, .. } = &row.record;
            let by = [Pause::All, Pause::Channel(*channel), Pause::Tenant(tenant.clone())];
            by.iter().any(|pause| self.pauses.contains(pause))
        };
        let due = |row: &Row| {
            let job = row.job.as_ref().filter(|job| {
                job.place.state == state
                    && job.payload.version <= wish.newest_payload
                    && wish.scope.covers(&row.record.tenant)
                    && !is_paused(row)
                    && fits(row, job)
            })?;
            Some((job.place.due, row.record.id))
        };
        let mut found: Vec<_> = self.rows.values().filter_map(due).collect();
        found.sort_unstable();
        found.into_iter().map(|(_, id)| id).collect()
    }

    pub(crate) fn suspects(&self, wish: &Claim, now: Timestamp) -> Vec<MessageId> {
        let mut found = self.waiting(wish, QueueState::Suspect, |row, job| {
            job.place.due <= now && wish.lanes.iter().any(|lane| lane.channel == row.record.channel)
        });
        found.retain(|id| self.is_next(*id));
        found
    }

    /// True if no other message of its ordering key is leased, or has a smaller id and waits.
    pub(crate) fn is_next(&self, id: MessageId) -> bool {
        let key =
            |row: &Row| Some((row.record.tenant.clone(), row.job.as_ref()?.terms.ordering_key.clone()?));
        let Some(mine) = self.rows.get(&id).and_then(key) else { return true };
        self.rows.values().filter(|row| row.record.id != id && key(row).as_ref() == Some(&mine)).all(|row| {
            match row.state() {
                Some(QueueState::Leased) => false,
                Some(QueueState::Dead | QueueState::Held) => true,
                _ => row.record.id > id,
            }
        })
    }

    pub(crate) fn lease(&mut self, id: MessageId, hold: Hold) -> Option<Leased> {
        let row = self.rows.get_mut(&id)?;
        let job = row.job.as_mut()?;
        (job.place.state, job.lease, job.started) = (QueueState::Leased, Some(hold), false);
        let mut terms = job.terms.clone();
        terms.due = Some(job.place.due);
        let mut leased = Leased::new(
            Lease { id, token: hold.token },
            row.record.tenant.clone(),
            job.payload.clone(),
            terms,
        );
        (leased.key, leased.since, leased.excused) = (row.record.key.clone(), job.since, job.excused);
        (leased.attempts, leased.losses) = (job.place.attempts, job.place.losses);
        (leased.generation, leased.pending) = (job.place.generation, job.pending.clone());
        leased.pinned.clone_from(&job.pinned);
        leased.begun = hold.begun;
        Some(leased)
    }

    pub(crate) fn begin(&mut self, last: &Lease, now: Timestamp) -> Result<()> {
        let job = self.rows.get_mut(&last.id).and_then(|row| row.held(last.token));
        let hold = job.and_then(|job| job.lease).filter(|hold| hold.until > now);
        let place = hold.ok_or_else(|| lease_lost(last.id))?.place;
        let holds = self.rows.values_mut().filter_map(|row| row.job.as_mut()?.lease.as_mut());
        let before = holds.filter(|hold| hold.token == last.token && hold.place <= place);
        before.for_each(|hold| hold.begun = true);
        Ok(())
    }

    pub(crate) fn settle(&mut self, end: Settlement, now: Timestamp) -> Result<()> {
        let (id, token) = (end.lease.id, end.lease.token);
        let paused = matches!(&end.next, Next::Paused { by } if self.pauses.contains(by));
        let row = self.row(&end.tenant.clone(), id).filter(|row| {
            row.job.as_ref().is_some_and(|job| job.lease.is_some_and(|hold| hold.token == token))
        });
        row.ok_or_else(|| lease_lost(id))?.settle(end, paused, now);
        Ok(())
    }

    pub(crate) fn cancel(&mut self, tenant: &TenantId, id: MessageId, now: Timestamp) -> Cancelled {
        let Some(row) = self.row(tenant, id) else { return Cancelled::NotFound };
        match &mut row.job {
            None => Cancelled::Final,
            Some(job) if job.place.state == QueueState::Leased => {
                job.cancel = true;
                Cancelled::InFlight
            }
            Some(_) => {
                row.cancel(now);
                Cancelled::Cancelled
            }
        }
    }

    pub(crate) fn prune(&mut self, keep: &Retention, now: Timestamp) -> u64 {
        let is_old = |row: &&Row| {
            let least = match row.state() {
                None => keep.done,
                Some(QueueState::Dead) => keep.dead,
                Some(_) => return false,
            };
            let least = if row.record.key.is_some() { least.max(keep.keys()) } else { least };
            now.since(row.record.at) >= least
        };
        let mut old: Vec<_> =
            self.rows.values().filter(is_old).map(|row| (row.record.at, row.record.id)).collect();
        old.sort_unstable();
        old.truncate(keep.limit);
        old.iter().for_each(|(_, id)| drop(self.rows.remove(id)));
        let jobs = self.rows.values().filter_map(|row| row.job.as_ref());
        let needed: BTreeSet<_> = jobs.flat_map(|job| job.payload.blobs.iter().copied()).collect();
        let day = Duration::from_secs(24 * 3_600);
        self.files.retain(|hash, (_, at)| needed.contains(hash) || now.since(*at) < day);
        old.len() as u64
    }

    /// Exact: each place is remembered for as long as its period is.
    pub(crate) fn take(&mut self, asks: &[RateAsk], now: Timestamp) -> Result<Option<Duration>> {
        let mut wished: BTreeMap<(Arc<str>, Duration), (u32, u32)> = BTreeMap::new();
        for ask in asks {
            for (limit, period) in &ask.windows {
                let (least, permits) = wished.entry((ask.key.clone(), *period)).or_insert((*limit, 0));
                (*least, *permits) = ((*least).min(*limit), *permits + ask.permits);
            }
        }
        let mut wait = None;
        for ((key, period), (limit, permits)) in &wished {
            if permits > limit {
                return Err(Error::config(format!("{permits} places of {limit} can never be had at once")));
            }
            let taken = self.taken.entry((key.clone(), *period)).or_default();
            taken.retain(|(at, _)| now.since(*at) < *period);
            let mut surplus =
                (taken.iter().map(|(_, count)| count).sum::<u32>() + permits).saturating_sub(*limit);
            for (at, count) in taken.iter().take_while(|_| *permits > 0) {
                if surplus > 0 {
                    wait = wait.max(Some((*at + *period).since(now)));
                }
                surplus = surplus.saturating_sub(*count);
            }
        }
        if wait.is_none() {
            for (name, (_, permits)) in wished {
                self.taken.entry(name).or_default().push_back((now, permits));
            }
        }
        Ok(wait)
    }
}
