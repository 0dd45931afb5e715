//! Requests to Twilio and its answers.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::errors;
use crate::{
    error::Result,
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    message::Money,
    provider::{Health, Outcome, Receipt},
    providers::shared::settings::endpoint,
    time::Timestamp,
};

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) messages: Uri,
    check: Uri,
}

impl Endpoints {
    /// A list of one message is the sign of life, and not the account itself,
    /// which standard API keys may not read.
    pub(super) fn new(base: &str, account: &str) -> Result<Self> {
        let path = format!("/2010-04-01/Accounts/{account}/Messages.json");
        Ok(Self { messages: endpoint(base, &path)?, check: endpoint(base, &format!("{path}?PageSize=1"))? })
    }
}

pub(super) fn request(
    endpoints: &Endpoints,
    user: &str,
    secret: &SecretString,
    form: Bytes,
) -> Result<HttpRequest> {
    let mut request = authorized(Method::POST, &endpoints.messages, user, secret, form)?;
    let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(request)
}

pub(super) fn check(endpoints: &Endpoints, user: &str, secret: &SecretString) -> Result<HttpRequest> {
    authorized(Method::GET, &endpoints.check, user, secret, Bytes::new())
}

fn authorized(
    method: Method,
    uri: &Uri,
    user: &str,
    secret: &SecretString,
    body: Bytes,
) -> Result<HttpRequest> {
    let login = SecretString::from(BASE64.encode(format!("{user}:{}", secret.expose_secret())));
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::AUTHORIZATION, secret_header("Basic ", &login)?);
    Ok(request)
}

#[derive(Deserialize)]
struct Created {
    sid: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    error_code: Option<i64>,
    #[serde(default)]
    error_message: Option<String>,
    #[serde(default)]
    price: Option<String>,
    #[serde(default)]
    price_unit: Option<String>,
}

impl Created {
    /// "The amount billed for the message", negative, and often not known yet (Messages resource).
    fn cost(&self) -> Option<Money> {
        Money::new(self.price.as_deref()?, self.price_unit.as_deref()?).ok().map(Money::abs)
    }
}

/// What became of the message.
pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    let created: Created = serde_json::from_slice(answer.body())
        .map_err(|_| not_understood(answer, "Twilio answers with the message's SID"))?;
    if created.sid.is_empty() {
        return Err(not_understood(answer, "Twilio answers with the message's SID"));
    }
    match created.status.as_deref() {
        Some("canceled" | "failed" | "undelivered") => {
            Err(errors::failed(created.error_code, created.error_message.as_deref()))
        }
        _ => {
            let cost = created.cost();
            let outcome = Outcome::accepted(Some(Arc::from(created.sid))).with_cost(cost);
            Ok(Receipt::new(vec![outcome]))
        }
    }
}

/// What the answer to [`check`] says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    // The list may be cut, and holds what others wrote: only its beginning is looked at.
    if answer.body().trim_ascii_start().starts_with(b"{") {
        return Ok(Health::Good);
    }
    Err(not_understood(answer, "Twilio answers with a list of messages"))
}
