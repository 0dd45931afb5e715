//! Enqueueing in the caller's own transaction: committed means sent, rolled back means never seen.

#![cfg(all(feature = "sqlite", feature = "postgres", feature = "testing"))]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/postgres.rs"]
mod postgres;

use std::{future::IntoFuture, path::PathBuf};

use sqlx::{
    PgPool, SqlitePool,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use tidings::{
    Attachment, Draft, Email, ErrorKind, Messenger, Sms,
    sqlx_0_9::{begin_immediate, postgres_store, sqlite_store},
    storage::{Dialect, Param, QueueState, SqliteOptions, Store},
    testing::{Recorder, to},
};

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tidings-transaction-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

async fn sqlite(folder: &Folder) -> (SqlitePool, Messenger, Recorder) {
    let options = SqliteConnectOptions::new().filename(folder.0.join("app.db")).create_if_missing(true);
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await.expect("a file");
    sqlx::query("CREATE TABLE orders (id INTEGER)").execute(&pool).await.expect("a table");
    let store = sqlite_store(&pool, SqliteOptions::new()).await.expect("a file");
    store.migrate().await.expect("migrated");
    let (messenger, recorder) = messenger(store);
    (pool, messenger, recorder)
}

async fn postgres(schema: &postgres::Schema) -> (PgPool, Messenger, Recorder) {
    let pool = postgres::pool().await;
    let store = postgres_store(pool.clone(), schema.options());
    store.migrate().await.expect("migrated");
    let (messenger, recorder) = messenger(store);
    (pool, messenger, recorder)
}

fn messenger(store: impl Store) -> (Messenger, Recorder) {
    let recorder = Recorder::new();
    let builder = Messenger::builder().all_others(recorder.clone()).store(store);
    (builder.build().expect("complete"), recorder)
}

fn sms(to: &str) -> Sms {
    Sms::builder().from("Shop").to(to).body("Thank you for your order.").build().expect("valid")
}

fn email_with_file() -> Email {
    let file = Attachment::new("invoice.pdf", "application/pdf", vec![7; 4_000]).expect("valid");
    Email::builder().from("shop@x.org").to("ada@x.org").text("Hello").attach(file).build().expect("valid")
}

async fn waiting(messenger: &Messenger) -> u64 {
    messenger.queue_stats().await.expect("a store").depth(QueueState::Ready)
}

async fn drain(messenger: &Messenger) {
    messenger.worker().build().expect("complete").run_until_idle().await.expect("a store");
}

const KEPT: &str = "+15005550001";
const DROPPED: &str = "+15005550002";

/// The rules, for both databases: `$begin` begins a transaction.
macro_rules! rules {
    ($pool:ident, $messenger:ident, $recorder:ident, $begin:expr) => {
        let mut tx = $begin;
        $messenger.enqueue_in(&mut tx, sms(DROPPED)).await.expect("taken");
        tx.rollback().await.expect("rolled back");
        let mut tx = $begin;
        let kept =
            $messenger.enqueue_in(&mut tx, sms(KEPT)).key("order-1").ordering_key("c").await.expect("taken");
        assert!(kept.fresh);
        tx.commit().await.expect("committed");
        $messenger.wake().await.expect("awake");
        assert_eq!(waiting(&$messenger).await, 1);

        let mut tx = $begin;
        let again = $messenger.enqueue_in(&mut tx, sms(KEPT)).key("order-1").await.expect("known");
        assert_eq!((again.id, again.fresh), (kept.id, false));
        let error =
            $messenger.enqueue_in(&mut tx, sms(DROPPED)).key("order-1").await.expect_err("other content");
        assert_eq!((error.kind(), error.message_id()), (ErrorKind::Conflict, Some(kept.id)));
        let second = Draft::new(sms(KEPT)).ordering_key("c").category("second");
        $messenger.enqueue_in(&mut tx, second).await.expect("one may go on after a conflict");
        let file = $messenger.enqueue_in(&mut tx, email_with_file()).await.expect("taken");
        tx.commit().await.expect("committed");

        drain(&$messenger).await;
        assert_eq!($messenger.statuses(file.id).await.expect("a store"), [tidings::Status::Accepted]);
        $recorder.assert_sent(to("ada@x.org"));
        $recorder.assert_count(2, to(KEPT));
        $recorder.assert_none_sent(to(DROPPED));
    };
}

#[tokio::test]
async fn in_sqlite_committed_means_sent_and_rolled_back_means_never_seen() {
    let folder = Folder::new("rules");
    let (pool, messenger, recorder) = sqlite(&folder).await;
    rules!(pool, messenger, recorder, begin_immediate(&pool).await.expect("a turn"));
}

#[tokio::test]
async fn in_postgres_committed_means_sent_and_rolled_back_means_never_seen() {
    let schema = postgres::Schema::new().await;
    let (pool, messenger, recorder) = postgres(&schema).await;
    rules!(pool, messenger, recorder, pool.begin().await.expect("begun"));
}

#[tokio::test]
async fn a_reader_that_cannot_become_a_writer_is_told_so() {
    let folder = Folder::new("reader");
    let (pool, messenger, _) = sqlite(&folder).await;
    let mut reader = pool.begin().await.expect("begun");
    sqlx::query("SELECT count(*) FROM orders").execute(&mut *reader).await.expect("read");
    // Another writes meanwhile: what the reader saw is old, and no waiting makes it new.
    messenger.enqueue(sms(KEPT)).await.expect("taken");
    let error = messenger.enqueue_in(&mut reader, sms(DROPPED)).await.expect_err("it is too late");
    assert_eq!(error.kind(), ErrorKind::Conflict);
    assert!(error.to_string().contains("begin_immediate"), "{error}");
}

#[tokio::test]
async fn a_transaction_of_another_database_is_refused() {
    let (folder, schema) = (Folder::new("other"), postgres::Schema::new().await);
    let (pool, _, _) = sqlite(&folder).await;
    let (_, messenger, _) = postgres(&schema).await;
    let mut tx = begin_immediate(&pool).await.expect("a turn");
    let error = messenger.enqueue_in(&mut tx, sms(KEPT)).await.expect_err("another database");
    assert_eq!(error.kind(), ErrorKind::Config);
    let memory = Messenger::builder().all_others(Recorder::new()).build().expect("complete");
    let error = memory.enqueue_in(&mut tx, sms(KEPT)).await.expect_err("no database");
    assert!(error.to_string().contains("SqliteStore"), "{error}");
}

#[tokio::test]
async fn another_driver_executes_the_statements() {
    let schema = postgres::Schema::new().await;
    let (_, messenger, recorder) = postgres(&schema).await;
    let dialect = Dialect::postgres().with_schema(&schema.0).expect("plain");
    let (mut client, connection) =
        tokio_postgres::connect(&postgres::url(), tokio_postgres::NoTls).await.expect("the test's server");
    tokio::spawn(connection);
    let tx = client.transaction().await.expect("begun");
    for draft in [
        Draft::new(email_with_file()),
        Draft::new(sms(KEPT)).key("k").expires(tidings::Timestamp::from_secs(4_000_000_000)),
    ] {
        let prepared = messenger.prepare(draft).expect("admitted");
        for statement in prepared.statements(&dialect) {
            let params: Vec<Box<dyn tokio_postgres::types::ToSql + Sync + Send>> =
                statement.params.into_iter().map(boxed).collect();
            let params: Vec<&(dyn tokio_postgres::types::ToSql + Sync)> =
                params.iter().map(|param| &**param as _).collect();
            let affected = tx.execute(&*statement.sql, &params).await.expect(&statement.sql);
            assert!(!statement.decides || affected == 1);
        }
    }
    tx.commit().await.expect("committed");
    drain(&messenger).await;
    recorder.assert_sent(to(KEPT));
    recorder.assert_sent(to("ada@x.org"));
}

fn boxed(param: Param) -> Box<dyn tokio_postgres::types::ToSql + Sync + Send> {
    match param {
        Param::Bytes(bytes) => Box::new(bytes.map(|bytes| bytes.to_vec())),
        Param::Int(number) => Box::new(number),
        Param::Small(number) => Box::new(number),
        Param::Text(text) => Box::new(text),
        Param::Uuid(uuid) => Box::new(uuid),
        _ => unreachable!("all kinds of this version"),
    }
}

#[tokio::test]
async fn the_future_borrows_only_the_transaction() {
    let folder = Folder::new("future");
    let (pool, messenger, _) = sqlite(&folder).await;
    let mut tx = begin_immediate(&pool).await.expect("a turn");
    let request = messenger.enqueue_in(&mut tx, sms(KEPT)).into_future();
    fn is_send<T: Send>(_: &T) {}
    is_send(&request);
    drop(messenger);
    request.await.expect("taken");
}
