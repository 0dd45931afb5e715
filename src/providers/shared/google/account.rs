//! A service account of Google.

use std::fmt;

use secrecy::SecretString;
use serde::Deserialize;

use super::TOKEN_URI;
use crate::{
    address::shown_url,
    error::{Error, Result},
};

const ACCOUNT_TYPE: &str = "service_account";

/// A Google service account, as the JSON file that its console hands out.
///
/// Deserialized from that JSON, or from a text that holds it.
#[derive(Clone, Deserialize)]
#[serde(try_from = "AccountText")]
#[non_exhaustive]
pub struct ServiceAccount {
    /// Its address, such as `pusher@my-app.iam.gserviceaccount.com`.
    pub client_email: String,
    /// Its private key: PKCS#8 as PEM.
    pub private_key: SecretString,
    /// The id of that key.
    pub private_key_id: Option<String>,
    /// The project that it belongs to.
    pub project_id: Option<String>,
    /// Where its key is exchanged for access tokens.
    pub token_uri: String,
}

impl ServiceAccount {
    /// Reads the JSON of a service account.
    ///
    /// # Errors
    /// Of kind `config`, naming what is missing; the text itself is never shown.
    pub fn from_json(text: &str) -> Result<Self> {
        let file: AccountFile = serde_json::from_str(text).map_err(|error| {
            // The error's own text may quote the key.
            let (line, column) = (error.line(), error.column());
            Error::config(format!("not the JSON of a service account (line {line}, column {column})"))
        })?;
        Self::try_from(file)
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceAccount")
            .field("client_email", &self.client_email)
            .field("project_id", &self.project_id)
            .field("token_uri", &shown_url(&self.token_uri))
            .finish_non_exhaustive()
    }
}

/// The file's content as it stands, or as one text. Untagged, so that no error quotes what it read.
#[derive(Deserialize)]
#[serde(untagged)]
enum AccountText {
    File(AccountFile),
    Json(String),
}

impl TryFrom<AccountText> for ServiceAccount {
    type Error = Error;

    fn try_from(text: AccountText) -> Result<Self> {
        match text {
            AccountText::File(file) => Self::try_from(file),
            AccountText::Json(json) => Self::from_json(&json),
        }
    }
}

/// The fields of the file that matter here; it has more.
#[derive(Deserialize)]
struct AccountFile {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    #[serde(default)]
    client_email: Option<String>,
    #[serde(default)]
    private_key: Option<String>,
    #[serde(default)]
    private_key_id: Option<String>,
    #[serde(default)]
    project_id: Option<String>,
    #[serde(default)]
    token_uri: Option<String>,
}

impl TryFrom<AccountFile> for ServiceAccount {
    type Error = Error;

    fn try_from(file: AccountFile) -> Result<Self> {
        if file.kind.as_deref().is_some_and(|kind| kind != ACCOUNT_TYPE) {
            return Err(Error::config(
                "expected the JSON of a service account (\"type\": \"service_account\"); \
                 for other credentials give a Credential",
            ));
        }
        let missing = |field| move || Error::config(format!("the service account's JSON has no {field}"));
        Ok(Self {
            client_email: file.client_email.ok_or_else(missing("client_email"))?,
            private_key: file.private_key.ok_or_else(missing("private_key"))?.into(),
            private_key_id: file.private_key_id,
            project_id: file.project_id,
            token_uri: file.token_uri.unwrap_or_else(|| TOKEN_URI.into()),
        })
    }
}
