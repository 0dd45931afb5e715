//! What Web Push needs to know: a key pair, and whom a push service may write to.

use std::{fmt, sync::Arc};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{VENDOR, WebPush, vapid::Vapid};
use crate::{
    error::{Error, Result},
    providers::{
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            jws::Es256Key,
            settings::{checked_name, optional_secret, read_as_table},
        },
    },
};

configured_by!(
    WebPushConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::secret("private_key", "the private VAPID key: 32 octets as base64url, or PEM")
                .needed()
                .variables(&["VAPID_PRIVATE_KEY"])
                .at(Place::Password),
            Setting::text("subject", "whom a push service may write to, mailto: or https:")
                .needed()
                .variables(&["VAPID_SUBJECT"])
                .example("mailto:push@example.org"),
            Setting::text("public_key", "the public VAPID key, if it is to be held against the private one")
                .variables(&["VAPID_PUBLIC_KEY"]),
            Setting::text("name", "the name of this instance").example("webpush-shop"),
            Setting::flag(
                "private_endpoints",
                "for tests alone: true if endpoints may be http and on private addresses",
            ),
        ],
    )
);

/// Some tools pad keys, others do not.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// By which key messages to browsers are signed.
///
/// ```
/// use tidings::providers::webpush::WebPushConfig;
///
/// let key = "x3A244iFy4T7pG6x21SQojMHxs8irdDIKzWRvbi5f8s"; // an example; yours is a secret
/// let webpush = WebPushConfig::new(key, "mailto:push@example.org").build()?;
/// assert_eq!(webpush.public_key().len(), 87); // what browsers subscribe with
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct WebPushConfig {
    /// The private VAPID key: 32 octets as base64url, or PEM.
    pub private_key: Option<SecretString>,
    /// Whom a push service may write to: `mailto:` or `https:`.
    pub subject: String,
    /// The public VAPID key, if it is to be held against the private one.
    pub public_key: Option<String>,
    /// The name of this instance.
    pub name: String,
    /// For tests alone: endpoints may be `http` and on private addresses.
    pub private_endpoints: bool,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "WebPushConfig")]
struct Fields {
    #[serde(default, deserialize_with = "optional_secret")]
    private_key: Option<SecretString>,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    public_key: Option<String>,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default)]
    private_endpoints: bool,
}

read_as_table!(WebPushConfig by Fields);

fn default_name() -> String {
    VENDOR.to_owned()
}

impl WebPushConfig {
    /// Signs by this key; a push service that has to complain writes to `subject`.
    pub fn new(private_key: impl Into<SecretString>, subject: impl Into<String>) -> Self {
        Self {
            private_key: Some(private_key.into()),
            subject: subject.into(),
            public_key: None,
            name: default_name(),
            private_endpoints: false,
        }
    }

    /// Names this instance; `webpush` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// Holds the key pair against the public key that browsers were given.
    #[must_use]
    pub fn public_key(mut self, key: impl Into<String>) -> Self {
        self.public_key = Some(key.into());
        self
    }

    /// **For tests alone**: takes endpoints that are `http`, and on private addresses of this machine and its
    /// network, and any transport.
    #[must_use]
    pub fn private_endpoints(mut self, yes: bool) -> Self {
        self.private_endpoints = yes;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<WebPush> {
        let key = self.key()?;
        if let Some(public) = &self.public_key
            && LENIENT.decode(public.trim()).ok().as_deref() != Some(key.public())
        {
            return Err(Error::config("webpush: `public_key` is not the public half of `private_key`"));
        }
        // RFC 8292 section 2.1.
        let reachable =
            self.subject.strip_prefix("mailto:").or_else(|| self.subject.strip_prefix("https://"));
        if reachable.is_none_or(str::is_empty) || self.subject.chars().any(|c| c.is_control() || c == ' ') {
            return Err(Error::config(
                "webpush needs a `subject`, such as mailto:push@example.org or https://example.org",
            ));
        }
        let name = checked_name(self.name)?;
        let vapid = Arc::new(Vapid::new(key, self.subject));
        Ok(WebPush { name: name.into(), vapid, private_endpoints: self.private_endpoints })
    }

    fn key(&self) -> Result<Es256Key> {
        let text = self.private_key.as_ref().map_or("", |key| key.expose_secret()).trim();
        let of_octets = || LENIENT.decode(text).ok().and_then(|octets| Es256Key::from_octets(&octets));
        of_octets().or_else(|| Es256Key::from_pem(text)).ok_or_else(|| {
            let expected = "32 octets as base64url, or PEM, of a key of P-256";
            Error::config(format!("webpush: `private_key` is {expected}"))
        })
    }
}

impl fmt::Debug for WebPushConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebPushConfig")
            .field("name", &self.name)
            .field("subject", &self.subject)
            .field("public_key", &self.public_key.as_ref().map(|_| "…"))
            .field("private_endpoints", &self.private_endpoints)
            .finish_non_exhaustive()
    }
}
