//! The store in Postgres, for many workers on many machines.
//!
//! The busy calls (enqueue, claim, settle, start, renew) are one round trip each: statements over arrays, and functions in the
//! database (migration 2 says why). What is rare runs in transactions of several statements, with the rules in Rust.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use sqlx::{PgPool, postgres::PgConnectOptions};

use self::{bell::Bell, bell::Listener, call::Link, enqueue::Desk, gather::Gather, suppressions::Look};
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
mod bell;
mod blobs;
mod call;
mod cancel;
mod claim;
mod columns;
mod documents;
mod enqueue;
mod fault;
mod gather;
mod history;
mod lease;
mod migrate;
mod options;
mod order;
mod pause;
mod prune;
mod rates;
mod read;
mod record;
mod recover;
mod statements;
mod stats;
mod suppressions;

pub use options::PostgresOptions;

/// Keeps everything in a Postgres database, for any number of workers on any number of machines.
///
/// - **Begin** with [`migrate`](Self::migrate), from any number of processes at once; [`migrations`](Self::migrations)
///   has the SQL for those who run it by other tools. Nothing is migrated unless you ask.
/// - **Upgrade**: migrate first, then replace the workers one by one. A worker of one minor version before
///   or after runs beside: migrations add first, and take away what is not needed a version later.
/// - **PgBouncer** in transaction mode: say so by [`behind_bouncer`](PostgresOptions::behind_bouncer).
/// - **TLS** comes with sqlx: enable one of its `tls-…` features in your own `Cargo.toml`, and say `sslmode` in the URL.
/// - **Clock**: the database's is the judge of what is due; those of the workers do not matter.
///
/// It connects when it is first used. Copies share their connections.
///
/// ```no_run
/// use tidings::storage::PostgresStore;
///
/// # async fn f() -> tidings::Result<()> {
/// let store = PostgresStore::connect("postgres://app@localhost/app").await?;
/// store.migrate().await?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
pub struct PostgresStore {
    inner: Arc<Inner>,
}

struct Inner {
    link: Link,
    options: PostgresOptions,
    /// The name by which processes tell each other of work.
    channel: Box<str>,
    bell: Arc<Bell>,
    listener: Option<Listener>,
    /// New messages that are written together.
    new: Gather<Entry>,
    /// Looks at the suppression list that are taken together.
    looks: Gather<Look>,
    /// Everything is to be paused before the first claim.
    to_hold: AtomicBool,
}

impl PostgresStore {
    /// Connects to the database of this URL.
    ///
    /// # Errors
    /// Of kind `config` if the URL cannot be read, `storage` if the server does not answer.
    pub async fn connect(url: &str) -> Result<Self> {
        Self::connect_with(url, PostgresOptions::new()).await
    }

    /// Connects to the database of this URL.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn connect_with(url: &str, options: PostgresOptions) -> Result<Self> {
        let connect: PgConnectOptions = url.parse().map_err(fault::failed)?;
        let store = Self::open(connect, options);
        store.inner.link.rows(|| store.inner.link.statement("SELECT 1")).await?;
        Ok(store)
    }

    /// Over connections of its own, made when they are needed.
    fn open(connect: PgConnectOptions, options: PostgresOptions) -> Self {
        // Floating-point numbers are none of ours, and PgBouncer refuses what it does not know.
        let connect = connect.extra_float_digits(None);
        let link = Link::open(connect.clone(), &options);
        Self::assemble(link, connect, options)
    }

    /// Over the connections of a pool.
    pub(crate) fn share(pool: PgPool, options: PostgresOptions) -> Self {
        let connect = pool.connect_options().as_ref().clone();
        Self::assemble(Link::share(pool, &options), connect, options)
    }

    fn assemble(link: Link, connect: PgConnectOptions, options: PostgresOptions) -> Self {
        let bell = Arc::<Bell>::default();
        let channel = options.dialect.table("work");
        let listener = options.listen.then(|| Listener::new(connect, channel.clone(), Arc::clone(&bell)));
        let to_hold = AtomicBool::new(options.held);
        let channel = channel.into_boxed_str();
        Self {
            inner: Arc::new(Inner {
                link,
                options,
                channel,
                bell,
                listener,
                new: Gather::default(),
                looks: Gather::default(),
                to_hold,
            }),
        }
    }

    /// Makes the tables, or brings those of an older version up to date. Safe from several processes at
    /// once, and if it is killed at any moment: what is missing is done by the next call.
    ///
    /// # Errors
    /// Of kind `storage`.
    pub async fn migrate(&self) -> Result<()> {
        migrate::migrate(&self.inner.link, &self.inner.options.dialect).await
    }

    /// The migrations as SQL, with the names of this store's tables, for those who run them by other tools: each in a
    /// transaction, in order; with a row in the table `…migrations` each, [`migrate`](Self::migrate) knows of them.
    pub fn migrations(&self) -> Vec<Migration> {
        migrate::steps(&self.inner.options.dialect)
    }

    /// Closes the connections. Calls that come later fail.
    pub async fn close(&self) {
        self.inner.link.pool.close().await;
    }
}

impl fmt::Debug for PostgresStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostgresStore").field("options", &self.inner.options).finish_non_exhaustive()
    }
}

impl Inner {
    fn desk(&self) -> Desk<'_> {
        Desk { link: &self.link, key: self.options.dialect.hash_key(), bell: &self.channel }
    }

    /// Pauses everything, if that is still to be done.
    async fn hold(&self) -> Result<()> {
        if self.to_hold.load(Ordering::SeqCst) {
            pause::pause(&self.link, &Pause::All).await?;
            self.to_hold.store(false, Ordering::SeqCst);
        }
        Ok(())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl Messages for PostgresStore {
    async fn record(&self, messages: Vec<(Record, Vec<Event>)>) -> Result<()> {
        record::record(&self.inner, &messages).await
    }

    async fn enqueue(&self, entries: Vec<Entry>) -> Result<Vec<Result<Enqueued>>> {
        let answers = enqueue::enqueue_admitted(&self.inner, entries).await;
        self.inner.bell.ring();
        answers
    }

    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        self.inner.hold().await?;
        let rung = self.inner.bell.rung();
        let claimed = claim::claim(&self.inner, claim).await?;
        if claimed.leased.len() < claim.limit {
            self.inner.bell.heard(rung);
        }
        Ok(claimed)
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        lease::start(&self.inner, leases).await
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        lease::begin(&self.inner, last).await
    }

    async fn renew(&self, leases: &[Lease], lease: Duration) -> Result<Vec<Result<()>>> {
        lease::renew(&self.inner, leases, lease).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        let answers = lease::settle(&self.inner, &settlements).await?;
        if settlements.iter().any(|settlement| settlement.next != super::Next::Done) {
            self.inner.bell.ring();
        }
        Ok(answers)
    }

    async fn cancel(&self, tenant: &TenantId, ids: &[MessageId]) -> Result<Vec<Cancelled>> {
        cancel::cancel(&self.inner, tenant, ids).await
    }

    async fn append_events(&self, tenant: &TenantId, events: Vec<Event>) -> Result<()> {
        record::append(&self.inner, tenant, &events).await
    }

    async fn act(
        &self,
        scope: &Scope,
        act: Act,
        filter: &Filter,
        note: Option<Arc<str>>,
    ) -> Result<ActRecord> {
        let record = act::act(&self.inner, scope, act, filter, note).await?;
        if matches!(act, Act::Release | Act::Replay) {
            self.wake().await?;
        }
        Ok(record)
    }

    async fn pause(&self, pause: &Pause) -> Result<()> {
        self.inner.hold().await?;
        pause::pause(&self.inner.link, pause).await
    }

    async fn resume(&self, pause: &Pause) -> Result<()> {
        self.inner.hold().await?;
        pause::resume(&self.inner.link, pause).await?;
        self.wake().await
    }

    async fn prune(&self, retention: &Retention) -> Result<u64> {
        prune::prune(&self.inner.link, retention).await
    }

    async fn tracked(&self, tenant: &TenantId, id: MessageId) -> Result<Option<Tracked>> {
        read::tracked(&self.inner.link, tenant, id).await
    }

    async fn timeline(&self, tenant: &TenantId, id: MessageId) -> Result<Vec<Event>> {
        read::timeline(&self.inner.link, tenant, id).await
    }

    async fn list(&self, scope: &Scope, filter: &Filter, page: Page) -> Result<Vec<Tracked>> {
        read::list(&self.inner, scope, filter, page).await
    }

    async fn stats(&self, scope: &Scope) -> Result<QueueStats> {
        stats::stats(&self.inner.link, scope).await
    }

    async fn acts(&self, scope: &Scope, limit: usize) -> Result<Vec<ActRecord>> {
        act::acts(&self.inner.link, scope, limit).await
    }

    async fn pauses(&self) -> Result<Vec<Pause>> {
        self.inner.hold().await?;
        pause::pauses(&self.inner.link).await
    }

    async fn by_vendor_id(
        &self,
        provider: &str,
        vendor_id: &str,
        recipient: Option<&str>,
    ) -> Result<Option<(TenantId, DeliveryId)>> {
        read::by_vendor_id(&self.inner.link, provider, vendor_id, recipient).await
    }

    async fn tenant_of(&self, id: MessageId) -> Result<Option<TenantId>> {
        read::tenant_of(&self.inner.link, id).await
    }

    fn dialect(&self) -> Option<Dialect> {
        Some(self.inner.options.dialect.clone())
    }

    async fn wake(&self) -> Result<()> {
        self.inner.bell.ring();
        let link = &self.inner.link;
        link.rows(|| link.statement("SELECT pg_notify($1, '')").bind(&*self.inner.channel)).await.map(drop)
    }

    /// Not `async`: what comes after the call ends it, whether it is awaited by then or not.
    fn woken<'life0, 'async_trait>(&'life0 self) -> Pin<Box<dyn Future<Output = ()> + Send + 'async_trait>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        if let Some(listener) = &self.inner.listener {
            listener.start();
        }
        Box::pin(self.inner.bell.next())
    }
}
