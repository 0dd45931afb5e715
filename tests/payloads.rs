//! Every format version that was ever written stays readable.
//!
//! `tests/payloads/vN` holds what version N wrote. Files are added, never changed.

use std::{fs, path::Path};

use bytes::Bytes;
use serde_json::{Value, json};
use tidings::{
    AnyMessage, Attachment, Chat, Email, Location, Media, Push, Sms, WebSubscription, WhatsApp,
    message::{
        Button, File, ListUnsubscribe, MediaKind, Payload, Priority, TemplateButtonValue, TemplateHeader,
        VendorOption, VendorTemplate, WhatsAppTemplate,
    },
};

fn data() -> serde_json::Map<String, Value> {
    match json!({"name": "Ada", "items": [1, 2]}) {
        Value::Object(map) => map,
        _ => unreachable!("an object"),
    }
}

/// A message of each channel that uses every field.
fn messages() -> Vec<(&'static str, AnyMessage)> {
    let email = Email::builder()
        .from("Shop <shop@example.org>")
        .reply_to("help@example.org")
        .to("Ada <ada@example.org>")
        .cc("cc@example.org")
        .bcc("bcc@example.org")
        .subject("Grüße")
        .text("text")
        .html("<p>html</p>")
        .attach(Attachment::new("invoice.pdf", "application/pdf", &b"%PDF\x00\xff"[..]).expect("valid"))
        .attach(Attachment::inline("logo", "logo.png", "image/png", &b"PNG"[..]).expect("valid"))
        .header("X-Campaign", "spring")
        .priority(Priority::High)
        .tag("receipt")
        .metadata("order", "17")
        .list_unsubscribe(ListUnsubscribe::one_click("https://example.org/u/1").expect("valid"))
        .template(VendorTemplate::new("d-1", data()))
        .merge("ada@example.org", data())
        .option(VendorOption::new("sendgrid", "ip_pool", "blue").required());
    let location = Location::new(47.07, 15.44).expect("valid").with_name("Inn").with_address("Main Street 1");
    let photo = Media::image("https://example.org/a.png").expect("valid").with_caption("A room");
    let sms = Sms::builder().from("Shop").to("+15005550006").body("Hello").media(photo.clone());
    let template = WhatsAppTemplate::new("shipped", "en").with("1", "Ada");
    let whatsapp =
        WhatsApp::builder().from("+15005550001").to("+15005550006").template(template).reply_to("wamid.1");
    let buttons = WhatsApp::builder().to("+15005550006").buttons("Well?", [("y", "Yes"), ("n", "No")]);
    let limited = Sms::builder().to("+15005550006").body("Hello").max_segments(2);
    let photo_above = TemplateHeader::Media(Media::image("https://example.org/a.png").expect("valid"));
    let filled = WhatsAppTemplate::new("shipped", "en")
        .header(photo_above)
        .button(0, TemplateButtonValue::Answer("cancel".into()))
        .button(1, TemplateButtonValue::Code("SAVE20".into()))
        .button(2, TemplateButtonValue::LinkEnd("17".into()));
    let words_above =
        WhatsAppTemplate::new("hello", "en").header(TemplateHeader::Text("1".into(), "x".into()));
    let filled = WhatsApp::builder().to("+15005550006").template(filled);
    let stood_in = WhatsApp::builder().to("+15005550006").text("Hi").stand_in(words_above);
    let push = Push::builder()
        .token("token")
        .title("Ready")
        .body("Your table")
        .image("https://example.org/a.png")
        .data("table", "4")
        .action("ok", "OK")
        .badge(3)
        .sound("bell")
        .collapse_key("table")
        .ttl(std::time::Duration::from_secs(60))
        .priority(Priority::High);
    let browser = WebSubscription::new(
        "https://push.example.net/push/JzLQ3raZ",
        "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "BTBZMqHH6r4Tts7J_aSIgg",
    );
    let to_browser = Push::builder().subscription(browser.expect("valid")).title("Ready");
    let chat = Chat::builder()
        .to("@news")
        .markdown("*Storm*")
        .media(photo)
        .location(location)
        .keyboard_row([
            Button::link("More", "https://example.org").expect("valid"),
            Button::answer("Seen", "seen"),
        ])
        .reply_to("7")
        .thread("9");
    vec![
        ("email", email.build().expect("valid").into()),
        ("sms", sms.build().expect("valid").into()),
        ("sms_limited", limited.build().expect("valid").into()),
        ("whatsapp", whatsapp.build().expect("valid").into()),
        ("whatsapp_buttons", buttons.build().expect("valid").into()),
        ("whatsapp_components", filled.build().expect("valid").into()),
        ("whatsapp_stand_in", stood_in.build().expect("valid").into()),
        ("push", push.build().expect("valid").into()),
        ("push_subscription", to_browser.build().expect("valid").into()),
        ("chat", chat.build().expect("valid").into()),
    ]
}

fn fixture(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/payloads/v1").join(format!("{name}.json"))
}

#[test]
fn version_1_is_read_and_written_as_it_was() {
    for (name, message) in messages() {
        let kept = fs::read(fixture(name)).unwrap_or_else(|e| panic!("tests/payloads/v1/{name}.json: {e}"));
        let mut payload = Payload::encode(&message).expect("plain data");
        assert_eq!((payload.version, payload.codec.as_str()), (1, "json"));
        let written: Value = serde_json::from_slice(&payload.bytes).expect("own output");
        assert_eq!(
            written,
            serde_json::from_slice::<Value>(&kept).expect("a fixture"),
            "{name} is written otherwise: that is a new version"
        );
        payload.bytes = Bytes::from(kept);
        assert_eq!(payload.decode().expect(name), message, "{name}");
    }
}

/// Messages whose files are kept apart: an email with two, of which one is large, and a chat with one.
fn with_files() -> Vec<(&'static str, AnyMessage)> {
    let email = Email::builder()
        .from("shop@example.org")
        .to("ada@example.org")
        .text("text")
        .attach(Attachment::new("small.txt", "text/plain", &b"small"[..]).expect("valid"))
        .attach(Attachment::new("large.bin", "application/octet-stream", vec![7; 2_000]).expect("valid"));
    let photo = File::new("photo.png", "image/png", vec![9; 1_500]).expect("valid");
    let media = Media::file(MediaKind::Image, photo);
    let chat = Chat::builder().to("@news").media(media);
    vec![("email", email.build().expect("valid").into()), ("chat", chat.build().expect("valid").into())]
}

#[test]
fn version_2_keeps_files_apart_and_is_read_as_it_was() {
    for (name, message) in with_files() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/payloads/v2/{name}.json"));
        let (written, files) = Payload::encode_apart(&message).expect("plain data");
        let kept = fs::read(&path).unwrap_or_else(|e| panic!("tests/payloads/v2/{name}.json: {e}"));
        let kept: Value = serde_json::from_slice(&kept).expect("a fixture");
        let message_written: Value = serde_json::from_slice(&written.bytes).expect("own output");
        let both = json!({"message": message_written, "blobs": written.blobs});
        assert_eq!(both, kept, "{name} is written otherwise: that is a new version");
        assert_eq!(written.version, 2);
        let mut kept_payload = written.clone();
        kept_payload.bytes = Bytes::from(serde_json::to_vec(&kept["message"]).expect("plain data"));
        kept_payload.blobs = serde_json::from_value(kept["blobs"].clone()).expect("hashes");
        let contents: Vec<Bytes> = files.into_iter().map(|(_, content)| content).collect();
        assert_eq!(kept_payload.decode_with(contents.clone()).expect(name), message);
        let error = kept_payload.decode_with(contents[1..].to_vec()).expect_err("one file is missing");
        assert!(error.to_string().contains("blob store"), "{error}");
    }
}

#[test]
fn small_files_stay_in_the_message() {
    let (payload, files) = Payload::encode_apart(&messages()[0].1).expect("plain data");
    assert_eq!((payload.version, files.len()), (1, 0));
}

#[test]
fn what_is_no_message_is_a_typed_error() {
    for text in ["", "{", "[]", "{\"channel\":\"pigeon\"}", "{\"channel\":\"sms\",\"to\":\"12\"}"] {
        let mut payload = Payload::encode(&messages()[1].1).expect("plain data");
        payload.bytes = Bytes::from_static(text.as_bytes());
        assert_eq!(payload.decode().expect_err(text).kind(), tidings::ErrorKind::Storage);
    }
}
