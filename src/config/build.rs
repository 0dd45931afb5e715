//! From the tree to a messenger.

use std::{collections::HashMap, fmt, sync::Arc};

use super::{Config, ProviderConfig, RouteConfig};
use crate::{
    error::{Error, Result},
    message::{Channel, Chat, Email, Message, Push, Sms, WhatsApp},
    messenger::{Defaults, MessengerBuilder},
    provider::Provider,
    providers::catalog::{Built, Role},
    route::Spread,
    webhook::Webhook,
};

impl Config {
    /// A messenger's builder with the providers of this configuration: set the store and all else on it.
    ///
    /// # Errors
    /// Of kind `config`, listing everything that is wrong.
    pub fn builder(&self) -> Result<MessengerBuilder> {
        self.builder_and_webhooks().map(|(builder, _)| builder)
    }

    /// The same, with what understands the vendors' calls.
    ///
    /// # Errors
    /// Of kind `config`, listing everything that is wrong.
    pub fn builder_and_webhooks(&self) -> Result<(MessengerBuilder, Webhooks)> {
        let instances = self.instances()?;
        let (mut builder, mut faults) = (MessengerBuilder::default().defaults(self.senders()), Vec::new());
        macro_rules! channels {
            ($($message:ident $field:ident),+) => {$(
                builder = match self.line_up::<$message>(&instances) {
                    Ok(Some(provider)) => builder.$field(provider),
                    Ok(None) => builder,
                    Err(error) => {
                        faults.push(error);
                        builder
                    }
                };
            )+};
        }
        channels!(Chat chat, Email email, Push push, Sms sms, WhatsApp whatsapp);
        match Error::all(faults) {
            Some(all) => Err(all),
            None => Ok((builder, Webhooks::of(&instances))),
        }
    }

    /// Every provider in use, built.
    fn instances(&self) -> Result<Vec<Instance>> {
        let (mut instances, mut faults): (Vec<Instance>, _) = (Vec::new(), Vec::new());
        for config in self.providers.iter().filter(|config| config.enabled) {
            match self.instance(config) {
                Ok(instance) if instances.iter().any(|known| known.name() == instance.name()) => {
                    let text =
                        format!("two providers are named {:?}; set `name` on one of them", instance.name());
                    faults.push(Error::config(text));
                }
                Ok(instance) => instances.push(instance),
                Err(error) => faults.push(error),
            }
        }
        Error::all(faults).map_or(Ok(instances), Err)
    }

    fn instance(&self, config: &ProviderConfig) -> Result<Instance> {
        let config = if self.sandbox { config.clone().sandboxed()? } else { config.clone() };
        Ok(Instance { built: config.build()?, config })
    }

    fn senders(&self) -> Defaults {
        let mut defaults = Defaults::new();
        if let Some(email) = &self.defaults.email {
            defaults = defaults.email(email.as_str());
        }
        if let Some(sms) = &self.defaults.sms {
            defaults = defaults.sms(sms.as_str());
        }
        match &self.defaults.whatsapp {
            Some(whatsapp) => defaults.whatsapp(whatsapp.as_str()),
            None => defaults,
        }
    }

    /// The channel's provider, or a route over several; `None` if it has none or is switched off.
    fn line_up<M: Role>(&self, instances: &[Instance]) -> Result<Option<Arc<dyn Provider<M>>>> {
        let channel = M::CHANNEL;
        let said = self.channels.get(&channel).cloned().unwrap_or_default();
        if !said.enabled {
            return Ok(None);
        }
        let serving: Vec<&Instance> = instances.iter().filter(|i| i.config.serves(channel)).collect();
        let chosen = match said.providers.as_slice() {
            [] => serving,
            names => names.iter().map(|name| named(name, channel, &serving)).collect::<Result<_>>()?,
        };
        let providers = chosen.iter().filter_map(|instance| M::of(&instance.built)).collect();
        Ok(joined(said.route, providers))
    }
}

fn named<'a>(name: &str, channel: Channel, serving: &[&'a Instance]) -> Result<&'a Instance> {
    serving.iter().copied().find(|instance| instance.name() == name).ok_or_else(|| {
        let known: Vec<&str> = serving.iter().map(|instance| instance.name()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Error::config(format!("channels.{channel} names the provider {name:?}; those that serve it: {known}"))
    })
}

/// One provider as it is, several as a route.
pub(super) fn joined<M: Message>(
    route: RouteConfig,
    mut providers: Vec<Arc<dyn Provider<M>>>,
) -> Option<Arc<dyn Provider<M>>> {
    if providers.len() < 2 {
        return providers.pop();
    }
    let spread = match route {
        RouteConfig::Failover => Spread::failover(),
        RouteConfig::RoundRobin => Spread::round_robin().failing_over(),
    };
    Some(Arc::new(providers.into_iter().fold(spread, |spread, provider| spread.to_shared(1, provider))))
}

struct Instance {
    config: ProviderConfig,
    built: Built,
}

impl Instance {
    fn name(&self) -> &str {
        self.built.vendor.name()
    }
}

/// What understands the vendors' calls, by the names of their instances.
#[derive(Clone, Default)]
pub struct Webhooks(HashMap<String, Arc<dyn Webhook>>);

impl Webhooks {
    fn of(instances: &[Instance]) -> Self {
        let webhooks = instances.iter().filter_map(|instance| {
            instance.built.webhook.clone().map(|webhook| (instance.name().to_owned(), webhook))
        });
        Self(webhooks.collect())
    }

    /// That of the instance of this name.
    pub fn named(&self, name: &str) -> Option<&Arc<dyn Webhook>> {
        self.0.get(name)
    }

    /// The names of all instances that have one.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
