//! Rules of acts on many messages.

use super::{
    Harness,
    trial::{Trial, ids, later, seconds},
};
use crate::{
    id::{MessageId, TenantId},
    message::Channel,
    storage::{Act, ActRecord, Filter, Messages, Place, QueueState, Scope},
};

/// One message in each state, in the order of [`QueueState::ALL`] without `Leased` and `Paused`.
async fn of_each_state<S: Messages>(trial: &Trial<S>) -> Vec<(QueueState, MessageId)> {
    let suspect = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    let dead = trial.dead(trial.entry()).await;
    let held = trial.held(trial.entry()).await;
    let leased = trial.leased(trial.entry()).await.lease.id;
    let ready = trial.enqueue(trial.entry()).await;
    vec![
        (QueueState::Suspect, suspect),
        (QueueState::Dead, dead),
        (QueueState::Held, held),
        (QueueState::Leased, leased),
        (QueueState::Ready, ready),
    ]
}

/// Which of them an act changed, by their states before.
async fn changed_by<S: Messages>(trial: &Trial<S>, act: Act) -> Vec<QueueState> {
    let all = of_each_state(trial).await;
    let record = trial.act(act, &Filter::new()).await;
    let mut changed = Vec::new();
    for (state, id) in all {
        if trial.place(id).await.map(|place| place.state) != Some(state) {
            changed.push(state);
        }
    }
    trial.equal("the counter of the record", record.changed, changed.len() as u64);
    changed
}

/// Withdraws what waits.
pub async fn cancel_withdraws_what_waits<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`Cancel` withdraws what is ready, suspect, held or paused, and nothing else.")
            .await;
    let changed = changed_by(&trial, Act::Cancel).await;
    trial.equal("what is withdrawn", changed, vec![QueueState::Suspect, QueueState::Held, QueueState::Ready]);
    let id = trial.enqueue(trial.entry()).await;
    trial.act(Act::Cancel, &Filter::new()).await;
    trial.state_is(id, None).await;
    trial.story_is(id, &[("cancelled", 0)]).await;
}

/// Stops what waits.
pub async fn hold_stops_what_waits<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`Hold` stops what is ready or suspect, and nothing else.").await;
    trial.equal(
        "what is held",
        changed_by(&trial, Act::Hold).await,
        vec![QueueState::Suspect, QueueState::Ready],
    );
    trial.clock.advance(seconds(1));
    trial.claim_none("what is claimed").await;
}

/// The note says why.
pub async fn hold_keeps_the_note_as_reason<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "The note of a `Hold` is the reason why its messages wait.").await;
    let id = trial.enqueue(trial.entry()).await;
    let act = trial.store.act(&Scope::All, Act::Hold, &Filter::new(), Some("a fair".into())).await;
    trial.good(act);
    trial.equal("the reason", trial.queued(id).await.reason.as_deref(), Some("a fair"));
}

/// Lets go on what is held, as it was.
pub async fn release_lets_go_on<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`Release` lets go on what is held, due as before, and nothing else.").await;
    trial.equal("what is released", changed_by(&trial, Act::Release).await, vec![QueueState::Held]);
    trial.act(Act::Cancel, &Filter::new()).await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.try_settle(&leased, later(60), 2, Vec::new()).await);
    trial.act(Act::Hold, &Filter::new()).await;
    trial.act(Act::Release, &Filter::new()).await;
    let expected = Place { attempts: 2, ..Place::new(QueueState::Ready, trial.now_and(60)) };
    trial.equal("its place", trial.place(leased.lease.id).await, Some(expected));
}

/// Who held it and let it go stands in its timeline.
pub async fn hold_and_release_are_told<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`Hold` and `Release` leave an event each in every message's timeline, at every act, with its note.",
    )
    .await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.try_settle(&leased, later(0), 2, Vec::new()).await);
    let mut records = Vec::new();
    for (act, note) in [(Act::Hold, "a fair"), (Act::Release, "it is over"), (Act::Hold, "a fair")] {
        trial.clock.advance(seconds(1));
        records.push(trial.good(trial.store.act(&Scope::All, act, &Filter::new(), Some(note.into())).await));
    }
    let id = leased.lease.id;
    trial.story_is(id, &[("held", 2), ("released", 2), ("held", 2)]).await;
    let expected = records.iter().map(|record| record.event(id, 0, 2, record.at)).collect();
    trial.equal("the events", trial.timeline(id).await.split_off(1), expected);
}

/// A suspect that was held is a suspect still.
pub async fn release_keeps_suspects<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A suspect that is held and released is a suspect still.").await;
    let id = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    trial.act(Act::Hold, &Filter::new()).await;
    trial.state_is(id, QueueState::Held).await;
    trial.act(Act::Release, &Filter::new()).await;
    trial.state_is(id, QueueState::Suspect).await;
    trial.equal("what is claimed alone", ids(&trial.claim_alone().await), vec![id]);
}

/// Sends dead letters again, from the beginning.
pub async fn replay_begins_a_new_generation<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`Replay` sends dead letters again at once, as a new generation with a `queued` event, to those who \
         are left, with nothing counted.",
    )
    .await;
    trial.equal("what is replayed", changed_by(&trial, Act::Replay).await, vec![QueueState::Dead]);
    trial.act(Act::Cancel, &Filter::new()).await;
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    let next = crate::storage::Next::Later {
        after: seconds(0),
        counted: false,
        reason: "busy".into(),
        pending: Some(vec![1]),
        pinned: Some("vendor-eu".into()),
    };
    trial.good(trial.try_settle(&leased, next, 3, Vec::new()).await);
    let leased = trial.claim_one(id).await;
    trial.settle(&leased, super::trial::dead()).await;
    trial.clock.advance(seconds(5));
    trial.act(Act::Replay, &Filter::new()).await;
    let expected = Place { generation: 1, ..Place::new(QueueState::Ready, trial.clock_now()) };
    trial.equal("its place", trial.place(id).await, Some(expected));
    let queued = trial.timeline(id).await.pop();
    let found = queued.map(|event| (event.kind.to_string(), event.generation, event.attempt, event.at));
    trial.equal("the last event", found, Some(("queued".into(), 1, 0, trial.clock_now())));
    let again = trial.claim_one(id).await;
    let found = (again.generation, again.attempts, again.excused, again.pending, again.pinned);
    trial.equal("generation, attempts, excused, pending, pinned", found, (1, 0, 0, Some(vec![1]), None));
    trial.equal("since when it has been due", again.since, trial.clock_now());
}

/// Acts keep to their filter.
pub async fn an_act_keeps_to_its_filter<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "An act changes what its filter matches, and nothing else.").await;
    let mut tagged = trial.entry();
    tagged.record.tags = vec!["fair".into()];
    let made =
        trial.enqueue_all(vec![tagged, trial.entry(), trial.entry_of("default", Channel::Email)]).await;
    let filter = Filter::new().tag("fair");
    trial.equal("how many are held", trial.act(Act::Hold, &filter).await.changed, 1);
    trial.state_is(made[0], QueueState::Held).await;
    trial.equal("how many of one id", trial.act(Act::Hold, &Filter::new().id(made[1])).await.changed, 1);
    trial.state_is(made[1], QueueState::Held).await;
    trial.state_is(made[2], QueueState::Ready).await;
}

/// A state that an act does not work on matches nothing.
pub async fn an_act_keeps_to_its_states<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A filter's state is narrowed to the states that the act works on.").await;
    let id = trial.dead(trial.entry()).await;
    for act in [Act::Cancel, Act::Hold, Act::Release] {
        let record = trial.act(act, &Filter::new().state(QueueState::Dead)).await;
        trial.equal(&format!("how many {} changed", act.as_str()), record.changed, 0);
    }
    trial.state_is(id, QueueState::Dead).await;
    let ready = trial.enqueue(trial.entry()).await;
    let suspects = trial.act(Act::Hold, &Filter::new().state(QueueState::Suspect)).await;
    trial.equal("how many suspects were held", suspects.changed, 0);
    trial.state_is(ready, QueueState::Ready).await;
}

/// Acts keep to their scope.
pub async fn an_act_keeps_to_its_scope<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "An act of a tenant changes the messages of that tenant only.").await;
    let made = trial.enqueue_all(vec![trial.entry(), trial.entry_of("b", Channel::Sms)]).await;
    let scope = Scope::Tenant(trial.good("b".parse()));
    let record = trial.good(trial.store.act(&scope, Act::Cancel, &Filter::new(), None).await);
    trial.equal("how many are changed", record.changed, 1);
    trial.claim_one(made[0]).await;
}

/// Every act leaves a record.
pub async fn acts_are_recorded<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Every act leaves a record: what, to which, when, why, and how many.").await;
    trial.enqueue_all(vec![trial.entry(), trial.entry()]).await;
    let filter = Filter::new().channel(Channel::Sms).since(trial.clock_now()).tag("ä'\"");
    let scope = Scope::Tenant(TenantId::DEFAULT);
    let first =
        trial.good(trial.store.act(&Scope::All, Act::Hold, &Filter::new(), Some("fair".into())).await);
    trial.clock.advance(seconds(1));
    let second = trial.good(trial.store.act(&scope, Act::Release, &filter, None).await);
    let expected = ActRecord {
        changed: 2,
        note: Some("fair".into()),
        at: super::trial::START,
        ..ActRecord::new(first.id, Act::Hold, None, Filter::new(), super::trial::START)
    };
    trial.equal("the answer", &first, &expected);
    let expected =
        ActRecord::new(second.id, Act::Release, Some(TenantId::DEFAULT), filter, trial.clock_now());
    trial.equal("the second answer", &second, &expected);
    let all = trial.good(trial.store.acts(&Scope::All, 10).await);
    trial.equal("all records, newest first", &all, &vec![second.clone(), first]);
    let theirs = trial.good(trial.store.acts(&scope, 10).await);
    trial.equal("the tenant's records", &theirs, &vec![second.clone()]);
    let newest = trial.good(trial.store.acts(&Scope::All, 1).await);
    trial.equal("the newest record", newest, vec![second]);
}
