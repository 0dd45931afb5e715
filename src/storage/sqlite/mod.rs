//! The store in one SQLite file.
//!
//! One connection writes, all others read. What is to be written goes to a thread that puts together what
//! waits, writes it in one `BEGIN IMMEDIATE` transaction of at most about 20 ms, and answers when that is
//! durable (`synchronous=FULL`): many callers share one flush to the disk. If a part of such a group fails it
//! is undone, and each part is written alone.
//!
//! Several processes may use one file. The lock is waited for with patience, so that "database is locked" is
//! an answer for none of them; they see each other's news by looking at `PRAGMA data_version` while somebody
//! waits.

use std::{
    fmt,
    path::Path,
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use async_trait::async_trait;
use sqlx::SqliteConnection;

use self::{
    cancel::Cancel,
    connect::{connect, for_writing},
    enqueue::Enqueue,
    fault::failed,
    history::Append,
    lease::{Begin, Renew, Start},
    pause::{GoOn, Stop},
    prune::Prune,
    readers::Readers,
    record::Note,
    settle::Settle,
    tx::Core,
    writer::Writer,
};
use super::{
    Act, ActRecord, Cancelled, Claim, Claimed, Dialect, Enqueued, Entry, Filter, Lease, Messages, Migration,
    Page, Pause, QueueStats, Record, Retention, Scope, Settlement, Tracked,
};
use crate::{
    error::Result,
    event::Event,
    id::{DeliveryId, MessageId, TenantId},
};

mod act;
mod blobs;
mod cancel;
mod claim;
mod connect;
mod documents;
mod enqueue;
mod fault;
mod filter;
mod folder;
mod group;
mod history;
mod hub;
mod lease;
mod limits;
mod migrate;
mod open;
mod options;
mod park;
mod pause;
#[cfg(test)]
mod plans;
mod prune;
mod read;
mod readers;
mod record;
mod recover;
mod rows;
mod schema;
mod settle;
mod stats;
mod suppress;
mod text;
mod tx;
mod writer;

pub use options::SqliteOptions;

pub(crate) use open::{begin, over_pool};

/// Keeps messages, queue, attachments, suppressions and limits in one SQLite file.
///
/// Cheap to clone: clones share everything. It may be used on several runtimes, one after the other or at
/// once; it starts a thread with the first write and ends it when there is nothing to do.
///
/// ```
/// # async fn f() -> tidings::Result<()> {
/// let store = tidings::storage::SqliteStore::open("outbox.db").await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct SqliteStore {
    core: Arc<Core>,
    writer: Arc<Writer>,
    readers: Arc<Readers>,
    /// Keeps a database in memory alive.
    anchor: Option<Arc<Mutex<SqliteConnection>>>,
    held: bool,
}

impl SqliteStore {
    /// Opens a file, which is made if it is not there, and brings its tables up to date.
    /// [`SqliteOptions`] has more to say.
    ///
    /// # Errors
    /// Of kind `config` for names of databases in memory; of kind `storage` if the file cannot be opened.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self> {
        SqliteOptions::new().open(path).await
    }

    /// Brings the tables up to date. A file that the store opened itself is migrated then; a database of
    /// yours when you call this.
    ///
    /// Safe when several processes start at once, and when it is killed at any moment. Tables change so that
    /// a worker one minor version older or newer runs beside.
    ///
    /// # Errors
    /// Of kind `storage`.
    pub async fn migrate(&self) -> Result<()> {
        let mut connection = connect(&for_writing(&self.core.options)).await.map_err(failed)?;
        migrate::migrate(&mut connection, self.core.texts.dialect(), self.core.time.now()).await?;
        if self.held { self.hold().await } else { Ok(()) }
    }

    /// The statements of [`migrate`](Self::migrate), for those who run them by their own tools.
    pub fn migrations(&self) -> Vec<Migration> {
        schema::migrations(self.core.texts.dialect())
    }

    /// Waits until all is written, and lets the file go. The store may still be used: it opens the file again.
    pub async fn close(&self) {
        self.writer.close().await;
        self.readers.close();
        self.core.hub.close().await;
    }

    async fn hold(&self) -> Result<()> {
        self.writer.run(Stop(Pause::All)).await
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("file", &self.core.file)
            .field("tables", self.core.texts.dialect())
            .field("in_memory", &self.anchor.is_some())
            .finish_non_exhaustive()
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Messages for SqliteStore {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        self.writer.run(Note(messages)).await
    }

    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        self.writer.ask::<Enqueue>(entries).await
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        let edition = self.core.hub.edition();
        let claimed = self.writer.run(claim.clone()).await?;
        if claimed.leased.len() < claim.limit {
            self.core.heard.fetch_max(edition, Ordering::AcqRel);
        }
        Ok(claimed)
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        self.writer.ask::<Start>(leases.to_vec()).await
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        self.writer.run(Begin(*last)).await?
    }

    async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Result<()>>> {
        self.writer.ask::<Renew>(leases.iter().map(|held| (*held, lease)).collect()).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        self.writer.ask::<Settle>(settlements).await
    }

    async fn cancel(&self, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>> {
        self.writer.run(Cancel { tenant: tenant.clone(), ids: ids.to_vec() }).await
    }

    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()> {
        self.writer.run(Append { tenant: tenant.clone(), events }).await
    }

    async fn act(
        &self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
    ) -> Result<ActRecord> {
        self.act_on(scope, act, filter, note).await
    }

    async fn pause(&self, pause: &Pause) -> Result<()> {
        self.writer.run(Stop(pause.clone())).await
    }

    async fn resume(&self, pause: &Pause) -> Result<()> {
        while self.writer.run(GoOn(pause.clone())).await? {}
        Ok(())
    }

    async fn prune(&self, retention: &Retention) -> Result<u64> {
        self.writer.run(Prune(*retention)).await
    }

    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        self.read_tracked(tenant, id).await
    }

    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        self.read_timeline(tenant, id).await
    }

    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        self.read_list(scope, filter, page).await
    }

    async fn stats(&self, scope: &Scope) -> Result<QueueStats> {
        self.read_stats(scope).await
    }

    async fn acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>> {
        self.read_acts(scope, limit).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>> {
        self.read_pauses().await
    }

    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        self.read_by_vendor_id(provider, vendor_id, recipient).await
    }

    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        self.read_tenant_of(id).await
    }

    fn dialect(&self) -> Option<Dialect> {
        Some(self.core.texts.dialect().clone())
    }

    async fn wake(&self) -> Result<()> {
        self.core.hub.tell();
        Ok(())
    }

    async fn woken(&self) {
        self.core.hub.news_since(self.core.heard.load(Ordering::Acquire), &self.core.options).await;
    }
}
