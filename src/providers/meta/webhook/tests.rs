use http::{HeaderMap, Method};
use serde_json::json;

use super::*;
use crate::{
    id::{DeliveryId, MessageId},
    providers::echo::Echo,
};

fn call(body: impl Into<bytes::Bytes>) -> RawRequest {
    let now = Timestamp::from_secs(7);
    RawRequest::new(Method::POST, "https://x.org/in", HeaderMap::new(), body, now)
}

fn read(value: Value) -> Vec<Inbound> {
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": "102290129340398", "changes": [{"field": "messages", "value": value}]}],
    });
    parse(None, &call(body.to_string())).expect("JSON")
}

fn event_of(status: Value) -> Option<VendorEvent> {
    match read(json!({"statuses": [status]})).pop()? {
        Inbound::Event(event) => Some(event),
        other => panic!("{other:?}"),
    }
}

fn reply_of(message: Value) -> Reply {
    let mut message = message;
    message["from"] = "16505551234".into();
    message["id"] = "wamid.in".into();
    message["timestamp"] = "1749416383".into();
    let value = json!({
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
        "contacts": [{"profile": {"name": "Ada"}, "wa_id": "16505551234"}],
        "messages": [message],
    });
    match read(value).pop() {
        Some(Inbound::Reply(reply)) => reply,
        other => panic!("{other:?}"),
    }
}

// https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages/status
#[test]
fn statuses_are_events() {
    for (status, code, kind) in [
        ("sent", None, "accepted"),
        ("delivered", None, "delivered"),
        ("read", None, "read"),
        ("played", None, "read"),
        ("failed", Some(131_026), "bounced"),
        ("failed", Some(131_050), "suppressed"),
        ("failed", Some(131_047), "failed"),
        ("failed", None, "failed"),
    ] {
        let errors: Vec<Value> = code.map(|code| json!({"code": code, "title": "t"})).into_iter().collect();
        let event = event_of(json!({
            "id": "wamid.1", "status": status, "timestamp": "1749416383", "errors": errors,
        }));
        let event = event.expect("known");
        assert_eq!(event.kind.as_str(), kind, "{status}");
        assert_eq!(event.correlation, Correlation::VendorId { id: "wamid.1".into(), recipient: None });
        assert_eq!(
            (event.at, &*event.source),
            (Timestamp::from_secs(1_749_416_383), &*format!("wamid.1:{status}"))
        );
        assert_eq!(event.code.as_deref(), code.map(|code: i64| code.to_string()).as_deref());
    }
    assert_eq!(event_of(json!({"id": "wamid.1", "status": "teleported"})), None);
}

#[test]
fn details_and_pricing_are_told() {
    let failed = json!({"id": "w", "status": "failed", "timestamp": "x", "errors": [
        {"code": 131_047, "title": "Re-engagement message", "error_data": {"details": "24 hours"}},
    ]});
    let event = event_of(failed).expect("known");
    assert_eq!((event.text.as_deref(), event.at), (Some("24 hours"), Timestamp::from_secs(7)));
    for (billable, words) in [(true, "billed as utility"), (false, "not billed as utility")] {
        let pricing = json!({"billable": billable, "pricing_model": "PMP", "category": "utility"});
        let event = event_of(json!({"id": "w", "status": "sent", "pricing": pricing})).expect("known");
        assert_eq!(event.text.as_deref(), Some(words));
    }
}

#[test]
fn a_token_of_ours_names_the_delivery_and_any_other_is_passed_over() {
    let key = EchoKey::derive(&"k".to_owned().into());
    let message = MessageId::new(Timestamp::from_secs(1));
    let token = key.sign(&Echo { message, recipient: Some(0), generation: 2 });
    let body = |token: &str| {
        let status = json!({"id": "w", "status": "read", "biz_opaque_callback_data": token});
        call(json!({"entry": [{"changes": [{"value": {"statuses": [status]}}]}]}).to_string())
    };
    let events = |token: &str| parse(Some(&key), &body(token)).expect("JSON");
    let [Inbound::Event(event)] = &events(&token)[..] else { panic!("one event") };
    assert_eq!(event.correlation, Correlation::Delivery(DeliveryId { message, recipient: 0 }));
    assert_eq!(event.generation, Some(2));
    let [Inbound::Event(event)] = &events("forged")[..] else { panic!("one event") };
    assert!(matches!(event.correlation, Correlation::VendorId { .. }) && event.generation.is_none());
}

// https://developers.facebook.com/documentation/business-messaging/whatsapp/webhooks/reference/messages
#[test]
fn messages_are_answers() {
    let reply = reply_of(json!({"type": "text", "text": {"body": "Hello"}, "context": {"id": "wamid.out"}}));
    assert_eq!((reply.channel, reply.from.as_str()), (Channel::WhatsApp, "+16505551234"));
    assert_eq!((&*reply.to, &*reply.text, &*reply.vendor_id), ("15550783881", "Hello", "wamid.in"));
    assert_eq!((reply.profile.as_deref(), reply.reply_to.as_deref()), (Some("Ada"), Some("wamid.out")));
    assert_eq!(reply.at, Timestamp::from_secs(1_749_416_383));
    for (message, text, choice) in [
        (json!({"type": "button", "button": {"payload": "p", "text": "Yes"}}), "Yes", Some("p")),
        (
            json!({"type": "interactive", "interactive":
                {"type": "button_reply", "button_reply": {"id": "y", "title": "Yes"}}}),
            "Yes",
            Some("y"),
        ),
        (
            json!({"type": "interactive", "interactive":
                {"type": "list_reply", "list_reply": {"id": "r", "title": "Row", "description": "d"}}}),
            "Row",
            Some("r"),
        ),
        (json!({"type": "reaction", "reaction": {"message_id": "w", "emoji": "👍"}}), "👍", None),
        (json!({"type": "contacts", "contacts": [{"name": {}}]}), "", None),
        (json!({"type": "unsupported", "errors": [{"code": 131_051}]}), "", None),
    ] {
        let reply = reply_of(message);
        assert_eq!((&*reply.text, reply.choice.as_deref()), (text, choice));
    }
}

#[test]
fn media_and_places_are_read() {
    let image = json!({"mime_type": "image/jpeg", "sha256": "x", "id": "65463453", "caption": "My room"});
    let reply = reply_of(json!({"type": "image", "image": image}));
    assert_eq!((reply.media, &*reply.text), (vec![Arc::from("65463453")], "My room"));
    let voice =
        json!({"mime_type": "audio/ogg; codecs=opus", "id": "1", "url": "https://x.org/1", "voice": true});
    assert_eq!(reply_of(json!({"type": "audio", "audio": voice})).media, [Arc::from("https://x.org/1")]);
    let place = json!({"latitude": 47.07, "longitude": 15.44, "name": "Inn", "address": "Main Street"});
    let reply = reply_of(json!({"type": "location", "location": place}));
    let expected = Location::new(47.07, 15.44).expect("valid").with_name("Inn").with_address("Main Street");
    assert_eq!((reply.location, reply.media.len()), (Some(expected), 0));
}

#[test]
fn one_bad_entry_does_not_lose_the_others() {
    let body = json!({"entry": [
        7,
        {"changes": [{"value": null}, {"value": {"statuses": [
            {"id": 7}, {"status": "sent"}, {"id": "w", "status": "sent"},
        ], "messages": [
            {"type": "text"}, {"type": "text", "from": "no number", "id": "x"},
            {"type": "system", "from": "16505551234", "id": "x"},
            {"type": "text", "from_user_id": "US.1", "id": "x", "text": {"body": "hidden"}},
        ]}}]},
    ]});
    assert_eq!(parse(None, &call(body.to_string())).expect("JSON").len(), 1);
    for broken in ["", "<html>", "[", "{\"entry\":"] {
        assert_eq!(parse(None, &call(broken)).expect_err(broken).kind(), ErrorKind::Protocol);
    }
    assert!(parse(None, &call("[]")).expect("JSON").is_empty());
}

#[test]
fn no_input_panics() {
    let seed = br#"{"entry":[{"changes":[{"value":{"statuses":[{"id":"w","status":"sent","timestamp":"1"}],"messages":[{"from":"16505551234","id":"x","type":"text","text":{"body":"x"}}]}}]}]}"#;
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..5_000 {
        let mut body = seed.to_vec();
        for _ in 0..random.usize(1..6) {
            let place = random.usize(0..body.len());
            body[place] = seed[random.usize(0..seed.len())];
        }
        body.truncate(random.usize(0..=body.len()));
        let _ = parse(None, &call(body));
    }
}
