use tidings::{
    Chat,
    message::{Button, Media, VendorOption},
    providers::slack::{Slack, SlackConfig},
    testing::answer,
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const TOKEN: &str = "xoxb-canary-token";
const HOOK: &str = "https://hooks.slack.com/services/T0/B0/canary-hook";
const POSTED: &str = r#"{"ok":true,"channel":"C0123456789","ts":"1503435956.000247"}"#;

fn bot() -> Slack {
    SlackConfig::new(TOKEN).build().expect("valid")
}

fn hook() -> Slack {
    SlackConfig::new(HOOK).build().expect("valid")
}

fn known() -> Known<Slack, Chat> {
    Known {
        provider: bot,
        secret: TOKEN,
        message: Chat::builder().to("C0123456789").text("Hi").build().expect("valid"),
        several: None,
        accepted: json(200, POSTED),
    }
}

fn by_hook() -> Known<Slack, Chat> {
    Known {
        provider: hook,
        secret: HOOK,
        message: Chat::builder().to("webhook").text("Hi").build().expect("valid"),
        several: None,
        accepted: answer(200, &[("content-type", "text/html")], "ok"),
    }
}

tidings::provider_conformance! { mod slack_bot; channel: Chat; harness: known(); http: json }
// Slack's webhooks answer in plain words.
tidings::provider_conformance! { mod slack_webhook; channel: Chat; harness: by_hook(); http: any }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&bot());
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let posted = || [json(200, POSTED)];
    let plain = Chat::builder().to("#news").text("1 < 2").build().expect("valid");
    golden::sends("slack/plain", &bot(), &plain, posted()).await;
    let full = Chat::builder()
        .to("C0123456789")
        .markdown("*Storm* tonight")
        .media(Media::image("https://example.org/sea.png").expect("a link").with_caption("The sea"))
        .keyboard_row([
            Button::link("Map", "https://example.org/map").expect("a link"),
            Button::answer("Seen", "s"),
        ])
        .thread("1503435900.000100")
        .option(VendorOption::new("slack", "unfurl_links", false));
    golden::sends("slack/full", &bot(), &full.build().expect("valid"), posted()).await;
    let edit = Chat::builder().to("C0123456789").markdown("*Calm*").edits("C0123456789:1503435956.000247");
    golden::sends("slack/edit", &bot(), &edit.build().expect("valid"), posted()).await;
    let short = Chat::builder().to("webhook").text("Hi").build().expect("valid");
    golden::sends("slack/webhook", &hook(), &short, [answer(200, &[], "ok")]).await;
}
