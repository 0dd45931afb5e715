//! The messenger and the worker of a child.

use std::sync::Arc;

use tidings::Messenger;
use tokio::signal::unix::{SignalKind, signal};

use super::{clock::OffClock, line::Mouth, store::Watched, vendor::SinkVendor};
use crate::{
    fact::{Fact, Orders},
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
    let store = Watched { inner: messages::open(&orders.place).await, mouth: mouth.clone() };
    let builder = Messenger::builder().email(SinkVendor { mouth: mouth.clone() }).store(store);
    let builder = builder.without_default_rate_limits().attempt_timeout(orders.work.attempt);
    let builder = match orders.clock_off {
        0 => builder,
        off => builder.clock(OffClock(off)),
    };
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

// INTERIM until the worker lands.
pub(crate) async fn run(orders: &Orders, mouth: &Arc<Mouth>, _: &Messenger) {
    let store = Arc::new(Watched { inner: messages::open(&orders.place).await, mouth: mouth.clone() });
    let mut term = signal(SignalKind::terminate()).expect("signals");
    tokio::select! { _ = term.recv() => {}, () = work_loop(orders, mouth, store) => {} }
}

async fn work_loop(orders: &Orders, mouth: &Arc<Mouth>, store: Arc<Watched>) {
    use tidings::{
        AnyMessage, CallContext, Outgoing, Provider as _,
        storage::{Claim, Messages as _, Next, Settlement},
    };
    let slots = Arc::new(tokio::sync::Semaphore::new(orders.work.concurrency));
    loop {
        let free = slots.available_permits();
        if free == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        }
        let mut claim = Claim::everything(format!("crash-{}", orders.who), free, orders.work.lease);
        let Ok(mut claimed) = store.claim(&claim).await else {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            continue;
        };
        if claimed.suspects {
            claim = claim.alone();
            claimed.leased.extend(store.claim(&claim).await.expect("claim").leased);
        }
        if claimed.leased.is_empty() {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
            continue;
        }
        for leased in claimed.leased {
            let permit = slots.clone().acquire_owned().await.expect("open");
            let (store, vendor) = (store.clone(), SinkVendor { mouth: mouth.clone() });
            tokio::spawn(async move {
                let AnyMessage::Email(email) = leased.payload.decode().expect("payload") else { return };
                let cx = CallContext::new(Arc::new(tidings::SystemClock));
                let item = Outgoing::new(
                    &email,
                    leased.lease.id,
                    &leased.tenant,
                    leased.key.as_deref().unwrap_or(""),
                );
                let sent = vendor.send(&cx, item).await;
                let next = if sent.is_ok() {
                    Next::Done
                } else {
                    Next::Later {
                        after: std::time::Duration::from_millis(50),
                        counted: true,
                        reason: "down".into(),
                        pending: None,
                        pinned: None,
                    }
                };
                while store.settle(vec![Settlement::new(&leased, next.clone(), 1, vec![])]).await.is_err() {
                    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
                }
                drop(permit);
            });
        }
    }
}
