//! Rules of idempotency keys.

use super::{
    Harness,
    trial::{Trial, ids, with_key},
};
use crate::{
    error::ErrorKind,
    id::MessageId,
    message::Channel,
    storage::{Enqueued, Entry, Messages},
};

async fn answers<S: Messages>(trial: &Trial<S>, entries: Vec<Entry>) -> Vec<crate::Result<Enqueued>> {
    trial.good(trial.store.enqueue(entries).await)
}

async fn answer<S: Messages>(trial: &Trial<S>, entry: Entry) -> crate::Result<Enqueued> {
    answers(trial, vec![entry]).await.remove(0)
}

fn first(id: MessageId) -> Enqueued {
    Enqueued::new(id, false)
}

/// The same key with the same content is the same message.
pub async fn the_same_key_and_content_is_the_first_message<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A key with the same content answers the first message, which is not fresh.")
            .await;
    let id = trial.enqueue(trial.keyed("k", "content")).await;
    let again = trial.good(answer(&trial, trial.keyed("k", "content")).await);
    trial.equal("the answer", again, first(id));
    trial.claim_one(id).await;
}

/// The same key with other content is a conflict.
pub async fn the_same_key_with_other_content_is_a_conflict<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A key with other content is a `conflict` that names the first message.").await;
    let id = trial.enqueue(trial.keyed("k", "content")).await;
    let mut answers = answers(&trial, vec![trial.keyed("k", "other"), trial.entry()]).await;
    trial.equal("whether the neighbour is taken", answers.remove(1).is_ok(), true);
    let error = trial.refused("other content", answers.remove(0), ErrorKind::Conflict);
    trial.equal("the message that the error names", error.message_id(), Some(id));
    trial.equal("how many are claimed", ids(&trial.claim().await).len(), 2);
}

/// A key within one call counts as between calls.
pub async fn a_key_counts_within_one_call<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A key is unique also among the entries of one call.").await;
    let entries = vec![trial.keyed("k", "a"), trial.keyed("k", "a"), trial.keyed("k", "b")];
    let id = entries[0].record.id;
    let mut answers = answers(&trial, entries).await;
    trial.refused("other content", answers.remove(2), ErrorKind::Conflict);
    let given = answers.into_iter().map(|answer| trial.good(answer)).collect();
    trial.equal("the answers", given, vec![Enqueued::new(id, true), first(id)]);
    trial.claim_one(id).await;
}

/// Keys are of one tenant and channel.
pub async fn a_key_is_of_one_tenant_and_channel<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A key is unique within one tenant and channel, and free in others.").await;
    let places = [("a", Channel::Sms), ("a", Channel::Email), ("b", Channel::Sms)];
    let entries = places.map(|(tenant, channel)| with_key(trial.entry_of(tenant, channel), "k", tenant));
    trial.enqueue_all(entries.into()).await;
    trial.equal("how many are claimed", trial.claim().await.len(), 3);
}

/// Messages that are sent at once do not take keys.
pub async fn messages_sent_at_once_take_no_keys<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Keys are unique among enqueued messages; those sent at once do not count.").await;
    for _ in 0..2 {
        let mut record = trial.record("default", Channel::Sms);
        record.key = Some("k".into());
        trial.good(trial.store.record(vec![(record, Vec::new())]).await);
    }
    trial.enqueue(trial.keyed("k", "content")).await;
}

/// A key is kept after its message was sent.
pub async fn a_key_is_kept_while_its_message_is<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A key is kept while its message is, in whatever state.").await;
    let sent = trial.done(trial.keyed("sent", "a")).await;
    let dead = trial.dead(trial.keyed("dead", "a")).await;
    let gone = trial.enqueue(trial.keyed("gone", "a")).await;
    trial.cancel(gone).await;
    trial.clock.advance(super::trial::seconds(23 * 3_600));
    for (key, id) in [("sent", sent), ("dead", dead), ("gone", gone)] {
        let again = trial.good(answer(&trial, trial.keyed(key, "a")).await);
        trial.equal(&format!("the answer for {key:?}"), again, first(id));
    }
    trial.claim_none("what is claimed").await;
}
