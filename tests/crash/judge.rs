//! Judges a log: did the faults strike, was anything lost, was anything sent again without need.
//!
//! Pure, so that `judge_tests` can hold logs before it that no store ever wrote.

use std::{
    collections::{HashMap, HashSet},
    fmt::Write as _,
    time::Duration,
};

use tidings::MessageId;

use crate::{
    fact::{Fact, Hand},
    log::{Entry, Log},
    report::PROVES_NOTHING,
};

/// What the log of a flow of messages says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Verdict {
    /// How many faults struck a process that had messages, or a database that was in use.
    pub(crate) landed: usize,
    /// Numbers that the vendor never took.
    pub(crate) lost: Vec<u32>,
    /// How often the vendor took a message that it had taken before.
    pub(crate) second: usize,
    /// How many attempts were open at the faults: handed over, and the result not written.
    pub(crate) open: usize,
    /// Second copies that no such attempt explains.
    pub(crate) beyond: Vec<u32>,
    /// Numbers that were handed over before the store knew that they may have been.
    pub(crate) early: Vec<u32>,
    /// Numbers whose copies differ in id, idempotency key or `Message-ID`.
    pub(crate) changed: Vec<u32>,
    /// How many dead processes had each message.
    pub(crate) losses: HashMap<MessageId, u32>,
    /// How many dead processes had asked for messages, and we do not know which they got.
    pub(crate) unseen: u32,
    /// For each message that a dead process had: how long until another had it.
    pub(crate) takeovers: Vec<Duration>,
    /// Dead letters that three dead processes had, whether the vendor took them or not.
    pub(crate) dead: usize,
    /// Errors that reached a caller.
    pub(crate) errors: Vec<String>,
}

/// Judges a flow in which `wanted` should have arrived.
pub(crate) fn judge(log: &Log, wanted: impl IntoIterator<Item = u32>) -> Verdict {
    let mut judge = Judge::default();
    log.entries().iter().for_each(|entry| judge.hear(entry));
    let mut verdict = judge.verdict;
    verdict.lost = wanted.into_iter().filter(|number| !judge.hands.contains_key(number)).collect();
    verdict
}

#[derive(Default)]
struct Judge {
    verdict: Verdict,
    /// How each number was handed over for the first time.
    hands: HashMap<u32, Hand>,
    holds: HashMap<u32, HashSet<MessageId>>,
    claiming: HashSet<u32>,
    /// What each process must not begin yet.
    ahead: HashMap<u32, HashSet<MessageId>>,
    open: HashMap<u32, HashSet<MessageId>>,
    /// How many second copies of a message are explained by attempts that were open at a fault.
    excused: HashMap<MessageId, u32>,
    /// What dead processes had, and when they died.
    orphans: HashMap<MessageId, Duration>,
}

impl Judge {
    fn hear(&mut self, entry: &Entry) {
        let Entry { at, who, fact } = entry;
        match fact {
            Fact::Ahead(ids) => self.ahead.entry(*who).or_default().extend(ids),
            Fact::Claimed(ids) => self.claimed(*at, *who, ids),
            Fact::Claiming => self.claiming.extend([*who]),
            Fact::Fault(text) => self.verdict.errors.push(text.clone()),
            Fact::Handed(hand) if hand.took => self.handed(*who, hand),
            Fact::Killed => self.killed(*at, *who),
            Fact::MayBegin(ids) | Fact::Started(ids) => self.may_begin(*who, ids),
            Fact::Restarted => self.restarted(),
            Fact::Refused(ids) | Fact::Settled(ids) => self.settled(*who, ids),
            Fact::Stopped => self.stopped(*who),
            Fact::Terminated => self.terminated(*who),
            _ => {}
        }
    }

    fn claimed(&mut self, at: Duration, who: u32, ids: &[MessageId]) {
        self.claiming.remove(&who);
        for id in ids {
            let died = self.orphans.remove(id);
            self.verdict.takeovers.extend(died.map(|died| at.saturating_sub(died)));
        }
        self.holds.entry(who).or_default().extend(ids);
        // Of an earlier claim.
        self.may_begin(who, ids);
    }

    fn may_begin(&mut self, who: u32, ids: &[MessageId]) {
        let ahead = self.ahead.entry(who).or_default();
        ahead.retain(|id| !ids.contains(id));
    }

    fn handed(&mut self, who: u32, hand: &Hand) {
        self.open.entry(who).or_default().insert(hand.id);
        let early = self.ahead.get(&who).is_some_and(|ahead| ahead.contains(&hand.id));
        self.verdict.early.extend(early.then_some(hand.number));
        let Some(first) = self.hands.get(&hand.number) else {
            self.hands.insert(hand.number, hand.clone());
            return;
        };
        self.verdict.second += 1;
        if (first.id, &first.key, &first.message_id) != (hand.id, &hand.key, &hand.message_id) {
            self.verdict.changed.push(hand.number);
        }
        match self.excused.get_mut(&hand.id).filter(|left| **left > 0) {
            Some(left) => *left -= 1,
            None => self.verdict.beyond.push(hand.number),
        }
    }

    fn settled(&mut self, who: u32, ids: &[MessageId]) {
        let ended: HashSet<&MessageId> = ids.iter().collect();
        for kept in [self.holds.get_mut(&who), self.open.get_mut(&who)].into_iter().flatten() {
            kept.retain(|id| !ended.contains(id));
        }
    }

    fn killed(&mut self, at: Duration, who: u32) {
        self.verdict.unseen += u32::from(self.claiming.remove(&who));
        let held = self.holds.remove(&who).unwrap_or_default();
        self.verdict.landed += usize::from(!held.is_empty());
        held.iter().for_each(|id| *self.verdict.losses.entry(*id).or_default() += 1);
        self.orphans.extend(held.into_iter().map(|id| (id, at)));
        let open = self.open.remove(&who).unwrap_or_default();
        self.excuse(open);
    }

    /// A stopped process may hand over what it has when it goes on, and others meanwhile.
    fn stopped(&mut self, who: u32) {
        let held = self.holds.get(&who).cloned().unwrap_or_default();
        self.verdict.landed += usize::from(!held.is_empty());
        self.excuse(held);
    }

    /// What does not end in the time that is left is another's.
    fn terminated(&mut self, who: u32) {
        let open = self.open.get(&who).cloned().unwrap_or_default();
        self.verdict.landed += usize::from(!open.is_empty());
        self.excuse(open);
    }

    /// Results that were under way may be lost, of whichever process.
    fn restarted(&mut self) {
        let held = self.holds.values().any(|held| !held.is_empty());
        self.verdict.landed += usize::from(held);
        let open: Vec<HashSet<MessageId>> = self.open.values().cloned().collect();
        open.into_iter().for_each(|open| self.excuse(open));
    }

    fn excuse(&mut self, open: HashSet<MessageId>) {
        self.verdict.open += open.len();
        open.into_iter().for_each(|id| *self.excused.entry(id).or_default() += 1);
    }
}

impl Verdict {
    /// All that is wrong, `faults` having been meant to strike.
    pub(crate) fn complaints(&self, faults: usize) -> Vec<String> {
        let mut found = Vec::new();
        if self.landed < faults {
            found.push(format!("only {} of {faults} faults struck: {PROVES_NOTHING}", self.landed));
        }
        let numbered = [
            (&self.lost, "lost"),
            (&self.beyond, "sent again though no attempt of theirs was open"),
            (&self.early, "handed over before the store knew that they might be"),
            (&self.changed, "sent again with another id, key or Message-ID"),
        ];
        for (numbers, what) in numbered {
            if !numbers.is_empty() {
                found.push(format!("{} messages were {what}: {}", numbers.len(), some(numbers)));
            }
        }
        if let Some(first) = self.errors.first() {
            found.push(format!("{} errors reached a caller; the first: {first}", self.errors.len()));
        }
        found
    }

    /// The takeover that half of the messages did not have to wait longer for, and the longest.
    pub(crate) fn takeover(&self) -> Option<(Duration, Duration)> {
        let mut sorted = self.takeovers.clone();
        sorted.sort_unstable();
        Some((*sorted.get(sorted.len() / 2)?, *sorted.last()?))
    }

    /// Takes in the dead letters: three dead processes must have had each. One that no vendor took is lost all the same.
    pub(crate) fn admit_dead(&mut self, dead: &[(u32, MessageId)]) {
        for (number, id) in dead {
            let losses = self.losses.get(id).copied().unwrap_or_default();
            if losses >= 1 && losses + self.unseen >= 3 {
                self.dead += 1;
            } else {
                self.errors.push(format!("{number} is dead without three dead processes"));
            }
        }
    }
}

/// The first few of many.
pub(crate) fn some(numbers: &[u32]) -> String {
    let mut text = String::new();
    for number in numbers.iter().take(8) {
        let _ = write!(text, "{number} ");
    }
    if numbers.len() > 8 {
        text.push('…');
    }
    text.trim_end().to_owned()
}
