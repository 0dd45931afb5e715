//! Ordering keys, with many claimers and with many messages of one key.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::AssertSqlSafe;
use tidings::{
    MessageId, TenantId,
    storage::{
        Act, Claim, Entry, Filter, Leased, Messages, Next, PostgresStore, QueueState, Scope, Settlement,
    },
};

use crate::{
    helpers::{LEASE, PATIENCE, claim, done, entries},
    postgres::{Schema, pool},
};

fn of_key(count: usize, key: &str) -> Vec<Entry> {
    let mut entries = entries(count);
    entries.iter_mut().for_each(|entry| entry.terms.ordering_key = Some(key.into()));
    entries
}

async fn count(schema: &Schema, condition: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM {} WHERE {condition}", schema.table("queue"));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool().await).await.expect("counted")
}

/// What is under way, and the last that was done, by key.
#[derive(Default)]
struct Ledger {
    keys: HashMap<Arc<str>, (HashSet<MessageId>, Option<MessageId>)>,
}

impl Ledger {
    fn begin(&mut self, leased: &Leased) {
        let Some(key) = &leased.terms.ordering_key else { return };
        let (under_way, last) = self.keys.entry(key.clone()).or_default();
        assert!(under_way.is_empty(), "two of {key} at once");
        assert!(last.is_none_or(|last| last < leased.lease.id), "{key} out of order");
        under_way.insert(leased.lease.id);
    }

    fn end(&mut self, leased: &Leased, done: bool) {
        let Some(key) = &leased.terms.ordering_key else { return };
        let (under_way, last) = self.keys.entry(key.clone()).or_default();
        under_way.remove(&leased.lease.id);
        *last = if done { Some(leased.lease.id) } else { *last };
    }
}

/// Claims and ends until all is done: most at once, some after another attempt, some after they were held.
async fn work(store: PostgresStore, ledger: Arc<Mutex<Ledger>>, left: Arc<AtomicUsize>, seed: u64) {
    let mut dice = seed;
    while left.load(Ordering::SeqCst) > 0 {
        let leased = claim(&store, 7).await;
        if leased.is_empty() {
            tokio::time::sleep(Duration::from_millis(3)).await;
        }
        leased.iter().for_each(|leased| ledger.lock().expect("no panic").begin(leased));
        for leased in &leased {
            dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let next = match dice >> 60 {
                0 | 1 => Next::Later {
                    after: Duration::ZERO,
                    counted: true,
                    reason: "x".into(),
                    pending: None,
                    pinned: None,
                },
                2 => Next::Returned,
                _ => Next::Done,
            };
            let is_done = next == Next::Done;
            // Before it is settled: from then on another may have the next one.
            ledger.lock().expect("no panic").end(leased, is_done);
            let answers =
                store.settle(vec![Settlement::new(leased, next, 1, Vec::new())]).await.expect("settled");
            assert!(answers[0].is_ok());
            if is_done {
                left.fetch_sub(1, Ordering::SeqCst);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_claimers_keep_the_order_and_nothing_is_forgotten() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let mut all = of_key(200, "busy");
    (0..20).for_each(|key| all.extend(of_key(20, &format!("key {key}"))));
    all.extend(entries(50));
    let left = Arc::new(AtomicUsize::new(all.len()));
    store.enqueue(all).await.expect("stored");
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let work = async {
        let mut tasks = tokio::task::JoinSet::new();
        (0..8).for_each(|seed| {
            drop(tasks.spawn(work(store.clone(), Arc::clone(&ledger), Arc::clone(&left), seed)))
        });
        tasks.join_all().await;
    };
    let in_time = tokio::time::timeout(PATIENCE * 3, work).await;
    let stuck = count(&schema, "behind").await;
    in_time.unwrap_or_else(|_| panic!("{} are left, {stuck} put aside", left.load(Ordering::SeqCst)));
    assert_eq!(count(&schema, "true").await, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_long_row_behind_one_message_is_met_once() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    store.enqueue(of_key(10_000, "busy")).await.expect("stored");
    store.enqueue(entries(20)).await.expect("stored");
    let first = claim(&store, 10).await;
    assert_eq!(first.len(), 10, "the head, and those that are due after the long row");
    assert_eq!(count(&schema, "behind").await, 9_999);
    assert_eq!(claim(&store, 20).await.len(), 11);
    // Whatever lets the head go lets the next one come.
    let head = first.iter().find(|leased| leased.terms.ordering_key.is_some()).expect("leased");
    store.settle(done(std::slice::from_ref(head))).await.expect("settled");
    let second = claim(&store, 10).await;
    assert_eq!(second.len(), 1);
    let dead = Settlement::new(&second[0], Next::Dead { reason: "x".into() }, 1, Vec::new());
    store.settle(vec![dead]).await.expect("settled");
    let third = claim(&store, 10).await;
    assert_eq!(third.len(), 1);
    let held = Settlement::new(&third[0], Next::Held { reason: "x".into() }, 1, Vec::new());
    store.settle(vec![held]).await.expect("settled");
    let fourth = claim(&store, 10).await;
    assert_eq!(fourth.len(), 1);
    store.settle(vec![Settlement::new(&fourth[0], Next::Returned, 0, Vec::new())]).await.expect("settled");
    store.cancel(&TenantId::DEFAULT, &[fourth[0].lease.id]).await.expect("answered");
    let fifth = claim(&store, 10).await;
    assert_eq!(fifth.len(), 1, "after a cancelled head");
    store.settle(vec![Settlement::new(&fifth[0], Next::Returned, 0, Vec::new())]).await.expect("settled");
    let filter = Filter::new().id(fifth[0].lease.id);
    let act = store.act(&Scope::All, Act::Hold, &filter, None).await.expect("held");
    assert_eq!(act.changed, 1);
    let sixth = claim(&store, 10).await;
    assert_eq!(sixth.len(), 1, "after a held head");
    // What comes back goes first again.
    store.act(&Scope::All, Act::Release, &filter, None).await.expect("released");
    assert!(claim(&store, 10).await.is_empty(), "one of the key is under way");
    store.settle(done(&sixth)).await.expect("settled");
    assert_eq!(claim(&store, 10).await[0].lease.id, fifth[0].lease.id);
}

#[tokio::test]
async fn a_head_whose_worker_was_lost_lets_the_next_come_when_it_is_dead() {
    use tidings::testing::ManualClock;
    let (schema, clock) =
        (Schema::new().await, ManualClock::at(tidings::Timestamp::from_secs(1_790_000_000)));
    let store = schema.store_with(schema.options().clock(Arc::new(clock.clone()))).await;
    store.enqueue(of_key(3, "busy")).await.expect("stored");
    for loss in 1..=3 {
        let wish = Claim::everything("test", 10, LEASE);
        let wish = if loss == 3 { wish.alone() } else { wish };
        assert_eq!(store.claim(&wish).await.expect("claimed").leased.len(), 1, "loss {loss}");
        clock.advance(LEASE * 2);
    }
    let next = claim(&store, 10).await;
    assert_eq!(next.len(), 1);
    assert_eq!(count(&schema, "state = 'dead'").await, 1);
    let stats = store.stats(&Scope::All).await.expect("counted");
    assert_eq!((stats.depth(QueueState::Dead), stats.depth(QueueState::Leased)), (1, 1));
}
