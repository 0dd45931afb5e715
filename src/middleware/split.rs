//! Cuts batches to what one call of the vendor takes.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Layer, wraps_vendor};
use crate::{
    concurrent::in_order,
    context::CallContext,
    error::Result,
    message::Message,
    provider::{Capabilities, Outgoing, Provider, Receipt, Route},
};

/// How many calls of one batch are under way at once.
const WIDTH: usize = 16;

/// Cuts batches to `max_batch`; a vendor without a batch call gets single ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SplitLayer;

impl<M: Message> Layer<M> for SplitLayer {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        Arc::new(Split { inner })
    }
}

#[derive(Debug)]
struct Split<M: Message> {
    inner: Arc<dyn Provider<M>>,
}

wraps_vendor!(Split);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Split<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        self.inner.send(cx, item).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let most = self.inner.capabilities().max_batch.max(1);
        if most == 1 {
            return in_order(items.iter().map(|item| self.inner.send(cx, *item)), WIDTH).await;
        }
        let calls = items.chunks(most).map(|chunk| self.inner.send_batch(cx, chunk));
        in_order(calls, WIDTH).await.into_iter().flatten().collect()
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}
