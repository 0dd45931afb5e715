//! The leases of one claim, by the worker's own reckoning.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

use uuid::Uuid;

use crate::{
    message::Channel,
    storage::{Lease, Leased},
    time::Monotonic,
};

/// Where a leased message stands.
mod stage {
    /// It waits for a free place.
    pub(super) const WAITING: u8 = 0;
    /// An attempt is under way.
    pub(super) const RUNNING: u8 = 1;
    /// The attempt did not end when it had to; nobody waits for it any more.
    pub(super) const STUCK: u8 = 2;
    /// Its end is known and not yet stored.
    pub(super) const ENDED: u8 = 3;
    /// Its end is stored, or another worker has it.
    pub(super) const OVER: u8 = 4;
}

/// The messages of one claim, and of one token. Their leases end together, at the latest when the store says so.
#[derive(Debug)]
pub(super) struct Batch {
    lease: Duration,
    /// In microseconds on our clock.
    until: AtomicU64,
    /// So many may begin, as the store knows.
    mark: AtomicUsize,
    slots: Box<[Slot]>,
}

#[derive(Debug)]
struct Slot {
    lease: Lease,
    channel: Channel,
    /// True if it may begin wherever the mark is.
    begun: AtomicBool,
    stage: AtomicU8,
    deadline: AtomicU64,
}

fn micros(at: Monotonic) -> u64 {
    u64::try_from(at.since(Monotonic::default()).as_micros()).unwrap_or(u64::MAX)
}

const fn moment(micros: u64) -> Monotonic {
    Monotonic::from_start(Duration::from_micros(micros))
}

impl Batch {
    /// The messages that a claim found, each with its place: mostly they share a token.
    pub(super) fn of(leased: &[Leased], asked: Monotonic, lease: Duration) -> Vec<(Arc<Self>, usize)> {
        let mut batches: Vec<(Uuid, Arc<Self>, usize)> = Vec::new();
        let mut places = Vec::with_capacity(leased.len());
        for Lease { token, .. } in leased.iter().map(|leased| leased.lease) {
            let known = batches.iter().position(|(known, ..)| *known == token);
            let at = known.unwrap_or_else(|| {
                let own = leased.iter().filter(|leased| leased.lease.token == token);
                batches.push((token, Arc::new(Self::new(own, asked, lease)), 0));
                batches.len() - 1
            });
            let (_, batch, place) = &mut batches[at];
            places.push((Arc::clone(batch), *place));
            *place += 1;
        }
        places
    }

    /// Leases hold from when we `asked`, so that we never hold one for longer than the store does.
    fn new<'l>(leased: impl Iterator<Item = &'l Leased>, asked: Monotonic, lease: Duration) -> Self {
        let slot = |leased: &Leased| Slot {
            lease: leased.lease,
            channel: leased.payload.channel().unwrap_or(Channel::Email),
            begun: AtomicBool::new(leased.begun),
            stage: AtomicU8::new(stage::WAITING),
            deadline: AtomicU64::new(u64::MAX),
        };
        let until = AtomicU64::new(micros(asked + lease));
        Self { lease, until, mark: AtomicUsize::new(0), slots: leased.map(slot).collect() }
    }

    /// False while the store does not know that the message at `place` may have begun.
    pub(super) fn may_begin(&self, place: usize) -> bool {
        let slot = self.slots.get(place);
        place < self.mark.load(Ordering::Acquire)
            || slot.is_some_and(|slot| slot.begun.load(Ordering::Acquire))
    }

    /// The store knows that all may have begun up to and with the message at `place`.
    pub(super) fn let_begin(&self, place: usize) {
        self.mark.fetch_max(place + 1, Ordering::AcqRel);
    }

    /// The store counted the start of the message at `place`.
    pub(super) fn started(&self, place: usize) {
        if let Some(slot) = self.slots.get(place) {
            slot.begun.store(true, Ordering::Release);
        }
    }

    pub(super) fn lease_of(&self, place: usize) -> Option<Lease> {
        self.slots.get(place).map(|slot| slot.lease)
    }

    /// True while the message at `place` waits for a free place.
    pub(super) fn waits(&self, place: usize) -> bool {
        self.slots.get(place).is_some_and(|slot| slot.stage.load(Ordering::Acquire) == stage::WAITING)
    }

    /// Begins the attempt of the message at `place`, unless it may not, or its lease is over or nearly so;
    /// answers when it must have ended: before the lease does.
    pub(super) fn begin(&self, place: usize, now: Monotonic) -> Option<Monotonic> {
        let slot = self.slots.get(place).filter(|_| self.may_begin(place))?;
        let left = moment(self.until.load(Ordering::Acquire)).since(now);
        if left < self.lease / 3 {
            return None;
        }
        let deadline = now + (left - self.margin());
        slot.deadline.store(micros(deadline), Ordering::Release);
        self.pass(place, stage::WAITING, stage::RUNNING).then_some(deadline)
    }

    /// Time to store the end of an attempt while the lease still holds.
    fn margin(&self) -> Duration {
        (self.lease / 10).min(Duration::from_secs(5))
    }

    /// The end of the message at `place` is known. True if an attempt was under way and nobody gave it up.
    pub(super) fn end(&self, place: usize) -> bool {
        if self.pass(place, stage::RUNNING, stage::ENDED) {
            return true;
        }
        self.pass(place, stage::WAITING, stage::ENDED);
        false
    }

    /// The end of the message at `place` is stored, or another worker has it.
    pub(super) fn over(&self, place: usize) {
        if let Some(slot) = self.slots.get(place) {
            slot.stage.store(stage::OVER, Ordering::Release);
        }
    }

    /// When the leases should be renewed: when a third of them has passed.
    pub(super) fn renew_at(&self) -> Monotonic {
        let third = u64::try_from((self.lease - self.lease / 3).as_micros()).unwrap_or(u64::MAX);
        moment(self.until.load(Ordering::Acquire).saturating_sub(third))
    }

    /// The messages whose leases we still need, with their places: not those whose attempt hangs past its end.
    pub(super) fn live(&self, now: Monotonic) -> Vec<(usize, Lease)> {
        let slots = self.slots.iter().enumerate();
        slots.filter(|(_, slot)| slot.is_live(micros(now))).map(|(place, slot)| (place, slot.lease)).collect()
    }

    /// The store let them hold for another while from `asked` on.
    pub(super) fn renewed(&self, asked: Monotonic) {
        self.until.fetch_max(micros(asked + self.lease), Ordering::AcqRel);
    }

    /// True if nothing of it is needed any more.
    pub(super) fn is_over(&self) -> bool {
        self.slots.iter().all(|slot| slot.stage.load(Ordering::Acquire) == stage::OVER)
    }

    /// Gives up attempts that should have ended `patience` ago; their channels.
    pub(super) fn stuck(&self, now: Monotonic, patience: Duration) -> Vec<Channel> {
        let late = |slot: &Slot| {
            now > moment(slot.deadline.load(Ordering::Acquire)) + patience
                && slot.stage.load(Ordering::Acquire) == stage::RUNNING
        };
        let late = (0..self.slots.len()).filter(|place| late(&self.slots[*place]));
        let given_up = late.filter(|place| self.pass(*place, stage::RUNNING, stage::STUCK));
        given_up.map(|place| self.slots[place].channel).collect()
    }

    fn pass(&self, place: usize, from: u8, to: u8) -> bool {
        let stage = self.slots.get(place).map(|slot| &slot.stage);
        let passed =
            stage.map(|stage| stage.compare_exchange(from, to, Ordering::AcqRel, Ordering::Acquire).is_ok());
        passed.unwrap_or(false)
    }
}

impl Slot {
    fn is_live(&self, now: u64) -> bool {
        match self.stage.load(Ordering::Acquire) {
            stage::RUNNING => now <= self.deadline.load(Ordering::Acquire),
            stage::WAITING | stage::ENDED => true,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AnyMessage, MessageId, Sms, TenantId, message::Payload, storage::Terms};

    const LEASE: Duration = Duration::from_secs(60);

    fn at(secs: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_secs(secs))
    }

    fn leased(count: u128) -> Vec<Leased> {
        let sms = Sms::builder().to("+15005550006").body("Hi").build().expect("valid");
        let payload = Payload::encode(&AnyMessage::from(sms)).expect("JSON");
        let leased = |n| {
            let lease = Lease { id: MessageId::from_uuid(Uuid::from_u128(n)), token: Uuid::from_u128(9) };
            Leased::new(lease, TenantId::DEFAULT, payload.clone(), Terms::default())
        };
        (0..count).map(leased).collect()
    }

    fn batch(count: u128) -> Batch {
        Batch::new(leased(count).iter(), at(100), LEASE)
    }

    #[test]
    fn nothing_begins_beyond_the_mark_unless_it_was_started() {
        let mut leased = leased(5);
        leased[1..].iter_mut().for_each(|leased| leased.begun = false);
        let batch = Batch::new(leased.iter(), at(100), LEASE);
        let begins = |place| batch.begin(place, at(100)).is_some();
        assert_eq!([0, 1, 2, 3].map(begins), [true, false, false, false]);
        batch.let_begin(2);
        batch.let_begin(1);
        assert_eq!([1, 2, 3, 4].map(begins), [true, true, false, false]);
        batch.started(4);
        assert_eq!([3, 4].map(begins), [false, true]);
    }

    #[test]
    fn places_are_those_among_messages_of_one_token() {
        let mut leased = leased(4);
        leased[1].lease.token = Uuid::from_u128(7);
        leased[3].lease.token = Uuid::from_u128(7);
        let places = Batch::of(&leased, at(100), LEASE);
        assert_eq!(places.iter().map(|(_, place)| *place).collect::<Vec<_>>(), [0, 0, 1, 1]);
        for (leased, (batch, place)) in leased.iter().zip(&places) {
            assert_eq!(batch.lease_of(*place), Some(leased.lease));
        }
    }

    #[test]
    fn an_attempt_ends_before_its_lease() {
        let batch = batch(1);
        assert_eq!(batch.begin(0, at(110)), Some(at(155)));
    }

    #[test]
    fn nothing_begins_when_the_lease_is_nearly_over() {
        let batch = batch(2);
        assert_eq!(batch.begin(0, at(141)), None);
        assert_eq!(batch.begin(0, at(500)), None);
        batch.renewed(at(141));
        assert!(batch.begin(0, at(142)).is_some());
        assert_eq!(batch.begin(0, at(142)), None, "once");
        batch.over(1);
        assert_eq!(batch.begin(1, at(142)), None, "another worker has it");
    }

    #[test]
    fn leases_are_renewed_when_a_third_has_passed() {
        let batch = batch(1);
        assert_eq!(batch.renew_at(), at(120));
        batch.renewed(at(120));
        assert_eq!(batch.renew_at(), at(140));
        batch.renewed(at(110));
        assert_eq!(batch.renew_at(), at(140), "an answer that came late shortens nothing");
    }

    #[test]
    fn what_hangs_past_its_end_or_is_over_is_not_renewed() {
        let batch = batch(4);
        let live = |now| batch.live(at(now)).into_iter().map(|(place, _)| place).collect::<Vec<_>>();
        assert!(batch.begin(1, at(100)).is_some() && batch.begin(2, at(100)).is_some());
        assert!(batch.end(2), "an attempt was under way");
        batch.over(3);
        assert_eq!(live(100), [0, 1, 2]);
        assert_eq!(live(156), [0, 2], "its deadline was 155");
        assert_eq!(batch.stuck(at(158), Duration::from_secs(5)), []);
        assert_eq!(batch.stuck(at(161), Duration::from_secs(5)), [Channel::Sms]);
        assert_eq!(batch.stuck(at(161), Duration::from_secs(5)), []);
        assert!(!batch.end(1), "nobody waits for it any more");
        (0..4).for_each(|place| batch.over(place));
        assert!(batch.is_over());
    }
}
