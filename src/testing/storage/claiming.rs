//! Rules of claims: who gets what, in which order.

use super::{
    Harness,
    trial::{ALL, LEASE, Trial, everything, ids, lane, later, seconds},
};
use crate::{
    id::MessageId,
    message::{Channel, Priority},
    storage::{Claim, Entry, Lane, Scope},
};

/// Who has a message has it alone.
pub async fn a_leased_message_is_not_claimed_again<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "At most one valid lease is on a message at any time.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.state_is(leased.lease.id, crate::storage::QueueState::Leased).await;
    trial.clock.advance(LEASE - seconds(1));
    trial.claim_none("what is claimed while the lease holds").await;
}

/// Each claim proves itself by tokens of its own.
pub async fn tokens_are_fresh_at_every_claim<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Each claim gives fresh tokens.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.settle(&leased, later(0)).await;
    let again = trial.claim_one(leased.lease.id).await;
    trial.holds(again.lease.token != leased.lease.token, || "the same token twice".into());
}

/// Who has been due for longest comes first.
pub async fn a_lane_is_in_the_order_of_due_and_id<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A lane is claimed in the order of due and id.").await;
    let due = |seconds| trial.on(|terms| terms.due = Some(trial.now_and(seconds)));
    let made = trial.enqueue_all(vec![due(5), due(3), due(3), due(1)]).await;
    trial.clock.advance(seconds(9));
    let expected = vec![made[3], made[1], made[2], made[0]];
    trial.equal("what is claimed", trial.claim_ids(&everything()).await, expected);
}

fn of(trial: &Trial<impl crate::storage::Messages>, channel: Channel, priority: Priority) -> Entry {
    let mut entry = trial.entry_of("default", channel);
    entry.terms.priority = priority;
    entry
}

/// Where to look is the claimer's choice, and so is the order.
pub async fn lanes_are_looked_through_in_their_order<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A claim looks through its lanes in their order, and nowhere else.").await;
    let wished =
        [(Channel::Sms, Priority::Low), (Channel::Email, Priority::High), (Channel::Sms, Priority::High)];
    let made: Vec<MessageId> = trial
        .enqueue_all(wished.iter().map(|(channel, priority)| of(&trial, *channel, *priority)).collect())
        .await;
    trial.enqueue(of(&trial, Channel::Push, Priority::High)).await;
    trial.enqueue(of(&trial, Channel::Email, Priority::Normal)).await;
    let lanes = [2, 0, 1].map(|at: usize| lane(wished[at].0, wished[at].1, ALL));
    let claim = Claim::new("conformance", lanes.into(), ALL, LEASE);
    trial.equal("what is claimed", trial.claim_ids(&claim).await, vec![made[2], made[0], made[1]]);
}

/// No more than wished for, in each lane and altogether.
pub async fn limits_of_lanes_and_claim_hold<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A claim takes no more than a lane's limit from it, and no more than its own.")
            .await;
    let sms = trial.enqueue_all((0..5).map(|_| trial.entry()).collect()).await;
    let email = (0..5).map(|_| of(&trial, Channel::Email, Priority::Normal)).collect();
    let email = trial.enqueue_all(email).await;
    let lanes = |first, second| {
        vec![
            Lane::new(Channel::Sms, Priority::Normal, first),
            Lane::new(Channel::Email, Priority::Normal, second),
        ]
    };
    let claim = Claim::new("conformance", lanes(2, ALL), 4, LEASE);
    let expected = vec![sms[0], sms[1], email[0], email[1]];
    trial.equal("two of the first lane and four in all", trial.claim_ids(&claim).await, expected);
    let claim = Claim::new("conformance", lanes(0, 1), ALL, LEASE);
    trial.equal("none of the first and one of the second", trial.claim_ids(&claim).await, vec![email[2]]);
    let claim = Claim::new("conformance", lanes(ALL, ALL), ALL, LEASE);
    let rest = [&sms[2..], &email[3..]].concat();
    trial.equal("the rest", trial.claim_ids(&claim).await, rest);
}

/// Payloads from the future wait for those who can read them.
pub async fn newer_payloads_wait_for_newer_workers<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Nothing is leased whose payload is newer than the claimer reads.").await;
    let mut newer = trial.entry();
    newer.payload.version = 7;
    let older = trial.entry();
    let made = trial.enqueue_all(vec![newer, older]).await;
    let reads = |version| Claim { newest_payload: version, ..everything() };
    trial.equal("what an older worker claims", trial.claim_ids(&reads(6)).await, vec![made[1]]);
    trial.equal("what a newer worker claims", trial.claim_ids(&reads(7)).await, vec![made[0]]);
}

/// A worker of one tenant gets that tenant's messages.
pub async fn a_claim_stays_within_its_scope<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A claim leases messages within its scope only.").await;
    let entries = ["a", "b", "a"].map(|tenant| trial.entry_of(tenant, Channel::Sms));
    let made = trial.enqueue_all(entries.into()).await;
    let scope = Scope::Tenant(trial.good("a".parse()));
    let found = trial.claim_ids(&everything().within(scope)).await;
    trial.equal("what tenant a claims", found, vec![made[0], made[2]]);
    trial.equal("what is left", ids(&trial.claim().await), vec![made[1]]);
}

/// A claim that found too little says when there is more.
pub async fn a_claim_says_when_more_is_due<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "A claim that found fewer than wished for says when the next of its lanes is due.",
    )
    .await;
    trial.equal("with nothing in the queue", trial.claimed(&everything()).await.next_due, None);
    let due = |seconds| trial.on(|terms| terms.due = Some(trial.now_and(seconds)));
    trial.enqueue_all(vec![due(9), due(7), trial.entry()]).await;
    let mut email = trial.entry_of("default", Channel::Email);
    email.terms.due = Some(trial.now_and(3));
    trial.enqueue(email).await;
    let sms = |limit| Claim::new("c", vec![lane(Channel::Sms, Priority::Normal, ALL)], limit, LEASE);
    let full = trial.claimed(&sms(1)).await;
    trial.equal("of a claim that found all it wished for", (full.leased.len(), full.next_due), (1, None));
    let found = trial.claimed(&sms(ALL)).await;
    trial.equal(
        "of a claim that found none",
        (found.leased.len(), found.next_due),
        (0, Some(trial.now_and(7))),
    );
}
