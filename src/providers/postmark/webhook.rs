//! What Postmark's webhooks tell: deliveries, bounces, complaints, opens, clicks, subscriptions.

use std::sync::Arc;

use serde_json::Value;

use super::mail::TOKEN;
use crate::{
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::classify::excerpt,
    providers::{echo::EchoKey, shared::inbound::at},
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, VendorEvent},
};

/// The event that the call tells, if it is one that we know.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    let event: Value = serde_json::from_slice(&request.body)
        .map_err(|e| Error::new(ErrorKind::Protocol, "the body is no JSON of an event").with_source(e))?;
    if !event.is_object() {
        return Err(Error::new(ErrorKind::Protocol, "the body is no JSON of an event"));
    }
    Ok(read(&event, echo, request.received).map(Inbound::Event).into_iter().collect())
}

fn read(event: &Value, echo: Option<&EchoKey>, received: Timestamp) -> Option<VendorEvent> {
    let kind = kind(event)?;
    let address = at(event, &["Recipient"]).or_else(|| at(event, &["Email"]));
    let vendor_id: Option<Arc<str>> = at(event, &["MessageID"]).map(Into::into);
    let token = echo.zip(at(event, &["Metadata", TOKEN])).and_then(|(key, token)| key.open(token));
    let echoed = token.and_then(|token| token.correlation(address));
    let correlation = echoed.or_else(|| {
        let id = Arc::clone(vendor_id.as_ref()?);
        Some(Correlation::VendorId { id, recipient: address.map(Arc::from) })
    })?;
    let time = time(event);
    let told = time.and_then(|text| text.parse::<Timestamp>().ok());
    let mut told =
        VendorEvent::new(correlation, kind, told.unwrap_or(received), source(event, address, time)?);
    told.generation = token.map(|token| token.generation);
    told.vendor_id = vendor_id;
    told.code = code(event);
    told.text = text(event);
    Some(told)
}

fn time(event: &Value) -> Option<&str> {
    ["DeliveredAt", "BouncedAt", "ReceivedAt", "ChangedAt"].into_iter().find_map(|name| at(event, &[name]))
}

/// Only bounces and complaints have an id; the others are told by what makes them one.
fn source(event: &Value, address: Option<&str>, time: Option<&str>) -> Option<String> {
    let record = at(event, &["RecordType"])?;
    if let Some(id) = event.get("ID").and_then(Value::as_i64) {
        return Some(format!("{record}/{id}"));
    }
    let id = at(event, &["MessageID"])?;
    Some(format!("{record}/{id}/{}/{}", address.unwrap_or_default(), time?))
}

/// <https://postmarkapp.com/developer/webhooks/webhooks-overview>, and for the types of bounces
/// <https://postmarkapp.com/developer/api/bounce-api#bounce-types>
fn kind(event: &Value) -> Option<EventKind> {
    Some(match at(event, &["RecordType"])? {
        "Bounce" => bounce(at(event, &["Type"]).unwrap_or_default()),
        "Click" => EventKind::Clicked,
        "Delivery" => EventKind::Delivered,
        "Open" => EventKind::Opened,
        "SpamComplaint" => EventKind::Complained,
        "SubscriptionChange" => subscription(event),
        _ => return None,
    })
}

fn bounce(kind: &str) -> EventKind {
    match kind {
        "AddressChange" | "AutoResponder" | "ChallengeVerification" => EventKind::Other("answered".into()),
        "DnsError" | "Transient" => EventKind::Deferred,
        "ManuallyDeactivated" => EventKind::Suppressed,
        "SMTPApiError" | "TemplateRenderingFailed" => EventKind::Failed,
        "SpamComplaint" => EventKind::Complained,
        "Subscribe" => EventKind::Other("resubscribed".into()),
        "Unsubscribe" => EventKind::Unsubscribed,
        _ => EventKind::Bounced,
    }
}

/// A suppression comes also of a bounce or a complaint, which have calls of their own.
fn subscription(event: &Value) -> EventKind {
    let stopped = event.get("SuppressSending").and_then(Value::as_bool).unwrap_or(true);
    match (stopped, at(event, &["SuppressionReason"])) {
        (false, _) => EventKind::Other("resubscribed".into()),
        (true, Some("HardBounce" | "SpamComplaint")) => EventKind::Other("deactivated".into()),
        (true, _) => EventKind::Unsubscribed,
    }
}

fn code(event: &Value) -> Option<Arc<str>> {
    at(event, &["Type"]).or_else(|| at(event, &["SuppressionReason"])).map(Into::into)
}

fn text(event: &Value) -> Option<Arc<str>> {
    if let Some(link) = at(event, &["OriginalLink"]) {
        return Some(link.into());
    }
    let words = at(event, &["Details"]).or_else(|| at(event, &["Description"]))?;
    Some(excerpt(words).into())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;
    use crate::{
        id::{DeliveryId, MessageId},
        providers::echo::Echo,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn request(body: &str) -> RawRequest {
        RawRequest::new(Method::POST, "https://x.org/in", HeaderMap::new(), body.to_owned(), NOW)
    }

    fn event(body: &Value, echo: Option<&EchoKey>) -> VendorEvent {
        match &parse(echo, &request(&body.to_string())).expect("an event")[..] {
            [Inbound::Event(event)] => event.clone(),
            other => panic!("{body}: {other:?}"),
        }
    }

    #[test]
    fn events_have_kinds_and_details() {
        let at = "2025-04-05T16:33:54.9070259Z";
        let table = [
            (
                json!({"RecordType": "Delivery", "Recipient": "a@x.org", "DeliveredAt": at, "Details": "250 OK"}),
                "delivered",
                None,
                Some("250 OK"),
            ),
            (
                json!({"RecordType": "Bounce", "ID": 42, "Type": "HardBounce", "Email": "a@x.org", "BouncedAt": at,
                "Details": "550 5.1.1"}),
                "bounced",
                Some("HardBounce"),
                Some("550 5.1.1"),
            ),
            (
                json!({"RecordType": "Bounce", "ID": 42, "Type": "Transient", "Email": "a@x.org", "BouncedAt": at}),
                "deferred",
                Some("Transient"),
                None,
            ),
            (
                json!({"RecordType": "SpamComplaint", "ID": 42, "Type": "SpamComplaint", "Email": "a@x.org",
                "BouncedAt": at}),
                "complained",
                Some("SpamComplaint"),
                None,
            ),
            (json!({"RecordType": "Open", "Recipient": "a@x.org", "ReceivedAt": at}), "opened", None, None),
            (
                json!({"RecordType": "Click", "Recipient": "a@x.org", "ReceivedAt": at,
                "OriginalLink": "https://x.org/a"}),
                "clicked",
                None,
                Some("https://x.org/a"),
            ),
            (
                json!({"RecordType": "SubscriptionChange", "Recipient": "a@x.org", "ChangedAt": at,
                "SuppressSending": true, "SuppressionReason": "ManualSuppression"}),
                "unsubscribed",
                Some("ManualSuppression"),
                None,
            ),
            (
                json!({"RecordType": "SubscriptionChange", "Recipient": "a@x.org", "ChangedAt": at,
                "SuppressSending": true, "SuppressionReason": "HardBounce"}),
                "deactivated",
                Some("HardBounce"),
                None,
            ),
            (
                json!({"RecordType": "SubscriptionChange", "Recipient": "a@x.org", "ChangedAt": at,
                "SuppressSending": false}),
                "resubscribed",
                None,
                None,
            ),
        ];
        for (mut body, kind, code, text) in table {
            body["MessageID"] = "m1".into();
            let event = event(&body, None);
            assert_eq!(event.kind.as_str(), kind, "{body}");
            assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, text), "{body}");
            assert_eq!(event.at, at.parse().expect("a time"));
            let by_id = Correlation::VendorId { id: "m1".into(), recipient: Some("a@x.org".into()) };
            assert_eq!(event.correlation, by_id);
            assert!(event.source.ends_with("/42") || event.source.ends_with(at), "{}", event.source);
        }
    }

    #[test]
    fn tokens_of_ours_name_the_delivery_and_others_are_ignored() {
        let key = EchoKey::derive(&"k".to_owned().into());
        let message = MessageId::new(NOW);
        let token = key.sign(&Echo { message, recipient: Some(4), generation: 2 });
        let body = |token: &str| {
            json!({"RecordType": "Delivery", "MessageID": "m1", "Recipient": "a@x.org",
                "DeliveredAt": "2025-04-05T16:33:54Z", "Metadata": {TOKEN: token}})
        };
        let read = event(&body(&token), Some(&key));
        assert_eq!(read.correlation, Correlation::Delivery(DeliveryId { message, recipient: 4 }));
        assert_eq!(read.generation, Some(2));
        assert!(matches!(event(&body("x"), Some(&key)).correlation, Correlation::VendorId { .. }));
    }

    #[test]
    fn what_is_unknown_is_skipped_and_what_cannot_be_read_is_an_error() {
        for skipped in ["{}", r#"{"RecordType":"Inbound"}"#, r#"{"RecordType":"Open","MessageID":"m"}"#] {
            assert!(parse(None, &request(skipped)).expect("nothing").is_empty(), "{skipped}");
        }
        for nonsense in ["", "[", "[]", "7"] {
            let error = parse(None, &request(nonsense)).expect_err("unreadable");
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn no_input_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        let good = r#"{"RecordType":"Open","MessageID":"m","Recipient":"a@x.org","ReceivedAt":"2025-04-05T16:33:54Z"}"#;
        for _ in 0..5_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            let mut call = request("");
            call.body = bytes.into();
            let _ = parse(None, &call);
        }
    }
}
