//! What all stores on one file share within a process: whose turn it is to write, and the news.

use std::{
    path::{Path, PathBuf},
    pin::pin,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{SqliteConnection, sqlite::SqliteConnectOptions};
use tokio::sync::{Mutex as Turns, Notify};

use super::connect::{connect, for_reading};

/// How often the file is looked at for what other processes wrote, while someone waits for it.
const LOOK: Duration = Duration::from_millis(50);

/// What all stores on one file share.
#[derive(Debug, Default)]
pub(super) struct Hub {
    /// Who writes. SQLite's lock is taken by whoever comes at the right moment; this is a queue.
    pub(super) turns: Turns<()>,
    news: Notify,
    edition: AtomicU64,
    lookout: Turns<Option<Lookout>>,
}

/// A connection that sees when others write.
#[derive(Debug)]
struct Lookout {
    connection: SqliteConnection,
    version: i64,
}

impl Hub {
    /// That of this file.
    pub(super) fn of(file: &Path) -> Arc<Self> {
        static HUBS: Mutex<Vec<(PathBuf, Weak<Hub>)>> = Mutex::new(Vec::new());
        let mut hubs = HUBS.lock().unwrap_or_else(PoisonError::into_inner);
        hubs.retain(|(_, hub)| hub.strong_count() > 0);
        if let Some(hub) = hubs.iter().find(|(known, _)| known == file).and_then(|(_, hub)| hub.upgrade()) {
            return hub;
        }
        let hub = Arc::default();
        hubs.push((file.to_owned(), Arc::downgrade(&hub)));
        hub
    }

    /// Counts the news of this process.
    pub(super) fn edition(&self) -> u64 {
        self.edition.load(Ordering::Acquire)
    }

    /// There may be work.
    pub(super) fn tell(&self) {
        self.edition.fetch_add(1, Ordering::AcqRel);
        self.news.notify_waiters();
    }

    /// Ends when there are news that are not in `edition`, or another connection has written.
    pub(super) async fn news_since(&self, edition: u64, options: &SqliteConnectOptions) {
        let mut news = pin!(self.news.notified());
        news.as_mut().enable();
        if self.edition() != edition {
            return;
        }
        loop {
            tokio::select! {
                () = &mut news => return,
                () = tokio::time::sleep(LOOK) => self.look(options).await,
            }
        }
    }

    /// Tells all who wait if the file has changed since someone looked.
    async fn look(&self, options: &SqliteConnectOptions) {
        let mut lookout = self.lookout.lock().await;
        let Some(Lookout { mut connection, version }) = lookout.take() else {
            // What cannot be looked at now can be later; workers poll anyway.
            *lookout = Lookout::open(options).await.ok();
            return;
        };
        let Ok(seen) = data_version(&mut connection).await else { return };
        *lookout = Some(Lookout { connection, version: seen });
        drop(lookout);
        if seen != version {
            self.tell();
        }
    }

    /// Lets the file go.
    pub(super) async fn close(&self) {
        *self.lookout.lock().await = None;
    }
}

impl Lookout {
    async fn open(options: &SqliteConnectOptions) -> sqlx::Result<Self> {
        let mut connection = connect(&for_reading(options)).await?;
        let version = data_version(&mut connection).await?;
        Ok(Self { connection, version })
    }
}

/// Changes when another connection commits.
async fn data_version(connection: &mut SqliteConnection) -> sqlx::Result<i64> {
    sqlx::query_scalar("PRAGMA data_version").fetch_one(connection).await
}
