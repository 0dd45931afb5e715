//! The providers that stored configurations say, built once until they change.

use std::{
    collections::HashMap,
    fmt,
    marker::PhantomData,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use async_trait::async_trait;

use super::{RouteConfig, build::joined, stored::StoredConfigs};
use crate::{
    error::{Error, ErrorKind, Result},
    id::TenantId,
    provider::{Provider, ProviderSource},
    providers::catalog::Role,
    time::{Clock, Monotonic, SystemClock},
};

/// How long what was read is believed without asking for its version.
const FRESH: Duration = Duration::from_secs(2);

/// Answers with the providers of stored configurations; made by [`StoredConfigs::source`].
pub struct StoredSource<M: Role> {
    configs: StoredConfigs,
    clock: Arc<dyn Clock>,
    known: Mutex<HashMap<TenantId, Known<M>>>,
    of: PhantomData<fn(M)>,
}

struct Known<M: Role> {
    version: u64,
    asked: Monotonic,
    /// `None` if the tenant has no configuration that is switched on.
    provider: Option<Arc<dyn Provider<M>>>,
}

// Derived, it would ask that the message be `Clone` for no reason.
impl<M: Role> Clone for Known<M> {
    fn clone(&self) -> Self {
        Self { version: self.version, asked: self.asked, provider: self.provider.clone() }
    }
}

impl<M: Role> StoredSource<M> {
    pub(super) fn new(configs: StoredConfigs) -> Self {
        Self { configs, clock: Arc::new(SystemClock), known: Mutex::default(), of: PhantomData }
    }

    /// The same with another clock, such as one that tests move by hand.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    async fn of(&self, tenant: &TenantId) -> Result<Option<Arc<dyn Provider<M>>>> {
        let now = self.clock.monotonic();
        let known = self.known().get(tenant).cloned();
        if let Some(known) = known.as_ref().filter(|known| now.since(known.asked) < FRESH) {
            return Ok(known.provider.clone());
        }
        let fresh = match (self.configs.version(tenant, M::CHANNEL).await, known) {
            (Ok(version), Some(known)) if version == known.version => Known { asked: now, ..known },
            (Ok(version), _) => Known { version, asked: now, provider: self.built(tenant).await? },
            // What is in use goes on; what changed meanwhile is found when the store is back.
            (Err(_), Some(known)) => known,
            (Err(error), None) => return Err(error),
        };
        self.known().insert(tenant.clone(), fresh.clone());
        Ok(fresh.provider)
    }

    async fn built(&self, tenant: &TenantId) -> Result<Option<Arc<dyn Provider<M>>>> {
        let mut providers = Vec::new();
        for config in self.configs.list(tenant, M::CHANNEL).await?.iter().filter(|config| config.enabled) {
            providers.extend(M::of(&config.build()?));
        }
        Ok(joined(RouteConfig::Failover, providers))
    }

    fn known(&self) -> MutexGuard<'_, HashMap<TenantId, Known<M>>> {
        // A panic while inserting leaves a good map behind.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl<M: Role> ProviderSource<M> for StoredSource<M> {
    async fn provider(&self, tenant: &TenantId, _: &M) -> Result<Arc<dyn Provider<M>>> {
        if let Some(own) = self.of(tenant).await? {
            return Ok(own);
        }
        let common = if *tenant == TenantId::DEFAULT { None } else { self.of(&TenantId::DEFAULT).await? };
        common.ok_or_else(|| {
            let text = format!(
                "no configuration of the channel {} is stored and switched on for this tenant or for all; \
                 add one by StoredConfigs::put",
                M::CHANNEL
            );
            Error::new(ErrorKind::NotConfigured, text)
        })
    }
}

impl<M: Role> fmt::Debug for StoredSource<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoredSource({})", M::CHANNEL)
    }
}
