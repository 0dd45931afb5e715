//! A push notification to one device or browser, and what to do when its address is dead.
//!
//! ```sh
//! cargo run --example push                                       # shows it
//! FCM_SERVICE_ACCOUNT_JSON="$(cat account.json)" PUSH_TOKEN=… \
//!     cargo run --features fcm --example push                    # to a device, through Firebase
//! APNS_KEY_FILE=AuthKey.p8 APNS_KEY_ID=… APNS_TEAM_ID=… APNS_TOPIC=… PUSH_TOKEN=… \
//!     cargo run --features apns --example push                   # to an Apple device, straight through Apple
//! VAPID_PRIVATE_KEY=… VAPID_SUBJECT=mailto:… PUSH_SUBSCRIPTION='{"endpoint":…}' \
//!     cargo run --features webpush --example push                # to a browser
//! ```
//!
//! `GOOGLE_APPLICATION_CREDENTIALS=account.json` will do in place of the account itself.

use std::time::Duration;

use tidings::{
    Error, ErrorKind, Messenger, Push, Result,
    message::{Builder, Priority},
};

#[tokio::main]
async fn main() -> Result<()> {
    let messenger = messenger()?;
    let push = addressed(&messenger)?
        .title("Your table is ready")
        .body("We hold it until 8:15 pm.")
        .data("booking", "17")
        .badge(1)
        .collapse_key("booking-17")
        .ttl(Duration::from_secs(15 * 60))
        .priority(Priority::High)
        .build()?;

    match messenger.send(push).category("table-ready").await {
        Ok(sent) => println!("Receipt: {sent}"),
        // The same kind at every vendor, and only where the vendor says so by a code.
        Err(error) if error.kind() == ErrorKind::Unregistered => {
            println!("The address is dead ({}): forget it.", error.code().unwrap_or("no code"));
        }
        Err(error) => return Err(error),
    }
    Ok(())
}

/// The first vendor of push that the environment names, else a preview.
fn messenger() -> Result<Messenger> {
    #[cfg(feature = "fcm")]
    if let Some(config) = tidings::providers::fcm::FcmConfig::from_env()? {
        println!("Sending through Firebase Cloud Messaging.\n");
        return Messenger::builder().push(config.build()).build();
    }
    #[cfg(feature = "apns")]
    if let Some(config) = tidings::providers::apns::ApnsConfig::from_env()? {
        println!("Sending through Apple.\n");
        return Messenger::builder().push(config.build()).build();
    }
    #[cfg(feature = "webpush")]
    if let Some(config) = tidings::providers::webpush::WebPushConfig::from_env()? {
        println!("Sending by Web Push.\n");
        return Messenger::builder().push(config.build()).build();
    }
    println!("Preview: nothing is sent. To send, see the head of this example.\n");
    Ok(Messenger::preview())
}

/// To whom the environment names; strangers get previews only.
fn addressed(messenger: &Messenger) -> Result<Builder<Push>> {
    match (variable("PUSH_SUBSCRIPTION"), variable("PUSH_TOKEN")) {
        (Some(browser), _) => Ok(Push::builder().subscription(browser)),
        (None, Some(token)) => Ok(Push::builder().token(token)),
        (None, None) if messenger.tray().is_some() => Ok(Push::builder().token("a-device-token-of-the-app")),
        (None, None) => Err(Error::config("set PUSH_TOKEN or PUSH_SUBSCRIPTION to send for real")),
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
