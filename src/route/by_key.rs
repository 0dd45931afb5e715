//! A route chosen by something about the message.

use std::{fmt, sync::Arc};

use async_trait::async_trait;

use super::{gone, holds, joint};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    message::Message,
    provider::{Capabilities, Outgoing, Provider, Receipt, Route, Vendor},
};

type KeyOf<M> = Arc<dyn Fn(&Outgoing<'_, M>) -> String + Send + Sync>;

/// Each message goes to the provider of its key: the longest prefix wins.
///
/// ```
/// use tidings::{Sms, providers::preview::Preview, route::ByKey};
///
/// let route: ByKey<Sms> = ByKey::recipient()
///     .to("+49", Preview::silent().named("germany"))
///     .otherwise(Preview::silent().named("rest"));
/// ```
pub struct ByKey<M: Message> {
    name: Arc<str>,
    key: KeyOf<M>,
    providers: Vec<(Arc<str>, Arc<dyn Provider<M>>)>,
}

impl<M: Message> ByKey<M> {
    /// By a key that `key` reads from the message.
    pub fn new(key: impl Fn(&Outgoing<'_, M>) -> String + Send + Sync + 'static) -> Self {
        Self { name: "by_key".into(), key: Arc::new(key), providers: Vec::new() }
    }

    /// By the first recipient's address: `+49` is then a country, and `+1242` another than `+1`.
    pub fn recipient() -> Self {
        Self::new(|item| item.message().recipient(0).map(|r| r.as_str().to_owned()).unwrap_or_default())
    }

    /// By tenant.
    pub fn tenant() -> Self {
        Self::new(|item| item.tenant().as_str().to_owned())
    }

    /// Gives the route a name.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.name = name.into();
        self
    }

    /// Keys that begin with `prefix` go here.
    #[must_use]
    pub fn to(mut self, prefix: &str, provider: impl Provider<M>) -> Self {
        self.providers.push((prefix.into(), Arc::new(provider)));
        self
    }

    /// All other keys go here.
    #[must_use]
    pub fn otherwise(self, provider: impl Provider<M>) -> Self {
        self.to("", provider)
    }

    fn choice(&self, item: &Outgoing<'_, M>) -> Result<&Arc<dyn Provider<M>>> {
        if let Some(name) = item.pinned() {
            let mut all = self.providers.iter().map(|(_, provider)| provider);
            return all.find(|provider| holds(provider, name)).ok_or_else(|| gone(&self.name, name));
        }
        let key = (self.key)(item);
        let fitting = self.providers.iter().filter(|(prefix, _)| key.starts_with(&**prefix));
        fitting.max_by_key(|(prefix, _)| prefix.len()).map(|(_, provider)| provider).ok_or_else(|| {
            let known: Vec<&str> = self.providers.iter().map(|(prefix, _)| &**prefix).collect();
            let text = format!(
                "the route {} has no provider for this key; it has: {}; add `.otherwise(…)`",
                self.name,
                known.join(", ")
            );
            Error::new(ErrorKind::NotConfigured, text)
        })
    }
}

impl<M: Message> fmt::Debug for ByKey<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ByKey")
            .field("name", &self.name)
            .field("providers", &self.providers)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl<M: Message> Vendor for ByKey<M> {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl<M: Message> Provider<M> for ByKey<M> {
    fn capabilities(&self) -> Capabilities {
        joint("route", self.providers.iter().map(|(_, provider)| provider))
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        self.choice(&item)?.send(cx, item).await
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, M>]) -> Vec<Result<Receipt>> {
        let choices: Vec<_> = items.iter().map(|item| self.choice(item)).collect();
        let mut answers: Vec<Option<Result<Receipt>>> = items.iter().map(|_| None).collect();
        for (_, provider) in &self.providers {
            let mine =
                |index: &usize| choices[*index].as_ref().is_ok_and(|choice| Arc::ptr_eq(choice, provider));
            let indices: Vec<usize> = (0..items.len()).filter(mine).collect();
            let part: Vec<_> = indices.iter().map(|index| items[*index]).collect();
            if !part.is_empty() {
                let results = provider.send_batch(cx, &part).await;
                indices.into_iter().zip(results).for_each(|(index, result)| answers[index] = Some(result));
            }
        }
        let refused = choices.into_iter().map(|choice| choice.err());
        let missing = || Error::new(ErrorKind::Internal, "the provider answered fewer results than items");
        answers
            .into_iter()
            .zip(refused)
            .map(|(answer, error)| answer.unwrap_or_else(|| Err(error.unwrap_or_else(missing))))
            .collect()
    }

    fn as_route(&self) -> Option<&dyn Route<M>> {
        Some(self)
    }
}

impl<M: Message> Route<M> for ByKey<M> {
    fn rebuild(&self, wrap: &dyn Fn(Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>>) -> Arc<dyn Provider<M>> {
        let wrapped = |(prefix, provider): &(Arc<str>, Arc<dyn Provider<M>>)| {
            (Arc::clone(prefix), wrap(Arc::clone(provider)))
        };
        let providers = self.providers.iter().map(wrapped).collect();
        Arc::new(Self { name: Arc::clone(&self.name), key: Arc::clone(&self.key), providers })
    }

    fn providers(&self) -> Vec<Arc<dyn Provider<M>>> {
        self.providers.iter().map(|(_, provider)| Arc::clone(provider)).collect()
    }
}
