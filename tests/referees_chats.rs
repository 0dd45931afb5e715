//! Slack, Discord and Teams before an independent referee: a server that judges every request by the vendor's own
//! published description; and signed calls that the vendors' own verifiers judged.
//!
//! Runs where `TIDINGS_SPEC_MOCK` names that server (`http://127.0.0.1:4100`) and `TIDINGS_WEBHOOK_SAMPLES` the file
//! of signed calls, one JSON a line. Discord and Teams are judged where `TIDINGS_SPEC_MOCK_ALSO` names them
//! (`discord teams`), for their descriptions are not at hand everywhere.
#![cfg(all(feature = "discord", feature = "slack", feature = "teams"))]

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName};
use serde::Deserialize;
use serde_json::{Value, json};
use tidings::{
    CallContext, Chat, ErrorKind, Features, Health, Media, MessageId, Outgoing, Provider, SystemClock,
    TenantId, Timestamp, Vendor,
    http::ReqwestTransport,
    message::{Builder, Button, File, MediaKind, Message as _, VendorOption},
    providers::{
        discord::{DiscordConfig, escape},
        slack::SlackConfig,
        teams::TeamsConfig,
    },
    webhook::{RawRequest, Webhook},
};

fn set(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        eprintln!("skipped: {variable} is not set");
    }
    value
}

/// The referee's address, if it knows this vendor.
fn referee(vendor: &str) -> Option<String> {
    let base = set("TIDINGS_SPEC_MOCK")?.trim_end_matches('/').to_owned();
    if vendor == "slack" || set("TIDINGS_SPEC_MOCK_ALSO")?.split_whitespace().any(|also| also == vendor) {
        return Some(base);
    }
    eprintln!("skipped: TIDINGS_SPEC_MOCK_ALSO does not name {vendor}");
    None
}

fn context() -> CallContext {
    let http = ReqwestTransport::new().expect("an HTTP client");
    CallContext::new(Arc::new(SystemClock)).with_http(Arc::new(http))
}

/// Sends all of them; the referee must take each, and together they must need all that is claimed but `beyond`.
async fn judge(base: &str, provider: &dyn Provider<Chat>, messages: Vec<Builder<Chat>>, beyond: Features) {
    let cx = context();
    let mut needed = beyond;
    for builder in messages {
        let chat = builder.build().expect("valid");
        needed = needed | chat.needs();
        let id = MessageId::new(cx.clock().now());
        let sent = provider.send(&cx, Outgoing::new(&chat, id, &TenantId::DEFAULT, "key")).await;
        if let Err(error) = sent {
            // The referee answers a webhook's edit as it answers a message that nobody waits for: with nothing. What
            // it finds wrong it refuses with 422.
            if error.kind() == ErrorKind::Protocol && chat.edits.is_some() {
                continue;
            }
            let said = reqwest::get(format!("{base}/_oracle/summary")).await.expect("the referee answers");
            panic!("{error:?}\n{chat:?}\n{}", said.text().await.expect("a text"));
        }
    }
    let unjudged = provider.capabilities().features.missing_in(needed);
    assert!(unjudged.is_empty(), "claimed but never judged: {unjudged}");
}

fn picture() -> Media {
    Media::image("https://example.org/sea.png").expect("a link").with_caption("The sea")
}

fn link(title: &str) -> Button {
    Button::link(title, "https://example.org/map").expect("a link")
}

fn file(kind: MediaKind) -> Media {
    Media::file(kind, File::new("a \"b\".png", "image/png", &b"\x89PNG\r\n\0--tidings"[..]).expect("a file"))
}

#[tokio::test]
async fn slack_is_judged() {
    let Some(base) = referee("slack") else { return };
    let slack = SlackConfig::new("xoxb-1").base_url(format!("{base}/slack")).build().expect("whole");
    let to = || Chat::builder().to("C0123456789");
    let option = |name: &str, value: Value| VendorOption::new("slack", name, value).required();
    let full = to()
        .markdown("*Storm* <https://example.org|tonight>")
        .media(picture())
        .keyboard_row([Button::answer("Seen", "s".repeat(2_000)), link(&"x".repeat(75))])
        .keyboard_row((0..25).map(|n| Button::answer("n", n.to_string())))
        .thread("1503435900.000100")
        .option(option("attachments", json!([{"text": "a"}])))
        .option(option("icon_emoji", json!(":tada:")))
        .option(option("link_names", json!(true)))
        .option(option("metadata", json!({"event_type": "deploy", "event_payload": {"id": 7}})))
        .option(option("parse", json!("none")))
        .option(option("reply_broadcast", json!(true)))
        .option(option("unfurl_links", json!(false)))
        .option(option("unfurl_media", json!(false)))
        .option(option("username", json!("Ops")));
    let messages = vec![
        full,
        to().text("x".repeat(3_000)).keyboard_row([link("Map")]),
        Chat::builder().to("#news").text("1 < 2 & 3"),
        to().markdown("t").option(option("blocks", json!([{"type": "divider"}]))),
        to().markdown("*new*").edits("C0123456789:1503435956.000247"),
        to().text("*new*").keyboard_row([link("Map")]).edits("1503435956.000247"),
    ];
    // The description is of 2021 and does not know how files are handed over today.
    let files = Features::MEDIA | Features::MEDIA_UPLOAD;
    judge(&base, &slack, messages, files).await;
}

#[tokio::test]
async fn discord_is_judged() {
    let Some(base) = referee("discord") else { return };
    let base_url = format!("{base}/discord");
    let bot = DiscordConfig::new("MTk4.a.b").base_url(&base_url).build().expect("whole");
    let to = || Chat::builder().to("290926798999357250");
    let option = |name: &str, value: Value| VendorOption::new("discord", name, value).required();
    let film = || Media::url(MediaKind::Image, "https://example.org/2.png").expect("a link");
    let full = || {
        to().markdown(format!("**Storm** {}", escape("(7 Bft.) – tonight!")))
            .media(picture())
            .media(film())
            .keyboard_row([Button::answer("Seen", "s".repeat(100)), link(&"x".repeat(80))])
            .option(option("allowed_mentions", json!({"users": ["290926798999357251"]})))
            .option(option("suppress_embeds", json!(true)))
    };
    let kinds = [MediaKind::Audio, MediaKind::File, MediaKind::Image, MediaKind::Video];
    let files = kinds.into_iter().fold(to().text("c"), |chat, kind| chat.media(file(kind).with_caption("c")));
    let messages = vec![
        full()
            .reply_to("334385199974967000")
            .option(option("fail_if_not_exists", json!(false)))
            .option(option("tts", json!(true)))
            .option(option("suppress_notifications", json!(true))),
        to().text("x".repeat(2_000)).thread("334385199974967001"),
        to().text("t")
            .option(option("embeds", json!([{"title": "t", "fields": [{"name": "n", "value": "v"}]}]))),
        files,
        to().text("new").edits("290926798999357250:334385199974967042"),
        to().media(file(MediaKind::Image)).edits("334385199974967042"),
    ];
    judge(&base, &bot, messages, Features::NONE).await;
    assert_eq!(bot.check(&context()).await.expect("good"), Health::Good);
    let hook = DiscordConfig::new("https://discord.com/api/webhooks/223704706495545344/token");
    let hook = hook.channel("290926798999357250").base_url(&base_url).build().expect("whole");
    let messages = vec![
        full()
            .option(option("username", json!("Ops")))
            .option(option("avatar_url", json!("https://example.org/a.png"))),
        to().text("t").thread("334385199974967001"),
        to().text("t").option(option("thread_name", json!("Storm"))),
        kinds.into_iter().fold(to(), |chat, kind| chat.media(file(kind))),
        to().markdown("new").edits("334385199974967042"),
    ];
    judge(&base, &hook, messages, Features::NONE).await;
}

#[tokio::test]
async fn teams_is_judged() {
    let Some(base) = referee("teams") else { return };
    let teams = TeamsConfig::new(format!("{base}/teams/workflows/1?sig=x")).build().expect("whole");
    let to = || Chat::builder().to("webhook");
    let card =
        json!({"type": "AdaptiveCard", "version": "1.5", "body": [{"type": "TextBlock", "text": "t"}]});
    let messages = vec![
        to().markdown("**Storm**\n- tonight").media(picture()).keyboard_row([link("Map"), link("More")]),
        to().text("# plain *words*\nof two lines\n\nand a gap")
            .keyboard_row([link("Map")])
            .keyboard_row([link("M")]),
        to().markdown("x".repeat(28_000)),
        to().text("in words").option(VendorOption::new("teams", "card", card).required()),
    ];
    judge(&base, &teams, messages, Features::NONE).await;
}

/// A signed call, and what the vendor's own verifier says of it.
#[derive(Deserialize)]
struct Sample {
    provider: String,
    case: String,
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    now: i64,
    expect: bool,
    #[serde(default)]
    advisory: bool,
    signing_secret: Option<String>,
    public_key: Option<String>,
}

impl Sample {
    fn request(&self) -> RawRequest {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header's name");
            headers.insert(name, value.parse().expect("a header's value"));
        }
        let method = self.method.parse().expect("a method");
        let body = BASE64.decode(&self.body).expect("base64");
        RawRequest::new(method, self.url.as_str(), headers, body, Timestamp::from_secs(self.now))
    }
}

async fn agree(provider: &str, vendor: impl Fn(&Sample) -> Box<dyn Webhook>) {
    let Some(path) = set("TIDINGS_WEBHOOK_SAMPLES") else { return };
    let text = std::fs::read_to_string(path).expect("the samples can be read");
    let all = text.lines().map(|line| serde_json::from_str::<Sample>(line).expect("a sample"));
    let samples: Vec<Sample> = all.filter(|sample| sample.provider == provider).collect();
    assert!(samples.len() > 20, "{provider}: only {} samples", samples.len());
    let mut different = Vec::new();
    for sample in &samples {
        let verified = vendor(sample).verify(&CallContext::default(), &sample.request()).await;
        if let Err(error) = &verified {
            assert_eq!(error.kind(), ErrorKind::Auth, "{}", sample.case);
        }
        if verified.is_ok() != sample.expect && !sample.advisory {
            different.push(format!("{}: the vendor says {}", sample.case, sample.expect));
        }
    }
    assert!(different.is_empty(), "{provider}: {different:#?}");
    let good = samples.iter().filter(|sample| sample.expect).count();
    eprintln!("{provider}: {} samples, {good} of them good, judged alike", samples.len());
}

#[tokio::test]
async fn slack_signatures_are_judged_as_by_slack() {
    agree("slack", |sample| {
        let secret = sample.signing_secret.as_deref().expect("Slack's samples carry a secret");
        Box::new(SlackConfig::new("xoxb-1").signing_secret(secret).build().expect("whole"))
    })
    .await;
}

#[tokio::test]
async fn discord_signatures_are_judged_as_by_pynacl() {
    agree("discord", |sample| {
        let key = sample.public_key.as_deref().expect("Discord's samples carry a key");
        Box::new(DiscordConfig::new("MTk4.a.b").public_key(key).build().expect("whole"))
    })
    .await;
}
