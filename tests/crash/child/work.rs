//! The messenger and the worker of a child.

use std::sync::Arc;

use tidings::{
    AnyMessage, CallContext, Messenger, Outgoing, Provider as _,
    storage::{Claim, Messages as _, Next, Settlement},
};

use super::{line::Mouth, store::Watched, vendor::SinkVendor};
use crate::{
    fact::{Fact, Orders},
    messages,
};

/// Enqueues and works, until it is asked to end.
pub(crate) async fn flow(orders: &Orders, mouth: &Arc<Mouth>, numbers: &[u32], batch: usize) {
    let (messenger, store) = messenger(orders, mouth).await;
    let producer = tokio::spawn(produce(messenger, mouth.clone(), numbers.to_vec(), batch));
    run(orders, mouth, store).await;
    producer.abort();
}

/// Works, until it is asked to end.
pub(crate) async fn work(orders: &Orders, mouth: &Arc<Mouth>) {
    let (_, store) = messenger(orders, mouth).await;
    run(orders, mouth, store).await;
}

async fn messenger(orders: &Orders, mouth: &Arc<Mouth>) -> (Messenger, Arc<Watched>) {
    let store = Arc::new(Watched { inner: messages::open(&orders.place).await, mouth: mouth.clone() });
    let vendor = SinkVendor { mouth: mouth.clone() };
    let builder = Messenger::builder().email(vendor).store(store.clone()).without_default_rate_limits();
    (builder.attempt_timeout(orders.work.attempt).build().expect("a valid messenger"), store)
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
async fn run(orders: &Orders, mouth: &Arc<Mouth>, store: Arc<Watched>) {
    let mut term =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signals");
    tokio::select! { _ = term.recv() => {}, () = work_loop(orders, mouth, store) => {} }
}

async fn work_loop(orders: &Orders, mouth: &Arc<Mouth>, store: Arc<Watched>) {
    let slots = Arc::new(tokio::sync::Semaphore::new(orders.work.concurrency));
    loop {
        let free = slots.available_permits();
        if free == 0 {
            tokio::time::sleep(std::time::Duration::from_millis(1)).await;
            continue;
        }
        let mut claim = Claim::everything(format!("crash-{}", orders.who), free, orders.work.lease);
        let mut claimed = store.claim(&claim).await.expect("claim");
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
                let _ = store.settle(vec![Settlement::new(&leased, next, 1, vec![])]).await;
                drop(permit);
            });
        }
    }
}
