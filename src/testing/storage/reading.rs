//! Rules of those who look.

use super::{
    Harness,
    trial::{LEASE, Trial, event, seconds},
};
use crate::{
    event::EventKind,
    id::{DeliveryId, MessageId, TenantId},
    message::Channel,
    storage::{Act, Filter, Messages, Page, QueueState, Record, Scope},
};

async fn list<S: Messages>(trial: &Trial<S>, scope: &Scope, filter: &Filter, page: Page) -> Vec<MessageId> {
    let listed = trial.good(trial.store.list(scope, filter, page).await);
    listed.into_iter().map(|tracked| tracked.record.id).collect()
}

/// Lists are newest first, page by page.
pub async fn lists_are_newest_first_page_by_page<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`list` gives the newest first, and goes on after the last of the page before.")
            .await;
    let mut made = vec![trial.done(trial.entry()).await];
    made.extend(trial.enqueue_all((0..7).map(|_| trial.entry()).collect()).await);
    let record = trial.record("default", Channel::Sms);
    made.push(record.id);
    trial.good(trial.store.record(vec![(record, Vec::new())]).await);
    made.reverse();
    let (mut found, mut page) = (Vec::new(), Page::first(4));
    loop {
        let part = list(&trial, &Scope::All, &Filter::new(), page).await;
        trial.holds(part.len() <= 4, || format!("{} messages on a page of 4", part.len()));
        let Some(last) = part.last() else { break };
        page = Page::after(*last, 4);
        found.extend(part);
    }
    trial.equal("all pages", found, made);
    trial.equal(
        "a page of none",
        list(&trial, &Scope::All, &Filter::new(), Page::first(0)).await,
        Vec::new(),
    );
}

/// Each part of a filter narrows.
pub async fn filters_narrow_lists<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Each part of a filter lets through what it names, and nothing else.").await;
    let before = trial.clock_now();
    let plain = trial.enqueue(trial.entry()).await;
    trial.clock.advance(seconds(10));
    let mut special = trial.entry_of("default", Channel::Email);
    let record: &mut Record = &mut special.record;
    record.category = Some("receipt".into());
    record.external_ref = Some("order-17".into());
    record.tags = vec!["x".into(), "fair".into()];
    record.recipients[1] = crate::storage::RecipientText("ada@example.org".into());
    let special = trial.enqueue(special).await;
    trial.act(Act::Hold, &Filter::new().id(special)).await;
    let all = Filter::new;
    let cases = [
        ("category", all().category("receipt"), special),
        ("channel email", all().channel(Channel::Email), special),
        ("channel sms", all().channel(Channel::Sms), plain),
        ("external_ref", all().external_ref("order-17"), special),
        ("id", all().id(plain), plain),
        ("recipient", all().recipient("ada@example.org"), special),
        ("since", all().since(trial.clock_now()), special),
        ("until", all().until(trial.clock_now()), plain),
        ("state held", all().state(QueueState::Held), special),
        ("state ready", all().state(QueueState::Ready), plain),
        ("tag", all().tag("fair"), special),
        ("several", all().tag("fair").channel(Channel::Email).category("receipt"), special),
        ("since and until", all().since(before).until(trial.clock_now()), plain),
    ];
    for (name, filter, id) in cases {
        trial.equal(name, list(&trial, &Scope::All, &filter, Page::first(9)).await, vec![id]);
    }
    let none = [
        all().category("other"),
        all().external_ref("order-1"),
        all().recipient("ada@example.com"),
        all().state(QueueState::Dead),
        all().tag("fai"),
        all().until(before),
        all().tag("fair").channel(Channel::Sms),
    ];
    for filter in none {
        let found = list(&trial, &Scope::All, &filter, Page::first(9)).await;
        trial.equal(&format!("{filter:?}"), found, Vec::new());
    }
}

/// What is not in the queue has no state.
pub async fn a_list_tells_the_place<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`list` tells the same of a message as `tracked`.").await;
    let ids = [trial.done(trial.entry()).await, trial.dead(trial.entry()).await];
    let listed = trial.good(trial.store.list(&Scope::All, &Filter::new(), Page::first(9)).await);
    trial.equal("how many are listed", listed.len(), ids.len());
    for found in listed {
        let tracked = trial.good(trial.store.tracked(&TenantId::DEFAULT, found.record.id).await);
        trial.equal("the message", Some(found), tracked);
    }
}

/// The queue is counted by channel and state.
pub async fn stats_count_by_channel_and_state<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`stats` counts the queue by channel and state, and leaves none out.").await;
    trial.done(trial.entry()).await;
    trial.dead(trial.entry()).await;
    trial.held(trial.entry()).await;
    trial.leased(trial.entry()).await;
    trial.enqueue_all(vec![trial.entry(), trial.entry(), trial.entry_of("b", Channel::Email)]).await;
    let stats = trial.good(trial.store.stats(&Scope::All).await);
    let mut depths: Vec<_> = stats.depths.iter().filter(|depth| depth.count > 0).collect();
    depths.sort_by_key(|depth| (depth.channel, depth.state));
    let found = depths.into_iter().map(|depth| (depth.channel, depth.state, depth.count)).collect();
    let expected = vec![
        (Channel::Email, QueueState::Ready, 1),
        (Channel::Sms, QueueState::Dead, 1),
        (Channel::Sms, QueueState::Held, 1),
        (Channel::Sms, QueueState::Leased, 1),
        (Channel::Sms, QueueState::Ready, 2),
    ];
    trial.equal("the depths", found, expected);
    trial.equal("the store's clock", stats.now, trial.clock_now());
    let scope = Scope::Tenant(trial.good("b".parse()));
    trial.equal(
        "the ready ones of one tenant",
        trial.good(trial.store.stats(&scope).await).depth(QueueState::Ready),
        1,
    );
}

/// What waits for too long is seen.
pub async fn stats_tell_what_waits_for_longest<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`stats` tells when the message was due that nobody has taken for longest, and when the lease ended that \
         nobody has recovered for longest.",
    )
    .await;
    let stats = trial.good(trial.store.stats(&Scope::All).await);
    trial.equal("of an empty queue", (stats.oldest_waiting, stats.oldest_expired_lease), (None, None));
    trial.held(trial.entry()).await;
    trial.leased(trial.entry()).await;
    trial
        .enqueue_all([9, 5, 1_000].map(|at| trial.on(|terms| terms.due = Some(trial.now_and(at)))).into())
        .await;
    let (due, over) = (trial.now_and(5), trial.clock_now() + LEASE);
    let stats = trial.good(trial.store.stats(&Scope::All).await);
    trial.equal("before anything is due", (stats.oldest_waiting, stats.oldest_expired_lease), (None, None));
    trial.clock.advance(LEASE + seconds(1));
    let stats = trial.good(trial.store.stats(&Scope::All).await);
    trial.equal("then", (stats.oldest_waiting, stats.oldest_expired_lease), (Some(due), Some(over)));
}

/// A vendor's id finds its delivery.
pub async fn a_vendor_id_finds_its_delivery<H: Harness>(harness: &H) {
    let trial = Trial::of(
        harness,
        "`by_vendor_id` finds the delivery that the provider accepted, that to the recipient if one is given, \
         and its tenant.",
    )
    .await;
    let entry = trial.entry_of("b", Channel::Sms);
    let tenant = entry.record.tenant.clone();
    let id = trial.enqueue(entry).await;
    let accepted = |recipient| {
        let mut event = event(id, EventKind::Accepted, 1, trial.clock_now());
        (event.recipient, event.vendor_id) = (Some(recipient), Some("v-1".into()));
        event
    };
    trial.good(trial.store.append_events(&tenant, vec![accepted(0), accepted(1)]).await);
    let find = async |provider: &str, vendor_id: &str, recipient| {
        trial.good(trial.store.by_vendor_id(provider, vendor_id, recipient).await)
    };
    let delivery = |recipient| Some((tenant.clone(), DeliveryId { message: id, recipient }));
    trial.equal("the first recipient", find("vendor", "v-1", Some("+15005550006")).await, delivery(0));
    trial.equal("the second recipient", find("vendor", "v-1", Some("+15005550007")).await, delivery(1));
    trial.equal("no recipient", find("vendor", "v-1", None).await, delivery(0));
    trial.equal("another recipient", find("vendor", "v-1", Some("+15005550008")).await, None);
    trial.equal("another provider", find("other", "v-1", None).await, None);
    trial.equal("another id", find("vendor", "v-2", None).await, None);
}

/// A message tells whose it is.
pub async fn a_message_tells_its_tenant<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`tenant_of` answers whose message it is, enqueued or sent at once.").await;
    let entry = trial.entry_of("b", Channel::Sms);
    let (tenant, record) = (entry.record.tenant.clone(), trial.record("b", Channel::Sms));
    let (enqueued, inline) = (trial.enqueue(entry).await, record.id);
    trial.good(trial.store.record(vec![(record, Vec::new())]).await);
    let nobody = trial.record("b", Channel::Sms).id;
    for (id, expected) in [(enqueued, Some(&tenant)), (inline, Some(&tenant)), (nobody, None)] {
        trial.equal("the tenant", trial.good(trial.store.tenant_of(id).await).as_ref(), expected);
    }
}
