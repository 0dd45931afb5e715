//! In which order a claim looks for work: the urgent first, and nobody starves.

use crate::{
    message::{Channel, Priority},
    storage::Lane,
};

/// With which priority each of eight claims begins: five with the high ones, two with the usual, one
/// with the low. A lane that is empty costs nothing: the claim goes on to the next.
const TURNS: [Priority; 8] = [
    Priority::High,
    Priority::Normal,
    Priority::High,
    Priority::Low,
    Priority::High,
    Priority::Normal,
    Priority::High,
    Priority::High,
];

/// The priorities in the order of the claim numbered `turn`.
fn priorities(turn: usize) -> impl Iterator<Item = Priority> {
    let first = TURNS[turn % TURNS.len()];
    let others = Priority::ALL.into_iter().filter(move |priority| *priority != first);
    std::iter::once(first).chain(others)
}

/// The lanes of the claim numbered `turn`, for channels with room for so many messages.
pub(super) fn lanes(turn: usize, rooms: &[(Channel, usize)]) -> Vec<Lane> {
    let first = turn.checked_rem(rooms.len()).unwrap_or(0);
    let channels = || (0..rooms.len()).map(move |step| rooms[(first + step) % rooms.len()]);
    let lanes = priorities(turn)
        .flat_map(|priority| channels().map(move |(channel, room)| Lane::new(channel, priority, room)));
    lanes.filter(|lane| lane.limit > 0).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    #[test]
    fn of_eight_claims_five_begin_with_the_high_two_with_the_usual_one_with_the_low() {
        let mut firsts: HashMap<Priority, u32> = HashMap::new();
        for turn in 100..108 {
            let lanes = lanes(turn, &[(Channel::Sms, 9)]);
            *firsts.entry(lanes[0].priority).or_default() += 1;
            let mut all: Vec<_> = lanes.iter().map(|lane| lane.priority).collect();
            all.sort();
            all.dedup();
            assert_eq!(all.len(), 3, "a claim looks everywhere");
        }
        let expected = [(Priority::High, 5), (Priority::Normal, 2), (Priority::Low, 1)];
        assert_eq!(firsts, expected.into());
    }

    #[test]
    fn channels_take_turns_and_full_ones_are_left_out() {
        let rooms = [(Channel::Email, 5), (Channel::Push, 0), (Channel::Sms, 7)];
        let first = |turn| lanes(turn, &rooms)[0].channel;
        assert_eq!([first(0), first(2), first(3)], [Channel::Email, Channel::Sms, Channel::Email]);
        assert!(lanes(1, &rooms).iter().all(|lane| lane.channel != Channel::Push));
        assert_eq!(lanes(1, &rooms).len(), 6);
        assert!(lanes(3, &[]).is_empty());
    }
}
