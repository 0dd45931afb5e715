//! How Meta's Cloud API is configured.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Meta, wire::Endpoints};
use crate::{
    address::{PhoneNumber, shown_url},
    error::{Error, Result},
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, optional_secret, read_as_table},
    },
    secret::Credential,
};

configured_by!(
    MetaConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::text("phone_number_id", "the id of the number that writes")
                .needed()
                .variables(&["WHATSAPP_PHONE_NUMBER_ID"])
                .at(Place::User)
                .example("106540352242922"),
            Setting::secret("access_token", "a system user's token that may send messages")
                .needed()
                .variables(&["WHATSAPP_ACCESS_TOKEN"])
                .at(Place::Password)
                .example("EAAG0123456789"),
            Setting::text("name", "the name of this instance").example("meta-shop"),
            Setting::text("base_url", "where the API is"),
            Setting::text("api_version", "the version of the Graph API")
                .variables(&["WHATSAPP_API_VERSION"])
                .example("v23.0"),
            Setting::text("number", "the number itself, for messages that name their sender")
                .variables(&["WHATSAPP_NUMBER"])
                .example("+15005550006"),
            Setting::secret("app_secret", "the app's secret, which signs webhooks")
                .variables(&["WHATSAPP_APP_SECRET"]),
            Setting::secret("verify_token", "what Meta's dashboard was told to prove the webhook's owner")
                .variables(&["WHATSAPP_VERIFY_TOKEN"]),
            Setting::secret("echo_key", "the secret behind the token that statuses carry back")
                .variables(&["WHATSAPP_ECHO_KEY"]),
        ],
    )
);

const BASE_URL: &str = "https://graph.facebook.com";
/// The version whose description the requests were judged by.
const VERSION: &str = "v23.0";

/// How to reach Meta's Cloud API, and as which number.
///
/// ```
/// use tidings::providers::meta::MetaConfig;
///
/// let meta = MetaConfig::new("106540352242922", "a token").number("+15005550006".parse()?).build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct MetaConfig {
    /// The id of the number that writes, from Meta's dashboard; not the number itself.
    pub phone_number_id: String,
    /// The token of a system user with the permission `whatsapp_business_messaging`.
    pub access_token: Credential,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// The version of the Graph API, such as `v23.0`.
    pub api_version: String,
    /// The number itself, for messages that name their sender.
    pub number: Option<PhoneNumber>,
    /// The app's secret, which signs webhooks.
    pub app_secret: Option<SecretString>,
    /// What Meta's dashboard was told, so that a GET proves the webhook's owner.
    pub verify_token: Option<SecretString>,
    /// The secret behind the token that statuses carry back; made of the access token if empty.
    pub echo_key: Option<SecretString>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "MetaConfig")]
struct Fields {
    phone_number_id: String,
    #[serde(deserialize_with = "credential")]
    access_token: Credential,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url")]
    base_url: String,
    #[serde(default = "default_version")]
    api_version: String,
    #[serde(default)]
    number: Option<PhoneNumber>,
    #[serde(default, deserialize_with = "optional_secret")]
    app_secret: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    verify_token: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
}

read_as_table!(MetaConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    BASE_URL.to_owned()
}

fn default_version() -> String {
    VERSION.to_owned()
}

impl MetaConfig {
    /// The number of this id, with a token that may send.
    pub fn new(phone_number_id: impl Into<String>, access_token: impl Into<Credential>) -> Self {
        Self {
            phone_number_id: phone_number_id.into(),
            access_token: access_token.into(),
            name: default_name(),
            base_url: default_base_url(),
            api_version: default_version(),
            number: None,
            app_secret: None,
            verify_token: None,
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

    /// Sets the version of the Graph API, such as `v23.0`.
    #[must_use]
    pub fn api_version(mut self, version: impl Into<String>) -> Self {
        self.api_version = version.into();
        self
    }

    /// Sets the number itself, for messages that name their sender.
    #[must_use]
    pub fn number(mut self, number: PhoneNumber) -> Self {
        self.number = Some(number);
        self
    }

    /// Sets the app's secret, which signs webhooks.
    #[must_use]
    pub fn app_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.app_secret = Some(secret.into());
        self
    }

    /// Sets what Meta's dashboard was told, so that a GET proves the webhook's owner.
    #[must_use]
    pub fn verify_token(mut self, token: impl Into<SecretString>) -> Self {
        self.verify_token = Some(token.into());
        self
    }

    /// Sets the secret behind the token that statuses carry back. All instances
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
    pub fn build(self) -> Result<Meta> {
        let id = &self.phone_number_id;
        if !(1..=32).contains(&id.len()) || !id.bytes().all(|b| b.is_ascii_digit()) {
            let why = "`phone_number_id` is digits alone, such as 106540352242922: Meta's id, not the number";
            return Err(Error::config(why));
        }
        if !is_version(&self.api_version) {
            return Err(Error::config("`api_version` is a version of the Graph API, such as v23.0"));
        }
        Ok(Meta {
            endpoints: Endpoints::new(&self.base_url, &self.api_version, id)?,
            echo: EchoKey::choose(self.echo_key.as_ref(), Some(&self.access_token)),
            name: checked_name(self.name)?,
            token: self.access_token,
            number: self.number,
            app_secret: self.app_secret,
            verify_token: self.verify_token,
        })
    }
}

fn is_version(text: &str) -> bool {
    let numbers = text.strip_prefix('v').and_then(|rest| rest.split_once('.'));
    let digits = |text: &str| (1..=3).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    numbers.is_some_and(|(major, minor)| digits(major) && digits(minor))
}

impl fmt::Debug for MetaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MetaConfig")
            .field("name", &self.name)
            .field("phone_number_id", &self.phone_number_id)
            .field("base_url", &shown_url(&self.base_url))
            .field("api_version", &self.api_version)
            .field("number", &self.number)
            .field("app_secret", &self.app_secret.is_some())
            .field("verify_token", &self.verify_token.is_some())
            .field("echo_key", &self.echo_key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &'static [(&str, &str)]) -> Result<Option<MetaConfig>> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
        MetaConfig::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn variables_make_a_configuration_or_none() {
        assert!(vars(&[("WHATSAPP_ACCESS_TOKEN", "t")]).expect("no number").is_none());
        let config = vars(&[
            ("WHATSAPP_PHONE_NUMBER_ID", "106540352242922"),
            ("WHATSAPP_ACCESS_TOKEN", "t"),
            ("WHATSAPP_APP_SECRET", "s"),
            ("WHATSAPP_NUMBER", "+15005550006"),
        ]);
        let config = config.expect("valid").expect("a number");
        assert_eq!(config.number.as_ref().map(PhoneNumber::as_str), Some("+15005550006"));
        assert!(config.app_secret.is_some() && config.build().is_ok());
        let error = vars(&[("WHATSAPP_PHONE_NUMBER_ID", "1")]).expect_err("no token");
        assert!(error.message().contains("WHATSAPP_ACCESS_TOKEN"), "{error}");
        let config = MetaConfig::from_url("meta://106540352242922:EAAG@default?api_version=v24.0");
        assert_eq!(config.expect("valid").api_version, "v24.0");
    }

    #[test]
    fn what_cannot_be_right_is_named() {
        for (config, option) in [
            (MetaConfig::new("+15005550006", "t"), "phone_number_id"),
            (MetaConfig::new("1/../2", "t"), "phone_number_id"),
            (MetaConfig::new("1", "t").api_version("23"), "api_version"),
            (MetaConfig::new("1", "t").api_version("v23.0/x"), "api_version"),
            (MetaConfig::new("1", "t").base_url("http://graph.facebook.com"), "base_url"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }
}
