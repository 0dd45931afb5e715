//! A message between its two records, whatever happens to the caller.

use std::{
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Waker},
};

use crate::{
    error::{Error, Result},
    event::{Event, EventKind, Status},
    id::{MessageId, TenantId},
    provider::{Outcome, Trail},
    storage::Messages,
    time::{Clock, Timestamp},
};

/// Notes how a send ended, also if its future is dropped before it does.
pub(super) struct Flight {
    pub(super) id: MessageId,
    recipients: u32,
    trail: Trail,
    /// Taken when the send ends.
    ground: Option<Ground>,
}

struct Ground {
    store: Arc<dyn Messages>,
    clock: Arc<dyn Clock>,
    tenant: TenantId,
}

impl Flight {
    pub(super) fn new(
        id: MessageId,
        recipients: usize,
        store: Arc<dyn Messages>,
        clock: Arc<dyn Clock>,
        tenant: TenantId,
    ) -> Self {
        let trail = Trail::with_capacity(recipients);
        let recipients = u32::try_from(recipients).unwrap_or(u32::MAX);
        Self { id, recipients, trail, ground: Some(Ground { store, clock, tenant }) }
    }

    pub(super) fn trail(&self) -> &Trail {
        &self.trail
    }

    /// The total time-out of this send: as certain as its attempts tell.
    pub(super) fn late(&self, error: Error) -> Error {
        error.with_certainty(self.trail.certainty()).with_context("limit", "the total time of the send")
    }

    /// The events of a send that ended, for the store; after this a drop notes nothing.
    pub(super) fn land(&mut self, answer: &Result<Vec<Outcome>>) -> Vec<Event> {
        let Some(ground) = self.ground.take() else { return Vec::new() };
        let mut events = self.trail.take();
        for index in 0..self.recipients {
            let outcome = answer.as_ref().map(|outcomes| outcomes.get(index as usize));
            let (kind, error) = match outcome {
                Ok(Some(Outcome::Accepted { .. })) => (EventKind::Accepted, None),
                Ok(None) => continue,
                Ok(Some(Outcome::Refused(error) | Outcome::Unknown(error))) | Err(error) => {
                    (EventKind::of_failure(error), Some(error))
                }
            };
            // Most outcomes are already on the trail, with the attempt they came from.
            let known = events.iter().any(|event| {
                event.recipient == Some(index) && (event.kind == kind || event.kind == EventKind::Suppressed)
            });
            if !known {
                let event = self.event(index, kind, ground.clock.now());
                events.push(error.into_iter().fold(event, Event::with_error));
            }
        }
        events
    }

    fn event(&self, recipient: u32, kind: EventKind, at: Timestamp) -> Event {
        let mut event = Event::new(self.id, kind, at);
        event.recipient = Some(recipient);
        event
    }

    /// What is known of a send that nobody waits for any more.
    fn abandon(&self, now: Timestamp) -> Vec<Event> {
        let mut events = self.trail.take();
        for index in 0..self.recipients {
            let (kind, text) = match Status::of(index, &events) {
                Status::Unknown => (EventKind::Unknown, "the send was dropped during an attempt"),
                Status::Queued | Status::Refused => {
                    (EventKind::Cancelled, "the send was dropped between attempts")
                }
                _ => continue,
            };
            let mut event = self.event(index, kind, now);
            (event.code, event.text) = (Some("cancelled".into()), Some(text.into()));
            events.push(event);
        }
        events
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        let Some(ground) = self.ground.take() else { return };
        let events = self.abandon(ground.clock.now());
        let Ground { store, tenant, .. } = ground;
        finish(Box::pin(async move {
            if let Err(error) = store.append_events(&tenant, events).await {
                tracing::warn!(error = %error.kind(), "a dropped send could not be noted");
            }
        }));
    }
}

/// Completes `work` where no one can await it: at once if it does not wait
/// (memory), else on the runtime, if there is one.
fn finish(mut work: Pin<Box<dyn Future<Output = ()> + Send>>) {
    let mut cx = Context::from_waker(Waker::noop());
    if work.as_mut().poll(&mut cx).is_pending() {
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(work)),
            Err(_) => tracing::warn!("a dropped send could not be noted: there is no runtime"),
        }
    }
}
