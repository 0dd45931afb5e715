//! What APNs needs to know: a key, whose it is, and to which app messages go.

use std::fmt;

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Apns, VENDOR, options::is_topic, token::ProviderTokens};
use crate::{
    address::shown_url,
    error::{Error, Result},
    providers::{
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            jws::Es256Key,
            settings::{checked_name, endpoint, optional_secret, read_as_table},
        },
    },
    secret::Credential,
};

const PRODUCTION: &str = "https://api.push.apple.com";
const SANDBOX: &str = "https://api.sandbox.push.apple.com";

configured_by!(
    ApnsConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("key", "the content of the .p8 file: PEM")
                .needed()
                .variables(&["APNS_KEY"])
                .file("APNS_KEY_FILE")
                .at(Place::Password),
            Setting::text("key_id", "the id of that key, 10 characters")
                .needed()
                .variables(&["APNS_KEY_ID"])
                .at(Place::User)
                .example("ABC123DEFG"),
            Setting::text("team_id", "the developer team, 10 characters")
                .needed()
                .variables(&["APNS_TEAM_ID"])
                .example("DEF123GHIJ"),
            Setting::text("topic", "the app's bundle id")
                .needed()
                .variables(&["APNS_TOPIC"])
                .example("org.example.app"),
            Setting::text("name", "the name of this instance").example("apns-app"),
            Setting::text("base_url", "where the API is, in place of Apple's"),
            Setting::flag("sandbox", "true if the tokens are of development builds")
                .variables(&["APNS_SANDBOX"])
                .example("true"),
        ],
    )
);

/// How to reach APNs, and as whom.
///
/// ```no_run
/// use tidings::providers::apns::ApnsConfig;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = std::fs::read_to_string("AuthKey_ABC123DEFG.p8")?;
/// let apns = ApnsConfig::new(key, "ABC123DEFG", "DEF123GHIJ", "org.example.app").build()?;
/// # Ok(()) }
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct ApnsConfig {
    /// The content of the `.p8` file: PEM.
    pub key: Option<SecretString>,
    /// The id of that key, 10 characters.
    pub key_id: String,
    /// The developer team, 10 characters.
    pub team_id: String,
    /// The app's bundle id.
    pub topic: String,
    /// The name of this instance.
    pub name: String,
    /// Where the API is, in place of Apple's.
    pub base_url: Option<String>,
    /// True if the tokens are of development builds.
    pub sandbox: bool,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "ApnsConfig")]
struct Fields {
    #[serde(default, deserialize_with = "optional_secret")]
    key: Option<SecretString>,
    #[serde(default)]
    key_id: String,
    #[serde(default)]
    team_id: String,
    #[serde(default)]
    topic: String,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default)]
    sandbox: bool,
}

read_as_table!(ApnsConfig by Fields);

fn default_name() -> String {
    VENDOR.to_owned()
}

impl ApnsConfig {
    /// Signs by this key (the content of the `.p8` file) of this team; `topic` is the app's bundle id.
    pub fn new(
        key: impl Into<SecretString>,
        key_id: impl Into<String>,
        team_id: impl Into<String>,
        topic: impl Into<String>,
    ) -> Self {
        Self {
            key: Some(key.into()),
            key_id: key_id.into(),
            team_id: team_id.into(),
            topic: topic.into(),
            name: default_name(),
            base_url: None,
            sandbox: false,
        }
    }

    /// Names this instance; `apns` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Calls this address and not Apple's.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Sends to development builds, whose tokens are of another environment.
    #[must_use]
    pub fn sandbox(mut self, yes: bool) -> Self {
        self.sandbox = yes;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Apns> {
        let base = self.base()?;
        let pem = self.key.as_ref().map_or("", |key| key.expose_secret());
        let key = Es256Key::from_pem(pem).ok_or_else(|| {
            Error::config("apns: `key` is PEM (-----BEGIN PRIVATE KEY-----) of a key of P-256")
        })?;
        let (key_id, team_id) = (identifier("key_id", self.key_id)?, identifier("team_id", self.team_id)?);
        if !is_topic(&self.topic) {
            return Err(Error::config("apns: `topic` is the app's bundle id, such as org.example.app"));
        }
        let credential = Credential::fetched(ProviderTokens::new(key, key_id, team_id));
        let name = checked_name(self.name)?;
        Ok(Apns { name: name.into(), base, topic: self.topic.into(), credential })
    }

    fn base(&self) -> Result<Uri> {
        let of_apple = if self.sandbox { SANDBOX } else { PRODUCTION };
        match &self.base_url {
            Some(_) if self.sandbox => {
                Err(Error::config("apns: `base_url` and `sandbox` exclude each other"))
            }
            given => endpoint(given.as_deref().unwrap_or(of_apple), ""),
        }
    }
}

/// "A 10-character string" (Establishing a token-based connection to APNs).
fn identifier(option: &str, text: String) -> Result<String> {
    if text.len() == 10 && text.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Ok(text);
    }
    Err(Error::config(format!("apns: `{option}` has 10 characters, such as ABC123DEFG")))
}

impl fmt::Debug for ApnsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApnsConfig")
            .field("name", &self.name)
            .field("key_id", &self.key_id)
            .field("team_id", &self.team_id)
            .field("topic", &self.topic)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .field("sandbox", &self.sandbox)
            .finish_non_exhaustive()
    }
}
