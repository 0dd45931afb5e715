use serde_json::{Value, json};

use super::*;
use crate::{
    error::Certainty,
    id::{MessageId, TenantId},
    message::{Builder, Button, File, Location, Media, MediaKind, VendorOption},
    testing::{self, HttpStep, ScriptedHttp},
};

const URL: &str =
    "https://x.environment.api.powerplatform.com/workflows/1/triggers/manual/paths/invoke?sv=1.0&sig=canary";

fn teams() -> Teams {
    TeamsConfig::new(URL).named("ops").build().expect("whole")
}

fn to() -> Builder<Chat> {
    Chat::builder().to("webhook")
}

fn world(step: HttpStep) -> (ScriptedHttp, CallContext) {
    let script = ScriptedHttp::new().then(step);
    (script.clone(), CallContext::default().with_http(Arc::new(script)))
}

fn answer(status: u16, headers: &[(&str, &str)], body: &'static str) -> HttpStep {
    HttpStep::Answer(testing::answer(status, headers, body))
}

async fn send(cx: &CallContext, chat: Builder<Chat>) -> Result<Receipt> {
    let id = MessageId::from_uuid(uuid::Uuid::nil());
    let chat = chat.build().expect("valid");
    teams().send(cx, Outgoing::new(&chat, id, &TenantId::DEFAULT, "key")).await
}

/// The card that `chat` becomes.
async fn card_of(chat: Builder<Chat>) -> Value {
    let (script, cx) = world(answer(202, &[], ""));
    send(&cx, chat).await.expect("sent");
    let request = &script.requests()[0].request;
    assert_eq!((request.uri().to_string(), request.method()), (URL.to_owned(), &Method::POST));
    let mut body: Value = serde_json::from_slice(request.body()).expect("JSON");
    assert_eq!(body["type"], "message");
    assert_eq!(body["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    body["attachments"][0]["content"].take()
}

fn picture() -> Media {
    Media::image("https://example.org/1.png").expect("a link")
}

#[tokio::test]
async fn plain_words_are_runs_and_marked_ones_a_block() {
    let run = |text: &str| json!({"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text}]});
    let close = |text: &str| {
        let mut block = run(text);
        block["spacing"] = "None".into();
        block
    };
    let card = card_of(to().text("# *one*\r\ntwo\n\nthree\n")).await;
    let body = json!([run("# *one*"), close("two"), run("three")]);
    let schema = "http://adaptivecards.io/schemas/adaptive-card.json";
    assert_eq!(card, json!({"type": "AdaptiveCard", "$schema": schema, "version": "1.2", "body": body}));
    let card = card_of(to().markdown("**one**\n- two")).await;
    assert_eq!(card["body"], json!([{"type": "TextBlock", "text": "**one**\n- two", "wrap": true}]));
}

#[tokio::test]
async fn pictures_and_links_follow_the_words() {
    let link = |title: &str| Button::link(title, "https://example.org/m").expect("a link");
    let chat = to().markdown("t").media(picture().with_caption("*sea*")).media(picture());
    let card = card_of(chat.keyboard_row([link("A"), link("B")]).keyboard_row([link("C")])).await;
    let action =
        |title: &str| json!({"type": "Action.OpenUrl", "title": title, "url": "https://example.org/m"});
    let expected = json!([
        {"type": "TextBlock", "text": "t", "wrap": true},
        {"type": "Image", "url": "https://example.org/1.png", "altText": "*sea*"},
        {"type": "TextBlock", "text": "*sea*", "wrap": true},
        {"type": "Image", "url": "https://example.org/1.png"},
        {"type": "ActionSet", "actions": [action("A"), action("B")]},
        {"type": "ActionSet", "actions": [action("C")]},
    ]);
    assert_eq!(card["body"], expected);
}

#[tokio::test]
async fn a_card_of_ones_own_is_the_message() {
    let own = json!({"type": "AdaptiveCard", "version": "1.5", "body": []});
    let option = |value: Value| VendorOption::new(VENDOR, "card", value);
    let card = card_of(to().text("in words").option(option(own.clone()))).await;
    assert_eq!(
        card,
        json!({"type": "AdaptiveCard", "version": "1.5", "body": [], "fallbackText": "in words"})
    );
    for (chat, field) in [
        (to().media(picture()).option(option(own)), "options[\"teams.card\"]"),
        (to().text("t").option(option(json!({"type": "Hero"}))), "options[\"teams.card\"]"),
        (to().text("t").option(VendorOption::new(VENDOR, "colour", 1)), "options[\"teams.colour\"]"),
    ] {
        let (_, cx) = world(answer(202, &[], ""));
        let error = send(&cx, chat).await.expect_err(field);
        assert_eq!((error.kind(), error.field()), (ErrorKind::InvalidMessage, Some(field)));
    }
}

#[tokio::test]
async fn what_a_workflow_cannot_do_is_refused_before_the_call() {
    use ErrorKind::{InvalidMessage, InvalidRecipient, PayloadTooLarge, Unsupported};
    let here = Location::new(1.0, 2.0).expect("on earth");
    let file = Media::file(MediaKind::Image, File::new("a.png", "image/png", vec![1]).expect("a file"));
    let film = Media::url(MediaKind::Video, "https://example.org/1.mp4").expect("a link");
    let table = [
        (to().text("t").button_row(["a"]), Unsupported, "buttons"),
        (to().text("t").edits("1"), Unsupported, "edits"),
        (to().location(here), Unsupported, "location"),
        (to().text("t").reply_to("1"), Unsupported, "reply_to"),
        (to().text("t").thread("1"), Unsupported, "thread"),
        (to().media(file), Unsupported, "media[0]"),
        (to().media(film), Unsupported, "media[0]"),
        (to().media(Media::image("http://example.org/1.png").expect("a link")), InvalidMessage, "media[0]"),
        (to().text("t").keyboard_row([Button::answer("a", "b")]), Unsupported, "keyboard[0][0]"),
        (to().markdown("x".repeat(28 * 1024)), PayloadTooLarge, "text"),
        (Chat::builder().to("#other").text("t"), InvalidRecipient, "to"),
    ];
    for (chat, kind, field) in table {
        let (script, cx) = world(answer(202, &[], ""));
        let error = send(&cx, chat).await.expect_err(field);
        assert_eq!((error.kind(), error.field(), error.certainty()), (kind, Some(field), Certainty::NotSent));
        assert!(script.requests().is_empty());
    }
}

#[tokio::test]
async fn only_a_workflow_that_began_has_taken_it() {
    for (step, id) in [
        (answer(202, &[(RUN, "08584")], ""), Some("08584")),
        (answer(202, &[], ""), None),
        (answer(200, &[(RUN, "08584")], "done"), Some("08584")),
    ] {
        let (_, cx) = world(step);
        assert_eq!(send(&cx, to().text("t")).await.expect("sent").outcomes[0].vendor_id(), id);
    }
    for (step, kind, certainty) in [
        (answer(200, &[], "1"), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, &[], "<html>"), ErrorKind::Protocol, Certainty::Unknown),
        (HttpStep::ResetAfterSend, ErrorKind::Transport, Certainty::Unknown),
        (answer(404, &[], r#"{"error":{"code":"WorkflowNotFound"}}"#), ErrorKind::Auth, Certainty::NotSent),
        (answer(400, &[], URL), ErrorKind::InvalidMessage, Certainty::NotSent),
    ] {
        let (_, cx) = world(step);
        let error = send(&cx, to().text("t")).await.expect_err("failed");
        assert_eq!((error.kind(), error.certainty(), error.provider()), (kind, certainty, Some("ops")));
        assert!(!format!("{error:?}").contains("canary"), "{error:?}");
    }
}

#[test]
fn configurations_come_from_variables_and_show_no_url() {
    let vars = |name: &str| match name {
        "TEAMS_WEBHOOK_URL" => Some(URL.to_owned()),
        "TEAMS_CHANNEL" => Some("#news".to_owned()),
        _ => None,
    };
    let config = TeamsConfig::from_vars(vars).expect("valid").expect("given");
    let shown = format!("{config:?} {:?}", config.clone().build());
    assert!(!shown.contains("canary") && shown.contains("#news"), "{shown}");
    assert!(TeamsConfig::from_vars(|_| None).expect("nothing").is_none());
    for (config, option) in [
        (TeamsConfig::new("http://x.org/canary"), "webhook_url"),
        (TeamsConfig::new("canary"), "webhook_url"),
        (TeamsConfig::new(URL).channel("a b"), "channel"),
        (TeamsConfig::new(URL).named(""), "name"),
    ] {
        let error = config.build().expect_err(option);
        assert!(error.message().contains(option) && !error.message().contains("canary"), "{error}");
    }
}
