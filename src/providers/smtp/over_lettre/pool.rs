//! Open connections between two messages.
//!
//! Not lettre's pool: that one takes a connection back whose message was
//! abandoned half-way, so that late answers are read as answers to the next
//! message; it also spawns tasks, when built and when dropped. Here only who
//! finished a message puts a connection back; an abandoned one is closed.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use lettre::transport::smtp::client::AsyncSmtpConnection;
use tokio::{
    runtime::{Handle, Id},
    sync::{Semaphore, SemaphorePermit},
};

use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    time::Monotonic,
};

pub(super) struct Pool {
    permits: Semaphore,
    idle_timeout: Duration,
    parked: Mutex<Vec<Parked>>,
}

struct Parked {
    connection: AsyncSmtpConnection,
    /// A connection dies with the runtime that opened it.
    runtime: Id,
    since: Monotonic,
}

impl Pool {
    pub(super) fn new(max: usize, idle_timeout: Duration) -> Self {
        let permits = Semaphore::new(max.min(Semaphore::MAX_PERMITS));
        Self { permits, idle_timeout, parked: Mutex::default() }
    }

    /// The right to use one connection, waited for until the deadline.
    pub(super) async fn permit(&self, cx: &CallContext) -> Result<SemaphorePermit<'_>> {
        let permit = match cx.deadline() {
            Some(deadline) => cx.until(deadline, self.permits.acquire()).await.map_err(|_| {
                let text = "all connections are in use; raise max_connections or the deadline";
                Error::new(ErrorKind::Timeout, text).with_certainty(Certainty::NotSent)
            })?,
            None => self.permits.acquire().await,
        };
        // Nobody closes the semaphore.
        permit.map_err(|_| Error::new(ErrorKind::Internal, "the semaphore of the pool was closed"))
    }

    /// The connection used last, if it may still be good.
    pub(super) fn take(&self, cx: &CallContext) -> Option<AsyncSmtpConnection> {
        let (now, runtime) = (cx.clock().monotonic(), Handle::try_current().ok()?.id());
        let mut parked = self.lock();
        parked.retain(|parked| now.since(parked.since) < self.idle_timeout);
        let position = parked.iter().rposition(|parked| parked.runtime == runtime)?;
        Some(parked.remove(position).connection)
    }

    /// Keeps a connection between whose messages everything was answered.
    pub(super) fn park(&self, cx: &CallContext, connection: AsyncSmtpConnection) {
        let Ok(handle) = Handle::try_current() else { return };
        let parked = Parked { connection, runtime: handle.id(), since: cx.clock().monotonic() };
        self.lock().push(parked);
    }

    /// Closes what is parked: where the server hung up once, the others are old as well.
    pub(super) fn clear(&self) {
        self.lock().clear();
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Parked>> {
        // Pushes and removals leave a good list behind, whoever panics.
        self.parked.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
