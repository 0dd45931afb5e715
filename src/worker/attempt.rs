//! One message in the hands of a worker: from its turn to its end, whatever happens in between.

use std::{sync::Arc, thread};

use tracing::Instrument as _;

use super::{
    conclude::{Conclusion, Last, conclude},
    crew::Crew,
    lease::Batch,
    pace::Signal,
    settle::End,
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Retry},
    messenger::{Ended, Ready},
    provider::Trail,
    storage::{Next, Settlement},
    time::Clock,
};

/// A message that was claimed.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) ready: Ready,
    pub(super) batch: Arc<Batch>,
    /// Shows the store's time.
    pub(super) clock: Arc<dyn Clock>,
    /// Its place in the batch.
    pub(super) place: usize,
}

/// Boxed: it is handed on often.
pub(super) type Boxed = Box<Job>;

impl Job {
    /// False while the mark of its claim has not passed it.
    pub(super) fn may_begin(&self) -> bool {
        self.batch.may_begin(self.place)
    }

    /// Hands it back unharmed.
    pub(super) fn give_back(self, crew: &Crew) {
        self.batch.end(self.place);
        crew.counters.returned.one();
        let settlement =
            Settlement::new(&self.ready.leased, Next::Returned, self.ready.leased.attempts, Vec::new());
        crew.ends.add(End { settlement, batch: self.batch, place: self.place, frees: false });
    }
}

/// Serves one message.
pub(super) async fn serve(crew: &Crew, job: Boxed) {
    let span = tracing::info_span!(
        "tidings.deliver",
        channel = job.ready.channel.as_str(),
        message = %job.ready.id(),
        tenant = %job.ready.leased.tenant,
    );
    // An instrumented future costs more than the comparison.
    match span.is_disabled() {
        true => attempt(crew, job).await,
        false => Box::pin(attempt(crew, job).instrument(span)).await,
    }
}

async fn attempt(crew: &Crew, mut job: Boxed) {
    let Some(deadline) = job.batch.begin(job.place, crew.clock.monotonic()) else {
        crew.free(job.ready.channel, Signal::Silent);
        return job.give_back(crew);
    };
    job.ready.unfold();
    let cx = crew.line.cx().clone().with_clock(Arc::clone(&job.clock)).with_deadline(deadline);
    let open = Open::new(crew, job);
    let Some(job) = open.job.as_ref() else { return };
    let ended = cx.until(deadline, crew.line.deliver(&job.ready, &cx, &open.trail)).await;
    match ended {
        Ok(ended) => open.close(ended, &cx),
        Err(late) => open.close_late(late, &cx),
    }
}

/// An attempt under way. If it is dropped before its end, that is noted as well: it panicked, or
/// the worker leaves.
struct Open<'a> {
    crew: &'a Crew,
    trail: Trail,
    /// Taken at its end.
    job: Option<Boxed>,
}

impl<'a> Open<'a> {
    fn new(crew: &'a Crew, job: Boxed) -> Self {
        let trail = Trail::with_capacity(1).after(job.ready.leased.attempts);
        Self { crew, trail, job: Some(job) }
    }

    fn close(mut self, ended: Ended, cx: &CallContext) {
        let Some(job) = self.job.take() else { return };
        let last = Last { ended, events: self.trail.take(), leaving: false };
        self.settle(job, last, cx);
    }

    /// The attempt did not end by itself: what became of each is what the trail tells.
    fn close_late(mut self, error: Error, cx: &CallContext) {
        let Some(job) = self.job.take() else { return };
        self.break_off(job, error, cx, false);
    }

    fn break_off(&self, job: Boxed, error: Error, cx: &CallContext, leaving: bool) {
        let error = error.with_certainty(self.trail.certainty());
        let events = self.trail.take();
        let ended = job.ready.as_far_as(&events, error);
        self.settle(job, Last { ended, events, leaving }, cx);
    }

    fn settle(&self, job: Boxed, last: Last, cx: &CallContext) {
        let crew = self.crew;
        let Conclusion { settlement, signal } = conclude(&job.ready, last, &crew.plan, cx.clock().now());
        crew.count(&settlement);
        // First the end, then the place: who sees no attempt under way sees all ends.
        let (channel, was_awaited) = (job.ready.channel, job.batch.end(job.place));
        let frees = job.ready.leased.terms.ordering_key.is_some();
        crew.ends.add(End { settlement, batch: job.batch, place: job.place, frees });
        if was_awaited {
            crew.free(channel, signal);
        }
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let Some(job) = self.job.take() else { return };
        let panicked = thread::panicking();
        let error = if panicked {
            self.crew.counters.panicked.one();
            // Another attempt may do better: nothing is known of why it panicked.
            Error::new(ErrorKind::Internal, "the provider or a layer panicked").with_retry(Retry::Backoff)
        } else {
            let why = "the worker left during the attempt";
            Error::new(ErrorKind::Cancelled, why).with_retry(Retry::Backoff)
        };
        let cx = CallContext::new(Arc::clone(&job.clock));
        self.break_off(job, error, &cx, !panicked);
    }
}
