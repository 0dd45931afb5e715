use tidings::{
    Message, Sms, WhatsApp,
    providers::twilio::{Twilio, TwilioConfig},
};

use crate::known::{Known, is_in_the_catalog, json};

const AUTH_TOKEN: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

fn provider() -> Twilio {
    TwilioConfig::new("AC0123456789abcdef0123456789abcdef", AUTH_TOKEN).build().expect("valid")
}

fn known<M: Message>(message: M) -> Known<Twilio, M> {
    let accepted = json(201, r#"{"sid":"SM0123456789abcdef0123456789abcdef","status":"queued"}"#);
    Known { provider, secret: AUTH_TOKEN, message, several: None, accepted }
}

fn sms() -> Known<Twilio, Sms> {
    let sms = Sms::builder().from("+15005550006").to("+15005550007").body("Hi");
    known(sms.build().expect("valid"))
}

fn whatsapp() -> Known<Twilio, WhatsApp> {
    let message = WhatsApp::builder().from("+15005550006").to("+15005550007").text("Hi");
    known(message.build().expect("valid"))
}

tidings::provider_conformance! { mod twilio_sms; channel: Sms; harness: sms(); http: json }
tidings::provider_conformance! { mod twilio_whatsapp; channel: WhatsApp; harness: whatsapp(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog::<Sms>(&provider());
    is_in_the_catalog::<WhatsApp>(&provider());
}
