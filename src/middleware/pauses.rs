//! Leaves provider instances alone that someone paused.

use std::{
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
};

use async_trait::async_trait;

use super::{Layer, wraps_vendor};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    message::Message,
    provider::{Capabilities, Outgoing, Provider, Receipt, Route},
};

/// The layer: which instances are paused is told from outside.
#[derive(Clone, Default)]
pub(crate) struct Pauses(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// False spares every call the lock.
    any: AtomicBool,
    names: RwLock<Vec<Arc<str>>>,
}

impl Pauses {
    /// From now on these are paused, and no others.
    pub(crate) fn set(&self, names: Vec<Arc<str>>) {
        self.0.any.store(!names.is_empty(), Ordering::Release);
        *self.0.names.write().unwrap_or_else(PoisonError::into_inner) = names;
    }

    fn refuse(&self, name: &str) -> Result<()> {
        if !self.0.any.load(Ordering::Acquire) {
            return Ok(());
        }
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        match names.iter().find(|paused| &***paused == name) {
            Some(paused) => {
                let why = "the provider is paused; resume it to go on";
                Err(Error::new(ErrorKind::Paused, why).with_provider(Arc::clone(paused)))
            }
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Pauses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.0.names.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_tuple("Pauses").field(&*names).finish()
    }
}

impl<M: Message> Layer<M> for Pauses {
    fn wrap(&self, inner: Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        Arc::new(Pausable { inner, pauses: self.clone() })
    }
}

#[derive(Debug)]
struct Pausable<M: Message> {
    inner: Arc<dyn Provider<M>>,
    pauses: Pauses,
}

wraps_vendor!(Pausable);

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<M: Message> Provider<M> for Pausable<M> {
    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        self.pauses.refuse(self.inner.name())?;
        self.inner.send(cx, item).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        match self.pauses.refuse(self.inner.name()) {
            Ok(()) => self.inner.send_batch(cx, items).await,
            Err(error) => items.iter().map(|_| Err(error.clone())).collect(),
        }
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        None
    }
}
