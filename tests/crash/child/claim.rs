//! Claims, and nothing else.

use std::sync::Arc;

use tidings::storage::{Claim, Messages as _};

use super::{line::Mouth, store::Watched};
use crate::{fact::Orders, messages};

/// Claims with so many tasks until there is nothing left.
pub(crate) async fn claim(orders: &Orders, mouth: &Arc<Mouth>, tasks: usize) {
    let store = Arc::new(Watched::new(messages::open(&orders.place).await, mouth));
    let claimers = (0..tasks).map(|task| {
        let (store, lease) = (store.clone(), orders.work.lease);
        let worker = format!("claimer-{}-{task}", orders.who);
        tokio::spawn(async move {
            loop {
                let claim = Claim::everything(&*worker, fastrand::usize(1..500), lease);
                let claimed = store.claim(&claim).await.expect("the store answers");
                if claimed.leased.is_empty() {
                    break;
                }
            }
        })
    });
    for claimer in claimers.collect::<Vec<_>>() {
        claimer.await.expect("no panic");
    }
}
