use tidings::{
    Chat, Media,
    message::Button,
    providers::teams::{Teams, TeamsConfig},
    testing::answer,
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog},
};

const URL: &str =
    "https://example.environment.api.powerplatform.com/workflows/1/triggers/manual/paths/invoke?sig=canary";

fn provider() -> Teams {
    TeamsConfig::new(URL).build().expect("valid")
}

fn known() -> Known<Teams, Chat> {
    Known {
        provider,
        secret: URL,
        message: Chat::builder().to("webhook").text("Hi").build().expect("valid"),
        several: None,
        accepted: answer(202, &[("x-ms-workflow-run-id", "08584")], ""),
    }
}

// A workflow says nothing in the body of a success.
tidings::provider_conformance! { mod teams_workflow; channel: Chat; harness: known(); http: any }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let began = || [answer(202, &[("x-ms-workflow-run-id", "08584")], "")];
    let full = Chat::builder()
        .to("webhook")
        .markdown("**Storm** tonight")
        .media(Media::image("https://example.org/sea.png").expect("a link").with_caption("The sea"))
        .keyboard_row([Button::link("Map", "https://example.org/map").expect("a link")]);
    golden::sends("teams/full", &provider(), &full.build().expect("valid"), began()).await;
    let plain = Chat::builder().to("webhook").text("1 * 2\nlines").build().expect("valid");
    golden::sends("teams/plain", &provider(), &plain, began()).await;
}
