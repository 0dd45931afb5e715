//! An email with text, HTML, an inline image and an attachment.
//!
//! ```sh
//! cargo run --example email                                      # shows it
//! SMTP_URL=smtp://user:pass@mail.example.org \
//!     cargo run --features smtp --example email                  # sends it by SMTP
//! SENDGRID_API_KEY=SG… cargo run --features sendgrid --example email
//! ```
//!
//! `EMAIL_FROM` and `EMAIL_TO` say who writes to whom. SMTP servers with a
//! certificate of their own: add `SMTP_CA=/path/to/ca.pem`.

use tidings::{Attachment, Defaults, Email, Messenger, Result};

/// A blue square of eight by eight.
const LOGO: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x08\x01\x03\0\0\0\xfe\xc1,\xc8\0\0\0\x03PLTE\
    \0f\xcc\x06\x0f\x7f`\0\0\0\x0bIDATx\xdac`@\x05\0\0\x10\0\x01\xaa\x19\xf8\x82\0\0\0\0IEND\xaeB`\x82";

const CSV: &str = "article,pieces,price\nTea \"Löwenzahn\",2,9.80\nTeapot,1,24.00\n";

#[tokio::main]
async fn main() -> Result<()> {
    let messenger = messenger()?;
    let email = Email::builder()
        .to(variable("EMAIL_TO").as_deref().unwrap_or("Ada Lovelace <ada@example.test>"))
        .subject("Your order 17: tea for two – 2 × Löwenzahn")
        .text("Hello Ada,\n\nthank you for your order. The list is attached.\n\nYour Corner Shop")
        .html(
            "<p><img src=\"cid:logo\" alt=\"Corner Shop\"></p>\
             <p>Hello Ada,</p><p>thank you for your order. The list is <b>attached</b>.</p>",
        )
        .attach(Attachment::inline("logo", "logo.png", "image/png", LOGO)?)
        .attach(Attachment::new("order-17.csv", "text/csv; charset=utf-8", CSV)?)
        .build()?;

    let sent = messenger.send(email).key("order-17").category("receipt").await?;
    println!("Receipt: {sent}");
    for event in messenger.timeline(sent.id).await? {
        println!("  {} {}", event.at, event.kind);
    }
    Ok(())
}

/// SMTP or SendGrid if the environment says how to reach them, else a preview.
fn messenger() -> Result<Messenger> {
    let from = variable("EMAIL_FROM").unwrap_or_else(|| "Corner Shop <shop@example.test>".to_owned());
    let builder = Messenger::builder().defaults(Defaults::new().email(from.as_str()));

    #[cfg(feature = "smtp")]
    if let Some(config) = tidings::providers::smtp::SmtpConfig::from_env()? {
        println!(
            "Sending through the SMTP server of the environment (unset SMTP_URL or SMTP_HOST for a preview)."
        );
        return builder.email(config.build()).build();
    }
    #[cfg(feature = "sendgrid")]
    if let Some(config) = tidings::providers::sendgrid::SendGridConfig::from_env()? {
        println!("Sending through SendGrid (unset SENDGRID_API_KEY for a preview).");
        return builder.email(config.build()).build();
    }
    println!("Preview: nothing is sent. To send, set EMAIL_FROM, EMAIL_TO and one of");
    println!("  SMTP_URL=smtp://user:pass@host   and run with --features smtp");
    println!("  SENDGRID_API_KEY=SG…             and run with --features sendgrid\n");
    builder.email(tidings::providers::preview::Preview::new()).build()
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}
