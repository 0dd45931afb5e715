//! What vendors do with a transport: one call, with or without a credential.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::{HttpRequest, HttpResponse};
use crate::{
    context::CallContext,
    error::{Error, Result},
    secret::Credential,
};

/// Sends `request` within the deadline of `cx`.
///
/// # Errors
/// Those of the transport; any status is an answer.
pub async fn call(cx: &CallContext, request: HttpRequest) -> Result<HttpResponse> {
    cx.http()?.send(request, cx.remaining()).await
}

/// Sends the request that `build` makes of the credential's value; after an
/// answer of 401 once more with a renewed one.
///
/// Vendors echo what they were sent: in answers that are no success the secret
/// is blotted out before anyone reads it.
///
/// # Errors
/// Those of the credential's source, of `build` and of the transport.
pub async fn call_with(
    cx: &CallContext,
    credential: &Credential,
    build: impl Fn(&SecretString) -> Result<HttpRequest>,
) -> Result<HttpResponse> {
    let secret = credential.value(cx).await?;
    let answer = call(cx, build(&secret)?).await?;
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Ok(blotted(answer, &secret));
    }
    match credential.renewed(cx, &secret).await? {
        Some(fresh) => Ok(blotted(call(cx, build(&fresh)?).await?, &fresh)),
        None => Ok(blotted(answer, &secret)),
    }
}

fn blotted(mut answer: HttpResponse, secret: &SecretString) -> HttpResponse {
    let secret = secret.expose_secret();
    if answer.status().is_success() || secret.is_empty() {
        return answer;
    }
    let text = String::from_utf8_lossy(answer.body());
    if text.contains(secret) {
        let clean = text.replace(secret, "***");
        *answer.body_mut() = Bytes::from(clean);
    }
    answer
}

/// `prefix` and the secret as a header value that no log prints.
///
/// # Errors
/// Of kind `config` if the secret holds characters that no header may hold.
pub fn secret_header(prefix: &str, secret: &SecretString) -> Result<HeaderValue> {
    let mut value = HeaderValue::from_str(&format!("{prefix}{}", secret.expose_secret()))
        .map_err(|_| Error::config("the credential holds characters that an HTTP header cannot hold"))?;
    value.set_sensitive(true);
    Ok(value)
}
