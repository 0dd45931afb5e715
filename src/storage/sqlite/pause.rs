//! What is paused, and how it goes on.

use async_trait::async_trait;

use super::{group::Work, tx::Tx};
use crate::{error::Result, storage::Pause};

/// How many messages go on in one transaction.
const PART: i64 = 1_000;

/// Stops claims of what is named.
#[derive(Debug)]
pub(super) struct Stop(pub(super) Pause);

const STOP: &str = "\
INSERT INTO {pauses} (word, name, ending) VALUES (?1, ?2, 0) ON CONFLICT (word, name) DO UPDATE SET ending = 0";

#[async_trait]
impl Work for Stop {
    type Answer = ();

    async fn run(&self, tx: &mut Tx<'_>) -> Result<()> {
        let (word, name) = self.0.parts();
        tx.run(tx.statement(STOP).bind(word).bind(name)).await?;
        Ok(())
    }
}

/// Lets go on what waits for it, a part of it at a time; true if there is more.
///
/// The pause is marked as ending first, and deleted with the last part: claims go on where whoever
/// resumed it was interrupted.
#[derive(Debug)]
pub(super) struct GoOn(pub(super) Pause);

const ENDING: &str = "UPDATE {pauses} SET ending = 1 WHERE word = ?1 AND name = ?2";

const GO_ON: &str = "\
UPDATE {queue} SET state = CASE WHEN losses >= 2 THEN 'suspect' ELSE 'ready' END, paused_by = NULL
WHERE id IN (SELECT id FROM {queue} WHERE paused_by = ?1 AND paused_by IS NOT NULL LIMIT ?2 + 0)";

const OVER: &str = "DELETE FROM {pauses} WHERE word = ?1 AND name = ?2 AND ending = 1";

#[async_trait]
impl Work for GoOn {
    type Answer = bool;

    async fn run(&self, tx: &mut Tx<'_>) -> Result<bool> {
        let (word, name) = self.0.parts();
        tx.run(tx.statement(ENDING).bind(word).bind(name)).await?;
        let changed = tx.run(tx.statement(GO_ON).bind(self.0.to_string()).bind(PART)).await?;
        tx.wakes = true;
        let more = changed == PART.unsigned_abs();
        if !more {
            tx.run(tx.statement(OVER).bind(word).bind(name)).await?;
        }
        Ok(more)
    }

    fn weight(&self) -> usize {
        500
    }
}
