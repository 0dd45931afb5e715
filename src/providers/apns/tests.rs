use std::time::Duration;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::*;
use crate::{
    address::WebSubscription,
    error::{Certainty, ErrorKind},
    http::Demands,
    id::{MessageId, TenantId},
    message::{Builder, Priority, VendorOption},
    testing::{ManualClock, ScriptedHttp},
    time::Timestamp,
};

const DEVICE: &str = "6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b";
const ID: &str = "019b76da-a800-7000-8000-000000000001";
const SENT: &[(&str, &str)] = &[("apns-id", ID)];

/// A key as Apple hands it out, made for this test.
fn pem() -> String {
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let der = key.to_pkcs8v1().expect("PKCS#8");
    format!("-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n", STANDARD.encode(der.as_ref()))
}

fn config() -> ApnsConfig {
    ApnsConfig::new(pem(), "ABC123DEFG", "DEF123GHIJ", "org.example.app").named("apple")
}

fn apns() -> Apns {
    config().build().expect("whole")
}

fn world(http: &ScriptedHttp) -> (ManualClock, CallContext) {
    let clock = ManualClock::at(Timestamp::from_secs(1_795_208_820));
    (clock.clone(), CallContext::new(Arc::new(clock)).with_http(Arc::new(http.clone())))
}

async fn send(apns: &Apns, cx: &CallContext, push: &Push) -> Result<Receipt> {
    let id: MessageId = ID.parse().expect("an id");
    apns.send(cx, Outgoing::new(push, id, &TenantId::DEFAULT, "key")).await
}

fn to_device() -> Builder<Push> {
    Push::builder().token(DEVICE)
}

/// The headers of Apple's own, and the body.
async fn wire_of(push: Builder<Push>) -> (Vec<(String, String)>, Value) {
    let http = ScriptedHttp::new().respond(200, SENT, "");
    let (_, cx) = world(&http);
    send(&apns(), &cx, &push.build().expect("valid")).await.expect("sent");
    let request = &http.requests()[0].request;
    let own = request.headers().iter().filter(|(name, _)| name.as_str().starts_with("apns-"));
    let text = |value: &http::HeaderValue| value.to_str().expect("ASCII").to_owned();
    let mut headers: Vec<_> = own.map(|(name, value)| (name.to_string(), text(value))).collect();
    headers.sort();
    (headers, serde_json::from_slice(request.body()).expect("JSON"))
}

fn headers(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let always = [("apns-id", ID), ("apns-topic", "org.example.app")];
    let mut all: Vec<_> =
        pairs.iter().chain(&always).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    all.sort();
    all
}

#[tokio::test]
async fn a_push_is_one_request_over_http_2() {
    let http = ScriptedHttp::new().respond(200, SENT, "");
    let (_, cx) = world(&http);
    let push = to_device().title("Ready").body("Your table").build().expect("valid");
    let receipt = send(&apns(), &cx, &push).await.expect("sent");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some(ID));
    let requests = http.requests();
    let request = &requests[0].request;
    assert_eq!((requests.len(), Demands::of(request)), (1, Demands::HTTP2));
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), &*format!("https://api.push.apple.com/3/device/{DEVICE}"));
    let who = request.headers()["authorization"].to_str().expect("ASCII");
    assert!(who.starts_with("bearer eyJhbGciOiJFUzI1NiIsImtpZCI6IkFCQzEyM0RFRkcifQ."), "{who}");
    assert_eq!(request.body(), r#"{"aps":{"alert":{"title":"Ready","body":"Your table"}}}"#);
}

#[tokio::test]
async fn every_field_and_option_has_its_place() {
    let option = |name: &str, value: Value| VendorOption::new("apns", name, value);
    let push = to_device()
        .title("Ready")
        .body("Your table")
        .badge(3)
        .sound("bell.caf")
        .data("order", "7")
        .collapse_key("table-7")
        .ttl(Duration::from_millis(3_900))
        .priority(Priority::High)
        .option(option("category", json!("TABLE")))
        .option(option("interruption_level", json!("time-sensitive")))
        .option(option("mutable_content", json!(true)))
        .option(option("subtitle", json!("At the window")))
        .option(option("thread_id", json!("t7")))
        .option(VendorOption::new("fcm", "unknown", "skipped"));
    let body = json!({
        "aps": {
            "alert": {"title": "Ready", "subtitle": "At the window", "body": "Your table"},
            "badge": 3, "sound": "bell.caf", "category": "TABLE", "thread-id": "t7",
            "interruption-level": "time-sensitive", "mutable-content": 1,
        },
        "order": "7",
    });
    let expected = headers(&[
        ("apns-push-type", "alert"),
        ("apns-priority", "10"),
        ("apns-expiration", "1795208823"),
        ("apns-collapse-id", "table-7"),
    ]);
    assert_eq!(wire_of(push).await, (expected, body));
    let voip = to_device()
        .title("Call")
        .option(option("push_type", json!("voip")))
        .option(option("topic", json!("org.example.app.voip")));
    let (headers, _) = wire_of(voip).await;
    assert!(headers.contains(&("apns-topic".into(), "org.example.app.voip".into())), "{headers:?}");
    assert!(headers.contains(&("apns-push-type".into(), "voip".into())), "{headers:?}");
}

#[tokio::test]
async fn what_shows_nothing_goes_in_the_background() {
    let (sent, body) = wire_of(to_device().data("k", "v").priority(Priority::High).ttl(Duration::ZERO)).await;
    let expected = [("apns-push-type", "background"), ("apns-priority", "5"), ("apns-expiration", "0")];
    assert_eq!((sent, body), (headers(&expected), json!({"aps": {"content-available": 1}, "k": "v"})));
    let (sent, body) = wire_of(to_device().data("k", "v").badge(0).priority(Priority::Low)).await;
    let expected = [("apns-push-type", "alert"), ("apns-priority", "5")];
    assert_eq!((sent, body), (headers(&expected), json!({"aps": {"badge": 0}, "k": "v"})));
}

#[tokio::test]
async fn what_apple_would_refuse_is_refused_before_the_call() {
    let (_, cx) = world(&ScriptedHttp::new());
    let browser = WebSubscription::new(
        "https://push.example.net/p",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
    );
    let option =
        |name: &str, value: &str| to_device().title("t").option(VendorOption::new("apns", name, value));
    let table = [
        (Push::builder().topic("news").title("t"), ErrorKind::Unsupported, Some("to.topic")),
        (Push::builder().condition("'a' in topics").title("t"), ErrorKind::Unsupported, Some("to.condition")),
        (
            Push::builder().subscription(browser.expect("valid")).title("t"),
            ErrorKind::Unsupported,
            Some("to.subscription"),
        ),
        (to_device().title("t").image("https://x.example/a.png"), ErrorKind::Unsupported, Some("image")),
        (to_device().title("t").action("a", "A"), ErrorKind::Unsupported, Some("actions")),
        (to_device().data("aps", "x"), ErrorKind::InvalidMessage, Some("data[\"aps\"]")),
        (Push::builder().token("cK0:APA91b").title("t"), ErrorKind::InvalidRecipient, Some("to.token")),
        (to_device().title("x".repeat(4_096)), ErrorKind::PayloadTooLarge, None),
        (option("push_type", "pigeon"), ErrorKind::InvalidMessage, Some("options[\"apns.push_type\"]")),
        (option("topic", "two words"), ErrorKind::InvalidMessage, Some("options[\"apns.topic\"]")),
        (option("colour", "red"), ErrorKind::InvalidMessage, Some("options[\"apns.colour\"]")),
    ];
    for (push, kind, field) in table {
        let error = send(&apns(), &cx, &push.build().expect("valid")).await.expect_err("refused");
        assert_eq!(
            (error.kind(), error.field(), error.certainty()),
            (kind, field, Certainty::NotSent),
            "{error}"
        );
    }
}

#[tokio::test]
async fn payloads_fill_their_limit_and_voip_has_another() {
    let frame = r#"{"aps":{"alert":{"title":""}}}"#.len();
    let sized = |octets: usize| to_device().title("x".repeat(octets - frame));
    let (_, body) = wire_of(sized(4_096)).await;
    assert_eq!(body.to_string().len(), 4_096);
    let voip = VendorOption::new("apns", "push_type", "voip");
    wire_of(sized(5_120).option(voip.clone())).await;
    let (_, cx) = world(&ScriptedHttp::new());
    for (push, most, given) in [(sized(4_097), "4096", "4097"), (sized(5_121).option(voip), "5120", "5121")] {
        let error = send(&apns(), &cx, &push.build().expect("valid")).await.expect_err("too large");
        assert_eq!(error.kind(), ErrorKind::PayloadTooLarge);
        assert!(error.message().contains(most) && error.message().contains(given), "{error}");
    }
}

const EXPIRED: &str = r#"{"reason":"ExpiredProviderToken"}"#;

fn tokens(http: &ScriptedHttp) -> Vec<String> {
    let token = |r: &crate::testing::RecordedRequest| {
        r.request.headers()["authorization"].to_str().expect("ASCII").to_owned()
    };
    http.requests().iter().map(token).collect()
}

#[tokio::test]
async fn a_token_is_kept_for_forty_minutes() {
    let http = ScriptedHttp::new()
        .then_always([crate::testing::HttpStep::Answer(crate::testing::answer(200, SENT, ""))]);
    let (clock, cx) = world(&http);
    let (apns, push) = (apns(), to_device().title("t").build().expect("valid"));
    for minutes in [0, 39, 1] {
        clock.advance(Duration::from_secs(minutes * 60));
        send(&apns, &cx, &push).await.expect("sent");
    }
    let tokens = tokens(&http);
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2], "made anew at the fortieth minute");
}

#[tokio::test]
async fn a_stale_token_is_made_anew_once_but_never_within_twenty_minutes() {
    let http = ScriptedHttp::new()
        .respond(403, &[], EXPIRED)
        .respond(403, &[], EXPIRED)
        .respond(200, SENT, "")
        .respond(403, &[], EXPIRED);
    let (clock, cx) = world(&http);
    let (apns, push) = (apns(), to_device().title("t").build().expect("valid"));
    let error = send(&apns, &cx, &push).await.expect_err("a token that is new is not made anew");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Auth, Some("ExpiredProviderToken")));
    assert_eq!(http.requests().len(), 1, "and the call is not repeated with the same");
    clock.advance(Duration::from_secs(20 * 60));
    send(&apns, &cx, &push).await.expect("sent with the second token");
    send(&apns, &cx, &push).await.expect_err("no third within twenty minutes");
    let tokens = tokens(&http);
    assert_eq!(tokens.len(), 4);
    assert!(tokens[0] == tokens[1] && tokens[1] != tokens[2] && tokens[2] == tokens[3]);
}

#[tokio::test]
async fn other_refusals_renew_nothing() {
    for (status, reason) in
        [(403, "InvalidProviderToken"), (400, "BadDeviceToken"), (429, "TooManyProviderTokenUpdates")]
    {
        let http = ScriptedHttp::new().json(status, format!(r#"{{"reason":"{reason}"}}"#));
        let (clock, cx) = world(&http);
        clock.advance(Duration::from_secs(3_600));
        let error =
            send(&apns(), &cx, &to_device().title("t").build().expect("valid")).await.expect_err(reason);
        assert_eq!((error.code(), error.provider(), http.requests().len()), (Some(reason), Some("apple"), 1));
    }
}

#[tokio::test]
async fn a_success_that_names_no_message_is_unknown() {
    let http = ScriptedHttp::new().not_json();
    let (_, cx) = world(&http);
    let error =
        send(&apns(), &cx, &to_device().title("t").build().expect("valid")).await.expect_err("a page");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Certainty::Unknown));
}

#[tokio::test]
async fn the_check_reaches_nobody() {
    let http = ScriptedHttp::new()
        .json(400, r#"{"reason":"BadDeviceToken"}"#)
        .json(403, r#"{"reason":"InvalidProviderToken"}"#)
        .respond(200, SENT, "");
    let (_, cx) = world(&http);
    assert_eq!(apns().check(&cx).await.expect("good"), Health::Good);
    assert_eq!(apns().check(&cx).await.expect_err("a wrong key").kind(), ErrorKind::Auth);
    assert_eq!(apns().check(&cx).await.expect_err("not Apple").kind(), ErrorKind::Protocol);
    let requests = http.requests();
    assert_eq!(requests[0].request.uri().path(), "/3/device/00");
    assert_eq!(requests[0].request.headers()["apns-push-type"], "background");
}

#[test]
fn what_cannot_be_built_names_the_option_and_shows_no_key() {
    let table = [
        (ApnsConfig { key: Some("c4n4ry".into()), ..config() }, "`key`"),
        (ApnsConfig { key: None, ..config() }, "`key`"),
        (ApnsConfig { key_id: "c4n4ry".into(), ..config() }, "key_id"),
        (ApnsConfig { team_id: String::new(), ..config() }, "team_id"),
        (ApnsConfig { topic: "two words".into(), ..config() }, "topic"),
        (config().base_url("http://apple.example"), "base_url"),
        (config().base_url("https://apple.example").sandbox(true), "sandbox"),
        (config().named(""), "name"),
    ];
    for (config, option) in table {
        let error = config.build().expect_err(option);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(option) && !error.to_string().contains("c4n4ry"), "{error}");
    }
    let shown = format!("{:?}", config().sandbox(true).build().expect("whole"));
    assert!(shown.contains("https://api.sandbox.push.apple.com/"), "{shown}");
}
