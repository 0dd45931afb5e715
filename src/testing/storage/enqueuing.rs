//! Rules of what comes into the queue.

use super::{
    Harness,
    trial::{Trial, everything, seconds},
};
use crate::{
    event::OnUnknown,
    message::{Channel, Priority},
    storage::{Messages, Place, QueueState},
};

/// A new message is ready and due at once.
pub async fn a_new_message_is_ready<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "An enqueued message is ready, due at once, with nothing counted.").await;
    let id = trial.enqueue(trial.entry()).await;
    let expected = Place::new(QueueState::Ready, trial.clock_now());
    trial.equal("its place", trial.place(id).await, Some(expected));
}

/// A message that is due later is found then.
pub async fn a_message_waits_until_it_is_due<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A message is claimed when it is due, and not before.").await;
    let due = trial.now_and(10);
    let id = trial.enqueue(trial.on(|terms| terms.due = Some(due))).await;
    trial.equal("when it is due", trial.queued(id).await.due, due);
    trial.claim_none("what is claimed before").await;
    trial.clock.advance(seconds(10));
    trial.claim_one(id).await;
}

/// The claimer gets what the caller enqueued.
pub async fn a_claim_gives_what_was_enqueued<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A claim gives payload, key and terms as they were enqueued, and when it was due.",
    )
    .await;
    let mut entry = trial.keyed("order-17", "content");
    entry.terms.due = Some(trial.clock_now());
    entry.terms.expires = Some(trial.now_and(99));
    entry.terms.on_unknown = OnUnknown::Hold;
    entry.terms.ordering_key = Some("customer-7".into());
    entry.terms.priority = Priority::High;
    entry.payload.blobs = vec![crate::Fingerprint::of(b"a"), crate::Fingerprint::of(b"b")];
    let leased = trial.leased(entry.clone()).await;
    trial.equal("the tenant", leased.tenant, entry.record.tenant);
    trial.equal("the payload", leased.payload, entry.payload);
    trial.equal("the key", leased.key, entry.record.key);
    trial.equal("the terms", leased.terms, entry.terms);
    let counted = (leased.attempts, leased.excused, leased.losses, leased.generation);
    trial.equal("attempts, excused, losses, generation", counted, (0, 0, 0, 0));
    trial.equal("pending and pinned", (leased.pending, leased.pinned), (None, None));
}

/// What is not said is not made up.
pub async fn a_claim_says_when_it_was_due<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A message enqueued without `due` was due when it was enqueued.").await;
    let enqueued = trial.clock_now();
    trial.enqueue(trial.entry()).await;
    trial.clock.advance(seconds(5));
    let claimed = trial.claimed(&everything()).await;
    trial.equal("`now` of the claim", claimed.now, trial.clock_now());
    let dues: Vec<_> = claimed.leased.into_iter().map(|leased| leased.terms.due).collect();
    trial.equal("when it was due", dues, vec![Some(enqueued)]);
}

/// Many at once are answered in their order.
pub async fn many_are_answered_in_order<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`enqueue` answers each entry, in order.").await;
    let mut entries: Vec<_> = (0..50).map(|_| trial.entry()).collect();
    entries.reverse();
    let mut ids = trial.enqueue_all(entries).await;
    ids.sort_unstable();
    trial.equal("what is claimed", trial.claim_ids(&everything()).await, ids);
}

/// Nothing comes of nothing.
pub async fn empty_calls_are_answered<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A call about nothing is answered with nothing.").await;
    let store = &trial.store;
    trial.equal("enqueue", trial.good(store.enqueue(Vec::new()).await).len(), 0);
    trial.equal("start", trial.good(store.start(&[]).await).len(), 0);
    trial.equal("renew", trial.good(store.renew(&[], seconds(1)).await).len(), 0);
    trial.equal("settle", trial.good(store.settle(Vec::new()).await).len(), 0);
    trial.equal("cancel", trial.good(store.cancel(&crate::TenantId::DEFAULT, &[]).await).len(), 0);
    trial.good(store.append_events(&crate::TenantId::DEFAULT, Vec::new()).await);
    trial.good(store.record(Vec::new()).await);
    trial.claim_none("claim").await;
    let id = trial.enqueue(trial.entry_of("default", Channel::Email)).await;
    let mut nowhere = everything();
    nowhere.lanes.clear();
    trial.equal("a claim without lanes", trial.claim_ids(&nowhere).await, Vec::new());
    let none = crate::storage::Claim::everything("conformance", 0, seconds(1));
    trial.equal("a claim of none", trial.claim_ids(&none).await, Vec::new());
    trial.claim_one(id).await;
}
