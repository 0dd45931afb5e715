//! Shows the request that each configured vendor would be sent for the same message, and sends nothing.
//!
//! ```sh
//! cargo run --features full --example vendors                              # vendors with made-up keys
//! SENDGRID_API_KEY=… cargo run --features full --example vendors           # those that your variables name
//! ```

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use tidings::{
    CallContext, Channel, Chat, Email, Error, Message, MessageId, Outgoing, Provider, Push, Result, Sms,
    SystemClock, TenantId, WhatsApp,
    config::{Config, ProviderConfig},
    http::{Demands, HttpRequest, HttpResponse, HttpTransport},
    providers::catalog::ENTRIES,
};

#[tokio::main]
async fn main() -> Result<()> {
    let mut providers = Config::from_env()?.providers;
    if providers.is_empty() {
        println!("No vendor is configured: these have made-up keys. See .env.example for the variables.\n");
        providers = made_up();
    }
    for provider in &providers {
        if let Err(error) = show(provider).await {
            println!("--- {}\n{error}\n", provider.name());
        }
    }
    println!("{} vendors of {} that were compiled in; nothing was sent.", providers.len(), ENTRIES.len());
    Ok(())
}

/// Every vendor whose needed options have an example.
fn made_up() -> Vec<ProviderConfig> {
    let examples = |entry: &tidings::providers::catalog::Entry| {
        let needed = entry.schema.settings.iter().filter(|s| s.needed || s.is_secret());
        let shown = needed.filter(|setting| !setting.example.is_empty());
        shown.map(|setting| (setting.name.to_owned(), setting.example.into())).collect()
    };
    ENTRIES.iter().map(|entry| ProviderConfig::new(entry.vendor(), examples(entry))).collect()
}

async fn show(provider: &ProviderConfig) -> Result<()> {
    let built = provider.build()?;
    if provider.vendor == "smtp" {
        println!("--- smtp (email)\nspeaks SMTP and not HTTP: {:?}\n", built.vendor);
        return Ok(());
    }
    let secrets = secrets(provider);
    for (channel, _) in provider.entry()?.channels {
        println!("--- {} ({channel})", provider.name());
        let http = Catcher::default();
        let said = match channel {
            Channel::Chat => hand_over(built.chat.as_deref(), chat(provider)?, &http).await,
            Channel::Email => hand_over(built.email.as_deref(), email()?, &http).await,
            Channel::Push => hand_over(built.push.as_deref(), push(provider)?, &http).await,
            Channel::Sms => hand_over(built.sms.as_deref(), sms()?, &http).await,
            Channel::WhatsApp => hand_over(built.whatsapp.as_deref(), whatsapp(provider)?, &http).await,
            _ => Ok(()),
        };
        let caught = http.caught();
        if caught.is_empty() {
            println!(
                "refused before any request: {}\n",
                said.err().map(|e| e.to_string()).unwrap_or_default()
            );
        }
        for text in caught {
            println!("{}", without(&secrets, text));
        }
    }
    Ok(())
}

async fn hand_over<M: Message>(provider: Option<&dyn Provider<M>>, message: M, http: &Catcher) -> Result<()> {
    let provider = provider.ok_or_else(|| Error::config("the vendor does not serve this channel"))?;
    let cx = CallContext::new(Arc::new(SystemClock)).with_http(Arc::new(http.clone()));
    let id = MessageId::new(tidings::Clock::now(&SystemClock));
    provider.send(&cx, Outgoing::new(&message, id, &TenantId::DEFAULT, "order-17")).await.map(|_| ())
}

/// What `JSON.stringify(subscription)` gives in a browser.
const BROWSER: &str = r#"{"endpoint": "https://push.example.net/push/JzLQ3raZ", "keys": {
    "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
    "auth": "BTBZMqHH6r4Tts7J_aSIgg"}}"#;

fn email() -> Result<Email> {
    let email = Email::builder().from("Corner Shop <shop@example.org>").to("Ada Lovelace <ada@example.org>");
    email.subject("Your order is on its way").text("It should reach you tomorrow.").build()
}

fn sms() -> Result<Sms> {
    Sms::builder().from("+15005550006").to("+15005550001").body("It should reach you tomorrow.").build()
}

fn whatsapp(provider: &ProviderConfig) -> Result<WhatsApp> {
    let message = WhatsApp::builder().to("+15005550001").text("It should reach you tomorrow.");
    // Meta writes from the number that its configuration names.
    if provider.vendor == "meta" { message.build() } else { message.from("+15005550006").build() }
}

fn push(provider: &ProviderConfig) -> Result<Push> {
    let push = Push::builder().title("Your order is on its way").body("It should reach you tomorrow.");
    match provider.vendor.as_str() {
        "apns" => push.token("00".repeat(32)).build(),
        "webpush" => push.subscription(BROWSER).build(),
        _ => push.token("a-device-token").build(),
    }
}

fn chat(provider: &ProviderConfig) -> Result<Chat> {
    let to = match provider.vendor.as_str() {
        "discord" => "123456789012345678",
        "slack" => "C0123456789",
        _ => "42",
    };
    Chat::builder().to(to).text("Your order is on its way. It should reach you tomorrow.").build()
}

/// The values of the options that are shown nowhere.
fn secrets(provider: &ProviderConfig) -> Vec<String> {
    let is_secret = |name: &str| {
        let setting = provider.entry().ok().and_then(|entry| entry.schema.setting(name));
        setting.is_none_or(|setting| setting.is_secret())
    };
    let secret = provider.options.iter().filter(|(name, _)| is_secret(name));
    secret.filter_map(|(_, value)| value.as_str().map(str::to_owned)).collect()
}

fn without(secrets: &[String], text: String) -> String {
    secrets.iter().filter(|secret| !secret.is_empty()).fold(text, |text, secret| text.replace(secret, "…"))
}

/// Keeps what it is to send, and sends nothing.
#[derive(Clone, Debug, Default)]
struct Catcher(Arc<Mutex<Vec<String>>>);

impl Catcher {
    fn caught(&self) -> Vec<String> {
        self.0.lock().map(|mut caught| std::mem::take(&mut *caught)).unwrap_or_default()
    }
}

#[async_trait]
impl HttpTransport for Catcher {
    async fn send(&self, request: HttpRequest, _: Option<Duration>) -> Result<HttpResponse> {
        let wants_token = request.uri().path().ends_with("/token");
        if let Ok(mut caught) = self.0.lock() {
            caught.push(shown(&request));
        }
        // A vendor that exchanges its key for a token first goes on with this one.
        let answer = r#"{"access_token":"made-up","expires_in":3600,"token_type":"Bearer"}"#;
        match wants_token {
            true => Ok(HttpResponse::new(answer.into())),
            false => Err(Error::config("nothing is sent here")),
        }
    }

    /// What is not sent reaches nobody whom it should not.
    fn keeps(&self, _: Demands) -> bool {
        true
    }
}

fn shown(request: &HttpRequest) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        // Headers that carry secrets are marked as such.
        let value = if value.is_sensitive() { "…" } else { value.to_str().unwrap_or("…") };
        text.push_str(&format!("{name}: {value}\n"));
    }
    let Ok(body) = std::str::from_utf8(request.body()) else {
        return format!("{text}\n({} octets, encrypted)\n", request.body().len());
    };
    let pretty = serde_json::from_str::<serde_json::Value>(body).ok();
    let pretty = pretty.and_then(|value| serde_json::to_string_pretty(&value).ok());
    text.push('\n');
    text.push_str(pretty.as_deref().unwrap_or(body));
    text.push('\n');
    text
}
