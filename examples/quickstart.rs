//! All five channels in one run, with no account and no server:
//!
//! ```sh
//! cargo run --example quickstart
//! ```
//!
//! It always previews; each of the examples `email`, `sms`, `whatsapp`, `push` and `chat`
//! sends through a real vendor as soon as that vendor's environment variables are set.

use tidings::{
    AnyMessage, Chat, Email, Messenger, Push, Result, Sms, WhatsApp,
    message::{Button, WhatsAppTemplate},
};

#[tokio::main]
async fn main() -> Result<()> {
    println!("This is a preview: five messages are shown as cards, none leaves this machine.\n");

    let messenger = Messenger::preview();
    for message in [email()?, sms()?, whatsapp()?, push()?, chat()?] {
        let sent = messenger.send(message).category("order-update").await?;
        println!("Receipt: {sent}\n");
    }

    println!("And afterwards the messenger knows where each message stands:");
    for tracked in messenger.list(None, 5).await? {
        println!("  {} {:<9} {}", tracked.record.id, tracked.record.channel, tracked.deliveries[0]);
    }
    println!("\nTo send for real, see the examples email, sms, whatsapp, push and chat: each says");
    println!("which environment variables it needs, as in `cargo run --features full --example email`.");
    Ok(())
}

fn email() -> Result<AnyMessage> {
    let email = Email::builder()
        .from("Corner Shop <shop@example.org>")
        .to("Ada Lovelace <ada@example.org>")
        .subject("Your order 17 is on its way")
        .text("Hello Ada,\n\nyour parcel left us this morning and should reach you tomorrow.")
        .html("<p>Hello Ada,</p><p>your parcel left us <b>this morning</b>.</p>")
        .build()?;
    Ok(email.into())
}

fn sms() -> Result<AnyMessage> {
    let sms = Sms::builder().from("CornerShop").to("+15005550006").body("Order 17 arrives today, 2 to 4 pm.");
    Ok(sms.build()?.into())
}

fn whatsapp() -> Result<AnyMessage> {
    // The first message to someone must be a template that WhatsApp approved.
    let template = WhatsAppTemplate::new("order_arrives", "en").with("1", "Ada").with("2", "today");
    Ok(WhatsApp::builder().to("+15005550006").template(template).build()?.into())
}

fn push() -> Result<AnyMessage> {
    let push = Push::builder()
        .token("a-device-token-of-the-app")
        .title("Almost there")
        .body("The courier is three stops away.")
        .data("order", "17");
    Ok(push.build()?.into())
}

fn chat() -> Result<AnyMessage> {
    let chat = Chat::builder()
        .to("@corner_shop_news")
        .markdown("*Order 17* was delivered")
        .keyboard_row([Button::link("Rate us", "https://example.org/rate")?, Button::answer("Thanks", "ok")]);
    Ok(chat.build()?.into())
}
