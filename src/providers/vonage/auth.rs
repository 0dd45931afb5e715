//! How a call proves who makes it: key and secret, or a token that an application's key signs.

use std::{fmt, time::Duration};

use async_trait::async_trait;
use aws_lc_rs::{
    rand::SystemRandom,
    signature::{RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use crate::{
    context::CallContext,
    error::{Error, Result},
    http::{HttpRequest, secret_header},
    secret::{Credential, CredentialSource, Issued},
    time::Timestamp,
};

/// As long as Vonage's own libraries make them.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// A body with its media type.
pub(super) type Body = (Bytes, &'static str);

/// Who calls.
pub(super) enum Login {
    /// The account's key and secret (RFC 7617).
    Basic {
        /// The key.
        key: String,
        /// The secret.
        secret: Credential,
    },
    /// Tokens of an application.
    Tokens(Credential),
}

impl Login {
    pub(super) fn credential(&self) -> &Credential {
        match self {
            Self::Basic { secret, .. } => secret,
            Self::Tokens(tokens) => tokens,
        }
    }

    pub(super) fn request(
        &self,
        method: Method,
        uri: &Uri,
        secret: &SecretString,
        body: Option<Body>,
    ) -> Result<HttpRequest> {
        let authorization = match self {
            Self::Basic { key, .. } => {
                let login = STANDARD.encode(format!("{key}:{}", secret.expose_secret()));
                secret_header("Basic ", &SecretString::from(login))?
            }
            Self::Tokens(_) => secret_header("Bearer ", secret)?,
        };
        let (body, kind) = body.unwrap_or_default();
        let mut request = HttpRequest::new(body);
        *request.method_mut() = method;
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        if !kind.is_empty() {
            request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        }
        Ok(request)
    }
}

/// Signs tokens of an application.
pub(super) struct Tokens {
    application: String,
    key: RsaKeyPair,
}

impl Tokens {
    pub(super) fn new(application: String, pem: &SecretString) -> Result<Self> {
        Ok(Self { application, key: private_key(pem.expose_secret())? })
    }

    pub(super) fn signed(&self, now: Timestamp) -> Result<String> {
        let header = json!({"alg": "RS256", "typ": "JWT"});
        let claims = json!({
            "application_id": self.application,
            "iat": now.as_secs(),
            "exp": (now + LIFETIME).as_secs(),
            "jti": format!("{:032x}", fastrand::u128(..)),
        });
        let encoded = |part: &serde_json::Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let mut token = format!("{}.{}", encoded(&header), encoded(&claims));
        let mut signature = vec![0; self.key.public_modulus_len()];
        self.key
            .sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), token.as_bytes(), &mut signature)
            .map_err(|_| Error::config("the application's `private_key` cannot sign (RS256)"))?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
    }
}

#[async_trait]
impl CredentialSource for Tokens {
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<SecretString>> {
        let now = cx.clock().now();
        Ok(Issued { value: self.signed(now)?.into(), expires: Some(now + LIFETIME) })
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens({})", self.application)
    }
}

/// The key of a PEM text (RFC 7468).
fn private_key(pem: &str) -> Result<RsaKeyPair> {
    let wrong = || {
        let why = "`private_key` must be PEM (-----BEGIN PRIVATE KEY-----, PKCS#8) of an RSA key";
        Error::config(why)
    };
    let (_, rest) = pem.split_once("-----BEGIN PRIVATE KEY-----").ok_or_else(wrong)?;
    let (base64, _) = rest.split_once("-----END PRIVATE KEY-----").ok_or_else(wrong)?;
    // Environment variables often carry line breaks as a backslash and an n.
    let compact: String = base64.replace("\\n", "").split_whitespace().collect();
    let der = STANDARD.decode(compact).map_err(|_| wrong())?;
    RsaKeyPair::from_pkcs8(&der).map_err(|_| wrong())
}
