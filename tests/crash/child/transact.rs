//! Orders and their confirmations in one transaction, half of them rolled back.

use std::sync::Arc;

use tidings::{Messenger, sqlx_0_9::begin_immediate};

use super::{line::Mouth, work};
use crate::{
    fact::{Fact, Orders, Point},
    messages,
    orders::{self, INSERT, Pool},
};

/// How many transactions at a time.
const TASKS: usize = 4;

/// Takes these orders, those of even numbers for good, and works.
pub(crate) async fn transact(orders: &Orders, mouth: &Arc<Mouth>, numbers: &[u32]) {
    let messenger = work::messenger(orders, mouth).await;
    let pool = orders::pool(&orders.place, TASKS as u32).await;
    for task in 0..TASKS {
        let mine: Vec<u32> = numbers.iter().skip(task).step_by(TASKS).copied().collect();
        let (pool, messenger, mouth) = (pool.clone(), messenger.clone(), mouth.clone());
        tokio::spawn(async move {
            for number in mine {
                mouth.say(Fact::Begun(number));
                if let Err(error) = order(&pool, &messenger, &mouth, number).await {
                    mouth.say(Fact::Fault(format!("order {number}: {error}")));
                }
            }
        });
    }
    work::run(orders, mouth, &messenger).await;
}

/// One transaction. A macro, since that of each database is a type of its own.
macro_rules! order {
    ($tx:expr, $messenger:expr, $mouth:expr, $number:expr) => {{
        let mut tx = $tx;
        sqlx::query(INSERT).bind(i64::from($number)).execute(&mut *tx).await?;
        $messenger.enqueue_in(&mut tx, messages::draft($number)).await?;
        $mouth.pass(Point::InTransaction).await;
        match $number % 4 {
            // A transaction that is dropped is rolled back.
            1 => drop(tx),
            3 => tx.rollback().await?,
            _ => {
                tx.commit().await?;
                $mouth.pass(Point::Committed).await;
                $mouth.say(Fact::Enqueued(vec![$number]));
                $messenger.wake().await?;
            }
        }
    }};
}

async fn order(
    pool: &Pool,
    messenger: &Messenger,
    mouth: &Mouth,
    number: u32,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    match pool {
        Pool::Postgres(pool) => order!(pool.begin().await?, messenger, mouth, number),
        Pool::Sqlite(pool) => order!(begin_immediate(pool).await?, messenger, mouth, number),
    }
    Ok(())
}
