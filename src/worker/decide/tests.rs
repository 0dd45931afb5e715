use super::*;
use crate::error::Certainty;

const PLAN: fn() -> RetryPlan = RetryPlan::default;

fn refused(kind: ErrorKind) -> Outcome {
    Outcome::Refused(Error::new(kind, "no").with_certainty(Certainty::NotSent).with_provider("a"))
}

fn unknown(provider: &'static str) -> Outcome {
    Outcome::Unknown(Error::new(ErrorKind::Timeout, "late").with_provider(provider))
}

fn taken() -> Outcome {
    Outcome::accepted(None)
}

fn facts(outcomes: &[Outcome]) -> Facts<'_> {
    Facts {
        outcomes,
        whom: None,
        asked: true,
        attempt: 1,
        excused: 0,
        age: Duration::ZERO,
        on_unknown: OnUnknown::Retry,
        pinned: None,
        leaving: false,
    }
}

/// One word for what follows, and the number of seconds for `later`.
fn word(decision: &Decision) -> String {
    match &decision.next {
        Next::Dead { .. } => "dead".into(),
        Next::Done => "done".into(),
        Next::Held { .. } => "held".into(),
        Next::Later { counted: true, .. } => "later".into(),
        Next::Later { counted: false, .. } => "excused".into(),
        Next::Paused { by } => format!("paused {by}"),
        other => format!("{other:?}"),
    }
}

fn after(decision: &Decision) -> Duration {
    match &decision.next {
        Next::Later { after, .. } => *after,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_kind_of_refusal() {
    for kind in ErrorKind::ALL {
        let outcomes = [refused(*kind)];
        let word = word(&decide(&facts(&outcomes), &PLAN(), 0.5));
        let expected = match kind {
            ErrorKind::Auth
            | ErrorKind::Config
            | ErrorKind::Internal
            | ErrorKind::LeaseLost
            | ErrorKind::NotConfigured
            | ErrorKind::Permission
            | ErrorKind::Protocol
            | ErrorKind::Quota => "dead",
            ErrorKind::CircuitOpen
            | ErrorKind::RateLimited
            | ErrorKind::Storage
            | ErrorKind::Timeout
            | ErrorKind::Transport
            | ErrorKind::Unavailable => "excused",
            ErrorKind::Paused => "paused provider:a",
            _ => "done",
        };
        assert_eq!(word, expected, "{kind}");
    }
}

#[test]
fn every_policy_for_unknown_outcomes() {
    let outcomes = [unknown("a")];
    for (policy, expected) in
        [(OnUnknown::GiveUp, "done"), (OnUnknown::Hold, "held"), (OnUnknown::Retry, "later")]
    {
        let decision = decide(&Facts { on_unknown: policy, ..facts(&outcomes) }, &PLAN(), 0.5);
        assert_eq!(word(&decision), expected);
    }
    let hopeless = [Outcome::Unknown(Error::new(ErrorKind::Protocol, "gibberish"))];
    assert_eq!(word(&decide(&facts(&hopeless), &PLAN(), 0.5)), "dead");
}

#[test]
fn an_unknown_outcome_pins_and_stays_pinned() {
    let pin = |outcomes: &[Outcome], pinned: Option<&Arc<str>>| match decide(
        &Facts { pinned, ..facts(outcomes) },
        &PLAN(),
        0.5,
    )
    .next
    {
        Next::Later { pinned, .. } => pinned,
        other => panic!("{other:?}"),
    };
    assert_eq!(pin(&[unknown("a")], None).as_deref(), Some("a"));
    let before: Arc<str> = "b".into();
    assert_eq!(pin(&[refused(ErrorKind::Unavailable)], Some(&before)).as_deref(), Some("b"));
    assert_eq!(pin(&[refused(ErrorKind::Unavailable)], None), None);
}

#[test]
fn what_another_instance_may_have_taken_is_not_sent_by_the_first() {
    let outcomes = [unknown("a"), unknown("b"), refused(ErrorKind::Unavailable)];
    match decide(&facts(&outcomes), &PLAN(), 0.5).next {
        Next::Later { pending, pinned, counted, .. } => {
            assert_eq!((pending, pinned.as_deref(), counted), (Some(vec![0, 2]), Some("a"), true));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn only_who_was_refused_for_a_passing_reason_is_pending() {
    let outcomes = [taken(), refused(ErrorKind::Unavailable), refused(ErrorKind::InvalidRecipient)];
    let pending = |whom| match decide(&Facts { whom, ..facts(&outcomes) }, &PLAN(), 0.5).next {
        Next::Later { pending, .. } => pending,
        other => panic!("{other:?}"),
    };
    assert_eq!(pending(None), Some(vec![1]));
    assert_eq!(pending(Some(&[3, 5, 9])), Some(vec![5]), "indices are those of the whole message");
}

#[test]
fn who_has_it_is_not_left_of_a_dead_or_held_message() {
    let outcomes = [taken(), refused(ErrorKind::Auth)];
    let decision = decide(&facts(&outcomes), &PLAN(), 0.5);
    assert_eq!((word(&decision), decision.left), ("dead".into(), Some(vec![1])));
    let outcomes = [refused(ErrorKind::Unavailable), taken(), unknown("a")];
    let decision = decide(&Facts { on_unknown: OnUnknown::Hold, ..facts(&outcomes) }, &PLAN(), 0.5);
    assert_eq!((word(&decision), decision.left), ("held".into(), Some(vec![0, 2])));
}

#[test]
fn the_plan_ends_by_attempts_that_count_and_by_age() {
    let outcomes = [unknown("a")];
    let at = |attempt, excused| word(&decide(&Facts { attempt, excused, ..facts(&outcomes) }, &PLAN(), 0.5));
    assert_eq!([at(11, 0), at(12, 0), at(500, 489), at(500, 488)], ["later", "dead", "later", "dead"]);
    let down = [refused(ErrorKind::Unavailable)];
    let aged = |hours: u64, outcomes| {
        let age = Duration::from_secs(hours * 3_600);
        word(&decide(&Facts { attempt: 90, excused: 89, age, ..facts(outcomes) }, &PLAN(), 0.5))
    };
    assert_eq!([aged(23, &down), aged(25, &down)], ["excused", "dead"]);
}

#[test]
fn our_own_limit_burns_nothing_and_ages_nothing() {
    let wait = Duration::from_secs(40_000);
    let error = Error::new(ErrorKind::RateLimited, "spent").with_retry(Retry::After(wait));
    let outcomes = [Outcome::Refused(error)];
    let old = Duration::from_secs(100 * 3_600);
    let decision = decide(&Facts { asked: false, age: old, ..facts(&outcomes) }, &PLAN(), 0.9);
    assert_eq!((word(&decision).as_str(), after(&decision)), ("excused", wait));
    assert_eq!(decision.signal, Signal::Silent);
}

#[test]
fn delays_are_drawn_and_retry_after_is_obeyed() {
    let outcomes = [unknown("a")];
    let delay = |attempt, dice| after(&decide(&Facts { attempt, ..facts(&outcomes) }, &PLAN(), dice));
    assert_eq!(delay(1, 0.0), Duration::ZERO);
    assert_eq!(delay(1, 0.5), Duration::from_millis(500));
    assert_eq!(delay(5, 1.0), Duration::from_secs(16));
    let wait = Duration::from_secs(90);
    let error = Error::new(ErrorKind::RateLimited, "slow down").with_retry(Retry::After(wait));
    let decision = decide(&facts(&[Outcome::Refused(error)]), &PLAN(), 1.0);
    assert_eq!((after(&decision), decision.signal), (wait, Signal::Throttled(wait)));
}

#[test]
fn the_longest_wait_of_several_recipients_holds() {
    let short = Error::new(ErrorKind::Unavailable, "x").with_retry(Retry::After(Duration::from_secs(5)));
    let long = Error::new(ErrorKind::Unavailable, "x").with_retry(Retry::After(Duration::from_secs(7)));
    let outcomes = [Outcome::Refused(short), Outcome::Refused(long)];
    assert_eq!(after(&decide(&facts(&outcomes), &PLAN(), 0.1)), Duration::from_secs(7));
}

#[test]
fn what_a_leaving_worker_breaks_off_goes_on_elsewhere_at_once() {
    let outcomes = [Outcome::Unknown(Error::new(ErrorKind::Cancelled, "leaving").with_provider("a"))];
    let left = |on_unknown| {
        decide(&Facts { leaving: true, attempt: 12, on_unknown, ..facts(&outcomes) }, &PLAN(), 0.9)
    };
    let retried = left(OnUnknown::Retry);
    assert_eq!((word(&retried).as_str(), after(&retried)), ("excused", Duration::ZERO));
    assert_eq!(word(&left(OnUnknown::Hold)), "held");
    assert_eq!(word(&left(OnUnknown::GiveUp)), "done");
}

#[test]
fn signals_tell_vendors_from_messages() {
    let of = |kind, asked| decide(&Facts { asked, ..facts(&[refused(kind)]) }, &PLAN(), 0.0).signal;
    let down = Signal::Down(Duration::ZERO);
    assert_eq!(of(ErrorKind::Unavailable, true), down);
    assert_eq!(of(ErrorKind::CircuitOpen, false), down);
    assert_eq!(of(ErrorKind::Auth, true), down);
    assert_eq!(of(ErrorKind::InvalidRecipient, true), Signal::Clean);
    assert_eq!(of(ErrorKind::NotConfigured, false), Signal::Silent);
    let outcomes = [refused(ErrorKind::Unavailable), taken()];
    assert_eq!(decide(&facts(&outcomes), &PLAN(), 0.0).signal, Signal::Clean);
}

/// Whatever the outcomes: nobody is sent to again who has it, nobody is forgotten, and every chain of
/// attempts ends.
#[test]
fn nobody_is_forgotten_and_every_chain_ends() {
    let mut random = fastrand::Rng::with_seed(11);
    for round in 0..3_000 {
        let plan = RetryPlan::default().attempts(random.u32(1..6));
        let on_unknown = [OnUnknown::GiveUp, OnUnknown::Hold, OnUnknown::Retry][random.usize(0..3)];
        let mut pending: Vec<u32> = (0..random.u32(1..5)).collect();
        let (mut excused, mut age, mut pinned) = (0, Duration::ZERO, None);
        for attempt in 1.. {
            assert!(attempt < 100_000, "round {round} never ends");
            let outcomes: Vec<Outcome> = pending.iter().map(|_| any_outcome(&mut random)).collect();
            let facts = Facts {
                whom: Some(&pending),
                attempt,
                excused,
                age,
                on_unknown,
                pinned: pinned.as_ref(),
                ..facts(&outcomes)
            };
            let decision = decide(&facts, &plan, random.f64());
            let later = matches!(decision.next, Next::Later { .. });
            let rest = match &decision.next {
                Next::Later { pending, .. } => pending.clone().unwrap_or_default(),
                _ => decision.left.clone().unwrap_or_default(),
            };
            let open = |outcome: &Outcome| {
                outcome.error().is_some_and(|e| {
                    e.is_passing() || (on_unknown == OnUnknown::Hold && outcome_is_unknown(outcome))
                })
            };
            for (index, outcome) in pending.iter().zip(&outcomes) {
                assert!(!(outcome.is_accepted() && rest.contains(index)), "{outcomes:?} {decision:?}");
                assert!(!open(outcome) || rest.contains(index), "{outcomes:?} {decision:?}");
            }
            let Next::Later { after, counted, pinned: pin, .. } = decision.next else { break };
            assert!(later && !rest.is_empty());
            age += after;
            excused += u32::from(!counted);
            (pending, pinned) = (rest, pin);
        }
    }
}

fn outcome_is_unknown(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Unknown(_))
}

fn any_outcome(random: &mut fastrand::Rng) -> Outcome {
    let kind = ErrorKind::ALL[random.usize(0..ErrorKind::ALL.len())];
    match random.u32(0..4) {
        0 => taken(),
        1 => unknown(["a", "b"][random.usize(0..2)]),
        2 if kind != ErrorKind::Paused => refused(kind),
        _ => refused(ErrorKind::Unavailable),
    }
}
