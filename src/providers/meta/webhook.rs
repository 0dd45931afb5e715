//! Statuses and answers.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::errors;
use crate::{
    address::PhoneNumber,
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::classify::excerpt,
    message::{Channel, Location},
    providers::echo::EchoKey,
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, Reply, VendorEvent},
};

/// All that the call says and is known here. One that proves the owner says nothing.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    if request.method == http::Method::GET {
        return Ok(Vec::new());
    }
    let call: Value = serde_json::from_slice(&request.body)
        .map_err(|_| Error::new(ErrorKind::Protocol, "Meta's webhooks are JSON"))?;
    let changes = list(&call, "entry").flat_map(|entry| list(entry, "changes"));
    Ok(changes.flat_map(|change| inbound(echo, &change["value"], request.received)).collect())
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value[name].as_array().into_iter().flatten()
}

fn inbound(echo: Option<&EchoKey>, value: &Value, now: Timestamp) -> Vec<Inbound> {
    let events = list(value, "statuses").filter_map(|status| event(echo, status, now)).map(Inbound::Event);
    let replies =
        list(value, "messages").filter_map(|message| reply(value, message, now)).map(Inbound::Reply);
    events.chain(replies).collect()
}

#[derive(Deserialize)]
struct Status {
    id: String,
    status: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    biz_opaque_callback_data: Option<String>,
    #[serde(default)]
    errors: Vec<Failure>,
    #[serde(default)]
    pricing: Option<Pricing>,
}

#[derive(Deserialize)]
struct Failure {
    code: i64,
    #[serde(default)]
    title: String,
    #[serde(default)]
    error_data: Value,
}

impl Failure {
    fn words(&self) -> String {
        excerpt(self.error_data["details"].as_str().unwrap_or(&self.title))
    }
}

#[derive(Deserialize)]
struct Pricing {
    #[serde(default)]
    billable: Option<bool>,
    #[serde(default)]
    category: Option<String>,
}

impl Pricing {
    fn words(&self) -> Option<String> {
        let billed = if self.billable == Some(false) { "not billed" } else { "billed" };
        Some(format!("{billed} as {}", excerpt(self.category.as_deref()?)))
    }
}

fn event(echo: Option<&EchoKey>, status: &Value, now: Timestamp) -> Option<VendorEvent> {
    let status = Status::deserialize(status).ok()?;
    let failure = status.errors.first();
    let kind = kind(&status.status, failure.map(|failure| failure.code))?;
    let token = echo.and_then(|key| key.open(status.biz_opaque_callback_data.as_deref()?));
    let by_id = || Correlation::VendorId { id: status.id.as_str().into(), recipient: None };
    let correlation = token.and_then(|token| token.correlation(None)).unwrap_or_else(by_id);
    let source = format!("{}:{}", status.id, status.status);
    let mut event = VendorEvent::new(correlation, kind, moment(&status.timestamp, now), source);
    event.generation = token.map(|token| token.generation);
    event.code = failure.map(|failure| failure.code.to_string().into());
    let pricing = || status.pricing.as_ref().and_then(Pricing::words);
    event.text = failure.map(Failure::words).or_else(pricing).map(Into::into);
    event.vendor_id = Some(status.id.into());
    Some(event)
}

/// The statuses of the "Status messages webhook reference".
fn kind(status: &str, code: Option<i64>) -> Option<EventKind> {
    Some(match status {
        "delivered" => EventKind::Delivered,
        "failed" if code.is_some_and(errors::is_suppressed) => EventKind::Suppressed,
        "failed" if code.is_some_and(errors::is_unreachable) => EventKind::Bounced,
        "failed" => EventKind::Failed,
        // A voice message that was played was heard.
        "played" | "read" => EventKind::Read,
        "sent" => EventKind::Accepted,
        _ => return None,
    })
}

/// Seconds since 1970, as text.
fn moment(seconds: &str, now: Timestamp) -> Timestamp {
    seconds.parse().ok().filter(|seconds| (0..1 << 40).contains(seconds)).map_or(now, Timestamp::from_secs)
}

/// A message to us. Notes of the system, such as a changed number, are nobody's message.
fn reply(value: &Value, message: &Value, now: Timestamp) -> Option<Reply> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let kind = message["type"].as_str().filter(|kind| *kind != "system")?;
    let wa_id = message["from"].as_str()?;
    let from: PhoneNumber = format!("+{}", wa_id.trim_start_matches('+')).parse().ok()?;
    let to = text(&value["metadata"]["display_phone_number"]).unwrap_or_default();
    let at = moment(message["timestamp"].as_str().unwrap_or_default(), now);
    let words = words(kind, &message[kind]).unwrap_or_default();
    let mut reply = Reply::new(Channel::WhatsApp, from, to, words, message["id"].as_str()?, at);
    reply.media = media(&message[kind]).into_iter().collect();
    reply.choice = choice(kind, &message[kind]).map(Into::into);
    reply.location = (kind == "location").then(|| location(&message[kind])).flatten();
    let quoted = text(&message["context"]["id"]).or_else(|| text(&message["reaction"]["message_id"]));
    reply.reply_to = quoted.map(Into::into);
    reply.profile = profile(value, wa_id).map(Into::into);
    Some(reply)
}

/// What the writer said, by the kind of message.
fn words<'a>(kind: &str, said: &'a Value) -> Option<&'a str> {
    match kind {
        "button" => said["text"].as_str(),
        "interactive" => chosen(said)["title"].as_str(),
        "reaction" => said["emoji"].as_str(),
        "text" => said["body"].as_str(),
        _ => said["caption"].as_str(),
    }
}

/// The button or row that was chosen.
fn chosen(interactive: &Value) -> &Value {
    let kind = interactive["type"].as_str().unwrap_or_default();
    &interactive[kind]
}

fn choice<'a>(kind: &str, said: &'a Value) -> Option<&'a str> {
    match kind {
        "button" => said["payload"].as_str(),
        "interactive" => chosen(said)["id"].as_str(),
        _ => None,
    }
}

/// A link where Meta gives one, else the id by which the file is fetched; both have a hash or a type beside.
fn media(said: &Value) -> Option<Arc<str>> {
    said["mime_type"].as_str()?;
    said["url"].as_str().or_else(|| said["id"].as_str()).map(Into::into)
}

fn location(said: &Value) -> Option<Location> {
    let mut location = Location::new(said["latitude"].as_f64()?, said["longitude"].as_f64()?).ok()?;
    location.name = said["name"].as_str().map(Into::into);
    location.address = said["address"].as_str().map(Into::into);
    Some(location)
}

/// The name of who wrote, from the list of all who did.
fn profile<'a>(value: &'a Value, wa_id: &str) -> Option<&'a str> {
    let mut writers = list(value, "contacts");
    writers.find(|writer| writer["wa_id"].as_str() == Some(wa_id))?["profile"]["name"].as_str()
}

#[cfg(test)]
mod tests;
