//! A push notification to one device.
//!
//! ```sh
//! cargo run --example push                                       # shows it
//! FCM_SERVICE_ACCOUNT_JSON="$(cat account.json)" PUSH_TOKEN=… \
//!     cargo run --features fcm --example push                    # sends it
//! ```
//!
//! `GOOGLE_APPLICATION_CREDENTIALS=account.json` will do in place of the account itself.

use std::time::Duration;

use tidings::{Error, Messenger, Push, Result, message::Priority};

#[tokio::main]
async fn main() -> Result<()> {
    let messenger = messenger()?;
    let token = recipient(&messenger, "PUSH_TOKEN", "a-device-token-of-the-app")?;
    let push = Push::builder()
        .token(token.as_str())
        .title("Your table is ready")
        .body("We hold it until 8:15 pm.")
        .data("booking", "17")
        .badge(1)
        .collapse_key("booking-17")
        .ttl(Duration::from_secs(15 * 60))
        .priority(Priority::High)
        .build()?;

    let sent = messenger.send(push).category("table-ready").await?;
    println!("Receipt: {sent}");
    Ok(())
}

/// Firebase Cloud Messaging if the environment has a service account, else a preview.
fn messenger() -> Result<Messenger> {
    #[cfg(feature = "fcm")]
    if let Some(config) = tidings::providers::fcm::FcmConfig::from_env()? {
        println!(
            "Sending through Firebase Cloud Messaging (unset FCM_SERVICE_ACCOUNT_JSON and GOOGLE_APPLICATION_CREDENTIALS for a preview).\n"
        );
        return Messenger::builder().push(config.build()).build();
    }
    println!("Preview: nothing is sent. To send, run with --features fcm and set");
    println!("  FCM_SERVICE_ACCOUNT_JSON (or GOOGLE_APPLICATION_CREDENTIALS) and PUSH_TOKEN\n");
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
