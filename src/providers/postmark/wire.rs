//! Requests to Postmark and its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use secrecy::SecretString;
use serde::Deserialize;

use super::errors::{self, Verdict};
use crate::{
    error::{Error, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    provider::{Health, Outcome},
    providers::shared::{
        envelope::Envelope,
        parcels::{Parcel, listed},
        plan::Answers,
        settings::endpoint,
    },
    time::Timestamp,
};

const TOKEN: HeaderName = HeaderName::from_static("x-postmark-server-token");

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    one: Uri,
    many: Uri,
    one_by_template: Uri,
    many_by_template: Uri,
    server: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str) -> Result<Self> {
        Ok(Self {
            one: endpoint(base, "/email")?,
            many: endpoint(base, "/email/batch")?,
            one_by_template: endpoint(base, "/email/withTemplate")?,
            many_by_template: endpoint(base, "/email/batchWithTemplates")?,
            server: endpoint(base, "/server")?,
        })
    }

    pub(super) fn shown(&self) -> String {
        self.one.to_string()
    }

    /// One mail goes alone, several as a list.
    pub(super) fn send<K>(
        &self,
        token: &SecretString,
        template: bool,
        parcels: &[Parcel<'_, K>],
    ) -> Result<HttpRequest> {
        let (uri, body) = match (parcels, template) {
            ([one], false) => (&self.one, one.body.clone()),
            ([one], true) => (&self.one_by_template, one.body.clone()),
            (many, false) => (&self.many, listed(many, "[", "]")),
            (many, true) => (&self.many_by_template, listed(many, r#"{"Messages":["#, "]}")),
        };
        let mut request = authorized(Method::POST, uri, token, body)?;
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Ok(request)
    }

    pub(super) fn check(&self, token: &SecretString) -> Result<HttpRequest> {
        authorized(Method::GET, &self.server, token, Bytes::new())
    }
}

fn authorized(method: Method, uri: &Uri, token: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::ACCEPT, HeaderValue::from_static("application/json"));
    request.headers_mut().insert(TOKEN, secret_header("", token)?);
    Ok(request)
}

/// What became of each mail of a call: all failed if the call did.
pub(super) fn outcomes<K>(answer: &HttpResponse, parcels: &[Parcel<'_, K>], now: Timestamp) -> Answers {
    let all = |error: &Error| parcels.iter().map(|_| Err(error.clone())).collect();
    if !answer.status().is_success() {
        let refused = |parcel: &Parcel<'_, K>| Err(errors::refused(answer, &parcel.envelope, now));
        return parcels.iter().map(refused).collect();
    }
    let verdicts = match parcels {
        [_] => serde_json::from_slice::<Verdict>(answer.body()).map(|verdict| vec![verdict]),
        _ => serde_json::from_slice::<Vec<Verdict>>(answer.body()),
    };
    let verdicts = verdicts.ok().filter(|verdicts| verdicts.len() == parcels.len());
    let Some(verdicts) = verdicts.filter(|_| answer.status() == 200) else {
        return all(&not_understood(answer, "Postmark answers with the verdict on each mail"));
    };
    verdicts.iter().zip(parcels).map(|(verdict, parcel)| outcome(answer, verdict, &parcel.envelope)).collect()
}

/// Of a mail that was taken some addresses may be left out: the words name them.
fn outcome(answer: &HttpResponse, verdict: &Verdict, envelope: &Envelope<'_>) -> Result<Vec<Outcome>> {
    if verdict.code != 0 {
        return Err(verdict.error(envelope));
    }
    let id = verdict.message_id.as_deref().filter(|id| !id.is_empty());
    let id: Arc<str> =
        id.ok_or_else(|| not_understood(answer, "Postmark answers with the id of each mail"))?.into();
    let inactive = verdict.inactive();
    let readers = envelope.to().iter().chain(envelope.cc()).chain(envelope.bcc());
    let of = |address: &str| match inactive.iter().any(|left_out| left_out.eq_ignore_ascii_case(address)) {
        true => Outcome::Refused(errors::inactive(&verdict.message)),
        false => Outcome::accepted(Some(Arc::clone(&id))),
    };
    Ok(readers.map(|mailbox| of(mailbox.address().as_str())).collect())
}

/// What the answer to the check says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    #[derive(Deserialize)]
    struct Server {
        #[serde(rename = "ID")]
        _id: u64,
    }
    match answer.status().as_u16() {
        200 if serde_json::from_slice::<Server>(answer.body()).is_ok() => Ok(Health::Good),
        200..=299 => Err(not_understood(answer, "Postmark answers with the server's settings")),
        _ => Err(errors::first(answer, now)),
    }
}
