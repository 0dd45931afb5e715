//! Says who answered: provider names, spans, and the trail of attempts.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;
use tracing::Instrument as _;

use super::{Layer, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    event::{Event, EventKind},
    message::Message,
    provider::{Capabilities, Outcome, Outgoing, Provider, Receipt, Route},
    time::Monotonic,
};

/// Puts the provider's name into outcomes and errors, notes each attempt in
/// the message's trail, and holds vendors to one outcome per recipient.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ContextLayer;

impl<M: Message> Layer<M> for ContextLayer {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        Arc::new(Context { name: inner.name().into(), inner })
    }
}

#[derive(Debug)]
struct Context<M: Message> {
    inner: Arc<dyn Provider<M>>,
    name: Arc<str>,
}

wraps_vendor!(Context);

impl<M: Message> Context<M> {
    /// Names the provider in the answer, and refuses one of the wrong length.
    fn named(&self, answer: Result<Receipt>, recipients: usize) -> Result<Receipt> {
        let mut receipt = answer.map_err(|error| error.with_provider(Arc::clone(&self.name)))?;
        if receipt.outcomes.len() != recipients {
            let text = format!(
                "{} outcomes for {recipients} recipients: the provider breaks its contract",
                receipt.outcomes.len()
            );
            return Err(Error::new(ErrorKind::Internal, text).with_provider(Arc::clone(&self.name)));
        }
        for outcome in &mut receipt.outcomes {
            match outcome {
                Outcome::Accepted { provider, .. } => *provider = Some(Arc::clone(&self.name)),
                Outcome::Refused(error) | Outcome::Unknown(error) => {
                    *error = error.clone().with_provider(Arc::clone(&self.name));
                }
            }
        }
        Ok(receipt)
    }

    fn span(&self, item: &Outgoing<'_, M>) -> tracing::Span {
        tracing::debug_span!(
            "tidings.attempt",
            provider = %self.name,
            channel = M::CHANNEL.as_str(),
            message = %item.id(),
            attempt = item.attempt(),
        )
    }
}

/// Notes an attempt when it ends, also when its future is dropped: a time-out
/// or a caller who no longer waits.
struct Attempt<'a, M: Message> {
    cx: &'a CallContext,
    item: Outgoing<'a, M>,
    name: &'a Arc<str>,
    began: Monotonic,
    ended: bool,
}

impl<'a, M: Message> Attempt<'a, M> {
    fn begin(cx: &'a CallContext, item: Outgoing<'a, M>, name: &'a Arc<str>) -> Self {
        Self { cx, item, name, began: cx.clock().monotonic(), ended: false }
    }

    fn end(mut self, answer: &Result<Receipt>) {
        self.ended = true;
        let recipients = self.item.message().recipient_count();
        for position in 0..recipients {
            match answer.as_ref().map(|receipt| &receipt.outcomes[position]) {
                Ok(Outcome::Accepted { vendor_id, cost, .. }) => {
                    let mut event = self.event(position, EventKind::Accepted);
                    event.vendor_id.clone_from(vendor_id);
                    self.note(cost.iter().copied().fold(event, Event::with_cost));
                }
                Ok(Outcome::Refused(error) | Outcome::Unknown(error)) | Err(error) => {
                    self.failed(position, error)
                }
            }
        }
    }

    fn failed(&self, position: usize, error: &Error) {
        self.note(self.event(position, EventKind::of_failure(error)).with_error(error));
    }

    fn event(&self, position: usize, kind: EventKind) -> Event {
        let mut event = self.item.event(position, kind, self.cx);
        event.provider = Some(Arc::clone(self.name));
        event.latency = Some(self.latency());
        event
    }

    fn latency(&self) -> Duration {
        self.cx.clock().monotonic().since(self.began)
    }

    fn note(&self, event: Event) {
        if let Some(trail) = self.item.trail() {
            trail.note(event);
        }
    }
}

impl<M: Message> Drop for Attempt<'_, M> {
    fn drop(&mut self) {
        if self.ended || self.item.trail().is_none() {
            return;
        }
        let error = Error::new(ErrorKind::Timeout, "no answer when the attempt was ended");
        for position in 0..self.item.message().recipient_count() {
            self.failed(position, &error);
        }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Context<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let attempt = Attempt::begin(cx, item, &self.name);
        let span = self.span(&item);
        // An instrumented future costs more than the comparison.
        let answer = if span.is_disabled() {
            self.inner.send(cx, item).await
        } else {
            self.inner.send(cx, item).instrument(span).await
        };
        let answer = self.named(answer, item.message().recipient_count());
        attempt.end(&answer);
        answer
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let attempts: Vec<_> = items.iter().map(|item| Attempt::begin(cx, *item, &self.name)).collect();
        let span = tracing::debug_span!("tidings.batch", provider = %self.name, channel = M::CHANNEL.as_str(), items = items.len());
        let mut answers = self.inner.send_batch(cx, items).instrument(span).await;
        if answers.len() != items.len() {
            let text = format!(
                "{} results for {} items: the provider breaks its contract",
                answers.len(),
                items.len()
            );
            let error = Error::new(ErrorKind::Internal, text);
            answers = items.iter().map(|_| Err(error.clone())).collect();
        }
        let named = answers
            .into_iter()
            .zip(items)
            .map(|(answer, item)| self.named(answer, item.message().recipient_count()));
        let answers: Vec<_> = named.collect();
        attempts.into_iter().zip(&answers).for_each(|(attempt, answer)| attempt.end(answer));
        answers
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}
