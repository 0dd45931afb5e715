//! Rules of what becomes of messages whose worker was lost.

use super::{
    Harness,
    trial::{LEASE, Trial, everything, ids, later, seconds},
};
use crate::{
    error::ErrorKind,
    event::{OnUnknown, Status},
    storage::{Claim, Leased, Messages, Next, QueueState},
};

/// A lost message is claimed again.
pub async fn a_lost_message_is_claimable_again<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A message whose lease is over is claimable again by any claim, as due as before.",
    )
    .await;
    let leased = trial.leased(trial.entry()).await;
    trial.lose();
    let again = trial.claim_one(leased.lease.id).await;
    trial.equal("when it was due", again.terms.due, leased.terms.due);
}

/// With the policy `retry` each lost lease is a loss.
pub async fn a_message_that_could_have_been_started_is_a_loss<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "With policy `retry` a lost lease is a loss: counted, with a `recovered` event of the attempt that \
         may have been.",
    )
    .await;
    let id = trial.lost(trial.entry(), 1).await;
    let leased = trial.claim_one(id).await;
    trial.equal("losses and attempts", (leased.losses, leased.attempts), (1, 0));
    trial.story_is(id, &[("recovered", 1)]).await;
    let recovered = &trial.timeline(id).await[1];
    let found = (recovered.at, recovered.generation, recovered.recipient);
    trial.equal("time, generation, recipient of the event", found, (trial.clock_now(), 0, None));
    let reason = trial.queued(id).await.reason;
    trial.equal("the reason", reason.as_deref(), Some("1 worker was lost that had it"));
}

/// A start that was written down is the attempt that was lost.
pub async fn a_message_that_was_started_is_a_loss_of_that_attempt<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A message that was started durably is recovered with that attempt's number.")
            .await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.start(&leased).await);
    trial.lose();
    let again = trial.claim_one(leased.lease.id).await;
    trial.equal("losses and attempts", (again.losses, again.attempts), (1, 1));
    trial.story_is(leased.lease.id, &[("recovered", 1)]).await;
}

/// With other policies a lease that started nothing harms nothing.
pub async fn a_message_that_was_not_started_returns_unharmed<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "With policy `hold` or `give_up` a message that was not started returns unharmed.",
    )
    .await;
    for policy in [OnUnknown::Hold, OnUnknown::GiveUp] {
        let id = trial.enqueue(trial.under(policy)).await;
        let before = trial.place(id).await;
        for _ in 0..4 {
            trial.claim_one(id).await;
            trial.lose();
        }
        trial.claimed(&nothing_but_recovery()).await;
        trial.equal("its place", trial.place(id).await, before);
        trial.story_is(id, &[]).await;
        trial.cancel(id).await;
    }
}

/// A claim of a lane in which nothing is.
fn nothing_but_recovery() -> Claim {
    let lane = super::trial::lane(crate::Channel::Chat, crate::message::Priority::Low, 1);
    Claim::new("conformance", vec![lane], 1, LEASE)
}

/// The second loss is told of as well as the first.
pub async fn each_loss_leaves_an_event<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "Each loss of a row leaves a `recovered` event of its own, though they are of one attempt.",
    )
    .await;
    let id = trial.lost(trial.entry(), 3).await;
    trial.claimed(&nothing_but_recovery()).await;
    trial.story_is(id, &[("recovered", 1), ("recovered", 1), ("recovered", 1), ("dead", 1)]).await;
}

/// New messages in the hands of one worker, so many of which may begin.
async fn ahead<S: Messages>(trial: &Trial<S>, count: usize, begin: usize) -> Vec<Leased> {
    let made = trial.enqueue_all((0..count).map(|_| trial.entry()).collect()).await;
    let leased = trial.claimed(&everything().begin(begin)).await.leased;
    trial.equal("what is claimed", ids(&leased), made);
    leased
}

/// Recovers what was lost, and says how many losses each has.
async fn losses<S: Messages>(trial: &Trial<S>, leased: &[Leased]) -> Vec<u32> {
    trial.lose();
    trial.claimed(&nothing_but_recovery()).await;
    let mut losses = Vec::new();
    for leased in leased {
        losses.push(trial.queued(leased.lease.id).await.losses);
    }
    losses
}

/// What waited at the worker for its turn was not harmed by the worker's end.
pub async fn what_the_mark_did_not_pass_returns_unharmed<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "With policy `retry` only the first of a claim, up to its mark, are losses; the others return unharmed: \
         as due as before, without an event, in their order.",
    )
    .await;
    let leased = ahead(&trial, 5, 2).await;
    trial.equal("losses", losses(&trial, &leased).await, vec![1, 1, 0, 0, 0]);
    for (place, leased) in leased.iter().enumerate() {
        let expected: &[(&str, u32)] = if place < 2 { &[("recovered", 1)] } else { &[] };
        trial.story_is(leased.lease.id, expected).await;
        let place = trial.queued(leased.lease.id).await;
        trial.equal("state and due", (place.state, Some(place.due)), (QueueState::Ready, leased.terms.due));
    }
    trial.equal("what is claimed then", ids(&trial.claim().await), ids(&leased));
}

/// A claim says which of its messages may begin.
pub async fn a_claim_says_what_may_begin<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "The first of a claim's messages are `begun`, as many as it wished for, unless the store has no marks.",
    )
    .await;
    let leased = ahead(&trial, 3, 2).await;
    let begun: Vec<bool> = leased.iter().map(|leased| leased.begun).collect();
    trial.equal("which may begin", begun, vec![true, true, false]);
    let rest = ahead(&trial, 2, usize::MAX).await;
    trial.holds(rest.iter().all(|leased| leased.begun), || "not all may begin that were to".into());
    let none = ahead(&trial, 2, 0).await;
    trial.holds(none.iter().all(|leased| !leased.begun), || "some may begin though none were to".into());
}

/// What may have begun since the claim is a loss as well.
pub async fn a_mark_moves_up_to_its_message<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`begin` moves the mark up to and with the message that it names: all before it are losses, none after \
         it; and places do not change when others are settled.",
    )
    .await;
    let leased = ahead(&trial, 6, 1).await;
    trial.settle(&leased[0], Next::Done).await;
    trial.settle(&leased[2], Next::Returned).await;
    trial.good(trial.store.begin(&leased[3].lease).await);
    trial.equal("losses", losses(&trial, &leased[1..]).await, vec![1, 0, 1, 0, 0]);
}

/// A mark that was moved is not moved back.
pub async fn a_mark_never_goes_back<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A mark never goes back, whichever message is named, nor by a renewal.").await;
    let leased = ahead(&trial, 4, 0).await;
    for last in [2, 0, 1] {
        trial.good(trial.store.begin(&leased[last].lease).await);
    }
    trial.good(trial.renew(&leased[0], LEASE).await);
    trial.equal("losses", losses(&trial, &leased).await, vec![1, 1, 1, 0]);
}

/// A mark is of one claim.
pub async fn a_mark_belongs_to_its_claim<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A mark belongs to its claim: it says nothing of others, nor of the next.").await;
    let first = ahead(&trial, 2, 0).await;
    let second = ahead(&trial, 2, 0).await;
    trial.good(trial.store.begin(&first[1].lease).await);
    for leased in &first {
        trial.settle(leased, Next::Returned).await;
    }
    let again = trial.claimed(&everything().begin(1)).await.leased;
    trial.equal("what is claimed again", ids(&again), ids(&first));
    trial.equal("losses of the first", losses(&trial, &again).await, vec![1, 0]);
    trial.equal("losses of the second", losses(&trial, &second).await, vec![0, 0]);
}

/// A start that was written down counts wherever the mark is.
pub async fn a_start_beyond_the_mark_is_a_loss<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "What was started durably is a loss wherever its claim's mark is.").await;
    let leased = ahead(&trial, 3, 0).await;
    trial.good(trial.start(&leased[1]).await);
    trial.equal("losses", losses(&trial, &leased).await, vec![0, 1, 0]);
    trial.story_is(leased[1].lease.id, &[("recovered", 1)]).await;
}

/// The mark of a lost lease cannot be moved.
pub async fn a_lost_lease_does_not_begin<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`begin` answers `lease_lost` if the message does not have the lease or the lease is over, and moves no \
         mark.",
    )
    .await;
    let stale = ahead(&trial, 3, 0).await;
    trial.lose();
    let late = trial.store.begin(&stale[2].lease).await;
    trial.refused("a late begin", late, ErrorKind::LeaseLost);
    let fresh = trial.claimed(&everything().begin(0)).await.leased;
    trial.equal(
        "losses at the next claim",
        fresh.iter().map(|leased| leased.losses).collect(),
        vec![0, 0, 0],
    );
    let answer = trial.store.begin(&stale[2].lease).await;
    trial.refused("a stale begin", answer, ErrorKind::LeaseLost);
    trial.settle(&fresh[2], Next::Done).await;
    let answer = trial.store.begin(&fresh[2].lease).await;
    trial.refused("a begin of what is settled", answer, ErrorKind::LeaseLost);
    trial.equal("losses", losses(&trial, &fresh[..2]).await, vec![0, 0]);
}

/// A wish to cancel what never began is fulfilled without a loss.
pub async fn what_never_began_is_cancelled_unharmed<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A wish to cancel a message that never began lets it leave the queue when its lease is over, with a \
         `cancelled` event and no other.",
    )
    .await;
    let leased = ahead(&trial, 1, 0).await;
    let id = leased[0].lease.id;
    trial.cancel(id).await;
    trial.lose();
    trial.claim_none("what is claimed then").await;
    trial.state_is(id, None).await;
    trial.story_is(id, &[("cancelled", 0)]).await;
}

/// The head of an ordering key that never began goes first again.
pub async fn order_is_kept_by_what_never_began<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A message with an ordering key that never began goes first again when its lease is over.",
    )
    .await;
    let made = trial.enqueue_all(vec![trial.ordered("k"), trial.ordered("k")]).await;
    for _ in 0..4 {
        let found = trial.claimed(&everything().begin(0)).await.leased;
        trial.equal("what is claimed", ids(&found), vec![made[0]]);
        trial.lose();
    }
    let found = trial.claim_one(made[0]).await;
    trial.equal("its losses", found.losses, 0);
    trial.settle(&found, Next::Done).await;
    trial.claim_one(made[1]).await;
}

/// With the policy `hold` a person decides about what was started.
pub async fn what_was_started_under_hold_is_held<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A message that was started with policy `hold` is held when its lease is over, with `recovered` and \
         `held` events.",
    )
    .await;
    let leased = trial.leased(trial.under(OnUnknown::Hold)).await;
    let id = leased.lease.id;
    trial.good(trial.start(&leased).await);
    trial.lose();
    trial.claim_none("what is claimed then").await;
    trial.state_is(id, QueueState::Held).await;
    trial.holds(trial.queued(id).await.reason.is_some(), || "held for no reason".into());
    trial.story_is(id, &[("recovered", 1), ("held", 1)]).await;
}

/// With the policy `give_up` what was started is not tried again.
pub async fn what_was_started_under_give_up_is_done<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A message that was started with policy `give_up` leaves the queue when its lease is over, with \
         `recovered` and `unknown` events.",
    )
    .await;
    let leased = trial.leased(trial.under(OnUnknown::GiveUp)).await;
    let id = leased.lease.id;
    trial.good(trial.start(&leased).await);
    trial.lose();
    trial.claim_none("what is claimed then").await;
    trial.state_is(id, None).await;
    trial.story_is(id, &[("recovered", 1), ("unknown", 1)]).await;
    let tracked = trial.good(trial.store.tracked(&crate::TenantId::DEFAULT, id).await);
    let statuses = tracked.map(|tracked| tracked.deliveries);
    trial.equal("the deliveries", statuses, Some(vec![Status::Unknown; 2]));
}

/// A start is forgotten with the lease that it was made under.
pub async fn a_start_belongs_to_its_lease<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Whether a message was started is judged by its present lease.").await;
    let leased = trial.leased(trial.under(OnUnknown::GiveUp)).await;
    trial.good(trial.start(&leased).await);
    trial.settle(&leased, later(0)).await;
    trial.claim_one(leased.lease.id).await;
    trial.lose();
    let again = trial.claim_one(leased.lease.id).await;
    trial.equal("attempts and losses", (again.attempts, again.losses), (1, 0));
}

/// After two losses a message is claimed alone.
pub async fn a_suspect_is_claimed_alone<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "After its second loss a message is a suspect: only a claim `alone` leases it, and nothing else.",
    )
    .await;
    let first = trial.lost(trial.entry(), 2).await;
    let claimed = trial.claimed(&everything()).await;
    trial.equal("what is claimed with others", ids(&claimed.leased), Vec::new());
    trial.state_is(first, QueueState::Suspect).await;
    trial.holds(claimed.suspects, || "the claim does not say that a suspect waits".into());
    let neighbour = trial.enqueue(trial.entry()).await;
    let alone = trial.claimed(&everything().alone()).await;
    trial.equal("what is claimed alone", ids(&alone.leased), vec![first]);
    trial.equal("its losses", alone.leased[0].losses, 2);
    trial.holds(!alone.suspects, || "a suspect that is leased is said to wait".into());
    trial.claim_one(neighbour).await;
}

/// Suspects come one at a time, and of the channels that are asked for.
pub async fn suspects_come_one_at_a_time<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A claim `alone` leases at most one suspect, of its lanes' channels.").await;
    let made = trial.enqueue_all(vec![trial.entry(), trial.entry()]).await;
    for _ in 0..2 {
        trial.equal("what is claimed", ids(&trial.claim().await), made.clone());
        trial.lose();
    }
    let mut email = everything().alone();
    email.lanes.retain(|lane| lane.channel == crate::Channel::Email);
    let other = trial.claimed(&email).await;
    trial.equal("what is claimed of another channel", ids(&other.leased), Vec::new());
    trial.holds(!other.suspects, || "suspects of another channel are told of".into());
    let first = trial.claimed(&everything().alone()).await;
    trial.equal("what is claimed first", ids(&first.leased), vec![made[0]]);
    trial.holds(first.suspects, || "the claim does not say that another suspect waits".into());
    trial.equal("what is claimed next", ids(&trial.claim_alone().await), vec![made[1]]);
}

/// Who is lost three times is given up.
pub async fn after_the_third_loss_it_is_dead<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "After its third loss a message is dead, with a reason and a `dead` event.").await;
    let id = trial.lost(trial.entry(), 3).await;
    trial.claim_none("what is claimed then").await;
    trial.equal("what is claimed alone", ids(&trial.claim_alone().await), Vec::new());
    let place = trial.queued(id).await;
    let found = (place.state, place.losses, place.reason.as_deref());
    trial.equal(
        "state, losses, reason",
        found,
        (QueueState::Dead, 3, Some("3 workers were lost that had it")),
    );
    let last = trial.timeline(id).await.pop().map(|event| event.kind.to_string());
    trial.equal("the last event", last.as_deref(), Some("dead"));
}

/// Who came through is no suspect any more.
pub async fn settling_forgives_losses<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Any settlement but `Returned` sets a message's losses to zero.").await;
    let id = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    let alone = trial.claim_alone().await;
    trial.equal("what is claimed alone", ids(&alone), vec![id]);
    trial.settle(&alone[0], later(0)).await;
    let again = trial.claim_one(id).await;
    trial.equal("losses", again.losses, 0);
}

/// A suspect that is handed back is a suspect still.
pub async fn returning_forgives_nothing<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`Returned` keeps a message's losses: a suspect stays one.").await;
    let id = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    let alone = trial.claim_alone().await;
    trial.equal("what is claimed alone", ids(&alone), vec![id]);
    trial.settle(&alone[0], Next::Returned).await;
    let place = trial.queued(id).await;
    trial.equal("state and losses", (place.state, place.losses), (QueueState::Suspect, 2));
    trial.claim_none("what is claimed with others then").await;
}

/// The channel that a worker looks at does not matter for recovery.
pub async fn any_claim_recovers<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A claim recovers what was lost within its scope, whatever its lanes are.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.clock.advance(LEASE + seconds(1));
    trial.claimed(&nothing_but_recovery()).await;
    trial.state_is(leased.lease.id, QueueState::Ready).await;
    trial.story_is(leased.lease.id, &[("recovered", 1)]).await;
}
