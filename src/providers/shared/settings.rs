//! What the vendors' configurations share.

use http::Uri;
use secrecy::SecretString;
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny},
};

use crate::{
    error::{Error, Result},
    secret::Credential,
};

/// Implements `Deserialize` for a configuration by what derives it with `#[serde(remote = "…")]`.
///
/// In the place of its table a secret may stand alone (`sendgrid = "SG.…"`),
/// and serde's own error would quote it.
macro_rules! read_as_table {
    ($config:ident by $fields:ident) => {
        impl<'de> serde::Deserialize<'de> for $config {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let table = $crate::providers::shared::settings::table(deserializer)?;
                $fields::deserialize(table).map_err(serde::de::Error::custom)
            }
        }
    };
    // Where the table and the configuration differ, `config` makes one of the other.
    ($config:ident of $fields:ident) => {
        impl<'de> serde::Deserialize<'de> for $config {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let table = $crate::providers::shared::settings::table(deserializer)?;
                $fields::deserialize(table).map($fields::config).map_err(serde::de::Error::custom)
            }
        }
    };
}

pub(crate) use read_as_table;

/// A table of options, or an error that does not show what stood there.
pub(crate) fn table<'de, D: Deserializer<'de>>(deserializer: D) -> Result<serde_json::Value, D::Error> {
    match serde_json::Value::deserialize(deserializer)? {
        table @ serde_json::Value::Object(_) => Ok(table),
        _ => Err(D::Error::custom("expected a table of options")),
    }
}

/// What stands where a secret is expected. Numbers are dropped unseen: serde's own error would quote them.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Secret(String),
    Other(IgnoredAny),
}

fn text<E: serde::de::Error>(text: Text) -> Result<String, E> {
    match text {
        Text::Secret(text) => Ok(text),
        Text::Other(_) => Err(E::custom("a secret is a text: put it in quotes")),
    }
}

/// Reads a credential that stands in a configuration file as text.
pub(crate) fn credential<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Credential, D::Error> {
    text(Text::deserialize(deserializer)?).map(Credential::from)
}

/// The same where it may be missing.
pub(crate) fn optional_credential<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Credential>, D::Error> {
    Ok(optional_text(deserializer)?.map(Credential::from))
}

/// A text that may be missing and is not to be quoted.
pub(crate) fn optional_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Option::<Text>::deserialize(deserializer)?.map(text).transpose()
}

/// A secret that may be missing.
pub(crate) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(optional_text(deserializer)?.map(SecretString::from))
}

/// The instance's name.
pub(crate) fn checked_name(name: String) -> Result<String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::config("`name` is empty or holds control characters; try acme-eu"));
    }
    Ok(name)
}

/// `base_url` with `path` behind it.
pub(crate) fn endpoint(base_url: &str, path: &str) -> Result<Uri> {
    secure_uri("base_url", &format!("{}{path}", base_url.trim_end_matches('/')))
}

/// The address that `option` names.
///
/// Secrets go there, so it is `https`, or `http` on this machine.
pub(crate) fn secure_uri(option: &str, text: &str) -> Result<Uri> {
    let uri = web_uri(text).filter(|uri| {
        let here = matches!(uri.host(), Some("localhost" | "127.0.0.1" | "[::1]"));
        uri.scheme_str() == Some("https") || here
    });
    uri.ok_or_else(|| {
        Error::config(format!(
            "`{option}` cannot be used; expected https://host, or http://127.0.0.1:port in tests"
        ))
    })
}

/// An absolute `http` or `https` address without a login, which would be shown where addresses are.
pub(crate) fn web_uri(text: &str) -> Option<Uri> {
    let uri: Uri = text.parse().ok()?;
    let login = uri.authority()?.as_str().contains('@');
    let web = matches!(uri.scheme_str(), Some("http" | "https"));
    (web && !login && !uri.host()?.is_empty()).then_some(uri)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_are_https_or_on_this_machine() {
        for (base, expected) in [
            ("https://api.example.org", "https://api.example.org/v1"),
            ("https://api.example.org/x/", "https://api.example.org/x/v1"),
            ("http://127.0.0.1:4100/acme", "http://127.0.0.1:4100/acme/v1"),
            ("http://[::1]:4100", "http://[::1]:4100/v1"),
        ] {
            assert_eq!(endpoint(base, "/v1").expect("valid").to_string(), expected);
        }
        for bad in [
            "",
            "api.example.org",
            "http://api.example.org",
            "ftp://x",
            "https://",
            "https://a b",
            "https://u:p@x",
        ] {
            let error = endpoint(bad, "/v1").expect_err(bad);
            assert!(error.message().contains("base_url"), "{bad}: {error}");
        }
    }

    #[test]
    fn a_secret_that_is_no_text_is_not_quoted() {
        #[derive(Debug, Deserialize)]
        struct File {
            #[serde(deserialize_with = "optional_secret")]
            key: Option<SecretString>,
        }
        for (json, fits) in
            [(r#"{"key":"1234"}"#, true), (r#"{"key":null}"#, true), (r#"{"key":1234}"#, false)]
        {
            match serde_json::from_str::<File>(json) {
                Ok(file) => assert!(fits, "{file:?} of {:?}", file.key.is_some()),
                Err(error) => assert!(!fits && !error.to_string().contains("1234"), "{error}"),
            }
        }
    }
}
