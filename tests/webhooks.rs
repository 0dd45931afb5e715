//! A delivery followed to its end: sent through a vendor, then told of by its signed webhook.
#![cfg(all(feature = "testing", feature = "twilio", feature = "sendgrid"))]

use std::{collections::BTreeMap, time::Duration};

use aws_lc_rs::{
    hmac,
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair},
};
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderValue, Method};
use tidings::{
    Channel, Clock as _, Email, ErrorKind, Messenger, Sms, Status, Timestamp,
    providers::{sendgrid::SendGridConfig, twilio::TwilioConfig},
    testing::{ManualClock, ScriptedHttp},
    webhook::{Inbound, RawRequest, Webhook},
};

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const NOW: Timestamp = Timestamp::from_secs(1_795_208_820);

/// A POST as Twilio signs it: HMAC-SHA1 over the URL and the sorted parameters.
fn from_twilio(token: &str, url: &str, parameters: &BTreeMap<&str, &str>) -> RawRequest {
    let mut signed = url.to_owned();
    parameters.iter().for_each(|(name, value)| signed.extend([*name, *value]));
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = BASE64.encode(hmac::sign(&key, signed.as_bytes()));
    let mut headers = HeaderMap::new();
    headers.insert("x-twilio-signature", HeaderValue::from_str(&signature).expect("base64"));
    headers.insert("content-type", HeaderValue::from_static("application/x-www-form-urlencoded"));
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(parameters).finish();
    RawRequest::new(Method::POST, url, headers, body, NOW)
}

fn twilio() -> impl tidings::SmsProvider + Webhook {
    let callback = "https://hooks.example.org/twilio".parse().expect("valid");
    let config = TwilioConfig::new(SID, "secret-token").from("+15005550006".parse().expect("valid"));
    config.status_callback(callback).build().expect("valid")
}

#[tokio::test]
async fn a_text_message_is_followed_until_it_is_delivered() {
    let answer = r#"{"sid":"SM0123","status":"queued","error_code":null,"error_message":null}"#;
    let http = ScriptedHttp::new().json(201, answer);
    let messenger = Messenger::builder()
        .sms(twilio())
        .http(http.clone())
        .clock(ManualClock::at(NOW))
        .build()
        .expect("valid");
    let sms = Sms::builder().to("+15005550010").body("Your table is ready.").build().expect("valid");
    let sent = messenger.tenant("acme").expect("valid").send(sms).await.expect("accepted");
    assert_eq!(sent.vendor_id(), Some("SM0123"));

    // Twilio calls the URL that it was given, token and all.
    let request = http.requests().pop().expect("one request").text();
    let body = request.rsplit("\n").next().unwrap_or(&request).to_owned();
    let fields: BTreeMap<String, String> = form_urlencoded::parse(body.as_bytes()).into_owned().collect();
    let callback = fields.get("StatusCallback").expect("a callback").clone();
    assert!(callback.starts_with("https://hooks.example.org/twilio?tidings="), "{callback}");

    let webhook = twilio();
    let delivered =
        BTreeMap::from([("MessageSid", "SM0123"), ("MessageStatus", "delivered"), ("To", "+15005550010")]);
    let call = from_twilio("secret-token", &callback, &delivered);
    // Twice, as vendors do; and the messenger of another tenant may take the call.
    for _ in 0..2 {
        messenger.receive(&webhook, &call).await.expect("signed");
    }
    let acme = messenger.tenant("acme").expect("valid");
    assert_eq!(acme.statuses(sent.id).await.expect("memory"), [Status::Delivered]);
    let timeline = acme.timeline(sent.id).await.expect("memory");
    assert_eq!(
        timeline.iter().filter(|event| event.kind.as_str() == "delivered").count(),
        1,
        "no duplicates"
    );

    let forged = from_twilio("another-token", &callback, &delivered);
    let error = messenger.receive(&webhook, &forged).await.expect_err("forged");
    assert_eq!(error.kind(), ErrorKind::Auth);
}

#[tokio::test]
async fn an_answer_by_text_message_is_handed_to_the_application() {
    let messenger = Messenger::builder().sms(twilio()).clock(ManualClock::at(NOW)).build().expect("valid");
    let fields = BTreeMap::from([
        ("MessageSid", "SM9"),
        ("SmsStatus", "received"),
        ("From", "+15005550010"),
        ("To", "+15005550006"),
        ("Body", "Thank you!"),
        ("NumMedia", "0"),
    ]);
    let call = from_twilio("secret-token", "https://hooks.example.org/in", &fields);
    let inbound = messenger.receive(&twilio(), &call).await.expect("signed");
    let [Inbound::Reply(reply)] = &inbound[..] else { panic!("{inbound:?}") };
    assert_eq!(
        (reply.channel, &*reply.text, reply.from.as_str()),
        (Channel::Sms, "Thank you!", "+15005550010")
    );
}

#[tokio::test]
async fn each_recipient_of_a_mail_is_followed_by_itself() {
    let signer = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).expect("a key");
    let spki = {
        // SubjectPublicKeyInfo of an uncompressed P-256 point (RFC 5480), as SendGrid shows the key.
        let head = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";
        let point = signer.public_key().as_ref();
        let mut der = BASE64.decode(head).expect("base64");
        der.truncate(der.len() - 1);
        der.extend_from_slice(point);
        BASE64.encode(der)
    };
    let vendor = || SendGridConfig::new("SG.key").webhook_key(spki.clone()).build().expect("valid");
    let clock = ManualClock::at(NOW);
    let http = ScriptedHttp::new().respond(202, &[("x-message-id", "abc")], "");
    let messenger =
        Messenger::builder().email(vendor()).http(http).clock(clock.clone()).build().expect("valid");
    let email = Email::builder()
        .from("shop@example.org")
        .to("ada@example.org")
        .to("bob@example.org")
        .subject("Hello")
        .text("Hello")
        .build()
        .expect("valid");
    let sent = messenger.send(email).await.expect("accepted");

    clock.advance(Duration::from_secs(2));
    let at = clock.now().as_secs();
    let body = format!(
        r#"[{{"email":"ada@example.org","timestamp":{at},"event":"delivered","sg_event_id":"e1","sg_message_id":"abc.filter1"}},
           {{"email":"bob@example.org","timestamp":{at},"event":"bounce","type":"bounce","status":"5.1.1","reason":"no such user","sg_event_id":"e2","sg_message_id":"abc.filter1"}}]"#
    );
    let signed = format!("{at}{body}");
    let signature = signer.sign(&SystemRandom::new(), signed.as_bytes()).expect("signed");
    let mut headers = HeaderMap::new();
    let header = |text: &str| HeaderValue::from_str(text).expect("visible");
    headers.insert("x-twilio-email-event-webhook-signature", header(&BASE64.encode(signature)));
    headers.insert("x-twilio-email-event-webhook-timestamp", header(&at.to_string()));
    let call =
        RawRequest::new(Method::POST, "https://hooks.example.org/sendgrid", headers, body, clock.now());
    messenger.receive(&vendor(), &call).await.expect("signed");
    let statuses = messenger.statuses(sent.id).await.expect("memory");
    assert_eq!(statuses, [Status::Delivered, Status::Bounced]);
    let timeline = messenger.timeline(sent.id).await.expect("memory");
    let bounce = timeline.iter().find(|event| event.kind.as_str() == "bounced").expect("a bounce");
    assert!(bounce.text.as_deref().unwrap_or_default().contains("no such user"), "{bounce:?}");
}
