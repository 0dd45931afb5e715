//! How Brevo is configured.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Brevo, wire::Endpoints};
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
    BrevoConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::secret("api_key", "an API key of version 3")
                .needed()
                .variables(&["BREVO_API_KEY"])
                .at(Place::Password)
                .example("xkeysib-key"),
            Setting::text("name", "the name of this instance").example("brevo-eu"),
            Setting::text("base_url", "where the API is").at(Place::Host),
            Setting::secret("webhook_secret", "what webhooks carry: a bearer token, or `user:password`")
                .variables(&["BREVO_WEBHOOK_SECRET"]),
            Setting::secret("echo_key", "the secret behind the token that events carry back")
                .variables(&["BREVO_ECHO_KEY"]),
            Setting::flag("sandbox", "true if mails are checked and none is delivered")
                .variables(&["BREVO_SANDBOX"])
                .example("true"),
        ],
    )
);

const BASE_URL: &str = "https://api.brevo.com";

/// How to reach Brevo.
///
/// ```
/// use tidings::providers::brevo::BrevoConfig;
///
/// let brevo = BrevoConfig::new("xkeysib-key").named("brevo-eu").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct BrevoConfig {
    /// An API key of version 3.
    pub api_key: Credential,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// What webhooks carry: a bearer token, `user:password`, or the custom header `X-Tidings-Secret`.
    pub webhook_secret: Option<SecretString>,
    /// The secret behind the token that events carry back; made of the API key if empty.
    pub echo_key: Option<SecretString>,
    /// True if Brevo is to check mails and to deliver none.
    pub sandbox: bool,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "BrevoConfig")]
struct Fields {
    #[serde(deserialize_with = "credential")]
    api_key: Credential,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url")]
    base_url: String,
    #[serde(default, deserialize_with = "optional_secret")]
    webhook_secret: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
    #[serde(default)]
    sandbox: bool,
}

read_as_table!(BrevoConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    BASE_URL.to_owned()
}

impl BrevoConfig {
    /// Brevo with this API key.
    pub fn new(api_key: impl Into<Credential>) -> Self {
        Self {
            api_key: api_key.into(),
            name: default_name(),
            base_url: default_base_url(),
            webhook_secret: None,
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

    /// Sets where the API is.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = url.into();
        self
    }

    /// Sets what webhooks carry: a bearer token, or `user:password`.
    #[must_use]
    pub fn webhook_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.webhook_secret = Some(secret.into());
        self
    }

    /// Sets the secret behind the token that events carry back. All instances
    /// that receive each other's webhooks need the same.
    #[must_use]
    pub fn echo_key(mut self, secret: impl Into<SecretString>) -> Self {
        self.echo_key = Some(secret.into());
        self
    }

    /// Has Brevo check mails and deliver none.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.sandbox = true;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Brevo> {
        Ok(Brevo {
            name: checked_name(self.name)?,
            endpoints: Endpoints::new(&self.base_url)?,
            echo: EchoKey::choose(self.echo_key.as_ref(), Some(&self.api_key)),
            webhook_secret: self.webhook_secret,
            sandbox: self.sandbox,
            api_key: self.api_key,
        })
    }
}

impl fmt::Debug for BrevoConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrevoConfig")
            .field("name", &self.name)
            .field("base_url", &shown_url(&self.base_url))
            .field("webhook_secret", &self.webhook_secret.is_some())
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
        let new = || BrevoConfig::new("xkeysib-key");
        for (config, option) in
            [(new().base_url("http://api.brevo.com"), "base_url"), (new().named(""), "name")]
        {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }
}
