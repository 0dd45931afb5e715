use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{
    error::Retry,
    http::HttpRequest,
    id::{MessageId, TenantId},
    message::{Builder, Button, File, Location, Media, MediaKind, VendorOption},
    testing::{self, HttpStep, ScriptedHttp},
};

const TOKEN: &str = "MTk4.canary.token";
const HOOK_URL: &str = "https://discord.com/api/webhooks/223704706495545344/canary-token_3d89";
const POSTED: &str = r#"{"id":"34","channel_id":"12","content":"t"}"#;
const ID: u128 = 0x0199_0000_0000_7000_8000_0000_0000_0001;

fn answer(status: u16, body: &str) -> HttpStep {
    HttpStep::Answer(testing::answer(status, &[], body.to_owned()))
}

fn world(answers: impl IntoIterator<Item = HttpStep>) -> (ScriptedHttp, CallContext) {
    let script = answers.into_iter().fold(ScriptedHttp::new(), ScriptedHttp::then);
    (script.clone(), CallContext::default().with_http(Arc::new(script)))
}

fn bot() -> Discord {
    DiscordConfig::new(TOKEN).named("harbour").build().expect("whole")
}

fn hook() -> Discord {
    DiscordConfig::new(HOOK_URL).build().expect("whole")
}

async fn send_as(discord: &Discord, cx: &CallContext, chat: &Chat, key: &str) -> Result<Receipt> {
    let id = MessageId::from_uuid(uuid::Uuid::from_u128(ID));
    discord.send(cx, Outgoing::new(chat, id, &TenantId::DEFAULT, key)).await
}

/// The one request that `chat` makes.
async fn request_of(discord: &Discord, chat: Builder<Chat>) -> HttpRequest {
    let (script, cx) = world([answer(200, POSTED)]);
    let receipt = send_as(discord, &cx, &chat.build().expect("valid"), "key").await.expect("sent");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("12:34"));
    let mut requests = script.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0).request
}

/// Method, path and fields of a request, without the nonce.
async fn call_of(discord: &Discord, chat: Builder<Chat>) -> (String, Value) {
    let request = request_of(discord, chat).await;
    assert_eq!(request.headers()["content-type"], "application/json");
    assert!(request.headers()["user-agent"].to_str().expect("a text").starts_with("DiscordBot (https://"));
    let uri = request.uri().to_string();
    let path = uri.strip_prefix("https://discord.com/api/v10").expect("Discord");
    let mut body: Value = serde_json::from_slice(request.body()).expect("JSON");
    let fields = body.as_object_mut().expect("fields");
    let (nonce, enforced) = (fields.remove("nonce"), fields.remove("enforce_nonce"));
    let fresh_by_bot = request.headers().contains_key("authorization") && request.method() == "POST";
    assert_eq!((nonce.is_some(), enforced), (fresh_by_bot, fresh_by_bot.then_some(Value::Bool(true))));
    (format!("{} {path}", request.method()), body)
}

fn to() -> Builder<Chat> {
    Chat::builder().to("12")
}

fn by_hook() -> Builder<Chat> {
    Chat::builder().to("webhook")
}

fn option(name: &str, value: Value) -> VendorOption {
    VendorOption::new(VENDOR, name, value)
}

fn picture() -> Media {
    Media::image("https://example.org/1.png").expect("a link")
}

fn file(size: usize) -> Media {
    Media::file(MediaKind::File, File::new("a.txt", "text/plain", vec![b'x'; size]).expect("a file"))
}

#[tokio::test]
async fn words_notify_nobody_and_plain_ones_are_shown_as_they_are() {
    let plain = json!({"content": "1 \\* 2 @everyone", "allowed_mentions": {"parse": []}});
    assert_eq!(
        call_of(&bot(), to().text("1 * 2 @everyone")).await,
        ("POST /channels/12/messages".into(), plain)
    );
    let marked = to().markdown("**bold** <@5>").option(option("allowed_mentions", json!({"users": ["5"]})));
    let expected = json!({"content": "**bold** <@5>", "allowed_mentions": {"users": ["5"]}});
    assert_eq!(call_of(&bot(), marked).await.1, expected);
}

#[tokio::test]
async fn keyboards_pictures_replies_and_options_have_their_places() {
    let chat = to()
        .markdown("t")
        .media(picture().with_caption("The sea"))
        .keyboard_row([
            Button::answer("Seen", "s:1"),
            Button::link("Map", "https://example.org/m").expect("a link"),
        ])
        .reply_to("12:7")
        .option(option("fail_if_not_exists", json!(false)))
        .option(option("suppress_embeds", json!(true)))
        .option(option("suppress_notifications", json!(true)))
        .option(option("tts", json!(true)));
    let expected = json!({
        "content": "t",
        "embeds": [{"description": "The sea", "image": {"url": "https://example.org/1.png"}}],
        "components": [{"type": 1, "components": [
            {"type": 2, "style": 2, "label": "Seen", "custom_id": "s:1"},
            {"type": 2, "style": 5, "label": "Map", "url": "https://example.org/m"},
        ]}],
        "allowed_mentions": {"parse": []},
        "flags": 4100,
        "tts": true,
        "message_reference": {"message_id": "7", "fail_if_not_exists": false},
    });
    assert_eq!(call_of(&bot(), chat).await.1, expected);
    let (path, _) = call_of(&bot(), to().text("t").thread("99")).await;
    assert_eq!(path, "POST /channels/99/messages");
}

#[tokio::test]
async fn edits_name_all_that_is_to_be_there() {
    let expected = json!({
        "content": "new", "embeds": [], "components": [], "allowed_mentions": {"parse": []}, "attachments": [],
    });
    let edit = call_of(&bot(), to().markdown("new").edits("12:34")).await;
    assert_eq!(edit, ("PATCH /channels/12/messages/34".into(), expected.clone()));
    let edit = call_of(&hook(), by_hook().markdown("new").edits("99:34").thread("99")).await;
    let path =
        "PATCH /webhooks/223704706495545344/canary-token_3d89/messages/34?thread_id=99&with_components=true";
    assert_eq!(edit, (path.into(), expected));
}

#[tokio::test]
async fn a_webhook_waits_for_the_message() {
    let (path, body) = call_of(&hook(), by_hook().text("t").option(option("username", json!("Ops")))).await;
    assert_eq!(path, "POST /webhooks/223704706495545344/canary-token_3d89?wait=true");
    assert_eq!(body, json!({"content": "t", "allowed_mentions": {"parse": []}, "username": "Ops"}));
    let button =
        by_hook().text("t").keyboard_row([Button::link("M", "https://example.org").expect("a link")]);
    let (path, _) = call_of(&hook(), button.thread("99")).await;
    assert!(path.ends_with("?wait=true&thread_id=99&with_components=true"), "{path}");
}

#[tokio::test]
async fn files_go_with_the_message_as_a_form() {
    let request =
        request_of(&hook(), by_hook().text("t").media(file(3).with_caption("one")).media(file(1))).await;
    let boundary = "tidings-01990000000070008000000000000001";
    assert_eq!(request.headers()["content-type"], format!("multipart/form-data; boundary={boundary}"));
    let json = r#"{"content":"t","allowed_mentions":{"parse":[]},"attachments":[{"id":"0","filename":"a.txt","description":"one"},{"id":"1","filename":"a.txt"}]}"#;
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"payload_json\"\r\nContent-Type: application/json\r\n\r\n\
         {json}\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"files[0]\"; filename=\"a.txt\"\r\n\
         Content-Type: text/plain\r\n\r\nxxx\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"files[1]\"; \
         filename=\"a.txt\"\r\nContent-Type: text/plain\r\n\r\nx\r\n--{boundary}--\r\n"
    );
    assert_eq!(request.body(), &Bytes::from(expected));
}

#[tokio::test]
async fn the_nonce_is_the_same_for_every_attempt_and_another_for_another_message() {
    let nonce = async |key: &str| {
        let (script, cx) = world([answer(200, POSTED)]);
        send_as(&bot(), &cx, &to().text("t").build().expect("valid"), key).await.expect("sent");
        let body: Value = serde_json::from_slice(script.requests()[0].request.body()).expect("JSON");
        body["nonce"].as_str().expect("a nonce").to_owned()
    };
    let first = nonce("order-17").await;
    assert_eq!((nonce("order-17").await, first.len()), (first.clone(), 24));
    assert_ne!(nonce("order-18").await, first);
}

#[tokio::test]
async fn what_discord_cannot_do_is_refused_before_the_call() {
    use ErrorKind::{InvalidMessage, InvalidRecipient, PayloadTooLarge, Unsupported};
    let here = || Location::new(1.0, 2.0).expect("on earth");
    let film = || Media::url(MediaKind::Video, "https://example.org/1.mp4").expect("a link");
    let key = |button: Button| to().text("t").keyboard_row([button]);
    let eleven = |media: fn() -> Media| (0..11).fold(to(), |chat, _| chat.media(media()));
    let rows =
        (0..6).fold(to().text("t"), |chat, row| chat.keyboard_row([Button::answer("a", row.to_string())]));
    let six = (0..6).map(|b| Button::answer("a", b.to_string()));
    let long = format!("https://example.org/{}", "x".repeat(500));
    let embeds = || option("embeds", json!([{"title": "t"}]));
    let table = [
        (to().text("t").button_row(["a"]), Unsupported, "buttons"),
        (to().location(here()), Unsupported, "location"),
        (to().text("t").edits("34").reply_to("7"), Unsupported, "reply_to"),
        (to().media(film()), Unsupported, "media[0]"),
        (eleven(picture), InvalidMessage, "media"),
        (eleven(|| file(1)), InvalidMessage, "media"),
        (to().media(file((25 << 20) + 1)), PayloadTooLarge, "media"),
        (to().media(file(1).with_caption("x".repeat(1_025))), PayloadTooLarge, "media[0].caption"),
        (to().text("x".repeat(2_001)), PayloadTooLarge, "text"),
        (to().text("*".repeat(1_001)), PayloadTooLarge, "text"),
        (rows, InvalidMessage, "keyboard"),
        (to().text("t").keyboard_row(six), InvalidMessage, "keyboard[0]"),
        (key(Button::answer("x".repeat(81), "a")), PayloadTooLarge, "keyboard[0][0]"),
        (key(Button::answer("x", "a".repeat(101))), PayloadTooLarge, "keyboard[0][0]"),
        (key(Button::answer("x", "")), InvalidMessage, "keyboard[0][0]"),
        (key(Button::link("x", &long).expect("a link")), PayloadTooLarge, "keyboard[0][0]"),
        (
            key(Button::answer("x", "a")).keyboard_row([Button::answer("y", "a")]),
            InvalidMessage,
            "keyboard[1][0]",
        ),
        (Chat::builder().to("#news").text("t"), InvalidRecipient, "to"),
        (to().text("t").thread("x"), InvalidMessage, "thread"),
        (to().text("t").edits("x"), InvalidMessage, "edits"),
        (to().text("t").edits("13:34"), InvalidMessage, "edits"),
        (to().text("t").reply_to("12:x"), InvalidMessage, "reply_to"),
        (to().media(picture()).option(embeds()), InvalidMessage, "options[\"discord.embeds\"]"),
        (
            to().text("t").option(option("username", json!("x"))),
            InvalidMessage,
            "options[\"discord.username\"]",
        ),
        (
            to().text("t").edits("34").option(option("tts", json!(true))),
            InvalidMessage,
            "options[\"discord.tts\"]",
        ),
        (to().text("t").option(option("colour", json!(1))), InvalidMessage, "options[\"discord.colour\"]"),
    ];
    for (chat, kind, field) in table {
        let (script, cx) = world([]);
        let error = send_as(&bot(), &cx, &chat.build().expect("valid"), "k").await.expect_err(field);
        assert_eq!((error.kind(), error.field()), (kind, Some(field)), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
        assert!(script.requests().is_empty());
    }
    for (chat, kind, field) in [
        (by_hook().text("t").reply_to("7"), Unsupported, "reply_to"),
        (to().text("t"), InvalidRecipient, "to"),
    ] {
        let error =
            send_as(&hook(), &world([]).1, &chat.build().expect("valid"), "k").await.expect_err(field);
        assert_eq!((error.kind(), error.field()), (kind, Some(field)), "{error}");
    }
}

#[tokio::test]
async fn failures_name_the_instance_and_never_the_token() {
    let table = [
        (HttpStep::ResetAfterSend, ErrorKind::Transport, Certainty::Unknown),
        (answer(204, ""), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, "<html>"), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, r#"{"id":"x","channel_id":"1"}"#), ErrorKind::Protocol, Certainty::Unknown),
        (
            answer(403, r#"{"code":50013,"message":"canary-token_3d89"}"#),
            ErrorKind::Permission,
            Certainty::NotSent,
        ),
        (answer(404, r#"{"code":10015,"message":"Unknown Webhook"}"#), ErrorKind::Auth, Certainty::NotSent),
        (answer(502, "<html>"), ErrorKind::Unavailable, Certainty::Unknown),
    ];
    for (step, kind, certainty) in table {
        let (_, cx) = world([step]);
        let chat = by_hook().text("t").build().expect("valid");
        let error = send_as(&hook(), &cx, &chat, "k").await.expect_err("failed");
        assert_eq!((error.kind(), error.certainty(), error.provider()), (kind, certainty, Some("discord")));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
    let limited = HttpStep::Answer(testing::answer(429, &[("retry-after", "65")], "{}"));
    let (_, cx) = world([limited]);
    let error =
        send_as(&bot(), &cx, &to().text("t").build().expect("valid"), "k").await.expect_err("limited");
    assert_eq!(error.retry(), Retry::After(Duration::from_secs(65)));
}

#[tokio::test]
async fn the_check_asks_for_the_bot_or_the_webhook() {
    for (discord, path) in [
        (bot(), "https://discord.com/api/v10/users/@me"),
        (hook(), "https://discord.com/api/v10/webhooks/223704706495545344/canary-token_3d89"),
    ] {
        let refused = r#"{"code":0,"message":"401: Unauthorized"}"#;
        let (script, cx) = world([answer(200, r#"{"id":"1"}"#), answer(401, refused)]);
        assert_eq!(discord.check(&cx).await.expect("good"), Health::Good);
        assert_eq!(discord.check(&cx).await.expect_err("refused").kind(), ErrorKind::Auth);
        let request = &script.requests()[0].request;
        assert_eq!((request.method(), request.uri().to_string()), (&Method::GET, path.to_owned()));
    }
}

#[test]
fn configurations_tell_tokens_from_webhooks_and_show_neither() {
    let vars = |name: &str| (name == "DISCORD_WEBHOOK_URL").then(|| HOOK_URL.to_owned());
    let hook = DiscordConfig::from_vars(vars).expect("valid").expect("given");
    assert!(matches!(hook.clone().build().expect("whole").way, Way::Hook { .. }));
    let table = json!({"token": TOKEN, "public_key": "0a".repeat(32)});
    let bot = DiscordConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    assert_eq!(bot.clone().build().expect("whole").public_key, Some([10; 32]));
    let shown = format!("{hook:?} {bot:?} {:?} {:?}", hook.clone().build(), bot.clone().build());
    assert!(!shown.contains("canary"), "{shown}");
    assert!(DiscordConfig::from_vars(|_| None).expect("nothing").is_none());
    let versioned = DiscordConfig::new("https://discord.com/api/v9/webhooks/1/t").build().expect("whole");
    assert_eq!(&*versioned.base_url, "https://discord.com/api/v9");
    for (config, option) in [
        (DiscordConfig::new(TOKEN).channel("#news"), "channel"),
        (DiscordConfig::new(TOKEN).base_url("discord.com"), "base_url"),
        (DiscordConfig::new(TOKEN).public_key("xyz"), "public_key"),
        (DiscordConfig::new("https://discord.com/api/webhooks/canary"), "token"),
        (DiscordConfig::new("https://discord.com/api/webhooks/x/canary"), "token"),
        (DiscordConfig::new("http://discord.com/api/webhooks/1/canary"), "token"),
        (DiscordConfig::new(TOKEN).named(""), "name"),
    ] {
        let error = config.build().expect_err(option);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(option) && !error.message().contains("canary"), "{error}");
    }
}
