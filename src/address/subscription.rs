//! A browser that takes push messages.

use std::{fmt, str::FromStr, sync::Arc};

use base64::{
    Engine as _, alphabet,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig, general_purpose::URL_SAFE_NO_PAD},
};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use super::{WebUrl, invalid};
use crate::error::{Error, Result};

/// An uncompressed point of P-256: a byte 4 and two coordinates (RFC 8291 section 2.1).
const P256DH: usize = 65;
/// RFC 8291 section 2.1.
const AUTH: usize = 16;

/// Browsers leave the padding out, some libraries write it.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// A browser's push subscription: where its push service takes messages, and the keys to encrypt them.
///
/// Parsed from what `JSON.stringify(subscription)` gives in the browser (W3C Push API, `PushSubscriptionJSON`).
/// All of it is a secret of the browser: Debug shows the push service's host alone.
///
/// ```
/// use tidings::WebSubscription;
///
/// let browser: WebSubscription = r#"{
///     "endpoint": "https://push.example.net/push/JzLQ3raZJfFBR0aqvOMsLrt54w4rJUsV",
///     "keys": {
///         "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
///         "auth": "BTBZMqHH6r4Tts7J_aSIgg"
///     }
/// }"#.parse()?;
/// assert_eq!(format!("{browser:?}"), "WebSubscription(https://push.example.net/…)");
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct WebSubscription(Arc<Parts>);

#[derive(Eq, Hash, PartialEq)]
struct Parts {
    endpoint: WebUrl,
    p256dh: [u8; P256DH],
    auth: [u8; AUTH],
}

impl WebSubscription {
    /// A subscription of its three parts, the keys as base64url.
    ///
    /// # Errors
    /// Of kind `invalid_recipient`, naming the part. The endpoint is `https`, or `http` on this machine for tests.
    pub fn new(endpoint: &str, p256dh: &str, auth: &str) -> Result<Self> {
        let p256dh = key::<P256DH>("p256dh", p256dh)?;
        if p256dh[0] != 4 {
            return Err(wrong("p256dh is not an uncompressed point of P-256"));
        }
        let auth = key::<AUTH>("auth", auth)?;
        Ok(Self(Arc::new(Parts { endpoint: checked_endpoint(endpoint)?, p256dh, auth })))
    }

    /// Where its push service takes messages.
    pub fn endpoint(&self) -> &WebUrl {
        &self.0.endpoint
    }

    /// The browser's public key: an uncompressed point of P-256.
    pub fn p256dh(&self) -> &[u8; 65] {
        &self.0.p256dh
    }

    /// The secret that browser and application share.
    pub fn auth(&self) -> &[u8; 16] {
        &self.0.auth
    }
}

fn wrong(why: impl fmt::Display) -> Error {
    invalid("push subscription", why)
}

fn key<const N: usize>(name: &str, text: &str) -> Result<[u8; N]> {
    let octets = LENIENT.decode(text).ok().and_then(|octets| octets.try_into().ok());
    octets.ok_or_else(|| wrong(format_args!("{name} is {N} octets as base64url")))
}

fn checked_endpoint(text: &str) -> Result<WebUrl> {
    let expected = || wrong("the endpoint is an https URL without a login and of at most 2048 octets");
    let url: WebUrl = text.parse().map_err(|_| expected())?;
    let authority = text.split("://").nth(1).and_then(|rest| rest.split(['/', '?', '#']).next());
    let authority = authority.unwrap_or_default();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let here = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    if !text.is_ascii() || authority.contains('@') || !(url.is_https() || here) {
        return Err(expected());
    }
    Ok(url)
}

impl fmt::Debug for WebSubscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebSubscription({})", super::shown_url(self.0.endpoint.as_str()))
    }
}

/// `PushSubscriptionJSON`, of which `expirationTime` is not kept: browsers give none, and an expired
/// subscription is answered as such.
#[derive(Deserialize)]
struct Json {
    endpoint: String,
    keys: Keys,
}

#[derive(Deserialize)]
struct Keys {
    p256dh: String,
    auth: String,
}

impl FromStr for WebSubscription {
    type Err = Error;

    fn from_str(json: &str) -> Result<Self> {
        // serde's own text would quote the secrets.
        let read: Json = serde_json::from_str(json)
            .map_err(|_| wrong("expected {\"endpoint\": …, \"keys\": {\"p256dh\": …, \"auth\": …}}"))?;
        Self::try_from(read)
    }
}

impl TryFrom<Json> for WebSubscription {
    type Error = Error;

    fn try_from(json: Json) -> Result<Self> {
        Self::new(&json.endpoint, &json.keys.p256dh, &json.keys.auth)
    }
}

impl TryFrom<&str> for WebSubscription {
    type Error = Error;

    fn try_from(json: &str) -> Result<Self> {
        json.parse()
    }
}

impl TryFrom<String> for WebSubscription {
    type Error = Error;

    fn try_from(json: String) -> Result<Self> {
        json.parse()
    }
}

impl TryFrom<&WebSubscription> for WebSubscription {
    type Error = Error;

    fn try_from(value: &WebSubscription) -> Result<Self> {
        Ok(value.clone())
    }
}

#[derive(Serialize)]
struct Written<'a> {
    endpoint: &'a str,
    keys: WrittenKeys,
}

#[derive(Serialize)]
struct WrittenKeys {
    p256dh: String,
    auth: String,
}

impl Serialize for WebSubscription {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let keys = WrittenKeys {
            p256dh: URL_SAFE_NO_PAD.encode(self.0.p256dh),
            auth: URL_SAFE_NO_PAD.encode(self.0.auth),
        };
        Written { endpoint: self.0.endpoint.as_str(), keys }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for WebSubscription {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Json::deserialize(deserializer)?.try_into().map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const P256DH_TEXT: &str =
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    const AUTH_TEXT: &str = "BTBZMqHH6r4Tts7J_aSIgg";

    #[test]
    fn what_browsers_say_is_read_and_written_again() {
        let json = format!(
            r#"{{"endpoint":"https://push.example.net/a?b=c","expirationTime":null,"keys":{{"p256dh":"{P256DH_TEXT}=","auth":"{AUTH_TEXT}=="}}}}"#
        );
        let browser: WebSubscription = json.parse().expect("valid");
        assert_eq!((browser.p256dh()[0], browser.auth()[0]), (4, 5));
        let written = serde_json::to_string(&browser).expect("plain data");
        let expected = format!(
            r#"{{"endpoint":"https://push.example.net/a?b=c","keys":{{"p256dh":"{P256DH_TEXT}","auth":"{AUTH_TEXT}"}}}}"#
        );
        assert_eq!(written, expected);
        assert_eq!(serde_json::from_str::<WebSubscription>(&written).expect("own output"), browser);
    }

    #[test]
    fn endpoints_are_https_or_on_this_machine() {
        for good in ["https://a.example/x", "http://127.0.0.1:9/x", "http://localhost/x", "HTTPS://a/x"] {
            assert!(WebSubscription::new(good, P256DH_TEXT, AUTH_TEXT).is_ok(), "{good}");
        }
        for bad in [
            "",
            "http://a.example/x",
            "ftp://127.0.0.1/",
            "https://u:p@a.example/",
            "http://localhost@evil.example/",
            "http://localhost:1@evil.example/",
            "http://127.0.0.1.evil.example/",
            "https://bücher.example/",
        ] {
            assert!(WebSubscription::new(bad, P256DH_TEXT, AUTH_TEXT).is_err(), "{bad}");
        }
    }

    #[test]
    fn keys_have_their_length_and_no_error_shows_one() {
        let compressed = URL_SAFE_NO_PAD.encode([2; 33]);
        let other = URL_SAFE_NO_PAD.encode([2; 65]);
        for (p256dh, auth) in [
            ("", AUTH_TEXT),
            (&compressed, AUTH_TEXT),
            (&other, AUTH_TEXT),
            (P256DH_TEXT, "c4n4ry"),
            (P256DH_TEXT, "%"),
        ] {
            let error = WebSubscription::new("https://a.example/x", p256dh, auth).expect_err("a bad key");
            assert_eq!(error.kind(), crate::error::ErrorKind::InvalidRecipient);
            assert!(!error.to_string().contains("c4n4ry"), "{error}");
        }
        let text = r#"{"endpoint":"https://a.example","keys":"c4n4ry"}"#;
        assert!(!text.parse::<WebSubscription>().expect_err("no keys").to_string().contains("c4n4ry"));
    }
}
