//! The messenger and the worker of a child.

use std::sync::Arc;

use tidings::{Messenger, middleware::BreakerPolicy};
use tokio::signal::unix::{SignalKind, signal};

use super::{clock::OffClock, line::Mouth, store::Watched, vendor::SinkVendor};
use crate::{
    fact::{Fact, Orders, Work},
    messages,
};

/// Enqueues and works, until it is asked to end.
pub(crate) async fn flow(orders: &Orders, mouth: &Arc<Mouth>, numbers: &[u32], batch: usize) {
    let messenger = messenger(orders, mouth).await;
    tokio::spawn(produce(messenger.clone(), mouth.clone(), numbers.to_vec(), batch));
    run(orders, mouth, &messenger).await;
}

/// Works, until it is asked to end.
pub(crate) async fn work(orders: &Orders, mouth: &Arc<Mouth>) {
    run(orders, mouth, &messenger(orders, mouth).await).await;
}

/// A messenger that is watched, and whose vendor is the parent.
pub(crate) async fn messenger(orders: &Orders, mouth: &Arc<Mouth>) -> Messenger {
    let store = Watched::new(messages::open(&orders.place).await, mouth);
    let vendor = SinkVendor { mouth: mouth.clone(), clock: Arc::new(OffClock(orders.clock_off)) };
    let builder = Messenger::builder().email(vendor).store(store).clock(OffClock(orders.clock_off));
    let Work { attempt, cooldown, .. } = orders.work;
    let breaker = BreakerPolicy::new(BreakerPolicy::default().failures, cooldown);
    let builder = builder.without_default_rate_limits().attempt_timeout(attempt).breaker(breaker);
    builder.build().expect("a valid messenger")
}

/// Enqueues messages in batches, and says of each when it is durable.
async fn produce(messenger: Messenger, mouth: Arc<Mouth>, numbers: Vec<u32>, batch: usize) {
    for part in numbers.chunks(batch) {
        let answers = messenger.enqueue_many(part.iter().map(|number| messages::draft(*number))).await;
        let mut durable = Vec::with_capacity(part.len());
        for (number, answer) in part.iter().zip(answers) {
            match answer {
                Ok(_) => durable.push(*number),
                Err(error) => mouth.say(Fact::Fault(format!("enqueue: {error}"))),
            }
        }
        mouth.say(Fact::Enqueued(durable));
    }
}

/// Works until a TERM arrives, and then for as long as its grace is.
pub(crate) async fn run(orders: &Orders, mouth: &Arc<Mouth>, messenger: &Messenger) {
    let mut term = signal(SignalKind::terminate()).expect("signals");
    let Work { concurrency, lease, grace, .. } = orders.work;
    let worker = messenger.worker().name(format!("crash-{}", orders.who));
    let worker = worker.concurrency(concurrency).lease(lease).build().expect("a valid worker").spawn();
    term.recv().await;
    let report = worker.shutdown(grace).await;
    mouth.say(Fact::Noted(format!("{report:?}"), 0));
}
