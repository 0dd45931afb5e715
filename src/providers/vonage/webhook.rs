//! Receipts, statuses and answers, of both APIs.

use std::{borrow::Cow, collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::{errors, signature::parameters};
use crate::{
    address::PhoneNumber,
    error::{Error, ErrorKind, Result},
    event::{EventKind, cost_text},
    http::classify::excerpt,
    message::{Channel, Money},
    providers::echo::EchoKey,
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, Reply, VendorEvent},
};

/// What the call says: one event, one answer, or nothing that is known here.
pub(super) fn parse(echo: Option<&EchoKey>, currency: &str, request: &RawRequest) -> Result<Vec<Inbound>> {
    let now = request.received;
    if let Some(call) = of_messages(request)? {
        return Ok(status(echo, &call, now)
            .map(Inbound::Event)
            .or_else(|| answer(&call, now))
            .into_iter()
            .collect());
    }
    let call = Call(parameters(request));
    let inbound = match call.text("status") {
        Some(word) => receipt(echo, &call, word, currency, now).map(Inbound::Event),
        None => reply(&call, now).map(Inbound::Reply),
    };
    Ok(inbound.into_iter().collect())
}

/// A call of the Messages API: a JSON object with its id.
fn of_messages(request: &RawRequest) -> Result<Option<Message>> {
    if !request.body.trim_ascii_start().starts_with(b"{") {
        return Ok(None);
    }
    let value: Value = serde_json::from_slice(&request.body)
        .map_err(|_| Error::new(ErrorKind::Protocol, "the webhook begins as JSON and is none"))?;
    Ok(value.get("message_uuid").is_some().then(|| Message::deserialize(value).ok()).flatten())
}

/// What both kinds of calls of the Messages API have.
#[derive(Deserialize)]
struct Message {
    message_uuid: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    status: Option<String>,
    #[serde(default)]
    client_ref: Option<String>,
    #[serde(default)]
    usage: Option<Usage>,
    #[serde(default)]
    error: Value,
    #[serde(default)]
    channel: String,
    #[serde(default)]
    from: Value,
    #[serde(default)]
    to: Value,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    profile: Value,
    #[serde(default)]
    reply: Value,
    #[serde(default)]
    context: Value,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    currency: String,
    #[serde(default)]
    price: String,
}

impl Usage {
    fn cost(&self) -> Option<Money> {
        Money::new(&self.price, &self.currency).ok()
    }
}

/// <https://developer.vonage.com/en/messages/concepts/messages-status-callbacks>
fn status(echo: Option<&EchoKey>, call: &Message, now: Timestamp) -> Option<VendorEvent> {
    let word = call.status.as_deref()?;
    // The code stands behind the page's address, in older calls by itself.
    let page =
        call.error["type"].as_str().and_then(|page| page.rsplit_once('#')).map(|(_, code)| code.to_owned());
    let code = page.or_else(|| call.error["code"].as_i64().map(|code| code.to_string()));
    let kind = match word {
        "delivered" => EventKind::Delivered,
        "read" => EventKind::Read,
        "rejected" | "undeliverable" => failure(code.as_deref()),
        "submitted" => EventKind::Accepted,
        _ => return None,
    };
    let at = call.timestamp.parse().unwrap_or(now);
    let mut event = event(echo, &call.message_uuid, call.client_ref.as_deref(), kind, word, at);
    let why = ["detail", "title", "reason"].into_iter().find_map(|name| call.error[name].as_str());
    let cost = call.usage.as_ref().and_then(Usage::cost);
    event.text = why.map(|why| excerpt(why).into()).or_else(|| cost.map(cost_text));
    event.code = code.map(Into::into);
    Some(event)
}

fn failure(code: Option<&str>) -> EventKind {
    match code {
        Some(code) if errors::is_suppressed(code) => EventKind::Suppressed,
        Some(code) if errors::is_unreachable(code) => EventKind::Bounced,
        _ => EventKind::Failed,
    }
}

fn event(
    echo: Option<&EchoKey>,
    id: &str,
    reference: Option<&str>,
    kind: EventKind,
    word: &str,
    at: Timestamp,
) -> VendorEvent {
    let token = echo.and_then(|key| key.open(reference?));
    let by_id = || Correlation::VendorId { id: id.into(), recipient: None };
    let correlation = token.and_then(|token| token.correlation(None)).unwrap_or_else(by_id);
    let mut event = VendorEvent::new(correlation, kind, at, format!("{id}:{word}"));
    event.generation = token.map(|token| token.generation);
    event.vendor_id = Some(id.into());
    event
}

/// A message to us over the Messages API.
fn answer(call: &Message, now: Timestamp) -> Option<Inbound> {
    let channel = match &*call.channel {
        "mms" | "sms" => Channel::Sms,
        "whatsapp" => Channel::WhatsApp,
        _ => return None,
    };
    let text = |value: &Value| value.as_str().map(Arc::<str>::from);
    let title = call.reply["title"].as_str();
    let words = call.text.as_deref().or(title).unwrap_or_default();
    let to = text(&call.to).unwrap_or_else(|| "".into());
    let at = call.timestamp.parse().unwrap_or(now);
    let mut reply = Reply::new(channel, number(call.from.as_str()?)?, to, words, &*call.message_uuid, at);
    reply.choice = text(&call.reply["id"]);
    reply.profile = text(&call.profile["name"]);
    reply.reply_to = text(&call.context["message_uuid"]);
    Some(Inbound::Reply(reply))
}

/// Vonage writes numbers without their plus.
fn number(digits: &str) -> Option<PhoneNumber> {
    format!("+{}", digits.trim_start_matches('+')).parse().ok()
}

struct Call<'a>(BTreeMap<Cow<'a, str>, Cow<'a, str>>);

impl Call<'_> {
    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| &**value).filter(|value| !value.is_empty())
    }

    /// `2020-01-01 12:00:00`, in UTC.
    fn at(&self, now: Timestamp) -> Timestamp {
        let text = self.text("message-timestamp").map(|text| format!("{}Z", text.replace(' ', "T")));
        text.and_then(|text| text.parse().ok()).unwrap_or(now)
    }
}

/// <https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts>
fn receipt(
    echo: Option<&EchoKey>,
    call: &Call<'_>,
    word: &str,
    currency: &str,
    now: Timestamp,
) -> Option<VendorEvent> {
    let id = call.text("messageId")?;
    let code = call.text("err-code").filter(|code| *code != "0");
    let kind = match word {
        "accepted" => EventKind::Accepted,
        "buffered" => EventKind::Deferred,
        "delivered" => EventKind::Delivered,
        "expired" => EventKind::Failed,
        "failed" | "rejected" => failure(code),
        _ => return None,
    };
    let mut event = event(echo, id, call.text("client-ref"), kind, word, call.at(now));
    event.code = code.map(Into::into);
    let cost = call.text("price").and_then(|price| Money::new(price, currency).ok());
    event.text = cost.filter(|_| code.is_none()).map(cost_text);
    Some(event)
}

/// A message to us over the SMS API.
fn reply(call: &Call<'_>, now: Timestamp) -> Option<Reply> {
    let (from, to) = (number(call.text("msisdn")?)?, call.text("to")?);
    let words = call.text("text").unwrap_or_default();
    Some(Reply::new(Channel::Sms, from, to, words, call.text("messageId")?, call.at(now)))
}

#[cfg(test)]
mod tests;
