//! How Gmail is configured.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Gmail, ServiceAccount, VENDOR, wire::Endpoints};
use crate::{
    address::{EmailAddress, shown_url},
    error::{Error, Result},
    providers::{
        schema::{Place, Schema, Setting, configured_by},
        shared::{
            google::{AccessTokens, RefreshedTokens, TOKEN_URI},
            settings::{checked_name, optional_secret, optional_text, read_as_table},
        },
    },
    secret::Credential,
};

const BASE_URL: &str = "https://gmail.googleapis.com";
/// Whoever the token is of.
const ME: &str = "me";
/// What access tokens must allow.
const SCOPE: &str = "https://www.googleapis.com/auth/gmail.send";

configured_by!(
    GmailConfig,
    Schema::new(
        VENDOR,
        &[
            Setting::text("user", "the address whose mailbox sends, or `me` for that of the token")
                .needed()
                .variables(&["GMAIL_USER"])
                .example("shop@example.org"),
            Setting::secret("refresh_token", "the token that a person gave once")
                .variables(&["GMAIL_REFRESH_TOKEN"])
                .example("1//the-token"),
            Setting::text("client_id", "the client to which the token was given")
                .variables(&["GMAIL_CLIENT_ID"])
                .at(Place::User)
                .example("id.apps.googleusercontent.com"),
            Setting::secret("client_secret", "that client's secret")
                .variables(&["GMAIL_CLIENT_SECRET"])
                .at(Place::Password),
            Setting::secret("service_account", "in place of those: the JSON of a service account")
                .variables(&["GMAIL_SERVICE_ACCOUNT_JSON"]),
            Setting::text("name", "the name of this instance").example("gmail-shop"),
            Setting::text("base_url", "where the API is"),
            Setting::text("token_uri", "where refresh tokens are exchanged"),
        ],
    )
);

/// How to reach Gmail, and as whom.
///
/// ```
/// use tidings::providers::gmail::GmailConfig;
///
/// let gmail = GmailConfig::with_credential("shop@example.org", "an access token from elsewhere").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct GmailConfig {
    user: String,
    name: Option<String>,
    base_url: Option<String>,
    client_id: Option<String>,
    client_secret: Option<SecretString>,
    refresh_token: Option<SecretString>,
    token_uri: Option<String>,
    service_account: Option<ServiceAccount>,
    credential: Option<Credential>,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "GmailConfig")]
struct Fields {
    user: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    base_url: Option<String>,
    #[serde(default, deserialize_with = "optional_text")]
    client_id: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    client_secret: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    refresh_token: Option<SecretString>,
    #[serde(default)]
    token_uri: Option<String>,
    #[serde(default)]
    service_account: Option<ServiceAccount>,
    #[serde(skip)]
    credential: Option<Credential>,
}

read_as_table!(GmailConfig by Fields);

impl GmailConfig {
    /// Sends as `user`, who gave this refresh token to this client.
    pub fn refreshed(
        user: impl Into<String>,
        client_id: impl Into<String>,
        client_secret: impl Into<SecretString>,
        refresh_token: impl Into<SecretString>,
    ) -> Self {
        Self {
            client_id: Some(client_id.into()),
            client_secret: Some(client_secret.into()),
            refresh_token: Some(refresh_token.into()),
            ..Self::of(user)
        }
    }

    /// Sends as `user`, a person of the domain that delegates authority to this service account.
    pub fn delegated(user: impl Into<String>, account: ServiceAccount) -> Self {
        Self { service_account: Some(account), ..Self::of(user) }
    }

    /// Sends as `user` with access tokens of another origin.
    pub fn with_credential(user: impl Into<String>, credential: impl Into<Credential>) -> Self {
        Self { credential: Some(credential.into()), ..Self::of(user) }
    }

    fn of(user: impl Into<String>) -> Self {
        Self {
            user: user.into(),
            name: None,
            base_url: None,
            client_id: None,
            client_secret: None,
            refresh_token: None,
            token_uri: None,
            service_account: None,
            credential: None,
        }
    }

    /// Names this instance; `gmail` if it is not named.
    #[must_use]
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Calls this address and not `https://gmail.googleapis.com`.
    #[must_use]
    pub fn base_url(mut self, url: impl Into<String>) -> Self {
        self.base_url = Some(url.into());
        self
    }

    /// Exchanges refresh tokens at this address and not at Google's.
    #[must_use]
    pub fn token_uri(mut self, url: impl Into<String>) -> Self {
        self.token_uri = Some(url.into());
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Gmail> {
        if self.user != ME && self.user.parse::<EmailAddress>().is_err() {
            return Err(Error::config("`user` is the address of a mailbox, or `me`"));
        }
        let endpoints = Endpoints::new(self.base_url.as_deref().unwrap_or(BASE_URL), &self.user)?;
        let name = checked_name(self.name.clone().unwrap_or_else(|| VENDOR.to_owned()))?;
        Ok(Gmail { name, endpoints, credential: self.tokens()? })
    }

    fn tokens(self) -> Result<Credential> {
        if let Some(credential) = self.credential {
            return Ok(credential);
        }
        match (self.refresh_token, self.service_account) {
            (Some(_), Some(_)) => Err(Error::config("give `refresh_token` or `service_account`, not both")),
            (Some(refresh), None) => {
                let missing =
                    |name| move || Error::config(format!("`refresh_token` needs `{name}` beside it"));
                let id = self.client_id.ok_or_else(missing("client_id"))?;
                let secret = self.client_secret.ok_or_else(missing("client_secret"))?;
                let server = self.token_uri.as_deref().unwrap_or(TOKEN_URI);
                Ok(Credential::fetched(RefreshedTokens::new(server, id, secret, refresh)?))
            }
            (None, Some(account)) => {
                if self.user == ME {
                    return Err(Error::config(
                        "with `service_account`, `user` is the address for which it speaks",
                    ));
                }
                Ok(Credential::fetched(AccessTokens::new(&account, SCOPE, Some(self.user))?))
            }
            (None, None) => Err(Error::config("gmail needs a `refresh_token` or a `service_account`")),
        }
    }
}

impl fmt::Debug for GmailConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GmailConfig")
            .field("user", &self.user)
            .field("name", &self.name)
            .field("base_url", &self.base_url.as_deref().map(shown_url))
            .field("client_id", &self.client_id)
            .field("refresh_token", &self.refresh_token.is_some())
            .field("token_uri", &self.token_uri.as_deref().map(shown_url))
            .field("service_account", &self.service_account)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}
