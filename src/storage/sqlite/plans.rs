//! How SQLite goes about the statements of the hot paths: none may read a whole table.

use std::time::Duration;

use sqlx::{Row, SqliteConnection};

use super::{SqliteStore, connect::connect};
use crate::{
    error::Result,
    id::{MessageId, TenantId},
    message::{AnyMessage, Channel, Payload, Sms},
    storage::{
        Claim, Entry, Leased, Messages, Next, Pause, RecipientText, Record, Settlement, Terms, Tracked,
    },
    time::{Clock, SystemClock},
};

/// A file that goes with the test.
struct File(std::path::PathBuf);

impl File {
    fn new() -> Self {
        let folder = format!("tidings-plans-{}-{:016x}", std::process::id(), fastrand::u64(..));
        let folder = std::env::temp_dir().join(folder);
        std::fs::create_dir_all(&folder).expect("a folder");
        Self(folder)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn entry(key: Option<&str>, ordering_key: Option<&str>) -> Entry {
    let sms: AnyMessage = Sms::builder().to("+15005550006").body("Hi").build().expect("a message").into();
    let now = SystemClock.now();
    let to = vec![RecipientText("+15005550006".into())];
    let mut record = Record::new(MessageId::new(now), TenantId::DEFAULT, Channel::Sms, now, to);
    record.key = key.map(Into::into);
    let terms = Terms { ordering_key: ordering_key.map(Into::into), ..Terms::default() };
    Entry::new(record, Payload::encode(&sms).expect("a payload")).with_terms(terms)
}

async fn claim(store: &SqliteStore, lease: Duration) -> Vec<Leased> {
    store.claim(&Claim::everything("w", 10, lease)).await.expect("claimed").leased
}

/// Goes every way of the hot paths once.
async fn work(store: &SqliteStore) -> Result<()> {
    let entries = (0..30).map(|n| entry((n % 3 == 0).then_some("k"), (n % 2 == 0).then_some("o")));
    store.enqueue(entries.collect()).await?;
    store.pause(&Pause::Tenant("other".parse()?)).await?;
    // Most of them ahead of their time: their places are kept.
    let ahead = Claim::everything("w", 10, Duration::ZERO).begin(1);
    let lost = store.claim(&ahead).await?.leased;
    let leased = claim(store, Duration::from_secs(60)).await;
    assert!(!lost.is_empty() && !leased.is_empty());
    let leases: Vec<_> = leased.iter().map(|leased| leased.lease).collect();
    store.start(&leases).await?;
    store.begin(&leases[0]).await?;
    store.renew(&leases, Duration::from_secs(60)).await?;
    let next = |place: usize| match place % 4 {
        0 => Next::Done,
        1 => Next::Returned,
        2 => Next::Held { reason: "why".into() },
        _ => Next::Paused { by: Pause::All },
    };
    let ends = leased.iter().enumerate().map(|(n, leased)| Settlement::new(leased, next(n), 1, Vec::new()));
    store.settle(ends.collect()).await?;
    store.claim(&Claim::everything("w", 10, Duration::from_secs(60)).alone()).await?;
    let rest = claim(store, Duration::from_secs(60)).await;
    let ends = rest.iter().map(|leased| Settlement::new(leased, Next::Done, 1, Vec::new()));
    store.settle(ends.collect()).await?;
    store.cancel(&TenantId::DEFAULT, &[rest[0].lease.id]).await?;
    store.resume(&Pause::Tenant("other".parse()?)).await?;
    let _: Option<Tracked> = store.tracked(&TenantId::DEFAULT, rest[0].lease.id).await?;
    Ok(())
}

/// The steps of each statement's plan that read a whole table.
async fn scans(connection: &mut SqliteConnection, texts: &[String]) -> Vec<String> {
    let mut scans = Vec::new();
    for text in texts {
        let plan = sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {text}"));
        for row in sqlx::query(plan).fetch_all(&mut *connection).await.expect("a plan") {
            let step: String = row.get("detail");
            let harmless = [
                "VIRTUAL TABLE",
                "VALUES CLAUSE",
                "SCAN (subquery",
                "SCAN CONSTANT",
                " EXISTS ",
                "_pauses",
                "_suppressions_version",
            ];
            if step.starts_with("SCAN") && !harmless.iter().any(|word| step.contains(word)) {
                scans.push(format!("{step} of {text}"));
            }
        }
    }
    scans
}

async fn judged(analyze_at: &[usize]) {
    let file = File::new();
    let store = SqliteStore::open(file.0.join("outbox.db")).await.expect("opened");
    work(&store).await.expect("the scenario");
    let texts = store.core.texts.all();
    assert!(texts.len() > 20, "the scenario must go every way: {texts:#?}");
    let mut connection = connect(&store.core.options).await.expect("connected");
    for count in analyze_at {
        store.enqueue((0..*count).map(|_| entry(None, None)).collect()).await.expect("enqueued");
        sqlx::raw_sql("ANALYZE").execute(&mut connection).await.expect("analyzed");
    }
    let scans = scans(&mut connection, &texts).await;
    assert!(scans.is_empty(), "{scans:#?}");
}

#[tokio::test]
async fn no_hot_statement_reads_a_whole_table() {
    judged(&[]).await;
}

#[tokio::test]
async fn nor_after_analyze_of_a_queue_that_is_nearly_empty() {
    judged(&[1]).await;
}

#[tokio::test]
async fn nor_after_analyze_of_a_long_queue() {
    judged(&[5_000]).await;
}
