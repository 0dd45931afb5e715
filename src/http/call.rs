//! What vendors do with a transport: one call, with or without a credential.

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use secrecy::{ExposeSecret, SecretString};

use super::{Demands, HttpRequest, HttpResponse};
use crate::{
    context::CallContext,
    error::{Error, Result},
    secret::Credential,
};

/// Sends `request` within the deadline of `cx`.
///
/// # Errors
/// Those of the transport; any status is an answer. Of kind `config` if the
/// transport cannot keep what the request [demands](Demands).
pub async fn call(cx: &CallContext, request: HttpRequest) -> Result<HttpResponse> {
    let http = cx.http()?;
    let demands = Demands::of(&request);
    if demands != Demands::NONE && !http.keeps(demands) {
        let why = "the HTTP transport cannot keep what this call demands; HyperTransport can (HTTP/2: feature `apns`)";
        return Err(Error::config(why).with_context("demands", format!("{demands:?}")));
    }
    http.send(request, cx.remaining()).await
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
    build: impl Fn(&SecretString) -> Result<HttpRequest> + Send,
) -> Result<HttpResponse> {
    call_renewing(cx, credential, |answer| answer.status() == StatusCode::UNAUTHORIZED, build).await
}

/// The same for vendors that say in another way than by 401 that the credential
/// is stale, or say something else by 401.
///
/// A source may answer with the value that it gave before, if it is too early
/// for another; then the call is not repeated.
///
/// # Errors
/// As for [`call_with`].
pub async fn call_renewing(
    cx: &CallContext,
    credential: &Credential,
    is_stale: impl Fn(&HttpResponse) -> bool + Send,
    build: impl Fn(&SecretString) -> Result<HttpRequest> + Send,
) -> Result<HttpResponse> {
    let secret = credential.value(cx).await?;
    let answer = call(cx, build(&secret)?).await?;
    if answer.status().is_success() {
        return Ok(answer);
    }
    // Apart and boxed: most calls succeed and should not carry this along.
    Box::pin(async move {
        if is_stale(&answer)
            && let Some(fresh) = credential.renewed(cx, &secret).await?
            && fresh.expose_secret() != secret.expose_secret()
        {
            let answer = call(cx, build(&fresh)?).await?;
            return Ok(blotted(answer, &fresh, &build(&fresh)?));
        }
        Ok(blotted(answer, &secret, &build(&secret)?))
    })
    .await
}

/// `answer` without what it repeats of `secret` and of the sensitive headers of `request`; a success as it is.
pub(crate) fn blotted(
    mut answer: HttpResponse,
    secret: &SecretString,
    request: &HttpRequest,
) -> HttpResponse {
    if answer.status().is_success() {
        return answer;
    }
    let sensitive = request.headers().values().filter(|value| value.is_sensitive());
    // The base64 of `Basic` hides the secret from a search, but from nobody else.
    let made_of_it = sensitive.filter_map(|value| value.to_str().ok()?.rsplit(' ').next());
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
        let request =
            http::Request::get("/").header("authorization", basic).body(Bytes::new()).expect("valid");
        let clean = blotted(answer(400, echo), &"s3cret".into(), &request);
        assert_eq!(clean.body(), "authorization: Basic ***, password ***");
        let success = blotted(answer(200, echo), &"s3cret".into(), &request);
        assert_eq!(success.body(), echo);
    }
}
