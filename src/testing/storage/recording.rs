//! Rules of records and events.

use super::{
    Harness,
    trial::{Trial, event, seconds},
};
use crate::{
    event::{Event, EventKind, Status},
    id::{MessageId, TenantId},
    message::Channel,
    storage::{Cancelled, Filter, Messages, Page, Scope},
    time::Timestamp,
};

/// What is sent at once is recorded with its events, and never in the queue.
pub async fn a_message_sent_at_once_is_not_in_the_queue<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`record` keeps a message and its first events; it is never in the queue.").await;
    let record = trial.record("default", Channel::Sms);
    let started = event(record.id, EventKind::Started, 1, record.at);
    trial.good(trial.store.record(vec![(record.clone(), vec![started.clone()])]).await);
    let tracked = trial.good(trial.store.tracked(&TenantId::DEFAULT, record.id).await);
    let found = tracked.map(|tracked| (tracked.record, tracked.deliveries, tracked.place));
    trial.equal("the message", found, Some((record.clone(), vec![Status::Sending, Status::Queued], None)));
    trial.equal("the timeline", trial.timeline(record.id).await, vec![started]);
    trial.claim_none("what is claimed").await;
    trial.equal("the answer to cancel", trial.cancel(record.id).await, Cancelled::Final);
}

/// Everything that a record holds comes back.
pub async fn records_come_back_whole<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A record comes back with everything that it held.").await;
    let mut record = trial.record("default", Channel::Email);
    record.key = Some("order-17".into());
    record.category = Some("receipt".into());
    record.tags = vec!["a".into(), "ä \" '".into()];
    record.metadata.insert("shop".into(), "7".into());
    record.external_ref = Some("17".into());
    trial.good(trial.store.record(vec![(record.clone(), Vec::new())]).await);
    let tracked = trial.good(trial.store.tracked(&TenantId::DEFAULT, record.id).await);
    trial.equal("the record", tracked.map(|tracked| tracked.record), Some(record));
}

/// Everything that an event holds comes back.
pub async fn events_come_back_whole<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "An event comes back with everything that it held, of any kind.").await;
    let id = trial.enqueue(trial.entry()).await;
    let mut full = event(id, EventKind::Other("teleported".into()), 3, trial.now_and(1));
    (full.recipient, full.generation, full.vendor_id) = (Some(1), 2, Some("v-1".into()));
    (full.code, full.text, full.source) = (Some("7".into()), Some("ä \" '".into()), Some("s-1".into()));
    full.latency = Some(std::time::Duration::from_micros(1_234));
    let bare = Event::new(id, EventKind::Read, trial.now_and(2));
    trial.append(vec![full.clone(), bare.clone()]).await;
    trial.equal("the events", trial.timeline(id).await[1..].to_vec(), vec![full, bare]);
}

/// An event that the message has already is not stored again.
pub async fn the_same_event_is_stored_once<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "An event whose id the message has already is not stored again.").await;
    let id = trial.enqueue(trial.entry()).await;
    let accepted = event(id, EventKind::Accepted, 1, trial.now_and(1));
    let later = Event { at: trial.now_and(5), text: Some("again".into()), ..accepted.clone() };
    let mut told = event(id, EventKind::Delivered, 0, trial.now_and(2));
    told.source = Some("s-1".into());
    trial.append(vec![accepted.clone(), accepted.clone(), told.clone()]).await;
    trial.append(vec![later, told]).await;
    let timeline = trial.timeline(id).await;
    trial.story_is(id, &[("accepted", 1), ("delivered", 0)]).await;
    trial.equal("the event that was first", timeline.get(1), Some(&accepted));
}

/// Events of unknown messages, or of other tenants' ones, are skipped.
pub async fn events_of_unknown_messages_are_skipped<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Events of messages that the tenant does not have are skipped, the others kept.")
            .await;
    let (mine, theirs) = (trial.entry(), trial.entry_of("other", Channel::Sms));
    let (mine, theirs) = (trial.enqueue(mine).await, trial.enqueue(theirs).await);
    let nobody = MessageId::new(Timestamp::from_secs(1));
    let events = [nobody, theirs, mine].map(|id| event(id, EventKind::Accepted, 1, trial.now_and(1)));
    trial.append(events.into()).await;
    trial.story_is(mine, &[("accepted", 1)]).await;
    let other = trial.good("other".parse::<TenantId>());
    let timeline = trial.good(trial.store.timeline(&other, theirs).await);
    trial.equal("how many events the other tenant's message has", timeline.len(), 1);
    trial.holds(!trial.is_there(nobody).await, || "an event made a message".into());
}

/// A timeline is in the order of time, whatever the order of writing was.
pub async fn a_timeline_is_in_the_order_of_time<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A timeline is in the order of time and begins with `queued`.").await;
    let id = trial.enqueue(trial.entry()).await;
    trial.append(vec![event(id, EventKind::Delivered, 0, trial.now_and(9))]).await;
    trial.append(vec![event(id, EventKind::Accepted, 1, trial.now_and(5))]).await;
    trial.append(vec![event(id, EventKind::Started, 1, trial.now_and(2))]).await;
    trial.story_is(id, &[("started", 1), ("accepted", 1), ("delivered", 0)]).await;
    let queued = &trial.timeline(id).await[0];
    trial.equal("`queued`, its time and generation", (queued.at, queued.generation), (trial.clock_now(), 0));
}

/// Where each delivery stands follows from the events.
pub async fn deliveries_follow_from_events<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Each delivery's status is that to which its events fold.").await;
    let id = trial.enqueue(trial.entry()).await;
    let at = trial.now_and(1);
    let bounced = Event { recipient: Some(1), ..event(id, EventKind::Bounced, 1, at) };
    trial.append(vec![bounced, event(id, EventKind::Accepted, 1, at)]).await;
    let tracked = trial.good(trial.store.tracked(&TenantId::DEFAULT, id).await);
    let deliveries = tracked.map(|tracked| tracked.deliveries);
    trial.equal("the deliveries", deliveries, Some(vec![Status::Accepted, Status::Bounced]));
}

/// What is there already is not written over.
pub async fn what_was_recorded_never_changes<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Nothing that was recorded changes.").await;
    let entry = trial.entry();
    let id = trial.enqueue(entry.clone()).await;
    let mut other = entry.clone();
    (other.record.category, other.terms.due) = (Some("other".into()), Some(trial.now_and(99)));
    let answers = trial.good(trial.store.enqueue(vec![other]).await);
    let known = answers.into_iter().map(|answer| trial.good(answer)).map(|known| (known.id, known.fresh));
    trial.equal("the answer to a repeated call", known.collect(), vec![(id, false)]);
    let tracked = trial.good(trial.store.tracked(&TenantId::DEFAULT, id).await);
    trial.equal("the record", tracked.map(|tracked| tracked.record), Some(entry.record));
    trial.equal("when it is due", trial.queued(id).await.due, trial.clock_now());
}

/// A tenant reads its own messages, and no other's.
pub async fn tenants_read_only_their_own<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A call with a tenant sees the messages of that tenant only.").await;
    let (mine, theirs) = (trial.entry(), trial.entry_of("other", Channel::Sms));
    let (mine, theirs) = (trial.enqueue(mine).await, trial.enqueue(theirs).await);
    let other = trial.good("other".parse::<TenantId>());
    for (tenant, id, sees) in
        [(&TenantId::DEFAULT, mine, true), (&TenantId::DEFAULT, theirs, false), (&other, mine, false)]
    {
        let there = trial.good(trial.store.tracked(tenant, id).await).is_some();
        trial.equal(&format!("whether {tenant} finds {id}"), there, sees);
        let events = trial.good(trial.store.timeline(tenant, id).await).len();
        trial.equal(&format!("how many events {tenant} reads of {id}"), events, usize::from(sees));
    }
    let scope = Scope::Tenant(other);
    let listed = trial.good(trial.store.list(&scope, &Filter::new(), Page::first(10)).await);
    let listed: Vec<_> = listed.iter().map(|tracked| tracked.record.id).collect();
    trial.equal("what the other tenant lists", listed, vec![theirs]);
    let stats = trial.good(trial.store.stats(&scope).await);
    trial.equal("what the other tenant counts", stats.depths.iter().map(|depth| depth.count).sum(), 1_u64);
}

/// A tenant changes its own messages, and no other's.
pub async fn tenants_change_only_their_own<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A call with a tenant touches the messages of that tenant only.").await;
    let theirs = trial.enqueue(trial.entry_of("other", Channel::Sms)).await;
    trial.equal("the answer to another's cancel", trial.cancel(theirs).await, Cancelled::NotFound);
    let claim = super::trial::everything().within(Scope::Tenant(TenantId::DEFAULT));
    trial.equal("what another claims", trial.claim_ids(&claim).await, Vec::new());
    trial.clock.advance(seconds(1));
    let leased = trial.claim_one(theirs).await;
    let mut wrong = leased.clone();
    wrong.tenant = TenantId::DEFAULT;
    let answer = trial.try_settle(&wrong, crate::storage::Next::Done, 1, Vec::new()).await;
    trial.refused("a settlement in another's name", answer, crate::ErrorKind::LeaseLost);
    trial.settle(&leased, crate::storage::Next::Done).await;
}
