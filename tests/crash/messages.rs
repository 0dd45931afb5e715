//! The suite's messages, and the store that they are in.

use std::sync::Arc;

use tidings::{
    Draft, Email, MessageId, Messenger,
    providers::preview::Preview,
    storage::{MemoryStore, PostgresStore, Record, SqliteStore, Store},
};

use crate::fact::Place;

/// The message of this number: it carries the number in its subject, and a key made of it.
pub(crate) fn draft(number: u32) -> Draft {
    poisoned(number, "")
}

/// The same, which does something evil to its provider: `aborts`, `hangs` or `panics`.
pub(crate) fn poisoned(number: u32, poison: &str) -> Draft {
    let email = Email::builder()
        .from("shop@example.org")
        .to("ada@example.org")
        .subject(format!("{number} {poison}"))
        .text("Your order is on its way.");
    Draft::new(email.build().expect("a valid message")).key(format!("number-{number}"))
}

/// The number of a message, by its key.
pub(crate) fn number_of(record: &Record) -> Option<u32> {
    record.key.as_ref()?.strip_prefix("number-")?.parse().ok()
}

/// Opens the store; its tables are there.
pub(crate) async fn open(place: &Place) -> Arc<dyn Store> {
    match place {
        Place::Memory => Arc::new(MemoryStore::default()),
        Place::Postgres(url) => Arc::new(PostgresStore::connect(url).await.expect("the server is up")),
        Place::Sqlite(path) => Arc::new(SqliteStore::open(path).await.expect("a file of our own")),
    }
}

/// A messenger of the parent's own, that enqueues and looks, and sends nothing.
pub(crate) async fn desk(place: &Place) -> Messenger {
    let builder = Messenger::builder().email(Preview::silent()).store(open(place).await);
    builder.build().expect("a valid messenger")
}

/// Enqueues these in one go; their ids, in order.
pub(crate) async fn enqueue(desk: &Messenger, drafts: impl IntoIterator<Item = Draft>) -> Vec<MessageId> {
    let answers = desk.enqueue_many(drafts).await.into_iter();
    answers.map(|answer| answer.expect("the store takes it").id).collect()
}
