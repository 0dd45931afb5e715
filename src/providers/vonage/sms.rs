//! The SMS API: a form out, one status for each part back.

use std::sync::Arc;

use form_urlencoded::Serializer;
use serde::Deserialize;

use super::{Vonage, auth::Body, errors, options::Wishes, without_plus};
use crate::{
    error::{Certainty, Error, Result, Retry},
    http::{HttpResponse, classify::not_understood},
    message::{Money, Sms, SmsEncoding},
    provider::{Health, Outcome, Outgoing, Receipt},
    time::Timestamp,
};

const FORM: &str = "application/x-www-form-urlencoded";

pub(super) fn body(vonage: &Vonage, item: &Outgoing<'_, Sms>) -> Result<Body> {
    let sms = item.message();
    let wishes = Wishes::read(&sms.options, vonage.api)?;
    let mut form = Serializer::new(String::with_capacity(256));
    form.append_pair("from", vonage.sender(sms)?);
    form.append_pair("to", without_plus(sms.to.as_str()));
    form.append_pair("text", &sms.body);
    if sms.encoding() == SmsEncoding::Ucs2 {
        form.append_pair("type", "unicode");
    }
    let mut add = |name: &str, value: Option<&str>| {
        value.map(|value| form.append_pair(name, value));
    };
    add("client-ref", vonage.reference(item).as_deref());
    add("callback", vonage.status_callback.as_ref().map(|url| url.as_str()));
    add("content-id", wishes.content_id);
    add("entity-id", wishes.entity_id);
    add("message-class", wishes.message_class.map(|class| class.to_string()).as_deref());
    // In milliseconds here, in seconds in the Messages API.
    add("ttl", wishes.ttl.map(|secs| (secs * 1_000).to_string()).as_deref());
    Ok((form.finish().into(), FORM))
}

#[derive(Deserialize)]
struct Answer {
    messages: Vec<Part>,
}

#[derive(Deserialize)]
struct Part {
    status: String,
    #[serde(default, rename = "message-id")]
    id: String,
    #[serde(default, rename = "message-price")]
    price: String,
    #[serde(default, rename = "error-text")]
    error: String,
}

impl Part {
    fn is_taken(&self) -> bool {
        self.status == "0"
    }
}

/// What became of the message: taken if all parts were. Of one that was taken in part nobody can
/// send the rest, and the whole again would be a second copy of what was taken.
pub(super) fn receipt(answer: &HttpResponse, currency: &str, now: Timestamp) -> Result<Receipt> {
    if !answer.status().is_success() {
        return Err(errors::by_status(answer, now));
    }
    let read: Option<Answer> = serde_json::from_slice(answer.body()).ok();
    let parts = read.map(|answer| answer.messages).unwrap_or_default();
    let taken = parts.iter().filter(|part| part.is_taken()).count();
    if let Some(refused) = parts.iter().find(|part| !part.is_taken()) {
        let error = errors::of_sms(&refused.status, &refused.error);
        return Err(if taken == 0 { error } else { torn(error, taken, parts.len()) });
    }
    match parts.first().filter(|part| !part.id.is_empty()) {
        Some(first) => {
            let outcome = Outcome::accepted(Some(Arc::from(&*first.id))).with_cost(cost(&parts, currency));
            Ok(Receipt::new(vec![outcome]))
        }
        None => Err(not_understood(answer, "Vonage answers with an id for each part")),
    }
}

fn torn(error: Error, taken: usize, parts: usize) -> Error {
    error
        .with_certainty(Certainty::Unknown)
        .with_retry(Retry::Never)
        .with_context("parts", format!("{taken} of {parts} were taken"))
}

/// What all parts cost together, if all have a price.
fn cost(parts: &[Part], currency: &str) -> Option<Money> {
    let mut prices = parts.iter().map(|part| Money::new(&part.price, currency).ok());
    prices.next()??.plus_all(prices)
}

/// What the answer to a question for the balance says.
pub(super) fn health(answer: &HttpResponse, now: Timestamp) -> Result<Health> {
    #[derive(Deserialize)]
    struct Balance {
        #[serde(rename = "value")]
        _value: f64,
    }
    if !answer.status().is_success() {
        return Err(errors::by_status(answer, now));
    }
    match serde_json::from_slice::<Balance>(answer.body()) {
        Ok(_) => Ok(Health::Good),
        Err(_) => Err(not_understood(answer, "Vonage answers with the balance")),
    }
}
