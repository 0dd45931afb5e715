use std::sync::Arc;

use super::*;
use crate::{
    Certainty, ErrorKind, Location, Media, MessageId, TenantId,
    message::{File, MediaKind, TemplateButtonValue, TemplateHeader, VendorOption, WhatsAppTemplate},
    testing::{self, ScriptedHttp},
};

const SID: &str = "AC0123456789abcdef0123456789abcdef";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const TEMPLATE: &str = "HX0123456789abcdef0123456789abcdef";
const TO: &str = "+15005550006";

fn script(status: u16, body: &str) -> (ScriptedHttp, CallContext) {
    let script = ScriptedHttp::new().json(status, body.to_owned());
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    (script, cx)
}

fn id() -> MessageId {
    "0199f5a8-0000-7000-8000-000000000001".parse().expect("a UUID")
}

fn config() -> TwilioConfig {
    TwilioConfig::new(SID, "token").from("+15005550001".parse().expect("valid"))
}

fn pairs(form: &Bytes) -> Vec<(String, String)> {
    form_urlencoded::parse(form).into_owned().collect()
}

fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn sms_form(config: TwilioConfig, sms: &Sms) -> Result<Vec<(String, String)>> {
    let twilio = config.build().expect("valid");
    form::sms(&twilio, &Outgoing::new(sms, id(), &TenantId::DEFAULT, "key")).map(|form| pairs(&form))
}

fn whatsapp_form(message: &WhatsApp) -> Result<Vec<(String, String)>> {
    let twilio = config().whatsapp_from("+15005550002".parse().expect("valid")).build().expect("valid");
    form::whatsapp(&twilio, &Outgoing::new(message, id(), &TenantId::DEFAULT, "key")).map(|form| pairs(&form))
}

#[test]
fn a_plain_text_message() {
    let sms = Sms::builder().to(TO).body("Grüße & Küsse").build().expect("valid");
    let form = sms_form(config(), &sms).expect("a form");
    assert_eq!(form, expected(&[("To", TO), ("From", "+15005550001"), ("Body", "Grüße & Küsse")]));
}

#[test]
fn a_message_with_everything() {
    let option = |name: &str, value: serde_json::Value| VendorOption::new("twilio", name, value);
    let sms = Sms::builder()
        .from("Shop")
        .to(TO)
        .body("Hi")
        .media(Media::image("https://x.org/a.png").expect("valid"))
        .media(Media::image("https://x.org/b.png").expect("valid"))
        .option(option("messaging_service_sid", SERVICE.into()))
        .option(option("risk_check", "disable".into()))
        .option(option("send_as_mms", true.into()))
        .option(option("send_at", "2026-11-20T21:07:00Z".into()))
        .option(option("shorten_urls", true.into()))
        .option(option("smart_encoded", false.into()))
        .option(option("validity_period", 60.into()))
        .build()
        .expect("valid");
    let config =
        config().echo_key("k".to_owned()).status_callback("https://x.org/in?a=1".parse().expect("valid"));
    let key = EchoKey::derive(&"k".to_owned().into());
    let echo = crate::providers::echo::Echo { message: id(), recipient: Some(0), generation: 0 };
    let callback = format!("https://x.org/in?a=1&tidings={}", key.sign(&echo));
    let form = sms_form(config, &sms).expect("a form");
    assert_eq!(
        form,
        expected(&[
            ("To", TO),
            ("From", "Shop"),
            ("MessagingServiceSid", SERVICE),
            ("Body", "Hi"),
            ("MediaUrl", "https://x.org/a.png"),
            ("MediaUrl", "https://x.org/b.png"),
            ("StatusCallback", &callback),
            ("RiskCheck", "disable"),
            ("SendAsMms", "true"),
            ("SendAt", "2026-11-20T21:07:00Z"),
            ("ScheduleType", "fixed"),
            ("ShortenUrls", "true"),
            ("SmartEncoded", "false"),
            ("ValidityPeriod", "60"),
        ])
    );
}

#[test]
fn senders_are_chosen_by_rule() {
    let with_service = || config().messaging_service(SERVICE);
    let service_alone = || TwilioConfig::new(SID, "token").messaging_service(SERVICE);
    let asked = VendorOption::new("twilio", "messaging_service_sid", SERVICE);
    let plain = || Sms::builder().to(TO).body("x");
    let cases = [
        (config(), plain(), (Some("+15005550001"), None)),
        (with_service(), plain(), (Some("+15005550001"), Some(SERVICE))),
        (service_alone(), plain(), (None, Some(SERVICE))),
        (service_alone(), plain().from("Shop"), (Some("Shop"), None)),
        (config(), plain().option(asked.clone()), (None, Some(SERVICE))),
        (config(), plain().from("12345").option(asked), (Some("12345"), Some(SERVICE))),
    ];
    for (config, sms, (from, service)) in cases {
        let form = sms_form(config, &sms.build().expect("valid")).expect("a form");
        let value =
            |name: &str| form.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        assert_eq!((value("From"), value("MessagingServiceSid")), (from, service));
    }
    let nobody = sms_form(TwilioConfig::new(SID, "token"), &plain().build().expect("valid"));
    assert_eq!(nobody.expect_err("no sender").field(), Some("from"));
}

#[test]
fn what_a_text_message_cannot_carry_is_refused_by_name() {
    let image = || Media::image("https://x.org/a.png").expect("valid");
    let file = File::new("a.png", "image/png", &b"PNG"[..]).expect("valid");
    let many = (0..11).fold(Sms::builder().to(TO), |sms, _| sms.media(image()));
    let at = VendorOption::new("twilio", "send_at", "2026-11-20T21:07:00Z");
    let cases = [
        (Sms::builder().to(TO).body("é".repeat(1_601)), "body", ErrorKind::PayloadTooLarge),
        (many, "media", ErrorKind::InvalidMessage),
        (Sms::builder().to(TO).media(image().with_caption("x")), "media[0].caption", ErrorKind::Unsupported),
        (
            Sms::builder().to(TO).media(Media::file(MediaKind::Image, file)),
            "media[0]",
            ErrorKind::Unsupported,
        ),
        (
            Sms::builder().to(TO).body("x").option(at),
            "options[\"twilio.send_at\"]",
            ErrorKind::InvalidMessage,
        ),
    ];
    for (sms, field, kind) in cases {
        let error = sms_form(config(), &sms.build().expect("valid elsewhere")).expect_err(field);
        assert_eq!((error.field(), error.kind(), error.certainty()), (Some(field), kind, Certainty::NotSent));
    }
    let most = Sms::builder().to(TO).body("é".repeat(1_600)).build().expect("valid");
    assert!(sms_form(config(), &most).is_ok());
}

#[test]
fn whatsapp_messages() {
    let start = || WhatsApp::builder().to(TO);
    let place = || Location::new(47.07, 15.44).expect("valid");
    let media = Media::image("https://x.org/a.png").expect("valid").with_caption("Your room");
    let template = WhatsAppTemplate::new(TEMPLATE, "en").with("1", "Ada").with("2", "\"7\"");
    let cases: [(_, &[(&str, &str)]); 6] = [
        (start().text("Hi"), &[("Body", "Hi")]),
        (start().media(media), &[("MediaUrl", "https://x.org/a.png"), ("Body", "Your room")]),
        (
            start().location(place().with_name("The Inn").with_address("1 Road")),
            &[("Body", "The Inn"), ("PersistentAction", "geo:47.07,15.44|1 Road")],
        ),
        (start().location(place()), &[("Body", "47.07,15.44"), ("PersistentAction", "geo:47.07,15.44")]),
        (
            start().template(template),
            &[("ContentSid", TEMPLATE), ("ContentVariables", r#"{"1":"Ada","2":"\"7\""}"#)],
        ),
        (start().template(WhatsAppTemplate::new(TEMPLATE, "en")), &[("ContentSid", TEMPLATE)]),
    ];
    for (message, content) in cases {
        let form = whatsapp_form(&message.build().expect("valid")).expect("a form");
        let mut all = vec![("To", "whatsapp:+15005550006"), ("From", "whatsapp:+15005550002")];
        all.extend(content);
        assert_eq!(form, expected(&all));
    }
}

#[test]
fn what_twilio_cannot_say_by_whatsapp_is_refused_by_name() {
    let start = || WhatsApp::builder().to(TO);
    let double = WhatsAppTemplate::new(TEMPLATE, "en").with("1", "a").with("1", "b");
    let with_header =
        WhatsAppTemplate::new(TEMPLATE, "en").header(TemplateHeader::Text("1".into(), "x".into()));
    let with_button =
        WhatsAppTemplate::new(TEMPLATE, "en").button(0, TemplateButtonValue::LinkEnd("7".into()));
    let cases = [
        (start().buttons("Well?", [("y", "Yes")]), "content.buttons"),
        (start().text("x").reply_to("wamid"), "reply_to"),
        (start().text("x".repeat(1_601)), "content.text"),
        (start().template(WhatsAppTemplate::new("order_shipped", "en")), "content.template.name"),
        (start().template(double), "content.template.parameters"),
        (start().template(with_header), "content.template.header"),
        (start().template(with_button), "content.template.buttons"),
    ];
    for (message, field) in cases {
        let error = whatsapp_form(&message.build().expect("valid elsewhere")).expect_err(field);
        assert_eq!(error.field(), Some(field));
    }
}

#[tokio::test]
async fn sending_asks_once_and_reads_the_sid() {
    let (script, cx) =
        script(201, r#"{"sid":"SM1","status":"queued","error_code":null,"error_message":null}"#);
    let sms = Sms::builder().to(TO).body("x").build().expect("valid");
    let twilio = config().build().expect("valid");
    let receipt = twilio.send(&cx, Outgoing::new(&sms, id(), &TenantId::DEFAULT, "key")).await;
    assert_eq!(receipt.expect("accepted").outcomes[0].vendor_id(), Some("SM1"));
    let requests = script.requests();
    let [testing::RecordedRequest { request, .. }] = &requests[..] else { panic!("one request") };
    let url = format!("https://api.twilio.com/2010-04-01/Accounts/{SID}/Messages.json");
    assert_eq!((request.method().as_str(), request.uri().to_string()), ("POST", url));
    assert_eq!(request.headers()["content-type"], "application/x-www-form-urlencoded");
    let login = "Basic QUMwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZjp0b2tlbg==";
    assert_eq!(request.headers()["authorization"], login);
    assert!(request.headers()["authorization"].is_sensitive());
}

#[tokio::test]
async fn answers_are_outcomes() {
    let table = [
        (201, r#"{"sid":"SM1","status":"accepted"}"#, None),
        (
            201,
            r#"{"sid":"SM1","status":"failed","error_code":21610,"error_message":"m"}"#,
            Some((ErrorKind::Suppressed, Certainty::NotSent)),
        ),
        (201, r#"{"sid":"SM1","status":"failed"}"#, Some((ErrorKind::Refused, Certainty::NotSent))),
        (201, "<html>", Some((ErrorKind::Protocol, Certainty::Unknown))),
        (201, r#"{"sid":""}"#, Some((ErrorKind::Protocol, Certainty::Unknown))),
        (400, r#"{"code":21211,"message":"m"}"#, Some((ErrorKind::InvalidRecipient, Certainty::NotSent))),
    ];
    for (status, body, expected) in table {
        let (_, cx) = script(status, body);
        let message = WhatsApp::builder().from("+15005550002").to(TO).text("x").build().expect("valid");
        let twilio = config().build().expect("valid");
        let sent = twilio.send(&cx, Outgoing::new(&message, id(), &TenantId::DEFAULT, "key")).await;
        assert_eq!(sent.err().map(|error| (error.kind(), error.certainty())), expected, "{body}");
    }
}

#[tokio::test]
async fn a_secret_that_the_vendor_repeats_is_not_shown() {
    let (_, cx) = script(401, r#"{"code":20003,"message":"wrong: s3cret"}"#);
    let sms = Sms::builder().to(TO).body("x").build().expect("valid");
    let twilio = TwilioConfig::new(SID, "s3cret").messaging_service(SERVICE).build().expect("valid");
    let sent = twilio.send(&cx, Outgoing::new(&sms, id(), &TenantId::DEFAULT, "key")).await;
    let error = sent.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Auth);
    assert!(!format!("{error} {error:?}").contains("s3cret"), "{error}");
}

#[tokio::test]
async fn the_check_reads_one_message_with_an_api_key_too() {
    let key = "SK0123456789abcdef0123456789abcdef";
    let twilio = TwilioConfig::with_api_key(SID, key, "secret").build().expect("valid");
    for (status, body, expected) in [
        (200, r#"{"messages":[]}"#, None),
        (200, "<html>", Some(ErrorKind::Protocol)),
        (401, r#"{"code":20003,"message":"Authenticate"}"#, Some(ErrorKind::Auth)),
    ] {
        let (script, cx) = script(status, body);
        assert_eq!(twilio.check(&cx).await.err().map(|error| error.kind()), expected, "{body}");
        assert_eq!(script.requests()[0].request.uri().query(), Some("PageSize=1"));
    }
}

#[tokio::test]
async fn without_an_auth_token_no_call_is_trusted() {
    let key = "SK0123456789abcdef0123456789abcdef";
    let twilio = TwilioConfig::with_api_key(SID, key, "secret").build().expect("valid");
    let request = RawRequest::new(
        http::Method::POST,
        "https://x.org/in",
        http::HeaderMap::new(),
        Bytes::new(),
        crate::Timestamp::default(),
    );
    let error = twilio.verify(&CallContext::default(), &request).await.expect_err("refused");
    assert!(error.kind() == ErrorKind::Auth && error.message().contains("auth_token"), "{error}");
}
