//! Rules of what is deleted, and what is kept.

use std::time::Duration;

use super::{
    Harness,
    trial::{Trial, seconds},
};
use crate::{
    error::Result,
    id::MessageId,
    storage::{Enqueued, Messages, Retention},
};

const DAY: Duration = Duration::from_secs(24 * 3_600);

/// An hour for everything but keys.
fn an_hour() -> Retention {
    Retention { dead: seconds(3_600), ..Retention::of(seconds(3_600)) }
}

async fn prune<S: Messages>(trial: &Trial<S>, retention: &Retention) -> u64 {
    trial.good(trial.store.prune(retention).await)
}

/// What is final goes when its time is over.
pub async fn what_is_final_is_kept_for_its_time<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "Messages in a final state are kept for `done` from when they were taken, and no longer.",
    )
    .await;
    let record = trial.record("default", crate::Channel::Sms);
    let inline = record.id;
    trial.good(trial.store.record(vec![(record, Vec::new())]).await);
    let sent = trial.done(trial.entry()).await;
    let withdrawn = trial.enqueue(trial.entry()).await;
    trial.cancel(withdrawn).await;
    trial.clock.advance(seconds(3_599));
    trial.equal("how many go before", prune(&trial, &an_hour()).await, 0);
    let young = trial.done(trial.entry()).await;
    trial.clock.advance(seconds(1));
    trial.equal("how many go", prune(&trial, &an_hour()).await, 3);
    for id in [inline, sent, withdrawn] {
        trial.holds(!trial.is_there(id).await, || format!("message {id} is there still"));
        trial.equal("how many events are left", trial.timeline(id).await.len(), 0);
    }
    trial.holds(trial.is_there(young).await, || "a younger message is gone".into());
}

/// What is not final stays, however old it is.
pub async fn what_is_in_the_queue_is_never_pruned<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "What waits, is held or in a worker's hands is never pruned.").await;
    let held = trial.held(trial.entry()).await;
    let suspect = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    let far = trial.enqueue(trial.on(|terms| terms.due = Some(trial.now_and(1 << 30)))).await;
    let leased = trial.leased(trial.entry()).await.lease.id;
    trial.clock.advance(DAY * 1_000);
    trial.equal("how many go", prune(&trial, &an_hour()).await, 0);
    for id in [held, suspect, far, leased] {
        trial.queued(id).await;
    }
}

/// Dead letters have a time of their own.
pub async fn dead_letters_are_kept_for_their_own_time<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Dead letters are kept for `dead`, which may be longer than `done`.").await;
    let dead = trial.dead(trial.entry()).await;
    let sent = trial.done(trial.entry()).await;
    let retention = Retention { dead: seconds(7_200), ..Retention::of(seconds(3_600)) };
    trial.clock.advance(seconds(7_199));
    trial.equal("how many go before", prune(&trial, &retention).await, 1);
    let there = (trial.is_there(sent).await, trial.is_there(dead).await);
    trial.equal("whether the sent and the dead one are there", there, (false, true));
    trial.clock.advance(seconds(1));
    trial.equal("how many go", prune(&trial, &retention).await, 1);
    trial.holds(!trial.is_there(dead).await, || "the dead letter is there still".into());
}

async fn again<S: Messages>(trial: &Trial<S>) -> Result<Enqueued> {
    trial.good(trial.store.enqueue(vec![trial.keyed("k", "content")]).await).remove(0)
}

/// Keys are kept for a day at least, and their messages with them.
pub async fn keys_are_kept_for_a_day_at_least<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "Messages with an idempotency key are kept at least 24 hours, whatever the retention says.",
    )
    .await;
    let id = trial.done(trial.keyed("k", "content")).await;
    let short = Retention { keys: Duration::ZERO, ..an_hour() };
    trial.clock.advance(DAY - seconds(1));
    trial.equal("how many go before", prune(&trial, &short).await, 0);
    trial.equal("the answer", trial.good(again(&trial).await), Enqueued::new(id, false));
    trial.clock.advance(seconds(1));
    trial.equal("how many go", prune(&trial, &short).await, 1);
    let answer = trial.good(again(&trial).await);
    trial.holds(answer.fresh, || "the key is not free after its message was pruned".into());
}

/// Keys may be kept for longer.
pub async fn keys_are_kept_as_long_as_asked_for<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Messages with an idempotency key are kept for `keys`.").await;
    let id = trial.dead(trial.keyed("k", "content")).await;
    let long = Retention { keys: DAY * 3, ..an_hour() };
    trial.clock.advance(DAY * 3 - seconds(1));
    trial.equal("how many go before", prune(&trial, &long).await, 0);
    trial.equal("the answer", trial.good(again(&trial).await), Enqueued::new(id, false));
    trial.clock.advance(seconds(1));
    trial.equal("how many go", prune(&trial, &long).await, 1);
}

/// So many at a time, and the oldest first.
pub async fn pruning_is_done_in_parts<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "One `prune` deletes at most `limit` messages, the oldest first.").await;
    let mut made: Vec<MessageId> = Vec::new();
    for _ in 0..5 {
        made.push(trial.done(trial.entry()).await);
    }
    trial.clock.advance(seconds(3_600));
    let parts = Retention { limit: 2, ..an_hour() };
    for left in [3, 1] {
        trial.equal("how many go", prune(&trial, &parts).await, 2);
        let mut there = Vec::new();
        for id in &made {
            there.push(trial.is_there(*id).await);
        }
        let expected = (0..made.len()).map(|at| at >= made.len() - left).collect();
        trial.equal("which are there", there, expected);
    }
    trial.equal("how many go at last", prune(&trial, &parts).await, 1);
    trial.equal("how many go then", prune(&trial, &parts).await, 0);
}
