//! How Vonage is configured.

use std::{fmt, time::Duration};

use http::Uri;
use secrecy::SecretString;
use serde::Deserialize;

use super::{
    Vonage,
    auth::{Login, Tokens},
};
use crate::{
    address::{SmsSender, WebUrl, shown_url},
    error::{Error, Result},
    message::Money,
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            callback::CallbackSecrets,
            settings::{checked_name, endpoint, optional_credential, optional_secret, read_as_table},
        },
    },
    secret::Credential,
};

configured_by!(
    VonageConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::text("api_key", "the account's key")
                .needed()
                .variables(&["VONAGE_API_KEY"])
                .at(Place::User)
                .example("abcd1234"),
            Setting::secret("api_secret", "the account's secret")
                .variables(&["VONAGE_API_SECRET"])
                .at(Place::Password)
                .example("0123456789abcdef"),
            Setting::text("api", "`sms` or `messages`: which API is asked")
                .variables(&["VONAGE_API"])
                .example("sms"),
            Setting::text("application_id", "the application whose key signs calls of the Messages API")
                .variables(&["VONAGE_APPLICATION_ID"]),
            Setting::secret("private_key", "that application's private key, as PEM")
                .variables(&["VONAGE_PRIVATE_KEY"])
                .file("VONAGE_APPLICATION_PRIVATE_KEY_PATH"),
            Setting::text("name", "the name of this instance").example("vonage-eu"),
            Setting::text("base_url", "where the API is"),
            Setting::text("from", "who sends text messages that name no sender")
                .variables(&["VONAGE_FROM"])
                .example("Bookshop"),
            Setting::text("status_callback", "where Vonage tells what became of messages")
                .variables(&["VONAGE_STATUS_CALLBACK"])
                .example("https://shop.example.org/hooks/vonage"),
            Setting::secret("signature_secret", "the secret that signs webhooks")
                .variables(&["VONAGE_SIGNATURE_SECRET"]),
            Setting::text("signature_method", "`sha1`, `sha256` or `sha512`: how the SMS API signs webhooks")
                .variables(&["VONAGE_SIGNATURE_METHOD"])
                .example("sha256"),
            Setting::number("webhook_tolerance_secs", "how old a webhook's signed time may be").example("90000"),
            Setting::text("currency", "the account's currency, in which prices come")
                .variables(&["VONAGE_CURRENCY"])
                .example("EUR"),
            Setting::secret("echo_key", "the secret behind the token that receipts carry back")
                .variables(&["VONAGE_ECHO_KEY"]),
        ],
    ),
    check: check_login
);

const REST_URL: &str = "https://rest.nexmo.com";
const API_URL: &str = "https://api.nexmo.com";
/// Vonage repeats for 24 hours what was not taken.
const TOLERANCE_SECS: u32 = 25 * 3_600;

/// Which of Vonage's APIs sends a text message.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VonageApi {
    /// The Messages API, version 1.
    Messages,
    /// The SMS API.
    #[default]
    Sms,
}

/// The hash by which the SMS API signs its webhooks; the dashboard's other two, which rest on MD5, are not offered.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SignatureMethod {
    /// HMAC with SHA-1.
    Sha1,
    /// HMAC with SHA-256.
    #[default]
    Sha256,
    /// HMAC with SHA-512.
    Sha512,
}

/// How to reach Vonage.
///
/// ```
/// use tidings::providers::vonage::{VonageApi, VonageConfig};
///
/// let vonage = VonageConfig::new("abcd1234", "api secret").api(VonageApi::Messages).build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct VonageConfig {
    /// The account's key.
    pub api_key: String,
    /// The account's secret.
    pub api_secret: Option<Credential>,
    /// Which API is asked.
    pub api: VonageApi,
    /// The application whose key signs calls of the Messages API.
    pub application_id: Option<String>,
    /// That application's private key, as PEM.
    pub private_key: Option<SecretString>,
    /// The name of this instance.
    pub name: String,
    /// Where the API is; Vonage's own address for that API if empty.
    pub base_url: Option<String>,
    /// Who writes text messages that name no sender.
    pub from: Option<SmsSender>,
    /// Where Vonage tells what became of a message; the dashboard's address if empty.
    pub status_callback: Option<WebUrl>,
    /// The secret that signs webhooks.
    pub signature_secret: Option<SecretString>,
    /// How the SMS API signs webhooks.
    pub signature_method: SignatureMethod,
    /// How old a webhook's signed time may be, in seconds.
    pub webhook_tolerance_secs: u32,
    /// The account's currency, in which prices come.
    pub currency: String,
    /// The secret behind the token that receipts carry back; made of the API secret if empty.
    pub echo_key: Option<SecretString>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "VonageConfig")]
struct Fields {
    api_key: String,
    #[serde(default, deserialize_with = "optional_credential")]
    api_secret: Option<Credential>,
    #[serde(default)]
    api: VonageApi,
    #[serde(default)]
    application_id: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    private_key: Option<SecretString>,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    from: Option<SmsSender>,
    #[serde(default)]
    status_callback: Option<WebUrl>,
    #[serde(default, deserialize_with = "optional_secret")]
    signature_secret: Option<SecretString>,
    #[serde(default)]
    signature_method: SignatureMethod,
    #[serde(default = "default_tolerance")]
    webhook_tolerance_secs: u32,
    #[serde(default = "default_currency")]
    currency: String,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
}

read_as_table!(VonageConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

const fn default_tolerance() -> u32 {
    TOLERANCE_SECS
}

fn default_currency() -> String {
    "EUR".to_owned()
}

impl VonageConfig {
    /// The account with its key and secret, over the SMS API.
    pub fn new(api_key: impl Into<String>, api_secret: impl Into<Credential>) -> Self {
        Self { api_secret: Some(api_secret.into()), ..Self::bare(api_key.into()) }
    }

    /// The account with an application's id and private key (PEM), over the Messages API.
    pub fn with_application(
        api_key: impl Into<String>,
        application_id: impl Into<String>,
        private_key: impl Into<SecretString>,
    ) -> Self {
        let (application_id, private_key) = (Some(application_id.into()), Some(private_key.into()));
        Self { application_id, private_key, api: VonageApi::Messages, ..Self::bare(api_key.into()) }
    }

    fn bare(api_key: String) -> Self {
        Self {
            api_key,
            api_secret: None,
            api: VonageApi::default(),
            application_id: None,
            private_key: None,
            name: default_name(),
            base_url: None,
            from: None,
            status_callback: None,
            signature_secret: None,
            signature_method: SignatureMethod::default(),
            webhook_tolerance_secs: TOLERANCE_SECS,
            currency: default_currency(),
            echo_key: None,
        }
    }

    /// Sets which API is asked.
    #[must_use]
    pub fn api(mut self, api: VonageApi) -> Self {
        self.api = api;
        self
    }

    /// Names the instance.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Sets where the API is, such as `https://api-eu.vonage.com`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sets who writes text messages that name no sender.
    #[must_use]
    pub fn from(mut self, from: SmsSender) -> Self {
        self.from = Some(from);
        self
    }

    /// Sets where Vonage tells what became of a message.
    #[must_use]
    pub fn status_callback(mut self, url: WebUrl) -> Self {
        self.status_callback = Some(url);
        self
    }

    /// Sets the secret that signs webhooks.
    #[must_use]
    pub fn signature_secret(mut self, secret: impl Into<SecretString>) -> Self {
        self.signature_secret = Some(secret.into());
        self
    }

    /// Sets how the SMS API signs webhooks, as the dashboard says.
    #[must_use]
    pub fn signature_method(mut self, method: SignatureMethod) -> Self {
        self.signature_method = method;
        self
    }

    /// Sets the account's currency, in which prices come.
    #[must_use]
    pub fn currency(mut self, currency: impl Into<String>) -> Self {
        self.currency = currency.into();
        self
    }

    /// Sets the secret behind the token that receipts carry back. All instances
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
    pub fn build(self) -> Result<Vonage> {
        if self.api_key.is_empty() || !self.api_key.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(Error::config("`api_key` is letters and digits, such as abcd1234"));
        }
        Money::new("0", &self.currency)
            .map_err(|_| Error::config("`currency` is three letters of ISO 4217, such as EUR"))?;
        let (base, path) = match self.api {
            VonageApi::Messages => (API_URL, "/v1/messages"),
            VonageApi::Sms => (REST_URL, "/sms/json"),
        };
        let own = self.base_url.as_deref();
        Ok(Vonage {
            login: self.login()?,
            echo: EchoKey::choose(self.echo_key.as_ref(), self.api_secret.as_ref()),
            endpoint: endpoint(own.unwrap_or(base), path)?,
            check: balance(self.api, own)?,
            name: checked_name(self.name)?,
            api: self.api,
            from: self.from,
            callback_secrets: CallbackSecrets::of(self.status_callback.as_ref()),
            status_callback: self.status_callback,
            signature_secret: self.signature_secret,
            signature_method: self.signature_method,
            tolerance: Duration::from_secs(self.webhook_tolerance_secs.into()),
            currency: self.currency,
        })
    }

    /// What no single option shows: who calls.
    fn check_login(&self) -> Result<()> {
        self.login().map(drop)
    }

    fn login(&self) -> Result<Login> {
        let basic = |secret: &Credential| Login::Basic { key: self.api_key.clone(), secret: secret.clone() };
        match (&self.application_id, &self.private_key, &self.api_secret) {
            (Some(_), None, _) | (None, Some(_), _) => {
                Err(Error::config("set both `application_id` and `private_key`, or neither"))
            }
            (Some(id), Some(key), _) if self.api == VonageApi::Messages => {
                Ok(Login::Tokens(Credential::fetched(Tokens::new(id.clone(), key)?)))
            }
            (_, _, Some(secret)) => Ok(basic(secret)),
            (_, _, None) if self.api == VonageApi::Sms => Err(Error::config(
                "the SMS API needs `api_secret`; only the Messages API takes an application",
            )),
            _ => Err(Error::config("set `api_secret`, or `application_id` and `private_key`")),
        }
    }
}

/// Where the balance is: beside the SMS API, so that another address of the Messages API does not tell.
fn balance(api: VonageApi, own: Option<&str>) -> Result<Option<Uri>> {
    match (api, own) {
        (VonageApi::Messages, Some(_)) => Ok(None),
        (_, own) => endpoint(own.unwrap_or(REST_URL), "/account/get-balance").map(Some),
    }
}

impl fmt::Debug for VonageConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VonageConfig")
            .field("name", &self.name)
            .field("api_key", &self.api_key)
            .field("api", &self.api)
            .field("application_id", &self.application_id)
            .field("private_key", &self.private_key.is_some())
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .field("from", &self.from)
            .field("status_callback", &self.status_callback)
            .field("signature_secret", &self.signature_secret.is_some())
            .field("signature_method", &self.signature_method)
            .field("currency", &self.currency)
            .field("echo_key", &self.echo_key.is_some())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &'static [(&str, &str)]) -> Result<Option<VonageConfig>> {
        let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
        VonageConfig::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()))
    }

    #[test]
    fn variables_make_a_configuration_or_none() {
        assert!(vars(&[("VONAGE_API_SECRET", "s")]).expect("no key").is_none());
        let config = vars(&[
            ("VONAGE_API_KEY", "abcd1234"),
            ("VONAGE_API_SECRET", "s"),
            ("VONAGE_API", "messages"),
            ("VONAGE_FROM", "Shop"),
            ("VONAGE_SIGNATURE_METHOD", "sha512"),
        ]);
        let config = config.expect("valid").expect("a key");
        assert_eq!((config.api, config.signature_method), (VonageApi::Messages, SignatureMethod::Sha512));
        assert!(config.build().is_ok());
        let config = VonageConfig::from_url("vonage://abcd1234:s%2F@default?from=Shop").expect("valid");
        assert_eq!(config.from.as_ref().map(SmsSender::as_str), Some("Shop"));
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (pairs, words) in [
            (&[("VONAGE_API_KEY", "abcd1234")][..], "VONAGE_API_SECRET"),
            (&[("VONAGE_API_KEY", "a"), ("VONAGE_API_SECRET", "s"), ("VONAGE_API", "mms")], "VONAGE_API"),
            (
                &[("VONAGE_API_KEY", "a"), ("VONAGE_API_SECRET", "s"), ("VONAGE_SIGNATURE_METHOD", "md5")],
                "VONAGE_SIGNATURE_METHOD",
            ),
            (
                &[("VONAGE_API_KEY", "a"), ("VONAGE_API_SECRET", "s"), ("VONAGE_APPLICATION_ID", "x")],
                "VONAGE_PRIVATE_KEY",
            ),
        ] {
            let find = |name: &str| pairs.iter().find(|(known, _)| *known == name);
            let read = VonageConfig::from_vars(|name| find(name).map(|(_, value)| (*value).to_owned()));
            let error = read.expect_err(words);
            assert!(error.message().contains(words), "{error}");
        }
        for (config, option) in [
            (VonageConfig::new("a b", "s"), "api_key"),
            (VonageConfig::new("a", "s").currency("euros"), "currency"),
            (VonageConfig::new("a", "s").base_url("http://rest.nexmo.com"), "base_url"),
            (VonageConfig::with_application("a", "id", "no key".to_owned()), "private_key"),
            (VonageConfig::with_application("a", "id", "x".to_owned()).api(VonageApi::Sms), "api_secret"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }
}
