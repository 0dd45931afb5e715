//! How Amazon SNS is configured.

use std::{fmt, time::Duration};

use secrecy::SecretString;
use serde::Deserialize;

use super::{
    AwsKeys, Sns,
    wire::{Defaults, SENDER_ID, is_sender_id},
};
use crate::{
    address::{PhoneNumber, ShortCode, shown_url},
    error::{Error, Result},
    providers::{
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            aws::{Access, Client, Inbox, endpoint_of, needed_region},
            settings::{checked_name, endpoint, optional_secret, optional_text, read_as_table},
        },
    },
    secret::Credential,
};

configured_by!(
    SnsConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::text("region", "the region of AWS")
                .needed()
                .variables(&["SNS_REGION", "AWS_SNS_REGION"])
                .example("eu-west-1"),
            Setting::secret("access_key_id", "the id of a key; the usual chain of AWS if not set")
                .variables(&["SNS_ACCESS_KEY_ID"])
                .at(Place::User)
                .example("AKIAIOSFODNN7EXAMPLE"),
            Setting::secret("secret_access_key", "that key")
                .variables(&["SNS_SECRET_ACCESS_KEY"])
                .at(Place::Password)
                .example("secret-access-key"),
            Setting::secret("session_token", "the token of a key that was lent"),
            Setting::text("profile", "the profile of ~/.aws whose keys are used"),
            Setting::text("name", "the name of this instance").example("sns-eu"),
            Setting::text("base_url", "where the API is, if not in the region's own place"),
            Setting::text("sender_id", "the name that messages come from")
                .variables(&["SNS_SENDER_ID"])
                .example("Shop"),
            Setting::text("origination_number", "the number that messages come from")
                .variables(&["SNS_ORIGINATION_NUMBER"])
                .example("+15005550006"),
            Setting::text("class", "`transactional` or `promotional`")
                .variables(&["SNS_CLASS"])
                .example("transactional"),
            Setting::text("max_price", "the most that a message may cost, in US dollars")
                .variables(&["SNS_MAX_PRICE"])
                .example("0.50"),
            Setting::list("webhook_topics", "the ARNs of the SNS topics whose replies are taken")
                .variables(&["SNS_WEBHOOK_TOPICS"])
                .example("arn:aws:sns:eu-west-1:123456789012:replies"),
            Setting::number("webhook_tolerance_secs", "how old a message of SNS may be").example("3600"),
        ],
    )
);

/// How urgent SNS takes a message to be, which decides its route and price.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum SmsClass {
    /// As cheap as can be.
    Promotional,
    /// As sure as can be: codes, warnings.
    Transactional,
}

impl SmsClass {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Promotional => "Promotional",
            Self::Transactional => "Transactional",
        }
    }
}

/// How to reach Amazon SNS, and as whom.
///
/// ```
/// use tidings::providers::sns::SnsConfig;
///
/// let sns = SnsConfig::new("eu-west-1").keys("AKIAIOSFODNN7EXAMPLE", "the secret").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct SnsConfig {
    /// The region of AWS.
    pub region: String,
    /// The name of this instance.
    pub name: String,
    /// Where the API is, if not in the region's own place.
    pub base_url: Option<String>,
    /// The name that messages come from.
    pub sender_id: Option<String>,
    /// The number that messages come from.
    pub origination_number: Option<String>,
    /// How urgent messages are.
    pub class: Option<SmsClass>,
    /// The most that a message may cost, in US dollars.
    pub max_price: Option<String>,
    /// The ARNs of the SNS topics whose replies are taken.
    pub webhook_topics: Vec<String>,
    /// How old, or how far ahead, a message of SNS may be, in seconds.
    pub webhook_tolerance_secs: u64,
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
    sender_id: Option<String>,
    origination_number: Option<String>,
    class: Option<SmsClass>,
    max_price: Option<String>,
    #[serde(default)]
    webhook_topics: Vec<String>,
    webhook_tolerance_secs: Option<u64>,
}

impl Fields {
    fn config(self) -> SnsConfig {
        let plain = SnsConfig::new(self.region);
        SnsConfig {
            name: self.name.unwrap_or(plain.name),
            base_url: self.base_url,
            sender_id: self.sender_id,
            origination_number: self.origination_number,
            class: self.class,
            max_price: self.max_price,
            webhook_topics: self.webhook_topics,
            webhook_tolerance_secs: self.webhook_tolerance_secs.unwrap_or(plain.webhook_tolerance_secs),
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

read_as_table!(SnsConfig of Fields);

impl SnsConfig {
    /// SNS in this region, with the keys that the usual chain of AWS finds.
    pub fn new(region: impl Into<String>) -> Self {
        Self {
            region: region.into(),
            name: super::VENDOR.to_owned(),
            base_url: None,
            sender_id: None,
            origination_number: None,
            class: None,
            max_price: None,
            webhook_topics: Vec::new(),
            webhook_tolerance_secs: 3_600,
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

    /// Sets the name that messages come from.
    #[must_use]
    pub fn sender_id(mut self, name: impl Into<String>) -> Self {
        self.sender_id = Some(name.into());
        self
    }

    /// Sets the number that messages come from.
    #[must_use]
    pub fn origination_number(mut self, number: impl Into<String>) -> Self {
        self.origination_number = Some(number.into());
        self
    }

    /// Sends messages as surely as can be.
    #[must_use]
    pub fn transactional(mut self) -> Self {
        self.class = Some(SmsClass::Transactional);
        self
    }

    /// Sends messages as cheaply as can be.
    #[must_use]
    pub fn promotional(mut self) -> Self {
        self.class = Some(SmsClass::Promotional);
        self
    }

    /// Sets the most that a message may cost, in US dollars.
    #[must_use]
    pub fn max_price(mut self, dollars: impl Into<String>) -> Self {
        self.max_price = Some(dollars.into());
        self
    }

    /// Takes the replies that come over this topic of SNS.
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

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Sns> {
        self.check()?;
        let region = needed_region(&self.region)?;
        let base = self.base_url.unwrap_or_else(|| endpoint_of("sns", region));
        Ok(Sns {
            name: checked_name(self.name)?,
            endpoint: endpoint(&base, "/")?,
            defaults: Defaults {
                class: self.class,
                max_price: self.max_price,
                origination_number: self.origination_number,
                sender_id: self.sender_id,
            },
            inbox: Inbox::new(self.webhook_topics, Duration::from_secs(self.webhook_tolerance_secs)),
            client: Client::new("sns", region, self.access.keys(region)?),
        })
    }

    fn check(&self) -> Result<()> {
        if self.sender_id.as_deref().is_some_and(|name| !is_sender_id(name)) {
            return Err(Error::config(format!("`sender_id`: {SENDER_ID}")));
        }
        let number = |text: &str| text.parse::<PhoneNumber>().is_ok() || text.parse::<ShortCode>().is_ok();
        if self.origination_number.as_deref().is_some_and(|text| !number(text)) {
            return Err(Error::config(
                "`origination_number` is a number such as +15005550006, or a short code",
            ));
        }
        if self.max_price.as_deref().is_some_and(|price| !is_price(price)) {
            return Err(Error::config("`max_price` is US dollars, such as 0.50"));
        }
        Ok(())
    }
}

/// Digits, and perhaps a point and digits behind it.
pub(super) fn is_price(text: &str) -> bool {
    let digits = |part: &str| (1..=9).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    text.split_once('.').map_or_else(|| digits(text), |(whole, rest)| digits(whole) && digits(rest))
}

impl fmt::Debug for SnsConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SnsConfig")
            .field("region", &self.region)
            .field("name", &self.name)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .field("sender_id", &self.sender_id)
            .field("origination_number", &self.origination_number)
            .field("class", &self.class)
            .field("max_price", &self.max_price)
            .field("webhook_topics", &self.webhook_topics)
            .field("webhook_tolerance_secs", &self.webhook_tolerance_secs)
            .field("access", &self.access)
            .finish()
    }
}
