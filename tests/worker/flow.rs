//! From enqueue to a final state.

use tidings::{
    Error, ErrorKind, EventKind, OnUnknown, Status,
    route::Spread,
    storage::{Act, Filter, QueueState},
    testing::{Recorder, Script, Scripted, any},
    worker::RetryPlan,
};

use crate::kit::{Kit, Next, Odd, PHONE, email, secs, sms};

fn scripted(script: Script) -> (Scripted, Kit) {
    let vendor = Scripted::new(script);
    let kit = Kit::new(|builder| builder.all_others(vendor.clone()));
    (vendor, kit)
}

#[tokio::test]
async fn what_is_enqueued_is_accepted() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    let stats = kit.work().await;
    assert_eq!((stats.claimed, stats.sent), (1, 1));
    recorder.assert_sent(any());
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Accepted]);
    assert_eq!(kit.story(id).await, [(EventKind::Accepted, 1)]);
    assert_eq!(kit.state(id).await, None, "it left the queue");
}

#[tokio::test]
async fn a_passing_fault_of_the_vendor_is_tried_again_and_burns_nothing() {
    let (vendor, kit) = scripted(Script::new().reset_before_send().ok());
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    let stats = kit.work().await;
    assert_eq!((stats.excused, stats.sent), (1, 0));
    kit.clock.advance(secs(2));
    kit.work().await;
    assert_eq!(kit.story(id).await, [(EventKind::Refused, 1), (EventKind::Accepted, 2)]);
    let attempts: Vec<_> = vendor.calls().iter().map(|call| call.attempt).collect();
    assert_eq!(attempts, [1, 2]);
}

#[tokio::test]
async fn every_attempt_carries_the_same_key() {
    let (vendor, kit) = scripted(Script::new().reset_before_send().reset_after_send().ok());
    let own = kit.messenger.enqueue(sms()).key("order-17").await.expect("enqueued").id;
    for _ in 0..3 {
        kit.work().await;
        kit.clock.advance(secs(10));
    }
    let keys: Vec<_> = vendor.calls().iter().map(|call| call.key.to_string()).collect();
    assert_eq!(keys, ["order-17", "order-17", "order-17"]);
    let (vendor, kit) = scripted(Script::new().ok());
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    kit.work().await;
    assert_eq!(*vendor.calls()[0].key, id.to_string());
    assert_ne!(own, id);
}

#[tokio::test]
async fn after_an_unknown_outcome_only_the_same_instance_is_asked() {
    let first = Scripted::new(Script::new().reset_after_send().reset_before_send().ok()).named("a");
    let second = Scripted::new(Script::new().then_always_ok()).named("b");
    let route = Spread::failover().to(first.clone()).to(second.clone());
    let kit = Kit::new(|builder| builder.sms(route));
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    for _ in 0..3 {
        kit.work().await;
        kit.clock.advance(secs(10));
    }
    assert_eq!((first.calls().len(), second.calls().len()), (3, 0));
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Accepted]);
}

#[tokio::test]
async fn a_message_whose_instance_is_gone_is_held() {
    let (_, kit) = scripted(Script::new().reset_after_send());
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    kit.work().await;
    kit.clock.advance(secs(2));
    let other = Scripted::new(Script::new().then_always_ok()).named("other");
    let kit = kit.again(|builder| builder.all_others(other.clone()));
    let stats = kit.work().await;
    assert_eq!((stats.held, other.calls().len()), (1, 0));
    assert_eq!(kit.state(id).await, Some(QueueState::Held));
    assert!(kit.reason(id).await.contains("\"scripted\""), "{}", kit.reason(id).await);
}

#[tokio::test]
async fn the_policy_for_unknown_outcomes_decides() {
    for (policy, state, kind) in [
        (OnUnknown::GiveUp, None, EventKind::Unknown),
        (OnUnknown::Hold, Some(QueueState::Held), EventKind::Held),
        (OnUnknown::Retry, Some(QueueState::Ready), EventKind::Unknown),
    ] {
        let (vendor, kit) = scripted(Script::new().reset_after_send().ok());
        let id = kit.messenger.enqueue(sms()).on_unknown(policy).await.expect("enqueued").id;
        kit.work().await;
        assert_eq!(kit.state(id).await, state, "{policy:?}");
        assert_eq!(kit.story(id).await.last(), Some(&(kind, 1)), "{policy:?}");
        assert_eq!(vendor.calls().len(), 1);
    }
}

#[tokio::test]
async fn only_who_was_refused_for_a_passing_reason_is_tried_again() {
    let script = Script::new().refuse_recipient(1, ErrorKind::Unavailable).ok();
    let (vendor, kit) = scripted(script);
    let message = email(&["a@x.org", "b@x.org", "c@x.org"]);
    let id = kit.messenger.enqueue(message).await.expect("enqueued").id;
    kit.work().await;
    kit.clock.advance(secs(2));
    kit.work().await;
    let taken: Vec<Vec<u32>> =
        vendor.calls().iter().map(|call| call.accepted.iter().map(|d| d.recipient).collect()).collect();
    assert_eq!(taken, [vec![0, 2], vec![1]]);
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Accepted; 3]);
}

#[tokio::test]
async fn a_refusal_for_good_ends_it_at_once() {
    let (_, kit) = scripted(Script::new().fail(Error::new(ErrorKind::InvalidRecipient, "unknown number")));
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    let stats = kit.work().await;
    assert_eq!((stats.failed, kit.state(id).await), (1, None));
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Refused]);
}

#[tokio::test]
async fn a_fault_of_the_configuration_makes_a_dead_letter_that_can_be_replayed() {
    let script = Script::new().fail(Error::new(ErrorKind::Auth, "wrong password")).ok();
    let (vendor, kit) = scripted(script);
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    kit.work().await;
    assert_eq!(kit.state(id).await, Some(QueueState::Dead));
    assert_eq!(kit.reason(id).await, "auth: wrong password");
    assert_eq!(kit.story(id).await, [(EventKind::Refused, 1), (EventKind::Dead, 1)]);
    assert!(kit.messenger.replay(id).await.expect("memory"));
    kit.work().await;
    assert_eq!((vendor.calls()[1].generation, vendor.calls()[1].attempt), (1, 1));
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Accepted]);
}

#[tokio::test]
async fn a_replay_sends_nothing_to_who_has_it() {
    let script = Script::new().refuse_recipient(0, ErrorKind::Auth).ok();
    let (vendor, kit) = scripted(script);
    let id = kit.messenger.enqueue(email(&["a@x.org", "b@x.org"])).await.expect("enqueued").id;
    kit.work().await;
    assert_eq!(kit.state(id).await, Some(QueueState::Dead));
    let record = kit.messenger.act(Act::Replay, &Filter::new().id(id), "mended").await.expect("memory");
    assert_eq!(record.changed, 1);
    kit.work().await;
    let taken: Vec<u32> = vendor.calls()[1].accepted.iter().map(|delivery| delivery.recipient).collect();
    assert_eq!(taken, [0]);
}

#[tokio::test]
async fn attempts_that_count_are_counted() {
    let (vendor, kit) = scripted(Script::new().reset_after_send().reset_after_send().reset_after_send());
    let id = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    let worker = kit.worker(|worker| worker.retry(RetryPlan::default().attempts(3)));
    for _ in 0..3 {
        worker.run_until_idle().await.expect("memory");
        kit.clock.advance(secs(60));
    }
    assert_eq!((vendor.calls().len(), kit.state(id).await), (3, Some(QueueState::Dead)));
    assert!(kit.reason(id).await.starts_with("no attempt is left: transport"), "{}", kit.reason(id).await);
}

#[tokio::test]
async fn what_has_expired_is_not_sent() {
    let (vendor, kit) = scripted(Script::new().then_always_ok());
    let expires = kit.clock_now() + secs(10);
    let id = kit.messenger.enqueue(sms()).expires(expires).await.expect("enqueued").id;
    kit.clock.advance(secs(10));
    let stats = kit.work().await;
    assert_eq!((stats.expired, vendor.calls().len()), (1, 0));
    assert_eq!(kit.messenger.statuses(id).await.expect("memory"), [Status::Expired]);
    assert_eq!(kit.state(id).await, None);
}

#[tokio::test]
async fn a_withdrawal_after_the_enqueue_binds() {
    let (vendor, kit) = scripted(Script::new().then_always_ok());
    let id = kit.messenger.enqueue(email(&["a@x.org", "b@x.org"])).await.expect("enqueued").id;
    let alone = kit.messenger.enqueue(sms()).await.expect("enqueued").id;
    kit.messenger.suppress(None, "b@x.org", "unsubscribed").await.expect("memory");
    kit.messenger.suppress(None, PHONE, "unsubscribed").await.expect("memory");
    kit.work().await;
    assert_eq!(vendor.calls().len(), 1);
    let statuses = kit.messenger.statuses(id).await.expect("memory");
    assert_eq!(statuses, [Status::Accepted, Status::Suppressed]);
    assert_eq!(kit.messenger.statuses(alone).await.expect("memory"), [Status::Suppressed]);
    assert_eq!((kit.state(id).await, kit.state(alone).await), (None, None));
}

#[tokio::test]
async fn large_files_are_fetched_when_they_are_sent() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let file = tidings::Attachment::new("plan.txt", "text/plain", vec![b'x'; 5_000]).expect("valid");
    let message = tidings::Email::builder()
        .from("inn@example.org")
        .to("a@x.org")
        .subject("Plan")
        .text("Here.")
        .attach(file)
        .build()
        .expect("valid");
    kit.messenger.enqueue(message.clone()).await.expect("enqueued");
    kit.work().await;
    assert_eq!(recorder.assert_sent(any()).message, message.into());
}

#[tokio::test]
async fn a_panic_ends_one_attempt_and_nothing_else() {
    let vendor = Odd::new(|call| if call == 0 { Next::Panic } else { Next::Accept });
    let kit = Kit::new(|builder| builder.all_others(vendor.clone()));
    kit.enqueue(5).await;
    let stats = kit.work().await;
    assert_eq!((stats.panicked, stats.sent, stats.retried), (1, 4, 1));
    let (poison, _) = vendor.calls()[0];
    assert_eq!(kit.story(poison).await, [(EventKind::Unknown, 1)]);
    kit.clock.advance(secs(2));
    kit.work().await;
    assert_eq!(kit.messenger.statuses(poison).await.expect("memory"), [Status::Accepted]);
}

#[tokio::test]
async fn an_attempt_that_hangs_is_ended_before_its_lease() {
    let vendor = Odd::new(|call| if call == 0 { Next::Hang } else { Next::Accept });
    let kit = Kit::new(|builder| builder.all_others(vendor.clone()).attempt_timeout(secs(3_600)));
    let id = kit.enqueue(1).await[0];
    let began = kit.clock_now();
    let stats = kit.work().await;
    assert_eq!((stats.retried, stats.lease_lost), (1, 0));
    assert!(kit.clock_now().since(began) < secs(60), "{:?}", kit.clock_now().since(began));
    assert_eq!(kit.story(id).await, [(EventKind::Unknown, 1)]);
}
