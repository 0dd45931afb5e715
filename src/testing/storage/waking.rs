//! Rules of stores that tell waiting workers when there is work.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

use super::{
    Harness,
    trial::{PATIENCE, Trial},
};
use crate::storage::Messages;

/// Does as a worker does: `woken` before a claim that finds nothing, then waits for it.
async fn wakes<S: Messages>(trial: &Trial<S>, work: impl Future<Output = ()>) {
    let mut woken = pin!(trial.store.woken());
    // An end without work is a hint too many, which is allowed; only a missed one is not.
    let early = poll_fn(|cx| Poll::Ready(woken.as_mut().poll(cx).is_ready())).await;
    trial.claim_none("what is claimed before").await;
    work.await;
    let ended = early || tokio::time::timeout(PATIENCE, woken).await.is_ok();
    trial.holds(ended, || format!("`woken` did not end within {PATIENCE:?}"));
}

/// New messages wake.
pub async fn a_new_message_wakes<H: Harness>(harness: &H) {
    let trial =
        Trial::of(harness, "`woken` ends when a message is enqueued, also before it is awaited.").await;
    let work = async {
        trial.enqueue(trial.entry()).await;
    };
    wakes(&trial, work).await;
}

/// Whoever may know that there is work can wake the workers.
pub async fn wake_wakes<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`woken` ends at `wake`, also before it is awaited.").await;
    wakes(&trial, async { trial.good(trial.store.wake().await) }).await;
}

/// Every worker that waits is told.
pub async fn all_who_wait_are_woken<H: Harness>(harness: &H) {
    let trial = Trial::of(harness, "`wake` tells all workers that wait, and not one.").await;
    let (mut first, mut second) = (pin!(trial.store.woken()), pin!(trial.store.woken()));
    let early =
        poll_fn(|cx| Poll::Ready([first.as_mut().poll(cx).is_ready(), second.as_mut().poll(cx).is_ready()]))
            .await;
    trial.good(trial.store.wake().await);
    let ends = async |early: bool, woken| early || tokio::time::timeout(PATIENCE, woken).await.is_ok();
    let woken = tokio::join!(ends(early[0], first), ends(early[1], second));
    trial.equal("which of two were woken", woken, (true, true));
}
