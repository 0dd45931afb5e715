//! What the framework hands to everything that calls out: clock, HTTP, deadline.

use std::{future::poll_fn, sync::Arc, task::Poll, time::Duration};

use crate::{
    error::{Error, ErrorKind, Result},
    http::HttpTransport,
    time::{Clock, Monotonic, SystemClock},
};

/// What the framework provides to a call: deadline, HTTP, clock.
///
/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct CallContext {
    clock: Arc<dyn Clock>,
    http: Option<Arc<dyn HttpTransport>>,
    deadline: Option<Monotonic>,
}

impl CallContext {
    /// A context over this clock, without HTTP and without deadline.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        Self { clock, http: None, deadline: None }
    }

    /// The same over another clock.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// The same with an HTTP transport.
    #[must_use]
    pub fn with_http(mut self, http: Arc<dyn HttpTransport>) -> Self {
        self.http = Some(http);
        self
    }

    /// The same, ending at `deadline` or at the present one, whichever is earlier.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Monotonic) -> Self {
        self.deadline = Some(self.deadline.map_or(deadline, |present| present.min(deadline)));
        self
    }

    /// The clock.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The clock, to keep.
    pub fn shared_clock(&self) -> Arc<dyn Clock> {
        Arc::clone(&self.clock)
    }

    /// The HTTP transport.
    ///
    /// # Errors
    /// [`ErrorKind::Config`] if there is none.
    pub fn http(&self) -> Result<&Arc<dyn HttpTransport>> {
        self.http.as_ref().ok_or_else(|| {
            Error::config("this provider speaks HTTP: give the builder a transport with `.http(…)`, or enable the feature `http-client`")
        })
    }

    /// When the call must have ended.
    pub fn deadline(&self) -> Option<Monotonic> {
        self.deadline
    }

    /// How long the call may still take; `None` is for ever.
    pub fn remaining(&self) -> Option<Duration> {
        self.deadline.map(|deadline| deadline.since(self.clock.monotonic()))
    }

    /// Runs `work`, but not beyond `deadline`.
    ///
    /// # Errors
    /// [`ErrorKind::Timeout`], outcome unknown, if it did not end in time.
    pub async fn until<T>(&self, deadline: Monotonic, work: impl Future<Output = T>) -> Result<T> {
        let mut work = std::pin::pin!(work);
        let mut timer = None;
        poll_fn(|task| {
            if let Poll::Ready(done) = work.as_mut().poll(task) {
                return Poll::Ready(Ok(done));
            }
            // A timer is only made for work that is not done at once.
            let timer = timer.get_or_insert_with(|| self.clock.sleep_until(deadline));
            timer.as_mut().poll(task).map(|()| Err(Error::new(ErrorKind::Timeout, "no answer in time")))
        })
        .await
    }
}

impl Default for CallContext {
    fn default() -> Self {
        Self::new(Arc::new(SystemClock))
    }
}
