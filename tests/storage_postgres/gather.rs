//! Single messages of many callers.

use std::{sync::Arc, task::Poll};

use sqlx::AssertSqlSafe;
use tidings::{ErrorKind, Fingerprint, storage::Messages};
use tokio::time::timeout;

use crate::{
    helpers::{PATIENCE, claim, entries, entry},
    postgres::{Schema, pool},
};

async fn count(schema: &Schema) -> i64 {
    let sql = format!("SELECT count(*) FROM {}", schema.table("queue"));
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool().await).await.expect("counted")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn callers_at_once_share_transactions() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let callers = (0..200).map(|_| (store.clone(), entry())).map(|(store, entry)| {
        tokio::spawn(async move {
            let id = entry.record.id;
            let answers = store.enqueue(vec![entry]).await.expect("stored");
            assert_eq!(answers[0].as_ref().expect("taken").id, id);
        })
    });
    for caller in callers.collect::<Vec<_>>() {
        caller.await.expect("no panic");
    }
    let sql = format!("SELECT count(DISTINCT xmin::text) FROM {}", schema.table("queue"));
    let transactions: i64 =
        sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool().await).await.expect("counted");
    assert_eq!(count(&schema).await, 200);
    assert!(transactions < 100, "{transactions} transactions for 200 callers");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_goes_away_takes_nobody_elses_message_along() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let mut stay = Vec::new();
    for round in 0..200 {
        let (store, entry) = (store.clone(), entry());
        let caller = tokio::spawn(async move { store.enqueue(vec![entry]).await });
        match round % 2 {
            0 => stay.push(caller),
            _ => {
                tokio::task::yield_now().await;
                caller.abort();
            }
        }
    }
    for caller in stay {
        caller.await.expect("not aborted").expect("stored").remove(0).expect("taken");
    }
    assert!(count(&schema).await >= 100);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_stops_in_the_middle_holds_nobody_up() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    // Begun, and then not polled for as long as others go on.
    let mut stopped = store.enqueue(vec![entry()]);
    let begun = std::future::poll_fn(|task| Poll::Ready(stopped.as_mut().poll(task).is_pending())).await;
    assert!(begun, "it must wait for the server");
    for _ in 0..3 {
        let other = timeout(PATIENCE, store.enqueue(vec![entry()])).await;
        other.expect("not held up").expect("stored").remove(0).expect("taken");
    }
    stopped.await.expect("stored").remove(0).expect("taken");
    assert_eq!(count(&schema).await, 4);
}

#[test]
fn a_runtime_that_ended_does_not_hinder_the_next() {
    let runtime =
        || tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("built");
    let (first, second) = (runtime(), runtime());
    let schema = first.block_on(Schema::new());
    // Its connections live on the second, which stays.
    let store = second.block_on(schema.store());
    for _ in 0..50 {
        let store = store.clone();
        first.spawn(async move { store.enqueue(vec![entry()]).await });
    }
    first.shutdown_background();
    second.block_on(async {
        let id = entry().record.id;
        let answers = store.enqueue(vec![entry()]).await.expect("stored");
        assert!(answers[0].as_ref().expect("taken").id > id);
        assert!(!claim(&store, 1).await.is_empty());
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_postgres_cannot_hold_is_refused_alone() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let mut mixed = entries(3);
    mixed[1].record.category = Some("a\0b".into());
    let answers = store.enqueue(mixed).await.expect("answered");
    assert!(answers[0].is_ok() && answers[2].is_ok());
    let error = answers[1].as_ref().expect_err("refused");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some("category")));
    assert_eq!(count(&schema).await, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_of_thousands_is_all_or_nothing() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    // The last row is refused by the database itself.
    let check = format!(
        "ALTER TABLE {} ADD CONSTRAINT no_trap CHECK (category IS DISTINCT FROM 'trap')",
        schema.table("messages")
    );
    sqlx::raw_sql(AssertSqlSafe(check)).execute(&pool().await).await.expect("added");
    let mut many = entries(2_500);
    many[2_400].record.category = Some("trap".into());
    let error = store.enqueue(many).await.expect_err("refused");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Storage, Some("23514")));
    assert_eq!(count(&schema).await, 0);
    assert!(store.enqueue(entries(2_500)).await.expect("stored").iter().all(Result::is_ok));
    assert_eq!(count(&schema).await, 2_500);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_that_is_repeated_changes_nothing() {
    let schema = Schema::new().await;
    let store = schema.store().await;
    let mut same = entries(4);
    same[3].record.key = Some(Arc::from("k"));
    same[3].fingerprint = Some(Fingerprint::of(b"x"));
    let first: Vec<_> = store.enqueue(same.clone()).await.expect("stored");
    assert!(first.iter().all(|answer| answer.as_ref().is_ok_and(|answer| answer.fresh)));
    for part in [same.clone(), same[..3].to_vec()] {
        let again = store.enqueue(part).await.expect("stored");
        assert!(again.iter().all(|answer| answer.as_ref().is_ok_and(|answer| !answer.fresh)));
    }
    assert_eq!(count(&schema).await, 4);
}
