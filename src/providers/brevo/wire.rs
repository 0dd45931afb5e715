//! Requests to Brevo and its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use secrecy::SecretString;
use serde::Deserialize;

use super::errors;
use crate::{
    error::Result,
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    provider::{Health, Outcome},
    providers::shared::{
        envelope::Envelope,
        plan::{Answers, all_failed},
        settings::endpoint,
    },
    time::Timestamp,
};

const API_KEY: HeaderName = HeaderName::from_static("api-key");

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    send: Uri,
    account: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str) -> Result<Self> {
        Ok(Self { send: endpoint(base, "/v3/smtp/email")?, account: endpoint(base, "/v3/account")? })
    }

    pub(super) fn shown(&self) -> String {
        self.send.to_string()
    }

    pub(super) fn send(&self, key: &SecretString, body: Bytes) -> Result<HttpRequest> {
        let mut request = authorized(Method::POST, &self.send, key, body)?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    pub(super) fn check(&self, key: &SecretString) -> Result<HttpRequest> {
        authorized(Method::GET, &self.account, key, Bytes::new())
    }
}

fn authorized(method: Method, uri: &Uri, key: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().insert(API_KEY, secret_header("", key)?);
    Ok(request)
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Queued {
    message_id: Option<String>,
    #[serde(default)]
    message_ids: Vec<String>,
}

/// What became of the envelopes: Brevo takes all or none, each under an id of its own.
/// A mail that is to be sent later is answered by 202, any other by 201.
pub(super) fn outcomes(answer: &HttpResponse, envelopes: &[Envelope<'_>], now: Timestamp) -> Answers {
    match answer.status().as_u16() {
        201 | 202 => match ids(answer, envelopes.len()) {
            Some(ids) => envelopes.iter().zip(&ids).map(|(envelope, id)| Ok(taken(envelope, id))).collect(),
            None => all_failed(envelopes, &not_understood(answer, "Brevo answers with the id of each mail")),
        },
        200..=299 => {
            all_failed(envelopes, &not_understood(answer, "Brevo answers a queued mail by status 201"))
        }
        _ => envelopes.iter().map(|envelope| Err(errors::refused(answer, envelope, now))).collect(),
    }
}

fn ids(answer: &HttpResponse, wanted: usize) -> Option<Vec<Arc<str>>> {
    let queued = serde_json::from_slice::<Queued>(answer.body()).ok()?;
    let ids = match queued.message_id {
        Some(id) if queued.message_ids.is_empty() => vec![id],
        _ => queued.message_ids,
    };
    let good = ids.len() == wanted && ids.iter().all(|id| !bare(id).is_empty());
    good.then(|| ids.iter().map(|id| Arc::from(bare(id))).collect())
}

/// Without the angle brackets, which not all of Brevo's calls have.
pub(super) fn bare(id: &str) -> &str {
    id.trim_start_matches('<').trim_end_matches('>')
}

fn taken(envelope: &Envelope<'_>, id: &Arc<str>) -> Vec<Outcome> {
    (0..envelope.recipients()).map(|_| Outcome::accepted(Some(Arc::clone(id)))).collect()
}

/// What the answer to the check says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    #[derive(Deserialize)]
    struct Account {
        #[serde(rename = "email")]
        _email: String,
    }
    match answer.status().as_u16() {
        200 if serde_json::from_slice::<Account>(answer.body()).is_ok() => Ok(Health::Good),
        200..=299 => Err(not_understood(answer, "Brevo answers with the account")),
        _ => Err(errors::first(answer, now)),
    }
}
