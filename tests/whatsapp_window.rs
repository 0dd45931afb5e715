//! WhatsApp's 24 hours from end to end: a signed call opens the window, and the queue keeps to it.
#![cfg(all(feature = "testing", feature = "meta"))]

use std::{sync::Arc, time::Duration};

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderValue, Method};
use serde_json::{Value, json};
use tidings::{
    ErrorKind, EventKind, Messenger, Timestamp, WhatsApp,
    message::WhatsAppTemplate,
    messenger::WhatsAppWindow,
    providers::meta::{Meta, MetaConfig},
    storage::MemoryStore,
    testing::HttpStep,
    testing::{ManualClock, ScriptedHttp, answer},
    webhook::{Inbound, RawRequest},
};

const NOW: Timestamp = Timestamp::from_secs(1_795_208_820);
const SENT: &str = r#"{"messaging_product":"whatsapp","contacts":[],"messages":[{"id":"wamid.out"}]}"#;

fn meta() -> Meta {
    MetaConfig::new("106540352242922", "token").app_secret("app-secret".to_owned()).build().expect("valid")
}

/// A message of a person's as Meta hands it over.
fn written(from: &str, at: Timestamp) -> RawRequest {
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "changes": [{
        "field": "messages",
        "value": {
            "metadata": {"display_phone_number": "15550783881", "phone_number_id": "106540352242922"},
            "messages": [{"from": from, "id": "wamid.in", "timestamp": at.as_secs().to_string(),
                "type": "text", "text": {"body": "Is my table ready?"}}],
        },
    }]}]})
    .to_string();
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, b"app-secret"), body.as_bytes());
    let digits: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut headers = HeaderMap::new();
    let signature = HeaderValue::from_str(&format!("sha256={digits}")).expect("valid");
    headers.insert("x-hub-signature-256", signature);
    RawRequest::new(Method::POST, "https://hooks.example.org/meta", headers, body, at)
}

fn stage() -> (Messenger, ScriptedHttp, ManualClock) {
    let http = ScriptedHttp::new().then_always([HttpStep::Answer(answer(200, &[], SENT))]);
    let (clock, store) = (ManualClock::at(NOW), Arc::new(MemoryStore::default()));
    let messenger = Messenger::builder()
        .whatsapp(meta())
        .http(http.clone())
        .clock(clock.clone())
        .whatsapp_window(WhatsAppWindow::new(store))
        .build();
    (messenger.expect("valid"), http, clock)
}

fn text() -> tidings::message::Builder<WhatsApp> {
    WhatsApp::builder().to("+15005550006").text("Your table is ready.")
}

fn kinds(http: &ScriptedHttp) -> Vec<String> {
    let requests = http.requests();
    let bodies = requests.iter().map(|recorded| serde_json::from_slice::<Value>(recorded.request.body()));
    bodies.map(|body| body.expect("JSON")["type"].as_str().expect("a type").to_owned()).collect()
}

#[tokio::test]
async fn who_writes_may_be_answered_for_24_hours() {
    let (messenger, http, clock) = stage();
    let acme = messenger.tenant("acme").expect("valid");
    let free = || text().build().expect("valid");
    let error = acme.send(free()).await.expect_err("never wrote");
    assert_eq!((error.kind(), http.requests().len()), (ErrorKind::Refused, 0));
    let inbound = acme.receive(&meta(), &written("15005550006", NOW)).await.expect("signed");
    assert!(matches!(&inbound[..], [Inbound::Reply(reply)] if &*reply.text == "Is my table ready?"));
    acme.send(free()).await.expect("inside");
    assert!(messenger.send(free()).await.is_err(), "another tenant's window stays shut");
    clock.advance(Duration::from_secs(86_400));
    assert!(acme.send(free()).await.is_err(), "it is over");
    assert_eq!(kinds(&http), ["text"]);
}

#[tokio::test]
async fn the_queue_judges_when_it_sends() {
    let (messenger, http, clock) = stage();
    messenger.receive(&meta(), &written("15005550006", NOW)).await.expect("signed");
    let later = NOW + Duration::from_secs(90_000);
    let template = WhatsAppTemplate::new("table_ready", "en");
    let with = text().stand_in(template).build().expect("valid");
    let with = messenger.enqueue(with).at(later).await.expect("enqueued").id;
    let without = messenger.enqueue(text().build().expect("valid")).at(later).await.expect("enqueued").id;
    clock.advance(Duration::from_secs(90_000));
    messenger.worker().build().expect("valid").run_until_idle().await.expect("worked");
    assert_eq!(kinds(&http), ["template"]);
    let story = |id| {
        let messenger = messenger.clone();
        async move {
            let told = messenger.timeline(id).await.expect("memory");
            told.into_iter().map(|event| event.kind).collect::<Vec<_>>()
        }
    };
    let (with, without) = (story(with).await, story(without).await);
    assert!(
        with.contains(&EventKind::Accepted) && with.contains(&EventKind::Other("stood_in".into())),
        "{with:?}"
    );
    assert!(without.contains(&EventKind::Refused) && !without.contains(&EventKind::Accepted), "{without:?}");
}
