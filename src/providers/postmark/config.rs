//! How Postmark is configured.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::{Postmark, TEST_TOKEN, wire::Endpoints};
use crate::{
    address::shown_url,
    error::{Error, Result},
    providers::{
        echo::EchoKey,
        schema::{Place, Schema, Setting, configured_by},
        shared::settings::{checked_name, credential, optional_secret, read_as_table},
    },
    secret::Credential,
};

configured_by!(
    PostmarkConfig,
    Schema::new(
        super::VENDOR,
        &[
            Setting::secret("server_token", "a server's API token")
                .needed()
                .variables(&["POSTMARK_SERVER_TOKEN", "POSTMARK_API_TOKEN"])
                .at(Place::Password)
                .example("00000000-0000-0000-0000-000000000000"),
            Setting::text("name", "the name of this instance").example("postmark-news"),
            Setting::text("base_url", "where the API is").at(Place::Host),
            Setting::text("message_stream", "the stream that mails go through")
                .variables(&["POSTMARK_MESSAGE_STREAM"])
                .example("outbound"),
            Setting::secret("webhook_secret", "what webhooks carry: `user:password` of HTTP authentication")
                .variables(&["POSTMARK_WEBHOOK_SECRET"]),
            Setting::secret("echo_key", "the secret behind the token that events carry back")
                .variables(&["POSTMARK_ECHO_KEY"]),
            Setting::flag("sandbox", "true if mails are checked and none is delivered")
                .variables(&["POSTMARK_SANDBOX"])
                .example("true"),
        ],
    )
);

const BASE_URL: &str = "https://api.postmarkapp.com";

/// How to reach Postmark.
///
/// ```
/// use tidings::providers::postmark::PostmarkConfig;
///
/// let postmark = PostmarkConfig::new("server-token").message_stream("broadcast").build()?;
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub struct PostmarkConfig {
    /// A server's API token.
    pub server_token: Credential,
    /// The name of this instance.
    pub name: String,
    /// Where the API is.
    pub base_url: String,
    /// The stream that mails go through; Postmark's default, `outbound`, if empty.
    pub message_stream: Option<String>,
    /// What webhooks carry: `user:password` of their HTTP authentication, or the custom header `X-Tidings-Secret`.
    pub webhook_secret: Option<SecretString>,
    /// The secret behind the token that events carry back; made of the server token if empty.
    pub echo_key: Option<SecretString>,
    /// True if Postmark is to check mails and to deliver none.
    pub sandbox: bool,
}

/// What a configuration file says.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, remote = "PostmarkConfig")]
struct Fields {
    #[serde(deserialize_with = "credential")]
    server_token: Credential,
    #[serde(default = "default_name")]
    name: String,
    #[serde(default = "default_base_url")]
    base_url: String,
    #[serde(default)]
    message_stream: Option<String>,
    #[serde(default, deserialize_with = "optional_secret")]
    webhook_secret: Option<SecretString>,
    #[serde(default, deserialize_with = "optional_secret")]
    echo_key: Option<SecretString>,
    #[serde(default)]
    sandbox: bool,
}

read_as_table!(PostmarkConfig by Fields);

fn default_name() -> String {
    super::VENDOR.to_owned()
}

fn default_base_url() -> String {
    BASE_URL.to_owned()
}

impl PostmarkConfig {
    /// Postmark with a server's API token.
    pub fn new(server_token: impl Into<Credential>) -> Self {
        Self {
            server_token: server_token.into(),
            name: default_name(),
            base_url: default_base_url(),
            message_stream: None,
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

    /// Sets the stream that mails go through.
    #[must_use]
    pub fn message_stream(mut self, stream: impl Into<String>) -> Self {
        self.message_stream = Some(stream.into());
        self
    }

    /// Sets what webhooks carry: `user:password`.
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

    /// Has Postmark check mails and deliver none.
    #[must_use]
    pub fn sandbox(mut self) -> Self {
        self.sandbox = true;
        self
    }

    /// The provider.
    ///
    /// # Errors
    /// Of kind `config`, naming the option that cannot be right.
    pub fn build(self) -> Result<Postmark> {
        if self.message_stream.as_ref().is_some_and(|stream| stream.is_empty() || stream.len() > 255) {
            return Err(Error::config("`message_stream` is empty or too long; try outbound"));
        }
        Ok(Postmark {
            name: checked_name(self.name)?,
            endpoints: Endpoints::new(&self.base_url)?,
            echo: EchoKey::choose(self.echo_key.as_ref(), Some(&self.server_token)),
            message_stream: self.message_stream,
            webhook_secret: self.webhook_secret,
            sandbox: self.sandbox,
            test_token: Credential::from(TEST_TOKEN),
            server_token: self.server_token,
        })
    }
}

impl fmt::Debug for PostmarkConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PostmarkConfig")
            .field("name", &self.name)
            .field("base_url", &shown_url(&self.base_url))
            .field("message_stream", &self.message_stream)
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
        let new = || PostmarkConfig::new("token");
        for (config, option) in [
            (new().base_url("http://api.postmarkapp.com"), "base_url"),
            (new().named(""), "name"),
            (new().message_stream(""), "message_stream"),
        ] {
            let error = config.build().expect_err(option);
            assert!(error.message().contains(option), "{error}");
        }
    }
}
