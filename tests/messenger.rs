//! The facade as an application sees it, over scripted vendors and a clock that is moved by hand.
#![cfg(feature = "testing")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tidings::{
    Capabilities, Certainty, Channel, Chat, Clock, Defaults, Email, Error, ErrorKind, Event, EventKind,
    Features, Message, Messenger, OnUnknown, Provider, ProviderSource, Push, Result, Retry, Sms, Status,
    TenantId, Timestamp, WhatsApp,
    message::VendorOption,
    middleware::{BreakerPolicy, Rate, RateKey, RateLimit, RetryPolicy},
    route::{ByKey, Spread},
    storage::{Filter, MemoryStore, Messages, Page, Record, Tracked},
    testing::{ManualClock, Recorder, Script, Scripted, Step, any, to},
};

const NOW: Timestamp = Timestamp::from_secs(1_795_208_820);

fn clock() -> ManualClock {
    ManualClock::at(NOW)
}

fn sms(number: usize) -> Sms {
    Sms::builder()
        .from("+15005550001")
        .to(format!("+1500555{number:04}"))
        .body("Hello")
        .build()
        .expect("valid")
}

fn email(recipients: &[&str]) -> Email {
    let builder = Email::builder().from("shop@example.org").subject("Hello").text("Hello");
    recipients.iter().fold(builder, |builder, to| builder.to(*to)).build().expect("valid")
}

fn kinds(events: &[Event]) -> Vec<(u32, EventKind)> {
    events.iter().map(|event| (event.attempt, event.kind.clone())).collect()
}

async fn newest(messenger: &Messenger) -> Tracked {
    messenger.list(&Filter::new(), Page::first(1)).await.expect("memory").pop().expect("a record")
}

#[tokio::test]
async fn all_five_channels_are_sent_and_recorded() {
    let recorder = Recorder::new();
    let messenger = Messenger::builder().all_others(recorder.clone()).build().expect("valid");
    let chat = Chat::builder().to(7).text("Hello").build().expect("valid");
    let push = Push::builder().token("token").title("Hello").build().expect("valid");
    let whatsapp = WhatsApp::builder().to("+15005550009").text("Hello").build().expect("valid");
    let ids = [
        messenger.send(chat).await.expect("sent").id,
        messenger.send(email(&["a@x.org", "b@x.org"])).await.expect("sent").id,
        messenger.send(push).await.expect("sent").id,
        messenger.send(sms(1)).await.expect("sent").id,
        messenger.send(whatsapp).await.expect("sent").id,
    ];
    for (id, channel) in ids.into_iter().zip(Channel::ALL) {
        let tracked = messenger.tracked(id).await.expect("memory").expect("recorded");
        assert_eq!(tracked.record.channel, channel);
        assert!(tracked.deliveries.iter().all(|status| *status == Status::Accepted), "{channel}");
        recorder.assert_count(1, any().channel(channel));
    }
    recorder.assert_sent(to("b@x.org").channel(Channel::Email));
}

#[tokio::test]
async fn two_vendors_that_fail_a_fifth_of_all_calls_lose_and_double_nothing() {
    let clock = clock().auto_advance();
    let shaky = |seed| Script::new().each(0.2, seed, Step::ResetBeforeSend);
    let vendors = [Scripted::new(shaky(1)).named("a"), Scripted::new(shaky(2)).named("b")];
    let [a, b] = vendors.clone();
    let messenger = Messenger::builder()
        .sms(Spread::failover().to(a).to(b))
        .without_default_rate_limits()
        .clock(clock)
        .build()
        .expect("valid");
    let mut accepted = 0;
    for number in 0..2_000 {
        accepted += usize::from(messenger.send(sms(number)).await.is_ok());
    }
    let failed: usize =
        vendors.iter().map(|v| v.calls().iter().filter(|call| !call.was_accepted()).count()).sum();
    let calls: usize = vendors.iter().map(|vendor| vendor.calls().len()).sum();
    assert!((0.15..0.25).contains(&(failed as f64 / calls as f64)), "the fault struck: {failed} of {calls}");
    assert!(accepted >= 1_980, "{accepted} of 2000 accepted");
    Scripted::assert_none_accepted_twice(&vendors);
}

#[tokio::test]
async fn nothing_is_sent_twice_when_answers_are_lost() {
    let clock = clock().auto_advance();
    let lossy = |seed| Script::new().each(0.2, seed, Step::ResetAfterSend);
    let vendors = [Scripted::new(lossy(3)).named("a"), Scripted::new(lossy(4)).named("b")];
    let [a, b] = vendors.clone();
    let messenger = Messenger::builder()
        .sms(Spread::failover().to(a).to(b))
        .without_default_rate_limits()
        .clock(clock)
        .build()
        .expect("valid");
    let mut unknown = 0;
    for number in 0..500 {
        if let Err(error) = messenger.send(sms(number)).await {
            assert_eq!(error.certainty(), Certainty::Unknown, "{error}");
            unknown += 1;
        }
    }
    assert!(unknown > 50, "the fault struck: {unknown}");
    assert!(vendors[1].calls().is_empty(), "an unknown outcome never goes to another provider");
    Scripted::assert_none_accepted_twice(&vendors);
}

#[tokio::test]
async fn an_idempotent_vendor_is_asked_again_after_an_unknown_outcome() {
    let vendor =
        Scripted::new(Script::new().then(Step::ResetAfterSend).ok()).idempotent(Duration::from_secs(3_600));
    let messenger =
        Messenger::builder().sms(vendor.clone()).clock(clock().auto_advance()).build().expect("valid");
    let sent = messenger.send(sms(1)).key("order-7").await.expect("accepted in the end");
    assert_eq!(vendor.calls().len(), 2);
    assert!(vendor.calls().iter().all(|call| &*call.key == "order-7"), "every attempt carries the same key");
    Scripted::assert_none_accepted_twice([&vendor]);
    let timeline = messenger.timeline(sent.id).await.expect("memory");
    assert_eq!(
        kinds(&timeline),
        [(0, EventKind::Started), (1, EventKind::Unknown), (2, EventKind::Accepted)]
    );
}

#[tokio::test]
async fn on_unknown_retry_asks_the_same_vendor_again() {
    let vendor = Scripted::new(Script::new().then(Step::ResetAfterSend).ok());
    let messenger =
        Messenger::builder().sms(vendor.clone()).clock(clock().auto_advance()).build().expect("valid");
    messenger.send(sms(1)).on_unknown(OnUnknown::Retry).await.expect("accepted in the end");
    assert_eq!(vendor.calls().len(), 2);
}

#[tokio::test]
async fn retry_after_is_obeyed_to_the_letter() {
    let clock = clock().auto_advance();
    let script =
        Script::new().rate_limited(Duration::from_secs(7)).rate_limited(Duration::from_secs(11)).ok();
    let vendor = Scripted::new(script);
    let messenger = Messenger::builder().sms(vendor.clone()).clock(clock.clone()).build().expect("valid");
    let sent = messenger.send(sms(1)).await.expect("accepted in the end");
    let calls = vendor.calls();
    assert_eq!(calls[1].at.since(calls[0].at), Duration::from_secs(7));
    assert_eq!(calls[2].at.since(calls[1].at), Duration::from_secs(11));
    assert_eq!(calls.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 3]);
    let timeline = messenger.timeline(sent.id).await.expect("memory");
    let text = timeline[1].text.as_deref().unwrap_or_default();
    assert!(
        text.contains("too many requests") && timeline[1].provider.as_deref() == Some("scripted"),
        "{text}"
    );
}

#[tokio::test]
async fn three_retries_and_no_more() {
    let vendor = Scripted::new(Script::new().each(1.0, 1, Step::ResetBeforeSend));
    let messenger =
        Messenger::builder().sms(vendor.clone()).clock(clock().auto_advance()).build().expect("valid");
    let error = messenger.send(sms(1)).await.expect_err("refused");
    assert_eq!(
        (vendor.calls().len(), error.kind(), error.certainty()),
        (4, ErrorKind::Transport, Certainty::NotSent)
    );
    let tracked = newest(&messenger).await;
    assert_eq!(tracked.deliveries, [Status::Refused]);
    assert!(
        error.to_string().contains(&tracked.record.id.to_string()),
        "the error names the message: {error}"
    );
}

#[tokio::test]
async fn a_bad_recipient_is_neither_repeated_nor_failed_over() {
    let bad = Error::new(ErrorKind::InvalidRecipient, "no such number");
    let first = Scripted::new(Script::new().fail(bad)).named("a");
    let second = Scripted::new(Script::new().then_always_ok()).named("b");
    let route = Spread::failover().to(first.clone()).to(second.clone());
    let messenger = Messenger::builder().sms(route).clock(clock().auto_advance()).build().expect("valid");
    let error = messenger.send(sms(1)).await.expect_err("refused");
    assert_eq!((error.kind(), error.provider()), (ErrorKind::InvalidRecipient, Some("a")));
    assert_eq!((first.calls().len(), second.calls().len()), (1, 0));
}

#[tokio::test]
async fn only_who_was_refused_for_a_passing_reason_is_tried_again() {
    let script = Script::new().refuse_recipient(1, ErrorKind::RateLimited).ok();
    let vendor = Scripted::new(script);
    let messenger =
        Messenger::builder().email(vendor.clone()).clock(clock().auto_advance()).build().expect("valid");
    let sent = messenger.send(email(&["a@x.org", "b@x.org", "c@x.org"])).await.expect("sent");
    assert_eq!(sent.accepted_count(), 3);
    let taken: Vec<Vec<u32>> =
        vendor.calls().iter().map(|call| call.accepted.iter().map(|d| d.recipient).collect()).collect();
    assert_eq!(taken, [vec![0, 2], vec![1]]);
    assert_eq!(messenger.statuses(sent.id).await.expect("memory"), [Status::Accepted; 3]);
}

#[tokio::test]
async fn one_accepted_recipient_makes_a_send_good_and_the_others_are_told_apart() {
    let vendor = Scripted::new(Script::new().refuse_recipient(1, ErrorKind::InvalidRecipient));
    let messenger = Messenger::builder().email(vendor).build().expect("valid");
    let sent = messenger.send(email(&["a@x.org", "b@x.org"])).await.expect("sent");
    assert_eq!(sent.accepted_count(), 1);
    assert_eq!(sent.outcomes[1].error().map(Error::kind), Some(ErrorKind::InvalidRecipient));
    assert_eq!(messenger.statuses(sent.id).await.expect("memory"), [Status::Accepted, Status::Refused]);
}

#[tokio::test]
async fn the_sixty_first_message_of_a_number_waits() {
    let clock = clock();
    let recorder = Recorder::new();
    let messenger =
        Messenger::builder().all_others(recorder.clone()).clock(clock.clone()).build().expect("valid");
    for number in 0..60 {
        messenger.send(sms(number)).await.expect("sent at once");
    }
    let waiting = tokio::spawn(messenger.send(sms(60)).into_future());
    // It waits for the limiter, and nothing else.
    clock.sleepers_reach(1).await;
    recorder.assert_count(60, any());
    clock.advance(Duration::from_millis(59_999));
    tokio::task::yield_now().await;
    recorder.assert_count(60, any());
    clock.advance(Duration::from_millis(1));
    waiting.await.expect("no panic").expect("sent");
    recorder.assert_count(61, any());
    // Another number has a limit of its own.
    let other = Sms::builder().from("+15005550002").to("+15005550100").body("Hello").build().expect("valid");
    messenger.send(other).await.expect("sent at once");
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_answered_at_once() {
    let messenger = Messenger::builder()
        .all_others(Recorder::new())
        .rate_limit(RateLimit::new(Rate::per_hour(1)).by(RateKey::Tenant))
        .retry(RetryPolicy::none())
        .clock(clock())
        .build()
        .expect("valid");
    messenger.send(sms(1)).await.expect("sent");
    let error = messenger.send(sms(2)).await.expect_err("an hour is too long");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::RateLimited, Certainty::NotSent));
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(3_600)));
    let other = messenger.tenant("other").expect("valid");
    other.send(sms(2)).await.expect("another tenant has a limit of its own");
}

#[tokio::test]
async fn limits_by_recipient_domain_count_each_domain() {
    let clock = clock();
    let messenger = Messenger::builder()
        .all_others(Recorder::new())
        .rate_limit(RateLimit::new(Rate::per_day(1)).by(RateKey::RecipientDomain).on(Channel::Email))
        .retry(RetryPolicy::none())
        .clock(clock)
        .build()
        .expect("valid");
    messenger.send(email(&["a@x.org", "b@y.org"])).await.expect("sent");
    assert!(messenger.send(email(&["c@X.org"])).await.is_err(), "x.org is spent");
    messenger.send(email(&["c@z.org"])).await.expect("z.org is not");
}

#[tokio::test]
async fn four_windows_hold_at_once() {
    let clock = clock();
    let rate = Rate::per_second(2).and_per_minute(3).and_per_hour(4).and_per_day(5);
    let messenger = Messenger::builder()
        .all_others(Recorder::new())
        .rate_limit(RateLimit::new(rate))
        .retry(RetryPolicy::none())
        .total_timeout(Duration::from_millis(1))
        .clock(clock.clone())
        .build()
        .expect("valid");
    let mut waits = Vec::new();
    for _ in 0..6 {
        loop {
            match messenger.send(email(&["a@x.org"])).await {
                Ok(_) => break waits.push(clock.now().since(NOW).as_secs()),
                Err(error) => match error.retry() {
                    Retry::After(wait) => clock.advance(wait),
                    other => panic!("{other:?}: {error}"),
                },
            }
        }
    }
    // Within a 128th of a period places count as taken together, at the later time.
    assert_eq!(waits, [0, 0, 1, 60, 3_601, 86_460]);
}

#[tokio::test]
async fn an_open_breaker_spares_the_vendor_and_fails_over() {
    let clock = clock();
    let down = Error::new(ErrorKind::Unavailable, "down");
    let first = Scripted::new(Script::new().each(1.0, 1, Step::Fail(down))).named("a");
    let second = Scripted::new(Script::new().then_always_ok()).named("b");
    let messenger = Messenger::builder()
        .sms(Spread::failover().to(first.clone()).to(second.clone()))
        .retry(RetryPolicy::none())
        .breaker(BreakerPolicy::new(3, Duration::from_secs(30)))
        .clock(clock.clone())
        .build()
        .expect("valid");
    for number in 0..10 {
        messenger.send(sms(number)).await.expect("the second takes it");
    }
    assert_eq!((first.calls().len(), second.calls().len()), (3, 10));
    clock.advance(Duration::from_secs(30));
    messenger.send(sms(10)).await.expect("the second takes it");
    assert_eq!(first.calls().len(), 4, "one probe after the cooldown");
}

#[tokio::test]
async fn an_attempt_that_hangs_ends_unknown_and_goes_nowhere_else() {
    let clock = clock();
    let first = Scripted::new(Script::new().accept_then_hang()).named("a");
    let second = Scripted::new(Script::new().then_always_ok()).named("b");
    let messenger = Messenger::builder()
        .sms(Spread::failover().to(first.clone()).to(second.clone()))
        .attempt_timeout(Duration::from_secs(5))
        .clock(clock.clone())
        .build()
        .expect("valid");
    let sending = tokio::spawn(messenger.send(sms(1)).into_future());
    clock.sleepers_reach(1).await;
    clock.advance(Duration::from_secs(5));
    let error = sending.await.expect("no panic").expect_err("no answer");
    assert_eq!(
        (error.kind(), error.certainty(), error.provider()),
        (ErrorKind::Timeout, Certainty::Unknown, Some("a"))
    );
    assert!(second.calls().is_empty());
    let tracked = newest(&messenger).await;
    assert_eq!(tracked.deliveries, [Status::Unknown]);
    let timeline = messenger.timeline(tracked.record.id).await.expect("memory");
    assert_eq!(timeline[1].latency, Some(Duration::from_secs(5)));
}

#[tokio::test]
async fn the_total_time_ends_a_send_and_is_certain_if_nothing_was_under_way() {
    let clock = clock();
    let vendor = Scripted::new(Script::new().each(1.0, 1, Step::ResetBeforeSend));
    let patient = RetryPolicy::default().max_retries(1_000).min_delay(Duration::from_secs(20)).factor(1.0);
    let messenger = Messenger::builder()
        .sms(vendor.clone())
        .retry(patient)
        .breaker(BreakerPolicy::new(u32::MAX, Duration::from_secs(1)))
        .total_timeout(Duration::from_secs(60))
        .clock(clock.clone().auto_advance())
        .build()
        .expect("valid");
    let error = messenger.send(sms(1)).await.expect_err("time is up");
    assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
    assert!(vendor.calls().len() > 2 && clock.now().since(NOW) <= Duration::from_secs(60));
}

#[tokio::test]
async fn dropping_a_send_during_an_attempt_notes_unknown() {
    let clock = clock();
    let vendor = Scripted::new(Script::new().accept_then_hang());
    let messenger = Messenger::builder().sms(vendor.clone()).clock(clock.clone()).build().expect("valid");
    let sending = tokio::spawn(messenger.send(sms(1)).into_future());
    clock.sleepers_reach(1).await;
    sending.abort();
    assert!(sending.await.expect_err("aborted").is_cancelled());
    assert!(vendor.calls()[0].was_accepted(), "the fault struck");
    let tracked = newest(&messenger).await;
    assert_eq!(tracked.deliveries, [Status::Unknown]);
    let timeline = messenger.timeline(tracked.record.id).await.expect("memory");
    assert!(timeline.iter().any(|event| event.code.as_deref() == Some("cancelled")), "{timeline:?}");
}

#[tokio::test]
async fn dropping_a_send_that_waits_notes_that_nothing_was_sent() {
    let clock = clock();
    let vendor = Scripted::new(Script::new().each(1.0, 1, Step::RateLimited(Duration::from_secs(20))));
    let messenger = Messenger::builder().sms(vendor.clone()).clock(clock.clone()).build().expect("valid");
    let sending = tokio::spawn(messenger.send(sms(1)).into_future());
    clock.sleepers_reach(1).await;
    sending.abort();
    assert!(sending.await.is_err() && vendor.calls().len() == 1);
    assert_eq!(newest(&messenger).await.deliveries, [Status::Cancelled]);
}

#[tokio::test]
async fn batches_keep_length_and_order_and_report_each() {
    let vendor =
        Scripted::new(Script::new().each(0.3, 5, Step::Fail(Error::new(ErrorKind::Refused, "spam"))));
    let messenger =
        Messenger::builder().all_others(vendor.clone()).without_default_rate_limits().build().expect("valid");
    let mut bad = email(&["a@x.org"]);
    bad.subject = "two\r\nlines".into();
    let mut messages: Vec<tidings::AnyMessage> = (0..200).map(|number| sms(number).into()).collect();
    messages.insert(50, bad.into());
    messages.push(email(&["b@x.org"]).into());
    let answers = messenger.send_batch(messages).await;
    assert_eq!(answers.len(), 202);
    assert_eq!(answers[50].as_ref().expect_err("two lines").field(), Some("subject"));
    let good = answers.iter().flatten().count();
    let accepted: usize = vendor.calls().iter().filter(|call| call.was_accepted()).count();
    assert_eq!(good, accepted);
    assert!((100..190).contains(&good), "some fail, some do not: {good}");
    let statuses = messenger.list(&Filter::new(), Page::first(300)).await.expect("memory");
    assert_eq!(statuses.iter().filter(|tracked| tracked.deliveries == [Status::Accepted]).count(), good);
}

#[tokio::test]
async fn a_batch_repeats_only_what_failed() {
    let caps = Capabilities::new("scripted", Features::ALL).max_batch(10);
    let script = Script::new().ok().reset_before_send().ok().then_always_ok();
    let vendor = Scripted::new(script).with_capabilities(caps);
    let messenger = Messenger::builder()
        .sms(vendor.clone())
        .without_default_rate_limits()
        .clock(clock().auto_advance())
        .build()
        .expect("valid");
    let answers = messenger.send_batch((0..3).map(sms)).await;
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    Scripted::assert_none_accepted_twice([&vendor]);
    assert_eq!(vendor.calls().len(), 4, "three items and one repeated");
}

#[tokio::test]
async fn one_item_that_must_wait_too_long_does_not_keep_the_others() {
    let caps = Capabilities::new("scripted", Features::ALL).max_batch(10);
    let script = Script::new().rate_limited(Duration::from_secs(3_600)).reset_before_send().then_always_ok();
    let vendor = Scripted::new(script).with_capabilities(caps);
    let messenger = Messenger::builder()
        .sms(vendor.clone())
        .without_default_rate_limits()
        .clock(clock().auto_advance())
        .build()
        .expect("valid");
    let answers = messenger.send_batch((0..3).map(sms)).await;
    let error = answers[0].as_ref().expect_err("an hour is too long");
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(3_600)));
    assert!(answers[1].is_ok() && answers[2].is_ok(), "{answers:?}");
}

/// A store that fails when it is told to.
#[derive(Debug, Default)]
struct Failing {
    memory: MemoryStore,
    on_record: AtomicBool,
    on_append: AtomicBool,
}

fn broken() -> Error {
    Error::new(ErrorKind::Storage, "the disk is full")
}

#[derive(Clone, Debug)]
struct Shared(Arc<Failing>);

#[async_trait]
impl Messages for Shared {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        if self.0.on_record.load(Ordering::SeqCst) {
            Err(broken())
        } else {
            self.0.memory.record(messages).await
        }
    }

    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()> {
        if self.0.on_append.load(Ordering::SeqCst) {
            return Err(broken());
        }
        self.0.memory.append_events(tenant, events).await
    }

    tidings::forward_messages! { [self.0.memory]
        enqueue claim start begin renew settle cancel act pause resume prune
        tracked timeline list stats acts pauses by_vendor_id tenant_of wake woken
    }
}

#[tokio::test]
async fn a_failing_first_record_sends_nothing_and_a_failing_second_one_breaks_nothing() {
    let store = Arc::new(Failing::default());
    let recorder = Recorder::new();
    let messenger = Messenger::builder()
        .all_others(recorder.clone())
        .messages(Shared(store.clone()))
        .build()
        .expect("valid");
    store.on_record.store(true, Ordering::SeqCst);
    let error = messenger.send(sms(1)).await.expect_err("not recorded");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Storage, Certainty::NotSent));
    recorder.assert_none_sent(any());
    store.on_record.store(false, Ordering::SeqCst);
    store.on_append.store(true, Ordering::SeqCst);
    let sent = messenger.send(sms(1)).await.expect("sent all the same");
    assert!(!sent.recorded);
    recorder.assert_count(1, any());
}

#[tokio::test]
async fn defaults_fill_in_the_sender_by_channel_and_tenant() {
    let recorder = Recorder::new();
    let messenger = Messenger::builder()
        .all_others(recorder.clone())
        .defaults(Defaults::new().email("common@example.org").sms("Common"))
        .tenant_defaults("acme", Defaults::new().email("acme@example.org"))
        .build()
        .expect("valid");
    let acme = messenger.tenant("acme").expect("valid");
    let nobody = Email::builder().to("a@x.org").text("Hello").build().expect("valid");
    let text = Sms::builder().to("+15005550100").body("Hello").build().expect("valid");
    messenger.send(nobody.clone()).await.expect("sent");
    acme.send(nobody.clone()).await.expect("sent");
    acme.send(text).await.expect("sent");
    recorder.assert_sent(any().from("common@example.org").tenant("default"));
    recorder.assert_sent(any().from("acme@example.org").tenant("acme"));
    recorder.assert_sent(any().from("Common").channel(Channel::Sms).tenant("acme"));
    let bare = Messenger::builder().all_others(Recorder::new()).build().expect("valid");
    assert_eq!(bare.send(nobody).await.expect_err("no sender").field(), Some("from"));
}

#[tokio::test]
async fn tenants_do_not_see_each_other() {
    let messenger = Messenger::builder().all_others(Recorder::new()).build().expect("valid");
    let (a, b) = (messenger.tenant("a").expect("valid"), messenger.tenant("b").expect("valid"));
    let sent = a.send(sms(1)).await.expect("sent");
    assert!(a.tracked(sent.id).await.expect("memory").is_some());
    assert!(b.tracked(sent.id).await.expect("memory").is_none());
    assert!(b.timeline(sent.id).await.expect("memory").is_empty());
    assert!(b.list(&Filter::new(), Page::first(10)).await.expect("memory").is_empty());
    assert!(messenger.tenant("").is_err());
}

#[derive(Debug)]
struct One(Arc<dyn Provider<Sms>>);

#[async_trait]
impl ProviderSource<Sms> for One {
    async fn provider(&self, _: &TenantId, _: &Sms) -> Result<Arc<dyn Provider<Sms>>> {
        Ok(self.0.clone())
    }
}

#[tokio::test]
async fn a_batch_through_a_source_stays_a_batch() {
    let most = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let vendor = Counting { most: most.clone() };
    let messenger = Messenger::builder()
        .sms_source(One(Arc::new(vendor)))
        .without_default_rate_limits()
        .build()
        .expect("valid");
    assert!(messenger.send_batch((0..25).map(sms)).await.iter().all(Result::is_ok));
    assert_eq!(most.load(Ordering::SeqCst), 10, "as many as one call takes");
}

/// Notes how many messages the largest call had.
#[derive(Debug)]
struct Counting {
    most: Arc<std::sync::atomic::AtomicUsize>,
}

impl tidings::Vendor for Counting {
    fn name(&self) -> &str {
        "counting"
    }
}

#[async_trait]
impl Provider<Sms> for Counting {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("counting", Features::ALL).max_batch(10)
    }

    async fn send(
        &self,
        _: &tidings::CallContext,
        _: tidings::Outgoing<'_, Sms>,
    ) -> Result<tidings::Receipt> {
        Ok(tidings::Receipt::accepted(1, None))
    }

    async fn send_batch(
        &self,
        _: &tidings::CallContext,
        items: &[tidings::Outgoing<'_, Sms>],
    ) -> Vec<Result<tidings::Receipt>> {
        self.most.fetch_max(items.len(), Ordering::SeqCst);
        items.iter().map(|_| Ok(tidings::Receipt::accepted(1, None))).collect()
    }
}

#[derive(Debug)]
struct PerTenant(Recorder, Recorder);

#[async_trait]
impl ProviderSource<Sms> for PerTenant {
    async fn provider(&self, tenant: &TenantId, _: &Sms) -> Result<Arc<dyn Provider<Sms>>> {
        match tenant.as_str() {
            "a" => Ok(Arc::new(self.0.clone())),
            "b" => Ok(Arc::new(self.1.clone())),
            other => {
                Err(Error::new(ErrorKind::NotConfigured, format!("{other} has no numbers; known: a, b")))
            }
        }
    }
}

#[tokio::test]
async fn a_source_answers_by_tenant_and_limits_survive_between_sends() {
    let (first, second) = (Recorder::new().named("first"), Recorder::new().named("second"));
    let messenger = Messenger::builder()
        .sms_source(PerTenant(first.clone(), second.clone()))
        .rate_limit(RateLimit::new(Rate::per_day(1)).by(RateKey::Provider))
        .retry(RetryPolicy::none())
        .clock(clock())
        .build()
        .expect("valid");
    let (a, b) = (messenger.tenant("a").expect("valid"), messenger.tenant("b").expect("valid"));
    a.send(sms(1)).await.expect("sent");
    b.send(sms(1)).await.expect("sent");
    first.assert_count(1, any());
    second.assert_count(1, any());
    assert_eq!(a.send(sms(2)).await.expect_err("spent").kind(), ErrorKind::RateLimited);
    assert_eq!(messenger.send(sms(3)).await.expect_err("unknown").kind(), ErrorKind::NotConfigured);
}

#[tokio::test]
async fn a_channel_without_a_provider_says_what_to_configure() {
    let messenger = Messenger::builder().sms(Recorder::new()).build().expect("valid");
    let error = messenger.send(email(&["a@x.org"])).await.expect_err("no email");
    assert_eq!(error.kind(), ErrorKind::NotConfigured);
    assert!(error.to_string().contains(".email(…)") && error.to_string().contains("smtp"), "{error}");
}

#[tokio::test]
async fn what_no_provider_can_do_is_refused_before_any_io() {
    let plain = |name: &str| {
        let caps = Capabilities::new("plain", Features::NONE);
        Scripted::new(Script::new().then_always_ok()).named(name).with_capabilities(caps)
    };
    let (one, two) = (plain("one"), plain("two"));
    let messenger = Messenger::builder()
        .email(Spread::failover().to(one.clone()).to(two.clone()))
        .build()
        .expect("valid");
    let html = Email::builder().from("a@x.org").to("b@x.org").html("<p>Hi</p>").build().expect("valid");
    let error = messenger.send(html).await.expect_err("no html");
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("html")));
    assert!(error.to_string().contains("one") && error.to_string().contains("two"), "{error}");
    assert!(one.calls().is_empty() && two.calls().is_empty());
    assert!(
        messenger.list(&Filter::new(), Page::first(1)).await.expect("memory").is_empty(),
        "nothing was recorded either"
    );
}

#[tokio::test]
async fn a_capable_provider_further_down_the_route_is_found() {
    let plain = Scripted::new(Script::new().then_always_ok())
        .named("plain")
        .with_capabilities(Capabilities::new("plain", Features::NONE));
    let able = Scripted::new(Script::new().then_always_ok()).named("able");
    let messenger = Messenger::builder()
        .email(Spread::failover().to(plain.clone()).to(able.clone()))
        .build()
        .expect("valid");
    let html = Email::builder().from("a@x.org").to("b@x.org").html("<p>Hi</p>").build().expect("valid");
    messenger.send(html).await.expect("sent");
    assert_eq!((plain.calls().len(), able.calls().len()), (0, 1));
}

#[tokio::test]
async fn limits_of_size_and_recipients_name_limit_and_value() {
    let caps = Capabilities::new("small", Features::ALL).max_size(100).max_recipients(2);
    let vendor = Scripted::new(Script::new().then_always_ok()).with_capabilities(caps);
    let messenger = Messenger::builder().email(vendor).build().expect("valid");
    let error = messenger.send(email(&["a@x.org", "b@x.org", "c@x.org"])).await.expect_err("three");
    assert!(error.to_string().contains("3 recipients") && error.to_string().contains("at most 2"), "{error}");
    let long = Email::builder().from("a@x.org").to("b@x.org").text("x".repeat(200)).build().expect("valid");
    let error = messenger.send(long).await.expect_err("200 octets");
    assert_eq!(error.kind(), ErrorKind::PayloadTooLarge);
    assert!(error.to_string().contains("at most 100"), "{error}");
}

#[tokio::test]
async fn options_of_another_vendor_are_skipped_with_a_trace_unless_required() {
    let messenger = Messenger::builder().email(Recorder::new()).build().expect("valid");
    let option = VendorOption::new("acme", "pool", "blue");
    let wishing = Email::builder().from("a@x.org").to("b@x.org").text("Hi");
    let sent =
        messenger.send(wishing.clone().option(option.clone()).build().expect("valid")).await.expect("sent");
    let timeline = messenger.timeline(sent.id).await.expect("memory");
    let skipped = timeline.iter().find(|event| event.kind == EventKind::OptionSkipped).expect("a trace");
    assert!(skipped.text.as_deref().unwrap_or_default().contains("pool is an option of acme"));
    let error = messenger
        .send(wishing.option(option.required()).build().expect("valid"))
        .await
        .expect_err("required");
    assert_eq!((error.kind(), error.field()), (ErrorKind::Unsupported, Some("options")));
}

#[tokio::test]
async fn round_robin_takes_turns_and_weights_weigh() {
    let vendor = |name: &str| Scripted::new(Script::new().then_always_ok()).named(name);
    let vendors = [vendor("a"), vendor("b"), vendor("c")];
    let [a, b, c] = vendors.clone();
    let messenger = Messenger::builder()
        .sms(Spread::round_robin().to(a).to(b).to(c))
        .without_default_rate_limits()
        .build()
        .expect("valid");
    for number in 0..30 {
        messenger.send(sms(number)).await.expect("sent");
    }
    assert!(vendors.iter().all(|vendor| vendor.calls().len() == 10));
    let vendors = [vendor("a"), vendor("b")];
    let [a, b] = vendors.clone();
    let messenger = Messenger::builder()
        .sms(Spread::weighted().to_weighted(9, a).to_weighted(1, b))
        .without_default_rate_limits()
        .build()
        .expect("valid");
    for number in 0..1_000 {
        messenger.send(sms(number)).await.expect("sent");
    }
    assert!((820..970).contains(&vendors[0].calls().len()), "{}", vendors[0].calls().len());
}

#[tokio::test]
async fn keys_choose_by_the_longest_prefix() {
    let vendor = |name: &str| Scripted::new(Script::new().then_always_ok()).named(name);
    let (one, two, rest) = (vendor("one"), vendor("two"), vendor("rest"));
    let route =
        ByKey::recipient().to("+1", one.clone()).to("+1500555000", two.clone()).otherwise(rest.clone());
    let messenger = Messenger::builder().sms(route).build().expect("valid");
    messenger.send(sms(1)).await.expect("sent");
    messenger.send(sms(9_000)).await.expect("sent");
    let abroad = Sms::builder().to("+4915112345678").body("Hallo").build().expect("valid");
    messenger.send(abroad).await.expect("sent");
    assert_eq!((one.calls().len(), two.calls().len(), rest.calls().len()), (1, 1, 1));
}

#[tokio::test]
async fn what_is_past_or_later_is_refused() {
    let messenger = Messenger::builder().all_others(Recorder::new()).clock(clock()).build().expect("valid");
    let past =
        messenger.send(sms(1)).expires(Timestamp::from_secs(NOW.as_secs() - 1)).await.expect_err("past");
    assert_eq!(past.kind(), ErrorKind::Expired);
    let later = messenger.send(sms(1)).at(NOW + Duration::from_secs(60)).await.expect_err("later");
    assert_eq!(later.field(), Some("at"));
    let key = messenger.send(sms(1)).key("two\r\nlines").await.expect_err("a header");
    assert_eq!(key.field(), Some("key"));
    messenger
        .send(sms(1))
        .at(NOW)
        .category("receipt")
        .tag("t")
        .metadata("a", "b")
        .external_ref("o-1")
        .await
        .expect("sent");
    let record = newest(&messenger).await.record;
    assert_eq!((record.category.as_deref(), record.external_ref.as_deref()), (Some("receipt"), Some("o-1")));
}

#[tokio::test]
async fn explain_says_what_would_happen_and_does_nothing() {
    let recorder = Recorder::new();
    let messenger = Messenger::builder().all_others(recorder.clone()).build().expect("valid");
    let explanation = messenger.explain(email(&["a@x.org"])).await.expect("explained");
    assert_eq!((explanation.channel, explanation.recipients), (Channel::Email, 1));
    assert!(explanation.providers[0].refusal.is_none() && explanation.to_string().contains("would send it"));
    recorder.assert_none_sent(any());
    assert!(messenger.list(&Filter::new(), Page::first(1)).await.expect("memory").is_empty());
}

#[test]
fn one_messenger_survives_two_runtimes() {
    let recorder = Recorder::new();
    let messenger =
        Messenger::builder().all_others(recorder.clone()).build().expect("valid without a runtime");
    for number in 0..2 {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(messenger.send(sms(number)).into_future()).expect("sent");
    }
    recorder.assert_count(2, any());
}

#[tokio::test]
async fn requests_can_be_spawned_joined_and_timed_out() {
    fn sendable<T: Send + 'static>(value: T) -> T {
        value
    }
    let messenger = Messenger::builder().all_others(Recorder::new()).build().expect("valid");
    let future = sendable(messenger.send(sms(1)).into_future());
    let batch = sendable(messenger.send_batch([sms(2)]).into_future());
    let spawned = tokio::spawn(messenger.send(sms(3)).into_future());
    drop(messenger);
    let (one, two) = tokio::join!(future, tokio::time::timeout(Duration::from_secs(5), batch));
    assert!(one.is_ok() && two.expect("in time")[0].is_ok() && spawned.await.expect("no panic").is_ok());
}

#[tokio::test]
async fn a_thousand_concurrent_sends_lose_none() {
    let recorder = Recorder::new();
    let messenger = Messenger::builder()
        .all_others(recorder.clone())
        .without_default_rate_limits()
        .build()
        .expect("valid");
    let sends: Vec<_> = (0..1_000).map(|n| tokio::spawn(messenger.send(sms(n)).into_future())).collect();
    for send in sends {
        send.await.expect("no panic").expect("sent");
    }
    recorder.assert_count(1_000, any());
    assert_eq!(messenger.list(&Filter::new(), Page::first(2_000)).await.expect("memory").len(), 1_000);
}

#[test]
fn every_configuration_problem_is_listed_at_once() {
    let error = Messenger::builder()
        .email(Recorder::new())
        .email(Recorder::new())
        .sms(Spread::failover().to(Recorder::new()).to(Recorder::new()))
        .push(Err::<Recorder, _>(Error::config("FCM: the project is missing")))
        .defaults(Defaults::new().email("nonsense").sms("+12"))
        .tenant_defaults("", Defaults::new())
        .attempt_timeout(Duration::ZERO)
        .build()
        .expect_err("all wrong");
    assert_eq!(error.kind(), ErrorKind::Config);
    let text = error.to_string();
    for part in [
        "7 problems",
        "two providers",
        "2 providers of one channel",
        "FCM",
        "defaults.email",
        "defaults.sms",
        "tenant",
        "attempt_timeout",
    ] {
        assert!(text.contains(part), "{part} in {text}");
    }
}

#[test]
fn needs_and_sizes_are_messages_own() {
    assert_eq!(email(&["a@x.org"]).needs(), Features::NONE);
    assert_eq!(sms(1).size(), 5);
}

/// A layer of the application's own that never lets a send through.
#[derive(Debug)]
struct Stall;

#[derive(Debug)]
struct Stalled<M: Message>(Arc<dyn Provider<M>>);

impl<M: Message> tidings::middleware::Layer<M> for Stall {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        Arc::new(Stalled(inner))
    }
}

impl<M: Message> tidings::Vendor for Stalled<M> {
    fn name(&self) -> &str {
        self.0.name()
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Stalled<M> {
    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn send(&self, _: &tidings::CallContext, _: tidings::Outgoing<'_, M>) -> Result<tidings::Receipt> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn a_layer_that_hangs_is_ended_by_the_total_time_and_nothing_was_sent() {
    let recorder = Recorder::new();
    let messenger = Messenger::builder()
        .all_others(recorder.clone())
        .per_send(Stall)
        .total_timeout(Duration::from_secs(9))
        .clock(clock().auto_advance())
        .build()
        .expect("valid");
    let error = messenger.send(sms(1)).await.expect_err("time is up");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Timeout, Certainty::NotSent), "{error}");
    recorder.assert_none_sent(any());
    assert_eq!(newest(&messenger).await.deliveries, [Status::Refused]);
}
