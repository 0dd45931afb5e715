//! Claims work, and brings it to the point where only a free place is missing.

use std::sync::Arc;

use super::{
    attempt::{Boxed, Job},
    clock::StoreClock,
    crew::Crew,
    lease::Batch,
    mind::Order,
};
use crate::{
    error::Result,
    event::OnUnknown,
    message::Channel,
    messenger::Ready,
    storage::{Claim, Claimed, Lease, Leased},
    time::{Clock, Monotonic},
};

/// What a claim brought.
#[derive(Debug)]
pub(super) struct Catch {
    pub(super) jobs: Vec<Boxed>,
    /// How many messages of each channel were found.
    pub(super) found: Vec<(Channel, usize)>,
    /// When the next one is due, on our clock.
    pub(super) next_due: Option<Monotonic>,
    pub(super) suspects: bool,
    /// True if some may not wait here for a free place.
    pub(super) guarded: bool,
}

/// Claims what `order` says.
pub(super) async fn claim(crew: Arc<Crew>, order: Order) -> Result<Catch> {
    let (asked, begun) = (crew.clock.monotonic(), crew.floor().begun());
    let claimed = crew.line.messages().claim(&wish(&crew, &order)).await?;
    crew.floor().learn(begun);
    let next_due = claimed.next_due.map(|due| crew.clock.monotonic() + due.since(claimed.now));
    let mut catch = Catch {
        jobs: Vec::new(),
        found: Vec::new(),
        next_due,
        suspects: claimed.suspects,
        guarded: claimed.leased.iter().any(is_guarded),
    };
    if !claimed.leased.is_empty() {
        catch.jobs = jobs(&crew, claimed, asked, &order).await;
        let mut counts = [0; Channel::ALL.len()];
        catch.jobs.iter().for_each(|job| counts[job.ready.channel as usize] += 1);
        catch.found = Channel::ALL.into_iter().zip(counts).collect();
    }
    Ok(catch)
}

fn wish(crew: &Crew, order: &Order) -> Claim {
    let config = &crew.config;
    let claim = Claim::new(Arc::clone(&config.name), order.lanes.clone(), order.limit, config.lease);
    let claim = claim.within(config.scope.clone());
    match order.alone {
        // It is started with a write of its own: only what was handed over may be its third loss.
        true => claim.alone().begin(0),
        false => claim.begin(crew.floor().open()),
    }
}

fn is_guarded(leased: &Leased) -> bool {
    leased.terms.on_unknown != OnUnknown::Retry
}

async fn jobs(crew: &Crew, claimed: Claimed, asked: Monotonic, order: &Order) -> Vec<Boxed> {
    let Claimed { now, leased, .. } = claimed;
    let recovered = leased.iter().filter(|leased| leased.losses > 0).count();
    crew.counters.claimed.add(leased.len());
    crew.counters.recovered.add(recovered);
    let places = Batch::of(&leased, asked, crew.config.lease);
    places.iter().filter(|(_, place)| *place == 0).for_each(|(batch, _)| crew.add(batch));
    let clock: Arc<dyn Clock> = Arc::new(StoreClock::new(Arc::clone(&crew.clock), now, asked));
    let ready = crew.line.ready(leased, asked).await;
    let job = |((batch, place), ready): ((Arc<Batch>, usize), Ready)| {
        Box::new(Job { ready, batch, clock: Arc::clone(&clock), place })
    };
    started(crew, places.into_iter().zip(ready).map(job).collect(), order).await
}

/// Counts the starts of those whose policy wants it, and of suspects, durably: as many as there are free places.
/// What is beyond, or could not be started, is handed back.
async fn started(crew: &Crew, jobs: Vec<Boxed>, order: &Order) -> Vec<Boxed> {
    let is_guarded = |job: &Boxed| order.alone || is_guarded(&job.ready.leased);
    if !jobs.iter().any(is_guarded) {
        return jobs;
    }
    let (guarded, mut ready): (Vec<_>, Vec<_>) = jobs.into_iter().partition(is_guarded);
    let mut guarded = guarded.into_iter();
    let first: Vec<Boxed> = guarded.by_ref().take(order.free).collect();
    guarded.for_each(|job| job.give_back(crew));
    let leases: Vec<Lease> = first.iter().map(|job| job.ready.leased.lease).collect();
    let answers = match crew.line.messages().start(&leases).await {
        Ok(answers) => answers,
        Err(error) => {
            crew.counters.store_failures.one();
            tracing::warn!(%error, messages = first.len(), "starts could not be stored; the messages go back");
            first.into_iter().for_each(|job| job.give_back(crew));
            return ready;
        }
    };
    for (mut job, answer) in first.into_iter().zip(answers) {
        match answer {
            Ok(attempt) => {
                job.ready.leased.attempts = attempt.saturating_sub(1);
                job.batch.started(job.place);
                ready.push(job);
            }
            Err(_) => {
                crew.counters.lease_lost.one();
                job.batch.over(job.place);
            }
        }
    }
    ready
}
