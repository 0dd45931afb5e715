//! The senders: our provider, and lettre's pool. Both make each message anew.

use std::sync::Arc;

use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::MultiPart,
    transport::smtp::{PoolConfig, extension::ClientId},
};
use tidings::{
    CallContext, Email, MessageId, Outgoing, Provider, TenantId,
    providers::smtp::{Smtp, SmtpConfig, SmtpTls},
};

const SUBJECT: &str = "Your order A-10023 is on its way";

/// About 5 KiB in two parts.
fn text() -> String {
    "your order left our warehouse today and will be with you within three days.\n".repeat(25)
}

fn html() -> String {
    "<p>your order left our warehouse today and will be with you within three days.</p>\n".repeat(35)
}

/// Our provider, with what its messages share.
pub(crate) struct Ours {
    smtp: Smtp,
    text: Arc<str>,
    html: Arc<str>,
}

impl Ours {
    pub(crate) fn new(port: u16, sessions: usize) -> Arc<Self> {
        let config = SmtpConfig::new("127.0.0.1").port(port).tls(SmtpTls::Plain).hello("bench");
        let smtp = config.max_connections(sessions).build().expect("valid");
        Arc::new(Self { smtp, text: text().into(), html: html().into() })
    }

    async fn send(&self, cx: &CallContext, index: usize) {
        let email = Email::builder()
            .from("Shop <shop@example.org>")
            .to(format!("user{index}@example.org"))
            .subject(SUBJECT)
            .text(self.text.clone())
            .html(self.html.clone())
            .build()
            .expect("valid");
        let id = MessageId::new(cx.clock().now());
        let sent = self.smtp.send(cx, Outgoing::new(&email, id, &TenantId::DEFAULT, "key")).await;
        assert_eq!(sent.expect("the sink takes everything").accepted_count(), 1);
    }

    /// Sends so many, `width` at a time.
    pub(crate) async fn send_all(self: Arc<Self>, count: usize, width: usize) {
        let lane = |lane| {
            let ours = Arc::clone(&self);
            async move {
                let cx = CallContext::default();
                for index in (lane..count).step_by(width) {
                    ours.send(&cx, index).await;
                }
            }
        };
        side_by_side((0..width).map(lane)).await;
    }
}

/// lettre's pool.
pub(crate) type Lettre = AsyncSmtpTransport<Tokio1Executor>;

/// To be called inside a runtime, which its pool needs.
pub(crate) fn lettre(port: u16, sessions: usize) -> Lettre {
    Lettre::builder_dangerous("127.0.0.1")
        .port(port)
        .hello_name(ClientId::Domain("bench".into()))
        .pool_config(PoolConfig::new().max_size(u32::try_from(sessions).expect("few")))
        .build()
}

/// Sends so many through lettre, `width` at a time; it opens a session for each.
pub(crate) async fn send_all_by_lettre(lettre: Lettre, count: usize, width: usize) {
    let (text, html) = (text(), html());
    let lane = |lane| {
        let (lettre, text, html) = (lettre.clone(), text.clone(), html.clone());
        async move {
            for index in (lane..count).step_by(width) {
                lettre.send(mail(index, &text, &html)).await.expect("the sink takes everything");
            }
        }
    };
    side_by_side((0..width).map(lane)).await;
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

async fn side_by_side<F: Future<Output = ()> + Send + 'static>(lanes: impl Iterator<Item = F>) {
    let lanes: Vec<_> = lanes.map(tokio::spawn).collect();
    for lane in lanes {
        lane.await.expect("a lane without panic");
    }
}
