//! Signed calls: a JWT that holds the body's hash, or `sig` over all parameters.

use std::{borrow::Cow, collections::BTreeMap, time::Duration};

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

use super::SignatureMethod;
use crate::{
    error::{Error, ErrorKind, Result},
    providers::shared::signed::{hex, unhex},
    time::Timestamp,
    webhook::{RawRequest, Verified},
};

/// How far another clock may be ahead of ours.
const AHEAD: Duration = Duration::from_secs(300);

pub(super) fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Auth, why)
}

/// Checks that the account of this secret made the call.
pub(super) fn verify(
    secret: &SecretString,
    method: SignatureMethod,
    tolerance: Duration,
    request: &RawRequest,
) -> Result<Verified> {
    let at = if request.headers.contains_key(AUTHORIZATION) {
        by_token(secret, request)?
    } else {
        by_parameters(secret, method, request)?
    };
    let (age, ahead) = (request.received.since(at), at.since(request.received));
    if age > tolerance || ahead > AHEAD {
        return Err(refused("the signed time is too far from that of receipt"));
    }
    Ok(Verified::trust(request))
}

#[derive(Deserialize)]
struct Header {
    alg: String,
}

#[derive(Deserialize)]
struct Claims {
    iat: i64,
    #[serde(default)]
    exp: Option<i64>,
    #[serde(default)]
    payload_hash: Option<String>,
}

/// `Authorization: Bearer` with a JWT (RFC 7519) by HS256, and no other algorithm.
fn by_token(secret: &SecretString, request: &RawRequest) -> Result<Timestamp> {
    let wrong = || refused("the webhook's token is not Vonage's; is this the account's signature secret?");
    let token = request.header(AUTHORIZATION.as_str())?.strip_prefix("Bearer ").ok_or_else(wrong)?;
    let (signed, signature) = token.rsplit_once('.').ok_or_else(wrong)?;
    let (header, claims) = signed.split_once('.').ok_or_else(wrong)?;
    if part::<Header>(header).is_none_or(|header| header.alg != "HS256") {
        return Err(refused("the webhook's token is not signed by HS256"));
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| wrong())?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| wrong())?;
    let claims: Claims = part(claims).ok_or_else(wrong)?;
    if claims.exp.is_some_and(|end| Timestamp::from_secs(end) <= request.received) {
        return Err(refused("the webhook's token has expired"));
    }
    covers(&claims, request)?;
    Ok(Timestamp::from_secs(claims.iat))
}

fn part<T: DeserializeOwned>(base64: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(base64).ok()?).ok()
}

/// The token is for this body: it holds its SHA-256.
fn covers(claims: &Claims, request: &RawRequest) -> Result<()> {
    let actual = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
    match &claims.payload_hash {
        Some(hash) => constant_time::verify_slices_are_equal(actual.as_bytes(), hash.as_bytes())
            .map_err(|_| refused("the body is not what was signed")),
        None if request.body.is_empty() => Ok(()),
        None => Err(refused("the webhook's token does not cover the body")),
    }
}

/// The parameters of a call of the SMS API: in the query, in a form, or in a JSON object of texts.
pub(super) fn parameters(request: &RawRequest) -> BTreeMap<Cow<'_, str>, Cow<'_, str>> {
    let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.to_ascii_lowercase().starts_with("application/json") {
        let read: Option<BTreeMap<String, Value>> = serde_json::from_slice(&request.body).ok();
        let texts =
            read.into_iter().flatten().filter_map(|(name, value)| Some((name.into(), text(value)?.into())));
        return texts.collect();
    }
    if request.body.is_empty() {
        let query = request.url.split_once('?').map_or("", |(_, query)| query);
        let query = query.split('#').next().unwrap_or_default();
        return form_urlencoded::parse(query.as_bytes()).collect();
    }
    form_urlencoded::parse(&request.body).collect()
}

fn text(value: Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(yes.to_string()),
        _ => None,
    }
}

/// `sig`: HMAC over `&name=value` of all others in order, in which `&` and `=` are underscores.
fn by_parameters(secret: &SecretString, method: SignatureMethod, request: &RawRequest) -> Result<Timestamp> {
    let parameters = parameters(request);
    let signature = parameters.get("sig").and_then(|digits| unhex(digits));
    let signature = signature.ok_or_else(|| {
        refused("the call has neither a token nor a sig; are signed webhooks switched on in the dashboard?")
    })?;
    let others = parameters.iter().filter(|(name, _)| *name != "sig");
    let signed: String =
        others.flat_map(|(name, value)| ["&".into(), name.to_string(), "=".into(), plain(value)]).collect();
    let key = hmac::Key::new(algorithm(method), secret.expose_secret().as_bytes());
    hmac::verify(&key, signed.as_bytes(), &signature).map_err(|_| {
        refused("the signature is not Vonage's; are secret and method those of the dashboard?")
    })?;
    let at = parameters.get("timestamp").and_then(|at| at.parse().ok()).map(Timestamp::from_secs);
    at.ok_or_else(|| refused("the signed parameters hold no timestamp"))
}

fn plain(value: &str) -> String {
    value.replace(['&', '='], "_")
}

const fn algorithm(method: SignatureMethod) -> hmac::Algorithm {
    match method {
        SignatureMethod::Sha1 => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        SignatureMethod::Sha256 => hmac::HMAC_SHA256,
        SignatureMethod::Sha512 => hmac::HMAC_SHA512,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp::from_secs(1_795_208_820);
    const DAY: Duration = Duration::from_secs(90_000);

    fn secret() -> SecretString {
        SecretString::from("s3cret")
    }

    fn request(method: Method, url: &str, headers: &[(&'static str, &str)], body: &str) -> RawRequest {
        let mut map = HeaderMap::new();
        headers.iter().for_each(|(name, value)| drop(map.insert(*name, value.parse().expect("valid"))));
        RawRequest::new(method, url, map, body.to_owned(), NOW)
    }

    fn token(header: &Value, claims: &Value, secret: &str) -> String {
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), signed.as_bytes());
        format!("Bearer {signed}.{}", URL_SAFE_NO_PAD.encode(tag))
    }

    #[test]
    fn a_token_is_good_by_hs256_for_its_body_and_its_day() {
        let hash = hex(digest::digest(&digest::SHA256, b"{}").as_ref());
        let hs256 = json!({"alg": "HS256", "typ": "JWT"});
        let now = NOW.as_secs();
        let good = json!({"iat": now, "payload_hash": hash});
        let cases = [
            ("good", token(&hs256, &good, "s3cret"), "{}", true),
            (
                "a day old",
                token(&hs256, &json!({"iat": now - 86_400, "payload_hash": hash}), "s3cret"),
                "{}",
                true,
            ),
            (
                "older",
                token(&hs256, &json!({"iat": now - 90_001, "payload_hash": hash}), "s3cret"),
                "{}",
                false,
            ),
            ("ahead", token(&hs256, &json!({"iat": now + 301, "payload_hash": hash}), "s3cret"), "{}", false),
            (
                "expired",
                token(&hs256, &json!({"iat": now, "exp": now, "payload_hash": hash}), "s3cret"),
                "{}",
                false,
            ),
            ("another body", token(&hs256, &good, "s3cret"), "{ }", false),
            ("another secret", token(&hs256, &good, "another"), "{}", false),
            ("no hash", token(&hs256, &json!({"iat": now}), "s3cret"), "{}", false),
            ("no hash needed", token(&hs256, &json!({"iat": now}), "s3cret"), "", true),
            ("no time", token(&hs256, &json!({"payload_hash": hash}), "s3cret"), "{}", false),
            ("no algorithm", token(&json!({"alg": "none"}), &good, "s3cret"), "{}", false),
            ("another algorithm", token(&json!({"alg": "HS512"}), &good, "s3cret"), "{}", false),
            ("nonsense", "Bearer a.b".to_owned(), "{}", false),
            ("no bearer", "Basic YTpi".to_owned(), "{}", false),
        ];
        for (case, token, body, expected) in cases {
            let call = request(Method::POST, "https://x.org/in", &[("authorization", &token)], body);
            let verified = verify(&secret(), SignatureMethod::Sha256, DAY, &call);
            assert_eq!(verified.is_ok(), expected, "{case}");
            assert!(verified.err().is_none_or(|error| error.kind() == ErrorKind::Auth), "{case}");
        }
    }

    fn signed(method: SignatureMethod, pairs: &[(&str, &str)]) -> String {
        let mut sorted = pairs.to_vec();
        sorted.sort_unstable();
        let text: String = sorted.iter().map(|(name, value)| format!("&{name}={}", plain(value))).collect();
        let key = hmac::Key::new(algorithm(method), b"s3cret");
        hex(hmac::sign(&key, text.as_bytes()).as_ref()).to_uppercase()
    }

    #[test]
    fn parameters_are_signed_wherever_they_stand() {
        let at = NOW.as_secs().to_string();
        let pairs =
            [("msisdn", "447700900001"), ("text", "a=b & c"), ("timestamp", &*at), ("messageId", "1")];
        for method in [SignatureMethod::Sha1, SignatureMethod::Sha256, SignatureMethod::Sha512] {
            let sig = signed(method, &pairs);
            let form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs.iter().chain([&("sig", &*sig)]))
                .finish();
            let mut object: serde_json::Map<String, Value> =
                pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).into())).collect();
            object.insert("sig".into(), sig.into());
            let json = Value::Object(object).to_string();
            let kind = ("content-type", "application/x-www-form-urlencoded");
            for call in [
                request(Method::GET, &format!("https://x.org/in?{form}#end"), &[], ""),
                request(Method::POST, "https://x.org/in", &[kind], &form),
                request(Method::POST, "https://x.org/in", &[("content-type", "application/json")], &json),
            ] {
                assert!(verify(&secret(), method, DAY, &call).is_ok(), "{method:?} {call:?}");
                let other = SecretString::from("another");
                assert!(verify(&other, method, DAY, &call).is_err());
            }
            let changed = form.replace("447700900001", "447700900002");
            assert!(
                verify(&secret(), method, DAY, &request(Method::POST, "https://x.org", &[kind], &changed))
                    .is_err()
            );
        }
    }

    #[test]
    fn old_and_unsigned_parameters_are_refused() {
        let old = (NOW.as_secs() - 90_001).to_string();
        for pairs in [&[("timestamp", &*old)][..], &[("a", "b")], &[]] {
            let sig = signed(SignatureMethod::Sha256, pairs);
            let form = form_urlencoded::Serializer::new(String::new())
                .extend_pairs(pairs.iter().chain([&("sig", &*sig)]))
                .finish();
            let call = request(Method::POST, "https://x.org/in", &[], &form);
            assert!(verify(&secret(), SignatureMethod::Sha256, DAY, &call).is_err(), "{pairs:?}");
        }
        for body in ["", "a=b", "sig=", "sig=xyz", "[]", "{\"sig\":[]}"] {
            let call =
                request(Method::POST, "https://x.org/in", &[("content-type", "application/json")], body);
            assert!(verify(&secret(), SignatureMethod::Sha256, DAY, &call).is_err(), "{body}");
        }
    }
}
