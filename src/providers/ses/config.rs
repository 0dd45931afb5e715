//! How Amazon SES is configured.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

use super::{AwsKeys, Ses, wire::Endpoints};
use crate::{
    address::shown_url,
    error::Result,
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            aws::{Access, Client, Inbox, endpoint_of, needed_region},
            settings::{checked_name, optional_secret, optional_text, read_as_table},
        },
    },
    secret::Credential,
};

configured_by!(
    SesConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::text("region", "the region of AWS")
                .needed()
                .variables(&["SES_REGION", "AWS_SES_REGION"])
                .example("eu-west-1"),
            Setting::secret("access_key_id", "the id of a key; the usual chain of AWS if not set")
                .variables(&["SES_ACCESS_KEY_ID"])
                .at(Place::User)
                .example("AKIAIOSFODNN7EXAMPLE"),
            Setting::secret("secret_access_key", "that key")
                .variables(&["SES_SECRET_ACCESS_KEY"])
                .at(Place::Password)
                .example("secret-access-key"),
            Setting::secret("session_token", "the token of a key that was lent"),
            Setting::text("profile", "the profile of ~/.aws whose keys are used"),
            Setting::text("name", "the name of this instance").example("ses-eu"),
            Setting::text("base_url", "where the API is, if not in the region's own place"),
            Setting::text("configuration_set", "the configuration set of mails that name none")
                .variables(&["SES_CONFIGURATION_SET"]),
            Setting::list("webhook_topics", "the ARNs of the SNS topics whose events are taken")
                .variables(&["SES_WEBHOOK_TOPICS"])
                .example("arn:aws:sns:eu-west-1:123456789012:mail"),
            Setting::number("webhook_tolerance_secs", "how old a message of SNS may be").example("3600"),
            Setting::secret("echo_key", "the secret behind the token that events carry back")
                .variables(&["SES_ECHO_KEY"]),
        ],
    )
);

/// How to reach Amazon SES, and as whom.
///
/// ```
/// use tidings::providers::ses::SesConfig;
///
/// let ses = SesConfig::new("eu-west-1").keys("AKIAIOSFODNN7EXAMPLE", "the secret").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SesConfig {
    /// The region of AWS.
    pub region: String,
    /// The name of this instance.
    pub name: String,
    /// Where the API is, if not in the region's own place.
    pub base_url: Option<String>,
    /// The configuration set of mails that name none.
    pub configuration_set: Option<String>,
    /// The ARNs of the SNS topics whose events are taken.
    pub webhook_topics: Vec<String>,
    /// How old, or how far ahead, a message of SNS may be, in seconds.
    pub webhook_tolerance_secs: u64,
    /// The secret behind the token that events carry back; made of the secret key if empty.
    pub echo_key: Option<SecretString>,
    access: Access,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    region: String,
    #[serde(default, deserialize_with = "optional_text")]
    access_key_id: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    secret_access_key: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    session_token: Option<SecretString>,
    profile: Option<String>,
    name: Option<String>,
    base_url: Option<String>,
    configuration_set: Option<String>,
    #[serde(default)]
    webhook_topics: Vec<String>,
    webhook_tolerance_secs: Option<u64>,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
}

impl Fields {
    fn config(self) -> SesConfig {
        let plain = SesConfig::new(self.region);
        SesConfig {
            name: self.name.unwrap_or(plain.name),
            base_url: self.base_url,
            configuration_set: self.configuration_set,
            webhook_topics: self.webhook_topics,
            webhook_tolerance_secs: self.webhook_tolerance_secs.unwrap_or(plain.webhook_tolerance_secs),
            echo_key: self.echo_key,
            access: Access {
                access_key_id: self.access_key_id,
                secret_access_key: self.secret_access_key,
                session_token: self.session_token,
                profile: self.profile,
                source: None,
            },
            region: plain.region,
        }
    }
}

read_as_table!(SesConfig of Fields);

impl SesConfig {
    /// SES in this region, with the keys that the usual chain of AWS finds.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            name: super::VENDOR.to_owned(),
            base_url: None,
            configuration_set: None,
            webhook_topics: Vec::new(),
            webhook_tolerance_secs: 3_600,
            echo_key: None,
            access: Access::default(),
        }
    }

    /// Signs with this key.
    #[must_use]
    pub fn keys(mut self, access_key_id: impl Into<String>, secret: impl Into<SecretString>) -> Self {
        self.access.access_key_id = Some(access_key_id.into());
        self.access.secret_access_key = Some(secret.into());
        self
    }

    /// Signs with keys of another origin.
    #[must_use]
    pub fn credentials(mut self, source: Credential<AwsKeys>) -> Self {
        self.access.source = Some(source);
        self
    }

    /// Signs with the keys of this profile of `~/.aws`.
    #[must_use]
    pub fn profile(mut self, profile: impl Into<String>) -> Self {
        self.access.profile = Some(profile.into());
        self
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
        self.base_url = Some(url.into());
        self
    }

    /// Sets the configuration set of mails that name none.
    #[must_use]
    pub fn configuration_set(mut self, name: impl Into<String>) -> Self {
        self.configuration_set = Some(name.into());
        self
    }

    /// Takes the events that come over this topic of SNS.
    #[must_use]
    pub fn webhook_topic(mut self, arn: impl Into<String>) -> Self {
        self.webhook_topics.push(arn.into());
        self
    }

    /// Sets how old, or how far ahead, a message of SNS may be; an hour if not set.
    #[must_use]
    pub fn webhook_tolerance(mut self, tolerance: Duration) -> Self {
        self.webhook_tolerance_secs = tolerance.as_secs();
        self
    }

    /// Sets the secret behind the token that events carry back. All instances that receive each other's
    /// webhooks need the same.
    #[must_use]
    pub fn echo_key(mut self, secret: impl Into<SecretString>) -> Self {
        self.echo_key = Some(secret.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Ses> {
        let region = needed_region(&self.region)?;
        let base = self.base_url.unwrap_or_else(|| endpoint_of("email", region));
        let keys = self.access.keys(region)?;
        let own = keys.as_fixed().map(|keys| &keys.secret_access_key);
        Ok(Ses {
            name: checked_name(self.name)?,
            endpoints: Endpoints::new(&base)?,
            configuration_set: self.configuration_set,
            echo: self.echo_key.as_ref().or(own).map(EchoKey::derive),
            inbox: Inbox::new(self.webhook_topics, Duration::from_secs(self.webhook_tolerance_secs)),
            client: Client::new("ses", region, keys),
        })
    }
}

impl fmt::Debug for SesConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SesConfig")
            .field("region", &self.region)
            .field("name", &self.name)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .field("configuration_set", &self.configuration_set)
            .field("webhook_topics", &self.webhook_topics)
            .field("webhook_tolerance_secs", &self.webhook_tolerance_secs)
            .field("echo_key", &self.echo_key.is_some())
            .field("access", &self.access)
            .finish()
    }
}
