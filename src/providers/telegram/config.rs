//! What the Bot API needs to know.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

use super::{Telegram, VENDOR, limits, webhook};
use crate::{
    address::shown_url,
    error::{Error, Result},
    providers::{
        schema::{Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, optional_secret, read_as_table, web_uri},
    },
    secret::Credential,
};

const BASE_URL: &str = "https://api.telegram.org";

configured_by!(
    TelegramConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("token", "the bot's token, as BotFather gives it")
                .needed()
                .variables(&["TELEGRAM_BOT_TOKEN"])
                .example("123456:token"),
            Setting::text("name", "the name of this instance").example("telegram-shop"),
            Setting::secret("webhook_secret", "the `secret_token` that the webhook was set with")
                .variables(&["TELEGRAM_WEBHOOK_SECRET"]),
            Setting::text("base_url", "a Bot API server of your own").variables(&["TELEGRAM_BASE_URL"]),
        ],
    )
);

/// How to reach the Bot API, and as which bot.
///
/// ```
/// use tidings::providers::telegram::TelegramConfig;
///
/// let telegram = TelegramConfig::new("123456:bot-token").named("harbour-bot").build()?;
/// assert!(!format!("{telegram:?}").contains("bot-token"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct TelegramConfig {
    name: Option<String>,
    token: Credential,
    base_url: Option<String>,
    webhook_secret: Option<SecretString>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "TelegramConfig")]
struct Fields {
    #[serde(default)]
    name: Option<String>,
    #[serde(deserialize_with = "credential")]
    token: Credential,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    webhook_secret: Option<SecretString>,
}

read_as_table!(TelegramConfig by Fields);

impl TelegramConfig {
    /// Sends as the bot of this token, such as `123456:ABC-DEF`.
    pub fn new(token: impl Into<Credential>) -> Self {
        Self { name: None, token: token.into(), base_url: None, webhook_secret: None }
    }

    /// Names this instance; `telegram` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Calls this address and not `https://api.telegram.org`: a Bot API server of your own.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Believes calls that carry this secret: the `secret_token` that `setWebhook` was given.
    #[must_use]
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.webhook_secret = Some(secret.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Telegram> {
        let name = checked_name(self.name.unwrap_or_else(|| VENDOR.to_owned()))?;
        let base_url = self.base_url.as_deref().unwrap_or(BASE_URL).trim_end_matches('/');
        check_url(base_url)?;
        let max_upload = if base_url == BASE_URL { limits::MAX_FILE } else { limits::MAX_LOCAL_FILE };
        let webhook_secret = self.webhook_secret;
        if webhook_secret.as_ref().is_some_and(|secret| !webhook::is_token(secret.expose_secret())) {
            return Err(Error::config("telegram's webhook_secret is 1 to 256 characters of A-Z a-z 0-9 _ -"));
        }
        Ok(Telegram {
            name: name.into(),
            base_url: base_url.into(),
            token: self.token,
            max_upload,
            webhook_secret,
        })
    }
}

fn check_url(base_url: &str) -> Result<()> {
    // Unlike the vendor's own, a Bot API server in one's own network speaks http.
    match web_uri(base_url).filter(|uri| uri.query().is_none()) {
        Some(_) => Ok(()),
        None => Err(Error::config(format!("telegram's base_url must be an address such as {BASE_URL}"))),
    }
}

impl fmt::Debug for TelegramConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TelegramConfig")
            .field("name", &self.name)
            .field("token", &self.token)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .finish()
    }
}
