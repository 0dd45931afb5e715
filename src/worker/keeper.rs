//! The task that keeps leases alive, and the one that looks what is paused.

use std::{sync::Arc, time::Duration};

use super::{attempt::Boxed, crew::Crew, lease::Batch, pace::Signal};
use crate::{
    error::Result,
    storage::{Lease, Pause},
    time::Monotonic,
};

/// For so long after its end an attempt may still be about to notice it.
const PATIENCE: Duration = Duration::from_secs(5);

/// Renews leases when a third of them has passed, for as long as it is polled.
pub(super) async fn keep(crew: Arc<Crew>) {
    loop {
        let live = crew.live();
        let now = crew.clock.monotonic();
        for batch in live.iter().filter(|batch| batch.renew_at() <= now) {
            give_up_stuck(&crew, batch, now);
            renew(&crew, batch, now).await;
        }
        let next = live.iter().filter(|batch| !batch.is_over()).map(|batch| batch.renew_at()).min();
        // After a failure the next look is soon, but no tight loop.
        let soonest = crew.clock.monotonic() + crew.config.lease / 30;
        match next {
            Some(at) => crew.clock.sleep_until(at.max(soonest)).await,
            None => crew.claimed.notified().await,
        }
    }
}

async fn renew(crew: &Crew, batch: &Arc<Batch>, now: Monotonic) {
    let live = batch.live(now);
    if live.is_empty() {
        return;
    }
    let leases: Vec<Lease> = live.iter().map(|(_, lease)| *lease).collect();
    match crew.line.messages().renew(&leases, crew.config.lease).await {
        Ok(answers) => {
            batch.renewed(now);
            note(crew, batch, &live, answers);
        }
        Err(error) => {
            crew.counters.store_failures.one();
            tracing::warn!(%error, leases = leases.len(), "leases could not be renewed yet");
        }
    }
}

fn note(crew: &Crew, batch: &Arc<Batch>, live: &[(usize, Lease)], answers: Vec<Result<()>>) {
    let lost: Vec<usize> = live
        .iter()
        .zip(answers)
        .filter(|(_, answer)| answer.is_err())
        .map(|((place, _), _)| *place)
        .collect();
    if lost.is_empty() {
        return;
    }
    let is_lost = |job: &Boxed| Arc::ptr_eq(&job.batch, batch) && lost.contains(&job.place);
    let waiting = crew.withdraw(is_lost);
    waiting.iter().for_each(|job| batch.over(job.place));
    crew.counters.lease_lost.add(waiting.len());
    tracing::warn!(leases = lost.len(), waiting = waiting.len(), "leases were lost; what waited is dropped");
}

/// An attempt that blocks its thread cannot be broken off; its place is needed all the same.
fn give_up_stuck(crew: &Crew, batch: &Batch, now: Monotonic) {
    for channel in batch.stuck(now, PATIENCE) {
        crew.counters.stuck.one();
        tracing::error!(%channel, "an attempt does not end: a provider blocks its thread");
        crew.free(channel, Signal::Silent);
    }
}

/// Looks what is paused, as often as for work.
pub(super) async fn watch_pauses(crew: Arc<Crew>) {
    loop {
        look_at_pauses(&crew).await;
        crew.clock.sleep_until(crew.clock.monotonic() + crew.config.poll).await;
    }
}

pub(super) async fn look_at_pauses(crew: &Crew) {
    match crew.line.messages().pauses().await {
        Ok(pauses) => apply(crew, pauses),
        Err(error) => {
            crew.counters.store_failures.one();
            tracing::debug!(%error, "what is paused is not known; it stays as it was");
        }
    }
}

fn apply(crew: &Crew, pauses: Vec<Pause>) {
    let names = pauses.iter().filter_map(|pause| match pause {
        Pause::Provider(name) => Some(Arc::clone(name)),
        _ => None,
    });
    crew.pauses.set(names.collect());
    let is_paused = |job: &Boxed| {
        pauses.iter().any(|pause| match pause {
            Pause::All => true,
            Pause::Channel(channel) => *channel == job.ready.channel,
            Pause::Provider(_) => false,
            Pause::Tenant(tenant) => *tenant == job.ready.leased.tenant,
        })
    };
    if pauses.iter().all(|pause| matches!(pause, Pause::Provider(_))) {
        return;
    }
    let waiting = crew.withdraw(is_paused);
    waiting.into_iter().for_each(|job| job.give_back(crew));
}
