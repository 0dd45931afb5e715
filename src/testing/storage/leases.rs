//! Rules of leases: how long they hold, and what a stale one may not do.

use super::{
    Harness,
    trial::{LEASE, Trial, event, later, seconds},
};
use crate::{
    error::ErrorKind,
    event::EventKind,
    storage::{Leased, Messages, Next, QueueState},
};

/// A message whose lease was lost to another worker: the stale lease and the new one.
async fn taken<S: Messages>(trial: &Trial<S>) -> (Leased, Leased) {
    let stale = trial.leased(trial.entry()).await;
    trial.lose();
    let fresh = trial.claim_one(stale.lease.id).await;
    (stale, fresh)
}

/// A claim counts nothing; each start counts one.
pub async fn a_claim_counts_nothing_and_a_start_counts_one<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A claim counts no attempt; each start counts one and answers its number.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.equal("attempts after the claim", trial.queued(leased.lease.id).await.attempts, 0);
    for number in [1, 2] {
        trial.equal("the attempt's number", trial.good(trial.start(&leased).await), number);
        trial.equal("attempts that are counted", trial.queued(leased.lease.id).await.attempts, number);
    }
    trial.settle(&leased, later(0)).await;
    let again = trial.claim_one(leased.lease.id).await;
    trial.equal("attempts at the next claim", again.attempts, 2);
    trial.equal("the number of the next", trial.good(trial.start(&again).await), 3);
}

/// Of several leases each is answered by itself.
pub async fn each_lease_is_answered_by_itself<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Each lease of a call is answered by itself, in order.").await;
    let (stale, fresh) = taken(&trial).await;
    let other = trial.leased(trial.entry()).await;
    let leases = [stale.lease, other.lease, fresh.lease];
    let started = trial.good(trial.store.start(&leases).await);
    trial.equal("which were started", started.iter().map(Result::is_ok).collect(), vec![false, true, true]);
    let renewed = trial.good(trial.store.renew(&leases, LEASE).await);
    trial.equal("which were renewed", renewed.iter().map(Result::is_ok).collect(), vec![false, true, true]);
    let end = |leased| crate::storage::Settlement::new(leased, Next::Done, 1, Vec::new());
    let settled = trial.good(trial.store.settle([&stale, &other, &fresh].map(end).into()).await);
    trial.equal("which were settled", settled.iter().map(Result::is_ok).collect(), vec![false, true, true]);
}

/// Who lost a message cannot start it.
pub async fn a_stale_lease_does_not_start<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`start` with a lease that the message does not have answers `lease_lost`.").await;
    let (stale, fresh) = taken(&trial).await;
    trial.refused("a stale start", trial.start(&stale).await, ErrorKind::LeaseLost);
    trial.equal("attempts after it", trial.queued(stale.lease.id).await.attempts, 0);
    trial.good(trial.start(&fresh).await);
}

/// Who lost a message cannot keep it.
pub async fn a_stale_lease_is_not_renewed<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`renew` with a lease that the message does not have answers `lease_lost`.").await;
    let (stale, fresh) = taken(&trial).await;
    trial.refused("a stale renewal", trial.renew(&stale, LEASE * 100).await, ErrorKind::LeaseLost);
    trial.lose();
    let next = trial.claim_alone().await;
    trial.equal("who is claimed when the other's lease is over", next.len(), 1);
    trial.refused("the other's renewal", trial.renew(&fresh, LEASE).await, ErrorKind::LeaseLost);
}

/// Who lost a message cannot say what became of it.
pub async fn a_stale_lease_does_not_settle<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`settle` with a lease that the message does not have answers `lease_lost`, changes nothing and \
         stores no event.",
    )
    .await;
    let (stale, fresh) = taken(&trial).await;
    let id = stale.lease.id;
    let before = trial.place(id).await;
    let accepted = event(id, EventKind::Accepted, 1, trial.clock_now());
    let answer = trial.try_settle(&stale, Next::Done, 9, vec![accepted]).await;
    trial.refused("a stale settlement", answer, ErrorKind::LeaseLost);
    trial.equal("its place", trial.place(id).await, before);
    trial.story_is(id, &[("recovered", 1)]).await;
    trial.settle(&fresh, Next::Done).await;
}

/// What was settled is settled.
pub async fn a_lease_settles_once<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A lease ends when it is settled; what names it later answers `lease_lost`.")
            .await;
    for next in [Next::Done, later(0), Next::Returned, super::trial::dead(), super::trial::held()] {
        let leased = trial.leased(trial.entry()).await;
        trial.settle(&leased, next.clone()).await;
        let answer = trial.try_settle(&leased, Next::Done, 1, Vec::new()).await;
        trial.refused("a second settlement", answer, ErrorKind::LeaseLost);
        trial.refused("a late start", trial.start(&leased).await, ErrorKind::LeaseLost);
        trial.refused("a late renewal", trial.renew(&leased, LEASE).await, ErrorKind::LeaseLost);
        trial.cancel(leased.lease.id).await;
    }
}

/// A lease that is over starts nothing.
pub async fn a_lease_that_is_over_does_not_start<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`start` answers `lease_lost` if the lease is over, though nobody took it.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.lose();
    trial.refused("a late start", trial.start(&leased).await, ErrorKind::LeaseLost);
    trial.equal("attempts after it", trial.queued(leased.lease.id).await.attempts, 0);
}

/// A lease that is over, but that nobody took, still settles.
pub async fn a_lease_that_is_over_but_not_taken_settles<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A lease that is over, but that nobody took, still settles.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.clock.advance(LEASE * 2);
    let accepted = event(leased.lease.id, EventKind::Accepted, 1, trial.clock_now());
    trial.good(trial.try_settle(&leased, Next::Done, 1, vec![accepted]).await);
    trial.state_is(leased.lease.id, None).await;
    trial.story_is(leased.lease.id, &[("accepted", 1)]).await;
}

/// A lease that is over, but that nobody took, may be renewed.
pub async fn a_lease_that_is_over_but_not_taken_is_renewed<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A lease that is over, but that nobody took, may still be renewed.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.lose();
    trial.good(trial.renew(&leased, LEASE).await);
    trial.claim_none("what is claimed after the renewal").await;
    trial.good(trial.start(&leased).await);
}

/// A renewed lease holds from the renewal on.
pub async fn a_renewed_lease_holds<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A renewed lease holds for the time asked for, from the renewal on.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.clock.advance(LEASE - seconds(1));
    trial.good(trial.renew(&leased, LEASE).await);
    trial.clock.advance(LEASE - seconds(1));
    trial.claim_none("what is claimed before its end").await;
    trial.clock.advance(seconds(1));
    trial.claim_one(leased.lease.id).await;
}

/// The store's clock judges, and the store's alone.
pub async fn a_message_is_nobodys_until_its_lease_is_over<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A lease is over when the store's clock says so.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.clock.advance(LEASE - std::time::Duration::from_micros(1));
    trial.claim_none("what is claimed a microsecond before its end").await;
    trial.state_is(leased.lease.id, QueueState::Leased).await;
    trial.clock.advance(std::time::Duration::from_micros(1));
    trial.claim_one(leased.lease.id).await;
}
