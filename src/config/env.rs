//! The tree from environment variables.

use super::{ChannelConfig, Config, ProviderConfig, RouteConfig, Senders};
use crate::{
    error::{Error, Result},
    message::Channel,
    providers::{
        catalog::{ENTRIES, Entry},
        schema::flag,
    },
};

/// What stands before `_ENABLED` and its like for a channel.
pub(super) fn prefix(channel: Channel) -> String {
    channel.as_str().to_uppercase()
}

impl Config {
    /// From the process's environment, with the files that it names.
    ///
    /// # Errors
    /// Of kind `config`, listing every variable that cannot be right.
    pub fn from_env() -> Result<Self> {
        read(&|name| std::env::var(name).ok(), &|entry| entry.schema.table_from_env())
    }

    /// From variables of any origin; one that names a file is an error.
    ///
    /// # Errors
    /// Of kind `config`, listing every variable that cannot be right.
    pub fn from_vars(lookup: impl Fn(&str) -> Option<String>) -> Result<Self> {
        read(&lookup, &|entry| entry.schema.table_from_vars(&lookup))
    }
}

type Table = serde_json::Map<String, serde_json::Value>;

fn read(
    lookup: &dyn Fn(&str) -> Option<String>,
    table: &dyn Fn(&Entry) -> Result<Option<Table>>,
) -> Result<Config> {
    let vars = Vars(lookup);
    let (mut config, mut faults) = (Config::default(), Vec::new());
    config.defaults = vars.senders();
    for channel in Channel::ALL {
        match vars.channel(channel) {
            Ok(Some(read)) => drop(config.channels.insert(channel, read)),
            Ok(None) => {}
            Err(error) => faults.push(error),
        }
    }
    match vars.flag("TIDINGS_SANDBOX") {
        Ok(sandbox) => config.sandbox = sandbox.unwrap_or(false),
        Err(error) => faults.push(error),
    }
    for entry in ENTRIES {
        match vars.provider(entry, table) {
            Ok(provider) => config.providers.extend(provider),
            Err(error) => faults.push(error),
        }
    }
    for url in vars.text("TIDINGS_PROVIDERS").unwrap_or_default().split_whitespace() {
        match ProviderConfig::from_url(url) {
            Ok(provider) => config.providers.push(provider),
            Err(error) => faults.push(Error::config(format!("TIDINGS_PROVIDERS: {}", error.message()))),
        }
    }
    Error::all(faults).map_or(Ok(config), Err)
}

struct Vars<'a>(&'a dyn Fn(&str) -> Option<String>);

impl Vars<'_> {
    fn text(&self, name: &str) -> Option<String> {
        (self.0)(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    fn flag(&self, name: &str) -> Result<Option<bool>> {
        let wrong = || Error::config(format!("{name} is `true` or `false`"));
        self.text(name).map(|word| flag(&word).ok_or_else(wrong)).transpose()
    }

    fn senders(&self) -> Senders {
        let email = self.text("EMAIL_FROM_ADDRESS").map(|address| match self.text("EMAIL_FROM_NAME") {
            Some(name) => format!("\"{}\" <{address}>", name.replace(['\\', '"'], "")),
            None => address,
        });
        Senders {
            email,
            sms: self.text("SMS_FROM"),
            whatsapp: self.text("WHATSAPP_FROM"),
            whatsapp_name: self.text("WHATSAPP_BUSINESS_NAME"),
        }
    }

    /// What is said of a channel; `None` if nothing.
    fn channel(&self, channel: Channel) -> Result<Option<ChannelConfig>> {
        let prefix = prefix(channel);
        let enabled = self.flag(&format!("{prefix}_ENABLED"))?;
        let providers = self.text(&format!("{prefix}_PROVIDERS"));
        let route = match self.text(&format!("{prefix}_ROUTE")).as_deref() {
            None => None,
            Some("failover") => Some(RouteConfig::Failover),
            Some("round_robin") => Some(RouteConfig::RoundRobin),
            Some(_) => return Err(Error::config(format!("{prefix}_ROUTE is `failover` or `round_robin`"))),
        };
        if enabled.is_none() && providers.is_none() && route.is_none() {
            return Ok(None);
        }
        let names = providers.as_deref().unwrap_or_default().split(',').map(str::trim);
        Ok(Some(ChannelConfig {
            enabled: enabled.unwrap_or(true),
            providers: names.filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            route: route.unwrap_or_default(),
        }))
    }

    /// A vendor whose variables are set.
    fn provider(
        &self,
        entry: &Entry,
        table: &dyn Fn(&Entry) -> Result<Option<Table>>,
    ) -> Result<Option<ProviderConfig>> {
        let enabled = self.flag(&format!("{}_ENABLED", entry.vendor().to_uppercase()))?.unwrap_or(true);
        if !enabled {
            return Ok(None);
        }
        Ok(table(entry)?.map(|options| ProviderConfig::new(entry.vendor(), options)))
    }
}
