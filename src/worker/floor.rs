//! What a worker has in hand: messages that wait for a free place, and how many are under way.
//!
//! Pure but for the lock that its owner puts around it.

use std::collections::VecDeque;

use super::pace::{Pace, Signal};
use crate::{message::Channel, time::Monotonic};

/// How many messages may be in hand.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Limits {
    /// Attempts at once.
    pub(super) total: usize,
    /// Attempts at once of each channel that is served.
    pub(super) channels: Vec<(Channel, usize)>,
    /// Messages of a channel that wait here for a free place.
    pub(super) prefetch: usize,
}

/// One channel.
#[derive(Debug)]
struct Bench<J> {
    waiting: VecDeque<J>,
    under_way: usize,
    pace: Pace,
    served: bool,
}

impl<J> Bench<J> {
    /// How many more attempts may begin.
    fn free(&self) -> usize {
        self.pace.width().saturating_sub(self.under_way)
    }

    fn in_hand(&self) -> usize {
        self.waiting.len() + self.under_way
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Floor<J> {
    total: usize,
    prefetch: usize,
    benches: [Bench<J>; Channel::ALL.len()],
    under_way: usize,
    /// Tasks that serve.
    hands: usize,
    /// The channel that is served next.
    turn: usize,
    /// Taken from channels that went down.
    put_back: Vec<J>,
    /// Its owner is told when not more than so many wait.
    low_water: Option<usize>,
}

impl<J> Floor<J> {
    pub(super) fn new(limits: &Limits) -> Self {
        let bench = |channel: Channel| {
            let most = limits.channels.iter().find(|(served, _)| *served == channel).map(|(_, most)| *most);
            let pace = Pace::new(most.unwrap_or(1).min(limits.total));
            Bench { waiting: VecDeque::new(), under_way: 0, pace, served: most.is_some() }
        };
        Self {
            total: limits.total.max(1),
            prefetch: limits.prefetch,
            benches: Channel::ALL.map(bench),
            under_way: 0,
            hands: 0,
            turn: 0,
            put_back: Vec::new(),
            low_water: None,
        }
    }

    /// Adds a message that waits for a free place.
    pub(super) fn add(&mut self, channel: Channel, job: J) {
        self.benches[channel as usize].waiting.push_back(job);
    }

    /// The next message, whose attempt begins now; channels take turns.
    pub(super) fn next(&mut self) -> Option<J> {
        if self.under_way >= self.total {
            return None;
        }
        let count = self.benches.len();
        for step in 0..count {
            let place = (self.turn + step) % count;
            let bench = &mut self.benches[place];
            if bench.free() == 0 {
                continue;
            }
            if let Some(job) = bench.waiting.pop_front() {
                bench.under_way += 1;
                self.under_way += 1;
                self.turn = place + 1;
                return Some(job);
            }
        }
        None
    }

    /// An attempt of this channel ended. True if the owner should look.
    pub(super) fn end(&mut self, channel: Channel, signal: Signal, now: Monotonic) -> bool {
        let bench = &mut self.benches[channel as usize];
        bench.under_way = bench.under_way.saturating_sub(1);
        self.under_way = self.under_way.saturating_sub(1);
        bench.pace.note(signal, now);
        let is_down = bench.pace.probe_at().is_some();
        if is_down {
            // They would all fail as this one did.
            self.put_back.extend(bench.waiting.drain(..));
        }
        is_down || self.under_way == 0 || self.is_low() || self.missing_hands() > 0
    }

    fn is_low(&self) -> bool {
        self.low_water.is_some_and(|mark| self.waiting() <= mark)
    }

    /// Asks to be told when not more than `mark` wait; once.
    pub(super) fn tell_below(&mut self, mark: Option<usize>) {
        self.low_water = mark;
    }

    /// How many tasks should be added to those that serve; they are taken to be there from now on.
    pub(super) fn hire(&mut self) -> usize {
        let missing = self.missing_hands();
        self.hands += missing;
        missing
    }

    /// A task that serves leaves.
    pub(super) fn leave(&mut self) {
        self.hands = self.hands.saturating_sub(1);
    }

    fn missing_hands(&self) -> usize {
        let ready = self.benches.iter().map(|bench| bench.free().min(bench.waiting.len())).sum::<usize>();
        let ready = ready.min(self.total.saturating_sub(self.under_way));
        (ready + self.under_way).saturating_sub(self.hands)
    }

    /// How many more messages each channel can take, those aside that are down.
    pub(super) fn rooms(&self, guarded: bool) -> Vec<(Channel, usize)> {
        let free = self.free();
        let room = |bench: &Bench<J>| match guarded {
            // Never beyond the free places.
            true => bench.free().saturating_sub(bench.waiting.len()).min(free),
            false => {
                let most = bench.pace.width() + self.prefetch.min(2 * bench.pace.width());
                most.saturating_sub(bench.in_hand())
            }
        };
        let served = self.served().filter(|(_, bench)| bench.pace.probe_at().is_none());
        served.map(|(channel, bench)| (channel, room(bench))).collect()
    }

    /// The channels that are down and have nothing in hand, with the moment of their next probe.
    pub(super) fn probes(&self) -> impl Iterator<Item = (Channel, Monotonic)> {
        let idle = self.served().filter(|(_, bench)| bench.in_hand() == 0);
        idle.filter_map(|(channel, bench)| Some((channel, bench.pace.probe_at()?)))
    }

    /// A probe of this channel was asked for.
    pub(super) fn probed(&mut self, channel: Channel, now: Monotonic) {
        self.benches[channel as usize].pace.probed(now);
    }

    /// What waits and is to be handed back: of channels that went down, or all.
    pub(super) fn put_back(&mut self, all: bool) -> Vec<J> {
        let mut back = std::mem::take(&mut self.put_back);
        if all {
            back.extend(self.benches.iter_mut().flat_map(|bench| bench.waiting.drain(..)));
        }
        back
    }

    /// What waits of those that `wanted` picks.
    pub(super) fn take(&mut self, wanted: impl Fn(&J) -> bool) -> Vec<J> {
        let mut taken = Vec::new();
        for bench in &mut self.benches {
            let (out, stay) = std::mem::take(&mut bench.waiting).into_iter().partition(&wanted);
            bench.waiting = stay;
            taken.extend::<VecDeque<J>>(out);
        }
        taken
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.benches.iter().map(|bench| bench.waiting.len()).sum()
    }

    /// How many attempts are under way.
    pub(super) fn under_way(&self) -> usize {
        self.under_way
    }

    /// How many places are free beyond those that wait for one.
    pub(super) fn free(&self) -> usize {
        self.total.saturating_sub(self.under_way + self.waiting())
    }

    fn served(&self) -> impl Iterator<Item = (Channel, &Bench<J>)> {
        Channel::ALL.into_iter().zip(&self.benches).filter(|(_, bench)| bench.served)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DOWN: Signal = Signal::Down(Duration::ZERO);
    const NOW: Monotonic = Monotonic::from_start(Duration::from_secs(5));

    fn floor(total: usize, channels: &[(Channel, usize)]) -> Floor<u32> {
        Floor::new(&Limits { total, channels: channels.to_vec(), prefetch: 2 * total })
    }

    #[test]
    fn channels_have_the_places_of_their_order() {
        for (place, channel) in Channel::ALL.into_iter().enumerate() {
            assert_eq!(channel as usize, place);
        }
    }

    #[test]
    fn channels_take_turns_within_their_limits() {
        let mut floor = floor(4, &[(Channel::Email, 4), (Channel::Sms, 1)]);
        (0..9).for_each(|n| floor.add(Channel::Email, n));
        (100..109).for_each(|n| floor.add(Channel::Sms, n));
        let taken: Vec<u32> = std::iter::from_fn(|| floor.next()).collect();
        assert_eq!(taken, [0, 100, 1, 2], "one text message at a time, four altogether");
        floor.end(Channel::Sms, Signal::Clean, NOW);
        assert_eq!(floor.next(), Some(101));
    }

    #[test]
    fn a_channel_that_goes_down_hands_back_what_waits() {
        let mut floor = floor(20, &[(Channel::Email, 20), (Channel::Sms, 20)]);
        (0..40).for_each(|n| floor.add(Channel::Email, n));
        floor.add(Channel::Sms, 100);
        let begun = std::iter::from_fn(|| floor.next()).count();
        (0..begun - 1).for_each(|_| drop(floor.end(Channel::Email, DOWN, NOW)));
        assert_eq!(floor.put_back(false).len(), 40 - (begun - 1));
        assert_eq!(floor.rooms(false).len(), 1, "only the other channel");
        assert_eq!(floor.probes().count(), 0, "nothing to do while one is in hand: {floor:?}");
    }

    #[test]
    fn a_down_channel_is_probed_when_nothing_of_it_is_in_hand() {
        let mut floor = floor(20, &[(Channel::Email, 20)]);
        (0..20).for_each(|n| floor.add(Channel::Email, n));
        while floor.next().is_some() {}
        (0..20).for_each(|_| drop(floor.end(Channel::Email, DOWN, NOW)));
        let next = NOW + Duration::from_secs(1);
        assert_eq!(floor.probes().collect::<Vec<_>>(), [(Channel::Email, next)]);
    }

    #[test]
    fn hands_are_as_many_as_can_serve() {
        let mut floor = floor(3, &[(Channel::Email, 2)]);
        (0..9).for_each(|n| floor.add(Channel::Email, n));
        assert_eq!((floor.hire(), floor.hire()), (2, 0));
        assert!(floor.next().is_some() && floor.next().is_some() && floor.next().is_none());
        assert_eq!(floor.hire(), 0);
        floor.leave();
        floor.end(Channel::Email, Signal::Clean, NOW);
        assert_eq!(floor.hire(), 1);
    }

    #[test]
    fn rooms_are_places_and_what_may_wait_for_them() {
        let mut floor = floor(10, &[(Channel::Email, 10), (Channel::Sms, 4)]);
        assert_eq!(floor.rooms(false), [(Channel::Email, 30), (Channel::Sms, 12)]);
        assert_eq!(floor.rooms(true), [(Channel::Email, 10), (Channel::Sms, 4)]);
        (0..8).for_each(|n| floor.add(Channel::Email, n));
        assert_eq!(floor.rooms(false), [(Channel::Email, 22), (Channel::Sms, 12)]);
        assert_eq!(floor.rooms(true), [(Channel::Email, 2), (Channel::Sms, 2)], "beyond no free place");
    }
}
