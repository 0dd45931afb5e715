//! The vendors that speak HTTP, held to the contract of providers by the public suite.

#![cfg(all(
    feature = "testing",
    feature = "fcm",
    feature = "sendgrid",
    feature = "telegram",
    feature = "twilio"
))]

use tidings::{
    Chat, Email, Push, Sms, WhatsApp,
    http::HttpResponse,
    message::Message,
    providers::{
        fcm::{Fcm, FcmConfig},
        sendgrid::{SendGrid, SendGridConfig},
        telegram::{Telegram, TelegramConfig},
        twilio::{Twilio, TwilioConfig},
    },
    testing::{
        answer,
        conformance::{Harness, HttpAnswers},
    },
};

/// A vendor whose secret, messages and answer are known.
struct Known<P, M> {
    provider: fn() -> P,
    secret: &'static str,
    message: M,
    several: Option<M>,
    accepted: HttpResponse,
}

impl<M: Message, P: tidings::Provider<M>> Harness<M> for Known<P, M> {
    type Provider = P;

    fn provider(&self) -> P {
        (self.provider)()
    }

    fn message(&self) -> M {
        self.message.clone()
    }

    fn several(&self) -> Option<M> {
        self.several.clone()
    }

    fn secrets(&self) -> Vec<String> {
        vec![self.secret.to_owned()]
    }

    fn http(&self) -> Option<HttpAnswers> {
        Some(HttpAnswers::accepting([self.accepted.clone()]))
    }
}

fn json(status: u16, body: &'static str) -> HttpResponse {
    answer(status, &[("content-type", "application/json")], body)
}

const SENDGRID: &str = "SG.canary-key";

fn sendgrid() -> Known<SendGrid, Email> {
    let mail = || Email::builder().from("shop@example.org").to("a@example.org").subject("News").text("Hi");
    Known {
        provider: || SendGridConfig::new(SENDGRID).build().expect("valid"),
        secret: SENDGRID,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: answer(202, &[("x-message-id", "abc")], ""),
    }
}

const AUTH_TOKEN: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn twilio<M: Message>(message: M) -> Known<Twilio, M> {
    let provider =
        || TwilioConfig::new("AC0123456789abcdef0123456789abcdef", AUTH_TOKEN).build().expect("valid");
    let accepted = json(201, r#"{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}"#);
    Known { provider, secret: AUTH_TOKEN, message, several: None, accepted }
}

fn sms() -> Known<Twilio, Sms> {
    let sms = Sms::builder().from("+15005550006").to("+15005550007").body("Hi");
    twilio(sms.build().expect("valid"))
}

fn whatsapp() -> Known<Twilio, WhatsApp> {
    let message = WhatsApp::builder().from("+15005550006").to("+15005550007").text("Hi");
    twilio(message.build().expect("valid"))
}

const ACCESS_TOKEN: &str = "ya29.canary-token";

fn fcm() -> Known<Fcm, Push> {
    Known {
        provider: || FcmConfig::with_credential("harbour", ACCESS_TOKEN).build().expect("valid"),
        secret: ACCESS_TOKEN,
        message: Push::builder().token("a-device-token").title("Hi").build().expect("valid"),
        several: None,
        accepted: json(200, r#"{"name":"projects/harbour/messages/7"}"#),
    }
}

const BOT_TOKEN: &str = "123456:canary-token_zyx57W2v1u123ew11ABCDE";

fn telegram() -> Known<Telegram, Chat> {
    let accepted = r#"{"ok":true,"result":{"message_id":7,"date":1,"chat":{"id":42,"type":"private"}}}"#;
    Known {
        provider: || TelegramConfig::new(BOT_TOKEN).build().expect("valid"),
        secret: BOT_TOKEN,
        message: Chat::builder().to(42_i64).text("Hi").build().expect("valid"),
        several: None,
        accepted: json(200, accepted),
    }
}

tidings::provider_conformance! { mod fcm_push; channel: Push; harness: fcm(); http: json }
// SendGrid says nothing in the body of a success.
tidings::provider_conformance! { mod sendgrid_email; channel: Email; harness: sendgrid(); http: any }
tidings::provider_conformance! { mod telegram_chat; channel: Chat; harness: telegram(); http: json }
tidings::provider_conformance! { mod twilio_sms; channel: Sms; harness: sms(); http: json }
tidings::provider_conformance! { mod twilio_whatsapp; channel: WhatsApp; harness: whatsapp(); http: json }
