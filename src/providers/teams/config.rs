//! What a workflow of Teams needs to know.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Teams, VENDOR};
use crate::{
    address::ChatId,
    error::{Error, Result},
    providers::{
        schema::{Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, read_as_table, secure_uri},
    },
    secret::Credential,
};

/// What messages call the one chat of a workflow.
const CHANNEL: &str = "webhook";

configured_by!(
    TeamsConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("webhook_url", "the URL at which the workflow waits")
                .needed()
                .variables(&["TEAMS_WEBHOOK_URL"])
                .example("https://…/triggers/manual/paths/invoke?…&sig=…"),
            Setting::text("channel", "what messages call the workflow's channel or chat")
                .variables(&["TEAMS_CHANNEL"])
                .example("#news"),
            Setting::text("name", "the name of this instance").example("teams-ops"),
        ],
    )
);

/// Which workflow posts to Teams.
///
/// ```
/// use tidings::providers::teams::TeamsConfig;
///
/// let teams = TeamsConfig::new("https://example.environment.api.powerplatform.com/workflows/1?sig=secret").build()?;
/// assert!(!format!("{teams:?}").contains("sig="));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct TeamsConfig {
    name: Option<String>,
    webhook_url: Credential,
    channel: Option<String>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "TeamsConfig")]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(deserialize_with = "credential")]
    webhook_url: Credential,
    #[serde(default)]
    channel: Option<String>,
}

read_as_table!(TeamsConfig by Fields);

impl TeamsConfig {
    /// Posts through the workflow that waits at this URL, which is a secret: whoever has it can post.
    pub fn new(webhook_url: impl Into<Credential>) -> Self {
        Self { name: None, webhook_url: webhook_url.into(), channel: None }
    }

    /// Names this instance; `teams` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What messages call the workflow's channel or chat; `webhook` by default. To any other nothing is sent.
    #[must_use]
    pub fn channel(mut self, name: impl Into<String>) -> Self {
        self.channel = Some(name.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Teams> {
        let name = checked_name(self.name.unwrap_or_else(|| VENDOR.to_owned()))?;
        let fixed: Option<&SecretString> = self.webhook_url.as_fixed();
        fixed.map(|url| secure_uri("webhook_url", url.expose_secret())).transpose()?;
        let channel: ChatId = self
            .channel
            .as_deref()
            .unwrap_or(CHANNEL)
            .parse()
            .map_err(|_| Error::config("teams's `channel` is a name without spaces, such as #news"))?;
        Ok(Teams { name: name.into(), url: self.webhook_url, channel })
    }
}

impl fmt::Debug for TeamsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TeamsConfig")
            .field("name", &self.name)
            .field("webhook_url", &self.webhook_url)
            .field("channel", &self.channel)
            .finish()
    }
}
