use http::{HeaderMap, Method};
use serde_json::json;

use super::*;
use crate::{
    id::{DeliveryId, MessageId},
    providers::echo::Echo,
};

const NOW: Timestamp = Timestamp::from_secs(7);

fn call(kind: &'static str, url: &str, body: &str) -> RawRequest {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", http::HeaderValue::from_static(kind));
    RawRequest::new(Method::POST, url, headers, body.to_owned(), NOW)
}

fn read(body: &Value) -> Vec<Inbound> {
    let request = call("application/json", "https://x.org/in", &body.to_string());
    parse(None, "EUR", &request).expect("JSON")
}

fn event_of(body: &Value) -> Option<VendorEvent> {
    match read(body).pop()? {
        Inbound::Event(event) => Some(event),
        other => panic!("{other:?}"),
    }
}

// https://developer.vonage.com/en/messaging/sms/guides/delivery-receipts
#[test]
fn receipts_of_the_sms_api_are_events() {
    for (status, code, kind) in [
        ("accepted", "0", "accepted"),
        ("buffered", "0", "deferred"),
        ("delivered", "0", "delivered"),
        ("expired", "1", "failed"),
        ("failed", "2", "failed"),
        ("failed", "3", "bounced"),
        ("rejected", "9", "bounced"),
        ("rejected", "6", "failed"),
    ] {
        let event = event_of(&json!({
            "msisdn": "447700900000", "to": "AcmeInc", "network-code": "12345", "messageId": "0A0000001234567B",
            "price": "0.03330000", "status": status, "scts": "2001011400", "err-code": code,
            "api-key": "abcd1234", "message-timestamp": "2020-01-01 12:00:00",
        }));
        let event = event.expect("known");
        assert_eq!(event.kind.as_str(), kind, "{status} {code}");
        let by_id = Correlation::VendorId { id: "0A0000001234567B".into(), recipient: None };
        assert_eq!((event.correlation, event.at.as_secs()), (by_id, 1_577_880_000));
        assert_eq!(&*event.source, format!("0A0000001234567B:{status}"));
        let told = if code == "0" { (None, Some("cost: 0.0333 EUR")) } else { (Some(code), None) };
        assert_eq!((event.code.as_deref(), event.text.as_deref()), told);
    }
    assert_eq!(event_of(&json!({"messageId": "1", "status": "unknown"})), None);
}

#[test]
fn a_reference_of_ours_names_the_delivery() {
    let key = EchoKey::derive(&"k".to_owned().into());
    let message = MessageId::new(Timestamp::from_secs(1));
    let token = key.sign(&Echo { message, recipient: Some(0), generation: 3 });
    let form = format!("messageId=1&status=delivered&client-ref={token}");
    let form = call("application/x-www-form-urlencoded", "https://x.org/in", &form);
    let json = json!({"message_uuid": "u", "status": "delivered", "client_ref": token}).to_string();
    let json = call("application/json", "https://x.org/in", &json);
    let query = call("", &format!("https://x.org/in?messageId=1&status=delivered&client-ref={token}"), "");
    for request in [form, json, query] {
        let [Inbound::Event(event)] = &parse(Some(&key), "EUR", &request).expect("read")[..] else {
            panic!("one event")
        };
        assert_eq!(event.correlation, Correlation::Delivery(DeliveryId { message, recipient: 0 }));
        assert_eq!(event.generation, Some(3));
    }
}

// https://developer.vonage.com/en/messages/concepts/messages-status-callbacks
#[test]
fn statuses_of_the_messages_api_are_events() {
    let error = |code: &str| {
        json!({"type": format!("https://developer.vonage.com/api-errors/messages#{code}"),
        "title": code, "detail": "why", "instance": "i"})
    };
    for (status, error, kind, code, text) in [
        ("submitted", json!(null), "accepted", None, "cost: 0.0333 EUR"),
        ("delivered", json!(null), "delivered", None, "cost: 0.0333 EUR"),
        ("read", json!(null), "read", None, "cost: 0.0333 EUR"),
        ("rejected", error("1190"), "bounced", Some("1190"), "why"),
        ("rejected", error("1240"), "suppressed", Some("1240"), "why"),
        ("undeliverable", error("1230"), "failed", Some("1230"), "why"),
        ("rejected", json!({"code": 1300, "reason": "not there"}), "bounced", Some("1300"), "not there"),
    ] {
        let event = event_of(&json!({
            "message_uuid": "aaaaaaaa-bbbb", "to": "447700900000", "from": "447700900001", "channel": "sms",
            "timestamp": "2020-01-01T12:00:00.000Z", "status": status, "error": error,
            "usage": {"currency": "EUR", "price": "0.0333"},
        }));
        let event = event.expect("known");
        assert_eq!((event.kind.as_str(), event.at.as_secs()), (kind, 1_577_880_000), "{status}");
        assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, Some(text)));
    }
}

#[test]
fn messages_to_us_are_answers() {
    let sms = json!({"msisdn": "447700900001", "to": "447700900000", "messageId": "0A", "text": "Hello",
        "type": "text", "keyword": "HELLO", "api-key": "abcd1234", "message-timestamp": "2020-01-01 12:00:00"});
    let messages = json!({"channel": "sms", "message_uuid": "u", "to": "447700900000", "from": "447700900001",
        "timestamp": "2020-01-01T12:00:00Z", "message_type": "text", "text": "Hello", "sms": {"num_messages": "1"}});
    for (body, id) in [(sms, "0A"), (messages, "u")] {
        let [Inbound::Reply(reply)] = &read(&body)[..] else { panic!("one answer") };
        assert_eq!(
            (reply.channel, reply.from.as_str(), &*reply.to),
            (Channel::Sms, "+447700900001", "447700900000")
        );
        assert_eq!((&*reply.text, &*reply.vendor_id, reply.at.as_secs()), ("Hello", id, 1_577_880_000));
    }
    let chosen = json!({"channel": "whatsapp", "message_uuid": "u", "to": "1", "from": "447700900001",
        "message_type": "reply", "reply": {"id": "row1", "title": "9am"}, "profile": {"name": "Ada"},
        "context": {"message_uuid": "v"}});
    let [Inbound::Reply(reply)] = &read(&chosen)[..] else { panic!("one answer") };
    assert_eq!((reply.choice.as_deref(), &*reply.text, reply.at), (Some("row1"), "9am", NOW));
    assert_eq!((reply.profile.as_deref(), reply.reply_to.as_deref()), (Some("Ada"), Some("v")));
}

#[test]
fn what_is_unknown_or_broken_is_skipped_or_refused() {
    for body in ["", "a=b", "[]", "{}", "messageId=1", "{\"message_uuid\":7}", "{\"message_uuid\":\"u\"}"] {
        assert!(
            parse(None, "EUR", &call("application/json", "https://x.org", body)).expect("read").is_empty()
        );
    }
    let broken = parse(None, "EUR", &call("application/json", "https://x.org", "{\"message_uuid\":"));
    assert_eq!(broken.expect_err("broken").kind(), ErrorKind::Protocol);
}

#[test]
fn no_input_panics() {
    let seed = br#"{"message_uuid":"u","status":"rejected","error":{"type":"x#1190"},"usage":{"price":"1"}}&messageId=1"#;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..5_000 {
        let mut body = seed.to_vec();
        for _ in 0..random.usize(1..6) {
            let place = random.usize(0..body.len());
            body[place] = seed[random.usize(0..seed.len())];
        }
        body.truncate(random.usize(0..=body.len()));
        let mut request =
            call(if random.bool() { "application/json" } else { "" }, "https://x.org/?a=%ff", "");
        request.body = body.into();
        let _ = parse(None, "EUR", &request);
    }
}
