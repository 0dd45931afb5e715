//! A chat message with buttons, and an answer to it.
//!
//! ```sh
//! cargo run --example chat                                       # shows them
//! TELEGRAM_BOT_TOKEN=… CHAT_TO=@your_channel \
//!     cargo run --features telegram --example chat               # sends them
//! ```

use tidings::{Chat, Error, Location, Messenger, Result, message::Button};

#[tokio::main]
async fn main() -> Result<()> {
    let messenger = messenger()?;
    let to = recipient(&messenger, "CHAT_TO", "@harbour_news")?;

    let chat = Chat::builder()
        .to(to.as_str())
        .markdown("*Storm warning*: the ferry leaves at noon")
        .keyboard_row([
            Button::link("Forecast", "https://example.org/storm")?,
            Button::answer("Seen", "seen"),
        ])
        .build()?;
    let sent = messenger.send(chat).await?;
    println!("Receipt: {sent}\n");

    // The vendor's id of a message is what an answer refers to.
    let mut pier = Chat::builder().to(to.as_str()).location(Location::new(54.32, 10.14)?);
    if let Some(id) = sent.vendor_id() {
        pier = pier.reply_to(id);
    }
    let sent = messenger.send(pier.build()?).await?;
    println!("Receipt: {sent}");
    Ok(())
}

/// Telegram if the environment has a bot's token, else a preview.
fn messenger() -> Result<Messenger> {
    #[cfg(feature = "telegram")]
    if let Some(config) = tidings::providers::telegram::TelegramConfig::from_env()? {
        println!("Sending through Telegram (unset TELEGRAM_BOT_TOKEN for a preview).\n");
        return Messenger::builder().chat(config.build()).build();
    }
    println!("Preview: nothing is sent. To send, run with --features telegram and set");
    println!("  TELEGRAM_BOT_TOKEN and CHAT_TO (a chat's number, or @ and its name)\n");
    Ok(Messenger::preview())
}

/// Whom the environment names; strangers get previews only.
fn recipient(messenger: &Messenger, name: &str, example: &str) -> Result<String> {
    match variable(name) {
        None if messenger.tray().is_some() => Ok(example.to_owned()),
        given => {
            given.ok_or_else(|| Error::config(format!("set {name} to send for real, such as {example}")))
        }
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
