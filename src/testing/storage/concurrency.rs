//! Rules of callers at the same moment.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use tokio::task::JoinSet;

use super::{
    Harness,
    trial::{LEASE, Trial, seconds},
};
use crate::{
    id::MessageId,
    storage::{Claim, Leased, Messages, Next, Settlement},
};

/// How many callers there are at once.
const CALLERS: usize = 64;

/// Runs the same work in many tasks at once.
async fn at_once<S: Messages, T: Send + 'static, F>(
    trial: &Trial<S>,
    callers: usize,
    work: impl Fn(Arc<S>, usize) -> F,
) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for caller in 0..callers {
        tasks.spawn(work(Arc::clone(&trial.store), caller));
    }
    tasks.join_all().await
}

/// Of many callers with one key, one makes the message.
pub async fn callers_with_one_key_make_one_message<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "64 callers at once with one key make one message, and all get its id.").await;
    let entries: Vec<_> = (0..CALLERS).map(|_| trial.keyed("k", "content")).collect();
    let answers = at_once(&trial, CALLERS, |store, caller| {
        let entry = entries[caller].clone();
        async move { store.enqueue(vec![entry]).await }
    })
    .await;
    let answers = answers.into_iter().flat_map(|answers| trial.good(answers));
    let answers: Vec<_> = answers.map(|answer| trial.good(answer)).collect();
    let ids: BTreeSet<_> = answers.iter().map(|answer| answer.id).collect();
    trial.equal("how many answers, and how many messages", (answers.len(), ids.len()), (CALLERS, 1));
    trial.equal("how many are fresh", answers.iter().filter(|answer| answer.fresh).count(), 1);
    trial.equal("how many are claimed", trial.claim().await.len(), 1);
}

/// Claims batches until there is nothing more, and settles them.
async fn work<S: Messages>(store: Arc<S>, worker: usize) -> crate::Result<Vec<Leased>> {
    let claim = Claim::everything(format!("worker-{worker}"), 7, LEASE);
    let mut all = Vec::new();
    loop {
        let leased = store.claim(&claim).await?.leased;
        if leased.is_empty() {
            return Ok(all);
        }
        let end = |leased| Settlement::new(leased, Next::Done, 1, Vec::new());
        for answer in store.settle(leased.iter().map(end).collect()).await? {
            answer?;
        }
        all.extend(leased);
    }
}

/// Claimers at the same moment never share a message.
pub async fn claimers_never_share_a_message<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Claimers at the same moment never get the same message, and miss none.").await;
    let mut made = trial.enqueue_all((0..500).map(|_| trial.entry()).collect()).await;
    let claimed = at_once(&trial, 16, work).await;
    let claimed = claimed.into_iter().flat_map(|leased| trial.good(leased));
    let mut claimed: Vec<MessageId> = claimed.map(|leased| leased.lease.id).collect();
    made.sort_unstable();
    claimed.sort_unstable();
    trial.holds(claimed == made, || {
        let different: BTreeSet<_> = claimed.iter().collect();
        format!("{} claims of {} messages, of {}", claimed.len(), different.len(), made.len())
    });
}

/// Claimers at the same moment never get two of one ordering key.
pub async fn claimers_never_share_an_ordering_key<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "Claimers at the same moment never lease two messages of one ordering key.").await;
    let keys = 10;
    trial.enqueue_all((0..200).map(|n| trial.ordered(&format!("key-{}", n % keys))).collect()).await;
    for _ in 0..3 {
        let claimed = at_once(&trial, 16, |store, worker| async move {
            store.claim(&Claim::everything(format!("worker-{worker}"), 9, LEASE)).await
        })
        .await;
        let leased: Vec<_> = claimed.into_iter().flat_map(|claimed| trial.good(claimed).leased).collect();
        let mut by_key: BTreeMap<_, usize> = BTreeMap::new();
        leased.iter().for_each(|leased| *by_key.entry(leased.terms.ordering_key.clone()).or_default() += 1);
        trial.holds(by_key.values().all(|count| *count == 1), || format!("leased by key: {by_key:?}"));
        trial.holds(!leased.is_empty(), || "nothing is claimed".into());
        for leased in &leased {
            trial.settle(leased, Next::Done).await;
        }
    }
}

/// A message that many settle is settled once.
pub async fn a_lease_is_settled_by_one_of_many<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Of many settlements of one lease at the same moment one succeeds.").await;
    let leased = trial.leased(trial.entry()).await;
    let answers = at_once(&trial, CALLERS, |store, _| {
        let settlement = Settlement::new(&leased, Next::Done, 1, Vec::new());
        async move { store.settle(vec![settlement]).await }
    })
    .await;
    let settled = answers.into_iter().flat_map(|answers| trial.good(answers));
    trial.equal("how many succeed", settled.filter(Result::is_ok).count(), 1);
}

/// What is lost is recovered once, whoever claims.
pub async fn a_loss_is_counted_once<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "Claimers at the same moment count a loss once.").await;
    let made = trial.enqueue_all((0..20).map(|_| trial.entry()).collect()).await;
    trial.equal("how many are claimed", trial.claim().await.len(), made.len());
    trial.clock.advance(LEASE + seconds(1));
    let claimed = at_once(&trial, 16, |store, worker| async move {
        store.claim(&Claim::everything(format!("worker-{worker}"), 3, LEASE)).await
    })
    .await;
    let claimed = claimed.into_iter().flat_map(|claimed| trial.good(claimed).leased);
    let losses: Vec<_> = claimed.map(|leased| leased.losses).collect();
    trial.equal("the losses of those who are claimed again", losses, vec![1; made.len()]);
}
