//! The task that moves the marks of claims: what waits here ahead of its time must not begin before the store knows
//! that it may have.

use std::sync::Arc;

use super::{attempt::Boxed, backoff::Backoff, crew::Crew, lease::Batch};
use crate::error::{Error, ErrorKind};

/// Moves marks ahead of need, for as long as it is polled.
pub(super) async fn move_marks(crew: Arc<Crew>) {
    let mut backoff = Backoff::default();
    loop {
        crew.low.notified().await;
        while let Some((batch, place)) = next(&crew) {
            match move_mark(&crew, &batch, place).await {
                true => backoff.reset(),
                false => crew.clock.sleep_until(crew.clock.monotonic() + backoff.next()).await,
            }
        }
    }
}

/// Up to which of a claim's messages the mark is needed: the furthest, since those before it are passed with it.
fn next(crew: &Crew) -> Option<(Arc<Batch>, usize)> {
    let floor = crew.floor();
    let due = floor.due();
    let batch = Arc::clone(&due.first()?.batch);
    let own = due.iter().filter(|job| Arc::ptr_eq(&job.batch, &batch));
    let place = own.map(|job| job.place).max()?;
    Some((batch, place))
}

/// False if the store failed.
async fn move_mark(crew: &Crew, batch: &Arc<Batch>, place: usize) -> bool {
    let Some(last) = batch.lease_of(place) else { return true };
    let before = crew.floor().begun();
    let answer = crew.line.messages().begin(&last).await;
    crew.floor().learn(before);
    match answer {
        Ok(()) => {
            batch.let_begin(place);
            crew.floor().advance(|job| job.may_begin());
            crew.changed.notify_one();
            true
        }
        // It was handed back meanwhile, and only that.
        Err(error) if is_lost(&error) && !batch.waits(place) => true,
        Err(error) => {
            give_back(crew, batch, &error);
            is_lost(&error)
        }
    }
}

fn is_lost(error: &Error) -> bool {
    error.kind() == ErrorKind::LeaseLost
}

/// Hands back what may not begin now: whoever claims it next may have better luck.
fn give_back(crew: &Crew, batch: &Arc<Batch>, error: &Error) {
    let back = crew.withdraw(|job: &Boxed| Arc::ptr_eq(&job.batch, batch) && !job.may_begin());
    if !is_lost(error) {
        crew.counters.store_failures.one();
    }
    tracing::warn!(%error, messages = back.len(), "messages may not begin; they go back");
    back.into_iter().for_each(|job| job.give_back(crew));
    crew.changed.notify_one();
}
