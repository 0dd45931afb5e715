//! Our side: a messenger over a store, and its worker.

use tidings::{
    Messenger,
    storage::{PostgresOptions, PostgresStore, Store},
};

use crate::message::Nothing;

/// A messenger over `store` whose vendor does nothing.
pub(crate) fn messenger(store: impl Store) -> Messenger {
    Messenger::builder().email(Nothing).store(store).build().expect("valid")
}

/// The store in a schema of its own, which is made anew.
pub(crate) async fn postgres(url: &str, schema: &str) -> PostgresStore {
    let options = PostgresOptions::new().schema(schema).expect("a plain name");
    let store = PostgresStore::connect_with(url, options).await.expect("a server");
    store.migrate().await.expect("tables");
    store
}

/// Delivers all that waits; answers how many messages.
pub(crate) async fn drain(messenger: &Messenger) -> usize {
    let worker = messenger.worker().build().expect("valid");
    let stats = worker.run_until_idle().await.expect("a store that works");
    usize::try_from(stats.sent).expect("a small number")
}

/// Delivers `count` messages, and breaks off nothing.
pub(crate) async fn deliver(messenger: &Messenger, count: usize) {
    let worker = messenger.worker().build().expect("valid").spawn();
    while worker.stats().sent < count as u64 {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    worker.shutdown(std::time::Duration::from_secs(10)).await;
}
