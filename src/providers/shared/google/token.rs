//! Access tokens of Google: by a service account's key (a signed assertion, RFC 7523), or by a refresh token
//! (RFC 6749 section 6).

use std::{fmt, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::{HeaderValue, Method, Uri, header::CONTENT_TYPE};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::ServiceAccount;
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    http::{
        HttpRequest, HttpResponse, call,
        classify::{error_for, excerpt, not_understood},
    },
    providers::shared::{
        jws::{der_of_pem, unsigned},
        settings::secure_uri,
    },
    secret::{CredentialSource, Issued},
    time::Timestamp,
};

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google takes assertions of at most one hour.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// Exchanges a service account's signature for access tokens.
pub(in crate::providers) struct AccessTokens {
    endpoint: Uri,
    issuer: String,
    scope: &'static str,
    subject: Option<String>,
    audience: String,
    key_id: Option<String>,
    key: RsaKeyPair,
}

impl AccessTokens {
    /// Tokens that allow `scope`; as the person `subject` if the account may speak for the people of its domain.
    pub(in crate::providers) fn new(
        account: &ServiceAccount,
        scope: &'static str,
        subject: Option<String>,
    ) -> Result<Self> {
        Ok(Self {
            endpoint: secure_uri("token_uri", &account.token_uri)?,
            issuer: account.client_email.clone(),
            scope,
            subject,
            audience: account.token_uri.clone(),
            key_id: account.private_key_id.clone(),
            key: private_key(account.private_key.expose_secret())?,
        })
    }

    fn assertion(&self, now: Timestamp) -> Result<String> {
        let header = Header { alg: "RS256", typ: "JWT", kid: self.key_id.as_deref() };
        let claims = Claims {
            iss: &self.issuer,
            scope: self.scope,
            aud: &self.audience,
            sub: self.subject.as_deref(),
            iat: now.as_secs(),
            exp: (now + LIFETIME).as_secs(),
        };
        let mut token = unsigned(&header, &claims)?;
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| Error::config("the service account's key cannot sign (RS256)"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }

    fn request(&self, assertion: &str) -> HttpRequest {
        form(&self.endpoint, &[("grant_type", GRANT), ("assertion", assertion)])
    }
}

fn form(endpoint: &Uri, pairs: &[(&str, &str)]) -> HttpRequest {
    let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
    let mut request = HttpRequest::new(form.into());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.clone();
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(CONTENT_TYPE, kind);
    request
}

#[async_trait]
impl CredentialSource for AccessTokens {
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<SecretString>> {
        let assertion = self.assertion(cx.clock().now())?;
        let answer = call(cx, self.request(&assertion)).await?;
        issued(&answer, &[&assertion], "service account", cx.clock().now())
    }
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({})", self.issuer)
    }
}

/// Exchanges a refresh token, which a person once gave, for access tokens.
pub(in crate::providers) struct RefreshedTokens {
    endpoint: Uri,
    client_id: String,
    client_secret: SecretString,
    refresh_token: SecretString,
}

impl RefreshedTokens {
    pub(in crate::providers) fn new(
        token_uri: &str,
        client_id: String,
        client_secret: SecretString,
        refresh_token: SecretString,
    ) -> Result<Self> {
        let endpoint = secure_uri("token_uri", token_uri)?;
        Ok(Self { endpoint, client_id, client_secret, refresh_token })
    }
}

#[async_trait]
impl CredentialSource for RefreshedTokens {
    /// <https://developers.google.com/identity/protocols/oauth2/web-server#offline>
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<SecretString>> {
        let (secret, refresh) = (self.client_secret.expose_secret(), self.refresh_token.expose_secret());
        let pairs = [
            ("grant_type", "refresh_token"),
            ("client_id", self.client_id.as_str()),
            ("client_secret", secret),
            ("refresh_token", refresh),
        ];
        let answer = call(cx, form(&self.endpoint, &pairs)).await?;
        issued(&answer, &[secret, refresh], "refresh token", cx.clock().now())
    }
}

impl fmt::Debug for RefreshedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RefreshedTokens({})", self.client_id)
    }
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    typ: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    kid: Option<&'a str>,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'a str,
    aud: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sub: Option<&'a str>,
    iat: i64,
    exp: i64,
}

fn private_key(pem: &str) -> Result<RsaKeyPair> {
    let wrong = || {
        let why = "the service account's private_key must be PEM (-----BEGIN PRIVATE KEY-----, PKCS#8) of an RSA key";
        Error::config(why)
    };
    let der = der_of_pem("PRIVATE KEY", pem).ok_or_else(wrong)?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| wrong())
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u32,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The token of an answer; `told` are the secrets that the server was told, and may repeat.
fn issued(
    answer: &HttpResponse,
    told: &[&str],
    whom: &'static str,
    now: Timestamp,
) -> Result<Issued<SecretString>> {
    if !answer.status().is_success() {
        return Err(denied(answer, told, whom, now));
    }
    let granted: Option<Granted> = serde_json::from_slice(answer.body()).ok();
    let Some(granted) = granted.filter(|granted| !granted.access_token.is_empty()) else {
        let why = "the token server's answer has no access_token";
        return Err(not_understood(answer, why).with_certainty(Certainty::NotSent));
    };
    let expires = now + Duration::from_secs(granted.expires_in.into());
    Ok(Issued { value: granted.access_token.into(), expires: Some(expires) })
}

/// RFC 6749 section 5.2: a refusal names its reason; what has none is no token server.
fn denied(answer: &HttpResponse, told: &[&str], whom: &'static str, now: Timestamp) -> Error {
    let by_status = error_for(answer, now).with_certainty(Certainty::NotSent);
    if answer.status().is_server_error()
        || matches!(by_status.kind(), ErrorKind::RateLimited | ErrorKind::Timeout)
    {
        return by_status.with_context("asked", "the token server");
    }
    let clean = |text: String| {
        let secrets = told.iter().filter(|secret| !secret.is_empty());
        excerpt(&secrets.fold(text, |text, secret| text.replace(secret, "***")))
    };
    match serde_json::from_slice::<Denied>(answer.body()) {
        Ok(denied) => {
            let text = clean(denied.error_description);
            Error::new(ErrorKind::Auth, format!("the token server refused the {whom}: {text}"))
                .with_code(clean(denied.error))
        }
        Err(_) => Error::config(format!("what answers at the token_uri of the {whom} is no token server"))
            .with_code(answer.status().as_str()),
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::{
        encoding::AsDer,
        rsa::KeySize,
        signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey},
    };
    use serde_json::{Value, json};

    use super::*;
    use crate::error::Retry;

    const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

    fn account(pem: &str) -> ServiceAccount {
        let json = json!({
            "type": "service_account",
            "client_email": "pusher@harbour.iam.gserviceaccount.com",
            "private_key": pem,
            "private_key_id": "k1",
            "token_uri": "http://127.0.0.1:9/token",
            "universe_domain": "googleapis.com",
        });
        ServiceAccount::from_json(&json.to_string()).expect("a whole account")
    }

    fn pem() -> String {
        let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
        let der = key.as_der().expect("PKCS#8");
        let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|l| std::str::from_utf8(l).expect("ASCII")).collect();
        format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", lines.join("\n"))
    }

    fn part(text: &str) -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
    }

    #[test]
    fn the_assertion_is_what_google_documents_and_its_signature_verifies() {
        let tokens = AccessTokens::new(&account(&pem()), SCOPE, None).expect("a key");
        let assertion = tokens.assertion(Timestamp::from_secs(1_795_208_820)).expect("signed");
        let parts: Vec<&str> = assertion.split('.').collect();
        assert_eq!(part(parts[0]), json!({"alg": "RS256", "typ": "JWT", "kid": "k1"}));
        let claims = json!({
            "iss": "pusher@harbour.iam.gserviceaccount.com",
            "scope": "https://www.googleapis.com/auth/firebase.messaging",
            "aud": "http://127.0.0.1:9/token",
            "iat": 1_795_208_820_i64,
            "exp": 1_795_212_420_i64,
        });
        assert_eq!(part(parts[1]), claims);
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, tokens.key.public_key().as_ref());
        let signed = format!("{}.{}", parts[0], parts[1]);
        let signature = URL_SAFE_NO_PAD.decode(parts[2]).expect("base64url");
        public.verify(signed.as_bytes(), &signature).expect("a good signature");
    }

    #[test]
    fn an_account_may_speak_for_somebody() {
        let subject = Some("ada@example.org".to_owned());
        let tokens = AccessTokens::new(&account(&pem()), SCOPE, subject).expect("a key");
        let assertion = tokens.assertion(Timestamp::from_secs(0)).expect("signed");
        let claims = part(assertion.split('.').nth(1).expect("claims"));
        assert_eq!(claims["sub"], "ada@example.org");
    }

    #[tokio::test]
    async fn a_refresh_token_is_exchanged_and_shown_nowhere() {
        let http = crate::testing::ScriptedHttp::new()
            .json(200, r#"{"access_token":"ya29.x","expires_in":3599}"#)
            .json(400, r#"{"error":"invalid_grant","error_description":"Token 1//refresh revoked, s3cret"}"#);
        let cx = CallContext::default().with_http(std::sync::Arc::new(http.clone()));
        let tokens = RefreshedTokens::new(
            "http://127.0.0.1:9/token",
            "id.apps".into(),
            "s3cret".into(),
            "1//refresh".into(),
        );
        let tokens = tokens.expect("valid");
        assert_eq!(tokens.fetch(&cx).await.expect("granted").value.expose_secret(), "ya29.x");
        assert_eq!(
            http.requests()[0].text(),
            "grant_type=refresh_token&client_id=id.apps&client_secret=s3cret&refresh_token=1%2F%2Frefresh"
        );
        let error = tokens.fetch(&cx).await.expect_err("revoked");
        assert_eq!((error.kind(), error.code()), (ErrorKind::Auth, Some("invalid_grant")));
        let shown = format!("{error:?} {tokens:?}");
        assert!(!shown.contains("s3cret") && !shown.contains("1//refresh"), "{shown}");
    }

    #[test]
    fn the_request_is_a_form() {
        let tokens = AccessTokens::new(&account(&pem().replace('\n', "\\n")), SCOPE, None)
            .expect("escaped breaks are read");
        let request = tokens.request("a.b.c");
        assert_eq!(
            (request.method(), request.uri().to_string()),
            (&Method::POST, "http://127.0.0.1:9/token".into())
        );
        assert_eq!(request.headers()[CONTENT_TYPE], "application/x-www-form-urlencoded");
        let form = "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=a.b.c";
        assert_eq!(request.body(), form);
        assert_eq!(format!("{tokens:?}"), "AccessTokens(pusher@harbour.iam.gserviceaccount.com)");
    }

    #[test]
    fn keys_that_are_none_are_named_and_not_shown() {
        for bad in ["", "SECRET", "-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----"] {
            let error = AccessTokens::new(&account(bad), SCOPE, None).expect_err(bad);
            assert_eq!(error.kind(), ErrorKind::Config);
            assert!(
                error.message().contains("PKCS#8") && !format!("{error:?}").contains("U0VDUkVU"),
                "{error:?}"
            );
        }
    }

    fn answer(status: u16, body: &str) -> HttpResponse {
        http::Response::builder().status(status).body(body.to_owned().into()).expect("an answer")
    }

    #[test]
    fn a_grant_is_kept_until_it_expires() {
        let now = Timestamp::from_secs(100);
        let body = r#"{"access_token":"ya29.x","expires_in":3599,"token_type":"Bearer"}"#;
        let issued = issued(&answer(200, body), &["a"], "account", now).expect("granted");
        assert_eq!(issued.value.expose_secret(), "ya29.x");
        assert_eq!(issued.expires, Some(Timestamp::from_secs(3_699)));
    }

    // RFC 6749 section 5.2 and https://developers.google.com/identity/protocols/oauth2/service-account#error-codes
    #[test]
    fn denials_are_told_apart_and_nothing_was_sent() {
        let grant = r#"{"error":"invalid_grant","error_description":"Invalid JWT: a.b.c"}"#;
        let table = [
            (400, grant, ErrorKind::Auth, Some("invalid_grant"), Retry::Never),
            (401, r#"{"error":"invalid_client"}"#, ErrorKind::Auth, Some("invalid_client"), Retry::Never),
            (403, r#"{"error":"access_denied"}"#, ErrorKind::Auth, Some("access_denied"), Retry::Never),
            (404, "<html>", ErrorKind::Config, Some("404"), Retry::Never),
            (302, "", ErrorKind::Config, Some("302"), Retry::Never),
            (429, "{}", ErrorKind::RateLimited, Some("429"), Retry::Backoff),
            (500, grant, ErrorKind::Unavailable, Some("500"), Retry::Backoff),
            (503, "", ErrorKind::Unavailable, Some("503"), Retry::Backoff),
            (200, "<html>", ErrorKind::Protocol, None, Retry::Never),
            (200, r#"{"access_token":"","expires_in":1}"#, ErrorKind::Protocol, None, Retry::Never),
        ];
        for (status, body, kind, code, retry) in table {
            let error =
                issued(&answer(status, body), &["a.b.c"], "account", Timestamp::default()).expect_err(body);
            assert_eq!((error.kind(), error.code(), error.retry()), (kind, code, retry), "{status} {body}");
            assert_eq!(error.certainty(), Certainty::NotSent);
            assert!(!format!("{error:?}").contains("a.b.c"));
        }
    }
}
