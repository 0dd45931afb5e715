//! All five channels in one run, through the outbox in a SQLite file, with no account and no server:
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! With `--features full` a channel goes out for real as soon as the environment names its
//! vendor and whom to write to; the examples `email`, `sms`, `whatsapp`, `push` and `chat` say how.

use tidings::{
    AnyMessage, Chat, Defaults, Email, Messenger, MessengerBuilder, Push, Result, Sms, WhatsApp,
    message::{Button, WhatsAppTemplate},
    providers::preview::Preview,
    storage::SqliteStore,
};

#[tokio::main]
async fn main() -> Result<()> {
    let file = std::env::temp_dir().join("tidings-quickstart.db");
    let messenger = messenger(SqliteStore::open(&file).await?)?;

    println!("Five messages go into the outbox, {}.", file.display());
    println!("From here on they are durable: a crash would lose none of them.\n");
    let mut queued = Vec::new();
    for message in [email()?, sms()?, whatsapp()?, push()?, chat()?] {
        let channel = message.channel();
        let taken = messenger.enqueue(message).category("order-update").await?;
        println!("  queued {:<9} {}", channel, taken.id);
        queued.push(taken.id);
    }

    println!("\nA worker delivers them. Those of channels without a vendor are shown as cards");
    println!("and do not leave this machine.\n");
    messenger.worker().build()?.run_until_idle().await?;

    println!("And afterwards the outbox knows what became of each:");
    for id in queued {
        println!("\n  message {id}");
        for event in messenger.timeline(id).await? {
            let by = event.provider.as_deref().unwrap_or_default();
            println!("    {:<27} {:<9} {by}", event.at.to_string(), event.kind);
        }
    }
    println!("\nTo send for real, see the examples email, sms, whatsapp, push and chat: each says");
    println!("which environment variables it needs, as in `cargo run --features full --example email`.");
    Ok(())
}

fn messenger(store: SqliteStore) -> Result<Messenger> {
    let from = variable("EMAIL_FROM", "Corner Shop <shop@example.org>");
    let builder = Messenger::builder().store(store).defaults(Defaults::new().email(from));
    with_vendors(builder)?.all_others(Preview::new()).build()
}

#[cfg(not(feature = "full"))]
fn with_vendors(builder: MessengerBuilder) -> Result<MessengerBuilder> {
    Ok(builder)
}

/// The vendors that the environment names; strangers get previews only.
#[cfg(feature = "full")]
fn with_vendors(mut builder: MessengerBuilder) -> Result<MessengerBuilder> {
    use tidings::providers::{
        fcm::FcmConfig, smtp::SmtpConfig, telegram::TelegramConfig, twilio::TwilioConfig,
    };

    let named = |name: &str| std::env::var(name).is_ok_and(|value| !value.is_empty());
    if let Some(config) = SmtpConfig::from_env()?.filter(|_| named("EMAIL_TO")) {
        builder = builder.email(config.build());
    }
    if let Some(config) = TwilioConfig::from_env()?.filter(|_| named("SMS_TO")) {
        builder = builder.sms(config.build());
    }
    if let Some(config) = TwilioConfig::from_env()?.filter(|_| named("WHATSAPP_TO")) {
        builder = builder.whatsapp(config.build());
    }
    if let Some(config) = FcmConfig::from_env()?.filter(|_| named("PUSH_TOKEN")) {
        builder = builder.push(config.build());
    }
    if let Some(config) = TelegramConfig::from_env()?.filter(|_| named("CHAT_TO")) {
        builder = builder.chat(config.build());
    }
    Ok(builder)
}

fn variable(name: &str, example: &str) -> String {
    std::env::var(name).ok().filter(|value| !value.is_empty()).unwrap_or_else(|| example.to_owned())
}

fn email() -> Result<AnyMessage> {
    let email = Email::builder()
        .to(variable("EMAIL_TO", "Ada Lovelace <ada@example.org>"))
        .subject("Your order 17 is on its way")
        .text("Hello Ada,\n\nyour parcel left us this morning and should reach you tomorrow.")
        .html("<p>Hello Ada,</p><p>your parcel left us <b>this morning</b>.</p>")
        .build()?;
    Ok(email.into())
}

fn sms() -> Result<AnyMessage> {
    let sms =
        Sms::builder().to(variable("SMS_TO", "+15005550006")).body("Order 17 arrives today, 2 to 4 pm.");
    Ok(sms.build()?.into())
}

fn whatsapp() -> Result<AnyMessage> {
    // The first message to someone must be a template that WhatsApp approved.
    let template = WhatsAppTemplate::new(variable("WHATSAPP_TEMPLATE", "order_arrives"), "en")
        .with("1", "Ada")
        .with("2", "today");
    Ok(WhatsApp::builder().to(variable("WHATSAPP_TO", "+15005550006")).template(template).build()?.into())
}

fn push() -> Result<AnyMessage> {
    let push = Push::builder()
        .token(variable("PUSH_TOKEN", "a-device-token-of-the-app"))
        .title("Almost there")
        .body("The courier is three stops away.")
        .data("order", "17");
    Ok(push.build()?.into())
}

fn chat() -> Result<AnyMessage> {
    let chat = Chat::builder()
        .to(variable("CHAT_TO", "@corner_shop_news"))
        .markdown("*Order 17* was delivered")
        .keyboard_row([Button::link("Rate us", "https://example.org/rate")?, Button::answer("Thanks", "ok")]);
    Ok(chat.build()?.into())
}
