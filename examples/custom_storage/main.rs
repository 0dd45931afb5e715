//! A store of your own: `Notebook` keeps everything in one map behind one lock, and passes the suite that
//! holds every store to its contract. In a database each `book()` below is a transaction, each
//! search through the rows an index.
//!
//! ```sh
//! cargo run --example custom_storage                       # enqueues, delivers, and prints what is known
//! cargo test --features testing --example custom_storage   # holds Notebook to the contract
//! ```

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tidings::{Clock, Email, Messenger, Result, SystemClock, providers::preview::Preview};

use book::Book;

mod book;
mod messages;
mod others;
mod row;

#[tokio::main]
async fn main() -> Result<()> {
    let store = Arc::new(Notebook::new(Arc::new(SystemClock)));
    let messenger = Messenger::builder().email(Preview::new()).store(Arc::clone(&store)).build()?;
    let email =
        Email::builder().from("shop@example.org").to("ada@example.org").subject("Hello").text("It works.");
    let queued = messenger.enqueue(email.build()?).key("hello-1").await?;
    println!("In the notebook: {store:?}\n");
    messenger.worker().build()?.run_until_idle().await?;
    for event in messenger.timeline(queued.id).await? {
        println!("{} {}", event.at, event.kind);
    }
    Ok(())
}

/// The store.
struct Notebook {
    clock: Arc<dyn Clock>,
    book: Mutex<Book>,
}

/// Shows no message.
impl fmt::Debug for Notebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notebook").field("messages", &self.book().rows.len()).finish_non_exhaustive()
    }
}

impl Notebook {
    fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, book: Mutex::default() }
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use tidings::{
        Timestamp,
        storage::{MemoryStore, Store},
        testing::{
            ManualClock,
            storage::{Harness, model},
        },
    };

    use super::*;

    struct NotebookHarness;

    impl Harness for NotebookHarness {
        type Store = Notebook;

        async fn open(&self, clock: Arc<dyn Clock>) -> Notebook {
            Notebook::new(clock)
        }
    }

    tidings::storage_conformance! { mod contract; harness: NotebookHarness }

    #[tokio::test]
    async fn it_answers_as_the_store_in_memory_does() {
        for seed in 0..5 {
            let clock = ManualClock::at(Timestamp::from_secs(1_767_225_600));
            let memory = MemoryStore::default().with_clock(Arc::new(clock.clone()));
            let notebook: Arc<dyn Store> = Arc::new(Notebook::new(Arc::new(clock.clone())));
            model::compare(Arc::new(memory), notebook, &clock, seed, 200).await;
        }
    }
}
