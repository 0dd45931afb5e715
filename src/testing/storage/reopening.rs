//! Rules of stores whose data outlive them.

use super::{
    DurableHarness,
    trial::{Trial, event, everything, later},
};
use crate::{
    error::ErrorKind,
    event::EventKind,
    message::Channel,
    storage::{Act, Filter, Messages, Next, Page, Pause, Scope},
};

/// Messages, timelines and places are there again.
pub async fn messages_survive<H: DurableHarness>(harness: &H) {
    let trial =
        Trial::of(harness, "Messages, their timelines and their places survive an end of the store.").await;
    trial.done(trial.entry()).await;
    trial.dead(trial.entry()).await;
    trial.held(trial.keyed("k", "content")).await;
    let retried = trial.leased(trial.ordered("customer-7")).await;
    let accepted = event(retried.lease.id, EventKind::Accepted, 1, trial.clock_now());
    trial.good(trial.try_settle(&retried, later(60), 2, vec![accepted]).await);
    let record = trial.record("b", Channel::Email);
    trial.good(trial.store.record(vec![(record, Vec::new())]).await);
    let all = trial.good(trial.store.list(&Scope::All, &Filter::new(), Page::first(99)).await);
    trial.equal("how many there are", all.len(), 5);
    let mut timelines = Vec::new();
    for tracked in &all {
        timelines.push(trial.good(trial.store.timeline(&tracked.record.tenant, tracked.record.id).await));
    }
    let trial = trial.reopened(harness).await;
    let again = trial.good(trial.store.list(&Scope::All, &Filter::new(), Page::first(99)).await);
    for (tracked, timeline) in again.iter().zip(timelines) {
        let found = trial.good(trial.store.timeline(&tracked.record.tenant, tracked.record.id).await);
        trial.equal("the timeline", found, timeline);
    }
    trial.equal("the messages", again, all);
}

/// What was claimed is not anybody else's since the store ended.
pub async fn leases_survive<H: DurableHarness>(harness: &H) {
    let trial =
        Trial::of(harness, "A lease holds, and settles, when the store was ended and opened again.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.start(&leased).await);
    let trial = trial.reopened(harness).await;
    trial.claim_none("what is claimed while the lease holds").await;
    trial.equal("the next attempt's number", trial.good(trial.start(&leased).await), 2);
    trial.settle(&leased, Next::Done).await;
    trial.state_is(leased.lease.id, None).await;
}

/// What may have begun is known after the end.
pub async fn marks_survive<H: DurableHarness>(harness: &H) {
    let trial = Trial::of(harness, "The mark of a claim survives an end of the store.").await;
    trial.enqueue_all(vec![trial.entry(), trial.entry(), trial.entry()]).await;
    let leased = trial.claimed(&everything().begin(0)).await.leased;
    trial.good(trial.store.begin(&leased[0].lease).await);
    let trial = trial.reopened(harness).await;
    trial.good(trial.store.begin(&leased[1].lease).await);
    trial.lose();
    let again = trial.claim().await.iter().map(|leased| leased.losses).collect();
    trial.equal("losses", again, vec![1, 1, 0]);
}

/// What was lost before the end is recovered after it.
pub async fn losses_survive<H: DurableHarness>(harness: &H) {
    let trial =
        Trial::of(harness, "A message whose lease ended while the store was closed is recovered.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.lose();
    let trial = trial.reopened(harness).await;
    let again = trial.claim_one(leased.lease.id).await;
    trial.equal("its losses, and its payload", (again.losses, again.payload), (1, leased.payload));
}

/// Keys are taken still.
pub async fn keys_survive<H: DurableHarness>(harness: &H) {
    let trial = Trial::of(harness, "Idempotency keys survive an end of the store.").await;
    let id = trial.enqueue(trial.keyed("k", "content")).await;
    let trial = trial.reopened(harness).await;
    let mut answers =
        trial.good(trial.store.enqueue(vec![trial.keyed("k", "content"), trial.keyed("k", "other")]).await);
    trial.refused("other content", answers.remove(1), ErrorKind::Conflict);
    trial.equal("the first message", trial.good(answers.remove(0)).id, id);
}

/// What operators did is known still.
pub async fn pauses_and_acts_survive<H: DurableHarness>(harness: &H) {
    let trial = Trial::of(harness, "Pauses and the records of acts survive an end of the store.").await;
    let act = trial.act(Act::Hold, &Filter::new().tag("fair")).await;
    let pause = Pause::Channel(Channel::Sms);
    trial.good(trial.store.pause(&pause).await);
    let id = trial.enqueue(trial.entry()).await;
    let trial = trial.reopened(harness).await;
    trial.equal("the pauses", trial.good(trial.store.pauses().await), vec![pause.clone()]);
    trial.equal("the acts", trial.good(trial.store.acts(&Scope::All, 9).await), vec![act]);
    trial.claim_none("what is claimed").await;
    trial.good(trial.store.resume(&pause).await);
    trial.claim_one(id).await;
}

/// A wish to cancel is not forgotten.
pub async fn wishes_to_cancel_survive<H: DurableHarness>(harness: &H) {
    let trial = Trial::of(harness, "A wish to cancel what a worker has survives an end of the store.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.cancel(leased.lease.id).await;
    let trial = trial.reopened(harness).await;
    trial.settle(&leased, later(0)).await;
    trial.state_is(leased.lease.id, None).await;
}
