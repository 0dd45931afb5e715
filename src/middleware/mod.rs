//! Layers around providers, each written once for all channels.
//!
//! The facade owns their order:
//!
//! ```text
//! send:          admit -> render -> record -> [observe -> total deadline -> per-send layers -> route]
//! per provider:  [split -> retry -> per-attempt layers -> breaker -> rate limit -> attempt timeout -> context -> gate] -> vendor
//! ```

use std::{fmt, sync::Arc};

use crate::{
    message::{Chat, Email, Message, Push, Sms, WhatsApp},
    provider::Provider,
};

mod breaker;
mod context;
mod gate;
mod pauses;
mod progress;
mod rate_limit;
mod retry;
mod seats;
mod split;
mod timeout;
mod turns;

pub use breaker::{Breaker, BreakerPolicy};
pub(crate) use context::ContextLayer;
pub(crate) use gate::{GateLayer, admits};
pub(crate) use pauses::Pauses;
pub(crate) use progress::Progress;
pub use rate_limit::{Rate, RateKey, RateLimit, RateLimiter};
pub use retry::{RetryLayer, RetryPolicy};
pub(crate) use seats::Seats;
pub(crate) use split::SplitLayer;
pub use timeout::AttemptTimeout;

/// Puts something around a provider.
///
/// # Contract
/// - State lives in the layer, so that wrapping is cheap and may happen at every send.
/// - The wrapped provider forwards [`send_batch`](Provider::send_batch) as a
///   batch; to fall back on the trait's default would turn batches into single sends.
/// - It answers the inner provider's name and capabilities.
///
/// Write it once, generic over the channel:
///
/// ```
/// use std::sync::{Arc, atomic::{AtomicU64, Ordering}};
/// use async_trait::async_trait;
/// use tidings::{CallContext, Capabilities, Message, Outgoing, Provider, Receipt, Result, Vendor, middleware::Layer};
///
/// /// Counts attempts.
/// #[derive(Clone, Debug, Default)]
/// struct Count(Arc<AtomicU64>);
///
/// impl<M: Message> Layer<M> for Count {
///     fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
///         Arc::new(Counted { inner, count: Arc::clone(&self.0) })
///     }
/// }
///
/// #[derive(Debug)]
/// struct Counted<M: Message> {
///     inner: Arc<dyn Provider<M>>,
///     count: Arc<AtomicU64>,
/// }
///
/// impl<M: Message> Vendor for Counted<M> {
///     fn name(&self) -> &str {
///         self.inner.name()
///     }
/// }
///
/// #[async_trait]
/// impl<M: Message> Provider<M> for Counted<M> {
///     fn capabilities(&self) -> Capabilities {
///         self.inner.capabilities()
///     }
///
///     async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
///         self.count.fetch_add(1, Ordering::Relaxed);
///         self.inner.send(cx, item).await
///     }
///
///     async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
///         self.count.fetch_add(items.len() as u64, Ordering::Relaxed);
///         self.inner.send_batch(cx, items).await
///     }
/// }
/// ```
pub trait Layer<M: Message>: fmt::Debug + Send + Sync + 'static {
    /// Puts the layer around `inner`.
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>>;
}

/// A layer for all channels: what `impl<M: Message> Layer<M>` gives.
pub trait AnyLayer: Layer<Chat> + Layer<Email> + Layer<Push> + Layer<Sms> + Layer<WhatsApp> {}

impl<L: Layer<Chat> + Layer<Email> + Layer<Push> + Layer<Sms> + Layer<WhatsApp>> AnyLayer for L {}

/// Puts `wrap` around every vendor of `provider`: around itself, or, if it
/// is a route, around each provider of which it is made.
pub(crate) fn around_vendors<M: Message>(
    provider: Arc<dyn Provider<M>>,
    wrap: &dyn Fn(Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>>,
) -> Arc<dyn Provider<M>> {
    match provider.as_route() {
        Some(route) => route.rebuild(&|inner| around_vendors(inner, wrap)),
        None => wrap(provider),
    }
}

/// What every wrapper answers as its inner provider does.
macro_rules! wraps_vendor {
    ($name:ident) => {
        #[async_trait::async_trait]
        #[deny(clippy::missing_trait_methods)]
        impl<M: $crate::message::Message> $crate::provider::Vendor for $name<M> {
            fn name(&self) -> &str {
                self.inner.name()
            }

            async fn check(
                &self,
                cx: &$crate::context::CallContext,
            ) -> $crate::error::Result<$crate::provider::Health> {
                self.inner.check(cx).await
            }
        }
    };
}

pub(crate) use wraps_vendor;

#[cfg(test)]
mod tests;
