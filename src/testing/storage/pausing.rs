//! Rules of what is paused.

use super::{
    Harness,
    trial::{Trial, everything, ids, later, seconds},
};
use crate::{
    id::MessageId,
    message::Channel,
    storage::{Messages, Next, Pause, QueueState},
};

/// Pauses, looks, resumes, looks: `kept` waits, the other two do not.
async fn keeps<S: Messages>(trial: &Trial<S>, pause: &Pause, kept: &[MessageId], free: &[MessageId]) {
    trial.good(trial.store.pause(pause).await);
    trial.equal("what is claimed while it is paused", ids(&trial.claim().await), free.to_vec());
    trial.equal("what is claimed a second time", ids(&trial.claim().await), Vec::new());
    trial.good(trial.store.resume(pause).await);
    trial.equal("what is claimed when it is resumed", ids(&trial.claim().await), kept.to_vec());
}

async fn of_all_kinds<S: Messages>(trial: &Trial<S>) -> Vec<MessageId> {
    let kinds = [("a", Channel::Sms), ("b", Channel::Sms), ("a", Channel::WhatsApp)];
    trial.enqueue_all(kinds.map(|(tenant, channel)| trial.entry_of(tenant, channel)).into()).await
}

/// A pause of everything stops everything.
pub async fn a_pause_of_everything_stops_all_claims<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "While everything is paused nothing is claimed; resumed, all of it is.").await;
    let made = of_all_kinds(&trial).await;
    trial.good(trial.store.pause(&Pause::All).await);
    let claimed = trial.claimed(&everything()).await;
    trial.equal("what is claimed", ids(&claimed.leased), Vec::new());
    keeps(&trial, &Pause::All, &made, &[]).await;
}

/// A pause of a channel stops that channel.
pub async fn a_pause_of_a_channel_stops_that_channel<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "While a channel is paused its messages are not claimed, and all others are.")
            .await;
    let made = of_all_kinds(&trial).await;
    keeps(&trial, &Pause::Channel(Channel::Sms), &made[..2], &made[2..]).await;
}

/// A pause of a tenant stops that tenant.
pub async fn a_pause_of_a_tenant_stops_that_tenant<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "While a tenant is paused its messages are not claimed, and all others are.")
            .await;
    let made = of_all_kinds(&trial).await;
    let pause = Pause::Tenant(trial.good("b".parse()));
    keeps(&trial, &pause, &made[1..2], &[made[0], made[2]]).await;
}

/// Suspects of what is paused wait as well.
pub async fn suspects_of_what_is_paused_wait<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "No suspect is claimed, or told of, that is paused; resumed, it is one still.")
            .await;
    let id = trial.lost(trial.entry(), 2).await;
    trial.claim_none("what is claimed with others").await;
    for pause in [Pause::All, Pause::Channel(Channel::Sms), Pause::Tenant(crate::TenantId::DEFAULT)] {
        trial.good(trial.store.pause(&pause).await);
        let claimed = trial.claimed(&everything().alone()).await;
        trial.equal(&format!("what is claimed while {pause} is paused"), ids(&claimed.leased), Vec::new());
        trial.holds(!claimed.suspects, || format!("a suspect is told of while {pause} is paused"));
        trial.good(trial.store.resume(&pause).await);
        trial.state_is(id, QueueState::Suspect).await;
    }
    trial.equal("what is claimed alone", ids(&trial.claim_alone().await), vec![id]);
}

/// What waits for a provider waits until that is resumed.
pub async fn what_waits_for_a_provider_goes_on_when_it_is_resumed<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A message settled as `Paused` waits until what it waits for is resumed.").await;
    let (this, other) = (Pause::Provider("this".into()), Pause::Provider("other".into()));
    for pause in [&this, &other] {
        trial.good(trial.store.pause(pause).await);
    }
    let leased = trial.leased(trial.entry()).await;
    let id = leased.lease.id;
    trial.settle(&leased, Next::Paused { by: this.clone() }).await;
    trial.state_is(id, QueueState::Paused).await;
    trial.clock.advance(seconds(3_600));
    trial.claim_none("what is claimed while it is paused").await;
    trial.good(trial.store.resume(&other).await);
    trial.claim_none("what is claimed when another is resumed").await;
    trial.good(trial.store.resume(&this).await);
    trial.state_is(id, QueueState::Ready).await;
    let again = trial.claim_one(id).await;
    trial.equal("when it was due", again.terms.due, leased.terms.due);
}

/// What was resumed before the settlement is not waited for.
pub async fn what_is_resumed_already_is_not_waited_for<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A message settled as `Paused` by what is not paused (any more) is ready.").await;
    let pause = Pause::Provider("this".into());
    trial.good(trial.store.pause(&pause).await);
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.store.resume(&pause).await);
    trial.settle(&leased, Next::Paused { by: pause }).await;
    trial.claim_one(leased.lease.id).await;
}

/// A paused provider stops no claim: others may send.
pub async fn a_paused_provider_stops_no_claims<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "A pause of a provider stops no claims: another may send the message.").await;
    let id = trial.enqueue(trial.entry()).await;
    trial.good(trial.store.pause(&Pause::Provider("vendor".into())).await);
    trial.claim_one(id).await;
}

/// Pauses are listed, once each.
pub async fn pauses_are_listed_once<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "To pause twice is to pause once; `pauses` lists what is paused.").await;
    let tenant = trial.good("b".parse());
    let mut all =
        [Pause::All, Pause::Channel(Channel::Email), Pause::Provider("p 'q\"".into()), Pause::Tenant(tenant)];
    for pause in all.iter().chain(&all.clone()) {
        trial.good(trial.store.pause(pause).await);
    }
    let mut found = trial.good(trial.store.pauses().await);
    found.sort();
    all.sort();
    trial.equal("what is paused", found, all.to_vec());
    for pause in &all {
        trial.good(trial.store.resume(pause).await);
        trial.good(trial.store.resume(pause).await);
    }
    trial.equal("what is paused after all was resumed", trial.good(trial.store.pauses().await), Vec::new());
}

/// A pause takes nothing from who has it.
pub async fn a_pause_leaves_leases_alone<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "A pause stops claims; leases go on, and what they end is settled.").await;
    let leased = trial.leased(trial.entry()).await;
    trial.good(trial.store.pause(&Pause::All).await);
    trial.good(trial.start(&leased).await);
    trial.settle(&leased, later(0)).await;
    trial.claim_none("what is claimed").await;
    trial.good(trial.store.resume(&Pause::All).await);
    trial.claim_one(leased.lease.id).await;
}
