//! SES's events, as they come over Amazon SNS.
//!
//! <https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html>

use std::{collections::BTreeMap, sync::Arc};

use serde::Deserialize;
use serde_json::Value;

use super::limits::TOKEN;
use crate::{
    error::Result,
    event::EventKind,
    http::classify::excerpt,
    providers::{
        echo::{Echo, EchoKey},
        shared::aws::Notification,
    },
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, VendorEvent},
};

/// The record of one event; of its parts there is the one that its type names.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Record {
    #[serde(alias = "notificationType")]
    event_type: String,
    mail: Mail,
    #[serde(default)]
    bounce: Value,
    #[serde(default)]
    click: Value,
    #[serde(default)]
    complaint: Value,
    #[serde(default)]
    delivery: Value,
    #[serde(default)]
    delivery_delay: Value,
    #[serde(default)]
    failure: Value,
    #[serde(default)]
    open: Value,
    #[serde(default)]
    reject: Value,
    #[serde(default)]
    subscription: Value,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mail {
    message_id: String,
    #[serde(default)]
    timestamp: String,
    #[serde(default)]
    destination: Vec<String>,
    #[serde(default)]
    tags: BTreeMap<String, Value>,
}

/// What happened to some recipients.
struct Found<'a> {
    kind: EventKind,
    part: &'a Value,
    people: Vec<Person>,
    code: Option<String>,
    text: Option<String>,
}

/// A recipient; `None` if the event does not say whom it is about.
struct Person {
    address: Option<String>,
    code: Option<String>,
    text: Option<String>,
}

pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    let Some(notification) = Notification::read(request)? else { return Ok(Vec::new()) };
    // SNS tests a topic with words of its own, which are no record.
    let Ok(record) = serde_json::from_str::<Record>(&notification.message) else { return Ok(Vec::new()) };
    let Some(found) = record.found() else { return Ok(Vec::new()) };
    let at = record.at(&found).or(notification.at()).unwrap_or(request.received);
    let token = echo.and_then(|key| record.mail.token(key));
    let events = found.people.iter().enumerate().map(|(index, person)| {
        let mut event = record.mail.event(person, token, found.kind.clone(), at);
        event.source = match index {
            0 => notification.message_id.as_str().into(),
            _ => format!("{}#{index}", notification.message_id).into(),
        };
        event.code = person.code.as_deref().or(found.code.as_deref()).map(|code| excerpt(code).into());
        event.text = person.text.as_deref().or(found.text.as_deref()).map(|text| excerpt(text).into());
        Inbound::Event(event)
    });
    Ok(events.collect())
}

impl Record {
    fn found(&self) -> Option<Found<'_>> {
        Some(match self.event_type.as_str() {
            "Bounce" => self.bounced(),
            "Complaint" => self.complained(),
            "Delivery" => Found {
                people: people(&self.delivery, "recipients"),
                text: text(&self.delivery, "smtpResponse"),
                ..self.all(EventKind::Delivered, &self.delivery)
            },
            "DeliveryDelay" => Found {
                people: people(&self.delivery_delay, "delayedRecipients"),
                code: text(&self.delivery_delay, "delayType"),
                ..self.all(EventKind::Deferred, &self.delivery_delay)
            },
            "Send" => self.all(EventKind::Accepted, &Value::Null),
            "Reject" => {
                Found { text: text(&self.reject, "reason"), ..self.all(EventKind::Failed, &self.reject) }
            }
            "Rendering Failure" => Found {
                text: text(&self.failure, "errorMessage"),
                ..self.all(EventKind::Failed, &self.failure)
            },
            "Open" => self.someone(EventKind::Opened, &self.open),
            "Click" => {
                Found { text: text(&self.click, "link"), ..self.someone(EventKind::Clicked, &self.click) }
            }
            "Subscription" => self.subscribed()?,
            _ => return None,
        })
    }

    fn bounced(&self) -> Found<'_> {
        let (kind, sub) = (text(&self.bounce, "bounceType"), text(&self.bounce, "bounceSubType"));
        let listed = matches!(sub.as_deref(), Some("OnAccountSuppressionList" | "Suppressed"));
        let event = match kind.as_deref() {
            _ if listed => EventKind::Suppressed,
            Some("Permanent") => EventKind::Bounced,
            // "SES has given up": it told of the tries before as delays.
            _ => EventKind::Failed,
        };
        let people = people(&self.bounce, "bouncedRecipients");
        Found { people, code: sub.or(kind), ..self.all(event, &self.bounce) }
    }

    fn complained(&self) -> Found<'_> {
        let listed = text(&self.complaint, "complaintSubType").as_deref() == Some("OnAccountSuppressionList");
        let event = if listed { EventKind::Suppressed } else { EventKind::Complained };
        let people = people(&self.complaint, "complainedRecipients");
        let code = text(&self.complaint, "complaintFeedbackType");
        Found { people, code, ..self.all(event, &self.complaint) }
    }

    /// Who leaves one topic of several still wants the others.
    fn subscribed(&self) -> Option<Found<'_>> {
        let left = self.subscription.pointer("/newTopicPreferences/unsubscribeAll")?.as_bool()?;
        let code = text(&self.subscription, "contactList");
        let kind = if left { EventKind::Unsubscribed } else { EventKind::Other("resubscribed".into()) };
        Some(Found { code, ..self.someone(kind, &self.subscription) })
    }

    /// About all recipients.
    fn all<'a>(&self, kind: EventKind, part: &'a Value) -> Found<'a> {
        let person = |address: &String| Person { address: Some(address.clone()), code: None, text: None };
        let people = self.mail.destination.iter().map(person).collect();
        Found { kind, part, people, code: None, text: None }
    }

    /// About one of the recipients; SES says who only if there is one.
    fn someone<'a>(&self, kind: EventKind, part: &'a Value) -> Found<'a> {
        let only = match self.mail.destination.as_slice() {
            [one] => Some(one.clone()),
            _ => None,
        };
        let people = vec![Person { address: only, code: None, text: None }];
        Found { kind, part, people, code: None, text: None }
    }

    fn at(&self, found: &Found<'_>) -> Option<Timestamp> {
        let own = text(found.part, "timestamp").and_then(|text| text.parse().ok());
        own.or_else(|| self.mail.timestamp.parse().ok())
    }
}

impl Mail {
    /// Tags come as lists of values.
    fn token(&self, key: &EchoKey) -> Option<Echo> {
        key.open(self.tags.get(TOKEN)?.get(0)?.as_str()?)
    }

    fn event(&self, person: &Person, token: Option<Echo>, kind: EventKind, at: Timestamp) -> VendorEvent {
        let address = person.address.as_deref();
        let told = token.and_then(|echo| echo.correlation(address));
        let generation = told.is_some().then(|| token.map(|echo| echo.generation)).flatten();
        let by_id =
            Correlation::VendorId { id: self.message_id.as_str().into(), recipient: address.map(Arc::from) };
        let mut event = VendorEvent::new(told.unwrap_or(by_id), kind, at, "");
        event.generation = generation;
        event.vendor_id = Some(self.message_id.as_str().into());
        event
    }
}

/// A list of addresses, or of objects that hold one.
fn people(part: &Value, list: &str) -> Vec<Person> {
    let list = part.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let person = |one: &Value| {
        let address = one.as_str().map(str::to_owned).or_else(|| text(one, "emailAddress"))?;
        Some(Person { address: Some(address), code: text(one, "status"), text: text(one, "diagnosticCode") })
    };
    list.iter().filter_map(person).collect()
}

fn text(part: &Value, name: &str) -> Option<String> {
    part.get(name)?.as_str().filter(|text| !text.is_empty()).map(str::to_owned)
}
