//! An application and its workers on one SQLite file: everything that they do, at once.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sqlx::SqlitePool;
use tidings::{
    Messenger,
    sqlx_0_9::begin_immediate,
    storage::{Filter, Page},
};

use super::{line::Mouth, work};
use crate::{
    fact::{Fact, Orders},
    messages,
    orders::{self, INSERT, Pool},
};

type Outcome = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Does everything with so many tasks, `turns` times each; its messages have numbers from `first` on.
pub(crate) async fn busy(orders: &Orders, mouth: &Arc<Mouth>, tasks: u32, turns: u32, first: u32) {
    let messenger = work::messenger(orders, mouth).await;
    let Pool::Sqlite(pool) = orders::pool(&orders.place, tasks).await else { panic!("a case about SQLite") };
    let done = Arc::new(AtomicU32::new(0));
    for task in 0..tasks {
        let (pool, messenger, mouth, done) = (pool.clone(), messenger.clone(), mouth.clone(), done.clone());
        let first = first + task * turns;
        tokio::spawn(async move {
            for number in first..first + turns {
                if let Err(error) = turn(&pool, &messenger, &mouth, number).await {
                    mouth.say(Fact::Fault(format!("turn {number}: {error}")));
                }
            }
            if done.fetch_add(1, Ordering::SeqCst) + 1 == tasks {
                mouth.say(Fact::Noted("turns".into(), i64::from(tasks * turns)));
            }
        });
    }
    work::run(orders, mouth, &messenger).await;
}

/// One turn. Each makes one message.
async fn turn(pool: &SqlitePool, messenger: &Messenger, mouth: &Mouth, number: u32) -> Outcome {
    match number % 4 {
        0 => order(pool, messenger, number, true).await?,
        1 => {
            order(pool, messenger, number, false).await?;
            messenger.enqueue(messages::draft(number)).await?;
        }
        2 => {
            let queued = messenger.enqueue(messages::draft(number)).await?;
            messenger.timeline(queued.id).await?;
            messenger.list(&Filter::new(), Page::first(5)).await?;
        }
        _ => {
            let orders: i64 = sqlx::query_scalar("SELECT count(*) FROM orders").fetch_one(pool).await?;
            messenger.queue_stats().await?;
            let drafts = [messages::draft(number)];
            messenger.enqueue_many(drafts).await.into_iter().collect::<Result<Vec<_>, _>>()?;
            debug_assert!(orders >= 0);
        }
    }
    mouth.say(Fact::Enqueued(vec![number]));
    Ok(())
}

/// An order and its confirmation in a transaction of the application's own.
async fn order(pool: &SqlitePool, messenger: &Messenger, number: u32, good: bool) -> Outcome {
    let mut tx = begin_immediate(pool).await?;
    sqlx::query(INSERT).bind(i64::from(number)).execute(&mut *tx).await?;
    messenger.enqueue_in(&mut tx, messages::draft(number)).await?;
    match good {
        true => tx.commit().await?,
        false => tx.rollback().await?,
    }
    Ok(())
}

/// Begins transactions as one should not, in the same file: how often it met a lock is the proof that there was one.
pub(crate) async fn naive(orders: &Orders, mouth: &Arc<Mouth>) {
    let Pool::Sqlite(pool) = orders::pool(&orders.place, 1).await else { panic!("a case about SQLite") };
    let mut connection = pool.acquire().await.expect("the file is there");
    sqlx::raw_sql("PRAGMA busy_timeout = 0").execute(&mut *connection).await.expect("a connection");
    let mut term =
        tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).expect("signals");
    let mut met = 0;
    loop {
        let pause = tokio::time::sleep(std::time::Duration::from_millis(2));
        tokio::select! {
            _ = term.recv() => break,
            () = pause => {}
        }
        match sqlx::raw_sql("BEGIN IMMEDIATE; ROLLBACK").execute(&mut *connection).await {
            Ok(_) => {}
            Err(_) => met += 1,
        }
    }
    mouth.say(Fact::Noted("busy".into(), met));
}
