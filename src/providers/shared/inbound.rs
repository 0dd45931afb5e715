//! What vendors' calls back have in common: a secret in place of a signature, and untidy JSON.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::{
    error::{Error, ErrorKind, Result},
    webhook::{RawRequest, Verified},
};

/// Text or number as text; anything else as nothing.
pub(crate) fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// The text of `value` at these names, one within the other.
pub(crate) fn at<'a>(value: &'a Value, path: &[&str]) -> Option<&'a str> {
    let found = path.iter().try_fold(value, |value, name| value.get(name))?;
    found.as_str().filter(|text| !text.is_empty())
}

/// Takes the calls of a vendor that signs nothing and sends a secret along,
/// as `Authorization: Basic` (for `user:password`) or in the header of this name.
pub(crate) fn by_secret(
    secret: Option<&SecretString>,
    header: Option<&'static str>,
    request: &RawRequest,
) -> Result<Verified> {
    let refused = |why: &'static str| Error::new(ErrorKind::Auth, why);
    let secret = secret.ok_or_else(|| refused("no secret is configured; set `webhook_secret`"))?;
    let given = match header {
        Some(name) if request.headers.contains_key(name) => request.header(name)?.as_bytes().to_vec(),
        _ => login(request)?,
    };
    if secret.expose_secret().is_empty() || !same(&given, secret.expose_secret().as_bytes()) {
        return Err(refused("the webhook's secret is not ours"));
    }
    Ok(Verified::trust(request))
}

/// `user:password` of a `Basic`, or the token of a `Bearer` authorization.
fn login(request: &RawRequest) -> Result<Vec<u8>> {
    let refused = || Error::new(ErrorKind::Auth, "the webhook's Authorization is neither Basic nor Bearer");
    let (scheme, value) = request.header("authorization")?.split_once(' ').ok_or_else(refused)?;
    match scheme.to_ascii_lowercase().as_str() {
        "basic" => BASE64.decode(value.trim()).map_err(|_| refused()),
        "bearer" => Ok(value.trim().as_bytes().to_vec()),
        _ => Err(refused()),
    }
}

/// Compares digests, so that the time taken tells nothing of either side.
fn same(one: &[u8], two: &[u8]) -> bool {
    let digest = hmac_sha256::Hash::hash;
    let unequal = digest(one).iter().zip(digest(two)).fold(0, |bits, (one, two)| bits | (one ^ two));
    unequal == 0
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::time::Timestamp;

    fn request(headers: &[(&'static str, &str)]) -> RawRequest {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, value.parse().expect("valid"));
        }
        RawRequest::new(Method::POST, "https://x.org/in", map, "{}", Timestamp::default())
    }

    #[test]
    fn the_secret_is_taken_as_basic_bearer_or_header_and_nothing_else() {
        let secret = SecretString::from("hook:s3cret");
        let basic = format!("Basic {}", BASE64.encode("hook:s3cret"));
        let wrong = format!("Basic {}", BASE64.encode("hook:s3cre"));
        let table: [(&[(&'static str, &str)], bool); 9] = [
            (&[("authorization", &basic)], true),
            (&[("authorization", "bearer hook:s3cret")], true),
            (&[("x-hook", "hook:s3cret")], true),
            (&[("x-hook", "hook:s3cre"), ("authorization", &basic)], false),
            (&[("authorization", &wrong)], false),
            (&[("authorization", &basic), ("authorization", &basic)], false),
            (&[("authorization", "Digest hook:s3cret")], false),
            (&[("authorization", "Basic %%%")], false),
            (&[], false),
        ];
        for (headers, good) in table {
            let verified = by_secret(Some(&secret), Some("x-hook"), &request(headers));
            assert_eq!(verified.is_ok(), good, "{headers:?}");
            assert!(verified.err().is_none_or(|error| error.kind() == ErrorKind::Auth));
        }
    }

    #[test]
    fn without_a_secret_nothing_is_taken() {
        let basic = format!("Basic {}", BASE64.encode(""));
        let call = request(&[("authorization", &basic)]);
        let unset = by_secret(None, None, &call).expect_err("no secret");
        assert!(unset.message().contains("webhook_secret"), "{unset}");
        assert!(by_secret(Some(&SecretString::from("")), None, &call).is_err());
    }
}
