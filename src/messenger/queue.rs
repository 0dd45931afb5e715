//! Looking at the queue, and acting on it.

use std::sync::Arc;

use super::Messenger;
use crate::{
    error::{Error, ErrorKind, Result},
    id::MessageId,
    message::Channel,
    storage::{
        Act, ActRecord, Cancelled, Filter, Page, Pause, QueueState, QueueStats, Retention, Scope,
        Suppression, Tracked,
    },
};

/// What is about the messages of this messenger's tenant.
impl Messenger {
    /// The messages that match, newest first; to page on, give the last one's id to [`Page::after`].
    ///
    /// ```
    /// # async fn f(messenger: tidings::Messenger) -> tidings::Result<()> {
    /// use tidings::{Channel, storage::{Filter, Page}};
    ///
    /// let texts = messenger.list(&Filter::new().channel(Channel::Sms), Page::first(50)).await?;
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the store.
    pub async fn list(&self, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        self.inner.messages.list(&self.scope(), filter, page).await
    }

    /// The dead letters, newest first; each one's [`place`](Tracked::place) says why.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn dead_letters(&self, page: Page) -> Result<Vec<Tracked>> {
        self.list(&Filter::new().state(QueueState::Dead), page).await
    }

    /// Withdraws a message that was not sent yet.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn cancel(&self, id: MessageId) -> Result<Cancelled> {
        let mut answers = self.inner.messages.cancel(&self.tenant, &[id]).await?;
        answers.pop().ok_or_else(|| Error::new(ErrorKind::Internal, "the store gave no answer"))
    }

    /// Sends a dead letter again, as a new generation; false if the message is not dead.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn replay(&self, id: MessageId) -> Result<bool> {
        self.act_on(id, Act::Replay).await
    }

    /// Stops a message that waits until it is released; false if it does not wait.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn hold(&self, id: MessageId) -> Result<bool> {
        self.act_on(id, Act::Hold).await
    }

    /// Lets a held message go on; false if it is not held.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn release(&self, id: MessageId) -> Result<bool> {
        self.act_on(id, Act::Release).await
    }

    /// Does the same to all messages that match, and leaves a record with who or why and a counter.
    ///
    /// ```
    /// # async fn f(messenger: tidings::Messenger) -> tidings::Result<()> {
    /// use tidings::{Channel, storage::{Act, Filter}};
    ///
    /// let texts = Filter::new().channel(Channel::Sms);
    /// let record = messenger.act(Act::Replay, &texts, "the vendor is back").await?;
    /// println!("{} messages are sent again", record.changed);
    /// # Ok(()) }
    /// ```
    ///
    /// # Errors
    /// Those of the store.
    pub async fn act(&self, act: Act, filter: &Filter, note: impl Into<Arc<str>>) -> Result<ActRecord> {
        let record = self.inner.messages.act(&self.scope(), act, filter, Some(note.into())).await?;
        self.woken_by(act).await;
        Ok(record)
    }

    /// The records of acts, newest first.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn acts(&self, limit: usize) -> Result<Vec<ActRecord>> {
        self.inner.messages.acts(&self.scope(), limit).await
    }

    /// Numbers about the queue: depth by channel and state, the oldest that waits.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn queue_stats(&self) -> Result<QueueStats> {
        self.inner.messages.stats(&self.scope()).await
    }

    /// Writes no more to `address`, on one channel or on all.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn suppress(
        &self,
        channel: Option<Channel>,
        address: impl Into<Arc<str>>,
        reason: impl Into<Arc<str>>,
    ) -> Result<()> {
        let suppression = Suppression::new(channel, address, reason, self.inner.cx.clock().now());
        self.inner.suppressions.suppress(&self.tenant, suppression).await
    }

    /// Writes to `address` again; false if it was not suppressed.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn unsuppress(&self, channel: Option<Channel>, address: &str) -> Result<bool> {
        self.inner.suppressions.unsuppress(&self.tenant, channel, address).await
    }

    fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }

    async fn act_on(&self, id: MessageId, act: Act) -> Result<bool> {
        let record = self.inner.messages.act(&self.scope(), act, &Filter::new().id(id), None).await?;
        self.woken_by(act).await;
        Ok(record.changed > 0)
    }

    /// Wakes the workers for acts that make messages ready. They poll anyway.
    async fn woken_by(&self, act: Act) {
        if matches!(act, Act::Release | Act::Replay)
            && let Err(error) = self.inner.messages.wake().await
        {
            tracing::debug!(error = %error.kind(), "workers were not woken");
        }
    }
}

/// What is about all tenants and all workers.
impl Messenger {
    /// Stops claims of what is named, on all workers, until it is resumed. Attempts under way end as usual.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn pause(&self, pause: &Pause) -> Result<()> {
        self.inner.messages.pause(pause).await
    }

    /// Lets claims go on.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn resume(&self, pause: &Pause) -> Result<()> {
        self.inner.messages.resume(pause).await?;
        self.wake().await
    }

    /// What is paused.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn pauses(&self) -> Result<Vec<Pause>> {
        self.inner.messages.pauses().await
    }

    /// Tells waiting workers that there is work: after the commit of a transaction in which you enqueued.
    /// Without it they find the messages at their next look, a second later at most unless
    /// configured otherwise.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn wake(&self) -> Result<()> {
        self.inner.messages.wake().await
    }

    /// Deletes what is older than it must be kept, of all tenants; answers how many messages.
    ///
    /// # Errors
    /// Those of the store.
    pub async fn prune(&self, retention: &Retention) -> Result<u64> {
        let mut pruned = 0;
        loop {
            let part = self.inner.messages.prune(retention).await?;
            pruned += part;
            if part == 0 || part < retention.limit as u64 {
                return Ok(pruned);
            }
        }
    }
}
