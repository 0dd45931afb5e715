//! What the vendors' configurations share.

use http::Uri;
use secrecy::SecretString;
use serde::{Deserialize, Deserializer};

use crate::{
    error::{Error, Result},
    secret::Credential,
};

/// Reads a credential that stands in a configuration file as text.
pub(crate) fn credential<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Credential, D::Error> {
    String::deserialize(deserializer).map(Credential::from)
}

/// The same where it may be missing.
pub(crate) fn optional_credential<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Credential>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(Credential::from))
}

/// A secret that may be missing.
pub(crate) fn optional_secret<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<SecretString>, D::Error> {
    Ok(Option::<String>::deserialize(deserializer)?.map(SecretString::from))
}

/// A variable that is set and not empty.
pub(crate) fn variable(lookup: &impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    lookup(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

/// The instance's name.
pub(crate) fn checked_name(name: String) -> Result<String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::config("`name` is empty or holds control characters; try acme-eu"));
    }
    Ok(name)
}

/// `base` with `path` behind it.
///
/// Secrets go there, so it is `https`, or `http` on this machine.
pub(crate) fn endpoint(base: &str, path: &str) -> Result<Uri> {
    let wrong = || {
        Error::config("`base_url` cannot be used; expected https://host, or http://127.0.0.1:port in tests")
    };
    let uri: Uri = format!("{}{path}", base.trim_end_matches('/')).parse().map_err(|_| wrong())?;
    let host = uri.host().unwrap_or_default();
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    match uri.scheme_str() {
        Some("https") if !host.is_empty() => Ok(uri),
        Some("http") if here => Ok(uri),
        _ => Err(wrong()),
    }
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
        for bad in ["", "api.example.org", "http://api.example.org", "ftp://x", "https://", "https://a b"] {
            let error = endpoint(bad, "/v1").expect_err(bad);
            assert!(error.message().contains("base_url"), "{bad}: {error}");
        }
    }

    #[test]
    fn an_empty_variable_is_no_variable() {
        let lookup = |name: &str| (name == "A").then(|| " ".to_owned());
        assert_eq!(variable(&lookup, "A"), None);
    }
}
