//! Signed calls by the scheme of Svix and Standard Webhooks.
//!
//! <https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md>

use std::{fmt, time::Duration};

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    error::{Error, ErrorKind, Result},
    time::Timestamp,
    webhook::{RawRequest, Verified},
};

/// Id, time and signatures: by Svix's names, or by those of the standard.
const HEADERS: [[&str; 3]; 2] = [
    ["svix-id", "svix-timestamp", "svix-signature"],
    ["webhook-id", "webhook-timestamp", "webhook-signature"],
];

/// The key of the webhook's signatures.
pub(super) struct SigningKey(hmac::Key);

impl SigningKey {
    /// Reads what Resend shows: `whsec_` and base64.
    pub(super) fn parse(secret: &SecretString) -> Result<Self> {
        let text = secret.expose_secret().trim();
        let octets = BASE64.decode(text.strip_prefix("whsec_").unwrap_or(text)).ok();
        let octets = octets.filter(|octets| !octets.is_empty());
        octets.map(|octets| Self(hmac::Key::new(hmac::HMAC_SHA256, &octets))).ok_or_else(|| {
            Error::config("`webhook_secret` is no signing secret; copy it from the webhook's page: whsec_…")
        })
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey")
    }
}

/// The id of the call, which stays the same when it is repeated.
pub(super) fn id(request: &RawRequest) -> Option<&str> {
    HEADERS.iter().find_map(|[id, ..]| request.header(id).ok())
}

/// Checks the signature over id, time and body, and the time's age.
pub(super) fn verify(
    key: Option<&SigningKey>,
    tolerance: Duration,
    request: &RawRequest,
) -> Result<Verified> {
    let refused = |why: &'static str| Error::new(ErrorKind::Auth, why);
    let key = key.ok_or_else(|| refused("no signing secret is configured; set `webhook_secret`"))?;
    let named = HEADERS.iter().find(|[id, ..]| request.headers.contains_key(*id)).unwrap_or(&HEADERS[0]);
    let [id, time, signatures] =
        [request.header(named[0])?, request.header(named[1])?, request.header(named[2])?];
    let signed = [id.as_bytes(), b".", time.as_bytes(), b".", &request.body].concat();
    let good = |signature: &str| {
        let tag = signature.strip_prefix("v1,").and_then(|base64| BASE64.decode(base64).ok());
        tag.is_some_and(|tag| hmac::verify(&key.0, &signed, &tag).is_ok())
    };
    if !signatures.split(' ').any(good) {
        return Err(refused("no signature is of our secret"));
    }
    let at = Timestamp::from_secs(time.parse().map_err(|_| refused("the signed time is no Unix time"))?);
    if request.received.since(at).max(at.since(request.received)) > tolerance {
        return Err(refused("the signature is too old, or this machine's clock is wrong"));
    }
    Ok(Verified::trust(request))
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn key(secret: &str) -> SigningKey {
        SigningKey::parse(&SecretString::from(format!("whsec_{}", BASE64.encode(secret)))).expect("a secret")
    }

    fn signature(key: &SigningKey, time: &str, body: &str) -> String {
        format!("v1,{}", BASE64.encode(hmac::sign(&key.0, format!("m1.{time}.{body}").as_bytes())))
    }

    fn request(names: usize, time: &str, signature: &str, body: &str) -> RawRequest {
        let mut headers = HeaderMap::new();
        for (name, value) in HEADERS[names].into_iter().zip(["m1", time, signature]) {
            headers.insert(name, value.parse().expect("a value"));
        }
        RawRequest::new(Method::POST, "https://x.org/in", headers, body.to_owned(), NOW)
    }

    #[test]
    fn good_signatures_are_taken_within_the_tolerance_by_both_names() {
        let key = key("k");
        for (offset, good) in [(0, true), (-300, true), (300, true), (-301, false), (301, false)] {
            let time = (NOW.as_secs() + offset).to_string();
            for names in [0, 1] {
                let call = request(names, &time, &signature(&key, &time, "{}"), "{}");
                let verified = verify(Some(&key), Duration::from_secs(300), &call);
                assert_eq!(verified.is_ok(), good, "{offset} {names}");
                assert_eq!(id(&call), Some("m1"));
            }
        }
    }

    #[test]
    fn one_good_signature_of_several_is_enough() {
        let (old, new) = (key("old"), key("new"));
        let time = NOW.as_secs().to_string();
        let both = format!("v1a,AAAA {} {}", signature(&old, &time, "{}"), signature(&new, &time, "{}"));
        assert!(verify(Some(&new), Duration::MAX, &request(0, &time, &both, "{}")).is_ok());
    }

    #[test]
    fn every_fault_is_auth() {
        let key = key("k");
        let time = NOW.as_secs().to_string();
        let good = signature(&key, &time, "{}");
        let mut twice = request(0, &time, &good, "{}");
        twice.headers.append("svix-id", "m1".parse().expect("a value"));
        let mut unsigned = request(0, &time, &good, "{}");
        unsigned.headers.remove("svix-signature");
        let cases = [
            twice,
            unsigned,
            request(0, &time, &good, "{ }"),
            request(0, &time, &good.replace("v1,", "v2,"), "{}"),
            request(0, &time, &good[3..], "{}"),
            request(0, &time, "", "{}"),
            request(0, &time, "v1,%%%", "{}"),
            request(0, "noon", &signature(&key, "noon", "{}"), "{}"),
            request(0, &time, &signature(&self::key("other"), &time, "{}"), "{}"),
        ];
        for case in &cases {
            let error = verify(Some(&key), Duration::MAX, case).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
        }
        let unset = verify(None, Duration::MAX, &request(0, &time, &good, "{}")).expect_err("no secret");
        assert!(unset.message().contains("webhook_secret"));
    }
}
