//! What happened, in the order in which the parent learnt of it, and the numbers that cases wait for.

use std::{
    collections::{HashMap, HashSet},
    time::Duration,
};

use tidings::MessageId;

use crate::fact::Fact;

/// One line of the log.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    /// When, from the beginning of the case.
    pub(crate) at: Duration,
    /// Which process it is about; zero is none.
    pub(crate) who: u32,
    /// What.
    pub(crate) fact: Fact,
}

/// Everything that happened in a case.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    entries: Vec<Entry>,
    /// The numbers that the vendor took at least once.
    taken: HashSet<u32>,
    /// The numbers that are durable.
    enqueued: HashSet<u32>,
    /// The numbers whose transactions began.
    begun: HashSet<u32>,
    /// What each process has that lives.
    holds: HashMap<u32, HashSet<MessageId>>,
}

impl Log {
    /// Writes down one thing.
    pub(crate) fn push(&mut self, at: Duration, who: u32, fact: Fact) {
        match &fact {
            Fact::Begun(number) => self.begun.extend([*number]),
            Fact::Claimed(ids) => self.holds.entry(who).or_default().extend(ids),
            Fact::Enqueued(numbers) => self.enqueued.extend(numbers),
            Fact::Handed(hand) if hand.took => {
                self.taken.insert(hand.number);
            }
            Fact::Killed | Fact::Bye => {
                self.holds.remove(&who);
            }
            Fact::Refused(ids) | Fact::Settled(ids) => {
                let ended: HashSet<&MessageId> = ids.iter().collect();
                self.holds.entry(who).or_default().retain(|id| !ended.contains(id));
            }
            _ => {}
        }
        self.entries.push(Entry { at, who, fact });
    }

    /// All of it.
    pub(crate) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// How many different numbers the vendor took.
    pub(crate) fn taken(&self) -> usize {
        self.taken.len()
    }

    /// True if the vendor took this number.
    pub(crate) fn took(&self, number: u32) -> bool {
        self.taken.contains(&number)
    }

    /// True if the producer of this number was told that it is durable.
    pub(crate) fn is_enqueued(&self, number: u32) -> bool {
        self.enqueued.contains(&number)
    }

    /// True if the transaction of this number began.
    pub(crate) fn is_begun(&self, number: u32) -> bool {
        self.begun.contains(&number)
    }

    /// How many things happened to messages.
    pub(crate) fn steps(&self) -> usize {
        let steps =
            |entry: &&Entry| matches!(entry.fact, Fact::Enqueued(_) | Fact::Handed(_) | Fact::Settled(_));
        self.entries.iter().filter(steps).count()
    }

    /// `Some` if a process waits at a point, or did.
    pub(crate) fn is_at_point(&self, who: u32) -> Option<()> {
        let mut entries = self.entries.iter().rev().take(5_000).filter(|entry| entry.who == who);
        entries.find_map(|entry| matches!(entry.fact, Fact::At(_)).then_some(()))
    }

    /// `Some` if a process began.
    pub(crate) fn is_here(&self, who: u32) -> Option<()> {
        let mut entries = self.entries.iter().filter(|entry| entry.who == who);
        entries.find_map(|entry| matches!(entry.fact, Fact::Hello).then_some(()))
    }

    /// How many messages a process has.
    pub(crate) fn held_by(&self, who: u32) -> usize {
        self.holds.get(&who).map_or(0, HashSet::len)
    }
}
