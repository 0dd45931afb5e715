//! Who sends what, as data: from a file, from environment variables, from URLs, or from all of them.
//!
//! All of these make the same tree, a [`Config`], and only that is turned into providers:
//!
//! ```
//! use tidings::config::Config;
//!
//! let config: Config = serde_json::from_str(r#"{
//!     "defaults": { "email": "Corner Shop <shop@example.org>" },
//!     "providers": []
//! }"#)?;
//! let messenger = config.builder()?.build()?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A provider is a table with the vendor's name and its options, or one URL:
//!
//! ```toml
//! [defaults]
//! email = "Corner Shop <shop@example.org>"
//!
//! [[providers]]
//! vendor = "sendgrid"
//! name = "sendgrid-eu"
//! api_key = "SG.…"
//! region = "eu"
//!
//! [[providers]]
//! url = "twilio://AC…:token@default?from=%2B15005550006"
//! enabled = false
//!
//! [channels.email]
//! providers = ["sendgrid-eu", "smtp"]   # in this order; all that are enabled if not set
//! route = "failover"                    # or "round_robin"
//! ```
//!
//! Options that nobody knows are errors that list the known ones. No error and no `Debug` shows a secret.
//!
//! Configurations can also live in storage, for each tenant and channel: see [`StoredConfigs`] (feature `http-client`).
//!
//! # Variables
//!
//! [`Config::from_env`] reads the variables of every vendor that was compiled in (its page lists them; `SENDGRID_URL`
//! and its like hold a whole URL), and these:
//!
//! | variable | meaning |
//! |---|---|
//! | `EMAIL_FROM_ADDRESS`, `EMAIL_FROM_NAME` | who writes emails that name no sender |
//! | `SMS_FROM` | who sends text messages that name no sender |
//! | `WHATSAPP_FROM` | the number that sends WhatsApp messages that name no sender |
//! | `WHATSAPP_BUSINESS_NAME` | the business as its readers know it |
//! | `EMAIL_ENABLED`, `SMS_ENABLED`, … | `false` leaves the channel without providers |
//! | `SENDGRID_ENABLED`, `SMTP_ENABLED`, … | `false` leaves the vendor out |
//! | `EMAIL_PROVIDERS`, `SMS_PROVIDERS`, … | names in the order in which they are tried, separated by commas |
//! | `EMAIL_ROUTE`, `SMS_ROUTE`, … | `failover` or `round_robin` |
//! | `TIDINGS_PROVIDERS` | more providers as URLs, separated by spaces |
//! | `TIDINGS_SANDBOX` | `true` switches all providers to their test mode; one without such a mode is an error |
//!
//! [`env_example`](env_example()) writes a `.env.example` of all of them, and [`matrix`](matrix()) a table of what
//! each vendor can do.

use std::{collections::BTreeMap, fmt};

use serde::Deserialize;

use crate::message::Channel;

mod build;
mod env;
mod example;
#[cfg(feature = "http-client")]
mod keys;
mod matrix;
mod provider;
#[cfg(feature = "http-client")]
mod source;
#[cfg(feature = "http-client")]
mod stored;
#[cfg(test)]
mod tests;

pub use build::Webhooks;
pub use example::env_example;
#[cfg(feature = "http-client")]
pub use keys::ConfigKeys;
pub use matrix::matrix;
pub use provider::ProviderConfig;
#[cfg(feature = "http-client")]
pub use source::StoredSource;
#[cfg(feature = "http-client")]
pub use stored::StoredConfigs;

/// Who sends what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Config {
    /// The senders of messages that name none.
    pub defaults: Senders,
    /// What is said of single channels.
    pub channels: BTreeMap<Channel, ChannelConfig>,
    /// The vendors' instances.
    pub providers: Vec<ProviderConfig>,
    /// True if all providers are to use their test mode. One that has none is an error.
    pub sandbox: bool,
}

/// The senders of messages that name none.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct Senders {
    /// Who writes emails, such as `Shop <shop@example.org>`.
    pub email: Option<String>,
    /// Who sends text messages: a number or a name.
    pub sms: Option<String>,
    /// The number that sends WhatsApp messages.
    pub whatsapp: Option<String>,
    /// The business as its WhatsApp readers know it: for templates; no vendor is sent it.
    pub whatsapp_name: Option<String>,
}

/// What is said of one channel.
#[derive(Clone, Debug, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[non_exhaustive]
pub struct ChannelConfig {
    /// False if nothing is to be sent by it.
    pub enabled: bool,
    /// The names of its providers in order; if empty all enabled ones that serve it, as they stand.
    pub providers: Vec<String>,
    /// What several providers do together.
    pub route: RouteConfig,
}

impl Default for ChannelConfig {
    fn default() -> Self {
        Self { enabled: true, providers: Vec::new(), route: RouteConfig::default() }
    }
}

/// What several providers of a channel do together.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RouteConfig {
    /// The first sends, and the next if it certainly did not.
    #[default]
    Failover,
    /// Each in turn.
    RoundRobin,
}

impl RouteConfig {
    /// Its word in a file.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::RoundRobin => "round_robin",
        }
    }
}

impl fmt::Display for RouteConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}
