//! Requests to Resend and its answers.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Uri, header};
use secrecy::SecretString;
use serde::Deserialize;

use super::errors;
use crate::{
    error::{Error, ErrorKind, Result},
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

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Has a batch take the good mails and name the bad ones, in place of refusing all.
const VALIDATION: HeaderName = HeaderName::from_static("x-batch-validation");
/// "The key must be between 1-256 chars."
const LONGEST_KEY: usize = 256;

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    one: Uri,
    many: Uri,
    domains: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str) -> Result<Self> {
        Ok(Self {
            one: endpoint(base, "/emails")?,
            many: endpoint(base, "/emails/batch")?,
            domains: endpoint(base, "/domains")?,
        })
    }

    pub(super) fn shown(&self) -> String {
        self.one.to_string()
    }

    /// One mail goes alone, several as a list.
    pub(super) fn send<K>(&self, secret: &SecretString, parcels: &[Parcel<'_, K>]) -> Result<HttpRequest> {
        let (uri, body) = match parcels {
            [one] => (&self.one, one.body.clone()),
            many => (&self.many, listed(many, "[", "]")),
        };
        let mut request = authorized(Method::POST, uri, secret, body)?;
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(KEY, key(parcels)?);
        if parcels.len() != 1 {
            headers.insert(VALIDATION, HeaderValue::from_static("permissive"));
        }
        Ok(request)
    }

    pub(super) fn check(&self, secret: &SecretString) -> Result<HttpRequest> {
        authorized(Method::GET, &self.domains, secret, Bytes::new())
    }
}

fn authorized(method: Method, uri: &Uri, secret: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::AUTHORIZATION, secret_header("Bearer ", secret)?);
    Ok(request)
}

/// The message's own key where the call carries it whole and alone, else one made of all.
fn key<K>(parcels: &[Parcel<'_, K>]) -> Result<HeaderValue> {
    let text = match parcels {
        [one] if fits(one.envelope.item.key()) && is_whole(&one.envelope) => own(&one.envelope),
        many => {
            let mut digest = hmac_sha256::Hash::new();
            for parcel in many {
                let delivery = parcel.envelope.item.delivery(parcel.envelope.position(0)).recipient;
                let own = own(&parcel.envelope);
                digest.update(format!("{}:{own}:{delivery};", own.len()));
            }
            digest.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
        }
    };
    HeaderValue::from_str(&text)
        .map_err(|e| Error::new(ErrorKind::Internal, "the idempotency key fits no header").with_source(e))
}

fn fits(key: &str) -> bool {
    // A replay adds its number.
    (1..=LONGEST_KEY - 12).contains(&key.len()) && key.bytes().all(|b| b.is_ascii_graphic())
}

fn is_whole(envelope: &Envelope<'_>) -> bool {
    envelope.email().merge.is_empty()
}

/// A replay is to be sent again, and not to be told what became of the first.
fn own(envelope: &Envelope<'_>) -> String {
    match envelope.item.generation() {
        0 => envelope.item.key().to_owned(),
        generation => format!("{}.{generation}", envelope.item.key()),
    }
}

#[derive(Deserialize)]
struct Queued {
    id: String,
}

#[derive(Deserialize)]
struct Batch {
    data: Vec<Queued>,
    #[serde(default)]
    errors: Vec<Complaint>,
}

/// A mail of a batch that was not taken.
#[derive(Deserialize)]
pub(super) struct Complaint {
    index: usize,
    pub(super) message: String,
}

/// What became of each mail of a call: all failed if the call did.
pub(super) fn outcomes<K>(answer: &HttpResponse, parcels: &[Parcel<'_, K>], now: Timestamp) -> Answers {
    if !answer.status().is_success() {
        return parcels.iter().map(|parcel| Err(errors::refused(answer, &parcel.envelope, now))).collect();
    }
    let taken = match parcels {
        [one] => {
            serde_json::from_slice(answer.body()).ok().and_then(|queued| Some(vec![Ok(taken(&queued, one)?)]))
        }
        many => serde_json::from_slice(answer.body()).ok().and_then(|batch| by_index(&batch, many)),
    };
    taken.unwrap_or_else(|| {
        let error = not_understood(answer, "Resend answers with the id of each mail");
        parcels.iter().map(|_| Err(error.clone())).collect()
    })
}

fn taken<K>(queued: &Queued, parcel: &Parcel<'_, K>) -> Option<Vec<Outcome>> {
    let id: Arc<str> = Some(&*queued.id).filter(|id| !id.is_empty())?.into();
    Some((0..parcel.envelope.recipients()).map(|_| Outcome::accepted(Some(Arc::clone(&id)))).collect())
}

/// The ids are those of the mails without a complaint, in order.
fn by_index<K>(batch: &Batch, parcels: &[Parcel<'_, K>]) -> Option<Answers> {
    if batch.data.len() + batch.errors.len() != parcels.len() {
        return None;
    }
    let mut ids = batch.data.iter();
    let answer = |(index, parcel): (usize, &Parcel<'_, K>)| match batch
        .errors
        .iter()
        .find(|complaint| complaint.index == index)
    {
        Some(complaint) => Some(Err(errors::complained(complaint, &parcel.envelope))),
        None => Some(Ok(taken(ids.next()?, parcel)?)),
    };
    parcels.iter().enumerate().map(answer).collect()
}

/// What the answer to the check says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    #[derive(Deserialize)]
    struct Domains {
        #[serde(rename = "data")]
        _data: Vec<serde_json::Value>,
    }
    match answer.status().as_u16() {
        200 if serde_json::from_slice::<Domains>(answer.body()).is_ok() => Ok(Health::Good),
        200..=299 => Err(not_understood(answer, "Resend answers with the domains")),
        _ if errors::may_only_send(answer) => Ok(Health::Good),
        _ => Err(errors::first(answer, now)),
    }
}
