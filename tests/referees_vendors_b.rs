//! FCM and Telegram before an independent referee: a server that judges every
//! request by the vendor's own published description.
//!
//! Runs where `TIDINGS_SPEC_MOCK` names that server (`http://127.0.0.1:4100`)
//! and `TIDINGS_SPEC_MOCK_SA_KEY` the PEM file of the service account that it trusts.
#![cfg(all(feature = "fcm", feature = "telegram"))]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tidings::{
    CallContext, Certainty, Chat, ErrorKind, Features, Location, Media, Message, MessageId, Outgoing,
    Provider, Push, Receipt, Result, Retry, SystemClock, TenantId, Vendor,
    http::ReqwestTransport,
    message::{Builder, Button, File, MediaKind, Priority, VendorOption},
    provider::Health,
    providers::{
        fcm::{Fcm, FcmConfig, ServiceAccount},
        telegram::{TelegramConfig, escape},
    },
};

/// The referee's address, if there is one.
fn referee() -> Option<String> {
    let base = std::env::var("TIDINGS_SPEC_MOCK").ok().filter(|base| !base.is_empty());
    if base.is_none() {
        eprintln!("skipped: TIDINGS_SPEC_MOCK does not name a referee");
    }
    base.map(|base| base.trim_end_matches('/').to_owned())
}

fn context() -> CallContext {
    let http = ReqwestTransport::new().expect("an HTTP client");
    CallContext::new(Arc::new(SystemClock)).with_http(Arc::new(http))
}

/// What the referee noted. Read by reqwest itself: our transport stops at 1 MiB.
async fn noted(base: &str, what: &str) -> Value {
    let answer = reqwest::get(format!("{base}/_oracle/{what}")).await.expect("the referee answers");
    serde_json::from_slice(&answer.bytes().await.expect("whole")).expect("JSON")
}

async fn send<M: Message>(cx: &CallContext, provider: &dyn Provider<M>, message: &M) -> Result<Receipt> {
    let id = MessageId::new(cx.clock().now());
    provider.send(cx, Outgoing::new(message, id, &TenantId::DEFAULT, "key")).await
}

/// Sends all of them; the referee must take each, and together they must need all that is claimed.
async fn judge<M: Message>(base: &str, provider: &dyn Provider<M>, name: &str, messages: Vec<Builder<M>>) {
    let cx = context();
    let mut needed = Features::NONE;
    for builder in messages {
        let message = builder.build().expect("valid");
        needed = needed | message.needs();
        let sent = send(&cx, provider, &message).await;
        let Ok(receipt) = sent else {
            panic!("{sent:?}\n{message:?}\n{:#}", noted(base, "summary").await[name]);
        };
        assert!(receipt.outcomes[0].vendor_id().is_some_and(|id| !id.is_empty()), "{receipt:?}");
    }
    let unjudged = provider.capabilities().features.missing_in(needed);
    assert!(unjudged.is_empty(), "claimed but never judged: {unjudged}");
}

async fn inject(base: &str, fault: Value) {
    let client = reqwest::Client::new();
    let answer = client.post(format!("{base}/_oracle/fault")).body(fault.to_string()).send().await;
    assert!(answer.expect("the referee answers").status().is_success());
}

fn fcm(base: &str) -> FcmConfig {
    let path = std::env::var("TIDINGS_SPEC_MOCK_SA_KEY")
        .expect("TIDINGS_SPEC_MOCK_SA_KEY names the key that the referee trusts");
    let key = std::fs::read_to_string(path).expect("the referee's key");
    let account = json!({
        "type": "service_account",
        "project_id": "harbour",
        "private_key": key,
        "client_email": "pusher@harbour.iam.gserviceaccount.com",
        "token_uri": format!("{base}/google/token"),
    });
    let account = ServiceAccount::from_json(&account.to_string()).expect("whole");
    FcmConfig::new(account).base_url(format!("{base}/fcm"))
}

fn full_push(to: Builder<Push>) -> Builder<Push> {
    let option = |name: &str, value: Value| VendorOption::new("fcm", name, value).required();
    to.title("Ready")
        .body("Your table is ready. Καλή όρεξη!")
        .image("https://example.org/table.png")
        .data("order", "7")
        .badge(3)
        .sound("bell.caf")
        .collapse_key("table 7")
        .ttl(Duration::from_secs(3_600))
        .priority(Priority::High)
        .option(option("analytics_label", json!("tables")))
        .option(option("category", json!("TABLE")))
        .option(option("channel_id", json!("orders")))
        .option(option("click_action", json!("OPEN_TABLE")))
        .option(option("link", json!("https://example.org/t/7")))
        .option(option("thread_id", json!("t7")))
        .option(option("validate_only", json!(true)))
}

#[tokio::test]
async fn fcm_is_judged() {
    let Some(base) = referee() else { return };
    let browsers = fcm(&base).web_actions(true).build().expect("whole");
    let messages = vec![
        full_push(Push::builder().token("cK0:APA91b")).action("yes", "Coming").action("no", "Not now"),
        Push::builder().topic("news").title("t").priority(Priority::Low),
        Push::builder()
            .condition("'news' in topics && 'de' in topics")
            .body("b")
            .badge(0)
            .ttl(Duration::ZERO),
        Push::builder().token("d").data("silent", "yes"),
        Push::builder().token("d").data("k", "v").badge(1),
    ];
    judge::<Push>(&base, &browsers, "fcm", messages).await;
    assert_eq!(browsers.check(&context()).await.expect("good"), Health::Good);
    faults_of_fcm(&base, &browsers).await;
}

async fn faults_of_fcm(base: &str, fcm: &Fcm) {
    let cx = context();
    let push = Push::builder().token("d").title("t").build().expect("valid");
    let gone = json!({"error": {"status": "NOT_FOUND", "details": [
        {"@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": "UNREGISTERED"}]}});
    let wait = Retry::After(Duration::from_secs(7));
    let table = [
        (
            json!({"status": 429, "headers": {"Retry-After": "7"}}),
            ErrorKind::RateLimited,
            Certainty::NotSent,
            wait,
        ),
        (
            json!({"status": 404, "body": gone.to_string()}),
            ErrorKind::Unregistered,
            Certainty::NotSent,
            Retry::Never,
        ),
        (json!({"status": 500}), ErrorKind::Unavailable, Certainty::Unknown, Retry::Backoff),
        (json!({"drop": true}), ErrorKind::Transport, Certainty::Unknown, Retry::Backoff),
    ];
    for (mut fault, kind, certainty, retry) in table {
        fault["name"] = json!("fcm");
        inject(base, fault).await;
        let error = send::<Push>(&cx, fcm, &push).await.expect_err("a fault was injected");
        assert_eq!((error.kind(), error.certainty(), error.retry()), (kind, certainty, retry), "{error:?}");
    }
    inject(base, json!({"name": "fcm", "times": 1, "status": 401, "body": "{}"})).await;
    send::<Push>(&cx, fcm, &push).await.expect("a second access token is fetched");
}

fn to() -> Builder<Chat> {
    Chat::builder().to(-1_001_234_567_890_i64)
}

fn link(kind: MediaKind) -> Media {
    Media::url(kind, "https://example.org/x").expect("a link")
}

fn bytes(kind: MediaKind) -> Media {
    let file = File::new("Zimmer \"7\".png", "image/png", &b"\x89PNG\r\n\x1a\n\0--tidings"[..]);
    Media::file(kind, file.expect("a file"))
}

fn chats() -> Vec<Builder<Chat>> {
    let option = |name: &str, value: bool| VendorOption::new("telegram", name, value).required();
    let kinds = [MediaKind::Audio, MediaKind::File, MediaKind::Image, MediaKind::Video];
    let here = Location::new(47.07, 15.44).expect("on earth");
    let mut chats = vec![
        to().text("x".repeat(4_096)),
        Chat::builder().to("@harbour_news").markdown(format!("*Storm* {}", escape("(7 Bft.) – tonight!"))),
        to().text("t")
            .thread("5")
            .reply_to("-1001234567890:12")
            .keyboard_row([
                Button::link("Map", "https://example.org").expect("a link"),
                Button::answer("Seen", "s"),
            ])
            .option(option("allow_paid_broadcast", true))
            .option(option("allow_sending_without_reply", true))
            .option(option("disable_notification", true))
            .option(option("link_preview", false))
            .option(option("protect_content", true)),
        to().text("Coming?").reply_to("-2002:12").button_row(["Yes", "No"]),
        to().location(here.clone()),
        to().location(here.with_name("The Inn").with_address("Quay 7")).thread("5"),
        to().media(link(MediaKind::Image))
            .media(bytes(MediaKind::Video))
            .markdown("*both*")
            .option(option("has_spoiler", true)),
        to().media(bytes(MediaKind::File).with_caption("1")).media(bytes(MediaKind::File).with_caption("2")),
        to().media(link(MediaKind::Audio)).media(link(MediaKind::Audio)),
        to().media(bytes(MediaKind::Video))
            .text("c")
            .reply_to("3")
            .thread("5")
            .keyboard_row([Button::answer("Seen", "s")])
            .option(option("has_spoiler", true))
            .option(option("show_caption_above_media", true))
            .option(option("disable_notification", true)),
    ];
    chats.extend([
        to().markdown("*new*").edits("-1001234567890:7").keyboard_row([Button::answer("Seen", "s")]),
        to().text("new").edits("7").option(option("link_preview", false)),
        to().text("new").edits("7").option(option("edit_caption", true)),
        to().media(link(MediaKind::Image).with_caption("c")).edits("7").option(option("has_spoiler", true)),
        to().media(link(MediaKind::Audio)).text("c").option(option("voice", true)),
        to().media(bytes(MediaKind::Audio)).option(option("voice", true)),
    ]);
    chats.extend(kinds.map(|kind| to().media(link(kind)).text("c")));
    chats.extend(kinds.map(|kind| to().media(bytes(kind).with_caption("c"))));
    chats
}

#[tokio::test]
async fn telegram_is_judged() {
    let Some(base) = referee() else { return };
    let config = TelegramConfig::new("123456:ABC-DEF_0123456789").base_url(format!("{base}/telegram"));
    let telegram = config.build().expect("whole");
    judge::<Chat>(&base, &telegram, "telegram", chats()).await;
    let cx = context();
    assert_eq!(telegram.check(&cx).await.expect("good"), Health::Good);
    let chat = to().text("t").build().expect("valid");
    let slow = json!({"ok": false, "error_code": 429, "description": "Too Many Requests: retry after 9",
        "parameters": {"retry_after": 9}});
    let wait = Retry::After(Duration::from_secs(9));
    let table = [
        (json!({"status": 429, "body": slow.to_string()}), ErrorKind::RateLimited, Certainty::NotSent, wait),
        (
            json!({"status": 502, "body": "<html>"}),
            ErrorKind::Unavailable,
            Certainty::Unknown,
            Retry::Backoff,
        ),
        (json!({"drop": true}), ErrorKind::Transport, Certainty::Unknown, Retry::Backoff),
    ];
    for (mut fault, kind, certainty, retry) in table {
        fault["name"] = json!("telegram");
        inject(&base, fault).await;
        let error = send::<Chat>(&cx, &telegram, &chat).await.expect_err("a fault was injected");
        assert_eq!((error.kind(), error.certainty(), error.retry()), (kind, certainty, retry), "{error:?}");
        assert!(!format!("{error:?}").contains("ABC-DEF"), "{error:?}");
    }
    files_arrived_whole(&base).await;
}

/// The referee lists the files that it found in forms.
async fn files_arrived_whole(base: &str) {
    let requests = noted(base, "requests").await;
    let sizes: Vec<u64> = requests
        .as_array()
        .expect("a list")
        .iter()
        .filter(|request| request["name"] == "telegram")
        .flat_map(|request| request["files"].as_array().expect("a list"))
        .filter_map(|file| file["size"].as_u64())
        .collect();
    assert!(sizes.len() >= 8 && sizes.iter().all(|size| *size == 18), "{sizes:?}");
}
