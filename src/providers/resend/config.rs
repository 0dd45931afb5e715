//! How Resend is configured.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

use super::{Resend, signature::SigningKey, wire::Endpoints};
use crate::{
    address::shown_url,
    error::Result,
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, optional_secret, read_as_table},
    },
    secret::Credential,
};

configured_by!(
    ResendConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::secret("api_key", "an API key, which may be one that may only send")
                .needed()
                .variables(&["RESEND_API_KEY"])
                .at(Place::Password)
                .example("re_key"),
            Setting::text("name", "the name of this instance").example("resend-eu"),
            Setting::text("base_url", "where the API is").at(Place::Host),
            Setting::secret("webhook_secret", "the signing secret of the webhook")
                .variables(&["RESEND_WEBHOOK_SECRET"])
                .example("whsec_c2VjcmV0"),
            Setting::number("webhook_tolerance_secs", "how old a webhook's signed time may be")
                .example("300"),
            Setting::secret("echo_key", "the secret behind the token that events carry back")
                .variables(&["RESEND_ECHO_KEY"]),
        ],
    )
);

const BASE_URL: &str = "https://api.resend.com";

/// How to reach Resend.
///
/// ```
/// use tidings::providers::resend::ResendConfig;
///
/// let resend = ResendConfig::new("re_key").named("resend-eu").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ResendConfig {
    /// An API key.
    pub api_key: Credential,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// The signing secret of the webhook, as Resend shows it: `whsec_` and base64.
    pub webhook_secret: Option<SecretString>,
    /// How old, or how far ahead, the signed time of a webhook may be, in seconds.
    pub webhook_tolerance_secs: u64,
    /// The secret behind the token that events carry back; made of the API key if empty.
    pub echo_key: Option<SecretString>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "ResendConfig")]
struct Fields {
    #[serde(deserialize_with = "credential")]
    api_key: Credential,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url")]
    base_url: String,
    #[serde(default, deserialize_with = "optional_secret")]
    webhook_secret: Option<SecretString>,
    #[serde(default = "default_tolerance")]
    webhook_tolerance_secs: u64,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
}

read_as_table!(ResendConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    BASE_URL.to_owned()
}

fn default_tolerance() -> u64 {
    300
}

impl ResendConfig {
    /// Resend with this API key.
    pub fn new(api_key: impl Into<Credential>) -> Self {
        Self {
            api_key: api_key.into(),
            name: default_name(),
            base_url: default_base_url(),
            webhook_secret: None,
            webhook_tolerance_secs: default_tolerance(),
            echo_key: None,
        }
    }

    /// Names the instance.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets where the API is.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets the signing secret of the webhook.
    #[must_use]
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.webhook_secret = Some(secret.into());
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

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Resend> {
        Ok(Resend {
            name: checked_name(self.name)?,
            endpoints: Endpoints::new(&self.base_url)?,
            echo: EchoKey::choose(self.echo_key.as_ref(), Some(&self.api_key)),
            webhook_key: self.webhook_secret.as_ref().map(SigningKey::parse).transpose()?,
            tolerance: Duration::from_secs(self.webhook_tolerance_secs),
            api_key: self.api_key,
        })
    }
}

impl fmt::Debug for ResendConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ResendConfig")
            .field("name", &self.name)
            .field("base_url", &shown_url(&self.base_url))
            .field("webhook_secret", &self.webhook_secret.is_some())
            .field("webhook_tolerance_secs", &self.webhook_tolerance_secs)
            .field("echo_key", &self.echo_key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_right_is_named() {
        let new = || ResendConfig::new("re_key");
        for (config, option) in [
            (new().base_url("http://api.resend.com"), "base_url"),
            (new().named(""), "name"),
            (new().webhook_secret("whsec_%".to_owned()), "webhook_secret"),
            (new().webhook_secret("whsec_".to_owned()), "webhook_secret"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }
}
