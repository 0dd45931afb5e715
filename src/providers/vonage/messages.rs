//! The Messages API (v1): JSON out, one id back.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{Vonage, auth::Body, errors, options::Wishes, without_plus};
use crate::{
    error::{Error, ErrorKind, Result},
    http::{HttpResponse, classify::not_understood},
    message::Sms,
    provider::{Outgoing, Receipt},
    time::Timestamp,
};

/// "The text of the message": up to 1,000 characters over SMS.
const LONGEST: usize = 1_000;

#[derive(Serialize)]
struct Text<'a> {
    channel: &'static str,
    message_type: &'static str,
    to: &'a str,
    from: &'a str,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_ref: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    webhook_url: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ttl: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sms: Option<Regulated<'a>>,
}

#[derive(Serialize)]
struct Regulated<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_id: Option<&'a str>,
}

pub(super) fn body(vonage: &Vonage, item: &Outgoing<'_, Sms>) -> Result<Body> {
    let sms = item.message();
    let wishes = Wishes::read(&sms.options, vonage.api)?;
    let long = sms.body.chars().count();
    if long > LONGEST {
        let why = format!("Vonage's Messages API takes at most {LONGEST} characters, not {long}");
        return Err(Error::new(ErrorKind::PayloadTooLarge, why).with_field("body"));
    }
    let regulated = wishes.content_id.is_some() || wishes.entity_id.is_some();
    let text = Text {
        channel: "sms",
        message_type: "text",
        to: without_plus(sms.to.as_str()),
        from: vonage.sender(sms)?,
        text: &sms.body,
        client_ref: vonage.reference(item),
        webhook_url: vonage.status_callback.as_ref().map(|url| url.as_str()),
        ttl: wishes.ttl,
        sms: regulated.then_some(Regulated { content_id: wishes.content_id, entity_id: wishes.entity_id }),
    };
    let json = serde_json::to_vec(&text)
        .map_err(|why| Error::new(ErrorKind::Internal, "the message cannot be written").with_source(why))?;
    Ok((json.into(), "application/json"))
}

#[derive(Deserialize)]
struct Taken {
    message_uuid: String,
}

/// What became of the message.
pub(super) fn receipt(answer: &HttpResponse, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::of_messages(answer, now));
    }
    let taken: Option<Taken> = serde_json::from_slice(answer.body()).ok();
    match taken.map(|taken| taken.message_uuid).filter(|id| !id.is_empty()) {
        Some(id) => Ok(Receipt::accepted(1, Some(Arc::from(id)))),
        None => Err(not_understood(answer, "Vonage answers with the message's message_uuid")),
    }
}
