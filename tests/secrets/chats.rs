//! Chats whose tokens and addresses are secrets, and the key that signs mail.

use std::{fmt::Debug, sync::Arc};

use serde_json::json;
use tidings::{
    AnyMessage, CallContext, Chat, MessengerBuilder, Vendor,
    providers::{discord::DiscordConfig, slack::SlackConfig, smtp::SmtpConfig, teams::TeamsConfig},
    testing::ScriptedHttp,
};

use crate::{
    canaries::Printed,
    configurations::{read_wrongly, vary},
    sends::{hear, misdeeds},
    support::Listener,
};

const SLACK: &str = "https://hooks.slack.com/services/T0/B0/c4n4ry";
const DISCORD: &str = "https://discord.com/api/webhooks/223704706495545344/c4n4ry";
const TEAMS: &str = "https://example.environment.api.powerplatform.com/workflows/1?sig=c4n4ry";
const SEED: &str = "YzRuNHJ5LWM0bjRyeS1jNG40cnktYzRuNHJ5LWM0bjQ=";

fn slack() -> [SlackConfig; 2] {
    [SlackConfig::new("xoxb-c4n4ry").signing_secret("c4n4ry"), SlackConfig::new(SLACK)]
}

fn discord() -> [DiscordConfig; 2] {
    [DiscordConfig::new("MTk4.c4n4ry"), DiscordConfig::new(DISCORD)]
}

fn chat(to: &str) -> AnyMessage {
    Chat::builder().to(to).text("Hi").build().expect("valid").into()
}

#[test]
fn configurations_and_vendors_hide_their_tokens() {
    let mut printed = Printed::new();
    let ([bot, hook], [other, webhook], teams) = (slack(), discord(), TeamsConfig::new(TEAMS));
    let login = "https://user:c4n4ry@example.org/c4n4ry";
    let configs: [&dyn Debug; 7] =
        [&bot, &hook, &bot.clone().base_url(login), &other, &webhook, &other.clone().base_url(login), &teams];
    for (index, config) in configs.into_iter().enumerate() {
        printed.debug(&format!("configuration {index}"), config);
    }
    for config in [bot.clone(), hook, bot.base_url(login), SlackConfig::new("http://c4n4ry")] {
        printed.result("slack", &config.build());
    }
    for config in
        [other.clone(), webhook, other.base_url(login), DiscordConfig::new("https://c4n4ry/webhooks/c4n4ry")]
    {
        printed.result("discord", &config.build());
    }
    for config in [teams, TeamsConfig::new("c4n4ry")] {
        printed.result("teams", &config.build());
    }
    printed.is_clean();
}

#[test]
fn files_and_variables_that_are_wrong() {
    let mut printed = Printed::new();
    let file = json!({"token": "xoxb-c4n4ry", "signing_secret": "c4n4ry"});
    read_wrongly(&mut printed, &file, &["/token", "/signing_secret"], SlackConfig::build);
    read_wrongly(&mut printed, &json!({"token": "c4n4ry"}), &["/token"], DiscordConfig::build);
    read_wrongly(&mut printed, &json!({"webhook_url": TEAMS}), &["/webhook_url"], TeamsConfig::build);
    let file = json!({"host": "127.0.0.1", "dkim_domain": "x.org", "dkim_selector": "s", "dkim_key": SEED});
    printed.secrets.push(SEED.to_owned());
    read_wrongly(&mut printed, &file, &["/dkim_key"], SmtpConfig::build);
    let vars = [
        ("SLACK_BOT_TOKEN", "xoxb-c4n4ry"),
        ("SLACK_SIGNING_SECRET", "c4n4ry"),
        ("SLACK_BASE_URL", "https://x.org"),
    ];
    vary(&mut printed, &vars, |vars| SlackConfig::from_vars(vars), SlackConfig::build);
    vary(
        &mut printed,
        &[("SLACK_WEBHOOK_URL", SLACK)],
        |vars| SlackConfig::from_vars(vars),
        SlackConfig::build,
    );
    let key = "0a".repeat(32);
    let vars =
        [("DISCORD_WEBHOOK_URL", DISCORD), ("DISCORD_PUBLIC_KEY", &*key), ("DISCORD_CHANNEL", "#news")];
    vary(&mut printed, &vars, |vars| DiscordConfig::from_vars(vars), DiscordConfig::build);
    vary(
        &mut printed,
        &[("TEAMS_WEBHOOK_URL", TEAMS)],
        |vars| TeamsConfig::from_vars(vars),
        TeamsConfig::build,
    );
    let vars = [
        ("SMTP_HOST", "127.0.0.1"),
        ("SMTP_DKIM_DOMAIN", "x.org"),
        ("SMTP_DKIM_SELECTOR", "s"),
        ("SMTP_DKIM_KEY", SEED),
    ];
    vary(&mut printed, &vars, |vars| SmtpConfig::from_vars(vars), SmtpConfig::build);
    printed.is_clean();
}

#[tokio::test]
async fn chats_that_echo_what_they_were_sent() {
    let (listener, mut printed) = (Listener::default(), Printed::new());
    let _guard = tracing::subscriber::set_default(listener.clone());
    let ([bot, hook], [other, webhook]) = (slack(), discord());
    type Add = Box<dyn Fn(MessengerBuilder) -> MessengerBuilder>;
    let all: [(&str, &str, Add); 5] = [
        ("slack", "C0123456789", Box::new(move |b| b.chat(bot.clone().build()))),
        ("slack's webhook", "webhook", Box::new(move |b| b.chat(hook.clone().build()))),
        ("discord", "42", Box::new(move |b| b.chat(other.clone().build()))),
        ("discord's webhook", "webhook", Box::new(move |b| b.chat(webhook.clone().build()))),
        ("teams", "webhook", Box::new(|b| b.chat(TeamsConfig::new(TEAMS).build()))),
    ];
    for step in misdeeds() {
        for (vendor, to, add) in &all {
            hear(&mut printed, &format!("{vendor} after {step:?}"), (None, step.clone()), add, chat(to))
                .await;
        }
    }
    printed.text("tracing", listener.heard());
    printed.is_clean();
}

#[tokio::test]
async fn checks_of_chats() {
    let mut printed = Printed::new();
    let ([bot, _], [other, webhook]) = (slack(), discord());
    let (bot, other, webhook) = (bot.build(), other.build(), webhook.build());
    let (bot, other, webhook) = (bot.expect("valid"), other.expect("valid"), webhook.expect("valid"));
    let vendors: [&dyn Vendor; 3] = [&bot, &other, &webhook];
    for step in misdeeds().into_iter().filter(|step| format!("{step:?}") != "Hang") {
        let http = ScriptedHttp::new().then_always([step.clone()]);
        let cx = CallContext::default().with_http(Arc::new(http));
        for vendor in vendors {
            printed
                .result(&format!("the check of {} after {step:?}", vendor.name()), &vendor.check(&cx).await);
        }
    }
    printed.is_clean();
}
