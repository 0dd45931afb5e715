//! Requests to Mailgun and its answers.

use std::sync::Arc;

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderValue, Method, Uri, header};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{errors, form::Filled};
use crate::{
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    provider::Health,
    providers::shared::{
        envelope::Envelope,
        plan::{Answers, all_accepted, all_failed},
    },
    time::Timestamp,
};

pub(super) fn request(endpoint: &Uri, key: &SecretString, form: &Filled) -> Result<HttpRequest> {
    let login = SecretString::from(BASE64.encode(format!("api:{}", key.expose_secret())));
    let kind = HeaderValue::from_str(&form.content_type)
        .map_err(|e| Error::new(ErrorKind::Internal, "the form's boundary is no text").with_source(e))?;
    let mut request = HttpRequest::new(form.body.clone());
    *request.method_mut() = Method::POST;
    *request.uri_mut() = endpoint.clone();
    request.headers_mut().insert(header::AUTHORIZATION, secret_header("Basic ", &login)?);
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    Ok(request)
}

#[derive(Deserialize)]
struct Queued {
    id: String,
}

/// What became of the envelopes: Mailgun takes all or none, under one id.
pub(super) fn outcomes(answer: &HttpResponse, envelopes: &[Envelope<'_>], now: Timestamp) -> Answers {
    match answer.status().as_u16() {
        200 => match serde_json::from_slice::<Queued>(answer.body()) {
            Ok(queued) if !queued.id.is_empty() => {
                all_accepted(envelopes, Some(&Arc::from(bare(&queued.id))))
            }
            _ => all_failed(envelopes, &not_understood(answer, "Mailgun answers with the mail's id")),
        },
        201..=299 => {
            all_failed(envelopes, &not_understood(answer, "Mailgun answers a queued mail by status 200"))
        }
        _ => all_failed(envelopes, &errors::refused(answer, now)),
    }
}

/// Events have the id without the angle brackets.
pub(super) fn bare(id: &str) -> &str {
    id.trim_start_matches('<').trim_end_matches('>')
}

/// The answer to a form without fields: it is refused for them only if key and domain are good.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    match answer.status().as_u16() {
        400 if errors::message(answer).is_some() => Ok(Health::Good),
        200..=299 => Err(not_understood(answer, "Mailgun refuses a mail without fields")),
        _ => Err(errors::refused(answer, now)),
    }
}
