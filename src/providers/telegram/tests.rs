use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{
    error::{Certainty, ErrorKind},
    http::HttpRequest,
    id::{MessageId, TenantId},
    message::{Builder, Button, File, Location, Media, MediaKind, Message as _, VendorOption},
    testing::{self, HttpStep, ScriptedHttp},
};

const TOKEN: &str = "123456:ABC-DEF_secret";
const SENT: &str = r#"{"ok":true,"result":{"message_id":17,"date":1,"chat":{"id":-1001,"type":"channel"}}}"#;

fn answer(status: u16, body: &str) -> HttpStep {
    HttpStep::Answer(testing::answer(status, &[], body.to_owned()))
}

fn world(answers: impl IntoIterator<Item = HttpStep>) -> (ScriptedHttp, CallContext) {
    let script = answers.into_iter().fold(ScriptedHttp::new(), ScriptedHttp::then);
    (script.clone(), CallContext::default().with_http(Arc::new(script)))
}

fn config() -> TelegramConfig {
    TelegramConfig::new(TOKEN).named("harbour-bot").base_url("http://127.0.0.1:9/tg/")
}

const ID: u128 = 0x0199_0000_0000_7000_8000_0000_0000_0001;

async fn send(telegram: &Telegram, cx: &CallContext, chat: &Chat) -> Result<Receipt> {
    let id = MessageId::from_uuid(uuid::Uuid::from_u128(ID));
    telegram.send(cx, Outgoing::new(chat, id, &TenantId::DEFAULT, "key")).await
}

/// The one request that `chat` makes.
async fn request_of(chat: Builder<Chat>) -> HttpRequest {
    let (script, cx) = world([answer(200, SENT)]);
    let telegram = config().build().expect("whole");
    send(&telegram, &cx, &chat.build().expect("valid")).await.expect("sent");
    let mut requests = script.requests();
    assert_eq!(requests.len(), 1);
    requests.remove(0).request
}

/// Method and parameters of a request without files.
async fn call_of(chat: Builder<Chat>) -> (String, Value) {
    let request = request_of(chat).await;
    assert_eq!(request.method(), "POST");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers().len(), 1);
    let uri = request.uri().to_string();
    let method = uri.strip_prefix(&format!("http://127.0.0.1:9/tg/bot{TOKEN}/")).expect("the bot's address");
    (method.to_owned(), serde_json::from_slice(request.body()).expect("JSON"))
}

fn to() -> Builder<Chat> {
    Chat::builder().to(-1001_i64)
}

fn option(name: &str) -> VendorOption {
    VendorOption::new("telegram", name, true)
}

fn link(kind: MediaKind, url: &str) -> Media {
    Media::url(kind, url).expect("a link")
}

fn bytes(kind: MediaKind, name: &str, size: usize) -> Media {
    Media::file(kind, File::new(name, "image/png", vec![b'x'; size]).expect("a file"))
}

#[tokio::test]
async fn words_are_one_call() {
    let expected = json!({"chat_id": -1001, "text": "Storm tonight."});
    assert_eq!(call_of(to().text("Storm tonight.")).await, ("sendMessage".into(), expected));
    let marked = Chat::builder().to("@harbour_news").markdown("*Storm*");
    let expected = json!({"chat_id": "@harbour_news", "text": "*Storm*", "parse_mode": "MarkdownV2"});
    assert_eq!(call_of(marked).await, ("sendMessage".into(), expected));
}

#[tokio::test]
async fn threads_replies_keyboards_and_options_have_their_places() {
    let chat = to()
        .text("Storm")
        .thread("5")
        .reply_to("12")
        .keyboard_row([
            Button::link("Map", "https://example.org/m").expect("a link"),
            Button::answer("Seen", "s:1"),
        ])
        .keyboard_row([Button::answer("Off", "off")])
        .option(option("disable_notification"))
        .option(option("protect_content"))
        .option(option("allow_paid_broadcast"))
        .option(option("allow_sending_without_reply"))
        .option(VendorOption::new("telegram", "link_preview", false))
        .option(VendorOption::new("slack", "unknown", "skipped"));
    let expected = json!({
        "chat_id": -1001,
        "message_thread_id": 5,
        "text": "Storm",
        "link_preview_options": {"is_disabled": true},
        "disable_notification": true,
        "protect_content": true,
        "allow_paid_broadcast": true,
        "reply_parameters": {"message_id": 12, "allow_sending_without_reply": true},
        "reply_markup": {"inline_keyboard": [
            [{"text": "Map", "url": "https://example.org/m"}, {"text": "Seen", "callback_data": "s:1"}],
            [{"text": "Off", "callback_data": "off"}],
        ]},
    });
    assert_eq!(call_of(chat).await, ("sendMessage".into(), expected));
    let keys = json!({
        "chat_id": -1001,
        "text": "Coming?",
        "reply_markup": {
            "keyboard": [[{"text": "Yes"}, {"text": "No"}], [{"text": "Later"}]],
            "resize_keyboard": true, "one_time_keyboard": true,
        },
    });
    let chat = to().text("Coming?").button_row(["Yes", "No"]).button_row(["Later"]);
    assert_eq!(call_of(chat).await, ("sendMessage".into(), keys));
}

#[tokio::test]
async fn our_own_ids_can_be_answered() {
    for (id, expected) in
        [("-1001:17", json!({"message_id": 17})), ("-2002:17", json!({"message_id": 17, "chat_id": -2002}))]
    {
        let (_, body) = call_of(to().text("t").reply_to(id)).await;
        assert_eq!(body["reply_parameters"], expected, "{id}");
    }
}

#[tokio::test]
async fn media_by_link_have_a_method_each() {
    let table = [
        (MediaKind::Audio, "sendAudio", "audio"),
        (MediaKind::File, "sendDocument", "document"),
        (MediaKind::Image, "sendPhoto", "photo"),
        (MediaKind::Video, "sendVideo", "video"),
    ];
    for (kind, method, field) in table {
        let url = "https://example.org/x";
        let expected = json!({"chat_id": -1001, field: url, "caption": "c"});
        let captioned = to().media(link(kind, url).with_caption("c"));
        assert_eq!(call_of(captioned).await, (method.into(), expected.clone()));
        assert_eq!(call_of(to().media(link(kind, url)).text("c")).await, (method.into(), expected));
    }
    let bare =
        to().media(link(MediaKind::Image, "https://example.org/x")).keyboard_row([Button::answer("A", "a")]);
    let expected = json!({
        "chat_id": -1001, "photo": "https://example.org/x",
        "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]},
    });
    assert_eq!(call_of(bare).await.1, expected);
    let seen = to()
        .media(link(MediaKind::Video, "https://example.org/v"))
        .markdown("*v*")
        .option(option("has_spoiler"))
        .option(option("show_caption_above_media"));
    let expected = json!({
        "chat_id": -1001, "video": "https://example.org/v", "caption": "*v*", "parse_mode": "MarkdownV2",
        "has_spoiler": true, "show_caption_above_media": true,
    });
    assert_eq!(call_of(seen).await.1, expected);
}

#[tokio::test]
async fn places_are_points_or_venues() {
    let point = Location::new(47.07, 15.44).expect("on earth");
    let expected = json!({"chat_id": -1001, "latitude": 47.07, "longitude": 15.44});
    assert_eq!(call_of(to().location(point.clone())).await, ("sendLocation".into(), expected));
    let venue = point.with_name("The Inn").with_address("Quay 7");
    let expected = json!({
        "chat_id": -1001, "latitude": 47.07, "longitude": 15.44, "title": "The Inn", "address": "Quay 7",
    });
    assert_eq!(call_of(to().location(venue)).await, ("sendVenue".into(), expected));
}

#[tokio::test]
async fn edits_have_methods_of_their_own() {
    let words = to().markdown("*new*").edits("-1001:17").keyboard_row([Button::answer("A", "a")]);
    let expected = json!({
        "chat_id": -1001, "message_id": 17, "text": "*new*", "parse_mode": "MarkdownV2",
        "reply_markup": {"inline_keyboard": [[{"text": "A", "callback_data": "a"}]]},
    });
    assert_eq!(call_of(words).await, ("editMessageText".into(), expected));
    let caption = Chat::builder().to("@news").text("c").edits("-1001:17").option(option("edit_caption"));
    let expected = json!({"chat_id": "@news", "message_id": 17, "caption": "c"});
    assert_eq!(call_of(caption).await, ("editMessageCaption".into(), expected));
    let media = to().media(link(MediaKind::Image, "https://example.org/1")).text("c").edits("17");
    let expected = json!({
        "chat_id": -1001, "message_id": 17,
        "media": {"type": "photo", "media": "https://example.org/1", "caption": "c"},
    });
    assert_eq!(call_of(media).await, ("editMessageMedia".into(), expected));
    let request = request_of(to().media(bytes(MediaKind::Video, "v.mp4", 3)).edits("17")).await;
    let body = String::from_utf8(request.body().to_vec()).expect("texts");
    assert!(body.contains(r#"{"type":"video","media":"attach://file0"}"#), "{body}");
}

#[tokio::test]
async fn an_edit_that_changes_nothing_is_a_success() {
    let same = r#"{"ok":false,"error_code":400,"description":"Bad Request: message is not modified: x"}"#;
    let telegram = config().build().expect("whole");
    let (_, cx) = world([answer(400, same), answer(400, same)]);
    let edit = to().text("t").edits("-1001:17").build().expect("valid");
    let receipt = send(&telegram, &cx, &edit).await.expect("as it should be");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("-1001:17"));
    send(&telegram, &cx, &to().text("t").build().expect("valid")).await.expect_err("no edit");
}

#[tokio::test]
async fn a_voice_message_is_a_sound_of_its_own_kind() {
    let sound = || link(MediaKind::Audio, "https://example.org/v.ogg");
    let expected = json!({"chat_id": -1001, "voice": "https://example.org/v.ogg"});
    assert_eq!(call_of(to().media(sound()).option(option("voice"))).await, ("sendVoice".into(), expected));
    for wrong in [to().text("t"), to().media(sound()).media(sound())] {
        assert_eq!(refused(wrong.option(option("voice"))).1, "options[\"telegram.voice\"]");
    }
}

#[test]
fn what_an_edit_cannot_do_is_refused_by_name() {
    let edit = || to().text("t").edits("17");
    let photo = || link(MediaKind::Image, "https://example.org/1");
    let here = Location::new(1.0, 2.0).expect("on earth");
    for (chat, field) in [
        (to().text("t").edits("x"), "edits"),
        (to().text("t").edits("-2002:17"), "edits"),
        (edit().button_row(["a"]), "buttons"),
        (to().location(here).edits("17"), "location"),
        (to().media(photo()).media(photo()).edits("17"), "media"),
        (edit().reply_to("1"), "reply_to"),
        (edit().thread("1"), "thread"),
        (edit().option(option("protect_content")), "options[\"telegram.protect_content\"]"),
        (to().text("t").option(option("edit_caption")), "options[\"telegram.edit_caption\"]"),
        (to().text("x".repeat(1_025)).edits("1").option(option("edit_caption")), "text"),
    ] {
        assert_eq!(refused(chat).1, field);
    }
}

#[tokio::test]
async fn without_a_secret_no_call_is_believed() {
    let call = RawRequest::new(
        http::Method::POST,
        "https://x.org",
        http::HeaderMap::new(),
        "{}",
        Default::default(),
    );
    let cx = CallContext::default();
    let error = config().build().expect("whole").verify(&cx, &call).await.expect_err("no secret");
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(config().webhook_secret("no spaces").build().is_err());
}

#[tokio::test]
async fn albums_are_one_call() {
    let chat = to()
        .media(link(MediaKind::Image, "https://example.org/1"))
        .media(link(MediaKind::Video, "https://example.org/2"))
        .markdown("*both*")
        .option(option("has_spoiler"));
    let expected = json!({"chat_id": -1001, "media": [
        {"type": "photo", "media": "https://example.org/1", "caption": "*both*", "parse_mode": "MarkdownV2",
         "has_spoiler": true},
        {"type": "video", "media": "https://example.org/2", "has_spoiler": true},
    ]});
    assert_eq!(call_of(chat).await, ("sendMediaGroup".into(), expected));
    let files = to()
        .media(link(MediaKind::File, "https://example.org/1.pdf").with_caption("one"))
        .media(link(MediaKind::File, "https://example.org/2.pdf").with_caption("two"));
    let expected = json!({"chat_id": -1001, "media": [
        {"type": "document", "media": "https://example.org/1.pdf", "caption": "one"},
        {"type": "document", "media": "https://example.org/2.pdf", "caption": "two"},
    ]});
    assert_eq!(call_of(files).await.1, expected);
}

#[tokio::test]
async fn bytes_go_as_a_form() {
    let file = File::new("my \"room\".png", "image/png", &b"PNG\r\n\0"[..]).expect("a file");
    let chat = to().media(Media::file(MediaKind::Image, file)).text("Zimmer ä").button_row(["Ja"]);
    let request = request_of(chat).await;
    let boundary = "tidings-01990000000070008000000000000001";
    assert!(request.uri().path().ends_with("/sendPhoto"));
    assert_eq!(request.headers()["content-type"], format!("multipart/form-data; boundary={boundary}"));
    let expected = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"chat_id\"\r\n\r\n-1001\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"caption\"\r\n\r\nZimmer ä\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"reply_markup\"\r\n\r\n\
         {{\"keyboard\":[[{{\"text\":\"Ja\"}}]],\"resize_keyboard\":true,\"one_time_keyboard\":true}}\r\n\
         --{boundary}\r\nContent-Disposition: form-data; name=\"photo\"; filename=\"my %22room%22.png\"\r\n\
         Content-Type: image/png\r\n\r\nPNG\r\n\0\r\n--{boundary}--\r\n"
    );
    assert_eq!(request.body(), expected.as_bytes());
}

#[tokio::test]
async fn albums_mix_links_and_bytes() {
    let chat = to().media(link(MediaKind::Image, "https://example.org/1")).media(bytes(
        MediaKind::Image,
        "2.png",
        3,
    ));
    let request = request_of(chat).await;
    let body = String::from_utf8(request.body().to_vec()).expect("texts");
    let media =
        r#"[{"type":"photo","media":"https://example.org/1"},{"type":"photo","media":"attach://file1"}]"#;
    assert!(body.contains(&format!("name=\"media\"\r\n\r\n{media}\r\n")), "{body}");
    assert!(
        body.contains("name=\"file1\"; filename=\"2.png\"\r\nContent-Type: image/png\r\n\r\nxxx\r\n"),
        "{body}"
    );
}

fn refused(chat: Builder<Chat>) -> (ErrorKind, String, String) {
    let error = wire::call(&chat.build().expect("valid"), limits::MAX_FILE).expect_err("must be refused");
    assert_eq!(error.certainty(), Certainty::NotSent);
    (error.kind(), error.field().unwrap_or_default().to_owned(), error.message().to_owned())
}

#[test]
fn what_telegram_cannot_do_is_refused_by_name() {
    use ErrorKind::{InvalidMessage, InvalidRecipient, Unsupported};
    let photo = || link(MediaKind::Image, "https://example.org/1");
    let sound = || link(MediaKind::Audio, "https://example.org/2");
    let here = || Location::new(1.0, 2.0).expect("on earth");
    let key = |data: &str| to().text("t").keyboard_row([Button::answer("A", data.to_owned())]);
    let eleven = (0..11).fold(to(), |chat, _| chat.media(photo()));
    let table = [
        (to().text("t").location(here()), Unsupported, "text"),
        (to().media(photo()).location(here()), Unsupported, "media"),
        (to().text("t").media(photo().with_caption("c")), Unsupported, "text"),
        (to().location(here().with_name("n")), Unsupported, "location.name"),
        (to().location(here().with_address("a")), Unsupported, "location.address"),
        (to().media(photo()).media(photo()).button_row(["a"]), Unsupported, "buttons"),
        (
            to().media(photo()).media(photo()).keyboard_row([Button::answer("A", "a")]),
            Unsupported,
            "keyboard",
        ),
        (to().media(photo()).media(sound()), Unsupported, "media"),
        (to().media(sound()).media(photo()), Unsupported, "media"),
        (eleven, InvalidMessage, "media"),
        (key(""), InvalidMessage, "keyboard[0][0]"),
        (key(&"x".repeat(65)), InvalidMessage, "keyboard[0][0]"),
        (to().text("t").thread("general"), InvalidMessage, "thread"),
        (to().text("t").thread("0"), InvalidMessage, "thread"),
        (to().text("t").reply_to("abc"), InvalidMessage, "reply_to"),
        (to().text("t").reply_to("@x:1"), InvalidMessage, "reply_to"),
        (to().text("t").option(option("has_spoiler")), InvalidMessage, "options[\"telegram.has_spoiler\"]"),
        (to().text("t").option(option("colour")), InvalidMessage, "options[\"telegram.colour\"]"),
        (Chat::builder().to("harbour").text("t"), InvalidRecipient, "to"),
        (Chat::builder().to("@a/b").text("t"), InvalidRecipient, "to"),
    ];
    for (chat, kind, field) in table {
        let (is, names, why) = refused(chat);
        assert_eq!((is, names.as_str()), (kind, field), "{why}");
    }
}

#[test]
fn fields_set_by_hand_are_checked_too() {
    let mut chat = to().text("t").button_row(["a"]).build().expect("valid");
    chat.keyboard.push(vec![Button::answer("A", "a")]);
    assert_eq!(wire::call(&chat, 1).expect_err("two keyboards").field(), Some("buttons"));
    let mut chat = to().location(Location::new(1.0, 2.0).expect("on earth")).build().expect("valid");
    chat.location.as_mut().expect("set").latitude = f64::NAN;
    assert_eq!(wire::call(&chat, 1).expect_err("nowhere").field(), Some("location"));
    let mut chat = to().text("t").build().expect("valid");
    chat.text = Some("".into());
    assert_eq!(wire::call(&chat, 1).expect_err("nothing").field(), Some("text"));
}

#[test]
fn lengths_are_checked_with_limit_and_value() {
    let photo = || link(MediaKind::Image, "https://example.org/1");
    let of = |count: usize| "ä".repeat(count);
    let marked = |count: usize| format!("*{}* [l](https://example.org/{})", of(count - 2), "x".repeat(99));
    for (fits, over, field, most) in [
        (to().text(of(4_096)), to().text(of(4_097)), "text", 4_096),
        (to().markdown(marked(4_096)), to().markdown(marked(4_097)), "text", 4_096),
        (to().media(photo()).text(of(1_024)), to().media(photo()).text(of(1_025)), "text", 1_024),
        (
            to().media(photo()).media(photo().with_caption(of(1_024))),
            to().media(photo()).media(photo().with_caption(of(1_025))),
            "media[1].caption",
            1_024,
        ),
    ] {
        wire::call(&fits.build().expect("valid"), limits::MAX_FILE).expect("fits");
        let (kind, names, why) = refused(over);
        assert_eq!((kind, names.as_str()), (ErrorKind::PayloadTooLarge, field));
        assert!(why.contains(&most.to_string()) && why.contains(&(most + 1).to_string()), "{why}");
    }
    let (kind, _, why) = refused(to().markdown("*".repeat(32_769)));
    assert_eq!(kind, ErrorKind::PayloadTooLarge);
    assert!(why.contains("32768") && why.contains("32769"), "{why}");
}

#[test]
fn uploads_are_checked_with_limit_and_value() {
    let (kind, field, why) = refused(to().media(bytes(MediaKind::Image, "p.png", (10 << 20) + 1)));
    assert_eq!((kind, field.as_str()), (ErrorKind::PayloadTooLarge, "media[0]"));
    assert!(why.contains("10485761") && why.contains("10485760"), "{why}");
    let film = to().media(bytes(MediaKind::Video, "v.mp4", 11)).build().expect("valid");
    assert!(wire::call(&film, 11).is_ok() && wire::call(&film, 10).is_err());
    let limit = |config: TelegramConfig| config.build().expect("whole").max_upload;
    assert_eq!((limit(TelegramConfig::new(TOKEN)), limit(config())), (50 << 20, 2_000 << 20));
}

#[test]
fn every_need_of_a_chat_is_claimed() {
    let telegram = config().build().expect("whole");
    let chat = to()
        .markdown("*t*")
        .media(bytes(MediaKind::Image, "p.png", 1))
        .media(link(MediaKind::Audio, "https://example.org"))
        .media(link(MediaKind::File, "https://example.org"))
        .media(link(MediaKind::Video, "https://example.org"))
        .location(Location::new(1.0, 2.0).expect("on earth"))
        .button_row(["a"])
        .reply_to("1")
        .thread("1")
        .build()
        .expect("valid");
    assert!(telegram.capabilities().features.contains(chat.needs()));
    assert!(telegram.capabilities().features.contains(Features::INLINE_KEYBOARD));
    assert_eq!(telegram.capabilities().idempotency, None);
}

#[tokio::test]
async fn receipts_name_chat_and_message() {
    let album = r#"{"ok":true,"result":[{"message_id":4,"chat":{"id":9}},{"message_id":5,"chat":{"id":9}}]}"#;
    let telegram = config().build().expect("whole");
    for (body, id) in [(SENT, "-1001:17"), (album, "9:4")] {
        let (_, cx) = world([answer(200, body)]);
        let receipt = send(&telegram, &cx, &to().text("t").build().expect("valid")).await.expect("sent");
        assert_eq!((receipt.outcomes.len(), receipt.outcomes[0].vendor_id()), (1, Some(id)));
    }
}

#[tokio::test]
async fn failures_name_the_instance_and_never_the_token() {
    let telegram = config().build().expect("whole");
    let echo =
        format!(r#"{{"ok":false,"error_code":403,"description":"Forbidden: /bot{TOKEN}/sendMessage"}}"#);
    let table = [
        (HttpStep::ResetAfterSend, ErrorKind::Transport, Certainty::Unknown),
        (answer(403, &echo), ErrorKind::Permission, Certainty::NotSent),
        (answer(200, &echo), ErrorKind::Permission, Certainty::NotSent),
        (
            answer(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#),
            ErrorKind::Auth,
            Certainty::NotSent,
        ),
        (answer(200, &format!("<html>{TOKEN}")), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, r#"{"ok":true}"#), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, r#"{"ok":true,"result":[]}"#), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, r#"{"ok":true,"result":true}"#), ErrorKind::Protocol, Certainty::Unknown),
        (answer(502, &format!("<html>{TOKEN}")), ErrorKind::Unavailable, Certainty::Unknown),
    ];
    for (given, kind, certainty) in table {
        let (_, cx) = world([given]);
        let error = send(&telegram, &cx, &to().text("t").build().expect("valid")).await.expect_err("failed");
        assert_eq!(
            (error.kind(), error.certainty(), error.provider()),
            (kind, certainty, Some("harbour-bot"))
        );
        assert!(!format!("{error:?} {error}").contains("ABC-DEF"), "{error:?}");
    }
    for wrong in ["", "a b", "123/../x", "12:ä", "x?y", "%2e"] {
        let telegram = TelegramConfig::new(wrong).build().expect("built");
        let (_, cx) = world([]);
        let error =
            send(&telegram, &cx, &to().text("t").build().expect("valid")).await.expect_err("no token");
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::Config, Certainty::NotSent));
        assert!(wrong.is_empty() || !format!("{error:?}").contains(wrong), "{error:?}");
    }
}

#[test]
fn no_answer_makes_it_panic() {
    let whole =
        r#"{"ok":false,"error_code":400,"description":"Bad Request: ä","parameters":{"retry_after":1}}"#;
    for body in [whole, SENT, "null", "[[[[", r#"{"ok":false,"error_code":99999}"#, r#"{"ok":1,"result":{}}"#]
    {
        for end in 0..body.len() {
            for status in [200, 204, 400, 404, 429, 500, 599] {
                let cut = Bytes::copy_from_slice(&body.as_bytes()[..end]);
                let answer = http::Response::builder().status(status).body(cut).expect("an answer");
                assert!(wire::receipt(&answer, crate::time::Timestamp::default()).is_err());
            }
        }
    }
}

#[tokio::test]
async fn the_check_asks_who_the_bot_is() {
    let me = r#"{"ok":true,"result":{"id":1,"is_bot":true,"first_name":"b"}}"#;
    let (script, cx) = world([
        answer(200, me),
        answer(401, r#"{"ok":false,"error_code":401,"description":"Unauthorized"}"#),
    ]);
    let telegram = config().build().expect("whole");
    assert_eq!(telegram.check(&cx).await.expect("good"), Health::Good);
    assert_eq!(telegram.check(&cx).await.expect_err("refused").kind(), ErrorKind::Auth);
    let requests = script.requests();
    assert!(requests[0].request.uri().path().ends_with("/getMe"));
    assert_eq!(requests[0].request.body(), "{}");
}

#[test]
fn configs_come_from_variables_and_json_and_show_no_token() {
    let none = TelegramConfig::from_vars(|_| None).expect("nothing is given");
    assert!(none.is_none());
    let vars = |name: &str| match name {
        "TELEGRAM_BOT_TOKEN" => Some(format!("{TOKEN}\n")),
        "TELEGRAM_BASE_URL" => Some("http://bots.internal:8081".into()),
        _ => None,
    };
    let config = TelegramConfig::from_vars(vars).expect("whole").expect("given");
    let telegram = config.clone().build().expect("whole");
    assert_eq!((telegram.name(), &*telegram.base_url), ("telegram", "http://bots.internal:8081"));
    let json = json!({"name": "b", "token": TOKEN});
    let read: TelegramConfig = serde_json::from_value(json).expect("whole");
    assert!(serde_json::from_value::<TelegramConfig>(json!({"token": TOKEN, "colour": 1})).is_err());
    let shown = format!("{config:?} {telegram:?} {read:?}");
    assert!(!shown.contains("ABC-DEF"), "{shown}");
    for (config, option) in [
        (TelegramConfig::new(TOKEN).base_url("api.telegram.org"), "base_url"),
        (TelegramConfig::new(TOKEN).base_url("https://x/?a=b"), "base_url"),
        (TelegramConfig::new(TOKEN).named(""), "name"),
    ] {
        let error = config.build().expect_err(option);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(option), "{error}");
    }
}
