//! Group commit: what waits is written together, and one's failure hurts no other.

use std::{path::Path, sync::Arc};

use sqlx::Executor;
use tidings::{
    ErrorKind, Result,
    storage::{Enqueued, Entry, Messages, SqliteStore},
};
use tokio::task::JoinSet;

use super::support::{Folder, enqueue, entry, number, open, stranger};

/// How many transactions stand in the log: those frames are counted that end one.
fn commits(file: &Path) -> usize {
    let log = std::fs::read(file.with_extension("db-wal")).expect("a log");
    let page = u32::from_be_bytes(log[8..12].try_into().expect("four octets")) as usize;
    let salt = &log[16..24];
    let frames = log[32..].chunks_exact(24 + page);
    // Frames of an older round of the log have another salt.
    let current = frames.take_while(|frame| frame[8..16] == *salt);
    current.filter(|frame| frame[4..8] != [0; 4]).count()
}

/// Lets all of them be asked for before the first can be written.
async fn at_once(
    folder: &Folder,
    store: &SqliteStore,
    entries: Vec<Entry>,
) -> Vec<Result<Vec<Result<Enqueued>>>> {
    let mut lock = stranger(&folder.file()).await;
    lock.execute("BEGIN IMMEDIATE").await.expect("the lock");
    let store = Arc::new(store.clone());
    let count = entries.len();
    let (asked, mut all_asked) = tokio::sync::mpsc::channel(count.max(1));
    let mut tasks = JoinSet::new();
    for (place, entry) in entries.into_iter().enumerate() {
        let (store, asked) = (Arc::clone(&store), asked.clone());
        tasks.spawn(async move {
            let mut answer = std::pin::pin!(store.enqueue(vec![entry]));
            // Polled once, it is with the writer.
            let early = futures_poll_once(answer.as_mut()).await;
            asked.send(()).await.expect("the test waits");
            (
                place,
                match early {
                    Some(answer) => answer,
                    None => answer.await,
                },
            )
        });
    }
    for _ in 0..count {
        all_asked.recv().await.expect("asked");
    }
    lock.execute("COMMIT").await.expect("released");
    let mut answers = tasks.join_all().await;
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

async fn futures_poll_once<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|cx| match future.as_mut().poll(cx) {
        std::task::Poll::Ready(answer) => std::task::Poll::Ready(Some(answer)),
        std::task::Poll::Pending => std::task::Poll::Ready(None),
    })
    .await
}

#[tokio::test]
async fn what_waits_is_written_in_one_transaction() {
    let folder = Folder::new();
    let store = open(&folder).await;
    enqueue(&store, 1).await;
    let before = commits(&folder.file());
    let answers = at_once(&folder, &store, (0..64).map(|_| entry()).collect()).await;
    assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|answers| answers[0].is_ok())));
    // The first may have been alone when the writer asked for the lock.
    let after = commits(&folder.file()) - before;
    assert!((1..=2).contains(&after), "{after} transactions for 64 callers");
}

#[tokio::test]
async fn one_failure_hurts_no_other() {
    let folder = Folder::new();
    let store = open(&folder).await;
    let mut connection = stranger(&folder.file()).await;
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON tidings_messages WHEN NEW.external_ref = 'poison'
        BEGIN SELECT RAISE(ABORT, 'poisoned'); END";
    connection.execute(trap).await.expect("a trap");
    let mut entries: Vec<Entry> = (0..20).map(|_| entry()).collect();
    for place in [3, 11] {
        entries[place].record.external_ref = Some("poison".into());
    }
    let before = commits(&folder.file());
    let answers = at_once(&folder, &store, entries).await;
    for (place, answer) in answers.iter().enumerate() {
        match answer {
            Ok(answers) => assert!(answers[0].is_ok() && ![3, 11].contains(&place), "{place}"),
            Err(error) => {
                assert!([3, 11].contains(&place), "{place}: {error}");
                assert_eq!(error.kind(), ErrorKind::Storage);
            }
        }
    }
    assert_eq!(number(&mut connection, "SELECT count(*) FROM tidings_queue").await, 18);
    assert!(commits(&folder.file()) - before >= 17, "the group must have been taken apart");
}
