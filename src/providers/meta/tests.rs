use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    ErrorKind, Location, Media, MessageId, TenantId,
    message::{
        ListRow, ListSection, MediaKind, TemplateButtonValue, TemplateHeader, VendorOption, WhatsAppTemplate,
    },
    testing::ScriptedHttp,
};

const TO: &str = "+15005550006";
const SENT: &str = r#"{"messaging_product":"whatsapp","contacts":[{"input":"+15005550006","wa_id":"15005550006"}],"messages":[{"id":"wamid.1","message_status":"accepted"}]}"#;

fn script(answers: &[(u16, &str)]) -> (ScriptedHttp, CallContext) {
    let script =
        answers.iter().fold(ScriptedHttp::new(), |s, (status, body)| s.json(*status, (*body).to_owned()));
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    (script, cx)
}

fn id() -> MessageId {
    "0199f5a8-0000-7000-8000-000000000001".parse().expect("a UUID")
}

fn config() -> MetaConfig {
    MetaConfig::new("106540352242922", Credential::fetched(Fixed))
}

/// A token that changes, of which no key is made: bodies then hold no token of ours.
#[derive(Debug)]
struct Fixed;

#[async_trait]
impl crate::secret::CredentialSource for Fixed {
    async fn fetch(&self, _: &CallContext) -> Result<crate::secret::Issued<SecretString>> {
        Ok(crate::secret::Issued { value: "EAAG-token".to_owned().into(), expires: None })
    }
}

fn json_of(message: &WhatsApp) -> Result<Value> {
    let meta = config().number("+15005550001".parse().expect("valid")).build().expect("valid");
    let uploaded = upload::needed(message)?.map(|_| "4490709327384033");
    let bytes = body::json(&meta, &Outgoing::new(message, id(), &TenantId::DEFAULT, "key"), uploaded)?;
    Ok(serde_json::from_slice(&bytes).expect("JSON"))
}

fn start() -> crate::message::Builder<WhatsApp> {
    WhatsApp::builder().to(TO)
}

fn image() -> Media {
    Media::image("https://x.org/a.png").expect("valid")
}

fn file(kind: MediaKind) -> Media {
    Media::file(kind, File::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid"))
}

#[test]
fn every_kind_of_content() {
    let option = |name: &str, value: Value| VendorOption::new("meta", name, value);
    let section = |title: &str, id: &str| ListSection {
        title: title.into(),
        rows: vec![ListRow { id: id.into(), title: "Row".into(), description: None }],
    };
    let place = Location::new(47.07, -15.44).expect("valid").with_name("Inn").with_address("1 Road");
    let cases = [
        (
            start().text("Hi").option(option("preview_url", true.into())),
            "text",
            json!({"body": "Hi", "preview_url": true}),
        ),
        (
            start().media(image().with_caption("x")),
            "image",
            json!({"link": "https://x.org/a.png", "caption": "x"}),
        ),
        (
            start().media(file(MediaKind::File)).option(option("filename", "b.pdf".into())),
            "document",
            json!({"id": "4490709327384033", "filename": "b.pdf"}),
        ),
        (
            start().media(file(MediaKind::File)),
            "document",
            json!({"id": "4490709327384033", "filename": "a.pdf"}),
        ),
        (start().media(file(MediaKind::Video)), "video", json!({"id": "4490709327384033"})),
        (start().media(file(MediaKind::Audio)), "audio", json!({"id": "4490709327384033"})),
        (
            start().location(place),
            "location",
            json!({"latitude": "47.07", "longitude": "-15.44", "name": "Inn", "address": "1 Road"}),
        ),
        (
            start().buttons("Well?", [("y", "Yes")]).option(option("footer", "f".into())),
            "interactive",
            json!({"type": "button", "body": {"text": "Well?"}, "footer": {"text": "f"},
                   "action": {"buttons": [{"type": "reply", "reply": {"id": "y", "title": "Yes"}}]}}),
        ),
        (
            start()
                .list("Choose", "Open", vec![section("A", "1"), section("B", "2")])
                .option(option("header", "h".into())),
            "interactive",
            json!({"type": "list", "header": {"type": "text", "text": "h"}, "body": {"text": "Choose"},
                   "action": {"button": "Open", "sections": [
                       {"title": "A", "rows": [{"id": "1", "title": "Row"}]},
                       {"title": "B", "rows": [{"id": "2", "title": "Row"}]}]}}),
        ),
    ];
    for (message, kind, content) in cases {
        let body = json_of(&message.build().expect("valid")).expect("a body");
        let mut expected = json!({
            "messaging_product": "whatsapp", "recipient_type": "individual", "to": TO, "type": kind,
        });
        expected[kind] = content;
        assert_eq!(body, expected);
    }
}

#[test]
fn templates_have_components() {
    let new = || WhatsAppTemplate::new("order_shipped", "en_US");
    let media = TemplateHeader::Media(file(MediaKind::File));
    let cases = [
        (new(), json!(null)),
        (
            new().with("2", "b").with("1", "a"),
            json!([{"type": "body", "parameters": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]),
        ),
        (
            new().header(TemplateHeader::Text("shop".into(), "X".into())).with("name", "Ada"),
            json!([
                {"type": "header", "parameters": [{"type": "text", "parameter_name": "shop", "text": "X"}]},
                {"type": "body", "parameters": [{"type": "text", "parameter_name": "name", "text": "Ada"}]}]),
        ),
        (
            new().header(media),
            json!([{"type": "header", "parameters":
                [{"type": "document", "document": {"id": "4490709327384033", "filename": "a.pdf"}}]}]),
        ),
        (
            new()
                .button(0, TemplateButtonValue::Answer("p".into()))
                .button(1, TemplateButtonValue::LinkEnd("7".into()))
                .button(2, TemplateButtonValue::Code("SAVE20".into())),
            json!([
                {"type": "button", "sub_type": "quick_reply", "index": "0",
                 "parameters": [{"type": "payload", "payload": "p"}]},
                {"type": "button", "sub_type": "url", "index": "1", "parameters": [{"type": "text", "text": "7"}]},
                {"type": "button", "sub_type": "copy_code", "index": "2",
                 "parameters": [{"type": "coupon_code", "coupon_code": "SAVE20"}]}]),
        ),
    ];
    for (template, components) in cases {
        let body = json_of(&start().template(template).build().expect("valid")).expect("a body");
        assert_eq!(body["template"]["language"], json!({"policy": "deterministic", "code": "en_US"}));
        assert_eq!(body["template"]["components"], components);
    }
}

#[test]
fn quotes_senders_and_tokens() {
    let message = start().from("+15005550001").text("Hi").reply_to("wamid.in").build().expect("valid");
    let body = json_of(&message).expect("a body");
    assert_eq!(body["context"], json!({"message_id": "wamid.in"}));
    let meta = MetaConfig::new("1", "EAAG").echo_key("k".to_owned()).build().expect("valid");
    let message = start().text("Hi").build().expect("valid");
    let bytes = body::json(&meta, &Outgoing::new(&message, id(), &TenantId::DEFAULT, "key"), None);
    let body: Value = serde_json::from_slice(&bytes.expect("a body")).expect("JSON");
    let token = body["biz_opaque_callback_data"].as_str().expect("a token").to_owned();
    assert_eq!(meta.echo.as_ref().and_then(|key| key.open(&token)).map(|echo| echo.message), Some(id()));
}

#[test]
fn what_meta_cannot_say_is_refused_by_name() {
    let template = || WhatsAppTemplate::new("t", "en");
    let option = |name: &str, value: Value| VendorOption::new("meta", name, value);
    let row = || vec![ListRow { id: "1".into(), title: "Row".into(), description: None }];
    let untitled = || ListSection { title: "".into(), rows: row() };
    let big = |octets: usize| {
        Media::file(MediaKind::Image, File::new("a.png", "image/png", vec![0; octets]).expect("valid"))
    };
    let audio = || Media::url(MediaKind::Audio, "https://x.org/a.ogg").expect("valid");
    let cases = [
        (start().from("+15005550009").text("x"), "from"),
        (start().media(audio().with_caption("x")), "content.media.caption"),
        (start().media(image().with_caption("x".repeat(1_025))), "content.media.caption"),
        (start().media(big(5 * 1_024 * 1_024 + 1)), "content.media"),
        (start().list("Choose", "Open", vec![untitled(), untitled()]), "content.list.sections"),
        (start().template(template().with("1", "a").with("3", "b")), "content.template.parameters"),
        (start().template(template().with("1", "a").with("name", "b")), "content.template.parameters"),
        (start().template(template().with("n", "a").with("n", "b")), "content.template.parameters"),
        (start().template(template().header(TemplateHeader::Media(audio()))), "content.template.header"),
        (
            start().template(template().header(TemplateHeader::Media(image().with_caption("x")))),
            "content.template.header",
        ),
        (
            start().template(template().button(10, TemplateButtonValue::Answer("p".into()))),
            "content.template.buttons",
        ),
        (start().text("x").option(option("footer", "f".into())), "options[\"meta.footer\"]"),
        (start().text("x").option(option("fotter", "f".into())), "options[\"meta.fotter\"]"),
    ];
    for (message, field) in cases {
        let error = json_of(&message.build().expect("valid elsewhere")).expect_err(field);
        assert_eq!((error.field(), error.certainty()), (Some(field), Certainty::NotSent), "{error}");
    }
    assert!(json_of(&start().media(big(5 * 1_024 * 1_024)).build().expect("valid")).is_ok());
    let unsure = MetaConfig::new("1", "t").build().expect("valid");
    let named = start().from("+15005550001").text("x").build().expect("valid");
    let error = body::json(&unsure, &Outgoing::new(&named, id(), &TenantId::DEFAULT, "key"), None);
    assert!(error.expect_err("no number is set").message().contains("`number`"));
}

async fn send(cx: &CallContext, message: &WhatsApp) -> Result<Receipt> {
    config().build().expect("valid").send(cx, Outgoing::new(message, id(), &TenantId::DEFAULT, "key")).await
}

#[tokio::test]
async fn a_file_is_uploaded_first_and_then_shown() {
    let (script, cx) = script(&[(200, r#"{"id":"4490709327384033"}"#), (200, SENT)]);
    let message = start().media(file(MediaKind::File)).build().expect("valid");
    let receipt = send(&cx, &message).await.expect("accepted");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("wamid.1"));
    let requests = script.requests();
    let [upload, sent] = &requests[..] else { panic!("two requests") };
    let uri = "https://graph.facebook.com/v23.0/106540352242922";
    assert_eq!(upload.request.uri().to_string(), format!("{uri}/media"));
    assert_eq!(sent.request.uri().to_string(), format!("{uri}/messages"));
    let kind = upload.request.headers()["content-type"].to_str().expect("text").to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").expect("a form");
    let body = String::from_utf8_lossy(upload.request.body()).replace(boundary, "B");
    let expected = "--B\r\nContent-Disposition: form-data; name=\"messaging_product\"\r\n\r\nwhatsapp\r\n\
                    --B\r\nContent-Disposition: form-data; name=\"type\"\r\n\r\napplication/pdf\r\n\
                    --B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.pdf\"\r\n\
                    Content-Type: application/pdf\r\n\r\n%PDF\r\n--B--\r\n";
    assert_eq!(body, expected);
    let shown: Value = serde_json::from_slice(sent.request.body()).expect("JSON");
    assert_eq!(shown["document"]["id"], "4490709327384033");
    assert!(sent.request.headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn what_cannot_be_uploaded_was_certainly_not_sent() {
    for (status, body) in [(500, "<html>"), (200, "{}"), (200, "<html>"), (413, "")] {
        let (script, cx) = script(&[(status, body)]);
        let message = start().media(file(MediaKind::Image)).build().expect("valid");
        let error = send(&cx, &message).await.expect_err(body);
        assert_eq!(error.certainty(), Certainty::NotSent, "{error}");
        assert_eq!(script.requests().len(), 1);
    }
    // What cannot be sent is not uploaded.
    let (script, cx) = script(&[]);
    let message = start().from("+15005550001").media(file(MediaKind::Image)).build().expect("valid");
    assert!(send(&cx, &message).await.is_err() && script.requests().is_empty());
}

#[tokio::test]
async fn answers_are_outcomes() {
    let refused = r#"{"error":{"message":"(#131026) Message undeliverable","code":131026}}"#;
    let table = [
        (200, SENT, None),
        (200, "<html>", Some((ErrorKind::Protocol, Certainty::Unknown))),
        (200, r#"{"messages":[]}"#, Some((ErrorKind::Protocol, Certainty::Unknown))),
        (200, r#"{"messages":[{"id":""}]}"#, Some((ErrorKind::Protocol, Certainty::Unknown))),
        (400, refused, Some((ErrorKind::InvalidRecipient, Certainty::NotSent))),
    ];
    for (status, body, expected) in table {
        let (_, cx) = script(&[(status, body)]);
        let sent = send(&cx, &start().text("x").build().expect("valid")).await;
        assert_eq!(sent.err().map(|error| (error.kind(), error.certainty())), expected, "{body}");
    }
}

#[tokio::test]
async fn read_marks_and_the_check() {
    let meta = config().build().expect("valid");
    let (script_of, cx) = script(&[(200, r#"{"success":true}"#), (200, r#"{"id":"106540352242922"}"#)]);
    meta.mark_read(&cx, "wamid.in").await.expect("marked");
    assert_eq!(meta.check(&cx).await.expect("good"), Health::Good);
    let requests = script_of.requests();
    let mark: Value = serde_json::from_slice(requests[0].request.body()).expect("JSON");
    assert_eq!(mark, json!({"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.in"}));
    assert_eq!(requests[1].request.uri().query(), Some("fields=id"));
    assert!(meta.mark_read(&cx, "").await.is_err());
    for (status, body, kind) in [
        (200, r#"{"success":false}"#, ErrorKind::Protocol),
        (401, r#"{"error":{"code":190,"message":"expired"}}"#, ErrorKind::Auth),
    ] {
        let (_, cx) = script(&[(status, body), (status, body)]);
        assert_eq!(meta.mark_read(&cx, "wamid.in").await.expect_err(body).kind(), kind);
    }
}
