//! Migrations: many processes at once, killed at any moment.

use std::{
    io::{BufRead, BufReader, Read},
    process::Child,
    time::Duration,
};

use sqlx::{AssertSqlSafe, PgPool, Row};
use tidings::storage::{Messages, PostgresOptions, PostgresStore};

use crate::{
    helpers::{claim, done, enqueue, process},
    postgres::{Schema, pool, url},
};

/// The job of a helper process.
pub(crate) async fn migrate_once(schema: &str) {
    let options = PostgresOptions::new().schema(schema).expect("plain");
    let store = PostgresStore::connect_with(&url(), options).await.expect("the test's server answers");
    println!("\nbegin");
    store.migrate().await.expect("migrated");
    println!("\nend");
}

/// The steps that were noted; `None` if there is no table of them.
async fn steps(pool: &PgPool, schema: &Schema) -> Option<Vec<i32>> {
    let sql = format!("SELECT number FROM {} ORDER BY number", schema.table("migrations"));
    let rows = sqlx::query(AssertSqlSafe(sql)).fetch_all(pool).await.ok()?;
    Some(rows.iter().map(|row| row.get(0)).collect())
}

async fn all_works(schema: &Schema) {
    let store = schema.store().await;
    let wanted: Vec<i32> =
        store.migrations().iter().map(|step| i32::try_from(step.number).expect("small")).collect();
    assert_eq!(steps(&pool().await, schema).await, Some(wanted));
    enqueue(&store, 3).await;
    let leased = claim(&store, 10).await;
    assert_eq!(leased.len(), 3);
    assert!(store.settle(done(&leased)).await.expect("settled").iter().all(Result::is_ok));
}

#[tokio::test]
async fn four_processes_migrate_at_once() {
    let schema = Schema::new().await;
    let processes: Vec<Child> = (0..4).map(|_| process("migrate", &schema.0)).collect();
    for process in processes {
        let output = process.wait_with_output().expect("it ends");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }
    all_works(&schema).await;
}

#[tokio::test]
async fn tasks_that_migrate_at_once_do_not_meet() {
    let schema = Schema::new().await;
    let tasks = (0..4).map(|_| schema.options()).map(|options| {
        tokio::spawn(async move {
            let store = PostgresStore::connect_with(&url(), options).await.expect("it answers");
            store.migrate().await
        })
    });
    for task in tasks.collect::<Vec<_>>() {
        task.await.expect("no panic").expect("migrated");
    }
    all_works(&schema).await;
}

/// Kills a process that migrates, so long after it began; true if it was not done.
fn kill_after(mut process: Child, pause: Duration) -> bool {
    let mut output = BufReader::new(process.stdout.take().expect("piped"));
    let mut line = String::new();
    while line.trim() != "begin" {
        line.clear();
        assert!(output.read_line(&mut line).expect("text") > 0, "it ended before it began");
    }
    std::thread::sleep(pause);
    process.kill().expect("killed");
    process.wait().expect("gone");
    let mut rest = String::new();
    output.read_to_string(&mut rest).expect("text");
    !rest.contains("end")
}

#[tokio::test]
async fn a_migration_that_is_killed_is_finished_by_the_next() {
    let pool = pool().await;
    let mut struck = 0;
    let mut halfway = 0;
    for round in 0..60 {
        let schema = Schema::new().await;
        if !kill_after(process("migrate", &schema.0), Duration::from_micros(fastrand(round))) {
            continue;
        }
        struck += 1;
        halfway += u32::from(steps(&pool, &schema).await.is_some_and(|steps| steps.len() == 1));
        all_works(&schema).await;
        if struck >= 12 && halfway > 0 {
            break;
        }
    }
    assert!(struck >= 5, "only {struck} kills came before the end");
}

/// From none to 30 ms, spread evenly.
fn fastrand(round: u64) -> u64 {
    (round * 7_919) % 30_000
}

#[tokio::test]
async fn the_sql_that_is_handed_out_makes_the_same_tables() {
    let (ours, theirs) = (Schema::new().await, Schema::new().await);
    let pool = pool().await;
    ours.store().await;
    let store = PostgresStore::connect_with(&url(), theirs.options()).await.expect("it answers");
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {}", theirs.0))).execute(&pool).await.expect("made");
    for step in store.migrations() {
        sqlx::raw_sql(AssertSqlSafe(step.sql)).execute(&pool).await.expect("it runs");
    }
    let columns = |schema: &Schema| {
        let sql = "SELECT table_name || '.' || column_name || ' ' || data_type AS text FROM information_schema.columns \
                   WHERE table_schema = $1 AND table_name <> 'tidings_migrations' ORDER BY 1";
        sqlx::query_scalar::<_, String>(sql).bind(schema.0.clone()).fetch_all(&pool)
    };
    let (ours, theirs) = (columns(&ours).await.expect("read"), columns(&theirs).await.expect("read"));
    assert_eq!(ours, theirs);
    assert!(ours.len() > 60, "the test must see the tables");
    enqueue(&store, 1).await;
}

#[tokio::test]
async fn without_tables_the_error_says_what_to_call() {
    let schema = Schema::new().await;
    let store = PostgresStore::connect_with(&url(), schema.options()).await.expect("it answers");
    let error = store.pauses().await.expect_err("no tables");
    assert!(error.to_string().contains("migrate()"), "{error}");
}

#[tokio::test]
async fn a_store_without_schema_uses_the_search_path() {
    let schema = Schema::new().await;
    let pool = pool().await;
    sqlx::raw_sql(AssertSqlSafe(format!("CREATE SCHEMA {}", schema.0))).execute(&pool).await.expect("made");
    let url = format!("{}?options[search_path]={}", url(), schema.0);
    let options = PostgresOptions::new().prefix("mail_").expect("plain");
    let store = PostgresStore::connect_with(&url, options).await.expect("it answers");
    store.migrate().await.expect("migrated");
    enqueue(&store, 2).await;
    assert_eq!(claim(&store, 5).await.len(), 2);
    let sql = format!("SELECT count(*) FROM {}.mail_queue", schema.0);
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&pool).await.expect("it is there");
    assert_eq!(count, 2);
}
