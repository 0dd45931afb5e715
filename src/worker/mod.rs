//! Workers: claim what is due, deliver it, and store how that ended.
//!
//! ```
//! use tidings::{Email, Messenger, Status};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let messenger = Messenger::preview();
//! let email = Email::builder().to("ada@example.org").subject("Hello").text("It works.").build()?;
//! let queued = messenger.enqueue(email).await?;
//!
//! messenger.worker().build()?.run_until_idle().await?;
//! assert_eq!(messenger.statuses(queued.id).await?, [Status::Accepted]);
//! # Ok::<(), tidings::Error>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! In a service, [`spawn`](Worker::spawn) one and [shut it down](WorkerHandle::shutdown) at the end. As
//! many workers as you like may run, in one process or in many: no two have a valid lease on one message.

use std::{fmt, sync::Arc};

use crate::{
    error::Result,
    messenger::Messenger,
    middleware::{Pauses, Seats},
};

mod attempt;
mod backoff;
mod claim;
mod clock;
mod conclude;
mod config;
mod crew;
mod decide;
mod engine;
mod floor;
mod handle;
mod keeper;
mod lanes;
mod lead;
mod lease;
mod marks;
mod mind;
mod pace;
mod plan;
mod settle;
mod stats;

pub use config::WorkerBuilder;
pub use handle::{ShutdownReport, WorkerHandle};
pub use plan::RetryPlan;
pub use stats::WorkerStats;

use config::Config;
use crew::Crew;
use engine::Engine;
use handle::{Control, Running};

impl Messenger {
    /// Starts a worker that sends what was enqueued, of all tenants unless it is told otherwise.
    pub fn worker(&self) -> WorkerBuilder {
        WorkerBuilder::new(self.clone())
    }
}

/// Sends what was enqueued: of the channels that its messenger has providers for.
#[must_use = "a worker does nothing until it is run"]
pub struct Worker {
    crew: Arc<Crew>,
    control: Arc<Control>,
}

impl Worker {
    fn new(messenger: &Messenger, config: Config) -> Self {
        let pauses = Pauses::default();
        // What is paused takes no seat.
        let line = messenger.line(vec![Arc::new(pauses.clone()), Arc::new(Seats::new(&config.providers))]);
        let crew = Arc::new(Crew::new(line, config, pauses));
        let control = Control::new(Arc::clone(&crew.clock), Arc::clone(&crew.counters));
        Self { crew, control: Arc::new(control) }
    }

    /// A way to shut it down while it runs.
    pub fn handle(&self) -> WorkerHandle {
        WorkerHandle::new(Arc::clone(&self.control))
    }

    /// Works until it is [shut down](WorkerHandle::shutdown). Dropped before that, it breaks off all
    /// attempts, and what it had in hand waits until its leases end.
    pub async fn run(self) -> ShutdownReport {
        let running = self.control.begin();
        self.run_as(running).await
    }

    async fn run_as(self, running: Running) -> ShutdownReport {
        Engine::start(self.crew, self.control, running).await.run().await
    }

    /// Runs it in a task of its own on the present tokio runtime.
    pub fn spawn(self) -> WorkerHandle {
        let handle = self.handle();
        let running = self.control.begin();
        tokio::spawn(self.run_as(running));
        handle
    }

    /// Works until nothing is due, and no longer: for tests, examples, and jobs that a timer starts.
    /// What is to be tried again later is left for later.
    ///
    /// # Errors
    /// The store's, if it fails.
    pub async fn run_until_idle(&self) -> Result<WorkerStats> {
        let running = self.control.begin();
        let engine = Engine::start(Arc::clone(&self.crew), Arc::clone(&self.control), running).await;
        engine.run_until_idle().await?;
        Ok(self.crew.counters.read())
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("config", &self.crew.config).finish_non_exhaustive()
    }
}
