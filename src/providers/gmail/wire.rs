//! Requests to Gmail and its answers.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use bytes::Bytes;
use http::{HeaderValue, Method, Uri, header};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use super::{FEATURES, MAX_RECIPIENTS, MAX_SIZE, VENDOR, errors};
use crate::{
    error::{Certainty, Error, ErrorKind, Result},
    http::{HttpRequest, HttpResponse, classify::not_understood, secret_header},
    message::{Email, Message},
    provider::{Health, Outgoing, Receipt},
    providers::shared::{
        mime,
        options::{addressed, text, unknown},
        settings::endpoint,
    },
    time::Timestamp,
};

/// Above this a mail goes by the upload address: JSON is for small ones.
const LARGE: usize = 4 * 1024 * 1024;

/// The URLs that are called, made once.
#[derive(Debug)]
pub(super) struct Endpoints {
    pub(super) send: Uri,
    upload: Uri,
    profile: Uri,
}

impl Endpoints {
    pub(super) fn new(base: &str, user: &str) -> Result<Self> {
        let user = format!("/gmail/v1/users/{}", utf8_percent_encode(user, NON_ALPHANUMERIC));
        Ok(Self {
            send: endpoint(base, &format!("{user}/messages/send"))?,
            upload: endpoint(base, &format!("/upload{user}/messages/send?uploadType=multipart"))?,
            profile: endpoint(base, &format!("{user}/profile"))?,
        })
    }
}

/// A mail as it goes to Gmail: which way, and the body.
#[derive(Debug)]
pub(super) struct Mail {
    upload: bool,
    kind: HeaderValue,
    body: Bytes,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Small<'a> {
    raw: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a str>,
}

/// What stands beside a mail that is uploaded.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Beside<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    thread_id: Option<&'a str>,
}

/// `item` written whole.
pub(super) fn mail(item: &Outgoing<'_, Email>, now: Timestamp) -> Result<Mail> {
    let email = item.message();
    check(email)?;
    let thread_id = thread(email)?;
    let text = written(item, now)?;
    if text.len() <= LARGE {
        let body = json(&Small { raw: URL_SAFE.encode(&text), thread_id })?;
        return Ok(Mail {
            upload: false,
            kind: HeaderValue::from_static("application/json"),
            body: body.into(),
        });
    }
    uploaded(item, &text, thread_id)
}

/// Gmail reads whom to send to from the headers, and takes `Bcc` out.
fn written(item: &Outgoing<'_, Email>, now: Timestamp) -> Result<String> {
    let email = item.message();
    let not_sent = |error: Error| error.with_certainty(Certainty::NotSent);
    let mut text = mime::bcc(email).map_err(not_sent)?;
    text.push_str(&mime::write(email, item.message_id(), now, None).map_err(not_sent)?.content);
    match text.len() {
        length if length > MAX_SIZE => Err(Error::new(
            ErrorKind::PayloadTooLarge,
            format!("Gmail takes at most {MAX_SIZE} octets of a whole mail, not {length}"),
        )),
        _ => Ok(text),
    }
}

/// A part of JSON and a part that is the mail ("multipart upload" of the uploads' page).
fn uploaded(item: &Outgoing<'_, Email>, text: &str, thread_id: Option<&str>) -> Result<Mail> {
    // The message's id is random: nobody can have written it into a mail beforehand.
    let boundary = format!("tidings-{}", item.id().as_uuid().simple());
    let kind = HeaderValue::try_from(format!("multipart/related; boundary={boundary}"))
        .map_err(|e| Error::new(ErrorKind::Internal, "a boundary that is no header").with_source(e))?;
    let beside = String::from_utf8(json(&Beside { thread_id })?).unwrap_or_default();
    let body = format!(
        "--{boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n{beside}\r\n\
         --{boundary}\r\nContent-Type: message/rfc822\r\n\r\n{text}\r\n--{boundary}--\r\n"
    );
    Ok(Mail { upload: true, kind, body: body.into() })
}

fn json(part: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(part).map_err(|e| {
        Error::new(ErrorKind::Internal, "the mail cannot be written as JSON")
            .with_certainty(Certainty::NotSent)
            .with_source(e)
    })
}

/// What would be lost on the way, should it have slipped past the gate.
fn check(email: &Email) -> Result<()> {
    let missing = email.needs().missing_in(FEATURES);
    if let Some(feature) = missing.iter().next() {
        return Err(Error::new(ErrorKind::Unsupported, format!("Gmail has no place for: {missing}"))
            .with_field(email.field_of(feature).unwrap_or("message")));
    }
    let count = email.recipient_count();
    if count > MAX_RECIPIENTS {
        let why = format!("Gmail takes at most {MAX_RECIPIENTS} recipients, not {count}");
        return Err(Error::invalid("to", why));
    }
    email.validate()
}

/// The one option there is.
fn thread(email: &Email) -> Result<Option<&str>> {
    let mut thread = None;
    for option in addressed(&email.options, VENDOR) {
        if &*option.name != "thread_id" {
            return Err(unknown(option, &["thread_id"]));
        }
        thread = Some(text(option, 1, 64)?);
    }
    Ok(thread)
}

pub(super) fn request(endpoints: &Endpoints, token: &SecretString, mail: &Mail) -> Result<HttpRequest> {
    let uri = if mail.upload { &endpoints.upload } else { &endpoints.send };
    let mut request = authorized(Method::POST, uri, token, mail.body.clone())?;
    request.headers_mut().insert(header::CONTENT_TYPE, mail.kind.clone());
    Ok(request)
}

pub(super) fn profile(endpoints: &Endpoints, token: &SecretString) -> Result<HttpRequest> {
    authorized(Method::GET, &endpoints.profile, token, Bytes::new())
}

fn authorized(method: Method, uri: &Uri, token: &SecretString, body: Bytes) -> Result<HttpRequest> {
    let mut request = HttpRequest::new(body);
    *request.method_mut() = method;
    *request.uri_mut() = uri.clone();
    request.headers_mut().insert(header::AUTHORIZATION, secret_header("Bearer ", token)?);
    Ok(request)
}

#[derive(Deserialize)]
struct Sent {
    id: String,
}

/// What became of `email`.
pub(super) fn receipt(answer: &HttpResponse, email: &Email, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, now));
    }
    match serde_json::from_slice::<Sent>(answer.body()) {
        Ok(sent) if !sent.id.is_empty() => {
            Ok(Receipt::accepted(email.recipient_count(), Some(sent.id.into())))
        }
        _ => Err(not_understood(answer, "Gmail's answer does not name the message")),
    }
}

/// What the answer to [`profile`] says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    if answer.status().is_success() {
        return match serde_json::from_slice::<serde_json::Value>(answer.body()) {
            Ok(profile) if profile["emailAddress"].is_string() => Ok(Health::Good),
            _ => Err(not_understood(answer, "Gmail's answer is no profile")),
        };
    }
    if errors::lacks_scope(answer) { Ok(Health::Good) } else { Err(errors::refused(answer, now)) }
}
