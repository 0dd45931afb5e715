//! Long queues: what cannot go is not looked at again and again.

use std::time::{Duration, Instant};

use tidings::storage::{Entry, Messages, Next, Pause, QueueState, Scope, Settlement, SqliteStore};

use super::support::{Folder, claim, entries, open, settle};

async fn enqueue(store: &SqliteStore, count: usize, change: impl Fn(&mut Entry)) {
    for _ in 0..count / 1_000 {
        let mut entries = entries(1_000);
        entries.iter_mut().for_each(&change);
        store.enqueue(entries).await.expect("enqueued");
    }
}

/// How long `rounds` claims take.
async fn time(store: &SqliteStore, rounds: u32) -> Duration {
    let begun = Instant::now();
    for _ in 0..rounds {
        let leased = claim(store, 1).await;
        assert_eq!(leased.len(), 1);
        settle(store, &leased).await;
    }
    begun.elapsed() / rounds
}

#[tokio::test]
async fn messages_behind_others_of_their_key_are_not_looked_at() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 30_000, |entry| entry.terms.ordering_key = Some("one".into())).await;
    let first = claim(&store, 10).await;
    assert_eq!(first.len(), 1, "one at a time");
    let later = Next::Later {
        after: Duration::from_secs(3_600),
        counted: true,
        reason: "busy".into(),
        pending: None,
        pinned: None,
    };
    store.settle(vec![Settlement::new(&first[0], later, 1, Vec::new())]).await.expect("settled");
    enqueue(&store, 1_000, |_| {}).await;
    let with = time(&store, 50).await;
    let empty = Folder::new();
    let free = open(&empty).await;
    enqueue(&free, 1_000, |_| {}).await;
    let without = time(&free, 50).await;
    assert!(
        with < without * 4 + Duration::from_millis(4),
        "{with:?} with 29,999 behind one, {without:?} alone"
    );
}

#[tokio::test]
async fn messages_of_a_paused_tenant_are_met_once() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let tenant: tidings::TenantId = "paused".parse().expect("a tenant");
    enqueue(&store, 10_000, |entry| entry.record.tenant = tenant.clone()).await;
    enqueue(&store, 1_000, |_| {}).await;
    store.pause(&Pause::Tenant(tenant.clone())).await.expect("paused");
    for _ in 0..20 {
        settle(&store, &claim(&store, 5).await).await;
    }
    let stats = store.stats(&Scope::Tenant(tenant.clone())).await.expect("stats");
    assert_eq!(stats.depth(QueueState::Paused), 10_000, "all were put aside");
    store.resume(&Pause::Tenant(tenant.clone())).await.expect("resumed");
    let stats = store.stats(&Scope::Tenant(tenant)).await.expect("stats");
    assert_eq!(stats.depth(QueueState::Ready), 10_000, "all are back");
    assert_eq!(claim(&store, 20_000).await.len(), 10_900);
}
