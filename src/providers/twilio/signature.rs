//! `X-Twilio-Signature`: HMAC-SHA1 over the URL and the form, or over the URL with the body's hash.
//!
//! <https://www.twilio.com/docs/usage/webhooks/webhooks-security>

use std::borrow::Cow;

use aws_lc_rs::{constant_time, digest, hmac};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};

use crate::{
    error::{Error, ErrorKind, Result},
    providers::shared::signed::{hex, parameter},
    webhook::{RawRequest, Verified},
};

const SIGNATURE: &str = "x-twilio-signature";
/// The query parameter that holds the hash of a body that is no form.
const HASH: &str = "bodySHA256";

pub(super) fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Auth, why)
}

/// Checks that the account whose token this is made the call.
pub(super) fn verify(token: &SecretString, request: &RawRequest) -> Result<Verified> {
    let signature =
        BASE64.decode(request.header(SIGNATURE)?).map_err(|_| refused("the signature is no base64"))?;
    let form = signed_form(request)?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.expose_secret().as_bytes());
    let good = |url: &str| hmac::verify(&key, [url, &form].concat().as_bytes(), &signature).is_ok();
    if variants(&request.url).iter().any(|url| good(url)) {
        return Ok(Verified::trust(request));
    }
    Err(refused("the signature is not Twilio's; is the webhook's URL the one that Twilio calls?"))
}

/// What is signed behind the URL: the form's fields in order, or nothing if
/// the URL itself holds the body's hash.
fn signed_form(request: &RawRequest) -> Result<String> {
    if is_form(request) {
        return Ok(sorted(&request.body));
    }
    if let Some(hash) = parameter(&request.url, HASH) {
        let actual = hex(digest::digest(&digest::SHA256, &request.body).as_ref());
        let same = constant_time::verify_slices_are_equal(actual.as_bytes(), hash.as_bytes());
        return same.map(|()| String::new()).map_err(|_| refused("the body is not what was signed"));
    }
    if request.body.is_empty() {
        return Ok(String::new());
    }
    Err(refused("the body is neither a form nor covered by bodySHA256"))
}

fn is_form(request: &RawRequest) -> bool {
    let kind = request.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim();
    essence.eq_ignore_ascii_case("application/x-www-form-urlencoded")
}

/// Names and values, sorted, each pair once, without anything between them.
fn sorted(body: &[u8]) -> String {
    let mut pairs: Vec<_> = form_urlencoded::parse(body).collect();
    pairs.sort_unstable();
    pairs.dedup();
    pairs.into_iter().flat_map(|(name, value)| [name, value]).collect()
}

/// The URL as it is, without a port, and with one: Twilio is not of one mind
/// about what it signs, and its own validators try them all.
fn variants(url: &str) -> Vec<Cow<'_, str>> {
    let mut all = vec![Cow::Borrowed(url)];
    let Some((scheme, rest)) = url.split_once("://") else { return all };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    match port_of(authority) {
        Some(colon) => all.push(format!("{scheme}://{}{path}", &authority[..colon]).into()),
        None => {
            let port = if scheme.eq_ignore_ascii_case("https") { 443 } else { 80 };
            all.push(format!("{scheme}://{authority}:{port}{path}").into());
        }
    }
    all
}

/// Where the port begins, if there is one; an IPv6 host has colons of its own.
fn port_of(authority: &str) -> Option<usize> {
    let host = authority.rfind('@').map_or(0, |at| at + 1);
    let colon = authority.rfind(':').filter(|colon| *colon >= host)?;
    authority[colon..].find(']').is_none().then_some(colon)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::time::Timestamp;

    fn token() -> SecretString {
        SecretString::from("12345")
    }

    fn sign(text: &str) -> String {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"12345");
        BASE64.encode(hmac::sign(&key, text.as_bytes()))
    }

    fn request(url: &str, kind: &str, body: &str, signature: &str) -> RawRequest {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().expect("valid"));
        headers.insert(CONTENT_TYPE, kind.parse().expect("valid"));
        RawRequest::new(Method::POST, url, headers, body.to_owned(), Timestamp::default())
    }

    const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

    #[test]
    fn forms_are_signed_in_order_each_pair_once() {
        let url = "https://x.org/in?a=1";
        let signature = sign("https://x.org/in?a=1AupperBodya b+caloweralower2");
        let body = "alower=&Body=a+b%2Bc&Aupper=&alower=2&alower=";
        assert_eq!(sorted(body.as_bytes()), "AupperBodya b+caloweralower2");
        assert!(verify(&token(), &request(url, FORM, body, &signature)).is_ok());
        assert!(verify(&token(), &request(url, FORM, &format!("{body}&x=1"), &signature)).is_err());
    }

    #[test]
    fn the_port_may_be_signed_or_not() {
        for (configured, signed) in [
            ("https://x.org/in", "https://x.org:443/in"),
            ("https://x.org:443/in", "https://x.org/in"),
            ("https://x.org:8443/in", "https://x.org/in"),
            ("http://x.org?a", "http://x.org:80?a"),
            ("https://u:p@x.org/in", "https://u:p@x.org:443/in"),
            ("https://[::1]/in", "https://[::1]:443/in"),
            ("https://[::1]:443/in", "https://[::1]/in"),
        ] {
            let request = request(configured, FORM, "", &sign(signed));
            assert!(verify(&token(), &request).is_ok(), "{configured} {signed}");
        }
        let other = request("https://x.org/in", FORM, "", &sign("https://x.org:8443/in"));
        assert!(verify(&token(), &other).is_err());
    }

    #[test]
    fn other_bodies_are_covered_by_their_hash_or_refused() {
        let hash = hex(digest::digest(&digest::SHA256, b"{}").as_ref());
        let url = format!("https://x.org/in?{HASH}={hash}");
        assert!(verify(&token(), &request(&url, "application/json", "{}", &sign(&url))).is_ok());
        assert!(verify(&token(), &request(&url, "application/json", "{ }", &sign(&url))).is_err());
        let bare = "https://x.org/in";
        let error = verify(&token(), &request(bare, "application/json", "{}", &sign(bare)));
        assert_eq!(error.expect_err("not covered").kind(), ErrorKind::Auth);
    }

    #[test]
    fn nonsense_is_refused() {
        for url in ["", "x", "://", "https://", "https://[", "https://a]:b@:/", "?#"] {
            let error = verify(&token(), &request(url, FORM, "%ff=%zz", "AAAA")).expect_err("refused");
            assert_eq!(error.kind(), ErrorKind::Auth, "{url}");
        }
    }
}
