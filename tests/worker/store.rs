//! A store that fails when it is told to, and counts what it is asked.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

use async_trait::async_trait;
use tidings::{
    Error, ErrorKind, Result, forward_messages,
    storage::{Claim, Claimed, Lease, MemoryStore, Messages, Settlement},
};

#[derive(Clone, Debug)]
pub(crate) struct Shaky {
    store: Arc<MemoryStore>,
    broken: Arc<AtomicBool>,
    unmarked: Arc<AtomicBool>,
    claims: Arc<AtomicUsize>,
    failures: Arc<AtomicUsize>,
    starts: Arc<AtomicUsize>,
    marks: Arc<AtomicUsize>,
}

impl Shaky {
    pub(crate) fn new(store: &Arc<MemoryStore>) -> Self {
        Self {
            store: Arc::clone(store),
            broken: Arc::default(),
            unmarked: Arc::default(),
            claims: Arc::default(),
            failures: Arc::default(),
            starts: Arc::default(),
            marks: Arc::default(),
        }
    }

    pub(crate) fn set_broken(&self, broken: bool) {
        self.broken.store(broken, Ordering::SeqCst);
    }

    /// Whether marks cannot be moved.
    pub(crate) fn set_unmarked(&self, unmarked: bool) {
        self.unmarked.store(unmarked, Ordering::SeqCst);
    }

    pub(crate) fn claims(&self) -> usize {
        self.claims.load(Ordering::SeqCst)
    }

    /// How often it failed.
    pub(crate) fn failures(&self) -> usize {
        self.failures.load(Ordering::SeqCst)
    }

    /// How many messages were started durably.
    pub(crate) fn starts(&self) -> usize {
        self.starts.load(Ordering::SeqCst)
    }

    /// How often a mark was moved.
    pub(crate) fn marks(&self) -> usize {
        self.marks.load(Ordering::SeqCst)
    }

    fn check(&self) -> Result<()> {
        if !self.broken.load(Ordering::SeqCst) {
            return Ok(());
        }
        self.failures.fetch_add(1, Ordering::SeqCst);
        Err(Error::new(ErrorKind::Storage, "gone (as asked for)"))
    }
}

#[async_trait]
impl Messages for Shaky {
    async fn claim(&self, claim: &Claim) -> Result<Claimed> {
        self.claims.fetch_add(1, Ordering::SeqCst);
        self.check()?;
        self.store.claim(claim).await
    }

    async fn start(&self, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
        self.check()?;
        self.starts.fetch_add(leases.len(), Ordering::SeqCst);
        self.store.start(leases).await
    }

    async fn begin(&self, last: &Lease) -> Result<()> {
        self.check()?;
        if self.unmarked.load(Ordering::SeqCst) {
            self.failures.fetch_add(1, Ordering::SeqCst);
            return Err(Error::new(ErrorKind::Storage, "no marks (as asked for)"));
        }
        self.marks.fetch_add(1, Ordering::SeqCst);
        self.store.begin(last).await
    }

    async fn renew(&self, leases: &[Lease], lease: std::time::Duration) -> Result<Vec<Result<()>>> {
        self.check()?;
        self.store.renew(leases, lease).await
    }

    async fn settle(&self, settlements: Vec<Settlement>) -> Result<Vec<Result<()>>> {
        self.check()?;
        self.store.settle(settlements).await
    }

    forward_messages! { [self.store]
        record enqueue cancel append_events act pause resume prune
        tracked timeline list stats acts pauses by_vendor_id tenant_of wake woken
    }
}
