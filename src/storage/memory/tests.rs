use std::sync::Arc;

use super::*;
use crate::{
    event::{EventKind, Status},
    message::{Channel, Payload},
    storage::RecipientText,
    time::Timestamp,
};

fn record(at: i64, tenant: &TenantId) -> Record {
    let id = MessageId::new(Timestamp::from_secs(at));
    let recipients = ["a@x.org", "b@x.org"].map(|text| RecipientText(text.into())).to_vec();
    Record::new(id, tenant.clone(), Channel::Email, Timestamp::from_secs(at), recipients)
}

fn accepted(id: MessageId, recipient: u32) -> Event {
    let mut event = Event::new(id, EventKind::Accepted, Timestamp::from_secs(9));
    (event.recipient, event.provider) = (Some(recipient), Some("p".into()));
    event.vendor_id = Some(Arc::from(format!("v-{id}")));
    event
}

#[tokio::test]
async fn the_oldest_make_room_and_the_weight_returns_to_zero() {
    let store = MemoryStore::with_limits(3, 1 << 20);
    let tenant = TenantId::DEFAULT;
    for at in 0..10 {
        let record = record(at, &tenant);
        let event = accepted(record.id, 0);
        store.record(vec![(record, Vec::new())]).await.expect("memory");
        store.append_events(&tenant, vec![event]).await.expect("memory");
    }
    assert_eq!(store.len(), 3);
    let newest =
        store.list(&Scope::Tenant(tenant.clone()), &Filter::new(), Page::first(10)).await.expect("memory");
    assert_eq!(newest.iter().map(|t| t.record.at.as_secs()).collect::<Vec<_>>(), [9, 8, 7]);
    {
        let mut state = store.state();
        state.limits.messages = 0;
        state.shrink();
    }
    assert_eq!(store.octets(), 0);
}

#[tokio::test]
async fn octets_are_bounded() {
    let store = MemoryStore::with_limits(usize::MAX, 64 << 10);
    for at in 0..1_000 {
        store.record(vec![(record(at, &TenantId::DEFAULT), Vec::new())]).await.expect("memory");
    }
    assert!(store.octets() <= 64 << 10 && store.len() > 10, "{} in {}", store.len(), store.octets());
}

#[tokio::test]
async fn duplicates_and_other_tenants_change_nothing() {
    let store = MemoryStore::default();
    let (mine, other) = (TenantId::DEFAULT, "other".parse::<TenantId>().expect("valid"));
    let record = record(1, &mine);
    let id = record.id;
    store.record(vec![(record, Vec::new())]).await.expect("memory");
    store.append_events(&mine, vec![accepted(id, 1), accepted(id, 1)]).await.expect("memory");
    store.append_events(&other, vec![accepted(id, 0)]).await.expect("memory");
    assert_eq!(store.timeline(&mine, id).await.expect("memory").len(), 1);
    assert!(store.tracked(&other, id).await.expect("memory").is_none());
    let tracked = store.tracked(&mine, id).await.expect("memory").expect("there");
    assert_eq!(tracked.deliveries, [Status::Queued, Status::Accepted]);
}

#[tokio::test]
async fn a_vendor_id_finds_its_delivery() {
    let store = MemoryStore::default();
    let record = record(1, &TenantId::DEFAULT);
    let id = record.id;
    store.record(vec![(record, Vec::new())]).await.expect("memory");
    store.append_events(&TenantId::DEFAULT, vec![accepted(id, 0), accepted(id, 1)]).await.expect("memory");
    let found = store.by_vendor_id("p", &format!("v-{id}"), Some("B@x.org")).await.expect("memory");
    assert_eq!(found, Some((TenantId::DEFAULT, DeliveryId { message: id, recipient: 1 })));
    assert_eq!(store.by_vendor_id("q", &format!("v-{id}"), None).await.expect("memory"), None);
}

fn entry(at: i64) -> Entry {
    let sms = crate::Sms::builder().to("+15005550006").body("Hi").build().expect("valid");
    Entry::new(record(at, &TenantId::DEFAULT), Payload::encode(&sms.into()).expect("JSON"))
}

fn claim() -> Claim {
    Claim::everything("w", 100, Duration::from_secs(30))
}

#[tokio::test]
async fn what_is_in_the_queue_is_never_dropped_and_a_full_queue_says_so() {
    let store = MemoryStore::with_limits(2, 1 << 20).with_queue_limits(5, 1 << 20);
    let answers = store.enqueue((0..5).map(entry).collect()).await.expect("room");
    let ids: Vec<_> = answers.into_iter().map(|answer| answer.expect("new").id).collect();
    let error = store.enqueue(vec![entry(6)]).await.expect_err("full");
    assert_eq!(error.kind(), crate::ErrorKind::Storage);
    assert!(error.to_string().contains("with_queue_limits"), "{error}");
    for at in 10..20 {
        store.record(vec![(record(at, &TenantId::DEFAULT), Vec::new())]).await.expect("memory");
    }
    assert_eq!(store.len(), 7, "five in the queue, and the two newest others");
    let leased = store.claim(&claim()).await.expect("memory").leased;
    assert_eq!(leased.iter().map(|leased| leased.lease.id).collect::<Vec<_>>(), ids);
    let ends = leased.iter().map(|leased| Settlement::new(leased, crate::storage::Next::Done, 1, Vec::new()));
    store.settle(ends.collect()).await.expect("memory");
    assert_eq!(store.len(), 2);
    assert!(store.enqueue(vec![entry(6)]).await.expect("room again")[0].is_ok());
}

#[tokio::test]
async fn a_key_outlives_its_message_for_a_day() {
    let clock = Arc::new(crate::testing::ManualClock::at(Timestamp::from_secs(0)));
    let store = MemoryStore::with_limits(0, 0).with_clock(clock.clone());
    let keyed = |at| {
        let mut entry = entry(at);
        entry.record.key = Some("k".into());
        entry.with_fingerprint(crate::Fingerprint::of(b"x"))
    };
    let first = store.enqueue(vec![keyed(0)]).await.expect("room").remove(0).expect("new");
    let leased = store.claim(&claim()).await.expect("memory").leased;
    let end = Settlement::new(&leased[0], crate::storage::Next::Done, 1, Vec::new());
    store.settle(vec![end]).await.expect("memory").remove(0).expect("held");
    assert!(store.is_empty(), "the message itself is forgotten");
    clock.advance(Duration::from_secs(24 * 3_600 - 1));
    let again = store.enqueue(vec![keyed(5)]).await.expect("room").remove(0).expect("the first");
    assert_eq!(again, Enqueued::new(first.id, false));
    clock.advance(Duration::from_secs(1));
    assert!(store.enqueue(vec![keyed(6)]).await.expect("room").remove(0).expect("new").fresh);
}

#[tokio::test]
async fn the_weight_of_the_queue_returns_to_zero() {
    let store = MemoryStore::with_limits(0, 0);
    store.enqueue((0..9).map(entry).collect()).await.expect("room");
    assert!(store.octets() > 9 * 100);
    for _ in 0..3 {
        let leased = store.claim(&claim()).await.expect("memory").leased;
        let later = |leased| {
            let next = crate::storage::Next::Returned;
            Settlement::new(leased, next, 1, vec![accepted(leased.lease.id, 0)])
        };
        store.settle(leased.iter().map(later).collect()).await.expect("memory");
    }
    store.act(&Scope::All, Act::Cancel, &Filter::new(), None).await.expect("memory");
    assert_eq!((store.octets(), store.len()), (0, 0));
}

#[tokio::test]
async fn news_between_a_claim_and_the_wait_is_not_missed() {
    let store = MemoryStore::default();
    let patience = Duration::from_secs(20);
    assert!(store.claim(&claim()).await.expect("memory").leased.is_empty());
    store.wake().await.expect("memory");
    tokio::time::timeout(patience, store.woken()).await.expect("woken by what came before the call");
    store.claim(&claim()).await.expect("memory");
    let woken = store.woken();
    store.enqueue(vec![entry(1)]).await.expect("room");
    tokio::time::timeout(patience, woken).await.expect("woken by what came before it was polled");
    store.claim(&claim()).await.expect("memory");
    let mut quiet = std::pin::pin!(store.woken());
    let polled = std::future::poll_fn(|cx| std::task::Poll::Ready(quiet.as_mut().poll(cx).is_ready())).await;
    assert!(!polled, "nothing is new");
}
