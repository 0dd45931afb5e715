//! What Discord needs to know.

use std::fmt;

use http::Uri;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Discord, VENDOR, Way, webhook::unhex, wire::is_id};
use crate::{
    address::{ChatId, shown_url},
    error::{Error, Result},
    providers::{
        schema::{Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, endpoint, read_as_table, secure_uri},
    },
    secret::Credential,
};

const BASE_URL: &str = "https://discord.com/api/v10";
/// What messages call the one channel of a webhook.
const HOOK: &str = "webhook";

configured_by!(
    DiscordConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("token", "the bot's token, or the URL of a webhook")
                .needed()
                .variables(&["DISCORD_BOT_TOKEN", "DISCORD_TOKEN", "DISCORD_WEBHOOK_URL"])
                .example("bot-token"),
            Setting::text("public_key", "by which the application's interactions are verified")
                .variables(&["DISCORD_PUBLIC_KEY"]),
            Setting::text("channel", "what messages call the channel of a webhook")
                .variables(&["DISCORD_CHANNEL"])
                .example("#news"),
            Setting::text("name", "the name of this instance").example("discord-ops"),
            Setting::text("base_url", "another address than Discord's own").variables(&["DISCORD_BASE_URL"]),
        ],
    )
);

/// How to reach Discord, and as whom.
///
/// ```
/// use tidings::providers::discord::DiscordConfig;
///
/// let discord = DiscordConfig::new("bot-token").named("harbour").build()?;
/// assert!(!format!("{discord:?}").contains("bot-token"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct DiscordConfig {
    name: Option<String>,
    token: Credential,
    public_key: Option<String>,
    channel: Option<String>,
    base_url: Option<String>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "DiscordConfig")]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(deserialize_with = "credential")]
    token: Credential,
    #[serde(default)]
    public_key: Option<String>,
    #[serde(default)]
    channel: Option<String>,
    #[serde(default)]
    base_url: Option<String>,
}

read_as_table!(DiscordConfig by Fields);

impl DiscordConfig {
    /// Sends as the bot of this token, or through this webhook, `https://discord.com/api/webhooks/…`.
    pub fn new(token: impl Into<Credential>) -> Self {
        Self { name: None, token: token.into(), public_key: None, channel: None, base_url: None }
    }

    /// Names this instance; `discord` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Believes interactions that this application's key signed: 64 hexadecimal digits.
    #[must_use]
    pub fn public_key(mut self, key: impl Into<String>) -> Self {
        self.public_key = Some(key.into());
        self
    }

    /// What messages call the channel of a webhook; `webhook` by default. To any other nothing is sent.
    #[must_use]
    pub fn channel(mut self, name: impl Into<String>) -> Self {
        self.channel = Some(name.into());
        self
    }

    /// Calls this address and not `https://discord.com/api/v10`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Discord> {
        let name = checked_name(self.name.unwrap_or_else(|| VENDOR.to_owned()))?;
        let public_key = self.public_key.as_deref().map(key).transpose()?;
        let link = self.token.as_fixed().map(|token| token.expose_secret().to_owned());
        let (way, base_url) = match link.filter(|token| is_link(token)) {
            Some(url) => {
                let (base_url, id, token) = parts(&url).ok_or_else(no_webhook)?;
                let channel: ChatId = self.channel.as_deref().unwrap_or(HOOK).parse().map_err(|_| {
                    Error::config("discord's `channel` is a name without spaces, such as #news")
                })?;
                let token = Credential::from(SecretString::from(token));
                (Way::Hook { id: id.into(), token, channel }, base_url)
            }
            None if self.channel.is_some() => {
                let why =
                    "discord's `channel` goes with the URL of a webhook: a bot writes where messages say";
                return Err(Error::config(why));
            }
            None => (Way::Bot { token: self.token }, BASE_URL.to_owned()),
        };
        let base_url = self.base_url.unwrap_or(base_url);
        endpoint(&base_url, "/")?;
        Ok(Discord { name: name.into(), base_url: base_url.trim_end_matches('/').into(), way, public_key })
    }
}

fn is_link(token: &str) -> bool {
    token.starts_with("https://") || token.starts_with("http://")
}

fn no_webhook() -> Error {
    Error::config("the URL in discord's `token` is not of the form https://discord.com/api/webhooks/ID/TOKEN")
}

/// Base address, id and token. An address without a version would mean the oldest there is.
fn parts(url: &str) -> Option<(String, String, String)> {
    let uri: Uri = secure_uri("token", url).ok()?;
    let (before, behind) = uri.path().split_once("/webhooks/")?;
    let (id, token) = behind.trim_end_matches('/').split_once('/')?;
    let version = if before == "/api" { "/v10" } else { "" };
    let origin = format!("{}://{}", uri.scheme_str()?, uri.authority()?);
    let fits = is_id(id) && !token.is_empty() && !token.contains('/') && uri.query().is_none();
    fits.then(|| (format!("{origin}{before}{version}"), id.to_owned(), token.to_owned()))
}

fn key(text: &str) -> Result<[u8; 32]> {
    unhex(text.trim()).ok_or_else(|| Error::config("discord's `public_key` is 64 hexadecimal digits"))
}

impl fmt::Debug for DiscordConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DiscordConfig")
            .field("name", &self.name)
            .field("token", &self.token)
            .field("public_key", &self.public_key)
            .field("channel", &self.channel)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .finish()
    }
}
