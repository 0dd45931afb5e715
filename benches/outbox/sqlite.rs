//! On SQLite: a backlog delivered, and what a long queue costs.

use std::path::{Path, PathBuf};

use sqlx::{Connection, SqliteConnection, sqlite::SqliteConnectOptions};
use tidings::{Messenger, storage::SqliteStore};

use crate::{
    measure::{self, Meter, Sample},
    message, ours,
    raw::sqlite::Raw,
};

/// A folder that goes with this value.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        // Beside what was built: on a disk, where a temporary folder may be in memory.
        let base = option_env!("CARGO_TARGET_TMPDIR").map_or_else(std::env::temp_dir, PathBuf::from);
        let path = base.join(format!("tidings-bench-{name}.{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// A new file, in place of one of this name.
    pub(crate) async fn empty(&self, name: &str) -> PathBuf {
        for ending in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(self.file(&format!("{name}{ending}")));
        }
        let store = SqliteStore::open(self.file(name)).await.expect("a file");
        store.close().await;
        self.file(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn fill(path: &Path, backlog: usize) {
    let mut raw = Raw::open(path, String::new()).await;
    raw.insert(backlog, &message::stored(&message::email())).await;
    raw.close().await;
}

/// What our settle writes.
async fn events(path: &Path) -> String {
    let options = SqliteConnectOptions::new().filename(path);
    let mut connection = SqliteConnection::connect_with(&options).await.expect("a file");
    let query = sqlx::query_scalar("SELECT events FROM tidings_history LIMIT 1");
    query.fetch_one(&mut connection).await.expect("an entry")
}

async fn open(path: &Path) -> (SqliteStore, Messenger) {
    let store = SqliteStore::open(path).await.expect("a file");
    (store.clone(), ours::messenger(store))
}

pub(crate) async fn deliver_ours(folder: &Folder, backlog: usize) -> Sample {
    let path = folder.empty("ours.db").await;
    fill(&path, backlog).await;
    let (store, messenger) = open(&path).await;
    let work = async { assert_eq!(ours::drain(&messenger).await, backlog) };
    let sample = Meter::default().run(backlog, work).await;
    store.close().await;
    sample
}

async fn deliver_raw(folder: &Folder, backlog: usize, events: &str) -> Sample {
    let path = folder.empty("raw.db").await;
    fill(&path, backlog).await;
    let mut raw = Raw::open(&path, events.to_owned()).await;
    let sample = Meter::default().run(backlog, async { assert_eq!(raw.drain().await, backlog) }).await;
    raw.close().await;
    sample
}

pub(crate) async fn deliver() -> Vec<f64> {
    let folder = Folder::new("sqlite");
    let backlog = measure::size("TIDINGS_BENCH_SQLITE", 50_000);
    deliver_ours(&folder, 500).await;
    let events = events(&folder.file("ours.db")).await;
    let what = format!("a backlog of {backlog} in SQLite, delivered");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 7);
    let ours = async || deliver_ours(&folder, backlog).await;
    let theirs = async || deliver_raw(&folder, backlog, &events).await;
    vec![measure::ratio(&what, rounds, ours, ("by hand", theirs)).await]
}

/// A file where so many wait all the time: each round enqueues and delivers as many.
struct Deep {
    messenger: Messenger,
    store: SqliteStore,
}

impl Deep {
    async fn new(folder: &Folder, waiting: usize) -> Self {
        let path = folder.empty(&format!("{waiting}.db")).await;
        fill(&path, waiting).await;
        let (store, messenger) = open(&path).await;
        Self { messenger, store }
    }

    async fn round(&self, count: usize) -> Sample {
        let email = message::email();
        let work = async {
            for _ in 0..count / 1_000 {
                let answers = self.messenger.enqueue_many(vec![email.clone(); 1_000]).await;
                assert!(answers.iter().all(Result::is_ok), "all were enqueued");
            }
            ours::deliver(&self.messenger, count).await;
        };
        Meter::default().run(count, work).await
    }
}

pub(crate) async fn depth() -> Vec<f64> {
    let folder = Folder::new("depth");
    let deep = measure::size("TIDINGS_BENCH_DEPTH", 1_000_000);
    let (many, few) = (Deep::new(&folder, deep).await, Deep::new(&folder, 10_000).await);
    let what = format!("10,000 enqueued and delivered in SQLite where {deep} wait and where 10,000 do");
    let rounds = measure::size("TIDINGS_BENCH_ROUNDS", 7);
    // The ratio of costs is that of speeds the other way round.
    let (shallow, deep) = (async || few.round(10_000).await, async || many.round(10_000).await);
    let ratio = measure::ratio(&what, rounds, shallow, ("with the long queue", deep)).await;
    many.store.close().await;
    few.store.close().await;
    vec![ratio]
}
