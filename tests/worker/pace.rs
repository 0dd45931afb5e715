//! Latency, idleness and fairness.

use tidings::{Clock, MessageId, message::Priority, testing::Recorder};

use crate::{
    kit::{Kit, Next, Odd, secs, sms, until},
    store::Shaky,
};

#[tokio::test]
async fn an_idle_worker_looks_once_a_second_and_is_there_at_once_when_it_is_called() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let store = Shaky::new(&kit.store);
    let kit = kit.again(|builder| builder.messages(store.clone()).all_others(recorder.clone()));
    let handle = kit.worker(|worker| worker).spawn();
    let began = kit.clock.now();
    until("a minute", || kit.clock.now().since(began) >= secs(60)).await;
    let (claims, time) = (store.claims() as u64, kit.clock.now().since(began).as_secs());
    assert!((time - 2..=time + 3).contains(&claims), "{claims} claims in {time} seconds");
    let asked = kit.clock.now();
    kit.enqueue(1).await;
    until("the message", || handle.stats().sent == 1).await;
    let sent = recorder.sent()[0].at;
    assert_eq!(sent, asked, "no time has passed");
    handle.shutdown(secs(0)).await;
}

#[tokio::test]
async fn what_is_due_later_is_sent_when_it_is_due() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let due = kit.clock.now() + secs(10) + std::time::Duration::from_millis(123);
    kit.messenger.enqueue(sms()).at(due).await.expect("enqueued");
    let handle = kit.worker(|worker| worker.poll(secs(60))).spawn();
    until("the message", || handle.stats().sent == 1).await;
    assert_eq!(recorder.sent()[0].at, due);
    handle.shutdown(secs(0)).await;
}

#[tokio::test]
async fn the_urgent_go_first_and_the_others_do_not_starve() {
    let vendor = Odd::new(|_| Next::Take(secs(1) / 100));
    let kit = Kit::new(|builder| builder.all_others(vendor.clone()));
    let mut ids: Vec<(Priority, Vec<MessageId>)> = Vec::new();
    for priority in Priority::ALL {
        let drafts = (0..2_000).map(|_| tidings::messenger::Draft::new(sms()).priority(priority));
        let answers = kit.messenger.enqueue_many(drafts).await;
        ids.push((priority, answers.into_iter().map(|answer| answer.expect("enqueued").id).collect()));
    }
    let handle = kit.worker(|worker| worker.concurrency(10).batch(10)).spawn();
    until("all", || handle.stats().sent == 6_000).await;
    handle.shutdown(secs(0)).await;
    let first: Vec<MessageId> = vendor.calls().iter().take(1_600).map(|(id, _)| *id).collect();
    let share = |priority: Priority| {
        let (_, all) = ids.iter().find(|(known, _)| *known == priority).expect("enqueued");
        let all: std::collections::HashSet<_> = all.iter().collect();
        first.iter().filter(|id| all.contains(id)).count()
    };
    let shares = Priority::ALL.map(share);
    assert!((900..1_100).contains(&shares[0]), "high, normal, low: {shares:?}");
    assert!((330..470).contains(&shares[1]), "high, normal, low: {shares:?}");
    assert!((140..260).contains(&shares[2]), "high, normal, low: {shares:?}");
}

#[tokio::test]
async fn messages_of_one_ordering_key_go_one_after_the_other() {
    let vendor = Odd::new(|_| Next::Take(secs(1)));
    let kit = Kit::new(|builder| builder.all_others(vendor.clone()));
    let mut ids = Vec::new();
    for _ in 0..20 {
        ids.push(kit.messenger.enqueue(sms()).ordering_key("customer-4").await.expect("enqueued").id);
        kit.clock.advance(secs(1) / 1_000);
    }
    kit.work().await;
    assert_eq!(vendor.most(), 1);
    assert_eq!(vendor.calls().iter().map(|(id, _)| *id).collect::<Vec<_>>(), ids);
}
