//! Servers that go away, that only read, that have no space left.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use sqlx::AssertSqlSafe;
use tidings::{
    ErrorKind, MessageId, Retry,
    storage::{Messages, PostgresOptions, PostgresStore},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::{
    helpers::{PATIENCE, claim, done, enqueue, entries, entry, until},
    postgres::{Schema, pool, url},
};

/// A server of a test's own, that may be stopped.
struct Server {
    folder: PathBuf,
    process: Child,
    url: String,
}

fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name)
}

impl Server {
    async fn start(name: &str) -> Self {
        let folder = PathBuf::from(format!("/tmp/tidings-postgres-{name}.{}", std::process::id()));
        let pid = std::process::id().to_string();
        let process = Command::new(script("postgres_up.sh"))
            .arg(&folder)
            .args(["600", &pid])
            .stdin(Stdio::null())
            // Not the test's own outputs: the server keeps them open for longer than the test lives.
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let env = folder.join("env");
        until("the server is up", || async { env.exists() }).await;
        let text = std::fs::read_to_string(env).expect("its address");
        let url =
            text.lines().find_map(|line| line.strip_prefix("TIDINGS_TEST_POSTGRES_URL=")).expect("a URL");
        Self { folder, process, url: url.to_owned() }
    }

    /// Stops, starts or restarts it, without asking anyone.
    async fn control(&self, action: &'static str) {
        let mut command = Command::new(script("postgres_ctl.sh"));
        command.arg(&self.folder).arg(action);
        let done = tokio::task::spawn_blocking(move || command.status()).await.expect("no panic");
        assert!(done.expect("it runs").success(), "{action}");
    }

    async fn store(&self) -> PostgresStore {
        let options = PostgresOptions::new().connections(4).patience(Duration::from_secs(2));
        let store = PostgresStore::connect_with(&self.url, options).await.expect("the server answers");
        store.migrate().await.expect("migrated");
        store
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its own end stops the server.
        let _ = Command::new("kill").arg(self.process.id().to_string()).status();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Enqueues until it is told to stop; answers what was taken, and how often that failed.
async fn write_until(
    store: PostgresStore,
    count: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
) -> (Vec<MessageId>, u32) {
    let (mut taken, mut failures) = (Vec::new(), 0);
    while !stop.load(Ordering::SeqCst) {
        match store.enqueue(entries(10)).await {
            Ok(answers) => taken.extend(answers.into_iter().map(|answer| answer.expect("taken").id)),
            Err(error) => {
                assert_eq!((error.kind(), error.retry()), (ErrorKind::Storage, Retry::Backoff), "{error}");
                failures += 1;
            }
        }
        count.store(taken.len(), Ordering::SeqCst);
    }
    (taken, failures)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_restarted_loses_nothing() {
    let server = Server::start("restart").await;
    let store = server.store().await;
    let (count, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
    let writer = tokio::spawn(write_until(store.clone(), Arc::clone(&count), Arc::clone(&stop)));
    for _ in 0..3 {
        let before = count.load(Ordering::SeqCst);
        until("more is stored", || async { count.load(Ordering::SeqCst) > before + 500 }).await;
        server.control("restart").await;
        let works = until("it works again", || async { store.pauses().await.is_ok() });
        tokio::time::timeout(Duration::from_secs(5), works).await.expect("within five seconds");
    }
    stop.store(true, Ordering::SeqCst);
    let (taken, failures) = writer.await.expect("no panic");
    assert!(failures > 0, "the restarts must strike");
    for id in taken.iter().step_by(97) {
        assert!(store.tenant_of(*id).await.expect("read").is_some(), "lost");
    }
    let mut claimed = 0;
    loop {
        let leased = claim(&store, 500).await;
        if leased.is_empty() {
            break;
        }
        claimed += leased.len();
        assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
    }
    assert!(claimed >= taken.len(), "{claimed} of {}", taken.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_server_that_is_down_is_an_error_that_passes() {
    let server = Server::start("down").await;
    let store = server.store().await;
    enqueue(&store, 1).await;
    let woken = store.woken();
    claim(&store, 1).await;
    drop(woken);
    server.control("stop").await;
    let error = tokio::time::timeout(PATIENCE, store.enqueue(vec![entry()])).await.expect("it answers");
    let error = error.expect_err("nobody is there");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Storage, Retry::Backoff), "{error}");
    server.control("start").await;
    until("it works again", || async { store.enqueue(vec![entry()]).await.is_ok() }).await;
}

#[tokio::test]
async fn a_connection_that_only_reads_is_left() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let name = format!("readonly_{}", std::process::id());
    let run = async |sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("it runs");
    };
    run(format!("CREATE DATABASE {name}")).await;
    let url = url().rsplit_once('/').map(|(server, _)| format!("{server}/{name}")).expect("a database");
    let connect = || PostgresStore::connect_with(&url, schema.options().connections(1));
    let store = connect().await.expect("it answers");
    store.migrate().await.expect("migrated");
    store.close().await;
    // As a server is that was the first until the last failover: connections to it stay as they are.
    run(format!("ALTER DATABASE {name} SET default_transaction_read_only = on")).await;
    let store = connect().await.expect("it answers");
    let error = store.enqueue(vec![entry()]).await.expect_err("it only reads");
    assert_eq!(
        (error.kind(), error.code(), error.retry()),
        (ErrorKind::Storage, Some("25006"), Retry::Backoff)
    );
    run(format!("ALTER DATABASE {name} SET default_transaction_read_only = off")).await;
    let answers = store.enqueue(vec![entry()]).await.expect("the next one writes");
    assert!(answers[0].is_ok());
    store.close().await;
    run(format!("DROP DATABASE {name} WITH (FORCE)")).await;
}

#[tokio::test]
async fn a_full_disk_is_told_and_outlived() {
    let (schema, pool) = (Schema::new().await, pool().await);
    let store = schema.store().await;
    let run = async |sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&pool).await.expect("it runs");
    };
    let messages = schema.table("messages");
    // What the server says when it cannot make a table larger.
    run(format!(
        "CREATE FUNCTION {0}.full() RETURNS trigger LANGUAGE plpgsql AS \
         $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$; \
         CREATE TRIGGER full_disk BEFORE INSERT ON {messages} FOR EACH STATEMENT EXECUTE FUNCTION {0}.full()",
        schema.0
    ))
    .await;
    let error = store.enqueue(vec![entry()]).await.expect_err("no space");
    assert_eq!(
        (error.kind(), error.code(), error.retry()),
        (ErrorKind::Storage, Some("53100"), Retry::Backoff)
    );
    run(format!("DROP TRIGGER full_disk ON {messages}")).await;
    assert!(store.enqueue(vec![entry()]).await.expect("stored")[0].is_ok());
}

/// Passes bytes on to the server until it is told to forget them, as a firewall does.
async fn proxy(server: String, deaf: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("bound").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&server).await.expect("the server");
            let (client, server) = (client.into_split(), server.into_split());
            tokio::spawn(pass(client.0, server.1, Arc::clone(&deaf)));
            tokio::spawn(pass(server.0, client.1, Arc::clone(&deaf)));
        }
    });
    port
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, deaf: Arc<AtomicBool>) {
    // Connections that were made before it went deaf stay deaf for ever.
    let mut forgotten = false;
    let mut buffer = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer).await {
        forgotten |= deaf.load(Ordering::SeqCst);
        if !forgotten && to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_connection_that_went_dead_silently_is_given_up() {
    let schema = Schema::new().await;
    schema.store().await;
    let (login, rest) = url().split_once('@').map(|(a, b)| (a.to_owned(), b.to_owned())).expect("a login");
    let (server, database) = rest.split_once('/').expect("a database");
    let deaf = Arc::new(AtomicBool::new(false));
    let port = proxy(server.to_owned(), Arc::clone(&deaf)).await;
    let options =
        schema.options().connections(2).limit(Duration::from_secs(1)).patience(Duration::from_secs(2));
    let store = PostgresStore::connect_with(&format!("{login}@127.0.0.1:{port}/{database}"), options).await;
    let store = store.expect("it answers");
    enqueue(&store, 1).await;
    deaf.store(true, Ordering::SeqCst);
    let error =
        tokio::time::timeout(PATIENCE, claim_result(&store)).await.expect("it answers").expect_err("silence");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::Storage, Retry::Backoff), "{error}");
    deaf.store(false, Ordering::SeqCst);
    until("it works again", || async { claim_result(&store).await.is_ok() }).await;
}

async fn claim_result(store: &PostgresStore) -> tidings::Result<usize> {
    let claim = tidings::storage::Claim::everything("test", 10, Duration::from_secs(60));
    Ok(store.claim(&claim).await?.leased.len())
}
