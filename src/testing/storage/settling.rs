//! Rules of what follows an attempt.

use super::{
    Harness,
    trial::{Trial, dead, event, held, later, seconds},
};
use crate::{
    event::{EventKind, Status},
    storage::{Act, Filter, Messages, Next, Pause, QueueState, Settlement},
};

/// What is done leaves the queue, with its events.
pub async fn what_is_done_leaves_the_queue<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`Done` lets a message leave the queue; its events are stored with it.").await;
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    let accepted = event(id, EventKind::Accepted, 1, trial.clock_now());
    trial.good(trial.try_settle(&leased, Next::Done, 1, vec![accepted]).await);
    trial.state_is(id, None).await;
    trial.story_is(id, &[("accepted", 1)]).await;
    let tracked = trial.good(trial.store.tracked(&crate::TenantId::DEFAULT, id).await);
    let status = tracked.and_then(|tracked| tracked.deliveries.first().copied());
    trial.equal("the first delivery", status, Some(Status::Accepted));
    trial.clock.advance(seconds(3_600));
    trial.claim_none("what is claimed later").await;
}

/// A dead letter stays, and is not claimed.
pub async fn what_is_dead_is_kept<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`Dead` keeps a message with its reason; it is not claimed.").await;
    let id = trial.dead(trial.entry()).await;
    let place = trial.queued(id).await;
    let found = (place.state, place.reason.as_deref());
    trial.equal("state and reason", found, (QueueState::Dead, Some("no such number")));
    trial.clock.advance(seconds(3_600));
    trial.claim_none("what is claimed later").await;
}

/// What is held waits for a person.
pub async fn what_is_held_waits<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`Held` keeps a message with its reason; it is not claimed.").await;
    let id = trial.held(trial.entry()).await;
    let place = trial.queued(id).await;
    let found = (place.state, place.reason.as_deref());
    trial.equal("state and reason", found, (QueueState::Held, Some("someone must decide")));
    trial.clock.advance(seconds(3_600));
    trial.claim_none("what is claimed later").await;
}

/// What is tried again is due later, and knows what is left to do.
pub async fn what_is_tried_again_is_due_later<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`Later` makes a message due after the delay, on the store's clock, with reason, recipients that are \
         left, and pinned provider.",
    )
    .await;
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    let (pending, pinned) = (Some(vec![1, 7]), Some("vendor-eu".into()));
    let after = seconds(10);
    let next = Next::Later { after, counted: true, reason: "busy".into(), pending: pending.clone(), pinned };
    trial.good(trial.try_settle(&leased, next, 4, Vec::new()).await);
    let place = trial.queued(id).await;
    trial.equal("its due", place.due, trial.now_and(10));
    let found = (place.state, place.attempts, place.reason.as_deref());
    trial.equal("state, attempts, reason", found, (QueueState::Ready, 4, Some("busy")));
    trial.claim_none("what is claimed before").await;
    trial.clock.advance(after);
    let again = trial.claim_one(id).await;
    let found = (again.pending.clone(), again.pinned.as_deref(), again.attempts, again.excused);
    trial.equal("pending, pinned, attempts, excused", found, (pending, Some("vendor-eu"), 4, 0));
    trial.settle(&again, later(0)).await;
    let whole = trial.claim_one(id).await;
    trial.equal("pending and pinned after another delay", (whole.pending, whole.pinned), (None, None));
}

/// Who is left is kept for those who send on.
pub async fn who_is_left_is_kept<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "The recipients who are left of a dead, held or paused message are those it is sent to afterwards; \
         without any being named, those who were pending before.",
    )
    .await;
    let by = Pause::Provider("vendor".into());
    let mut left = vec![0, 7];
    for (next, act) in [(dead(), Some(Act::Replay)), (held(), Some(Act::Release)), (paused(&by), None)] {
        trial.good(trial.store.pause(&by).await);
        let id = trial.enqueue(trial.entry()).await;
        for named in [Some(left.clone()), None] {
            let leased = trial.claim_one(id).await;
            let settlement = Settlement::new(&leased, next.clone(), 1, Vec::new()).with_left(named);
            let answers = trial.good(trial.store.settle(vec![settlement]).await);
            answers.into_iter().for_each(|answer| trial.good(answer));
            match act {
                Some(act) => drop(trial.act(act, &Filter::new()).await),
                None => trial.good(trial.store.resume(&by).await),
            }
            trial.good(trial.store.pause(&by).await);
        }
        let leased = trial.claim_one(id).await;
        trial.equal("who is left", leased.pending.clone(), Some(left.clone()));
        trial.settle(&leased, Next::Done).await;
        left.push(9);
    }
}

fn paused(by: &Pause) -> Next {
    Next::Paused { by: by.clone() }
}

/// Age counts from when a message was due first.
pub async fn age_counts_from_the_first_due<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`since` is when a message was due first in its generation, not before it was enqueued.",
    )
    .await;
    let past = Some(trial.clock_now());
    trial.clock.advance(seconds(60));
    for (begin, due) in [(Some(trial.now_and(10)), 10), (None, 0), (past, 0)] {
        let since = trial.now_and(due);
        let id = trial.enqueue(trial.on(|terms| terms.due = begin)).await;
        trial.clock.advance(seconds(due + 5));
        let leased = trial.claim_one(id).await;
        trial.equal("since when it has been due", leased.since, since);
        trial.settle(&leased, later(60)).await;
        trial.clock.advance(seconds(60));
        let leased = trial.claim_one(id).await;
        trial.equal("since when, at the second attempt", leased.since, since);
        trial.settle(&leased, Next::Done).await;
    }
}

/// What does not count for the retry plan is told apart.
pub async fn what_does_not_count_is_excused<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`Later` that is not counted adds one to `excused`.").await;
    let mut leased = trial.leased(trial.entry()).await;
    for excused in 1..=2 {
        let after = seconds(0);
        let next = Next::Later { after, counted: false, reason: "busy".into(), pending: None, pinned: None };
        trial.settle(&leased, next).await;
        leased = trial.claim_one(leased.lease.id).await;
        trial.equal("excused", leased.excused, excused);
    }
    trial.settle(&leased, later(0)).await;
    let counted = trial.claim_one(leased.lease.id).await;
    trial.equal("excused after one that counts", counted.excused, 2);
}

/// Counted is counted.
pub async fn attempts_never_go_down<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A settlement's number of attempts changes nothing if the store's is larger.")
            .await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.start(&leased).await);
    trial.good(trial.start(&leased).await);
    trial.good(trial.try_settle(&leased, later(0), 1, Vec::new()).await);
    let again = trial.claim_one(leased.lease.id).await;
    trial.equal("attempts", again.attempts, 2);
    trial.good(trial.try_settle(&again, later(0), 5, Vec::new()).await);
    trial.equal("attempts", trial.claim_one(leased.lease.id).await.attempts, 5);
}

/// What was claimed but not started comes back as it was.
pub async fn what_is_returned_is_unharmed<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`Returned` leaves a message as it was before the claim.").await;
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    let next = Next::Later {
        after: seconds(1),
        counted: false,
        reason: "busy".into(),
        pending: Some(vec![1]),
        pinned: Some("vendor-eu".into()),
    };
    trial.good(trial.try_settle(&leased, next, 1, Vec::new()).await);
    let before = trial.place(id).await;
    trial.clock.advance(seconds(5));
    let leased = trial.claim_one(id).await;
    trial.settle(&leased, Next::Returned).await;
    trial.equal("its place", trial.place(id).await, before);
    let again = trial.claim_one(id).await;
    let known = |leased: &crate::storage::Leased| {
        (leased.terms.clone(), leased.excused, leased.pending.clone(), leased.pinned.clone())
    };
    trial.equal("terms, excused, pending, pinned", known(&again), known(&leased));
}

/// Several vendor ids of one message are all found.
pub async fn a_message_may_have_several_vendor_ids<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "All deliveries of a settlement are found by their vendor ids.").await;
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    let accepted = |recipient, vendor_id: &str| {
        let mut event = event(id, EventKind::Accepted, 1, trial.clock_now());
        (event.recipient, event.vendor_id) = (Some(recipient), Some(vendor_id.into()));
        event
    };
    let events = vec![accepted(0, "v-0"), accepted(1, "v-1")];
    trial.good(trial.try_settle(&leased, Next::Done, 1, events).await);
    trial.story_is(id, &[("accepted", 1), ("accepted", 1)]).await;
    for recipient in [0, 1] {
        let vendor_id = format!("v-{recipient}");
        let found = trial.good(trial.store.by_vendor_id("vendor", &vendor_id, None).await);
        let found = found.map(|(_, delivery)| (delivery.message, delivery.recipient));
        trial.equal("the delivery", found, Some((id, recipient)));
    }
}

/// Each settlement of a call has its own end.
pub async fn many_settle_at_once<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Settlements of one call end each lease in its own way, in order.").await;
    let made = trial.enqueue_all((0..5).map(|_| trial.entry()).collect()).await;
    let leased = trial.claim().await;
    trial.equal("how many are claimed", leased.len(), made.len());
    let ends = [Next::Done, dead(), held(), later(60), Next::Returned];
    let settlements = leased.iter().zip(ends).map(|(leased, next)| {
        let note = event(leased.lease.id, EventKind::Started, 1, trial.clock_now());
        crate::storage::Settlement::new(leased, next, 1, vec![note])
    });
    let answers = trial.good(trial.store.settle(settlements.collect()).await);
    trial.equal("which settled", answers.iter().map(Result::is_ok).collect(), vec![true; 5]);
    let states = [
        None,
        Some(QueueState::Dead),
        Some(QueueState::Held),
        Some(QueueState::Ready),
        Some(QueueState::Ready),
    ];
    for (id, state) in made.into_iter().zip(states) {
        trial.state_is(id, state).await;
        trial.story_is(id, &[("started", 1)]).await;
    }
}
