//! What several of these tests need.

use std::{
    future::Future,
    process::{Child, Command, Stdio},
    time::Duration,
};

use tidings::{
    Channel, Clock, MessageId, Sms, SystemClock, TenantId, Timestamp,
    message::Payload,
    storage::{Claim, Entry, Leased, Messages, Next, PostgresStore, RecipientText, Record, Settlement},
};

pub(crate) const LEASE: Duration = Duration::from_secs(60);

/// What no machine needs, however slow it is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A message taken at a moment.
pub(crate) fn entry_at(at: Timestamp) -> Entry {
    let sms =
        Sms::builder().from("Inn").to("+15005550006").body("Your table is ready.").build().expect("valid");
    let recipients = vec![RecipientText("+15005550006".into())];
    let record = Record::new(MessageId::new(at), TenantId::DEFAULT, Channel::Sms, at, recipients);
    Entry::new(record, Payload::encode(&sms.into()).expect("it is written"))
}

pub(crate) fn entry() -> Entry {
    entry_at(SystemClock.now())
}

pub(crate) fn entries(count: usize) -> Vec<Entry> {
    (0..count).map(|_| entry()).collect()
}

/// Enqueues so many.
pub(crate) async fn enqueue(store: &PostgresStore, count: usize) -> Vec<MessageId> {
    let answers = store.enqueue(entries(count)).await.expect("stored");
    answers.into_iter().map(|answer| answer.expect("taken").id).collect()
}

pub(crate) async fn claim(store: &PostgresStore, limit: usize) -> Vec<Leased> {
    store.claim(&Claim::everything("test", limit, LEASE)).await.expect("claimed").leased
}

pub(crate) fn done(leased: &[Leased]) -> Vec<Settlement> {
    leased.iter().map(|leased| Settlement::new(leased, Next::Done, 1, Vec::new())).collect()
}

/// Waits for a condition.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("in {PATIENCE:?} it never came to pass that {what}"));
}

/// Variables that tell a process that is started as a helper what to do.
pub(crate) const JOB: &str = "TIDINGS_TEST_JOB";
pub(crate) const SCHEMA: &str = "TIDINGS_TEST_SCHEMA";

/// Another process of this test program, to do one job in a schema.
pub(crate) fn process(job: &str, schema: &str) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("it runs"));
    command.args(["--exact", "helpers::a_helper_process_does_its_job", "--nocapture", "--test-threads=1"]);
    command.env(JOB, job).env(SCHEMA, schema).stdin(Stdio::null()).stdout(Stdio::piped());
    command.spawn().expect("it starts")
}

/// Not a test by itself: this is what the processes run that tests start.
#[tokio::test]
async fn a_helper_process_does_its_job() {
    let (Ok(job), Ok(schema)) = (std::env::var(JOB), std::env::var(SCHEMA)) else { return };
    match job.as_str() {
        "enqueue" => crate::bell::enqueue_one(&schema).await,
        "migrate" => crate::migrations::migrate_once(&schema).await,
        other => panic!("no such job: {other}"),
    }
}
