//! What a worker does next: a pure function of what it knows.

use std::time::Duration;

use super::lanes::lanes;
use crate::{
    message::{Channel, Priority},
    storage::Lane,
    time::Monotonic,
};

/// A claim is worth it when so many parts of all places are free, if nothing may wait for one.
const WORTH: usize = 8;
/// After an hour alone, ten hours with others: suspects take less than a tenth of the time.
const REST: u32 = 10;

/// What to claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Order {
    pub(super) lanes: Vec<Lane>,
    pub(super) limit: usize,
    pub(super) alone: bool,
    /// How many places were free when it was given.
    pub(super) free: usize,
    /// How many calls to look for work had come by then.
    wakes: u64,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Alone,
    Probe(Channel),
    Usual,
}

impl Order {
    /// The channel that it probes.
    pub(super) fn probe(&self) -> Option<Channel> {
        match self.kind {
            Kind::Probe(channel) => Some(channel),
            _ => None,
        }
    }
}

/// What to do.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// Hand back all that waits, then look again.
    Clear,
    Claim(Order),
    /// Nothing is left to do now; a worker that only does what is due leaves.
    Idle(Monotonic),
    /// Until this moment, or until something changes.
    Wait(Option<Monotonic>),
}

/// What is seen at a glance.
#[derive(Clone, Debug)]
pub(super) struct View {
    pub(super) now: Monotonic,
    /// Attempts under way.
    pub(super) under_way: usize,
    /// Messages that wait for a free place.
    pub(super) waiting: usize,
    /// Ends that are not stored.
    pub(super) unstored: usize,
    pub(super) free: usize,
    /// How many more messages each channel can take.
    pub(super) rooms: Vec<(Channel, usize)>,
    /// The channels that are down, with the moment of their next probe.
    pub(super) probes: Vec<(Channel, Monotonic)>,
}

impl View {
    fn is_quiet(&self) -> bool {
        self.under_way == 0 && self.waiting == 0 && self.unstored == 0
    }
}

/// What a claim brought, as far as it matters here.
#[derive(Clone, Debug, Default)]
pub(super) struct Found {
    pub(super) counts: Vec<(Channel, usize)>,
    pub(super) next_due: Option<Monotonic>,
    pub(super) suspects: bool,
    pub(super) guarded: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// A suspect is served, and nothing else; since when the others had to wait for it.
    Alone(Monotonic),
    /// What is in hand goes out, so that a suspect can be served alone.
    Emptying(Monotonic),
    Open,
}

/// What a worker knows and means to do.
#[derive(Debug)]
pub(super) struct Mind {
    total: usize,
    batch: usize,
    /// True if nothing ever waits for a free place.
    never_waits: bool,
    poll: Duration,
    channels: Vec<Channel>,
    /// Those that may have messages that are due.
    hungry: [bool; Channel::ALL.len()],
    /// When to look at all of them again.
    look_at: Monotonic,
    /// When a message is due that was seen.
    due_at: Option<Monotonic>,
    /// The store is left alone until then.
    sore_until: Option<Monotonic>,
    guarded: bool,
    suspects: bool,
    alone_after: Monotonic,
    phase: Phase,
    turn: usize,
    wakes: u64,
}

impl Mind {
    pub(super) fn new(
        total: usize,
        batch: usize,
        prefetch: usize,
        poll: Duration,
        channels: Vec<Channel>,
    ) -> Self {
        Self {
            total,
            batch,
            never_waits: prefetch == 0,
            poll,
            channels,
            hungry: [true; Channel::ALL.len()],
            look_at: Monotonic::default(),
            due_at: None,
            sore_until: None,
            guarded: prefetch == 0,
            suspects: false,
            alone_after: Monotonic::default(),
            phase: Phase::Open,
            turn: 0,
            wakes: 0,
        }
    }

    /// True while nothing may wait for a free place.
    pub(super) fn is_guarded(&self) -> bool {
        self.guarded
    }

    /// The channels whose room is waited for, or how many free places are.
    pub(super) fn listens(&self) -> (Vec<Channel>, Option<usize>) {
        let hungry = self.channels.iter().copied().filter(|channel| self.hungry[*channel as usize]);
        match self.guarded {
            true => (Vec::new(), hungry.min().map(|_| self.worth())),
            false => (hungry.collect(), None),
        }
    }

    fn worth(&self) -> usize {
        (self.total / WORTH).clamp(1, self.batch)
    }

    /// There may be work.
    pub(super) fn wake(&mut self) {
        self.wakes += 1;
        self.hungry = [true; Channel::ALL.len()];
    }

    /// What to do now, with no claim under way.
    pub(super) fn next(&mut self, view: &View) -> Step {
        if let Some(until) = self.sore_until.filter(|until| view.now < *until) {
            return Step::Wait(Some(until));
        }
        self.look(view.now);
        match self.phase {
            Phase::Alone(since) if view.is_quiet() => {
                self.alone_after = view.now + view.now.since(since) * REST;
                self.phase = Phase::Open;
                self.next(view)
            }
            Phase::Emptying(since) if view.is_quiet() => {
                self.phase = Phase::Alone(since);
                Step::Claim(self.order(Kind::Alone, self.everywhere(), 1, view))
            }
            Phase::Emptying(_) if view.waiting > 0 => Step::Clear,
            Phase::Alone(_) | Phase::Emptying(_) => Step::Wait(None),
            Phase::Open => self.open(view),
        }
    }

    fn look(&mut self, now: Monotonic) {
        if now >= self.look_at || self.due_at.is_some_and(|due| now >= due) {
            self.hungry = [true; Channel::ALL.len()];
            (self.look_at, self.due_at) = (self.look_at.max(now + self.poll), None);
        }
    }

    fn open(&mut self, view: &View) -> Step {
        let usual = self.usual(view);
        let is_idle = usual.is_none() && view.is_quiet() && !self.any_hungry(view);
        if self.suspects && (is_idle || view.now >= self.alone_after) {
            self.phase = Phase::Emptying(view.now);
            return self.next(view);
        }
        if let Some((channel, _)) = self.due_probe(view) {
            let lanes = Priority::ALL.map(|priority| Lane::new(channel, priority, 1)).to_vec();
            return Step::Claim(self.order(Kind::Probe(channel), lanes, 1, view));
        }
        match usual {
            Some(order) => {
                self.turn += 1;
                Step::Claim(order)
            }
            None if is_idle => Step::Idle(self.next_look(view)),
            None => Step::Wait(Some(self.next_look(view))),
        }
    }

    /// The usual claim, if there is anything to claim and a place to put it.
    fn usual(&self, view: &View) -> Option<Order> {
        let hungry = |(channel, room): &(Channel, usize)| self.hungry[*channel as usize] && *room > 0;
        let rooms: Vec<(Channel, usize)> = view.rooms.iter().copied().filter(hungry).collect();
        let room: usize = rooms.iter().map(|(_, room)| room).sum();
        let limit = if self.guarded { room.min(view.free) } else { room }.min(self.batch);
        let worth = !self.guarded || limit >= self.worth() || view.under_way == 0;
        (limit > 0 && worth).then(|| self.order(Kind::Usual, lanes(self.turn, &rooms), limit, view))
    }

    fn order(&self, kind: Kind, lanes: Vec<Lane>, limit: usize, view: &View) -> Order {
        Order { lanes, limit, alone: kind == Kind::Alone, free: view.free, wakes: self.wakes, kind }
    }

    fn everywhere(&self) -> Vec<Lane> {
        self.channels.iter().map(|channel| Lane::new(*channel, Priority::Normal, 1)).collect()
    }

    fn due_probe(&self, view: &View) -> Option<(Channel, Monotonic)> {
        let mut probes = view.probes.iter().copied();
        probes.find(|(channel, at)| self.hungry[*channel as usize] && *at <= view.now)
    }

    fn any_hungry(&self, view: &View) -> bool {
        view.rooms.iter().any(|(channel, _)| self.hungry[*channel as usize]) || self.due_probe(view).is_some()
    }

    fn next_look(&self, view: &View) -> Monotonic {
        let probes = view.probes.iter().filter(|(channel, _)| self.hungry[*channel as usize]);
        let alone = self.suspects.then_some(self.alone_after);
        probes.map(|(_, at)| *at).chain(self.due_at).chain(alone).fold(self.look_at, Monotonic::min)
    }

    /// Takes in what a claim brought.
    pub(super) fn found(&mut self, order: &Order, found: &Found, now: Monotonic) {
        self.sore_until = None;
        self.suspects = found.suspects;
        let count: usize = found.counts.iter().map(|(_, count)| count).sum();
        match order.kind {
            Kind::Alone => return,
            Kind::Probe(channel) => self.hungry[channel as usize] = count > 0,
            Kind::Usual => self.fed(order, found, count, now),
        }
        if order.wakes != self.wakes {
            // What was announced since may not have been seen.
            self.hungry = [true; Channel::ALL.len()];
        }
    }

    fn fed(&mut self, order: &Order, found: &Found, count: usize, now: Monotonic) {
        if count > 0 {
            self.guarded = found.guarded || self.never_waits;
        }
        let of = |channel: Channel| {
            found.counts.iter().find(|(known, _)| *known == channel).map_or(0, |(_, count)| *count)
        };
        for lane in &order.lanes {
            // A lane may have been cut by its own limit or by that of all.
            self.hungry[lane.channel as usize] = count >= order.limit || of(lane.channel) >= lane.limit;
        }
        self.due_at = self.due_at.into_iter().chain(found.next_due).min();
        if self.channels.iter().all(|channel| order.lanes.iter().any(|lane| lane.channel == *channel)) {
            (self.look_at, self.due_at) = (now + self.poll, found.next_due);
        }
    }

    /// The store failed: it is left alone for a while.
    pub(super) fn failed(&mut self, order: &Order, wait: Duration, now: Monotonic) {
        self.sore_until = Some(now + wait);
        if order.kind == Kind::Alone {
            self.phase = Phase::Open;
        }
    }
}

#[cfg(test)]
mod tests;
