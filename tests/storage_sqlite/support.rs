//! A folder that goes with the test, messages to put into stores, and processes.

use std::{
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{
    ConnectOptions, Row, SqliteConnection, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tidings::{
    Channel, Clock, MessageId, Sms, SystemClock, TenantId,
    message::{AnyMessage, Payload},
    storage::{Claim, Entry, Leased, Messages, Next, RecipientText, Record, Settlement, SqliteStore},
};

/// How long anything is waited for before the test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A folder that is deleted at the end.
#[derive(Debug)]
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        let name = format!("tidings-sqlite-{}-{:016x}", std::process::id(), fastrand::u64(..));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).expect("a folder for the test");
        Self(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("outbox.db")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) async fn open(folder: &Folder) -> SqliteStore {
    SqliteStore::open(folder.file()).await.expect("opened")
}

/// How a user might connect.
pub(crate) fn options(file: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(file).create_if_missing(true)
}

pub(crate) async fn pool(file: &Path) -> SqlitePool {
    SqlitePoolOptions::new().max_connections(4).connect_with(options(file)).await.expect("a pool")
}

/// A connection of someone else's.
pub(crate) async fn stranger(file: &Path) -> SqliteConnection {
    options(file).connect().await.expect("connected")
}

/// The first column of the first row.
pub(crate) async fn number(connection: &mut SqliteConnection, sql: &'static str) -> i64 {
    sqlx::query(sql).fetch_one(connection).await.expect("a row").get(0)
}

pub(crate) fn entry() -> Entry {
    let sms: AnyMessage = Sms::builder().to("+15005550006").body("Hi").build().expect("a message").into();
    let now = SystemClock.now();
    let to = vec![RecipientText("+15005550006".into())];
    let record = Record::new(MessageId::new(now), TenantId::DEFAULT, Channel::Sms, now, to);
    Entry::new(record, Payload::encode(&sms).expect("a payload"))
}

pub(crate) fn entries(count: usize) -> Vec<Entry> {
    (0..count).map(|_| entry()).collect()
}

pub(crate) async fn enqueue(store: &SqliteStore, count: usize) -> Vec<MessageId> {
    let answers = store.enqueue(entries(count)).await.expect("enqueued");
    answers.into_iter().map(|answer| answer.expect("new").id).collect()
}

pub(crate) fn everything(limit: usize) -> Claim {
    Claim::everything("test", limit, Duration::from_secs(60))
}

pub(crate) async fn claim(store: &SqliteStore, limit: usize) -> Vec<Leased> {
    store.claim(&everything(limit)).await.expect("claimed").leased
}

pub(crate) fn done(leased: &[Leased]) -> Vec<Settlement> {
    leased.iter().map(|leased| Settlement::new(leased, Next::Done, 1, Vec::new())).collect()
}

pub(crate) async fn settle(store: &SqliteStore, leased: &[Leased]) {
    let answers = store.settle(done(leased)).await.expect("settled");
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
}

/// The name of the variable that tells a child what to do.
const TASK: &str = "TIDINGS_SQLITE_TASK";

/// What this process was started for by [`child`]; `None` for the test run itself.
pub(crate) fn task() -> Option<PathBuf> {
    std::env::var_os(TASK).map(PathBuf::from)
}

/// Starts this program again, to run the test `name` on `file`.
pub(crate) fn child(name: &str, file: &Path) -> Child {
    let this = std::env::current_exe().expect("this program");
    let mut command = Command::new(this);
    command.args([name, "--exact", "--nocapture", "--test-threads=1"]).env(TASK, file);
    command.stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().expect("a child")
}

pub(crate) fn succeeded(mut child: Child) {
    assert!(child.wait().expect("its end").success(), "the child failed; what it said stands above");
}

/// Runs on a runtime of its own, with several threads.
pub(crate) fn run<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(work)
}
