//! Rules of messages that are withdrawn.

use super::{
    Harness,
    trial::{LEASE, Trial, dead, held, later},
};
use crate::{
    event::{OnUnknown, Status},
    id::{MessageId, TenantId},
    storage::{Cancelled, Messages, Next, Pause, QueueState},
    time::Timestamp,
};

async fn is_cancelled<S: Messages>(trial: &Trial<S>, id: MessageId, story: &[(&str, u32)]) {
    trial.equal("the answer to cancel", trial.cancel(id).await, Cancelled::Cancelled);
    trial.state_is(id, None).await;
    trial.story_is(id, story).await;
    trial.equal("the answer to a second cancel", trial.cancel(id).await, Cancelled::Final);
    trial.lose();
    trial.claim_none("what is claimed").await;
}

/// What waits is withdrawn.
pub async fn a_ready_message_is_cancelled<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A ready message that is cancelled leaves the queue with a `cancelled` event.")
            .await;
    let id = trial.enqueue(trial.entry()).await;
    is_cancelled(&trial, id, &[("cancelled", 0)]).await;
    let tracked = trial.good(trial.store.tracked(&TenantId::DEFAULT, id).await);
    let deliveries = tracked.map(|tracked| tracked.deliveries);
    trial.equal("the deliveries", deliveries, Some(vec![Status::Cancelled; 2]));
}

/// What waits for another attempt is withdrawn.
pub async fn a_message_between_attempts_is_cancelled<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`cancelled` carries the number of attempts so far.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.try_settle(&leased, later(60), 3, Vec::new()).await);
    is_cancelled(&trial, leased.lease.id, &[("cancelled", 3)]).await;
}

/// What is held is withdrawn.
pub async fn a_held_message_is_cancelled<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A held message that is cancelled leaves the queue.").await;
    let id = trial.held(trial.entry()).await;
    is_cancelled(&trial, id, &[("cancelled", 0)]).await;
}

/// A dead letter is withdrawn.
pub async fn a_dead_message_is_cancelled<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A dead message that is cancelled leaves the queue.").await;
    let id = trial.dead(trial.entry()).await;
    is_cancelled(&trial, id, &[("cancelled", 0)]).await;
}

/// What is paused is withdrawn.
pub async fn a_paused_message_is_cancelled<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A paused message that is cancelled leaves the queue.").await;
    let by = Pause::Provider("vendor".into());
    trial.good(trial.store.pause(&by).await);
    let leased = trial.leased(trial.entry()).await;
    trial.settle(&leased, Next::Paused { by: by.clone() }).await;
    is_cancelled(&trial, leased.lease.id, &[("cancelled", 0)]).await;
    trial.good(trial.store.resume(&by).await);
    trial.claim_none("what is claimed when the provider is resumed").await;
}

/// A suspect is withdrawn.
pub async fn a_suspect_is_cancelled<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A suspect that is cancelled leaves the queue.").await;
    let id = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    trial.equal("the answer to cancel", trial.cancel(id).await, Cancelled::Cancelled);
    trial.equal("what is claimed alone", trial.claim_alone().await.len(), 0);
}

/// What is final, or unknown, cannot be withdrawn.
pub async fn what_is_final_or_unknown_is_not_cancelled<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`cancel` answers `Final` for what left the queue, `NotFound` for what is not there.",
    )
    .await;
    let id = trial.done(trial.entry()).await;
    let nobody = MessageId::new(Timestamp::from_secs(1));
    let answers = trial.good(trial.store.cancel(&TenantId::DEFAULT, &[nobody, id]).await);
    trial.equal("the answers", answers, vec![Cancelled::NotFound, Cancelled::Final]);
    trial.story_is(id, &[]).await;
}

/// A worker's attempt is not taken back.
pub async fn a_leased_message_is_in_flight<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`cancel` of a leased message answers `InFlight`; its lease goes on.").await;
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    trial.equal("the answer to cancel", trial.cancel(id).await, Cancelled::InFlight);
    trial.state_is(id, QueueState::Leased).await;
    trial.good(trial.start(&leased).await);
    trial.good(trial.renew(&leased, LEASE).await);
    trial.settle(&leased, Next::Done).await;
    trial.state_is(id, None).await;
    trial.story_is(id, &[]).await;
}

/// What was cancelled meanwhile is not tried again.
pub async fn a_wish_to_cancel_ends_what_would_wait<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A message that was cancelled while a worker had it leaves the queue with a `cancelled` event instead \
         of waiting.",
    )
    .await;
    let by = Pause::Provider("vendor".into());
    trial.good(trial.store.pause(&by).await);
    for next in [later(60), Next::Returned, held(), Next::Paused { by }] {
        let leased = trial.leased(trial.entry()).await;
        trial.equal("the answer to cancel", trial.cancel(leased.lease.id).await, Cancelled::InFlight);
        trial.good(trial.try_settle(&leased, next, 2, Vec::new()).await);
        trial.state_is(leased.lease.id, None).await;
        trial.story_is(leased.lease.id, &[("cancelled", 2)]).await;
    }
}

/// A dead letter is dead, whoever wished what.
pub async fn a_wish_to_cancel_does_not_hide_a_dead_letter<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A message that was cancelled while a worker had it is dead if that says so.")
            .await;
    let leased = trial.leased(trial.entry()).await;
    trial.cancel(leased.lease.id).await;
    trial.settle(&leased, dead()).await;
    trial.state_is(leased.lease.id, QueueState::Dead).await;
}

/// What was cancelled and then lost is not tried again.
pub async fn a_wish_to_cancel_outlives_the_worker<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A message that was cancelled while a worker had it is not tried again when that worker is lost.",
    )
    .await;
    let expected: [(_, &[(&str, u32)]); 2] =
        [(OnUnknown::Retry, &[("recovered", 1), ("cancelled", 1)]), (OnUnknown::Hold, &[("cancelled", 0)])];
    for (policy, story) in expected {
        let leased = trial.leased(trial.under(policy)).await;
        trial.cancel(leased.lease.id).await;
        trial.lose();
        trial.claim_none("what is claimed then").await;
        trial.state_is(leased.lease.id, None).await;
        trial.story_is(leased.lease.id, story).await;
    }
}
