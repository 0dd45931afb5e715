//! Signed calls (Signature Version 4).

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::HeaderValue;
use reqsign_aws_v4::{Credential as Signing, RequestSigner};
use reqsign_core::{Context, SignRequest as _};
use secrecy::ExposeSecret as _;

use super::{AwsKeys, Refusal};
use crate::{
    context::CallContext,
    error::{Error, Result},
    http::{HttpRequest, HttpResponse, blotted, call},
    secret::Credential,
};

/// Keys that end, or were withdrawn, are answered so; with others the same call may succeed.
///
/// <https://docs.aws.amazon.com/general/latest/gr/CommonErrors.html>
const STALE: &[&str] =
    &["ExpiredToken", "ExpiredTokenException", "InvalidClientTokenId", "UnrecognizedClientException"];

/// Calls one service of AWS in one region.
#[derive(Debug)]
pub(in crate::providers) struct Client {
    signer: RequestSigner,
    keys: Credential<AwsKeys>,
}

impl Client {
    /// Calls `service`, as its name stands in signatures, with these keys.
    pub(in crate::providers) fn new(service: &str, region: &str, keys: Credential<AwsKeys>) -> Self {
        Self { signer: RequestSigner::new(service, region), keys }
    }

    /// Signs and sends `request`; if the keys had ended, once more with renewed ones.
    ///
    /// What the answer echoes of keys and signature is blotted out before anyone reads it.
    pub(in crate::providers) async fn call(
        &self,
        cx: &CallContext,
        request: HttpRequest,
    ) -> Result<HttpResponse> {
        // A context without a transport is told of before any keys are looked for.
        cx.http()?;
        let keys = self.keys.value(cx).await?;
        let answer = self.send(cx, request.clone(), &keys).await?;
        if !matches!(answer.status().as_u16(), 400 | 401 | 403) || !is_stale(&answer) {
            return Ok(answer);
        }
        match self.keys.renewed(cx, &keys).await? {
            Some(fresh) => self.send(cx, request, &fresh).await,
            None => Ok(answer),
        }
    }

    async fn send(
        &self,
        cx: &CallContext,
        request: HttpRequest,
        keys: &Arc<AwsKeys>,
    ) -> Result<HttpResponse> {
        let signed = self.signed(request, keys).await?;
        let mut head = HttpRequest::new(Bytes::new());
        head.headers_mut().clone_from(signed.headers());
        let answer = call(cx, signed).await?;
        Ok(blotted(answer, &keys.secret_access_key, &head))
    }

    /// `request` with its signature. The signer reads the system's clock itself: AWS refuses a signature that
    /// is five minutes off, whatever a clock of ours says.
    pub(super) async fn signed(&self, request: HttpRequest, keys: &AwsKeys) -> Result<HttpRequest> {
        let (mut parts, body) = request.into_parts();
        let hash = HeaderValue::try_from(hex(digest(&SHA256, &body).as_ref()));
        // Digits and letters are fit for a header.
        parts
            .headers
            .extend(hash.ok().map(|hash| (http::HeaderName::from_static("x-amz-content-sha256"), hash)));
        let signing = Signing {
            access_key_id: keys.access_key_id.clone(),
            secret_access_key: keys.secret_access_key.expose_secret().to_owned(),
            session_token: keys.session_token.as_ref().map(|token| token.expose_secret().to_owned()),
            expires_in: None,
        };
        let done = self.signer.sign_request(&Context::new(), &mut parts, Some(&signing), None).await;
        done.map_err(|_| Error::config("the request cannot be signed with these AWS keys"))?;
        Ok(HttpRequest::from_parts(parts, body))
    }
}

fn is_stale(answer: &HttpResponse) -> bool {
    STALE.contains(&Refusal::of(answer).code.as_str())
}

fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| char::from(DIGITS[usize::from(half & 15)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}
