//! The way into the queue and the look at it, over the store in memory.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tidings::{
    Attachment, Channel, Draft, Email, ErrorKind, EventKind, Messenger, OnUnknown, Sms, Status, Timestamp,
    message::Priority,
    middleware::{Rate, RateKey, RateLimit},
    storage::{Act, Cancelled, Claim, Filter, MemoryStore, Messages, Page, QueueState, Store},
    testing::{ManualClock, Recorder, to},
};

const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);
const LEASE: Duration = Duration::from_secs(60);

struct Bench {
    messenger: Messenger,
    store: Arc<MemoryStore>,
    recorder: Recorder,
}

fn bench() -> Bench {
    let clock = ManualClock::at(NOW);
    let store = Arc::new(MemoryStore::default().with_clock(Arc::new(clock.clone())));
    let recorder = Recorder::new();
    let builder = Messenger::builder().all_others(recorder.clone()).clock(clock).store(store.clone());
    Bench { messenger: builder.build().expect("complete"), store, recorder }
}

fn sms(body: &str) -> Sms {
    Sms::builder().from("Inn").to("+15005550006").body(body).build().expect("valid")
}

/// Refused at admission: it says nothing.
fn hopeless() -> Sms {
    let mut sms = sms("x");
    sms.body = Default::default();
    sms
}

fn everything() -> Claim {
    Claim::everything("test", 100, LEASE)
}

#[tokio::test]
async fn what_is_enqueued_waits_with_its_terms_and_is_not_sent() {
    let Bench { messenger, store, recorder } = bench();
    let request = messenger.enqueue(sms("Hello")).priority(Priority::High).on_unknown(OnUnknown::Hold);
    let queued = request.expires(NOW + LEASE).ordering_key("guest-4").category("door").await.expect("taken");
    assert!(queued.fresh);
    let tracked = messenger.tracked(queued.id).await.expect("memory").expect("there");
    assert_eq!(tracked.deliveries, [Status::Queued]);
    assert_eq!(tracked.place.expect("in the queue").state, QueueState::Ready);
    let timeline = messenger.timeline(queued.id).await.expect("memory");
    assert_eq!(timeline.iter().map(|event| event.kind.clone()).collect::<Vec<_>>(), [EventKind::Queued]);

    let claimed = store.claim(&everything()).await.expect("memory");
    let terms = &claimed.leased[0].terms;
    assert_eq!((terms.priority, terms.on_unknown), (Priority::High, OnUnknown::Hold));
    assert_eq!((terms.expires, terms.ordering_key.as_deref()), (Some(NOW + LEASE), Some("guest-4")));
    recorder.assert_none_sent(to("+15005550006"));
}

#[tokio::test]
async fn retry_is_the_default_of_the_queue() {
    let Bench { messenger, store, .. } = bench();
    messenger.enqueue(sms("Hello")).await.expect("taken");
    let claimed = store.claim(&everything()).await.expect("memory");
    assert_eq!(claimed.leased[0].terms.on_unknown, OnUnknown::Retry);
}

#[tokio::test]
async fn a_later_time_is_kept_and_one_after_its_end_is_refused() {
    let Bench { messenger, store, .. } = bench();
    let later = NOW + Duration::from_secs(3_600);
    messenger.enqueue(sms("Hello")).at(later).await.expect("taken");
    let claimed = store.claim(&everything()).await.expect("memory");
    assert_eq!((claimed.leased.len(), claimed.next_due), (0, Some(later)));
    let error = messenger.enqueue(sms("Hello")).at(later).expires(NOW + LEASE).await.expect_err("never due");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some("at")));
}

#[tokio::test]
async fn the_same_key_is_the_same_message_and_other_content_an_error() {
    let Bench { messenger, .. } = bench();
    let first = messenger.enqueue(sms("Hello")).key("k").await.expect("taken");
    let again = messenger.enqueue(sms("Hello")).key("k").priority(Priority::Low).await.expect("known");
    assert_eq!((again.id, again.fresh), (first.id, false));
    let error = messenger.enqueue(sms("Other")).key("k").await.expect_err("other content");
    assert_eq!((error.kind(), error.message_id()), (ErrorKind::Conflict, Some(first.id)));
    let tenant = messenger.tenant("acme").expect("valid");
    assert!(tenant.enqueue(sms("Other")).key("k").await.expect("another scope").fresh);
}

#[tokio::test]
async fn of_many_one_refused_keeps_no_other_back() {
    let Bench { messenger, .. } = bench();
    let drafts = [Draft::new(sms("1")).key("1"), Draft::new(hopeless()), Draft::new(sms("1")).key("1")];
    let answers = messenger.enqueue_many(drafts).await;
    let fresh: Vec<Option<bool>> = answers.iter().map(|a| a.as_ref().ok().map(|q| q.fresh)).collect();
    assert_eq!(fresh, [Some(true), None, Some(false)]);
    assert_eq!(answers[0].as_ref().expect("taken").id, answers[2].as_ref().expect("known").id);
}

/// A stream that is pending before every item.
struct Slow<I> {
    items: I,
    ready: bool,
}

impl<I: Iterator + Unpin> futures_core::Stream for Slow<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<I::Item>> {
        self.ready = !self.ready;
        if self.ready {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(self.items.next())
    }
}

#[tokio::test]
async fn a_stream_is_enqueued_batch_by_batch_and_reported() {
    let Bench { messenger, .. } = bench();
    let item = |n: u32| match n % 10 {
        9 => Draft::new(hopeless()),
        8 => Draft::new(sms("same")).key("same"),
        _ => Draft::new(sms("fine")),
    };
    let stream = Slow { items: (0..200).map(item), ready: false };
    let report = messenger.enqueue_stream(stream).batch(64).await.expect("memory");
    assert_eq!((report.enqueued, report.known, report.refused), (161, 19, 20));
    let places: Vec<u64> = report.refusals.iter().map(|(place, _)| *place).take(2).collect();
    assert_eq!(places, [9, 19]);
    assert_eq!(messenger.queue_stats().await.expect("memory").depth(QueueState::Ready), 161);
}

#[tokio::test]
async fn what_no_vendor_can_send_fails_at_once() {
    let messenger = Messenger::builder().build().expect("no channels is no fault");
    let error = messenger.enqueue(sms("Hello")).await.expect_err("no provider");
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
}

#[tokio::test]
async fn who_is_suppressed_is_left_out_with_an_event_of_its_own() {
    let Bench { messenger, recorder, .. } = bench();
    messenger.suppress(Some(Channel::Email), "b@x.org", "bounced").await.expect("memory");
    let email = Email::builder().from("shop@x.org").to("a@x.org").to("B@x.org").cc("c@x.org").text("Hello");
    let sent = messenger.send(email.build().expect("valid")).await.expect("two are left");
    assert_eq!(
        messenger.statuses(sent.id).await.expect("memory"),
        [Status::Accepted, Status::Suppressed, Status::Accepted]
    );
    assert_eq!(sent.outcomes[1].error().expect("refused").kind(), ErrorKind::Suppressed);
    recorder.assert_sent(to("a@x.org"));
    recorder.assert_none_sent(to("B@x.org"));

    let only = Email::builder().from("shop@x.org").to("b@x.org").text("Hello").build().expect("valid");
    for error in [
        messenger.send(only.clone()).await.expect_err("nobody is left"),
        messenger.enqueue(only.clone()).await.map(drop).expect_err("nobody is left"),
    ] {
        assert_eq!(error.kind(), ErrorKind::Suppressed);
    }
    let mut other = only.clone();
    other.to = vec!["a@x.org".try_into().expect("valid")];
    let answers = messenger.send_batch([only.clone(), other]).await;
    assert!(answers[0].is_err() && answers[1].is_ok(), "{answers:?}");
    assert!(messenger.unsuppress(Some(Channel::Email), "B@X.org").await.expect("memory"));
    messenger.send(only).await.expect("written to again");
}

#[tokio::test]
async fn what_waits_is_withdrawn_held_and_released() {
    let Bench { messenger, store, .. } = bench();
    let id = messenger.enqueue(sms("1")).await.expect("taken").id;
    let other = messenger.enqueue(sms("2")).external_ref("order-2").await.expect("taken").id;
    assert!(messenger.hold(id).await.expect("memory"));
    assert!(!messenger.hold(id).await.expect("memory"), "it does not wait any more");
    let claimed = store.claim(&everything()).await.expect("memory");
    assert_eq!(claimed.leased.iter().map(|leased| leased.lease.id).collect::<Vec<_>>(), [other]);
    assert_eq!(messenger.cancel(other).await.expect("memory"), Cancelled::InFlight);
    assert!(messenger.release(id).await.expect("memory"));
    assert_eq!(messenger.cancel(id).await.expect("memory"), Cancelled::Cancelled);
    assert_eq!(messenger.cancel(id).await.expect("memory"), Cancelled::Final);
    assert_eq!(messenger.statuses(id).await.expect("memory"), [Status::Cancelled]);
    let found = messenger.list(&Filter::new().external_ref("order-2"), Page::first(9)).await.expect("memory");
    assert_eq!(found.iter().map(|tracked| tracked.record.id).collect::<Vec<_>>(), [other]);
}

#[tokio::test]
async fn an_act_on_many_leaves_a_record() {
    let Bench { messenger, .. } = bench();
    messenger.enqueue_many((0..7).map(|n| sms(&n.to_string()))).await;
    let record = messenger.act(Act::Cancel, &Filter::new(), "wrong list").await.expect("memory");
    assert_eq!((record.changed, record.note.as_deref()), (7, Some("wrong list")));
    assert_eq!(messenger.acts(5).await.expect("memory"), [record]);
}

#[tokio::test]
async fn large_files_are_kept_once_and_apart() {
    let Bench { messenger, store, .. } = bench();
    let file = || Attachment::new("a.bin", "application/octet-stream", vec![7; 5_000]).expect("valid");
    let email = |to: &str| {
        let email = Email::builder().from("shop@x.org").to(to).text("Hello").attach(file());
        email.build().expect("valid")
    };
    messenger.enqueue_many([email("a@x.org"), email("b@x.org")]).await;
    let claimed = store.claim(&everything()).await.expect("memory");
    let payload = &claimed.leased[0].payload;
    assert_eq!(payload.blobs, claimed.leased[1].payload.blobs);
    assert!(payload.bytes.len() < 1_000, "the file is not in it");
    let store: Arc<dyn Store> = store;
    let content = store.blob(payload.blobs[0]).await.expect("memory").expect("kept");
    assert_eq!(payload.decode_with(vec![content]).expect("whole"), email("a@x.org").into());
}

#[tokio::test]
async fn limits_can_be_counted_together_through_the_store() {
    let store = Arc::new(MemoryStore::default());
    let messenger = |shares: bool| {
        let limit = RateLimit::new(Rate::per_hour(3)).by(RateKey::Sender);
        let builder = Messenger::builder().all_others(Recorder::new()).store(store.clone()).rate_limit(limit);
        let builder = builder.total_timeout(Duration::from_secs(5));
        if shares { builder.share_rate_limits() } else { builder }.build().expect("complete")
    };
    let all = [messenger(true), messenger(true), messenger(true)];
    let mut sent = 0;
    for messenger in all.iter().cycle().take(9) {
        sent += usize::from(messenger.send(sms("Hello")).await.is_ok());
    }
    assert_eq!(sent, 3, "by all three together");
    assert!(messenger(false).send(sms("Hello")).await.is_ok(), "one that does not share counts for itself");
}

#[test]
fn requests_can_be_spawned() {
    fn spawnable<T: IntoFuture<IntoFuture: Send + 'static>>(_: &T) {}
    let Bench { messenger, .. } = bench();
    spawnable(&messenger.enqueue(sms("1")));
    spawnable(&messenger.enqueue_many([sms("1")]));
    spawnable(&messenger.enqueue_stream(Slow { items: [sms("1")].into_iter(), ready: false }));
}
