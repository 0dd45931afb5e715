//! How Mailgun is configured.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde::{Deserialize, Deserializer, de::Error as _};

use super::Mailgun;
use crate::{
    address::shown_url,
    error::{Error, Result},
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, endpoint, optional_secret, read_as_table},
    },
    secret::Credential,
};

configured_by!(
    MailgunConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::secret("api_key", "an API key of the account, or a sending key of the domain")
                .needed()
                .variables(&["MAILGUN_API_KEY"])
                .at(Place::Password)
                .example("key-0123456789abcdef"),
            Setting::text("domain", "the domain that mails are sent through")
                .needed()
                .variables(&["MAILGUN_DOMAIN"])
                .at(Place::Host)
                .example("mg.example.org"),
            Setting::text("name", "the name of this instance").example("mailgun-eu"),
            Setting::text("region", "`us` or `eu`").variables(&["MAILGUN_REGION"]).example("eu"),
            Setting::text("base_url", "where the API is, in place of a region"),
            Setting::secret("webhook_key", "the HTTP webhook signing key")
                .variables(&["MAILGUN_WEBHOOK_SIGNING_KEY"]),
            Setting::number("webhook_tolerance_secs", "how old a webhook's signed time may be")
                .example("300"),
            Setting::secret("echo_key", "the secret behind the token that events carry back")
                .variables(&["MAILGUN_ECHO_KEY"]),
            Setting::flag("sandbox", "true if mails are taken and none is delivered")
                .variables(&["MAILGUN_SANDBOX"])
                .example("true"),
        ],
    )
);

const US: &str = "https://api.mailgun.net";
const EU: &str = "https://api.eu.mailgun.net";

/// How to reach Mailgun.
///
/// ```
/// use tidings::providers::mailgun::MailgunConfig;
///
/// let mailgun = MailgunConfig::new("mg.example.org", "key").named("mailgun-eu").eu().build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct MailgunConfig {
    /// An API key of the account, or a sending key of the domain.
    pub api_key: Credential,
    /// The domain that mails are sent through.
    pub domain: String,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// The HTTP webhook signing key, which is not the API key.
    pub webhook_key: Option<SecretString>,
    /// How old, or how far ahead, the signed time of a webhook may be, in seconds.
    pub webhook_tolerance_secs: u64,
    /// The secret behind the token that events carry back; made of the API key if empty.
    pub echo_key: Option<SecretString>,
    /// True if Mailgun is to take mails and to deliver none.
    pub sandbox: bool,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "MailgunConfig")]
struct Fields {
    #[serde(deserialize_with = "credential")]
    api_key: Credential,
    domain: String,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url", alias = "region", deserialize_with = "region_or_url")]
    base_url: String,
    #[serde(default, deserialize_with = "optional_secret")]
    webhook_key: Option<SecretString>,
    #[serde(default = "default_tolerance")]
    webhook_tolerance_secs: u64,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
    #[serde(default)]
    sandbox: bool,
}

read_as_table!(MailgunConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    US.to_owned()
}

fn default_tolerance() -> u64 {
    300
}

impl MailgunConfig {
    /// This domain in Mailgun's region US, with this API key.
    pub fn new(domain: impl Into<String>, api_key: impl Into<Credential>) -> Self {
        Self {
            api_key: api_key.into(),
            domain: domain.into(),
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

    /// Sends through Mailgun's region EU, for domains that were made there.
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

    /// Sets the HTTP webhook signing key.
    #[must_use]
    pub fn webhook_key(mut self, key: impl Into<SecretString>) -> Self {
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

    /// Has Mailgun take mails and deliver none.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.sandbox = true;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Mailgun> {
        let domain = checked_domain(&self.domain)?;
        Ok(Mailgun {
            name: checked_name(self.name)?,
            endpoint: endpoint(&self.base_url, &format!("/v3/{domain}/messages"))?,
            echo: EchoKey::choose(self.echo_key.as_ref(), Some(&self.api_key)),
            webhook_key: self.webhook_key,
            tolerance: Duration::from_secs(self.webhook_tolerance_secs),
            sandbox: self.sandbox,
            api_key: self.api_key,
        })
    }
}

/// A name that stays one segment of the path: of others Mailgun answers a greeting with status 200.
fn checked_domain(domain: &str) -> Result<&str> {
    let fits = domain.contains('.')
        && domain.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        && domain.split('.').all(|label| !label.is_empty());
    if fits { Ok(domain) } else { Err(Error::config("`domain` is no domain; expected mg.example.org")) }
}

/// The address of a region, or an address as it is.
fn region_or_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    match String::deserialize(deserializer)?.as_str() {
        "eu" => Ok(EU.to_owned()),
        "us" => Ok(US.to_owned()),
        url if url.contains("://") => Ok(url.to_owned()),
        _ => Err(D::Error::custom("expected `us` or `eu`, or the address of the API")),
    }
}

impl fmt::Debug for MailgunConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MailgunConfig")
            .field("domain", &self.domain)
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

    #[test]
    fn what_cannot_be_right_is_named() {
        let new = || MailgunConfig::new("mg.x.org", "key");
        for (config, option) in [
            (new().base_url("http://api.mailgun.net"), "base_url"),
            (new().named(""), "name"),
            (MailgunConfig::new("mg.x.org/v3", "key"), "domain"),
            (MailgunConfig::new("..", "key"), "domain"),
            (MailgunConfig::new("", "key"), "domain"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }
}
