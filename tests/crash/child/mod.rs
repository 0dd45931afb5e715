//! What a child does.

mod busy;
mod claim;
mod clock;
mod line;
mod store;
mod transact;
mod vendor;
mod work;

use crate::fact::{Fact, Job, Orders};

/// Follows the orders, and ends.
pub(crate) fn follow(orders: &Orders) {
    let mouth = line::Mouth::open(orders);
    // A caller's error is what some cases look for, and a panic is one.
    let to_say = mouth.clone();
    std::panic::set_hook(Box::new(move |panic| to_say.say(Fact::Noted(format!("panic: {panic}"), 0))));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build();
    runtime.expect("a runtime").block_on(async {
        match &orders.job {
            Job::Busy { tasks, turns, first } => busy::busy(orders, &mouth, *tasks, *turns, *first).await,
            Job::Claim { tasks } => claim::claim(orders, &mouth, *tasks).await,
            Job::Flow { numbers, batch } => work::flow(orders, &mouth, numbers, *batch).await,
            Job::Naive => busy::naive(orders, &mouth).await,
            Job::Transact { numbers } => transact::transact(orders, &mouth, numbers).await,
            Job::Work => work::work(orders, &mouth).await,
        }
    });
    mouth.say(Fact::Bye);
}
