use tidings::{
    Chat, Media,
    message::{Button, VendorOption},
    providers::discord::{Discord, DiscordConfig},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const TOKEN: &str = "MTk4.canary.token";
const HOOK_TOKEN: &str = "canary-token_3d89";
const HOOK: &str = "https://discord.com/api/webhooks/223704706495545344/canary-token_3d89";
const POSTED: &str = r#"{"id":"334385199974967042","channel_id":"290926798999357250"}"#;

fn bot() -> Discord {
    DiscordConfig::new(TOKEN).build().expect("valid")
}

fn hook() -> Discord {
    DiscordConfig::new(HOOK).build().expect("valid")
}

fn known() -> Known<Discord, Chat> {
    Known {
        provider: bot,
        secret: TOKEN,
        message: Chat::builder().to("290926798999357250").text("Hi").build().expect("valid"),
        several: None,
        accepted: json(200, POSTED),
    }
}

fn by_hook() -> Known<Discord, Chat> {
    let message = Chat::builder().to("webhook").text("Hi").build().expect("valid");
    Known { provider: hook, secret: HOOK_TOKEN, message, ..known() }
}

tidings::provider_conformance! { mod discord_bot; channel: Chat; harness: known(); http: json }
tidings::provider_conformance! { mod discord_webhook; channel: Chat; harness: by_hook(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&bot());
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let posted = || [json(200, POSTED)];
    let full = Chat::builder()
        .to("290926798999357250")
        .markdown("**Storm** tonight")
        .media(Media::image("https://example.org/sea.png").expect("a link").with_caption("The sea"))
        .keyboard_row([
            Button::link("Map", "https://example.org/map").expect("a link"),
            Button::answer("Seen", "s"),
        ])
        .reply_to("334385199974967000")
        .option(VendorOption::new("discord", "suppress_notifications", true));
    golden::sends("discord/full", &bot(), &full.build().expect("valid"), posted()).await;
    let edit =
        Chat::builder().to("290926798999357250").text("Calm.").edits("290926798999357250:334385199974967042");
    golden::sends("discord/edit", &bot(), &edit.build().expect("valid"), posted()).await;
    let plain = Chat::builder().to("webhook").text("1 * 2").build().expect("valid");
    golden::sends("discord/webhook", &hook(), &plain, posted()).await;
}
