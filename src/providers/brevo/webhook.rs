//! What Brevo's webhooks tell, one event a call or several.

use std::sync::Arc;

use serde_json::Value;

use super::{
    mail::{CUSTOM, TOKEN},
    wire::bare,
};
use crate::{
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::classify::excerpt,
    providers::{
        echo::{Echo, EchoKey},
        shared::inbound::at,
    },
    time::Timestamp,
    webhook::{Correlation, Inbound, RawRequest, VendorEvent},
};

/// The events that the call tells; what is unknown or broken is skipped.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    let body: Value = serde_json::from_slice(&request.body)
        .map_err(|e| Error::new(ErrorKind::Protocol, "the body is no JSON of events").with_source(e))?;
    let events = match &body {
        Value::Array(events) => events.as_slice(),
        Value::Object(_) => std::slice::from_ref(&body),
        _ => return Err(Error::new(ErrorKind::Protocol, "the body is no JSON of events")),
    };
    Ok(events.iter().filter_map(|event| read(event, echo, request.received)).map(Inbound::Event).collect())
}

fn read(event: &Value, echo: Option<&EchoKey>, received: Timestamp) -> Option<VendorEvent> {
    let word = at(event, &["event"])?;
    let address = at(event, &["email"]);
    let vendor_id: Option<Arc<str>> = at(event, &["message-id"]).map(|id| bare(id).into());
    let token = token(event, echo);
    let echoed = token.and_then(|token| token.correlation(address));
    let correlation = echoed.or_else(|| {
        let id = Arc::clone(vendor_id.as_ref()?);
        Some(Correlation::VendorId { id, recipient: address.map(Arc::from) })
    })?;
    let millis = event.get("ts_epoch").and_then(Value::as_i64);
    let link = at(event, &["link"]);
    let source = format!(
        "{}/{}/{word}/{}/{}",
        vendor_id.as_deref()?,
        address.unwrap_or_default(),
        millis?,
        link.unwrap_or_default()
    );
    let when = millis.map_or(received, |millis| Timestamp::from_micros(millis.saturating_mul(1_000)));
    let mut told = VendorEvent::new(correlation, kind(word)?, when, source);
    told.generation = token.map(|token| token.generation);
    told.vendor_id = vendor_id;
    told.code = code(word).map(Into::into);
    told.text = link.map(Into::into).or_else(|| at(event, &["reason"]).map(|words| excerpt(words).into()));
    Some(told)
}

/// What we gave comes back as the text of a JSON object.
fn token(event: &Value, echo: Option<&EchoKey>) -> Option<Echo> {
    let custom: Value = serde_json::from_str(at(event, &[CUSTOM])?).ok()?;
    echo?.open(at(&custom, &[TOKEN])?)
}

/// <https://developers.brevo.com/docs/transactional-webhooks>
fn kind(word: &str) -> Option<EventKind> {
    Some(match word {
        "blocked" => EventKind::Suppressed,
        "click" => EventKind::Clicked,
        "complaint" | "spam" => EventKind::Complained,
        "deferred" => EventKind::Deferred,
        "delivered" => EventKind::Delivered,
        "error" => EventKind::Failed,
        "hard_bounce" | "invalid_email" | "soft_bounce" => EventKind::Bounced,
        "opened" | "proxy_open" | "unique_opened" | "unique_proxy_open" => EventKind::Opened,
        "request" => EventKind::Accepted,
        "unsubscribe" | "unsubscribed" => EventKind::Unsubscribed,
        _ => return None,
    })
}

/// What the kind alone does not say.
fn code(word: &str) -> Option<&'static str> {
    match word {
        "hard_bounce" => Some("hard_bounce"),
        "invalid_email" => Some("invalid_email"),
        "proxy_open" | "unique_proxy_open" => Some("machine"),
        "soft_bounce" => Some("soft_bounce"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;
    use crate::id::{DeliveryId, MessageId};

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn request(body: &str) -> RawRequest {
        RawRequest::new(Method::POST, "https://x.org/in", HeaderMap::new(), body.to_owned(), NOW)
    }

    fn body(fields: Value) -> Value {
        let mut body = json!({"email": "a@x.org", "id": 26_224, "message-id": "<m1@relay>", "ts_epoch": 1_604_933_619_000_i64});
        body.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        body
    }

    fn events(body: &Value, echo: Option<&EchoKey>) -> Vec<VendorEvent> {
        let inbound = parse(echo, &request(&body.to_string())).expect("readable");
        inbound
            .into_iter()
            .map(|one| match one {
                Inbound::Event(event) => event,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn events_have_kinds_and_details() {
        let table = [
            (json!({"event": "request"}), "accepted", None, None),
            (json!({"event": "delivered"}), "delivered", None, None),
            (json!({"event": "deferred", "reason": "busy"}), "deferred", None, Some("busy")),
            (json!({"event": "soft_bounce", "reason": "full"}), "bounced", Some("soft_bounce"), Some("full")),
            (json!({"event": "hard_bounce", "reason": "gone"}), "bounced", Some("hard_bounce"), Some("gone")),
            (json!({"event": "invalid_email"}), "bounced", Some("invalid_email"), None),
            (json!({"event": "blocked"}), "suppressed", None, None),
            (json!({"event": "error"}), "failed", None, None),
            (json!({"event": "spam"}), "complained", None, None),
            (json!({"event": "unique_opened"}), "opened", None, None),
            (json!({"event": "proxy_open"}), "opened", Some("machine"), None),
            (json!({"event": "click", "link": "https://x.org/a"}), "clicked", None, Some("https://x.org/a")),
            (json!({"event": "unsubscribed"}), "unsubscribed", None, None),
        ];
        for (fields, kind, code, text) in table {
            let [event] = &events(&body(fields.clone()), None)[..] else { panic!("one event of {fields}") };
            assert_eq!(event.kind.as_str(), kind, "{fields}");
            assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, text), "{fields}");
            assert_eq!(event.at, Timestamp::from_secs(1_604_933_619));
            assert!(event.source.starts_with("m1@relay/a@x.org/"), "{}", event.source);
            let by_id = Correlation::VendorId { id: "m1@relay".into(), recipient: Some("a@x.org".into()) };
            assert_eq!(event.correlation, by_id);
        }
    }

    #[test]
    fn tokens_of_ours_name_the_delivery_and_others_are_ignored() {
        let key = EchoKey::derive(&"k".to_owned().into());
        let message = MessageId::new(NOW);
        let token = key.sign(&Echo { message, recipient: Some(4), generation: 2 });
        let custom =
            |token: &str| json!({"event": "opened", CUSTOM: json!({TOKEN: token, "order": "7"}).to_string()});
        let [event] = &events(&body(custom(&token)), Some(&key))[..] else { panic!("one event") };
        assert_eq!(event.correlation, Correlation::Delivery(DeliveryId { message, recipient: 4 }));
        assert_eq!(event.generation, Some(2));
        let [event] = &events(&body(custom("x")), Some(&key))[..] else { panic!("one event") };
        assert!(matches!(event.correlation, Correlation::VendorId { .. }));
    }

    #[test]
    fn several_events_come_in_one_call_and_broken_ones_do_not_lose_the_others() {
        let all = json!([7, {}, body(json!({"event": "opened"})), {"event": "opened"}, body(json!({"event": "x"}))]);
        assert_eq!(events(&all, None).len(), 1);
        for nonsense in ["", "[", "7", "null"] {
            let error = parse(None, &request(nonsense)).expect_err("unreadable");
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn no_input_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        let good = body(json!({"event": "opened", CUSTOM: "{\"tidings\":\"x\"}"})).to_string();
        for _ in 0..5_000 {
            let mut bytes = good.as_bytes().to_vec();
            for _ in 0..random.usize(1..6) {
                let at = random.usize(0..bytes.len());
                bytes[at] = random.u8(..);
            }
            let mut call = request("");
            call.body = bytes.into();
            let _ = parse(Some(&EchoKey::derive(&"k".to_owned().into())), &call);
        }
    }
}
