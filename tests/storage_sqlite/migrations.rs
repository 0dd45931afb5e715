//! Migrations: at once, and killed in the middle.

use std::time::Duration;

use sqlx::Executor;
use tidings::storage::{SqliteOptions, SqliteStore};

use super::support::{Folder, child, claim, enqueue, number, open, run, stranger, succeeded, task};

/// What a child of the tests below does; in the test run itself there is nothing to do.
#[test]
fn task_open() {
    if let Some(file) = task() {
        run(async {
            let store = SqliteStore::open(file).await.expect("opened");
            enqueue(&store, 10).await;
        });
    }
}

#[test]
fn four_processes_may_open_a_new_file_at_once() {
    for _ in 0..3 {
        let folder = Folder::new();
        let children: Vec<_> = (0..4).map(|_| child("migrations::task_open", &folder.file())).collect();
        children.into_iter().for_each(succeeded);
        run(async {
            let store = open(&folder).await;
            assert_eq!(claim(&store, 99).await.len(), 40);
            let steps = i64::try_from(store.migrations().len()).expect("few");
            let mut connection = stranger(&folder.file()).await;
            assert_eq!(number(&mut connection, "SELECT count(*) FROM tidings_migrations").await, steps);
        });
    }
}

#[test]
fn a_process_that_is_killed_while_it_opens_leaves_nothing_half_done() {
    let mut landed = 0;
    for turn in 0..20 {
        let folder = Folder::new();
        let mut child = child("migrations::task_open", &folder.file());
        // From before the file is there until after it is in use.
        std::thread::sleep(Duration::from_millis(turn * 3));
        child.kill().expect("killed");
        landed += usize::from(!child.wait().expect("its end").success());
        run(async {
            let store = open(&folder).await;
            let already = claim(&store, 99).await.len();
            assert!(already == 0 || already == 10, "{already}");
            enqueue(&store, 5).await;
            assert_eq!(claim(&store, 99).await.len(), 5);
        });
    }
    assert!(landed > 0, "no kill came in time");
}

/// As if killed after each of its statements in turn.
#[tokio::test]
async fn a_migration_that_ends_after_any_statement_is_as_if_it_had_not_begun() {
    let migrations = SqliteOptions::new().migrations();
    let statements: Vec<&str> = migrations[0].sql.split(";\n").filter(|sql| !sql.trim().is_empty()).collect();
    assert!(statements.len() > 15, "all tables and indexes: {}", statements.len());
    for count in 1..=statements.len() {
        let folder = Folder::new();
        let mut connection = stranger(&folder.file()).await;
        connection.execute("BEGIN IMMEDIATE").await.expect("begun");
        for statement in &statements[..count] {
            connection.execute(sqlx::AssertSqlSafe(*statement)).await.expect("executed");
        }
        drop(connection);
        let store = open(&folder).await;
        enqueue(&store, 1).await;
        assert_eq!(claim(&store, 9).await.len(), 1, "after {count}");
    }
}

#[tokio::test]
async fn the_statements_make_the_same_tables_by_other_tools() {
    let (ours, theirs) = (Folder::new(), Folder::new());
    let store = open(&ours).await;
    let mut connection = stranger(&theirs.file()).await;
    for migration in store.migrations() {
        connection.execute(sqlx::AssertSqlSafe(migration.sql)).await.expect("executed");
    }
    let tables = "SELECT group_concat(sql, char(10)) FROM (SELECT sql FROM sqlite_master
        WHERE name <> 'tidings_migrations' AND sql IS NOT NULL ORDER BY name)";
    let all = |mut connection: sqlx::SqliteConnection| async move {
        let text: String = sqlx::query_scalar(tables).fetch_one(&mut connection).await.expect("tables");
        text
    };
    assert_eq!(all(connection).await, all(stranger(&ours.file()).await).await);
}
