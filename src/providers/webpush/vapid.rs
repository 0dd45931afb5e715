//! Who sends, signed for each push service: RFC 8292.

use std::{
    collections::HashMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::SecretString;
use serde::Serialize;

use crate::{error::Result, providers::shared::jws::Es256Key, secret::Credential, time::Timestamp};

/// At most 24 hours (RFC 8292 section 2); half of that leaves room for clocks that are wrong.
const LIFETIME: Duration = Duration::from_secs(12 * 3_600);
/// A token with less than this left is signed anew.
const EARLY: Duration = Duration::from_secs(3_600);
/// Endpoints are given by strangers, so there may be any number of origins.
const MOST: usize = 1_024;

/// Signs tokens, one for each origin, and keeps them until shortly before they expire.
pub(super) struct Vapid {
    key: Es256Key,
    public: String,
    subject: String,
    tokens: Mutex<HashMap<Box<str>, (Credential, Timestamp)>>,
}

impl Vapid {
    pub(super) fn new(key: Es256Key, subject: String) -> Self {
        let public = URL_SAFE_NO_PAD.encode(key.public());
        Self { key, public, subject, tokens: Mutex::default() }
    }

    /// What browsers are given as `applicationServerKey`.
    pub(super) fn public(&self) -> &str {
        &self.public
    }

    /// The token for the push service at `origin`.
    pub(super) fn token(&self, origin: &str, now: Timestamp) -> Result<Credential> {
        let is_good = |expires: Timestamp| now + EARLY < expires;
        // A panic while inserting leaves a good map behind.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((token, _)) = tokens.get(origin).filter(|(_, expires)| is_good(*expires)) {
            return Ok(token.clone());
        }
        if tokens.len() >= MOST {
            tokens.clear();
        }
        let expires = now + LIFETIME;
        let token = Credential::fixed(self.signed(origin, expires)?);
        tokens.insert(origin.into(), (token.clone(), expires));
        Ok(token)
    }

    fn signed(&self, origin: &str, expires: Timestamp) -> Result<SecretString> {
        let header = Header { typ: "JWT", alg: "ES256" };
        let claims = Claims { aud: origin, exp: expires.as_secs(), sub: &self.subject };
        self.key.token(&header, &claims).map(SecretString::from)
    }
}

impl fmt::Debug for Vapid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vapid")
            .field("public", &self.public)
            .field("subject", &self.subject)
            .finish_non_exhaustive()
    }
}

#[derive(Serialize)]
struct Header {
    typ: &'static str,
    alg: &'static str,
}

#[derive(Serialize)]
struct Claims<'a> {
    aud: &'a str,
    exp: i64,
    sub: &'a str,
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;
    use serde_json::{Value, json};

    use super::*;
    use crate::context::CallContext;

    fn vapid() -> Vapid {
        Vapid::new(Es256Key::from_octets(&[7; 32]).expect("a key"), "mailto:push@example.org".into())
    }

    async fn text(vapid: &Vapid, origin: &str, now: i64) -> String {
        let token = vapid.token(origin, Timestamp::from_secs(now)).expect("signed");
        token.value(&CallContext::default()).await.expect("fixed").expose_secret().to_owned()
    }

    fn claims(token: &str) -> Value {
        let claims = token.split('.').nth(1).expect("three parts");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64url")).expect("JSON")
    }

    #[tokio::test]
    async fn tokens_say_to_whom_until_when_and_who() {
        let token = text(&vapid(), "https://push.example.net", 1_000).await;
        let expected =
            json!({"aud": "https://push.example.net", "exp": 44_200, "sub": "mailto:push@example.org"});
        assert_eq!(claims(&token), expected);
        assert!(token.starts_with("eyJ0eXAiOiJKV1QiLCJhbGciOiJFUzI1NiJ9."), "{token}");
    }

    #[tokio::test]
    async fn a_token_serves_its_origin_until_an_hour_before_its_end() {
        let vapid = vapid();
        let first = text(&vapid, "https://a.example", 0).await;
        assert_eq!(text(&vapid, "https://a.example", 11 * 3_600 - 1).await, first);
        let second = text(&vapid, "https://a.example", 11 * 3_600).await;
        assert_eq!(claims(&second)["exp"], 23 * 3_600);
        assert_eq!(claims(&text(&vapid, "https://b.example", 0).await)["aud"], "https://b.example");
    }

    #[test]
    fn strangers_cannot_fill_the_memory() {
        let vapid = vapid();
        for origin in 0..=MOST {
            vapid.token(&format!("https://{origin}.example"), Timestamp::default()).expect("signed");
        }
        assert!(vapid.tokens.lock().expect("no panic").len() <= MOST);
    }
}
