//! Requests to SendGrid and its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use secrecy::SecretString;

use super::errors;
use crate::{
    error::{Error, Result},
    http::{
        HttpRequest, HttpResponse,
        classify::{error_for, excerpt, not_understood},
        secret_header,
    },
    provider::Health,
    providers::shared::{
        envelope::Envelope,
        plan::{Answers, all_accepted, all_failed},
        settings::endpoint,
    },
    time::Timestamp,
};

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) send: Uri,
    check: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str) -> Result<Self> {
        Ok(Self { send: endpoint(base, "/v3/mail/send")?, check: endpoint(base, "/v3/scopes")? })
    }
}

pub(super) fn request(endpoints: &Endpoints, key: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = authorized(Method::POST, &endpoints.send, key, body)?;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

pub(super) fn check(endpoints: &Endpoints, key: &SecretString) -> Result<HttpRequest> {
    authorized(Method::GET, &endpoints.check, key, Bytes::new())
}

fn authorized(method: Method, uri: &Uri, key: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::AUTHORIZATION, secret_header("Bearer ", key)?);
    Ok(request)
}

/// What became of the envelopes. A mail that is only checked is answered by 200
/// (the errors' page: "valid, but not queued. Sandbox mode only"), a queued one by 202.
pub(super) fn outcomes(
    answer: &HttpResponse,
    envelopes: &[Envelope<'_>],
    sandbox: bool,
    now: Timestamp,
) -> Answers {
    match answer.status().as_u16() {
        202 => all_accepted(envelopes, message_id(answer).as_ref()),
        200 if sandbox => all_accepted(envelopes, message_id(answer).as_ref()),
        200..=299 => all_failed(envelopes, &not_understood(answer, "SendGrid answers a queued mail by 202")),
        _ => errors::refused(answer, envelopes, now),
    }
}

fn message_id(answer: &HttpResponse) -> Option<Arc<str>> {
    let id = answer.headers().get("x-message-id")?.to_str().ok()?;
    (!id.is_empty()).then(|| id.into())
}

/// What the answer to [`check`] says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    match answer.status().as_u16() {
        200 => scopes(answer),
        201..=299 => Err(not_understood(answer, "SendGrid answers with status 200")),
        _ => Err(errors::first(answer, now)),
    }
}

/// The key must be allowed to send.
fn scopes(answer: &HttpResponse) -> Result<Health> {
    #[derive(serde::Deserialize)]
    struct Scopes {
        scopes: Vec<String>,
    }
    let read: Scopes = serde_json::from_slice(answer.body())
        .map_err(|_| not_understood(answer, "SendGrid answers with the key's scopes"))?;
    if read.scopes.iter().any(|scope| scope == "mail.send") {
        return Ok(Health::Good);
    }
    Err(Error::new(
        crate::ErrorKind::Permission,
        "the API key may not send; give it the permission Mail Send",
    ))
}

/// The status's own error with the answer's words, where nothing more is known.
pub(super) fn plain(answer: &HttpResponse, now: Timestamp) -> Error {
    let words = excerpt(&String::from_utf8_lossy(answer.body()));
    let error = error_for(answer, now);
    if words.is_empty() { error } else { error.with_context("answer", words) }
}
