//! `messenger.send` through SMTP over a loop of lettre's pooled transport.

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::MultiPart,
    transport::smtp::{PoolConfig, extension::ClientId},
};
use tidings::{
    Email, Messenger,
    providers::smtp::{SmtpConfig, SmtpTls},
};

use crate::{
    measure::{per_item, ratio, runtime, side_by_side},
    sinks::Sink,
};

const MESSAGES: usize = 1_500;
const WIDTH: usize = 64;
const SUBJECT: &str = "Your order A-10023 is on its way";

/// About 5 KiB in two parts.
fn text() -> String {
    "your order left our warehouse today and will be with you within three days.\n".repeat(25)
}

fn html() -> String {
    "<p>your order left our warehouse today and will be with you within three days.</p>\n".repeat(35)
}

pub(crate) fn bench() -> f64 {
    let sink = Sink::start("smtp");
    let runtime = runtime();
    let messenger = messenger(sink.port);
    let lettre = {
        let _inside = runtime.enter();
        transport(sink.port)
    };
    let (text, html): (std::sync::Arc<str>, std::sync::Arc<str>) = (text().into(), html().into());
    let ours = || {
        let (messenger, text, html) = (messenger.clone(), text.clone(), html.clone());
        per_item(MESSAGES, || {
            runtime.block_on(side_by_side(MESSAGES, WIDTH, move |index| {
                let sending = messenger.send(email(index, &text, &html));
                async move {
                    sending.await.expect("the sink takes everything");
                }
            }));
        })
    };
    let theirs = || {
        let (lettre, text, html) = (lettre.clone(), text.clone(), html.clone());
        per_item(MESSAGES, || {
            runtime.block_on(side_by_side(MESSAGES, WIDTH, move |index| {
                let (lettre, mail) = (lettre.clone(), mail(index, &text, &html));
                async move {
                    lettre.send(mail).await.expect("the sink takes everything");
                }
            }));
        })
    };
    let ratio = ratio("smtp, 64 at once over 64 connections", 11, ours, theirs);
    let _inside = runtime.enter();
    drop(lettre);
    ratio
}

fn messenger(port: u16) -> Messenger {
    let config =
        SmtpConfig::new("127.0.0.1").port(port).tls(SmtpTls::Plain).hello("bench").max_connections(WIDTH);
    Messenger::builder().email(config.build()).build().expect("valid")
}

fn transport(port: u16) -> AsyncSmtpTransport<Tokio1Executor> {
    AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous("127.0.0.1")
        .port(port)
        .hello_name(ClientId::Domain("bench".into()))
        .pool_config(PoolConfig::new().max_size(WIDTH as u32))
        .build()
}

fn email(index: usize, text: &std::sync::Arc<str>, html: &std::sync::Arc<str>) -> Email {
    Email::builder()
        .from("Shop <shop@example.org>")
        .to(format!("user{index}@example.org"))
        .subject(SUBJECT)
        .text(text.clone())
        .html(html.clone())
        .build()
        .expect("valid")
}

fn mail(index: usize, text: &str, html: &str) -> Message {
    Message::builder()
        .from("Shop <shop@example.org>".parse().expect("a mailbox"))
        .to(format!("user{index}@example.org").parse().expect("a mailbox"))
        .subject(SUBJECT)
        .message_id(None)
        .multipart(MultiPart::alternative_plain_html(text.to_owned(), html.to_owned()))
        .expect("a mail")
}
