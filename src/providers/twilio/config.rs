//! How Twilio is configured.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Twilio, wire::Endpoints};
use crate::{
    address::{PhoneNumber, SmsSender, WebUrl, shown_url},
    error::{Error, Result},
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            callback::CallbackSecrets,
            settings::{checked_name, optional_credential, optional_secret, read_as_table},
        },
    },
    secret::Credential,
};

configured_by!(
    TwilioConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::text("account_sid", "the account")
                .needed()
                .variables(&["TWILIO_ACCOUNT_SID"])
                .at(Place::User)
                .example("AC0123456789abcdef0123456789abcdef"),
            Setting::secret("auth_token", "the account's token, which also signs webhooks")
                .variables(&["TWILIO_AUTH_TOKEN"])
                .at(Place::Password)
                .example("auth-token"),
            Setting::text("api_key", "an API key, in place of the token").variables(&["TWILIO_API_KEY"]),
            Setting::secret("api_secret", "the API key's secret").variables(&["TWILIO_API_SECRET"]),
            Setting::text("name", "the name of this instance").example("twilio-eu"),
            Setting::text("base_url", "where the API is"),
            Setting::text("from", "who sends text messages that name no sender")
                .variables(&["TWILIO_FROM"])
                .example("+15005550006"),
            Setting::text("whatsapp_from", "the number that sends WhatsApp messages")
                .variables(&["TWILIO_WHATSAPP_NUMBER", "TWILIO_WHATSAPP_FROM"])
                .example("+15005550006"),
            Setting::text("messaging_service", "the service that chooses a sender")
                .variables(&["TWILIO_MESSAGING_SERVICE_SID"])
                .example("MG0123456789abcdef0123456789abcdef"),
            Setting::text("status_callback", "where Twilio tells what became of messages")
                .variables(&["TWILIO_STATUS_CALLBACK"])
                .example("https://shop.example.org/hooks/twilio"),
            Setting::secret("echo_key", "the secret behind the token that callbacks carry back")
                .variables(&["TWILIO_ECHO_KEY"]),
        ],
    ),
    check: check_login
);

const BASE_URL: &str = "https://api.twilio.com";

/// How to reach Twilio.
///
/// ```
/// use tidings::providers::twilio::TwilioConfig;
///
/// let twilio = TwilioConfig::new("AC0123456789abcdef0123456789abcdef", "auth token")
///     .messaging_service("MG0123456789abcdef0123456789abcdef")
///     .status_callback("https://example.org/webhooks/twilio".parse()?)
///     .build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct TwilioConfig {
    /// The account, `AC…`.
    pub account_sid: String,
    /// The account's auth token: for calls if there is no API key, and for the signatures of webhooks.
    pub auth_token: Option<Credential>,
    /// An API key, `SK…`, in place of the auth token for calls.
    pub api_key: Option<String>,
    /// The API key's secret.
    pub api_secret: Option<Credential>,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// Who writes text messages that name no sender.
    pub from: Option<SmsSender>,
    /// Who writes WhatsApp messages that name no sender.
    pub whatsapp_from: Option<PhoneNumber>,
    /// A messaging service, `MG…`, that chooses the sender of messages for which none is named.
    pub messaging_service: Option<String>,
    /// Where Twilio tells what became of a message.
    pub status_callback: Option<WebUrl>,
    /// The secret behind the token in that URL; made of the auth token or the API secret if empty.
    pub echo_key: Option<SecretString>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "TwilioConfig")]
struct Fields {
    account_sid: String,
    #[serde(default, deserialize_with = "optional_credential")]
    auth_token: Option<Credential>,
    #[serde(default)]
    api_key: Option<String>,
    #[serde(default, deserialize_with = "optional_credential")]
    api_secret: Option<Credential>,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url")]
    base_url: String,
    #[serde(default)]
    from: Option<SmsSender>,
    #[serde(default)]
    whatsapp_from: Option<PhoneNumber>,
    #[serde(default)]
    messaging_service: Option<String>,
    #[serde(default)]
    status_callback: Option<WebUrl>,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
}

read_as_table!(TwilioConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    BASE_URL.to_owned()
}

impl TwilioConfig {
    /// The account with its auth token.
    pub fn new(account_sid: impl Into<String>, auth_token: impl Into<Credential>) -> Self {
        Self { auth_token: Some(auth_token.into()), ..Self::bare(account_sid.into()) }
    }

    /// The account with an API key. Webhooks need the [`auth_token`](Self::auth_token) besides.
    pub fn with_api_key(
        account_sid: impl Into<String>,
        api_key: impl Into<String>,
        api_secret: impl Into<Credential>,
    ) -> Self {
        let (api_key, api_secret) = (Some(api_key.into()), Some(api_secret.into()));
        Self { api_key, api_secret, ..Self::bare(account_sid.into()) }
    }

    fn bare(account_sid: String) -> Self {
        Self {
            account_sid,
            auth_token: None,
            api_key: None,
            api_secret: None,
            name: default_name(),
            base_url: default_base_url(),
            from: None,
            whatsapp_from: None,
            messaging_service: None,
            status_callback: None,
            echo_key: None,
        }
    }

    /// Names the instance.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets where the API is, such as `https://api.dublin.ie1.twilio.com`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the auth token, by which webhooks are signed even if calls use an API key.
    #[must_use]
    pub fn auth_token(mut self, token: impl Into<Credential>) -> Self {
        self.auth_token = Some(token.into());
        self
    }

    /// Sets who writes text messages that name no sender.
    #[must_use]
    pub fn from(mut self, from: SmsSender) -> Self {
        self.from = Some(from);
        self
    }

    /// Sets who writes WhatsApp messages that name no sender.
    #[must_use]
    pub fn whatsapp_from(mut self, from: PhoneNumber) -> Self {
        self.whatsapp_from = Some(from);
        self
    }

    /// Sets the messaging service that chooses a sender where none is named.
    #[must_use]
    pub fn messaging_service(mut self, sid: impl Into<String>) -> Self {
        self.messaging_service = Some(sid.into());
        self
    }

    /// Sets where Twilio tells what became of a message.
    #[must_use]
    pub fn status_callback(mut self, url: WebUrl) -> Self {
        self.status_callback = Some(url);
        self
    }

    /// Sets the secret behind the token in the callback's URL. All instances
    /// that receive each other's callbacks need the same.
    #[must_use]
    pub fn echo_key(mut self, secret: impl Into<SecretString>) -> Self {
        self.echo_key = Some(secret.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Twilio> {
        checked_sid(&self.account_sid, "AC", "account_sid")?;
        if let Some(service) = &self.messaging_service {
            checked_sid(service, "MG", "messaging_service")?;
        }
        let (user, secret) = self.login()?;
        Ok(Twilio {
            endpoints: Endpoints::new(&self.base_url, &self.account_sid)?,
            echo: EchoKey::choose(self.echo_key.as_ref(), self.auth_token.as_ref().or(Some(&secret))),
            name: checked_name(self.name)?,
            user,
            secret,
            auth_token: self.auth_token,
            from: self.from,
            whatsapp_from: self.whatsapp_from.map(|from| format!("whatsapp:{from}")),
            messaging_service: self.messaging_service,
            callback_secrets: CallbackSecrets::of(self.status_callback.as_ref()),
            status_callback: self.status_callback,
        })
    }

    /// The user's name and the secret of calls.
    fn check_login(&self) -> Result<()> {
        self.login().map(|_| ())
    }

    fn login(&self) -> Result<(String, Credential)> {
        match (&self.api_key, &self.api_secret, &self.auth_token) {
            (Some(key), Some(secret), _) => {
                checked_sid(key, "SK", "api_key")?;
                Ok((key.clone(), secret.clone()))
            }
            (None, None, Some(token)) => Ok((self.account_sid.clone(), token.clone())),
            _ => Err(Error::config("give `auth_token`, or both `api_key` and `api_secret`")),
        }
    }
}

/// Twilio's ids: two letters and 32 hexadecimal digits.
fn checked_sid(sid: &str, prefix: &'static str, option: &str) -> Result<()> {
    if is_sid(sid, prefix) {
        return Ok(());
    }
    Err(Error::config(format!("`{option}` is no SID; expected {prefix} and 32 hexadecimal digits")))
}

pub(super) fn is_sid(sid: &str, prefix: &str) -> bool {
    let digits = sid.strip_prefix(prefix);
    digits.is_some_and(|digits| digits.len() == 32 && digits.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl fmt::Debug for TwilioConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TwilioConfig")
            .field("name", &self.name)
            .field("account_sid", &self.account_sid)
            .field("base_url", &shown_url(&self.base_url))
            .field("auth_token", &self.auth_token.is_some())
            .field("api_key", &self.api_key)
            .field("from", &self.from)
            .field("whatsapp_from", &self.whatsapp_from)
            .field("messaging_service", &self.messaging_service)
            .field("status_callback", &self.status_callback)
            .field("echo_key", &self.echo_key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SID: &str = "AC0123456789abcdef0123456789abcdef";

    fn vars(pairs: &'static [(&str, &str)]) -> Result<Option<TwilioConfig>> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
        TwilioConfig::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn variables_make_a_configuration_or_none() {
        assert!(vars(&[("TWILIO_AUTH_TOKEN", "t")]).expect("no account").is_none());
        let config = vars(&[
            ("TWILIO_ACCOUNT_SID", SID),
            ("TWILIO_AUTH_TOKEN", "t"),
            ("TWILIO_FROM", "Shop"),
            ("TWILIO_STATUS_CALLBACK", "https://x.org/in"),
        ]);
        let config = config.expect("valid").expect("an account");
        assert_eq!(config.from.as_ref().map(SmsSender::as_str), Some("Shop"));
        assert!(config.build().is_ok());
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (pairs, variable) in [
            (&[("TWILIO_ACCOUNT_SID", SID)][..], "TWILIO_AUTH_TOKEN"),
            (&[("TWILIO_ACCOUNT_SID", SID), ("TWILIO_API_KEY", "SK")], "TWILIO_API_SECRET"),
            (&[("TWILIO_ACCOUNT_SID", SID), ("TWILIO_AUTH_TOKEN", "t"), ("TWILIO_FROM", "1")], "TWILIO_FROM"),
        ] {
            let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
            let config = TwilioConfig::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()));
            let error = config.expect_err(variable);
            assert!(error.message().contains(variable), "{error}");
        }
        for (config, option) in [
            (TwilioConfig::new("AC1/../Accounts", "t"), "account_sid"),
            (TwilioConfig::new(SID, "t").messaging_service("x"), "messaging_service"),
            (TwilioConfig::with_api_key(SID, "AC", "s"), "api_key"),
            (TwilioConfig::new(SID, "t").base_url("http://api.twilio.com"), "base_url"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_strictly_and_debug_shows_no_secret() {
        let json = format!(r#"{{"account_sid":"{SID}","auth_token":"hidden","echo_key":"hidden"}}"#);
        let config: TwilioConfig = serde_json::from_str(&json).expect("valid");
        let provider = config.clone().build().expect("valid");
        for shown in [format!("{config:?}"), format!("{provider:?}")] {
            assert!(!shown.contains("hidden"), "{shown}");
        }
        assert!(serde_json::from_str::<TwilioConfig>(&json.replace("echo", "eco")).is_err());
    }
}
