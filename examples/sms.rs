//! A text message.
//!
//! ```sh
//! cargo run --example sms                                        # shows it
//! TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… TWILIO_FROM=+1… SMS_TO=+1… \
//!     cargo run --features twilio --example sms                  # sends it
//! ```

use tidings::{Error, Messenger, Result, Sms};

#[tokio::main]
async fn main() -> Result<()> {
    let messenger = messenger()?;
    let to = recipient(&messenger, "SMS_TO", "+15005550006")?;
    let sms =
        Sms::builder().to(to.as_str()).body("Your table for two is ready. – The Harbour Inn").build()?;

    // What will become of it can be asked before it is sent.
    println!("{}", messenger.explain(sms.clone()).await?);

    let sent = messenger.send(sms).category("table-ready").await?;
    println!("Receipt: {sent}");
    Ok(())
}

/// Twilio if the environment has its account, else a preview.
fn messenger() -> Result<Messenger> {
    #[cfg(feature = "twilio")]
    if let Some(config) = tidings::providers::twilio::TwilioConfig::from_env()? {
        println!("Sending through Twilio (unset TWILIO_ACCOUNT_SID for a preview).\n");
        return Messenger::builder().sms(config.build()).build();
    }
    println!("Preview: nothing is sent. To send, run with --features twilio and set");
    println!("  TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM and SMS_TO\n");
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
