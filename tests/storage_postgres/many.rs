//! Many claimers, and whose clock counts.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use tidings::{
    Clock, MessageId, SystemClock,
    storage::{Claim, Messages, PostgresStore},
};

use crate::{
    helpers::{LEASE, claim, done, entries, entry_at},
    postgres::{Schema, url},
};

fn is_new(seen: &Mutex<HashSet<MessageId>>, id: MessageId) -> bool {
    seen.lock().expect("no panic").insert(id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn sixteen_claimers_never_share_a_message() {
    const ROWS: usize = 20_000;
    let schema = Schema::new().await;
    let store = schema.store().await;
    for _ in 0..ROWS / 5_000 {
        store.enqueue(entries(5_000)).await.expect("stored");
    }
    let seen = Arc::new(Mutex::new(HashSet::<MessageId>::new()));
    let claimers: Vec<_> = (0..16)
        .map(|_| (schema.options().connections(1), Arc::clone(&seen)))
        .map(|(options, seen)| {
            tokio::spawn(async move {
                let store = PostgresStore::connect_with(&url(), options).await.expect("it answers");
                loop {
                    let leased = claim(&store, 50).await;
                    if leased.is_empty() {
                        return;
                    }
                    assert!(leased.iter().all(|leased| is_new(&seen, leased.lease.id)), "claimed twice");
                    assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
                }
            })
        })
        .collect();
    for claimer in claimers {
        claimer.await.expect("no panic");
    }
    // One that met others' locks may have stopped early.
    let rest = claim(&store, ROWS).await;
    assert_eq!(seen.lock().expect("no panic").len() + rest.len(), ROWS);
}

#[tokio::test]
async fn a_clock_that_is_wrong_changes_nothing() {
    const WRONG: Duration = Duration::from_secs(600);
    let schema = Schema::new().await;
    let store = schema.store().await;
    let right = SystemClock.now();
    let (late, early) = (right + WRONG, tidings::Timestamp::from_micros(right.as_micros() - 600_000_000));
    let mut entries = vec![entry_at(late), entry_at(early), entry_at(late)];
    // By the clock of a worker that is ten minutes ahead this one is overdue.
    entries[2].terms.due = Some(right + Duration::from_secs(300));
    store.enqueue(entries).await.expect("stored");
    let claimed = store.claim(&Claim::everything("test", 10, LEASE)).await.expect("claimed");
    assert_eq!(claimed.leased.len(), 2);
    assert!(claimed.now.since(right) < Duration::from_secs(300) && claimed.now >= right);
    for leased in &claimed.leased {
        assert!(
            leased.since.since(right) < Duration::from_secs(300) && leased.since >= right,
            "{:?}",
            leased.since
        );
    }
    assert_eq!(claimed.next_due, Some(right + Duration::from_secs(300)));
}

#[tokio::test]
async fn a_store_that_is_held_sends_nothing_until_it_is_told() {
    use tidings::storage::Pause;
    let schema = Schema::new().await;
    let store = schema.store().await;
    store.enqueue(entries(2)).await.expect("stored");
    let held = PostgresStore::connect_with(&url(), schema.options().held()).await.expect("it answers");
    assert!(claim(&held, 10).await.is_empty());
    assert!(claim(&store, 10).await.is_empty(), "nor does any other");
    assert_eq!(held.pauses().await.expect("read"), [Pause::All]);
    held.resume(&Pause::All).await.expect("resumed");
    assert_eq!(claim(&held, 10).await.len(), 2);
}

#[tokio::test]
async fn a_pool_is_shared() {
    let schema = Schema::new().await;
    schema.store().await;
    let store = tidings::sqlx_0_9::postgres_store(crate::postgres::pool().await, schema.options());
    store.enqueue(entries(2)).await.expect("stored");
    let leased = claim(&store, 10).await;
    assert_eq!(leased.len(), 2);
    assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
}
