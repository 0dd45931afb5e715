//! `X-Hub-Signature-256`: HMAC-SHA256 over the raw body by the app's secret; and the GET that proves the owner.

use std::borrow::Cow;

use aws_lc_rs::{constant_time, hmac};
use secrecy::{ExposeSecret, SecretString};

use crate::{
    error::{Error, ErrorKind, Result},
    providers::shared::signed::{parameter, unhex},
    webhook::{RawRequest, Verified},
};

const SIGNATURE: &str = "x-hub-signature-256";

fn refused(why: &'static str) -> Error {
    Error::new(ErrorKind::Auth, why)
}

/// Checks that the app of this secret made the call.
pub(super) fn verify(secret: Option<&SecretString>, request: &RawRequest) -> Result<Verified> {
    let secret = secret.ok_or_else(|| refused("no app secret is configured; set `app_secret`"))?;
    let signature = request.header(SIGNATURE)?.strip_prefix("sha256=").and_then(unhex);
    let signature =
        signature.ok_or_else(|| refused("the signature is not sha256= and hexadecimal digits"))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret.expose_secret().as_bytes());
    hmac::verify(&key, &request.body, &signature)
        .map(|()| Verified::trust(request))
        .map_err(|_| refused("the signature is not that of the app; is this its app secret?"))
}

/// Checks that who calls knows what the dashboard was told.
pub(super) fn verify_owner(token: Option<&SecretString>, request: &RawRequest) -> Result<Verified> {
    let token = token.ok_or_else(|| refused("no verify token is configured; set `verify_token`"))?;
    let said = parameter(&request.url, "hub.verify_token").unwrap_or_default();
    let same = constant_time::verify_slices_are_equal(said.as_bytes(), token.expose_secret().as_bytes());
    let asks = parameter(&request.url, "hub.mode").is_some_and(|mode| mode == "subscribe");
    if same.is_ok() && asks {
        return Ok(Verified::trust(request));
    }
    Err(refused("the verify token is not the configured one"))
}

/// What proves to Meta that the call was verified.
pub(super) fn challenge(request: &RawRequest) -> Option<String> {
    (request.method == http::Method::GET).then_some(())?;
    parameter(&request.url, "hub.challenge").map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};

    use super::*;
    use crate::time::Timestamp;

    const SECRET: &str = "0123456789abcdef";

    fn request(method: Method, url: &str, body: &'static str, signature: &str) -> RawRequest {
        let mut headers = HeaderMap::new();
        headers.insert(SIGNATURE, signature.parse().expect("valid"));
        RawRequest::new(method, url, headers, body, Timestamp::default())
    }

    fn signed(secret: &str, body: &'static str) -> String {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), body.as_bytes());
        let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
        format!("sha256={digits}")
    }

    #[test]
    fn only_the_app_s_signature_over_these_bytes_is_good() {
        let secret = SecretString::from(SECRET);
        let call = |body, signature: &str| request(Method::POST, "https://x.org/in", body, signature);
        let good = signed(SECRET, "{}");
        assert!(verify(Some(&secret), &call("{}", &good)).is_ok());
        let short = &good[..good.len() - 2];
        for (body, signature) in [
            ("{ }", &*good),
            ("{}", &*signed("another", "{}")),
            ("{}", short),
            ("{}", &good[7..]),
            ("{}", "sha256="),
            ("{}", "sha256=é"),
            ("{}", "sha1=00"),
        ] {
            let error = verify(Some(&secret), &call(body, signature)).expect_err(signature);
            assert_eq!(error.kind(), ErrorKind::Auth);
        }
        let error = verify(None, &call("{}", &good)).expect_err("no secret");
        assert!(error.message().contains("app_secret"), "{error}");
    }

    #[test]
    fn the_owner_is_proved_by_the_verify_token() {
        let token = SecretString::from("s3 cret");
        let get = |query: &str| request(Method::GET, &format!("https://x.org/in?{query}"), "", "x");
        let call = get("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token=s3+cret");
        let verified = verify_owner(Some(&token), &call).expect("the owner");
        assert_eq!(challenge(verified.request()).as_deref(), Some("1158201444"));
        for query in [
            "",
            "hub.mode=subscribe&hub.challenge=1",
            "hub.mode=subscribe&hub.verify_token=s3&hub.challenge=1",
            "hub.verify_token=s3+cret&hub.challenge=1",
        ] {
            assert_eq!(verify_owner(Some(&token), &get(query)).expect_err(query).kind(), ErrorKind::Auth);
        }
        assert!(verify_owner(None, &call).is_err());
        assert_eq!(challenge(&request(Method::POST, "https://x.org/?hub.challenge=1", "", "x")), None);
    }
}
