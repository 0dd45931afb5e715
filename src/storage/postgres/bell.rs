//! News of work: from this process, and from others by LISTEN.

use std::{
    future::Future,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use sqlx::{
    Executor,
    postgres::{PgConnectOptions, PgListener, PgPoolOptions},
};
use tokio::{sync::Notify, task::JoinHandle, time::timeout};

/// When nothing was heard for this long, the connection is tried.
const SILENCE: Duration = Duration::from_secs(30);

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// The longest pause before the next attempt to listen again.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Rings when there may be work.
#[derive(Debug, Default)]
pub(super) struct Bell {
    rung: AtomicU64,
    /// Up to which ringing claims have looked for work.
    heard: AtomicU64,
    waiting: Notify,
}

impl Bell {
    pub(super) fn ring(&self) {
        self.rung.fetch_add(1, Ordering::SeqCst);
        self.waiting.notify_waiters();
    }

    /// To be asked before a claim, and told to [`heard`](Self::heard) after one that found too little.
    pub(super) fn rung(&self) -> u64 {
        self.rung.load(Ordering::SeqCst)
    }

    pub(super) fn heard(&self, rung: u64) {
        self.heard.fetch_max(rung, Ordering::SeqCst);
    }

    /// Ends when it rings after this call, or has rung since the last claim that found too little.
    pub(super) fn next(&self) -> impl Future<Output = ()> + Send + '_ {
        let next = self.waiting.notified();
        let missed = self.rung() != self.heard.load(Ordering::SeqCst);
        async move {
            if !missed {
                next.await;
            }
        }
    }
}

/// Rings a bell when another process says that there is work.
#[derive(Debug)]
pub(super) struct Listener {
    connect: PgConnectOptions,
    channel: String,
    bell: Arc<Bell>,
    task: Mutex<Option<JoinHandle<()>>>,
}

impl Listener {
    pub(super) fn new(connect: PgConnectOptions, channel: String, bell: Arc<Bell>) -> Self {
        Self { connect, channel, bell, task: Mutex::default() }
    }

    /// Starts to listen if nobody does, as when it is the first time, or the runtime is gone on which someone did.
    pub(super) fn start(&self) {
        let mut task = self.task.lock().unwrap_or_else(PoisonError::into_inner);
        if task.as_ref().is_none_or(JoinHandle::is_finished) {
            let (connect, channel) = (self.connect.clone(), self.channel.clone());
            *task = Some(tokio::spawn(listen(connect, channel, Arc::clone(&self.bell))));
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Some(task) = self.task.get_mut().unwrap_or_else(PoisonError::into_inner) {
            task.abort();
        }
    }
}

async fn listen(connect: PgConnectOptions, channel: String, bell: Arc<Bell>) {
    let mut pause = Duration::from_millis(50);
    loop {
        // A pool of one, since a listener wants a pool; none of the store's connections is kept from it.
        let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(PATIENCE).max_lifetime(None);
        let pool = pool.idle_timeout(None).connect_lazy_with(connect.clone());
        if let Ok(mut listener) = PgListener::connect_with(&pool).await
            && listener.listen(&channel).await.is_ok()
        {
            pause = Duration::from_millis(50);
            relay(&mut listener, &bell).await;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Rings for everything that comes; ends when the connection does.
async fn relay(listener: &mut PgListener, bell: &Bell) {
    listener.eager_reconnect(false);
    // Nobody knows what was said before we listened.
    bell.ring();
    loop {
        match timeout(SILENCE, listener.try_recv()).await {
            Ok(Ok(Some(_))) => bell.ring(),
            Ok(_) => return,
            Err(_) => match timeout(PATIENCE, listener.execute("SELECT 1")).await {
                Ok(Ok(_)) => {}
                _ => return,
            },
        }
    }
}
