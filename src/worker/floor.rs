//! What a worker has in hand: messages that wait for a free place, and how many are under way.
//!
//! Pure but for the lock that its owner puts around it.

use std::{collections::VecDeque, time::Duration};

use super::{
    lead::Lead,
    pace::{Pace, Signal},
};
use crate::{message::Channel, time::Monotonic};

/// So many tasks serve the first messages.
const FEW: usize = 8;

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
    /// These wait as well, and must not begin before the mark of their claim has passed them.
    behind: VecDeque<J>,
    under_way: usize,
    pace: Pace,
    lead: Lead,
    served: bool,
    /// Its owner is told when it has room again.
    listened_to: bool,
    stock: Stock,
}

/// How many messages are worth having here ahead of their time: twice as many as can be under way, and more where they
/// go so fast that the next claim would come too late. Where they go slowly, other workers may have the time.
#[derive(Clone, Copy, Debug, Default)]
struct Stock {
    /// So many times as many.
    factor: usize,
    fed_at: Monotonic,
}

impl Stock {
    /// Claims that follow each other so fast should be larger.
    const FAST: Duration = Duration::from_millis(50);
    const SLOW: Duration = Duration::from_millis(250);

    fn feed(&mut self, now: Monotonic, most: usize) {
        let took = now.since(self.fed_at);
        self.fed_at = now;
        match took {
            _ if took < Self::FAST => self.factor = (self.factor() * 2).min(most),
            _ if took > Self::SLOW => self.factor = 1,
            _ => {}
        }
    }

    fn factor(self) -> usize {
        self.factor.max(1)
    }
}

impl<J> Bench<J> {
    /// How many more attempts may begin.
    fn free(&self) -> usize {
        self.pace.width().saturating_sub(self.under_way)
    }

    fn all_waiting(&self) -> usize {
        self.waiting.len() + self.behind.len()
    }

    fn in_hand(&self) -> usize {
        self.all_waiting() + self.under_way
    }

    /// How many should be let begin beside those that may.
    fn due(&self) -> usize {
        let (width, may) = (self.pace.width(), self.waiting.len());
        let least = self.lead.least(width);
        if may > least { 0 } else { (least + Lead::stride(width)).saturating_sub(may).min(self.behind.len()) }
    }

    /// How many messages may wait.
    fn most_waiting(&self, prefetch: usize) -> usize {
        prefetch.min(2 * self.pace.width() * self.stock.factor())
    }

    /// How many more messages it can take: none until half of what waited is gone, so that claims
    /// are few and large.
    fn room(&self, prefetch: usize) -> usize {
        let most = self.most_waiting(prefetch);
        let is_low = self.all_waiting() <= most / 2;
        if is_low { (self.pace.width() + most).saturating_sub(self.in_hand()) } else { 0 }
    }
}

/// All of them.
#[derive(Debug)]
pub(super) struct Floor<J> {
    total: usize,
    prefetch: usize,
    benches: [Bench<J>; Channel::ALL.len()],
    under_way: usize,
    /// Some must soon be let begin, and nobody was told yet.
    low: bool,
    /// Tasks that serve.
    hands: usize,
    /// The channel that is served next.
    turn: usize,
    /// Taken from channels that went down.
    put_back: Vec<J>,
    /// The owner is told when so many places are free, if nothing may wait for one.
    free_mark: Option<usize>,
}

impl<J> Floor<J> {
    pub(super) fn new(limits: &Limits) -> Self {
        let bench = |channel: Channel| {
            let most = limits.channels.iter().find(|(served, _)| *served == channel).map(|(_, most)| *most);
            let pace = Pace::new(most.unwrap_or(1).min(limits.total));
            Bench {
                waiting: VecDeque::new(),
                behind: VecDeque::new(),
                under_way: 0,
                pace,
                lead: Lead::default(),
                served: most.is_some(),
                listened_to: false,
                stock: Stock::default(),
            }
        };
        Self {
            total: limits.total.max(1),
            prefetch: limits.prefetch,
            benches: Channel::ALL.map(bench),
            under_way: 0,
            low: false,
            hands: 0,
            turn: 0,
            put_back: Vec::new(),
            free_mark: None,
        }
    }

    /// Adds a message that waits for a free place.
    pub(super) fn add(&mut self, channel: Channel, job: J) {
        self.benches[channel as usize].waiting.push_back(job);
    }

    /// So many messages of each channel were claimed.
    pub(super) fn fed(&mut self, found: &[(Channel, usize)], now: Monotonic) {
        for (channel, _) in found.iter().filter(|(_, count)| *count > 0) {
            let bench = &mut self.benches[*channel as usize];
            bench.stock.feed(now, self.prefetch / bench.pace.width() + 1);
        }
    }

    /// Adds a message that waits for the mark of its claim, and then for a free place.
    pub(super) fn add_behind(&mut self, channel: Channel, job: J) {
        let bench = &mut self.benches[channel as usize];
        bench.behind.push_back(job);
        self.low |= bench.due() > 0;
    }

    /// True, once, when some must soon be let begin.
    pub(super) fn is_low(&mut self) -> bool {
        std::mem::take(&mut self.low)
    }

    /// Those that should be let begin now.
    pub(super) fn due(&self) -> Vec<&J> {
        self.benches.iter().flat_map(|bench| bench.behind.iter().take(bench.due())).collect()
    }

    /// Lets those begin that `may`.
    pub(super) fn advance(&mut self, may: impl Fn(&J) -> bool) {
        for bench in &mut self.benches {
            let (out, stay) = std::mem::take(&mut bench.behind).into_iter().partition(&may);
            bench.behind = stay;
            bench.waiting.extend::<VecDeque<J>>(out);
        }
    }

    /// How many messages of each channel began so far.
    pub(super) fn begun(&self) -> [u64; Channel::ALL.len()] {
        std::array::from_fn(|place| self.benches[place].lead.begun())
    }

    /// Learns from a call of the store, before which so many had begun.
    pub(super) fn learn(&mut self, before: [u64; Channel::ALL.len()]) {
        self.benches.iter_mut().zip(before).for_each(|(bench, before)| bench.lead.learn(before));
    }

    /// How many of what a claim brings should be free to begin.
    pub(super) fn open(&self) -> usize {
        let leads = self.served().map(|(_, bench)| &bench.lead);
        (self.total + Lead::of_all(leads, self.total)).saturating_sub(self.under_way + self.waiting())
    }

    /// The next message, whose attempt begins now, and whether the owner should look; channels take turns.
    pub(super) fn next(&mut self) -> Option<(J, bool)> {
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
                bench.lead.one();
                self.under_way += 1;
                self.low |= !bench.behind.is_empty() && bench.due() > 0;
                self.turn = place + 1;
                let has_room = bench.listened_to && bench.room(self.prefetch) > 0;
                bench.listened_to &= !has_room;
                return Some((job, has_room || self.missing_hands() > 0));
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
            self.put_back.extend(bench.waiting.drain(..).chain(bench.behind.drain(..)));
        }
        let has_places = self.free_mark.is_some_and(|mark| self.free() >= mark);
        is_down || self.under_way == 0 || has_places || self.missing_hands() > 0
    }

    /// Asks to be told when one of `channels` has room, or when `free_mark` places are free.
    pub(super) fn listen(&mut self, channels: &[Channel], free_mark: Option<usize>) {
        self.free_mark = free_mark;
        self.benches.iter_mut().for_each(|bench| bench.listened_to = false);
        channels.iter().for_each(|channel| self.benches[*channel as usize].listened_to = true);
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

    /// How many messages could begin if somebody served them.
    fn ready(&self) -> usize {
        let ready = self.benches.iter().map(|bench| bench.free().min(bench.waiting.len())).sum::<usize>();
        ready.min(self.total.saturating_sub(self.under_way))
    }

    /// None while one of those who are there has nothing in hand; then as many again. A vendor that
    /// answers at once needs few, and a task for each message would cost more than the message.
    fn missing_hands(&self) -> usize {
        if self.hands > self.under_way { 0 } else { self.ready().min(self.hands.max(FEW)) }
    }

    /// How many more messages each channel can take, those aside that are down.
    pub(super) fn rooms(&self, guarded: bool) -> Vec<(Channel, usize)> {
        let free = self.free();
        let room = |bench: &Bench<J>| match guarded {
            // Never beyond the free places.
            true => bench.free().saturating_sub(bench.all_waiting()).min(free),
            false => bench.room(self.prefetch),
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
            let both = |bench: &mut Bench<J>| bench.waiting.drain(..).chain(bench.behind.drain(..)).collect();
            back.extend(self.benches.iter_mut().flat_map::<Vec<J>, _>(both));
        }
        back
    }

    /// What waits of those that `wanted` picks.
    pub(super) fn take(&mut self, wanted: impl Fn(&J) -> bool) -> Vec<J> {
        let mut taken = Vec::new();
        for bench in &mut self.benches {
            for waiting in [&mut bench.waiting, &mut bench.behind] {
                let (out, stay) = std::mem::take(waiting).into_iter().partition(&wanted);
                *waiting = stay;
                taken.extend::<VecDeque<J>>(out);
            }
            self.low |= bench.due() > 0;
        }
        taken
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.benches.iter().map(Bench::all_waiting).sum()
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
        let taken: Vec<u32> = std::iter::from_fn(|| Some(floor.next()?.0)).collect();
        assert_eq!(taken, [0, 100, 1, 2], "one text message at a time, four altogether");
        floor.end(Channel::Sms, Signal::Clean, NOW);
        assert_eq!(floor.next(), Some((101, false)));
    }

    #[test]
    fn what_is_behind_waits_for_its_mark() {
        let mut floor = floor(8, &[(Channel::Email, 8)]);
        (0..2).for_each(|n| floor.add(Channel::Email, n));
        assert!(!floor.is_low());
        (2..20).for_each(|n| floor.add_behind(Channel::Email, n));
        assert_eq!((floor.is_low(), floor.waiting(), floor.ready()), (false, 20, 2), "two may begin");
        assert_eq!(floor.next().map(|(n, _)| n), Some(0));
        assert!(floor.is_low() && !floor.is_low(), "told once");
        assert_eq!(floor.due(), [&2, &3, &4, &5], "half of the places beside the one that may");
        floor.advance(|n| *n < 6);
        assert_eq!((floor.due().len(), floor.ready()), (0, 5));
        let begun: Vec<u32> = std::iter::from_fn(|| Some(floor.next()?.0)).collect();
        assert_eq!(begun, [1, 2, 3, 4, 5], "and no further");
        assert_eq!(floor.take(|n| *n == 7), [7]);
        assert_eq!(floor.put_back(true).len(), 13);
    }

    #[test]
    fn what_is_behind_is_not_forgotten_when_those_before_it_are_taken() {
        let mut floor = floor(8, &[(Channel::Email, 8)]);
        (0..3).for_each(|n| floor.add(Channel::Email, n));
        floor.add_behind(Channel::Email, 9);
        assert!(!floor.is_low());
        assert_eq!(floor.take(|n| *n < 3), [0, 1, 2]);
        assert!(floor.is_low() && floor.due() == [&9]);
    }

    #[test]
    fn more_is_let_begin_where_the_store_takes_its_time() {
        let mut floor = floor(8, &[(Channel::Email, 8), (Channel::Sms, 8)]);
        assert_eq!(floor.open(), 9, "the free places, and one more");
        let before = floor.begun();
        (0..4).for_each(|n| floor.add(Channel::Email, n));
        while floor.next().is_some() {}
        floor.learn(before);
        assert_eq!(floor.open(), 8 - 4 + 12);
        (10..30).for_each(|n| floor.add_behind(Channel::Email, n));
        assert_eq!((floor.due().len(), floor.open()), (16, 0));
    }

    #[test]
    fn its_owner_is_told_once_when_there_is_room() {
        let mut floor = floor(4, &[(Channel::Email, 4), (Channel::Sms, 1)]);
        (0..8).for_each(|n| floor.add(Channel::Email, n));
        floor.listen(&[Channel::Email], None);
        floor.hire();
        let told = |floor: &mut Floor<u32>| floor.next().map(|(_, told)| told);
        let all: Vec<_> = (0..4).map(|_| told(&mut floor)).collect();
        assert_eq!(all, [Some(false), Some(false), Some(false), Some(true)]);
        assert!(!floor.end(Channel::Email, Signal::Clean, NOW) || floor.hire() > 0);
        floor.listen(&[], Some(2));
        for _ in 0..5 {
            let _ = floor.next();
        }
        floor.take(|_| true);
        floor.hire();
        let ends: Vec<_> = (0..3).map(|_| floor.end(Channel::Email, Signal::Clean, NOW)).collect();
        assert_eq!(ends, [false, true, true], "two places free");
    }

    #[test]
    fn where_messages_go_fast_more_wait_and_where_they_go_slowly_fewer() {
        let limits = Limits { total: 10, channels: vec![(Channel::Email, 10)], prefetch: 1_000 };
        let mut floor: Floor<u32> = Floor::new(&limits);
        let mut room_after = |millis: u64| {
            let now = NOW + Duration::from_millis(millis);
            floor.fed(&[(Channel::Email, 1)], now);
            floor.rooms(false)[0].1
        };
        assert_eq!([0, 10, 20, 30].map(&mut room_after), [30, 50, 90, 170]);
        assert_eq!(room_after(130), 170, "neither fast nor slow");
        assert_eq!(room_after(1_130), 30);
        let most = (0..20).map(|turn| room_after(1_140 + turn)).max();
        assert_eq!(most, Some(1_010), "what is set is the most");
    }

    #[test]
    fn a_channel_that_goes_down_hands_back_what_waits() {
        let mut floor = floor(30, &[(Channel::Email, 20), (Channel::Sms, 20)]);
        (0..40).for_each(|n| floor.add(Channel::Email, n));
        floor.add(Channel::Sms, 100);
        assert_eq!(std::iter::from_fn(|| floor.next()).count(), 21);
        for _ in 0..20 {
            let _ = floor.end(Channel::Email, DOWN, NOW);
        }
        assert_eq!(floor.put_back(false).len(), 20);
        assert_eq!(floor.rooms(false).len(), 1, "only the other channel");
        assert_eq!(floor.probes().count(), 1);
    }

    #[test]
    fn a_down_channel_is_probed_when_nothing_of_it_is_in_hand() {
        let mut floor = floor(20, &[(Channel::Email, 20)]);
        (0..20).for_each(|n| floor.add(Channel::Email, n));
        while floor.next().is_some() {}
        for _ in 0..20 {
            let _ = floor.end(Channel::Email, DOWN, NOW);
        }
        let next = NOW + Duration::from_secs(1);
        assert_eq!(floor.probes().collect::<Vec<_>>(), [(Channel::Email, next)]);
    }

    #[test]
    fn hands_double_while_all_of_them_are_busy() {
        let mut floor = floor(100, &[(Channel::Email, 100)]);
        (0..60).for_each(|n| floor.add(Channel::Email, n));
        assert_eq!((floor.hire(), floor.hire()), (8, 0), "none until they have work");
        let told: Vec<bool> = (0..8).filter_map(|_| Some(floor.next()?.1)).collect();
        assert_eq!(told, [false, false, false, false, false, false, false, true]);
        assert_eq!((floor.hire(), floor.hire()), (8, 0));
        (0..8).for_each(|_| assert!(floor.next().is_some()));
        assert_eq!(floor.hire(), 16);
        assert!(!floor.end(Channel::Email, Signal::Clean, NOW), "who ended goes on by themselves");
    }

    #[test]
    fn no_more_hands_than_can_serve() {
        let mut floor = floor(3, &[(Channel::Email, 2)]);
        (0..9).for_each(|n| floor.add(Channel::Email, n));
        assert_eq!((floor.hire(), floor.hire()), (2, 0));
        assert!(floor.next().is_some() && floor.next().is_some() && floor.next().is_none());
        assert_eq!(floor.hire(), 0);
        floor.leave();
        floor.end(Channel::Email, Signal::Clean, NOW);
        assert_eq!(floor.hire(), 1, "for one that was lost");
    }

    #[test]
    fn rooms_are_places_and_what_may_wait_for_them() {
        let mut floor = floor(10, &[(Channel::Email, 10), (Channel::Sms, 4)]);
        assert_eq!(floor.rooms(false), [(Channel::Email, 30), (Channel::Sms, 12)]);
        assert_eq!(floor.rooms(true), [(Channel::Email, 10), (Channel::Sms, 4)]);
        (0..8).for_each(|n| floor.add(Channel::Email, n));
        assert_eq!(floor.rooms(false), [(Channel::Email, 22), (Channel::Sms, 12)]);
        (8..12).for_each(|n| floor.add(Channel::Email, n));
        assert_eq!(floor.rooms(false)[0], (Channel::Email, 0), "not before half of them are gone");
        for _ in 0..4 {
            let _ = floor.next();
        }
        assert_eq!(floor.rooms(true), [(Channel::Email, 0), (Channel::Sms, 0)], "beyond no free place");
    }
}
