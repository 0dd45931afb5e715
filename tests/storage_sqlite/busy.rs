//! Many threads of several processes on one file, and the application's own transactions among them:
//! nobody is told that the database is locked.

use std::{
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use sqlx::Executor;
use tidings::{
    sqlx_0_9::begin_immediate,
    storage::{Messages, SqliteStore},
};

use super::support::{
    Folder, child, claim, enqueue, number, open, pool, run, settle, stranger, succeeded, task,
};

const THREADS: u64 = 4;
const TIME: Duration = Duration::from_secs(3);

/// What each process does.
#[test]
fn task_work() {
    if let Some(file) = task() {
        work(&file);
    }
}

fn work(file: &Path) {
    let threads = (0..THREADS).map(|number| {
        let file = file.to_owned();
        std::thread::spawn(move || run(one_thread(file, number)))
    });
    let threads: Vec<_> = threads.collect();
    threads.into_iter().for_each(|thread| thread.join().expect("no thread was told anything"));
}

/// A store of its own, as if it were another program.
async fn one_thread(file: PathBuf, number: u64) {
    let store = SqliteStore::open(&file).await.expect("opened");
    let pool = pool(&file).await;
    let end = Instant::now() + TIME;
    while Instant::now() < end {
        enqueue(&store, 3).await;
        let mut orders = begin_immediate(&pool).await.expect("begun");
        orders.execute("INSERT INTO orders (at) VALUES (1)").await.expect("inserted");
        if number.is_multiple_of(2) {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        orders.commit().await.expect("committed");
        settle(&store, &claim(&store, 5).await).await;
        store.stats(&tidings::storage::Scope::All).await.expect("read");
    }
}

#[test]
fn nobody_is_told_that_the_database_is_locked() {
    let folder = Folder::new();
    run(async {
        let _store = open(&folder).await;
        let mut connection = stranger(&folder.file()).await;
        connection
            .execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, at INTEGER)")
            .await
            .expect("a table");
    });
    let children: Vec<_> = (0..2).map(|_| child("busy::task_work", &folder.file())).collect();
    work(&folder.file());
    children.into_iter().for_each(succeeded);
    run(async {
        let mut connection = stranger(&folder.file()).await;
        let orders = number(&mut connection, "SELECT count(*) FROM orders").await;
        let messages = number(&mut connection, "SELECT count(*) FROM tidings_messages").await;
        assert_eq!(messages, 3 * orders, "each of {orders} rounds did all of its work");
        // How many there are is a matter of the machine; a lock that starves somebody leaves almost none.
        assert!(orders > 10, "{orders} rounds in {TIME:?}");
    });
}

#[test]
fn transactions_of_the_application_take_turns_with_the_store() {
    let folder = Folder::new();
    run(async {
        let store = open(&folder).await;
        let pool = pool(&folder.file()).await;
        let mut transaction = begin_immediate(&pool).await.expect("begun");
        let waiting = tokio::spawn(async move { enqueue(&store, 1).await.len() });
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!waiting.is_finished(), "the store waits while the application writes");
        transaction.execute("CREATE TABLE orders (id INTEGER)").await.expect("written");
        transaction.commit().await.expect("committed");
        assert_eq!(waiting.await.expect("its end"), 1);
    });
}
