//! One instance of a vendor, as data.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Deserializer, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    address::shown_url,
    error::{Error, Result},
    message::Channel,
    providers::catalog::{self, Built, Entry},
};

/// One instance of a vendor: its name, its options, and whether it is in use.
///
/// ```
/// use tidings::config::ProviderConfig;
///
/// let provider: ProviderConfig =
///     serde_json::from_str(r#"{"vendor": "acme", "enabled": false, "api_key": "secret"}"#)?;
/// assert!(!format!("{provider:?}").contains("secret"));
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ProviderConfig {
    /// The vendor's bare name.
    pub vendor: String,
    /// False if it is left out.
    pub enabled: bool,
    /// The channels that it serves; all that it can if `None`.
    pub channels: Option<Vec<Channel>>,
    /// Its options.
    pub options: Map<String, Value>,
}

impl ProviderConfig {
    /// The vendor with these options.
    pub fn new(vendor: impl Into<String>, options: Map<String, Value>) -> Self {
        Self { vendor: vendor.into(), enabled: true, channels: None, options }
    }

    /// From a URL whose scheme is the vendor: `twilio://AC…:token@default?from=%2B15005550006`.
    ///
    /// # Errors
    /// Of kind `config`; no error shows the URL.
    #[cfg(any(feature = "http-client", feature = "smtp"))]
    pub fn from_url(url: &str) -> Result<Self> {
        let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
        let vendor = if scheme == "smtps" { "smtp" } else { scheme };
        let entry = catalog::entry(vendor)?;
        Ok(Self::new(vendor, entry.schema.table_from_url(url)?))
    }

    #[cfg(not(any(feature = "http-client", feature = "smtp")))]
    pub(super) fn from_url(_: &str) -> Result<Self> {
        Err(Error::config("no vendor was compiled in that has a URL"))
    }

    /// The name of the instance: that of the vendor if it has none of its own.
    pub fn name(&self) -> &str {
        self.options.get("name").and_then(Value::as_str).unwrap_or(&self.vendor)
    }

    /// Switches the vendor's test mode on.
    ///
    /// # Errors
    /// Of kind `config` if the vendor has none.
    pub fn sandboxed(mut self) -> Result<Self> {
        if self.entry()?.schema.setting("sandbox").is_none() {
            return Err(Error::config(format!(
                "{} has no test mode: leave `sandbox` off, or switch {} off by `enabled = false`",
                self.vendor,
                self.name()
            )));
        }
        self.options.insert("sandbox".into(), true.into());
        Ok(self)
    }

    /// The vendor's row in the catalog.
    ///
    /// # Errors
    /// Of kind `config` if it was not compiled in.
    pub fn entry(&self) -> Result<&'static Entry> {
        catalog::entry(&self.vendor)
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming vendor and option.
    pub fn build(&self) -> Result<Built> {
        self.entry()?.build(self.options.clone())
    }

    /// True if it is to serve this channel and can.
    pub fn serves(&self, channel: Channel) -> bool {
        let can = self.entry().is_ok_and(|entry| entry.channels.iter().any(|(known, _)| *known == channel));
        can && self.enabled && self.channels.as_ref().is_none_or(|wanted| wanted.contains(&channel))
    }
}

impl<'de> Deserialize<'de> for ProviderConfig {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = match Value::deserialize(deserializer)? {
            Value::String(url) => Self::from_url(&url),
            Value::Object(table) => from_table(table),
            _ => Err(Error::config("a provider is a table of options, or one URL")),
        };
        read.map_err(|error| D::Error::custom(error.message()))
    }
}

fn from_table(mut table: Map<String, Value>) -> Result<ProviderConfig> {
    let enabled = match table.remove("enabled") {
        None => true,
        Some(Value::Bool(enabled)) => enabled,
        Some(_) => return Err(Error::config("`enabled` is true or false")),
    };
    let channels = table.remove("channels").map(serde_json::from_value).transpose();
    let channels =
        channels.map_err(|_| Error::config("`channels` is a list of chat, email, push, sms, whatsapp"))?;
    let mut provider = match (table.remove("vendor"), table.remove("url")) {
        (Some(Value::String(vendor)), None) => ProviderConfig::new(vendor, Map::new()),
        (None, Some(Value::String(url))) => ProviderConfig::from_url(&url)?,
        _ => return Err(Error::config("a provider has either a `vendor` or a `url`, which is a text")),
    };
    provider.options.extend(table);
    (provider.enabled, provider.channels) = (enabled, channels);
    Ok(provider)
}

impl fmt::Debug for ProviderConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = self.entry().ok().map(|entry| entry.schema);
        let open = |name: &str| {
            let setting = schema.and_then(|schema| schema.setting(name));
            // What nobody knows may be a secret.
            setting.is_some_and(|setting| !setting.is_secret())
        };
        let shown =
            |(name, value): (&String, &Value)| if open(name) { shown(value) } else { "…".to_owned() };
        let options: BTreeMap<&String, String> =
            self.options.iter().map(|option| (option.0, shown(option))).collect();
        f.debug_struct("ProviderConfig")
            .field("vendor", &self.vendor)
            .field("enabled", &self.enabled)
            .field("channels", &self.channels)
            .field("options", &options)
            .finish()
    }
}

/// The value; of an address only what carries no secret.
fn shown(value: &Value) -> String {
    match value.as_str() {
        Some(text) if text.contains("://") => shown_url(text),
        Some(text) => text.to_owned(),
        None => value.to_string(),
    }
}
