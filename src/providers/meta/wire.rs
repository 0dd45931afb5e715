//! Requests to Meta and its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::json;

use super::errors;
use crate::{
    error::{Error, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    provider::{Health, Receipt},
    providers::shared::settings::endpoint,
    time::Timestamp,
};

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) messages: Uri,
    pub(super) media: Uri,
    pub(super) check: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str, version: &str, number: &str) -> Result<Self> {
        let at = |rest: &str| endpoint(base, &format!("/{version}/{number}{rest}"));
        Ok(Self { messages: at("/messages")?, media: at("/media")?, check: at("?fields=id")? })
    }
}

/// A POST of JSON.
pub(super) fn post(uri: &Uri, token: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = authorized(Method::POST, uri, token, body)?;
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(request)
}

/// Asks for the number's id: the sign of life of token and number.
pub(super) fn check(uri: &Uri, token: &SecretString) -> Result<HttpRequest> {
    authorized(Method::GET, uri, token, Bytes::new())
}

pub(super) fn authorized(
    method: Method,
    uri: &Uri,
    token: &SecretString,
    body: Bytes,
) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::AUTHORIZATION, secret_header("Bearer ", token)?);
    Ok(request)
}

/// "Mark messages as read": the id is that of a webhook.
pub(super) fn read_mark(vendor_id: &str) -> Result<Bytes> {
    if vendor_id.is_empty() {
        return Err(Error::invalid("vendor_id", "expected the id of a received message, such as wamid.HBg…"));
    }
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": vendor_id});
    Ok(mark.to_string().into())
}

#[derive(Deserialize)]
struct Accepted {
    messages: Vec<Named>,
}

#[derive(Deserialize)]
struct Named {
    id: String,
}

#[derive(Deserialize)]
struct Marked {
    success: bool,
}

/// What became of the message.
pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    let accepted: Option<Accepted> = successful(answer, now)?;
    let id = accepted.and_then(|accepted| accepted.messages.into_iter().next()).map(|named| named.id);
    match id.filter(|id| !id.is_empty()) {
        Some(id) => Ok(Receipt::accepted(1, Some(Arc::from(id)))),
        None => Err(not_understood(answer, "Meta answers with the message's id")),
    }
}

/// The id of what was uploaded.
pub(super) fn media_id(answer: &HttpResponse, now: Timestamp) -> Result<String> {
    let named: Option<Named> = successful(answer, now)?;
    let id = named.map(|named| named.id).filter(|id| !id.is_empty());
    id.ok_or_else(|| not_understood(answer, "Meta answers with the id of what was uploaded"))
}

/// What the answer to [`read_mark`] says.
pub(super) fn marked(answer: &HttpResponse, now: Timestamp) -> Result<()> {
    match successful::<Marked>(answer, now)? {
        Some(Marked { success: true }) => Ok(()),
        _ => Err(not_understood(answer, "Meta answers with success")),
    }
}

/// What the answer to [`check`] says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    match successful::<Named>(answer, now)? {
        Some(_) => Ok(Health::Good),
        None => Err(not_understood(answer, "Meta answers with the number's id")),
    }
}

/// The answer as what is expected; `None` if it is a success that says something else.
fn successful<T: for<'de> Deserialize<'de>>(answer: &HttpResponse, now: Timestamp) -> Result<Option<T>> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    Ok(serde_json::from_slice(answer.body()).ok())
}
