//! Who judges the judge: logs made up, with one thing wrong in each.

use std::time::Duration;

use tidings::MessageId;

use crate::{
    fact::{Fact, Hand},
    judge::{Verdict, judge},
    log::Log,
};

/// Runs all of them; each panics if the judge is wrong.
pub(crate) fn run() {
    let tests: [(&str, fn()); 11] = [
        ("a_good_run_is_good", a_good_run_is_good),
        ("without_faults_it_complains", without_faults_it_complains),
        ("a_kill_of_an_idle_process_does_not_count", a_kill_of_an_idle_process_does_not_count),
        ("what_never_arrived_is_lost", what_never_arrived_is_lost),
        ("a_refused_hand_over_is_none", a_refused_hand_over_is_none),
        ("a_copy_of_what_was_settled_is_beyond", a_copy_of_what_was_settled_is_beyond),
        ("two_copies_for_one_open_attempt_are_beyond", two_copies_for_one_open_attempt_are_beyond),
        ("a_copy_with_another_key_is_changed", a_copy_with_another_key_is_changed),
        ("a_dead_letter_needs_three_dead_processes", a_dead_letter_needs_three_dead_processes),
        ("what_must_not_begin_yet_is_early", what_must_not_begin_yet_is_early),
        ("an_error_that_reached_a_caller_is_told", an_error_that_reached_a_caller_is_told),
    ];
    for (name, test) in tests {
        test();
        println!("test judge_tests::{name} ... ok");
    }
}

/// A log being made up; a second passes between its entries.
struct Story(Log);

impl Story {
    fn new() -> Self {
        Self(Log::default())
    }

    fn says(mut self, who: u32, fact: Fact) -> Self {
        let at = Duration::from_secs(self.0.entries().len() as u64);
        self.0.push(at, who, fact);
        self
    }

    fn claims(self, who: u32, number: u32) -> Self {
        self.says(who, Fact::Claimed(vec![id(number)]))
    }

    fn hands(self, who: u32, number: u32) -> Self {
        self.says(who, Fact::Handed(hand(number)))
    }

    fn settles(self, who: u32, number: u32) -> Self {
        self.says(who, Fact::Settled(vec![id(number)]))
    }

    fn dies(self, who: u32) -> Self {
        self.says(who, Fact::Killed)
    }

    fn judged(&self, wanted: u32) -> Verdict {
        judge(&self.0, 0..wanted)
    }
}

fn id(number: u32) -> MessageId {
    MessageId::from_uuid(uuid::Uuid::from_u128(number.into()))
}

fn hand(number: u32) -> Hand {
    let key = format!("key-{number}");
    Hand {
        number,
        id: id(number),
        key: key.clone(),
        message_id: key,
        attempt: 1,
        clock: 0,
        told: 0,
        took: true,
    }
}

/// Process 1 is killed with message 0 handed over and message 1 claimed; process 2 sends both.
fn good_run() -> Story {
    let struck = Story::new().claims(1, 0).hands(1, 0).claims(1, 1).dies(1);
    struck.claims(2, 0).claims(2, 1).hands(2, 0).hands(2, 1).settles(2, 0).settles(2, 1)
}

/// The one complaint, which has this in it.
fn complains(verdict: &Verdict, faults: usize, of: &str) {
    let complaints = verdict.complaints(faults);
    assert!(complaints.len() == 1 && complaints[0].contains(of), "{of}: {complaints:?}");
}

fn a_good_run_is_good() {
    let verdict = good_run().judged(2);
    assert_eq!(verdict.complaints(1), Vec::<String>::new());
    assert_eq!((verdict.landed, verdict.second, verdict.open), (1, 1, 1));
    assert_eq!(verdict.takeover(), Some((Duration::from_secs(2), Duration::from_secs(2))));
}

fn without_faults_it_complains() {
    let calm = Story::new().claims(1, 0).hands(1, 0).settles(1, 0);
    complains(&calm.judged(1), 1, "only 0 of 1 faults struck");
}

fn a_kill_of_an_idle_process_does_not_count() {
    let idle = Story::new().claims(1, 0).hands(1, 0).settles(1, 0).dies(1);
    complains(&idle.judged(1), 1, "only 0 of 1 faults struck");
}

fn what_never_arrived_is_lost() {
    complains(&good_run().judged(3), 1, "1 messages were lost: 2");
}

fn a_refused_hand_over_is_none() {
    let refused = Fact::Handed(Hand { took: false, ..hand(2) });
    complains(&good_run().says(2, refused).judged(3), 1, "1 messages were lost: 2");
}

fn a_copy_of_what_was_settled_is_beyond() {
    complains(&good_run().hands(2, 1).judged(2), 1, "no attempt of theirs was open: 1");
    let settled_before_death = Story::new().claims(1, 0).claims(1, 1).hands(1, 0).settles(1, 0).dies(1);
    let again = settled_before_death.hands(2, 1).hands(2, 0);
    complains(&again.judged(2), 1, "no attempt of theirs was open: 0");
}

fn two_copies_for_one_open_attempt_are_beyond() {
    complains(&good_run().hands(3, 0).judged(2), 1, "no attempt of theirs was open: 0");
}

fn a_copy_with_another_key_is_changed() {
    let struck = || Story::new().claims(1, 0).hands(1, 0).dies(1);
    let others = [
        Hand { key: "other".into(), ..hand(0) },
        Hand { message_id: "other".into(), ..hand(0) },
        Hand { id: id(7), ..hand(0) },
    ];
    for other in others {
        let verdict = struck().says(2, Fact::Handed(other)).judged(1);
        assert_eq!(verdict.changed, [0], "{verdict:?}");
    }
}

fn a_dead_letter_needs_three_dead_processes() {
    let dead = [(1, id(1))];
    let mut twice = good_run().claims(2, 1).dies(2).judged(2);
    twice.admit_dead(&dead);
    complains(&twice, 1, "1 is dead without three dead processes");
    let mut thrice = Story::new().claims(1, 1).dies(1).claims(2, 1).dies(2).claims(3, 1).dies(3).judged(2);
    assert_eq!(thrice.lost, [0, 1]);
    thrice.admit_dead(&dead);
    assert_eq!((thrice.lost, thrice.dead), (vec![0, 1], 1), "what nobody took is lost, also if it is dead");
}

fn what_must_not_begin_yet_is_early() {
    let claimed = || Story::new().claims(1, 0).says(1, Fact::Ahead(vec![id(0)]));
    complains(&claimed().hands(1, 0).judged(1), 0, "before the store knew that they might be: 0");
    let asked = claimed().says(1, Fact::Beginning(vec![id(0)]));
    complains(&asked.hands(1, 0).judged(1), 0, "before the store knew");
    for known in [Fact::MayBegin(vec![id(0)]), Fact::Started(vec![id(0)])] {
        let verdict = claimed().says(1, known).hands(1, 0).judged(1);
        assert_eq!(verdict.complaints(0), Vec::<String>::new());
    }
}

fn an_error_that_reached_a_caller_is_told() {
    let busy = good_run().says(2, Fact::Fault("database is locked".into()));
    complains(&busy.judged(2), 1, "the first: database is locked");
}
