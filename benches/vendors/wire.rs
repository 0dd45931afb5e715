//! What a vendor's folder does for one message, beside what serde_json needs for the same bytes.
//!
//! Measured from outside, through `Provider::send` over a transport that answers at once: so
//! reading the answer and the call itself are counted too, and the figure is rather too large.
//! Vendors that sign or encrypt each message (APNs, SES, SNS, Web Push) spend their time on
//! that, and SMTP does not build a wire apart from its connection; they are not here.

use std::{
    hint::black_box,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use tidings::{
    CallContext, Chat, Clock, Email, Message, MessageId, Outgoing, Provider, Push, Sms, SystemClock,
    TenantId, WhatsApp,
    http::{HttpRequest, HttpResponse, HttpTransport},
    providers::{
        brevo::BrevoConfig, fcm::FcmConfig, mailgun::MailgunConfig, meta::MetaConfig,
        postmark::PostmarkConfig, resend::ResendConfig, sendgrid::SendGridConfig, slack::SlackConfig,
        telegram::TelegramConfig, twilio::TwilioConfig, vonage::VonageConfig,
    },
};

use crate::{
    measure::{median, per_item, runtime},
    sink::VERDICT,
};

const TIMES: usize = 5_000;
const ROUNDS: usize = 9;
const SID: &str = "AC0123456789abcdef0123456789abcdef";

/// Answers at once, and keeps the first request's body.
#[derive(Clone, Debug)]
struct Answering {
    status: u16,
    body: Bytes,
    seen: Arc<Mutex<Option<HttpRequest>>>,
}

#[async_trait]
impl HttpTransport for Answering {
    async fn send(&self, request: HttpRequest, _: Option<Duration>) -> tidings::Result<HttpResponse> {
        let mut answer = HttpResponse::new(self.body.clone());
        *answer.status_mut() = self.status.try_into().expect("a status");
        self.seen.lock().expect("no panic").get_or_insert(request);
        Ok(answer)
    }
}

/// The worst vendor, in microseconds.
pub(crate) fn bench() -> f64 {
    let mail = || {
        let email = Email::builder().from("Shop <shop@example.org>").to("Ada <ada@example.org>");
        let email =
            email.subject("Your order A-10023 is on its way").tag("orders").metadata("order", "A-10023");
        let text = "Hello Ada,\n\nyour order left our warehouse today.\n".repeat(8);
        email.html(format!("<p>{text}</p>")).text(text).build().expect("valid")
    };
    let sms = || Sms::builder().from("+15005550006").to("+15005550007").body("Your table is ready.");
    let sms = sms().build().expect("valid");
    let chat = |to: &str| Chat::builder().to(to).text("Your table is ready.").build().expect("valid");
    let push = Push::builder().token("a-device-token").title("Hi").body("Your table is ready.");
    let whatsapp =
        WhatsApp::builder().to("+15005550007").text("Your table is ready.").build().expect("valid");
    let telegram = TelegramConfig::new("123456:token_zyx57W2v1u123ew11ABCDEFGH");
    let figures = [
        one("Brevo", BrevoConfig::new("k").build(), &mail(), 201, r#"{"messageId":"<m@relay>"}"#),
        one(
            "FCM",
            FcmConfig::with_credential("harbour", "ya29.token").build(),
            &push.build().expect("valid"),
            200,
            r#"{"name":"projects/harbour/messages/7"}"#,
        ),
        one("Mailgun", MailgunConfig::new("mg.example.org", "k").build(), &mail(), 200, r#"{"id":"<m@mg>"}"#),
        one(
            "Meta",
            MetaConfig::new("106540352242922", "k").build(),
            &whatsapp,
            200,
            r#"{"messaging_product":"whatsapp","contacts":[{"input":"+15005550007","wa_id":"15005550007"}],"messages":[{"id":"wamid.HBgL"}]}"#,
        ),
        one("Postmark", PostmarkConfig::new("k").build(), &mail(), 200, VERDICT),
        one("Resend", ResendConfig::new("k").build(), &mail(), 200, r#"{"id":"m"}"#),
        one("SendGrid", SendGridConfig::new("k").build(), &mail(), 202, ""),
        one(
            "Slack",
            SlackConfig::new("xoxb-token").build(),
            &chat("C0123456789"),
            200,
            r#"{"ok":true,"channel":"C0123456789","ts":"1503435956.000247"}"#,
        ),
        one(
            "Telegram",
            telegram.build(),
            &chat("42"),
            200,
            r#"{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":42,"type":"private"}}}"#,
        ),
        one(
            "Twilio",
            TwilioConfig::new(SID, "k").build(),
            &sms,
            201,
            r#"{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}"#,
        ),
        one(
            "Vonage",
            VonageConfig::new("abcd1234", "k").build(),
            &sms,
            200,
            r#"{"message-count":"1","messages":[{"to":"15005550007","message-id":"0C00","status":"0"}]}"#,
        ),
    ];
    figures.into_iter().fold(f64::MIN, f64::max)
}

fn one<M: Message, P: Provider<M>>(
    name: &str,
    provider: tidings::Result<P>,
    message: &M,
    status: u16,
    answer: &'static str,
) -> f64 {
    let (provider, runtime) = (provider.expect("valid"), runtime());
    let http = Answering { status, body: Bytes::from_static(answer.as_bytes()), seen: Arc::default() };
    let cx = CallContext::default().with_http(Arc::new(http.clone()));
    let id = MessageId::new(SystemClock.now());
    let item = || Outgoing::new(message, id, &TenantId::DEFAULT, "key-1");
    let ours = || {
        per_item(TIMES, || {
            runtime.block_on(async {
                for _ in 0..TIMES {
                    let sent = provider.send(&cx, black_box(item())).await;
                    black_box(sent).unwrap_or_else(|error| panic!("{name}: {error}"));
                }
            });
        })
    };
    let ours = rounds(ours);
    let request = http.seen.lock().expect("no panic").take().expect("a request");
    let theirs = rounds(|| serde(request.body()));
    let more = ours - theirs;
    println!(
        "{name}: {ours:.2} us, serde_json for the same {} octets {theirs:.2} us; {more:.2} us more",
        request.body().len()
    );
    more
}

fn rounds(mut one: impl FnMut() -> f64) -> f64 {
    let _ = one();
    median((0..ROUNDS).map(|_| one()).collect())
}

/// What serde_json needs to write the same bytes; nothing for a form, which it cannot write.
fn serde(body: &[u8]) -> f64 {
    let Ok(value) = serde_json::from_slice::<serde_json::Value>(body) else { return 0.0 };
    per_item(TIMES, || {
        for _ in 0..TIMES {
            black_box(serde_json::to_vec(black_box(&value)).expect("JSON"));
        }
    })
}
