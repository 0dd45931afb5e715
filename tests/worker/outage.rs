//! Vendors that are down, count calls, or are slow; and limits of our own.

use std::collections::HashMap;

use tidings::{
    Channel, Clock, Error, ErrorKind, MessageId, Retry,
    middleware::{Rate, RateKey, RateLimit},
    storage::{Pause, QueueState},
    testing::{Recorder, any},
};

use crate::kit::{Kit, Next, Odd, email, secs};

/// A vendor that is down until a moment on the clock.
fn down_until(clock: &tidings::testing::ManualClock, until: tidings::Timestamp) -> Odd {
    let clock = clock.clone();
    Odd::new(move |_| match clock.now() < until {
        true => Next::Fail(Error::new(ErrorKind::Unavailable, "down")),
        false => Next::Take(secs(1) / 10),
    })
}

#[tokio::test]
async fn an_outage_is_probed_once_a_second_and_burns_nothing() {
    const WAITING: usize = 50_000;
    let clock = crate::kit::clock();
    let back = clock.now() + secs(180);
    let vendor = down_until(&clock, back);
    let kit = Kit::on(clock.auto_advance(), |builder| builder.all_others(vendor.clone()));
    let ids = kit.enqueue(WAITING).await;
    let worker = kit.worker(|worker| worker.concurrency(100));
    let handle = worker.spawn();

    crate::kit::until("all to be sent", || handle.stats().sent == WAITING as u64).await;
    handle.shutdown(secs(1)).await;

    let calls = vendor.calls();
    let probes = calls.iter().filter(|(_, at)| *at < back).count();
    assert!((150..=330).contains(&probes), "{probes} calls in 180 seconds of outage");
    let stats = handle.stats();
    assert!(stats.excused < 600, "{} messages were moved", stats.excused);
    assert_eq!((stats.retried, stats.dead), (0, 0), "no attempt was burned");
    let after: Vec<_> = calls.iter().filter(|(_, at)| *at >= back).map(|(_, at)| at.since(back)).collect();
    let herd = after.iter().filter(|at| **at < secs(1) / 4).count();
    assert!(herd <= 20, "{herd} calls in the first quarter of a second");
    let soon = after.iter().filter(|at| **at < secs(4)).count();
    assert!(soon > 1_000, "only {soon} calls in the first four seconds: it must not creep");
    let mut times: HashMap<MessageId, u32> = HashMap::new();
    calls.iter().for_each(|(id, _)| *times.entry(*id).or_default() += 1);
    assert!(times.values().all(|times| *times <= 12), "{:?}", times.values().max());
    assert_eq!(times.len(), ids.len());
}

#[tokio::test]
async fn a_channel_that_is_down_does_not_stop_the_others() {
    let clock = crate::kit::clock();
    let vendor = down_until(&clock, clock.now() + secs(3_600));
    let recorder = Recorder::new();
    let kit =
        Kit::on(clock.auto_advance(), |builder| builder.sms(vendor.clone()).all_others(recorder.clone()));
    kit.enqueue(5_000).await;
    let emails = (0..5_000).map(|_| email(&["a@x.org"]));
    for answer in kit.messenger.enqueue_many(emails).await {
        answer.expect("enqueued");
    }
    let began = kit.clock_now();
    let handle = kit.worker(|worker| worker).spawn();
    crate::kit::until("the emails", || handle.stats().sent == 5_000).await;
    handle.shutdown(secs(1)).await;
    recorder.assert_count(5_000, any().channel(Channel::Email));
    assert!(recorder.sent().iter().all(|email| email.at.since(began) < secs(3)));
}

#[tokio::test]
async fn a_vendor_that_asks_for_a_pause_gets_it() {
    let wait = secs(90);
    let vendor = Odd::new(move |call| match call {
        0 => {
            let error = Error::new(ErrorKind::RateLimited, "slow down").with_retry(Retry::After(wait));
            Next::Fail(error)
        }
        _ => Next::Accept,
    });
    let kit = Kit::new(|builder| builder.all_others(vendor.clone()));
    kit.enqueue(1).await;
    let handle = kit.worker(|worker| worker).spawn();
    crate::kit::until("the message", || handle.stats().sent == 1).await;
    handle.shutdown(secs(1)).await;
    let calls = vendor.calls();
    let waited = calls[1].1.since(calls[0].1);
    assert!(waited >= wait && waited < wait + secs(2), "{waited:?}");
}

#[tokio::test]
async fn a_spent_limit_moves_each_message_once_and_lets_others_pass() {
    let recorder = Recorder::new();
    let limit = RateLimit::new(Rate::per_second(10)).on(Channel::Sms).by(RateKey::Sender);
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()).rate_limit(limit));
    kit.enqueue(2_000).await;
    let emails = (0..100).map(|_| email(&["a@x.org"]));
    kit.messenger.enqueue_many(emails).await.iter().for_each(|answer| assert!(answer.is_ok()));
    let began = kit.clock_now();
    let handle = kit.worker(|worker| worker).spawn();
    crate::kit::until("the emails", || recorder.matching(&any().channel(Channel::Email)).len() == 100).await;
    let emails = recorder.matching(&any().channel(Channel::Email));
    assert!(emails.iter().all(|email| email.at.since(began) < secs(5)));

    crate::kit::until("all", || handle.stats().sent == 2_100).await;
    handle.shutdown(secs(1)).await;
    let took = recorder.sent().iter().map(|sent| sent.at.since(began)).max().expect("all");
    assert!(took >= secs(199) && took < secs(230), "2,000 at 10 a second took {took:?}");
    let stats = handle.stats();
    assert!(stats.excused < 2 * 2_000, "{} moves for 2,000 messages", stats.excused);
    assert_eq!((stats.retried, stats.dead), (0, 0));
}

#[tokio::test]
async fn a_slow_provider_has_its_calls_and_holds_nobody_up() {
    let (slow, quick) = (Odd::new(|_| Next::Take(secs(1))).named("slow"), Odd::new(|_| Next::Take(secs(1))));
    let route = tidings::route::ByKey::tenant().to("slow", slow.clone()).otherwise(quick.clone());
    let kit = Kit::new(|builder| builder.sms(route));
    let tenant = kit.messenger.tenant("slow-1").expect("valid");
    tenant.enqueue_many((0..500).map(|_| crate::kit::sms())).await.iter().for_each(|a| assert!(a.is_ok()));
    kit.enqueue(1_000).await;
    let began = kit.clock_now();
    let worker = kit.worker(|worker| worker.concurrency(50).provider_concurrency("slow", 5));
    let handle = worker.spawn();
    crate::kit::until("all", || handle.stats().sent == 1_500).await;
    handle.shutdown(secs(1)).await;
    let last = |vendor: &Odd| vendor.calls().iter().map(|(_, at)| at.since(began)).max().expect("calls");
    assert_eq!(slow.most(), 5);
    assert!(last(&slow) < secs(125), "100 seconds of work took {:?}", last(&slow));
    assert!(last(&quick) < secs(30), "20 seconds of work took {:?}", last(&quick));
    let stats = handle.stats();
    assert!(stats.excused < 10 * 500, "{} moves", stats.excused);
    assert_eq!(stats.retried, 0);
}

#[tokio::test]
async fn a_paused_provider_is_left_alone_until_it_is_resumed() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let id = kit.enqueue(1).await[0];
    let pause = Pause::Provider("recorder".into());
    kit.messenger.pause(&pause).await.expect("memory");
    assert_eq!(kit.work().await.paused, 1);
    assert_eq!(kit.state(id).await, Some(QueueState::Paused));
    recorder.assert_none_sent(any());
    kit.messenger.resume(&pause).await.expect("memory");
    assert_eq!(kit.work().await.sent, 1);
    assert_eq!(kit.story(id).await.len(), 1, "one attempt in all");
}

#[tokio::test]
async fn what_another_provider_can_send_goes_there() {
    let (a, b) = (Recorder::new().named("a"), Recorder::new().named("b"));
    let route = tidings::route::Spread::failover().to(a.clone()).to(b.clone());
    let kit = Kit::new(|builder| builder.sms(route));
    kit.messenger.pause(&Pause::Provider("a".into())).await.expect("memory");
    kit.enqueue(3).await;
    assert_eq!(kit.work().await.sent, 3);
    assert_eq!((a.sent().len(), b.sent().len()), (0, 3));
}
