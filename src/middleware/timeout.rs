//! Bounds one attempt in time.

use std::{sync::Arc, time::Duration};

use async_trait::async_trait;

use super::{Layer, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, Result},
    message::Message,
    provider::{Capabilities, Outgoing, Provider, Receipt, Route},
    time::Monotonic,
};

/// Ends an attempt after a time, with outcome unknown.
#[derive(Clone, Copy, Debug)]
pub struct AttemptTimeout(Duration);

impl AttemptTimeout {
    /// Ends attempts after `limit`.
    pub const fn new(limit: Duration) -> Self {
        Self(limit)
    }
}

impl Default for AttemptTimeout {
    /// 30 seconds.
    fn default() -> Self {
        Self::new(Duration::from_secs(30))
    }
}

impl<M: Message> Layer<M> for AttemptTimeout {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        Arc::new(Timed { inner, limit: self.0 })
    }
}

#[derive(Debug)]
struct Timed<M: Message> {
    inner: Arc<dyn Provider<M>>,
    limit: Duration,
}

wraps_vendor!(Timed);

impl<M: Message> Timed<M> {
    /// The context that ends with the attempt, or with the send if that is sooner.
    fn bounded(&self, cx: &CallContext) -> (CallContext, Monotonic) {
        let deadline = cx.clock().monotonic() + self.limit;
        let deadline = cx.deadline().map_or(deadline, |total| total.min(deadline));
        (cx.clone().with_deadline(deadline), deadline)
    }

    fn timed_out(&self, error: Error) -> Error {
        error.with_provider(self.inner.name()).with_context("limit", format!("{:?} an attempt", self.limit))
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Timed<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        let (bounded, deadline) = self.bounded(cx);
        match bounded.until(deadline, self.inner.send(&bounded, item)).await {
            Ok(answer) => answer,
            Err(error) => Err(self.timed_out(error)),
        }
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let (bounded, deadline) = self.bounded(cx);
        match bounded.until(deadline, self.inner.send_batch(&bounded, items)).await {
            Ok(answers) => answers,
            Err(error) => {
                let error = self.timed_out(error);
                items.iter().map(|_| Err(error.clone())).collect()
            }
        }
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}
