//! What Slack needs to know.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Slack, VENDOR, Way};
use crate::{
    address::{ChatId, shown_url},
    error::{Error, Result},
    providers::{
        schema::{Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, endpoint, optional_secret, read_as_table, secure_uri},
    },
    secret::Credential,
};

const BASE_URL: &str = "https://slack.com/api";
/// What messages call the one channel of an incoming webhook.
const HOOK: &str = "webhook";

configured_by!(
    SlackConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("token", "the bot's token, or the URL of an incoming webhook")
                .needed()
                .variables(&["SLACK_BOT_TOKEN", "SLACK_WEBHOOK_URL"])
                .example("xoxb-token"),
            Setting::secret("signing_secret", "by which Slack signs its calls")
                .variables(&["SLACK_SIGNING_SECRET"]),
            Setting::text("channel", "what messages call the channel of an incoming webhook")
                .variables(&["SLACK_CHANNEL"])
                .example("#news"),
            Setting::text("name", "the name of this instance").example("slack-ops"),
            Setting::text("base_url", "another address than Slack's own").variables(&["SLACK_BASE_URL"]),
        ],
    )
);

/// How to reach Slack, and as whom.
///
/// ```
/// use tidings::providers::slack::SlackConfig;
///
/// let slack = SlackConfig::new("xoxb-bot-token").signing_secret("8f742231").build()?;
/// assert!(!format!("{slack:?}").contains("bot-token"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SlackConfig {
    name: Option<String>,
    token: Credential,
    signing_secret: Option<SecretString>,
    channel: Option<String>,
    base_url: Option<String>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "SlackConfig")]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(deserialize_with = "credential")]
    token: Credential,
    #[serde(default, deserialize_with = "optional_secret")]
    signing_secret: Option<SecretString>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    base_url: Option<String>,
}

read_as_table!(SlackConfig by Fields);

impl SlackConfig {
    /// Sends as the bot of this token, `xoxb-…`, or through this incoming webhook, `https://hooks.slack.com/…`.
    pub fn new(token: impl Into<Credential>) -> Self {
        Self { name: None, token: token.into(), signing_secret: None, channel: None, base_url: None }
    }

    /// Names this instance; `slack` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Believes calls that this secret signed: events and pressed buttons.
    #[must_use]
    pub fn signing_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.signing_secret = Some(secret.into());
        self
    }

    /// What messages call the channel of an incoming webhook; `webhook` by default. To any other nothing is sent.
    #[must_use]
    pub fn channel(mut self, name: impl Into<String>) -> Self {
        self.channel = Some(name.into());
        self
    }

    /// Calls this address and not `https://slack.com/api`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Slack> {
        let name = checked_name(self.name.unwrap_or_else(|| VENDOR.to_owned()))?;
        let hook = self.token.as_fixed().filter(|token| is_link(token.expose_secret()));
        let way = match hook {
            Some(url) => {
                secure_uri("token", url.expose_secret())?;
                let channel: ChatId = self.channel.as_deref().unwrap_or(HOOK).parse().map_err(|_| {
                    Error::config("slack's `channel` is a name without spaces, such as #news")
                })?;
                Way::Hook { url: self.token, channel }
            }
            None if self.channel.is_some() => {
                let why = "slack's `channel` goes with the URL of an incoming webhook: a bot writes where messages say";
                return Err(Error::config(why));
            }
            None => {
                let base_url = self.base_url.as_deref().unwrap_or(BASE_URL);
                endpoint(base_url, "/")?;
                Way::Bot { base_url: base_url.trim_end_matches('/').into(), token: self.token }
            }
        };
        Ok(Slack { name: name.into(), way, signing_secret: self.signing_secret })
    }
}

fn is_link(token: &str) -> bool {
    token.starts_with("https://") || token.starts_with("http://")
}

impl fmt::Debug for SlackConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlackConfig")
            .field("name", &self.name)
            .field("token", &self.token)
            .field("signing_secret", &self.signing_secret.as_ref().map(|_| "set"))
            .field("channel", &self.channel)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .finish()
    }
}
