use super::*;

const POLL: Duration = Duration::from_secs(1);

fn at(millis: u64) -> Monotonic {
    Monotonic::from_start(Duration::from_millis(millis))
}

fn mind() -> Mind {
    Mind::new(80, 500, 160, POLL, vec![Channel::Email, Channel::Sms])
}

/// Nothing in hand, and much room.
fn view(now: u64) -> View {
    View {
        now: at(now),
        under_way: 0,
        waiting: 0,
        unstored: 0,
        free: 80,
        rooms: vec![(Channel::Email, 240), (Channel::Sms, 240)],
        probes: Vec::new(),
    }
}

fn claim(mind: &mut Mind, view: &View) -> Order {
    match mind.next(view) {
        Step::Claim(order) => order,
        other => panic!("{other:?}"),
    }
}

fn some(count: usize) -> Found {
    Found { counts: vec![(Channel::Email, count)], ..Found::default() }
}

/// A worker that has looked at everything and found nothing.
fn fed() -> Mind {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &Found::default(), at(0));
    mind
}

#[test]
fn the_first_look_is_at_everything() {
    let order = claim(&mut mind(), &view(0));
    assert_eq!((order.lanes.len(), order.limit, order.alone, order.free), (6, 480, false, 80));
}

#[test]
fn who_found_nothing_looks_again_after_the_interval_or_when_called() {
    let mut mind = fed();
    assert_eq!(mind.next(&view(10)), Step::Idle(at(1_000)));
    assert!(matches!(mind.next(&view(1_000)), Step::Claim(_)));
    let mut mind = fed();
    mind.wake();
    assert!(matches!(mind.next(&view(10)), Step::Claim(_)));
}

#[test]
fn what_is_called_during_a_claim_is_not_missed() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.wake();
    mind.found(&order, &Found::default(), at(5));
    assert!(matches!(mind.next(&view(5)), Step::Claim(_)));
}

#[test]
fn what_is_due_soon_is_looked_for_then() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &Found { next_due: Some(at(300)), ..Found::default() }, at(0));
    assert_eq!(mind.next(&view(10)), Step::Idle(at(300)));
    assert!(matches!(mind.next(&view(300)), Step::Claim(_)));
}

#[test]
fn a_claim_that_was_cut_short_is_followed_by_another() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &some(order.limit), at(0));
    assert!(matches!(mind.next(&view(1)), Step::Claim(_)));
    let mut mind = self::mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &some(240), at(0));
    let next = claim(&mut mind, &view(1));
    let channels: Vec<_> = next.lanes.iter().map(|lane| lane.channel).collect();
    assert_eq!(channels, [Channel::Email; 3], "only where the limit was reached");
}

#[test]
fn nothing_is_claimed_without_room() {
    let mut mind = mind();
    let full =
        View { rooms: vec![(Channel::Email, 0), (Channel::Sms, 0)], under_way: 80, waiting: 200, ..view(0) };
    assert_eq!(mind.next(&full), Step::Wait(Some(at(1_000))));
    assert_eq!(mind.listens(), (vec![Channel::Email, Channel::Sms], None));
}

#[test]
fn what_must_not_wait_here_is_claimed_for_free_places_only() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &Found { guarded: true, ..some(480) }, at(0));
    assert!(mind.is_guarded());
    let busy =
        |free: usize| View { under_way: 80 - free, free, rooms: vec![(Channel::Email, free)], ..view(1) };
    assert_eq!(mind.next(&busy(9)), Step::Wait(Some(at(1_000))), "not worth it");
    assert_eq!(mind.listens(), (Vec::new(), Some(10)));
    assert_eq!(claim(&mut mind, &busy(10)).limit, 10);
    let order = claim(&mut mind, &busy(40));
    mind.found(&order, &some(40), at(2));
    assert!(!mind.is_guarded(), "none of the last claim was");
}

#[test]
fn a_store_that_fails_is_left_alone_for_a_while() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.failed(&order, Duration::from_millis(200), at(0));
    mind.wake();
    assert_eq!(mind.next(&view(100)), Step::Wait(Some(at(200))));
    assert!(matches!(mind.next(&view(200)), Step::Claim(_)));
}

#[test]
fn a_channel_that_is_down_is_probed_with_one_message() {
    let mut mind = mind();
    let down = View { rooms: vec![(Channel::Email, 240)], probes: vec![(Channel::Sms, at(700))], ..view(0) };
    let order = claim(&mut mind, &down);
    assert!(order.lanes.iter().all(|lane| lane.channel == Channel::Email));
    mind.found(&order, &Found::default(), at(0));
    assert_eq!(mind.next(&View { now: at(1), ..down.clone() }), Step::Idle(at(700)));
    let probe = claim(&mut mind, &View { now: at(700), ..down.clone() });
    assert_eq!((probe.probe(), probe.limit, probe.lanes.len()), (Some(Channel::Sms), 1, 3));
    mind.found(&probe, &Found::default(), at(700));
    let next = mind.next(&View { now: at(800), ..down });
    assert_eq!(next, Step::Idle(at(1_000)), "there is nothing to probe with");
}

#[test]
fn a_suspect_is_served_alone_and_then_the_others_have_their_time() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &Found { suspects: true, ..some(480) }, at(0));
    let busy = View { under_way: 3, waiting: 7, ..view(100) };
    assert_eq!(mind.next(&busy), Step::Clear);
    let emptied = View { under_way: 3, ..view(100) };
    assert_eq!(mind.next(&emptied), Step::Wait(None));
    assert_eq!(mind.next(&View { unstored: 1, ..view(150) }), Step::Wait(None), "what ended is not stored");
    let alone = claim(&mut mind, &view(200));
    assert!(alone.alone && alone.lanes.len() == 2);
    mind.found(&alone, &Found { suspects: true, ..some(1) }, at(210));
    assert_eq!(mind.next(&View { under_way: 1, ..view(220) }), Step::Wait(None));
    let order = claim(&mut mind, &view(600));
    assert!(!order.alone, "500 ms alone, 5 s for the others");
    mind.found(&order, &Found { suspects: true, ..some(480) }, at(600));
    let full = |now| View { under_way: 80, waiting: 200, rooms: Vec::new(), ..view(now) };
    assert!(matches!(mind.next(&full(5_599)), Step::Wait(_)));
    assert_eq!(mind.next(&full(5_600)), Step::Clear);
}

#[test]
fn an_idle_worker_serves_suspects_at_once() {
    let mut mind = mind();
    for now in [0, 10, 20] {
        let order = claim(&mut mind, &view(now));
        assert_eq!(order.alone, now > 0);
        mind.found(&order, &Found { suspects: true, ..Found::default() }, at(now));
    }
}

#[test]
fn a_failed_claim_alone_goes_back_to_the_usual() {
    let mut mind = mind();
    let order = claim(&mut mind, &view(0));
    mind.found(&order, &Found { suspects: true, ..Found::default() }, at(0));
    let alone = claim(&mut mind, &view(1));
    mind.failed(&alone, Duration::from_millis(10), at(1));
    assert!(claim(&mut mind, &view(11)).alone, "it is still a suspect, and nothing else is to be done");
}
