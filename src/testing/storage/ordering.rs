//! Rules of ordering keys.

use super::{
    Harness,
    trial::{ALL, LEASE, Trial, dead, everything, held, ids, lane, later, seconds},
};
use crate::{
    id::MessageId,
    message::{Channel, Priority},
    storage::{Act, Cancelled, Claim, Filter, Messages, Next, QueueState},
};

/// Three messages of one ordering key.
async fn three<S: Messages>(trial: &Trial<S>) -> Vec<MessageId> {
    trial.enqueue_all((0..3).map(|_| trial.ordered("customer-7")).collect()).await
}

/// One after the other, in the order of ids.
pub async fn one_at_a_time_in_the_order_of_ids<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Of one ordering key at most one is leased, in the order of ids.").await;
    for id in three(&trial).await {
        let leased = trial.claim_one(id).await;
        trial.claim_none("what is claimed while one is leased").await;
        trial.settle(&leased, Next::Done).await;
    }
}

/// The order of ids counts, also if another is due before.
pub async fn the_smallest_id_goes_first_whatever_is_due<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "None of an ordering key is leased while one with a smaller id is in the queue.")
            .await;
    let mut first = trial.ordered("customer-7");
    (first.terms.due, first.terms.priority) = (Some(trial.now_and(10)), Priority::Low);
    let made = trial.enqueue_all(vec![first, trial.ordered("customer-7")]).await;
    trial.claim_none("what is claimed before the first is due").await;
    trial.clock.advance(seconds(10));
    trial.claim_one(made[0]).await;
}

/// A smaller id that comes late goes first.
pub async fn a_smaller_id_that_comes_late_goes_first<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "None of an ordering key is leased while one with a smaller id is in the queue.")
            .await;
    let (late, early) = (trial.ordered("customer-7"), trial.ordered("customer-7"));
    let early = trial.leased(early).await;
    let late = trial.enqueue(late).await;
    trial.claim_none("what is claimed while the other is leased").await;
    trial.settle(&early, later(0)).await;
    let late = trial.claim_one(late).await;
    trial.settle(&late, Next::Done).await;
    trial.claim_one(early.lease.id).await;
}

/// Who is tried again later keeps the others waiting.
pub async fn a_head_that_is_tried_again_blocks<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A message that is tried again later keeps the others of its key waiting.").await;
    let made = three(&trial).await;
    let head = trial.claim_one(made[0]).await;
    trial.settle(&head, later(10)).await;
    trial.claim_none("what is claimed before the head is due again").await;
    trial.clock.advance(seconds(10));
    trial.claim_one(made[0]).await;
}

/// A suspect keeps the others waiting.
pub async fn a_suspect_head_blocks<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A suspect keeps the others of its key waiting.").await;
    let made = three(&trial).await;
    for _ in 0..2 {
        trial.claim_one(made[0]).await;
        trial.lose();
    }
    trial.claim_none("what is claimed with others").await;
    let head = trial.claim_alone().await;
    trial.equal("what is claimed alone", ids(&head), vec![made[0]]);
    trial.claim_none("what is claimed while the suspect is leased").await;
    trial.settle(&head[0], Next::Done).await;
    trial.claim_one(made[1]).await;
}

/// A head that is given up lets the others go.
pub async fn a_dead_head_releases_its_key<H: Harness>(harness: &H) {
    released_by(harness, "A dead message does not keep the others of its key waiting.", dead()).await;
}

/// A head that is held lets the others go.
pub async fn a_held_head_releases_its_key<H: Harness>(harness: &H) {
    released_by(harness, "A held message does not keep the others of its key waiting.", held()).await;
}

async fn released_by<H: Harness>(harness: &H, rule: &'static str, end: Next) {
    let trial = Trial::of(harness, rule).await;
    let made = three(&trial).await;
    let head = trial.claim_one(made[0]).await;
    trial.settle(&head, end).await;
    trial.claim_one(made[1]).await;
}

/// A head that is withdrawn lets the others go.
pub async fn a_cancelled_head_releases_its_key<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A cancelled message does not keep the others of its key waiting.").await;
    let made = three(&trial).await;
    trial.equal("the answer to cancel", trial.cancel(made[0]).await, Cancelled::Cancelled);
    trial.claim_one(made[1]).await;
}

/// Released or replayed, a head goes first again.
pub async fn a_head_that_is_released_goes_first_again<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A released or replayed message takes its place in the order again.").await;
    let made = three(&trial).await;
    let head = trial.claim_one(made[0]).await;
    trial.settle(&head, held()).await;
    let second = trial.claim_one(made[1]).await;
    trial.act(Act::Release, &Filter::new()).await;
    trial.claim_none("what is claimed while the second is leased").await;
    trial.settle(&second, dead()).await;
    let head = trial.claim_one(made[0]).await;
    trial.act(Act::Replay, &Filter::new()).await;
    trial.settle(&head, Next::Done).await;
    trial.claim_one(made[1]).await;
}

/// A recovered head goes first.
pub async fn a_recovered_head_goes_first<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A message whose worker was lost keeps its place in the order.").await;
    let made = three(&trial).await;
    trial.claim_one(made[0]).await;
    trial.lose();
    trial.claim_one(made[0]).await;
}

/// Keys of one name, but of different tenants, are different.
pub async fn ordering_keys_of_tenants_are_apart<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Ordering keys are of one tenant, and messages without one are free.").await;
    let mut entries = ["a", "b", "a"].map(|tenant| trial.entry_of(tenant, Channel::Sms));
    entries.iter_mut().for_each(|entry| entry.terms.ordering_key = Some("k".into()));
    let made = trial.enqueue_all(entries.into()).await;
    let free = trial.enqueue_all(vec![trial.entry(), trial.entry()]).await;
    let expected = vec![made[0], made[1], free[0], free[1]];
    trial.equal("what is claimed", trial.claim_ids(&everything()).await, expected);
}

/// Keys reach across channels.
pub async fn an_ordering_key_reaches_across_channels<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "An ordering key orders messages of all channels and priorities.").await;
    let mut email = trial.entry_of("default", Channel::Email);
    email.terms.ordering_key = Some("customer-7".into());
    let made = trial.enqueue_all(vec![email, trial.ordered("customer-7")]).await;
    let sms = Claim::new("c", vec![lane(Channel::Sms, Priority::Normal, ALL)], ALL, LEASE);
    trial.equal("what a claim of the second's channel finds", trial.claim_ids(&sms).await, Vec::new());
    let head = trial.claim_one(made[0]).await;
    trial.settle(&head, Next::Done).await;
    trial.claim_one(made[1]).await;
    trial.state_is(made[1], QueueState::Leased).await;
}
