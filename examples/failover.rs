//! Two vendors for one channel: what fails for certain goes to the other one,
//! what may have been taken does not.
//!
//! ```sh
//! cargo run --example failover                                   # the second is a preview
//! TWILIO_ACCOUNT_SID=AC… TWILIO_AUTH_TOKEN=… TWILIO_FROM=+1… SMS_TO=+1… \
//!     cargo run --features twilio --example failover             # the second is Twilio
//! ```

use std::time::Duration;

use async_trait::async_trait;
use tidings::storage::{Filter, Page};
use tidings::{
    CallContext, Capabilities, Error, ErrorKind, Features, MessageId, Messenger, Outgoing, Provider, Receipt,
    Result, Sms, Status, Vendor, middleware::RetryPolicy, providers::preview::Preview, route::Spread,
};

#[tokio::main]
async fn main() -> Result<()> {
    let (route, to) = second(Spread::failover().to(InTrouble))?;
    // Two calls to each vendor are enough to see; without this line there are up to four.
    let retry = RetryPolicy::default().max_retries(1).min_delay(Duration::from_millis(50));
    let messenger = Messenger::builder().sms(route).retry(retry).build()?;

    println!("1. The first vendor is down and says so. Nothing was sent, so the second may send:\n");
    let sms = Sms::builder().to(to.as_str()).body("Your code is 424242.").build()?;
    let sent = messenger.send(sms).await?;
    println!("Receipt: {sent}");
    print_timeline(&messenger, sent.id).await?;

    println!("\n2. The first vendor takes a message and never answers. It may have been sent, so");
    println!("   nobody else gets it: two codes would be worse than a late one.\n");
    let sms = Sms::builder().to(to.as_str()).body("Your code is 171717. (lost)").build()?;
    match messenger.send(sms).await {
        Ok(sent) => println!("Receipt: {sent}"),
        Err(error) => println!("Error: {error}\nCould it have been sent? {:?}", error.certainty()),
    }
    for tracked in messenger.list(&Filter::new(), Page::first(10)).await? {
        if tracked.deliveries.contains(&Status::Unknown) {
            print_timeline(&messenger, tracked.record.id).await?;
        }
    }
    Ok(())
}

async fn print_timeline(messenger: &Messenger, id: MessageId) -> Result<()> {
    for event in messenger.timeline(id).await?.iter().filter(|event| event.attempt > 0) {
        let provider = event.provider.as_deref().unwrap_or("-");
        let text = event.text.as_deref().unwrap_or_default();
        println!("  attempt {}: {provider:<12} {:<9} {text}", event.attempt, event.kind);
    }
    Ok(())
}

/// Adds Twilio if the environment has its account, else a preview; and whom to write to.
fn second(route: Spread<Sms>) -> Result<(Spread<Sms>, String)> {
    let to = std::env::var("SMS_TO").ok();
    #[cfg(feature = "twilio")]
    if let Some(config) = tidings::providers::twilio::TwilioConfig::from_env()? {
        println!("The second vendor is Twilio (unset TWILIO_ACCOUNT_SID for a preview).\n");
        let to = to.ok_or_else(|| Error::config("set SMS_TO to send for real, such as +15005550006"))?;
        return Ok((route.to(config.build()?), to));
    }
    println!("The second vendor is a preview. For Twilio, run with --features twilio and set");
    println!("  TWILIO_ACCOUNT_SID, TWILIO_AUTH_TOKEN, TWILIO_FROM and SMS_TO\n");
    Ok((route.to(Preview::new()), to.unwrap_or_else(|| "+15005550006".to_owned())))
}

/// A vendor that sends nothing: it is down, or does not answer.
#[derive(Debug)]
struct InTrouble;

impl Vendor for InTrouble {
    fn name(&self) -> &str {
        "in-trouble"
    }
}

#[async_trait]
impl Provider<Sms> for InTrouble {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("in-trouble", Features::ALL)
    }

    async fn send(&self, _: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        // The kind decides: `Unavailable` is certainly not sent, `Timeout` is unknown.
        Err(match item.message().body.contains("lost") {
            true => Error::new(ErrorKind::Timeout, "no answer in time"),
            false => Error::new(ErrorKind::Unavailable, "down for maintenance"),
        })
    }
}
