use std::{
    io,
    sync::{Arc, Mutex},
};

use super::*;
use crate::{
    Attachment, Chat, Email, Location, Media, MessageId, Push, Sms, TenantId, Timestamp, WhatsApp,
    address::is_hostile,
    message::{AnyMessage, Button, File, MediaKind, Priority, VendorOption, WhatsAppTemplate},
};

#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).expect("cards are UTF-8")
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Torn;

impl Write for Torn {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::BrokenPipe.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn send<M: Message>(preview: &Preview, message: &M) -> Result<Receipt> {
    let id = MessageId::new(Timestamp::from_secs(1));
    preview.send(&CallContext::default(), Outgoing::new(message, id, &TenantId::DEFAULT, "key")).await
}

async fn shown<M: Message>(message: &M) -> String {
    let paper = Paper::default();
    send(&Preview::writing_to(paper.clone()), message).await.expect("caught");
    paper.text()
}

/// The card without its title, which names the time.
fn body(card: &str) -> &str {
    card.split_once('\n').expect("has a title").1
}

fn email() -> crate::message::Builder<Email> {
    Email::builder().from("The Shop <shop@example.org>").to("Ada <ada@example.org>").subject("Your order")
}

#[tokio::test]
async fn an_email_is_drawn_whole() {
    let email = email()
        .cc("bob@example.org")
        .bcc("eve@example.org")
        .text("It is on its way.\n\nYours")
        .html("<p>x</p>")
        .priority(Priority::High)
        .tag("order")
        .metadata("order", "7")
        .header("X-Shop", "1")
        .attach(Attachment::new("invoice.pdf", "application/pdf", vec![0; 2_048]).expect("valid"))
        .attach(Attachment::inline("logo", "logo.png", "image/png", &b"PNG"[..]).expect("valid"))
        .build()
        .expect("valid");
    let rule = "─".repeat(71);
    let expected = format!(
        "│ From        The Shop <shop@example.org>
│ To          Ada <ada@example.org>
│ Cc          bob@example.org
│ Bcc         eve@example.org
│ Subject     Your order
│ Priority    high
│ Header      X-Shop: 1
│ Tags        order
│ Metadata    order = 7
├{rule}
│ It is on its way.
│
│ Yours
├{rule}
│ HTML        8 bytes
│ Attachment  invoice.pdf (application/pdf, 2.0 KiB)
│ Attachment  logo.png (image/png, 3 bytes, inline cid:logo)
└{rule}
"
    );
    let card = shown(&email).await;
    assert!(card.starts_with("┌─ email · preview-1 · 20"), "{card}");
    assert_eq!(body(&card), expected);
}

#[tokio::test]
async fn html_alone_is_shown_as_text() {
    let card = shown(&email().html("<h1>Hi</h1><a href='https://x.org/r'>Reset</a>").build().unwrap()).await;
    assert!(card.contains("│ Hi\n│ Reset <https://x.org/r>\n"), "{card}");
}

#[tokio::test]
async fn every_channel_shows_what_it_has() {
    let sms = Sms::builder().from("Shop").to("+15005550006").body("Ready.");
    let sms = sms.media(Media::image("https://example.org/a.jpg").unwrap().with_caption("A room"));
    let template = WhatsAppTemplate::new("shipped", "en").with("1", "Ada");
    let whatsapp = WhatsApp::builder().to("+15005550006").template(template);
    let push = Push::builder().token("abcdefghijklmnop").title("Hey").body("Ready.").action("ok", "Fine");
    let chat = Chat::builder().to("@news").location(Location::new(47.07, 15.44).unwrap().with_name("Inn"));
    let chat = chat.keyboard_row([Button::link("More", "https://example.org/m").unwrap()]);
    let file = File::new("a.pdf", "application/pdf", vec![0; 10]).unwrap();
    let chat = chat.media(Media::file(MediaKind::File, file));
    let cards: [(String, &[&str]); 4] = [
        (
            shown(&sms.build().unwrap()).await,
            &["sms ·", "Shop", "+15005550006", "│ Ready.", "Image       https://example.org/a.jpg", "A room"],
        ),
        (shown(&whatsapp.build().unwrap()).await, &["whatsapp ·", "Template    shipped (en)", "1 = Ada"]),
        (
            shown(&push.build().unwrap()).await,
            &["push ·", "Token       ab…op", "Title       Hey", "[Fine] ok"],
        ),
        (
            shown(&chat.build().unwrap()).await,
            &[
                "chat ·",
                "@news",
                "47.07, 15.44",
                "Inn",
                "[More] https://example.org/m",
                "a.pdf (application/pdf, 10 bytes)",
            ],
        ),
    ];
    for (card, parts) in cards {
        for part in parts {
            assert!(card.contains(part), "{part} is missing:\n{card}");
        }
    }
}

#[tokio::test]
async fn a_card_that_ends_in_a_text_closes_once() {
    let card = shown(&Sms::builder().to("+15005550006").body("├ Ready.").build().unwrap()).await;
    let rule = "─".repeat(71);
    assert!(card.ends_with(&format!("├{rule}\n│ ├ Ready.\n└{rule}\n")), "{card}");
}

#[tokio::test]
async fn hostile_content_cannot_reach_the_terminal() {
    let sms = Sms::builder().to("+15005550006").body("\u{1b}[2J\u{7}\u{9b}31m\u{202e}\0a\rb\u{7f}\tc");
    let card = shown(&sms.build().unwrap()).await;
    assert!(card.contains("│ ␛[2J␇\u{fffd}31m\u{fffd}␀a␍b␡ c\n"), "{card:?}");
    assert!(!card.chars().any(|c| c != '\n' && is_hostile(c)), "{card:?}");
}

#[tokio::test]
async fn lines_are_wrapped_and_cut() {
    let words = format!("{} {}", "wörd ".repeat(40), "x".repeat(200));
    let sms = Sms::builder().to("+15005550006").body(words.clone()).build().unwrap();
    let card = shown(&sms).await;
    assert!(card.lines().all(|line| line.chars().count() <= 72), "{card}");
    let letters = |text: &str| text.chars().filter(|c| "wördx".contains(*c)).count();
    assert_eq!(letters(body(&card)), letters(&words), "{card}");
    let long = Sms::builder().to("+15005550006").body("a\n".repeat(700)).build().unwrap();
    assert!(shown(&long).await.contains("… 201 more lines"));
}

#[tokio::test]
async fn the_tray_keeps_the_last_thousand() {
    let preview = Preview::silent();
    for number in 0..tray::ROOM + 2 {
        let sms = Sms::builder().to("+15005550006").body(number.to_string()).build().unwrap();
        send(&preview, &sms).await.expect("caught");
    }
    let caught = preview.clone().messages();
    assert_eq!((caught.len(), &*caught[0].vendor_id), (1_000, "preview-3"));
    let AnyMessage::Sms(last) = &caught[999].message else { panic!("an sms was sent") };
    assert_eq!(&*last.body, "1001");
    preview.clear();
    assert!(preview.is_empty());
}

#[tokio::test]
async fn receipts_have_an_outcome_per_recipient() {
    let email = email().cc("bob@example.org").text("x").build().unwrap();
    let receipt = send(&Preview::silent(), &email).await.expect("caught");
    let ids: Vec<_> = receipt.outcomes.iter().map(|outcome| outcome.vendor_id()).collect();
    assert_eq!(ids, [Some("preview-1"), Some("preview-1")]);
}

#[tokio::test]
async fn a_torn_sink_fails_no_send() {
    let preview = Preview::writing_to(Torn);
    assert!(send(&preview, &email().text("x").build().unwrap()).await.is_ok());
    assert_eq!(preview.len(), 1);
}

#[tokio::test]
async fn options_for_the_preview_are_refused() {
    let with =
        |vendor: &str| email().text("x").option(VendorOption::new(vendor, "speed", 1)).build().unwrap();
    let error = send(&Preview::silent(), &with("preview")).await.expect_err("no such option");
    assert!(error.to_string().contains("speed"), "{error}");
    assert!(send(&Preview::silent(), &with("acme")).await.is_ok());
}

#[test]
fn debug_says_how_many_and_not_what() {
    assert_eq!(format!("{:?}", Preview::silent()), "Preview { caught: 0, .. }");
}
