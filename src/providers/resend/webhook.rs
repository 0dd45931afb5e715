//! What Resend's webhooks tell.

use std::sync::Arc;

use serde_json::Value;

use super::{mail::TOKEN, signature};
use crate::{
    error::{Error, ErrorKind, Result},
    event::EventKind,
    http::classify::excerpt,
    providers::{echo::EchoKey, shared::inbound::at},
    webhook::{Correlation, Inbound, RawRequest, VendorEvent},
};

/// The event that the call tells, if it is one that we know and of one reader.
pub(super) fn parse(echo: Option<&EchoKey>, request: &RawRequest) -> Result<Vec<Inbound>> {
    let event: Value = serde_json::from_slice(&request.body)
        .map_err(|e| Error::new(ErrorKind::Protocol, "the body is no JSON of an event").with_source(e))?;
    if !event.is_object() {
        return Err(Error::new(ErrorKind::Protocol, "the body is no JSON of an event"));
    }
    Ok(read(&event, echo, request).map(Inbound::Event).into_iter().collect())
}

fn read(event: &Value, echo: Option<&EchoKey>, request: &RawRequest) -> Option<VendorEvent> {
    let data = event.get("data")?;
    let kind = kind(at(event, &["type"])?, data)?;
    let id: Arc<str> = at(data, &["email_id"])?.into();
    let token = echo.zip(at(data, &["tags", TOKEN])).and_then(|(key, token)| key.open(token));
    let correlation = match token {
        // Of several readers nobody knows which one it was.
        Some(token) => token.correlation(None)?,
        None => Correlation::VendorId { id: Arc::clone(&id), recipient: Some(only_reader(data)?.into()) },
    };
    let time = at(event, &["created_at"]);
    let source = match signature::id(request) {
        Some(source) => source.to_owned(),
        None => format!("{id}/{}/{}", at(event, &["type"])?, time?),
    };
    let happened = time.and_then(|text| text.parse().ok()).unwrap_or(request.received);
    let mut told = VendorEvent::new(correlation, kind, happened, source);
    told.generation = token.map(|token| token.generation);
    told.vendor_id = Some(id);
    told.code =
        at(data, &["bounce", "subType"]).or_else(|| at(data, &["suppressed", "type"])).map(Into::into);
    told.text = text(data);
    Some(told)
}

fn only_reader(data: &Value) -> Option<&str> {
    match data.get("to")?.as_array()?.as_slice() {
        [Value::String(one)] => Some(one),
        _ => None,
    }
}

/// <https://resend.com/docs/dashboard/webhooks/event-types>
fn kind(kind: &str, data: &Value) -> Option<EventKind> {
    Some(match kind {
        "email.bounced" if at(data, &["bounce", "subType"]) == Some("Suppressed") => EventKind::Suppressed,
        "email.bounced" => EventKind::Bounced,
        "email.clicked" => EventKind::Clicked,
        "email.complained" => EventKind::Complained,
        "email.delivered" => EventKind::Delivered,
        "email.delivery_delayed" => EventKind::Deferred,
        "email.failed" => EventKind::Failed,
        "email.opened" => EventKind::Opened,
        "email.sent" => EventKind::Accepted,
        "email.suppressed" => EventKind::Suppressed,
        _ => return None,
    })
}

fn text(data: &Value) -> Option<Arc<str>> {
    if let Some(link) = at(data, &["click", "link"]) {
        return Some(link.into());
    }
    let places: [&[&str]; 3] = [&["bounce", "message"], &["failed", "reason"], &["suppressed", "message"]];
    places.into_iter().find_map(|place| at(data, place)).map(|words| excerpt(words).into())
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, Method};
    use serde_json::json;

    use super::*;
    use crate::{
        id::{DeliveryId, MessageId},
        providers::echo::Echo,
        time::Timestamp,
    };

    const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

    fn request(body: &str) -> RawRequest {
        let mut headers = HeaderMap::new();
        headers.insert("svix-id", "msg_1".parse().expect("a value"));
        RawRequest::new(Method::POST, "https://x.org/in", headers, body.to_owned(), NOW)
    }

    fn events(kind: &str, data: Value, echo: Option<&EchoKey>) -> Vec<VendorEvent> {
        let mut all = json!({"email_id": "m1", "to": ["a@x.org"]});
        all.as_object_mut().expect("an object").extend(data.as_object().expect("an object").clone());
        let body = json!({"type": kind, "created_at": "2026-01-01T00:00:00.5Z", "data": all});
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
        let bounce = |sub: &str| json!({"bounce": {"type": "Permanent", "subType": sub, "message": "gone"}});
        let table = [
            ("email.sent", json!({}), "accepted", None, None),
            ("email.delivered", json!({}), "delivered", None, None),
            ("email.delivery_delayed", json!({}), "deferred", None, None),
            ("email.complained", json!({}), "complained", None, None),
            ("email.bounced", bounce("General"), "bounced", Some("General"), Some("gone")),
            ("email.bounced", bounce("Suppressed"), "suppressed", Some("Suppressed"), Some("gone")),
            ("email.failed", json!({"failed": {"reason": "quota"}}), "failed", None, Some("quota")),
            (
                "email.suppressed",
                json!({"suppressed": {"type": "OnAccount", "message": "listed"}}),
                "suppressed",
                Some("OnAccount"),
                Some("listed"),
            ),
            ("email.opened", json!({}), "opened", None, None),
            (
                "email.clicked",
                json!({"click": {"link": "https://x.org/a"}}),
                "clicked",
                None,
                Some("https://x.org/a"),
            ),
        ];
        for (name, data, kind, code, text) in table {
            let [event] = &events(name, data, None)[..] else { panic!("one event of {name}") };
            assert_eq!(event.kind.as_str(), kind, "{name}");
            assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, text), "{name}");
            assert_eq!((&*event.source, event.at.as_micros() % 1_000_000), ("msg_1", 500_000));
            let by_id = Correlation::VendorId { id: "m1".into(), recipient: Some("a@x.org".into()) };
            assert_eq!(event.correlation, by_id);
        }
    }

    #[test]
    fn what_may_be_about_several_readers_is_skipped() {
        let key = EchoKey::derive(&"k".to_owned().into());
        let message = MessageId::new(NOW);
        let token = |recipient| key.sign(&Echo { message, recipient, generation: 2 });
        let tagged = |recipient| json!({"tags": {TOKEN: token(recipient)}});
        let [event] = &events("email.opened", tagged(Some(4)), Some(&key))[..] else { panic!("one event") };
        assert_eq!(event.correlation, Correlation::Delivery(DeliveryId { message, recipient: 4 }));
        assert_eq!(event.generation, Some(2));
        assert!(events("email.opened", tagged(None), Some(&key)).is_empty());
        assert!(events("email.opened", json!({"to": ["a@x.org", "b@x.org"]}), None).is_empty());
        // What others wrote there is no token of ours.
        assert_eq!(events("email.opened", json!({"tags": {TOKEN: "x"}}), Some(&key)).len(), 1);
    }

    #[test]
    fn what_is_unknown_is_skipped_and_what_cannot_be_read_is_an_error() {
        assert!(events("contact.created", json!({}), None).is_empty());
        assert!(parse(None, &request(r#"{"type":"email.sent"}"#)).expect("nothing").is_empty());
        for nonsense in ["", "[", "[]", "7"] {
            let error = parse(None, &request(nonsense)).expect_err("unreadable");
            assert_eq!(error.kind(), ErrorKind::Protocol);
        }
    }

    #[test]
    fn no_input_panics() {
        let mut random = fastrand::Rng::with_seed(7);
        let good = r#"{"type":"email.sent","created_at":"2026-01-01T00:00:00Z","data":{"email_id":"m","to":["a@x.org"]}}"#;
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
