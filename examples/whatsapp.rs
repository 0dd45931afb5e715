//! WhatsApp: an approved template, then a message with a picture.
//!
//! ```sh
//! cargo run --example whatsapp                                   # shows them
//! TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… TWILIO_WHATSAPP_FROM=+14155238886 \
//!     WHATSAPP_TEMPLATE=HX… WHATSAPP_TO=+1… \
//!     cargo run --features twilio --example whatsapp             # sends them
//! ```
//!
//! Outside of 24 hours after their last message people can be written to by a
//! template only, so the picture reaches those who wrote to your number before.

use tidings::{Error, Media, Messenger, Result, WhatsApp, message::WhatsAppTemplate};

#[tokio::main]
async fn main() -> Result<()> {
    let messenger = messenger()?;
    let to = recipient(&messenger, "WHATSAPP_TO", "+15005550006")?;

    // Twilio knows templates by their content SID, others by name and language.
    let name = variable("WHATSAPP_TEMPLATE").unwrap_or_else(|| "table_ready".to_owned());
    let template = WhatsAppTemplate::new(name, "en").with("1", "Ada").with("2", "8 pm");
    let sent = messenger.send(WhatsApp::builder().to(to.as_str()).template(template).build()?).await?;
    println!("Receipt: {sent}\n");

    let picture =
        Media::image("https://www.rust-lang.org/logos/rust-logo-512x512.png")?.with_caption("Your table");
    let sent = messenger.send(WhatsApp::builder().to(to.as_str()).media(picture).build()?).await?;
    println!("Receipt: {sent}");
    Ok(())
}

/// Twilio if the environment has its account, else a preview.
fn messenger() -> Result<Messenger> {
    #[cfg(feature = "twilio")]
    if let Some(config) = tidings::providers::twilio::TwilioConfig::from_env()? {
        println!("Sending through Twilio (unset TWILIO_ACCOUNT_SID for a preview).\n");
        return Messenger::builder().whatsapp(config.build()).build();
    }
    println!("Preview: nothing is sent. To send, run with --features twilio and set");
    println!(
        "  TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_WHATSAPP_FROM, WHATSAPP_TEMPLATE and WHATSAPP_TO\n"
    );
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
