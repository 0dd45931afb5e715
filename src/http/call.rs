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
/// Vendors echo what they were sent: in answers that are no success the secret,
/// and what sensitive headers made of it, is blotted out before anyone reads it.
///
/// # Errors
/// Those of the credential's source, of `build` and of the transport.
pub async fn call_with(
    cx: &CallContext,
    credential: &Credential,
    build: impl Fn(&SecretString) -> Result<HttpRequest>,
) -> Result<HttpResponse> {
    let secret = credential.value(cx).await?;
    let answer = call_blotting(cx, build(&secret)?, &secret).await?;
    if answer.status() != StatusCode::UNAUTHORIZED {
        return Ok(answer);
    }
    match credential.renewed(cx, &secret).await? {
        Some(fresh) => call_blotting(cx, build(&fresh)?, &fresh).await,
        None => Ok(answer),
    }
}

async fn call_blotting(
    cx: &CallContext,
    request: HttpRequest,
    secret: &SecretString,
) -> Result<HttpResponse> {
    let sensitive = request.headers().values().filter(|value| value.is_sensitive());
    let sensitive: Vec<HeaderValue> = sensitive.cloned().collect();
    Ok(blotted(call(cx, request).await?, secret, &sensitive))
}

fn blotted(mut answer: HttpResponse, secret: &SecretString, sensitive: &[HeaderValue]) -> HttpResponse {
    if answer.status().is_success() {
        return answer;
    }
    // The base64 of `Basic` hides the secret from a search, but from nobody else.
    let made_of_it = sensitive.iter().filter_map(|value| value.to_str().ok()?.rsplit(' ').next());
    for secret in std::iter::once(secret.expose_secret()).chain(made_of_it).filter(|s| !s.is_empty()) {
        let text = String::from_utf8_lossy(answer.body());
        if text.contains(secret) {
            let clean = text.replace(secret, "***");
            *answer.body_mut() = Bytes::from(clean);
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &'static str) -> HttpResponse {
        http::Response::builder().status(status).body(Bytes::from(body)).expect("valid")
    }

    #[test]
    fn what_is_echoed_is_blotted_in_every_form() {
        let basic = secret_header("Basic ", &"QUM6czNjcmV0".into()).expect("valid");
        let echo = "authorization: Basic QUM6czNjcmV0, password s3cret";
        let clean = blotted(answer(400, echo), &"s3cret".into(), std::slice::from_ref(&basic));
        assert_eq!(clean.body(), "authorization: Basic ***, password ***");
        let success = blotted(answer(200, echo), &"s3cret".into(), &[basic]);
        assert_eq!(success.body(), echo);
    }
}
