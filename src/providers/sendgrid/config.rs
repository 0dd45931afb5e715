//! How SendGrid is configured.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{SendGrid, webhook::VerificationKey, wire::Endpoints};
use crate::{
    address::shown_url,
    error::Result,
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, optional_secret, optional_text, read_as_table},
    },
    secret::Credential,
};

configured_by!(
    SendGridConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::secret("api_key", "an API key with the permission Mail Send")
                .needed()
                .variables(&["SENDGRID_API_KEY"])
                .at(Place::Password)
                .example("SG.key"),
            Setting::text("name", "the name of this instance").example("sendgrid-eu"),
            Setting::text("region", "`global` or `eu`").variables(&["SENDGRID_REGION"]).example("eu"),
            Setting::text("base_url", "where the API is, in place of a region"),
            Setting::secret("webhook_key", "the verification key of the signed Event Webhook")
                .variables(&["SENDGRID_WEBHOOK_KEY"]),
            Setting::number("webhook_tolerance_secs", "how old a webhook's signed time may be")
                .example("300"),
            Setting::secret("echo_key", "the secret behind the token that events carry back")
                .variables(&["SENDGRID_ECHO_KEY"]),
            Setting::flag("sandbox", "true if mails are checked and none is delivered")
                .variables(&["SENDGRID_SANDBOX"])
                .example("true"),
        ],
    )
);

const GLOBAL: &str = "https://api.sendgrid.com";
const EU: &str = "https://api.eu.sendgrid.com";

/// How to reach SendGrid.
///
/// ```
/// use tidings::providers::sendgrid::SendGridConfig;
///
/// let sendgrid = SendGridConfig::new("SG.key").named("sendgrid-eu").eu().build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SendGridConfig {
    /// The API key, with the permission "Mail Send".
    pub api_key: Credential,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// The verification key of the signed Event Webhook, as SendGrid shows it: base64 of a DER public key.
    pub webhook_key: Option<String>,
    /// How old, or how far ahead, the signed time of a webhook may be, in seconds.
    pub webhook_tolerance_secs: u64,
    /// The secret behind the token that events carry back; made of the API key if empty.
    pub echo_key: Option<SecretString>,
    /// True if SendGrid is to check mails and to deliver none.
    pub sandbox: bool,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "SendGridConfig")]
struct Fields {
    #[serde(deserialize_with = "credential")]
    api_key: Credential,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url", alias = "region", deserialize_with = "region_or_url")]
    base_url: String,
    #[serde(default, deserialize_with = "optional_text")]
    webhook_key: Option<String>,
    #[serde(default = "default_tolerance")]
    webhook_tolerance_secs: u64,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
    #[serde(default)]
    sandbox: bool,
}

read_as_table!(SendGridConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    GLOBAL.to_owned()
}

fn default_tolerance() -> u64 {
    300
}

impl SendGridConfig {
    /// SendGrid's global region with this API key.
    pub fn new(api_key: impl Into<Credential>) -> Self {
        Self {
            api_key: api_key.into(),
            name: default_name(),
            base_url: default_base_url(),
            webhook_key: None,
            webhook_tolerance_secs: default_tolerance(),
            echo_key: None,
            sandbox: false,
        }
    }

    /// Names the instance.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sends through SendGrid's region EU, for regional subusers there.
    #[must_use]
    pub fn eu(self) -> Self {
        self.base_url(EU)
    }

    /// Sets where the API is.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the verification key of the signed Event Webhook.
    #[must_use]
    pub fn webhook_key(mut self, key: impl Into<String>) -> Self {
        self.webhook_key = Some(key.into());
        self
    }

    /// Sets how old, or how far ahead, the signed time of a webhook may be; five minutes if not set.
    #[must_use]
    pub fn webhook_tolerance(mut self, tolerance: Duration) -> Self {
        self.webhook_tolerance_secs = tolerance.as_secs();
        self
    }

    /// Sets the secret behind the token that events carry back. All instances
    /// that receive each other's webhooks need the same.
    #[must_use]
    pub fn echo_key(mut self, secret: impl Into<SecretString>) -> Self {
        self.echo_key = Some(secret.into());
        self
    }

    /// Has SendGrid check mails and deliver none.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.sandbox = true;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<SendGrid> {
        Ok(SendGrid {
            name: checked_name(self.name)?,
            endpoints: Endpoints::new(&self.base_url)?,
            echo: EchoKey::choose(self.echo_key.as_ref(), Some(&self.api_key)),
            webhook_key: self.webhook_key.as_deref().map(VerificationKey::parse).transpose()?,
            tolerance: Duration::from_secs(self.webhook_tolerance_secs),
            sandbox: self.sandbox,
            api_key: self.api_key,
        })
    }
}

/// The address of a region, or an address as it is.
fn region_or_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "eu" => Ok(EU.to_owned()),
        "global" => Ok(GLOBAL.to_owned()),
        url if url.contains("://") => Ok(url.to_owned()),
        _ => Err(D::Error::custom("expected `global` or `eu`, or the address of the API")),
    }
}

impl fmt::Debug for SendGridConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendGridConfig")
            .field("name", &self.name)
            .field("base_url", &shown_url(&self.base_url))
            .field("webhook_key", &self.webhook_key.is_some())
            .field("webhook_tolerance_secs", &self.webhook_tolerance_secs)
            .field("echo_key", &self.echo_key.is_some())
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &'static [(&str, &str)]) -> Result<Option<SendGridConfig>> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
        SendGridConfig::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn variables_make_a_configuration_or_none() {
        assert!(vars(&[("SENDGRID_REGION", "eu")]).expect("no key").is_none());
        let config =
            vars(&[("SENDGRID_API_KEY", "SG.x"), ("SENDGRID_REGION", "eu"), ("SENDGRID_SANDBOX", "1")]);
        let config = config.expect("valid").expect("a key");
        assert_eq!((config.base_url.as_str(), config.sandbox), (EU, true));
        let error = vars(&[("SENDGRID_API_KEY", "SG.x"), ("SENDGRID_REGION", "mars")]).expect_err("region");
        assert!(error.message().contains("SENDGRID_REGION"), "{error}");
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        let new = || SendGridConfig::new("SG.secret");
        for (config, option) in [
            (new().base_url("http://api.sendgrid.com"), "base_url"),
            (new().named(""), "name"),
            (new().webhook_key("AAAA"), "webhook_key"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }

    #[test]
    fn a_file_is_read_strictly_and_debug_shows_no_secret() {
        let config: SendGridConfig =
            serde_json::from_str(r#"{"api_key":"SG.secret","echo_key":"hidden"}"#).expect("valid");
        let provider = config.clone().build().expect("valid");
        for shown in [format!("{config:?}"), format!("{provider:?}")] {
            assert!(!shown.contains("SG.secret") && !shown.contains("hidden"), "{shown}");
        }
        assert!(serde_json::from_str::<SendGridConfig>(r#"{"api_key":"a","apikey":"b"}"#).is_err());
    }
}
