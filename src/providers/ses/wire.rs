//! Requests to SES and its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use serde::Deserialize;

use super::{batch::Said, errors};
use crate::{
    error::{Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood},
    message::{Email, Message},
    provider::{Health, Receipt},
    providers::shared::settings::endpoint,
    time::Timestamp,
};

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) single: Uri,
    pub(super) bulk: Uri,
    pub(super) account: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str) -> Result<Self> {
        Ok(Self {
            single: endpoint(base, "/v2/email/outbound-emails")?,
            bulk: endpoint(base, "/v2/email/outbound-bulk-emails")?,
            account: endpoint(base, "/v2/email/account")?,
        })
    }
}

pub(super) fn post(uri: &Uri, body: Bytes) -> HttpRequest {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = Method::POST;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

pub(super) fn read(uri: &Uri) -> HttpRequest {
    let mut request = HttpRequest::new(Bytes::new());
    *request.uri_mut() = uri.clone();
    request
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    message_id: String,
}

/// What became of one mail.
pub(super) fn single(answer: &HttpResponse, email: &Email, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    match serde_json::from_slice::<Sent>(answer.body()) {
        Ok(sent) if !sent.message_id.is_empty() => {
            Ok(Receipt::accepted(email.recipient_count(), Some(sent.message_id.into())))
        }
        _ => Err(not_understood(answer, "SES's answer does not name the message")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Several {
    bulk_email_entry_results: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    status: String,
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    message_id: Option<String>,
}

/// What became of each of so many entries.
pub(super) fn bulk(answer: &HttpResponse, entries: usize, now: Timestamp) -> Result<Vec<Said>> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    match serde_json::from_slice::<Several>(answer.body()) {
        Ok(said) if said.bulk_email_entry_results.len() == entries => {
            Ok(said.bulk_email_entry_results.into_iter().map(entry).collect())
        }
        _ => Err(not_understood(answer, "SES's answer does not name what became of each entry")),
    }
}

fn entry(said: Entry) -> Said {
    match said.status.as_str() {
        "SUCCESS" => Ok(said.message_id.filter(|id| !id.is_empty()).map(Arc::from)),
        status => Err(errors::of_entry(status, said.error.as_deref().unwrap_or_default())),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Account {
    sending_enabled: bool,
    #[serde(default)]
    enforcement_status: Option<String>,
}

/// What the answer to a question about the account says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    let account: Account = serde_json::from_slice(answer.body())
        .map_err(|_| not_understood(answer, "SES's answer does not say whether the account may send"))?;
    match account.sending_enabled && account.enforcement_status.as_deref() != Some("SHUTDOWN") {
        true => Ok(Health::Good),
        false => Err(Error::new(ErrorKind::Permission, "the SES account may not send in this region")),
    }
}
