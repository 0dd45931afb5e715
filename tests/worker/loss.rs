//! What is lost on the way: workers, leases, the store; and how a worker leaves.

use std::sync::Arc;

use tidings::{
    Clock, EventKind, OnUnknown, Status,
    storage::{Claim, Filter, Messages, Page, QueueState, Scope},
    testing::{ManualClock, Recorder},
    worker::WorkerHandle,
};

use crate::{
    kit::{Kit, Next, Odd, clock, secs, sms, until},
    store::Shaky,
};

fn kit_of(vendor: &Odd) -> Kit {
    Kit::new(|builder| builder.all_others(vendor.clone()).attempt_timeout(secs(3_600)))
}

/// On a clock that stands still until it is told to move by itself.
fn still(vendor: &Odd) -> Kit {
    Kit::on(clock(), |builder| builder.all_others(vendor.clone()).attempt_timeout(secs(3_600)))
}

/// A messenger whose messages are kept by a store that can fail.
fn shaky(vendor: &Odd, kit: Kit) -> (Shaky, Kit) {
    let store = Shaky::new(&kit.store);
    let kit = kit.again(|builder| builder.messages(store.clone()).all_others(vendor.clone()));
    (store, kit)
}

async fn under_way(vendor: &Odd, count: usize) {
    until("calls under way", || vendor.now() == count).await;
}

async fn all_sent(handle: &WorkerHandle, count: u64) {
    until("all to be sent", || handle.stats().sent >= count).await;
}

#[tokio::test]
async fn a_worker_that_leaves_finishes_what_it_can_and_hands_the_rest_back() {
    let vendor = Odd::new(|call| Next::Take(secs(if call % 2 == 0 { 2 } else { 50 })));
    let kit = still(&vendor);
    kit.enqueue(1_000).await;
    let handle = kit.worker(|worker| worker.concurrency(500).prefetch(200)).spawn();
    under_way(&vendor, 500).await;
    until("what waits here", || handle.stats().claimed == 700).await;
    let stopped = kit.clock.now();
    let leaving = tokio::spawn({
        let handle = handle.clone();
        async move { handle.shutdown(secs(5)).await }
    });
    tokio::task::yield_now().await;
    let _automatic = kit.clock.clone().auto_advance();
    let report = leaving.await.expect("no panic");
    assert!(kit.clock.now().since(stopped) <= secs(6), "{:?}", kit.clock.now().since(stopped));
    assert_eq!((report.finished, report.broken_off, report.unstored), (250, 250, 0), "{report:?}");
    assert!(report.returned > 0, "{report:?}");
    assert!(!handle.is_running());

    // Everything that is not done can be had at once.
    let lanes = Claim::everything("other", 1_000, secs(60));
    let rest = kit.messages().claim(&lanes).await.expect("memory").leased;
    assert_eq!(rest.len(), 750);
    let broken_off = rest.iter().filter(|leased| leased.attempts == 1).count();
    assert_eq!(broken_off, 250);
    assert!(rest.iter().all(|leased| leased.losses == 0));
    assert!(rest.iter().all(|leased| leased.pinned.is_some() == (leased.attempts == 1)));
}

#[tokio::test]
async fn what_is_broken_off_follows_its_policy() {
    let vendor = Odd::new(|_| Next::Hang);
    let kit = kit_of(&vendor);
    let mut ids = Vec::new();
    for policy in [OnUnknown::GiveUp, OnUnknown::Hold, OnUnknown::Retry] {
        ids.push(kit.messenger.enqueue(sms()).on_unknown(policy).await.expect("enqueued").id);
    }
    let handle = kit.worker(|worker| worker.lease(secs(600))).spawn();
    under_way(&vendor, 3).await;
    handle.shutdown(secs(1)).await;
    assert_eq!(kit.state(ids[0]).await, None);
    assert_eq!(kit.state(ids[1]).await, Some(QueueState::Held));
    assert_eq!(kit.state(ids[2]).await, Some(QueueState::Ready));
    for id in ids {
        assert_eq!(kit.story(id).await[0], (EventKind::Unknown, 1));
    }
}

#[tokio::test]
async fn a_worker_that_is_dropped_leaves_its_leases_to_expire() {
    let vendor = Odd::new(|call| if call < 3 { Next::Hang } else { Next::Accept });
    let kit = kit_of(&vendor);
    let ids = kit.enqueue(3).await;
    let running = tokio::spawn(kit.worker(|worker| worker).run());
    under_way(&vendor, 3).await;
    running.abort();
    assert!(running.await.expect_err("aborted").is_cancelled());
    assert_eq!(vendor.now(), 0, "what was under way is broken off");
    assert_eq!(kit.work().await.claimed, 0, "the leases still hold");
    kit.clock.advance(secs(60));
    let stats = kit.work().await;
    assert_eq!((stats.recovered, stats.sent), (3, 3));
    for id in ids {
        assert_eq!(kit.story(id).await, [(EventKind::Recovered, 1), (EventKind::Accepted, 1)]);
    }
}

#[tokio::test]
async fn what_waits_here_keeps_its_lease_and_is_sent_once() {
    let vendor = Odd::new(|_| Next::Take(secs(20)));
    let (_, kit) = shaky(&vendor, kit_of(&vendor));
    kit.enqueue(30).await;
    let worker = kit.worker(|worker| worker.concurrency(2).prefetch(28));
    let began = kit.clock.now();
    let stats = worker.run_until_idle().await.expect("memory");
    assert_eq!((stats.sent, stats.lease_lost, stats.recovered, stats.returned), (30, 0, 0, 0));
    assert_eq!(vendor.calls().len(), 30);
    assert_eq!(kit.clock.now().since(began), secs(300), "five leases' time");
}

#[tokio::test]
async fn the_end_of_an_attempt_whose_lease_was_lost_is_refused() {
    let vendor = Odd::new(|_| Next::Hang);
    let kit = still(&vendor);
    let id = kit.enqueue(1).await[0];
    let handle = kit.worker(|worker| worker).spawn();
    under_way(&vendor, 1).await;
    // As if the machine had slept: another worker is first after the lease's end.
    kit.clock.advance(secs(61));
    let taken = kit.store.claim(&Claim::everything("other", 1, secs(60))).await.expect("memory").leased;
    assert_eq!((taken.len(), taken[0].losses), (1, 1));
    until("the late end", || handle.stats().lease_lost == 1).await;
    assert_eq!(kit.story(id).await, [(EventKind::Recovered, 1)], "the late end is not stored");
    let _automatic = kit.clock.clone().auto_advance();
    handle.shutdown(secs(0)).await;
}

#[tokio::test]
async fn what_must_not_be_sent_twice_is_started_durably_and_never_waits_here() {
    let vendor = Odd::new(|call| if call < 2 { Next::Hang } else { Next::Accept });
    let (store, kit) = shaky(&vendor, still(&vendor));
    let mut ids = Vec::new();
    for _ in 0..10 {
        let request = kit.messenger.enqueue(sms()).on_unknown(OnUnknown::GiveUp);
        ids.push(request.await.expect("enqueued").id);
    }
    let running = tokio::spawn(kit.worker(|worker| worker.concurrency(2)).run());
    under_way(&vendor, 2).await;
    assert_eq!(store.starts(), 2);
    running.abort();
    assert!(running.await.is_err());
    kit.clock.advance(secs(60));
    kit.work().await;
    let mut statuses = Vec::new();
    for id in &ids {
        statuses.extend(kit.messenger.statuses(*id).await.expect("memory"));
    }
    let count = |wanted| statuses.iter().filter(|status| **status == wanted).count();
    assert_eq!((count(Status::Unknown), count(Status::Accepted)), (2, 8));
    assert_eq!(vendor.calls().len(), 10, "nobody was asked twice");
}

#[tokio::test]
async fn what_never_reached_a_vendor_is_no_loss_however_many_workers_are() {
    let vendor = Odd::new(|_| Next::Hang);
    let (store, kit) = shaky(&vendor, still(&vendor));
    let ids = kit.enqueue(60).await;
    for _ in 0..8 {
        let before = vendor.calls().len();
        let running = tokio::spawn(kit.worker(|worker| worker.concurrency(4).prefetch(40)).run());
        until("calls", || vendor.calls().len() > before).await;
        until("the mark", || store.marks() > 0).await;
        running.abort();
        assert!(running.await.is_err());
        kit.clock.advance(secs(60));
    }
    kit.messages().claim(&Claim::new("nobody", Vec::new(), 0, secs(1))).await.expect("memory");
    let asked = |id| vendor.calls().iter().filter(|(called, _)| *called == id).count();
    let mut harmed = 0;
    for id in ids {
        let place = kit.messenger.tracked(id).await.expect("memory").expect("known").place.expect("queued");
        assert!(place.state != QueueState::Dead || asked(id) > 0, "a dead letter that nobody was asked for");
        harmed += usize::from(asked(id) == 0 && place.losses > 0);
    }
    assert!(harmed <= 8, "{harmed} were harmed that no vendor saw, of 44 that a worker had in hand");
}

#[tokio::test]
async fn marks_are_few_and_nobody_waits_for_them() {
    let vendor = Odd::new(|_| Next::Accept);
    let (store, kit) = shaky(&vendor, kit_of(&vendor));
    kit.enqueue(5_000).await;
    let stats = kit.worker(|worker| worker).run_until_idle().await.expect("memory");
    assert_eq!((stats.sent, stats.returned), (5_000, 0));
    assert!((1..200).contains(&store.marks()), "{} marks", store.marks());
}

#[tokio::test]
async fn what_the_store_does_not_know_of_never_begins() {
    let vendor = Odd::new(|_| Next::Hang);
    let (store, kit) = shaky(&vendor, still(&vendor));
    store.set_unmarked(true);
    kit.enqueue(40).await;
    let handle = kit.worker(|worker| worker.concurrency(4).prefetch(36)).spawn();
    under_way(&vendor, 4).await;
    until("what may not begin to go back", || handle.stats().returned > 0).await;
    assert!(store.failures() > 0);
    handle.shutdown(secs(0)).await;
    let rest = kit.messages().claim(&Claim::everything("other", 100, secs(60))).await.expect("memory").leased;
    assert_eq!(rest.iter().filter(|leased| leased.attempts == 0).count(), 36);
    assert_eq!(vendor.calls().len(), 4, "nobody else was asked for");
}

#[tokio::test]
async fn messages_go_out_although_no_mark_can_be_moved() {
    let vendor = Odd::new(|_| Next::Accept);
    let (store, kit) = shaky(&vendor, kit_of(&vendor));
    store.set_unmarked(true);
    kit.enqueue(500).await;
    let stats = kit.worker(|worker| worker.concurrency(4)).run_until_idle().await.expect("memory");
    assert_eq!((stats.sent, vendor.calls().len()), (500, 500));
}

#[tokio::test]
async fn a_store_that_is_away_is_waited_for_and_nothing_is_forgotten() {
    let vendor = Odd::new(|_| Next::Take(secs(5)));
    let (store, kit) = shaky(&vendor, still(&vendor));
    kit.enqueue(300).await;
    let handle = kit.worker(|worker| worker.concurrency(100)).spawn();
    under_way(&vendor, 100).await;
    store.set_broken(true);
    let away = kit.clock.now();
    let _automatic = kit.clock.clone().auto_advance();
    until("half a minute", || kit.clock.now().since(away) >= secs(30)).await;
    let failures = store.failures();
    assert!((20..300).contains(&failures), "{failures} failures in half a minute");
    store.set_broken(false);
    all_sent(&handle, 300).await;
    assert_eq!(vendor.calls().len(), 300, "what was known was kept");
    assert_eq!(handle.stats().lease_lost, 0);
    handle.shutdown(secs(1)).await;
}

#[tokio::test]
async fn a_worker_whose_store_is_away_leaves_in_time() {
    let vendor = Odd::new(|_| Next::Take(secs(5)));
    let (store, kit) = shaky(&vendor, still(&vendor));
    kit.enqueue(10).await;
    let handle = kit.worker(|worker| worker).spawn();
    under_way(&vendor, 10).await;
    store.set_broken(true);
    let asked = kit.clock.now();
    let _automatic = kit.clock.clone().auto_advance();
    let report = handle.shutdown(secs(10)).await;
    assert!(kit.clock.now().since(asked) <= secs(11));
    assert_eq!((report.finished, report.unstored), (10, 10));
}

#[tokio::test]
async fn a_failing_store_ends_a_run_until_idle() {
    let vendor = Odd::new(|_| Next::Accept);
    let (store, kit) = shaky(&vendor, kit_of(&vendor));
    store.set_broken(true);
    let error = kit.worker(|worker| worker).run_until_idle().await.expect_err("broken");
    assert!(error.to_string().contains("as asked for"), "{error}");
}

/// Makes suspects: so many messages of which two workers were lost.
async fn suspects(kit: &Kit, count: usize) {
    kit.enqueue(count).await;
    for _ in 0..2 {
        let claim = Claim::everything("doomed", count, secs(1));
        assert_eq!(kit.messages().claim(&claim).await.expect("memory").leased.len(), count);
        kit.clock.advance(secs(1));
    }
}

#[tokio::test]
async fn a_suspect_is_served_alone() {
    let kit = Kit::new(|builder| builder.all_others(Recorder::new()));
    suspects(&kit, 3).await;
    let vendor = Odd::new(|_| Next::Take(secs(1)));
    let (store, kit) = shaky(&vendor, kit);
    assert_eq!(kit.work().await.sent, 3);
    assert_eq!((vendor.most(), vendor.calls().len()), (1, 3));
    assert_eq!(store.starts(), 3, "each is started durably: no other may be buried");
}

#[tokio::test]
async fn suspects_take_a_tenth_of_the_time_at_most() {
    let kit = Kit::new(|builder| builder.all_others(Recorder::new()));
    suspects(&kit, 5).await;
    let all = kit.messages().list(&Scope::All, &Filter::new(), Page::first(9)).await;
    let poison: Vec<_> = all.expect("memory").iter().map(|tracked| tracked.record.id).collect();
    let shared: Arc<std::sync::Mutex<Vec<usize>>> = Arc::default();
    let vendor = Poisoned {
        poison: std::sync::Mutex::new(poison),
        slow: Odd::new(|_| Next::Take(secs(1) / 10)),
        alone: Arc::clone(&shared),
    };
    let slow = vendor.slow.clone();
    let kit = kit.again(|builder| builder.sms(vendor).attempt_timeout(secs(5)));
    kit.enqueue(20_000).await;
    let began = kit.clock.now();
    let handle = kit.worker(|worker| worker.concurrency(10)).spawn();
    all_sent(&handle, 20_000).await;
    handle.shutdown(secs(1)).await;
    let took = slow.calls().iter().map(|(_, at)| at.since(began)).max().expect("calls");
    assert!(took < secs(228), "{took:?} for 200 seconds of work");
    assert_eq!(slow.most(), 10);
    let alone = shared.lock().expect("no panic").clone();
    assert!(!alone.is_empty() && alone.iter().all(|others| *others == 0), "{alone:?}");
}

/// Hangs once for each of some messages, and is slow for the others.
#[derive(Debug)]
struct Poisoned {
    poison: std::sync::Mutex<Vec<tidings::MessageId>>,
    slow: Odd,
    /// How many others were under way at each of the bad calls.
    alone: Arc<std::sync::Mutex<Vec<usize>>>,
}

impl tidings::Vendor for Poisoned {
    fn name(&self) -> &str {
        "poisoned"
    }
}

#[async_trait::async_trait]
impl tidings::Provider<tidings::Sms> for Poisoned {
    fn capabilities(&self) -> tidings::Capabilities {
        tidings::Provider::<tidings::Sms>::capabilities(&self.slow)
    }

    async fn send(
        &self,
        cx: &tidings::CallContext,
        item: tidings::Outgoing<'_, tidings::Sms>,
    ) -> tidings::Result<tidings::Receipt> {
        let is_poison = {
            let mut poison = self.poison.lock().expect("no panic");
            let before = poison.len();
            poison.retain(|id| *id != item.id());
            poison.len() < before
        };
        if !is_poison {
            return self.slow.send(cx, item).await;
        }
        self.alone.lock().expect("no panic").push(self.slow.now());
        std::future::pending().await
    }
}

#[tokio::test]
async fn the_stores_clock_is_the_judge() {
    let recorder = Recorder::new();
    let kit = Kit::new(|builder| builder.all_others(recorder.clone()));
    let wrong = ManualClock::at(kit.clock.now() + secs(600)).auto_advance();
    let worker = tidings::Messenger::builder()
        .clock(wrong)
        .store(Arc::clone(&kit.store))
        .all_others(recorder.clone())
        .build()
        .expect("valid");
    let expires = kit.clock.now() + secs(60);
    let id = kit.messenger.enqueue(sms()).expires(expires).await.expect("enqueued").id;
    worker.worker().build().expect("valid").run_until_idle().await.expect("memory");
    let timeline = kit.messenger.timeline(id).await.expect("memory");
    assert_eq!(
        timeline.last().map(|event| (event.kind.clone(), event.at)),
        Some((EventKind::Accepted, kit.clock.now()))
    );
}
