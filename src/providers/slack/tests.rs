use serde_json::{Value, json};

use super::*;
use crate::{
    http::HttpRequest,
    id::{MessageId, TenantId},
    message::{Builder, Button, File, Location, Media, MediaKind, VendorOption},
    testing::{self, HttpStep, ScriptedHttp},
};

const TOKEN: &str = "xoxb-canary-1";
const HOOK_URL: &str = "https://hooks.slack.com/services/T0/B0/canary";
const POSTED: &str = r#"{"ok":true,"channel":"C0123456789","ts":"1503435956.000247","message":{}}"#;

fn answer(status: u16, body: &str) -> HttpStep {
    HttpStep::Answer(testing::answer(status, &[], body.to_owned()))
}

fn world(answers: impl IntoIterator<Item = HttpStep>) -> (ScriptedHttp, CallContext) {
    let script = answers.into_iter().fold(ScriptedHttp::new(), ScriptedHttp::then);
    (script.clone(), CallContext::default().with_http(Arc::new(script)))
}

fn bot() -> Slack {
    SlackConfig::new(TOKEN).named("ops").build().expect("whole")
}

async fn send(slack: &Slack, cx: &CallContext, chat: &Chat) -> Result<Receipt> {
    let id = MessageId::from_uuid(uuid::Uuid::nil());
    slack.send(cx, Outgoing::new(chat, id, &TenantId::DEFAULT, "key")).await
}

fn body(request: &HttpRequest) -> Value {
    serde_json::from_slice(request.body()).expect("JSON")
}

/// Method and arguments of the one call that `chat` makes.
async fn call_of(chat: Builder<Chat>) -> (String, Value) {
    let (script, cx) = world([answer(200, POSTED)]);
    let receipt = send(&bot(), &cx, &chat.build().expect("valid")).await.expect("sent");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("C0123456789:1503435956.000247"));
    let requests = script.requests();
    assert_eq!(requests.len(), 1);
    let request = &requests[0].request;
    assert_eq!(request.headers()["content-type"], "application/json; charset=utf-8");
    assert_eq!(request.headers()["authorization"], "Bearer xoxb-canary-1");
    let uri = request.uri().to_string();
    (uri.strip_prefix("https://slack.com/api/").expect("Slack").to_owned(), body(request))
}

fn to() -> Builder<Chat> {
    Chat::builder().to("C0123456789")
}

fn option(name: &str, value: Value) -> VendorOption {
    VendorOption::new(VENDOR, name, value)
}

fn picture() -> Media {
    Media::image("https://example.org/1.png").expect("a link")
}

fn file(kind: MediaKind, size: usize) -> Media {
    Media::file(kind, File::new("a b.txt", "text/plain", vec![b'x'; size]).expect("a file"))
}

#[tokio::test]
async fn words_are_shown_as_they_are_or_read_as_mrkdwn() {
    let plain = json!({"channel": "C0123456789", "text": "1 &lt; 2 &amp; *not* bold", "mrkdwn": false});
    assert_eq!(call_of(to().text("1 < 2 & *not* bold")).await, ("chat.postMessage".into(), plain));
    let marked = json!({"channel": "#news", "text": "*bold* <https://example.org|here>"});
    let chat = Chat::builder().to("#news").markdown("*bold* <https://example.org|here>");
    assert_eq!(call_of(chat).await, ("chat.postMessage".into(), marked));
}

#[tokio::test]
async fn keyboards_and_pictures_are_blocks() {
    let chat = to()
        .markdown("*Storm*")
        .media(picture().with_caption("The sea"))
        .media(picture())
        .keyboard_row([
            Button::answer("Seen", "s:1"),
            Button::link("Map", "https://example.org/m").expect("a link"),
        ])
        .keyboard_row([Button::answer("Off", "off")])
        .thread("C0123456789:1503435900.000100");
    let button = |id: &str, label: &str| json!({"type": "button", "text": {"type": "plain_text", "text": label}, "action_id": id});
    let with = |mut button: Value, name: &str, value: &str| {
        button[name] = value.into();
        button
    };
    let expected = json!({
        "channel": "C0123456789",
        "text": "*Storm*",
        "thread_ts": "1503435900.000100",
        "blocks": [
            {"type": "section", "text": {"type": "mrkdwn", "text": "*Storm*"}},
            {"type": "image", "image_url": "https://example.org/1.png", "alt_text": "The sea",
             "title": {"type": "plain_text", "text": "The sea"}},
            {"type": "image", "image_url": "https://example.org/1.png", "alt_text": "image"},
            {"type": "actions", "elements": [
                with(button("tidings.0.0", "Seen"), "value", "s:1"),
                with(button("tidings.0.1", "Map"), "url", "https://example.org/m"),
            ]},
            {"type": "actions", "elements": [with(button("tidings.1.0", "Off"), "value", "off")]},
        ],
    });
    assert_eq!(call_of(chat).await.1, expected);
}

#[tokio::test]
async fn options_have_their_places() {
    let metadata = json!({"event_type": "deploy", "event_payload": {"id": 7}});
    let blocks = json!([{"type": "divider"}]);
    let chat = to()
        .markdown("t")
        .thread("1503435900.000100")
        .option(option("attachments", json!([{"text": "a"}])))
        .option(option("blocks", blocks.clone()))
        .option(option("icon_emoji", json!(":tada:")))
        .option(option("link_names", json!(true)))
        .option(option("metadata", metadata.clone()))
        .option(option("parse", json!("none")))
        .option(option("reply_broadcast", json!(true)))
        .option(option("unfurl_links", json!(false)))
        .option(option("unfurl_media", json!(false)))
        .option(option("username", json!("Ops")));
    let expected = json!({
        "channel": "C0123456789", "text": "t", "thread_ts": "1503435900.000100", "blocks": blocks,
        "attachments": [{"text": "a"}], "icon_emoji": ":tada:", "link_names": true, "metadata": metadata,
        "parse": "none", "reply_broadcast": true, "unfurl_links": false, "unfurl_media": false, "username": "Ops",
    });
    assert_eq!(call_of(chat).await.1, expected);
}

#[tokio::test]
async fn edits_replace_blocks_too() {
    let at = "C0123456789:1503435956.000247";
    let marked = json!({"channel": "C0123456789", "ts": "1503435956.000247", "text": "*new*", "blocks": []});
    assert_eq!(call_of(to().markdown("*new*").edits(at)).await, ("chat.update".into(), marked));
    let plain = json!({
        "channel": "C0123456789", "ts": "1503435956.000247", "text": "*new*",
        "blocks": [{"type": "section", "text": {"type": "plain_text", "text": "*new*"}}],
    });
    assert_eq!(call_of(to().text("*new*").edits("1503435956.000247")).await.1, plain);
    // Who wrote to a person knows the conversation from the receipt.
    let (_, person) = call_of(Chat::builder().to("U0123456789").markdown("t").edits("D0123456789:1.2")).await;
    assert_eq!(person["channel"], "D0123456789");
}

#[tokio::test]
async fn files_are_handed_over_before_they_are_shown() {
    let place = |id: &str| {
        let place = json!({"ok": true, "upload_url": format!("https://files.slack.com/upload/v1/{id}"), "file_id": id});
        answer(200, &place.to_string())
    };
    let shown = answer(200, r#"{"ok":true,"files":[{"id":"F1","title":"one"},{"id":"F2"}]}"#);
    let (script, cx) = world([place("F1"), answer(200, "OK - 3"), place("F2"), answer(200, "OK - 4"), shown]);
    let chat = to()
        .text("two *files*")
        .media(file(MediaKind::File, 3).with_caption("one"))
        .media(file(MediaKind::Video, 4))
        .thread("1503435900.000100");
    let receipt = send(&bot(), &cx, &chat.build().expect("valid")).await.expect("sent");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("F1"));
    let requests = script.requests();
    let uris: Vec<_> = requests.iter().map(|r| r.request.uri().to_string()).collect();
    assert_eq!(uris[0], "https://slack.com/api/files.getUploadURLExternal");
    assert_eq!(requests[0].request.body(), "filename=a+b.txt&length=3");
    assert_eq!(uris[1], "https://files.slack.com/upload/v1/F1");
    assert_eq!((requests[1].request.body().len(), requests[1].request.headers().len()), (3, 1));
    assert_eq!(uris[4], "https://slack.com/api/files.completeUploadExternal");
    let words = json!([{"type": "rich_text", "elements": [
        {"type": "rich_text_section", "elements": [{"type": "text", "text": "two *files*"}]}]}]);
    let expected = json!({
        "files": [{"id": "F1", "title": "one"}, {"id": "F2"}], "channel_id": "C0123456789",
        "thread_ts": "1503435900.000100", "blocks": words,
    });
    assert_eq!(body(&requests[4].request), expected);
}

#[tokio::test]
async fn until_files_are_shown_nothing_was_sent() {
    let place = r#"{"ok":true,"upload_url":"https://files.slack.com/u","file_id":"F1"}"#;
    let elsewhere = r#"{"ok":true,"upload_url":"http://files.slack.com/u","file_id":"F1"}"#;
    let chat = to().media(file(MediaKind::File, 3)).build().expect("valid");
    for (steps, certainty) in [
        (vec![HttpStep::ResetAfterSend], Certainty::NotSent),
        (vec![answer(200, elsewhere)], Certainty::NotSent),
        (vec![answer(200, place), answer(500, "no")], Certainty::NotSent),
        (vec![answer(200, place), HttpStep::ResetAfterSend], Certainty::NotSent),
        (vec![answer(200, place), answer(200, "OK"), HttpStep::ResetAfterSend], Certainty::Unknown),
        (vec![answer(200, place), answer(200, "OK"), answer(200, "{}")], Certainty::Unknown),
    ] {
        let (_, cx) = world(steps);
        assert_eq!(send(&bot(), &cx, &chat).await.expect_err("failed").certainty(), certainty);
    }
}

#[tokio::test]
async fn what_slack_cannot_do_is_refused_before_the_call() {
    use ErrorKind::{InvalidMessage, InvalidRecipient, PayloadTooLarge, Unsupported};
    let here = || Location::new(1.0, 2.0).expect("on earth");
    let sound = || Media::url(MediaKind::Audio, "https://example.org/1.mp3").expect("a link");
    let key = |button: Button| to().text("t").keyboard_row([button]);
    let many = (0..50).fold(to(), |chat, _| chat.media(picture()));
    let blocks = || option("blocks", json!([{"type": "divider"}]));
    let table = [
        (to().text("t").button_row(["a"]), Unsupported, "buttons"),
        (to().location(here()), Unsupported, "location"),
        (to().text("t").reply_to("1.2"), Unsupported, "reply_to"),
        (to().text("t").thread("1.2").edits("1.2"), Unsupported, "thread"),
        (to().media(sound()), Unsupported, "media[0]"),
        (to().media(picture()).media(file(MediaKind::Image, 1)), Unsupported, "media[0]"),
        (
            to().media(file(MediaKind::File, 1)).keyboard_row([Button::answer("a", "b")]),
            Unsupported,
            "keyboard",
        ),
        (to().media(file(MediaKind::File, 1)).edits("1.2"), Unsupported, "edits"),
        (to().media(file(MediaKind::File, 0)), InvalidMessage, "media[0]"),
        (Chat::builder().to("#news").media(file(MediaKind::File, 1)), InvalidRecipient, "to"),
        (Chat::builder().to("news").text("t"), InvalidRecipient, "to"),
        (Chat::builder().to("@x/y").text("t").edits("1.2"), InvalidMessage, "edits"),
        (to().text("t").edits("C9999999999:1.2"), InvalidMessage, "edits"),
        (to().text("t").edits("F1"), InvalidMessage, "edits"),
        (to().text("t").thread("17"), InvalidMessage, "thread"),
        (to().text("x".repeat(40_001)), PayloadTooLarge, "text"),
        (to().markdown("x".repeat(4_001)).edits("1.2"), PayloadTooLarge, "text"),
        (to().text("x".repeat(3_001)).media(picture()), PayloadTooLarge, "text"),
        (key(Button::answer("x".repeat(76), "a")), PayloadTooLarge, "keyboard[0][0]"),
        (key(Button::answer("x", "a".repeat(2_001))), PayloadTooLarge, "keyboard[0][0]"),
        (key(Button::answer("x", "")), InvalidMessage, "keyboard[0][0]"),
        (to().text("t").keyboard_row(vec![Button::answer("a", "b"); 26]), InvalidMessage, "keyboard[0]"),
        (many, InvalidMessage, "media"),
        (to().media(picture()).option(blocks()), InvalidMessage, "options[\"slack.blocks\"]"),
        (
            to().text("t").option(option("reply_broadcast", json!(true))),
            InvalidMessage,
            "options[\"slack.reply_broadcast\"]",
        ),
        (
            to().text("t").edits("1.2").option(option("unfurl_links", json!(true))),
            InvalidMessage,
            "options[\"slack.unfurl_links\"]",
        ),
        (to().text("t").option(option("colour", json!(1))), InvalidMessage, "options[\"slack.colour\"]"),
    ];
    for (chat, kind, field) in table {
        let (script, cx) = world([]);
        let error = send(&bot(), &cx, &chat.build().expect("valid")).await.expect_err(field);
        assert_eq!((error.kind(), error.field()), (kind, Some(field)), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
        assert!(script.requests().is_empty());
    }
}

#[tokio::test]
async fn limits_are_named_with_the_value() {
    let chat = to().text("ä".repeat(40_001)).build().expect("valid");
    let error = send(&bot(), &world([]).1, &chat).await.expect_err("too long");
    assert!(error.message().contains("40001") && error.message().contains("40000"), "{error}");
    let (_, cx) = world([answer(200, POSTED)]);
    send(&bot(), &cx, &to().text("ä".repeat(40_000)).build().expect("valid")).await.expect("fits");
}

fn hook() -> Slack {
    SlackConfig::new(HOOK_URL).channel("#news").build().expect("whole")
}

#[tokio::test]
async fn a_webhook_writes_to_its_channel_only() {
    let (script, cx) = world([answer(200, "ok")]);
    let chat = Chat::builder().to("#news").text("t").thread("1503435900.000100");
    let chat = chat
        .keyboard_row([Button::link("Map", "https://example.org").expect("a link")])
        .build()
        .expect("valid");
    let receipt = send(&hook(), &cx, &chat).await.expect("sent");
    assert_eq!((receipt.outcomes.len(), receipt.outcomes[0].vendor_id()), (1, None));
    let request = &script.requests()[0].request;
    assert_eq!((request.uri().to_string(), request.headers().len()), (HOOK_URL.to_owned(), 1));
    assert_eq!(body(request)["blocks"][1]["type"], "actions");
    assert_eq!(body(request)["thread_ts"], "1503435900.000100");
    assert_eq!(body(request)["channel"], Value::Null);
    let elsewhere = Chat::builder().to("#other").text("t").build().expect("valid");
    let error = send(&hook(), &world([]).1, &elsewhere).await.expect_err("another channel");
    assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidRecipient, Some("to")));
    assert_eq!(hook().check(&cx).await.expect("unchecked"), Health::Unchecked);
}

#[tokio::test]
async fn a_webhook_says_what_it_cannot() {
    let to = || Chat::builder().to("#news");
    for (chat, kind, field) in [
        (to().text("t").edits("1.2"), ErrorKind::Unsupported, "edits"),
        (to().media(file(MediaKind::Image, 1)), ErrorKind::Unsupported, "media"),
        (
            to().text("t").option(option("username", json!("Ops"))),
            ErrorKind::InvalidMessage,
            "options[\"slack.username\"]",
        ),
    ] {
        let error = send(&hook(), &world([]).1, &chat.build().expect("valid")).await.expect_err(field);
        assert_eq!((error.kind(), error.field()), (kind, Some(field)));
    }
    let chat = to().text("t").build().expect("valid");
    for (step, kind, certainty) in [
        (answer(200, "<html>"), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, ""), ErrorKind::Protocol, Certainty::Unknown),
        (answer(404, "no_service"), ErrorKind::Auth, Certainty::NotSent),
        (answer(410, "channel_is_archived"), ErrorKind::InvalidRecipient, Certainty::NotSent),
        (answer(500, HOOK_URL), ErrorKind::Unavailable, Certainty::Unknown),
    ] {
        let (_, cx) = world([step]);
        let error = send(&hook(), &cx, &chat).await.expect_err("failed");
        assert_eq!((error.kind(), error.certainty()), (kind, certainty));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[derive(Debug, Default)]
struct Rotating(std::sync::atomic::AtomicU32);

#[async_trait]
impl crate::secret::CredentialSource<SecretString> for Rotating {
    async fn fetch(&self, _: &CallContext) -> Result<crate::secret::Issued<SecretString>> {
        let count = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Ok(crate::secret::Issued { value: format!("xoxe-{count}").into(), expires: None })
    }
}

#[tokio::test]
async fn an_expired_token_is_renewed_once() {
    let slack = SlackConfig::new(Credential::fetched(Rotating::default())).build().expect("whole");
    let expired = || answer(200, r#"{"ok":false,"error":"token_expired"}"#);
    let chat = to().text("t").build().expect("valid");
    let (script, cx) = world([expired(), answer(200, POSTED)]);
    send(&slack, &cx, &chat).await.expect("with a fresh token");
    let tokens: Vec<_> =
        script.requests().iter().map(|r| r.request.headers()["authorization"].clone()).collect();
    assert_eq!(tokens, ["Bearer xoxe-0", "Bearer xoxe-1"]);
    let (script, cx) = world([expired(), expired()]);
    assert_eq!(send(&slack, &cx, &chat).await.expect_err("expired").kind(), ErrorKind::Auth);
    assert_eq!(script.requests().len(), 2);
}

#[tokio::test]
async fn the_check_asks_whose_token_it_is() {
    let me =
        r#"{"ok":true,"url":"https://x.slack.com/","team":"T","user":"bot","team_id":"T1","user_id":"W1"}"#;
    let (script, cx) = world([answer(200, me), answer(200, r#"{"ok":false,"error":"invalid_auth"}"#)]);
    assert_eq!(bot().check(&cx).await.expect("good"), Health::Good);
    assert_eq!(bot().check(&cx).await.expect_err("refused").kind(), ErrorKind::Auth);
    assert_eq!(script.requests()[0].request.uri(), "https://slack.com/api/auth.test");
}

#[test]
fn configurations_tell_tokens_from_webhooks_and_show_neither() {
    let vars = |name: &str| (name == "SLACK_WEBHOOK_URL").then(|| HOOK_URL.to_owned());
    let hook = SlackConfig::from_vars(vars).expect("valid").expect("given");
    assert!(matches!(hook.clone().build().expect("whole").way, Way::Hook { .. }));
    let table = json!({"token": TOKEN, "signing_secret": "s3cret", "name": "ops"});
    let bot = SlackConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    let shown = format!("{hook:?} {bot:?} {:?} {:?}", hook.clone().build(), bot.clone().build());
    assert!(!shown.contains("canary") && !shown.contains("s3cret"), "{shown}");
    assert!(SlackConfig::from_vars(|_| None).expect("nothing").is_none());
    for (config, option) in [
        (SlackConfig::new(TOKEN).channel("#news"), "channel"),
        (SlackConfig::new(TOKEN).base_url("slack.com"), "base_url"),
        (SlackConfig::new("http://hooks.slack.com/services/canary"), "token"),
        (SlackConfig::new(HOOK_URL).channel("a b"), "channel"),
        (SlackConfig::new(TOKEN).named(""), "name"),
    ] {
        let error = config.build().expect_err(option);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(option) && !error.message().contains("canary"), "{error}");
    }
}

#[tokio::test]
async fn without_a_signing_secret_no_call_is_believed() {
    let call = RawRequest::new(
        http::Method::POST,
        "https://x.org",
        http::HeaderMap::new(),
        "{}",
        Default::default(),
    );
    let error = bot().verify(&CallContext::default(), &call).await.expect_err("no secret");
    assert_eq!(error.kind(), ErrorKind::Auth);
}
