//! SendGrid and Twilio held against programs that others wrote: the vendors'
//! published API descriptions judge our requests, the vendors' own verifiers our `verify`.
//!
//! Reads `TIDINGS_SPEC_MOCK` (such as `http://127.0.0.1:4100`) and
//! `TIDINGS_WEBHOOK_SAMPLES` (a file of signed calls, one JSON a line).
#![cfg(all(feature = "sendgrid", feature = "twilio"))]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, Method, Request};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidings::{
    Attachment, CallContext, Certainty, Clock, Email, ErrorKind, Health, Location, Media, MessageId,
    Outgoing, Provider, Retry, Sms, SystemClock, TenantId, Timestamp, Vendor, WhatsApp,
    http::{HttpTransport, ReqwestTransport},
    message::{ListUnsubscribe, Priority, VendorOption, VendorTemplate, WhatsAppTemplate},
    providers::{
        sendgrid::{SendGrid, SendGridConfig},
        twilio::{Twilio, TwilioConfig},
    },
    webhook::{RawRequest, Webhook},
};

const ACCOUNT: &str = "AC0123456789abcdef0123456789abcdef";
const SERVICE: &str = "MG0123456789abcdef0123456789abcdef";
const TEMPLATE: &str = "HX0123456789abcdef0123456789abcdef";
const TO: &str = "+15005550006";

fn set(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        eprintln!("skipped: {variable} is not set; .ci/referees starts the referees and sets it");
    }
    value
}

fn cx() -> CallContext {
    CallContext::default().with_http(Arc::new(ReqwestTransport::new().expect("a client")))
}

fn item<M: tidings::Message>(message: &M) -> Outgoing<'_, M> {
    Outgoing::new(message, MessageId::new(SystemClock.now()), &TenantId::DEFAULT, "key")
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

/// Has the mock answer the vendor's next call so.
async fn fault(mock: &str, fault: Value) {
    let request = Request::post(format!("{mock}/_oracle/fault")).body(fault.to_string().into());
    let transport = ReqwestTransport::new().expect("a client");
    let answer = transport.send(request.expect("valid"), None).await.expect("the mock answers");
    assert_eq!(answer.status(), 200);
}

async fn sent<M: tidings::Message>(provider: &impl Provider<M>, what: &str, message: &M) {
    match provider.send(&cx(), item(message)).await {
        Ok(receipt) => {
            assert_eq!(receipt.accepted_count(), message.recipient_count(), "{what}");
            assert!(receipt.outcomes.iter().all(|outcome| outcome.vendor_id().is_some()), "{what}");
        }
        Err(error) => panic!("{what}: {error}"),
    }
}

/// The mock's refusals and faults come out as what they are.
async fn faults_are_told<M: tidings::Message>(
    mock: &str,
    name: &str,
    provider: &impl Provider<M>,
    message: &M,
) {
    let table = [
        (
            json!({"status": 429, "headers": {"Retry-After": "7"}}),
            ErrorKind::RateLimited,
            Certainty::NotSent,
            Retry::After(Duration::from_secs(7)),
        ),
        (json!({"status": 503}), ErrorKind::Unavailable, Certainty::NotSent, Retry::Backoff),
        (
            json!({"status": 500, "body": "<html>"}),
            ErrorKind::Unavailable,
            Certainty::Unknown,
            Retry::Backoff,
        ),
        (json!({"status": 204}), ErrorKind::Protocol, Certainty::Unknown, Retry::Never),
        (json!({"drop": true}), ErrorKind::Transport, Certainty::Unknown, Retry::Backoff),
    ];
    for (mut what, kind, certainty, retry) in table {
        what["name"] = name.into();
        fault(mock, what.clone()).await;
        let error = provider.send(&cx(), item(message)).await.expect_err("a fault");
        assert_eq!((error.kind(), error.certainty(), error.retry()), (kind, certainty, retry), "{what}");
    }
}

fn emails() -> Vec<(&'static str, Email)> {
    let start = || Email::builder().from("The Shop <shop@example.org>").to("Ada <ada@example.org>");
    let plain = || start().subject("Zwölf Köche").text("Grüße");
    let option = |name: &str, value: Value| VendorOption::new("sendgrid", name, value);
    let built = [
        ("plain", plain()),
        ("html alone", start().subject("s").html("<p>x</p>")),
        (
            "everything",
            plain()
                .to("bob@example.org")
                .cc("Cy <cy@example.org>")
                .bcc("dan@example.org")
                .reply_to("help@example.org")
                .reply_to("Sales <sales@example.org>")
                .html("<p>Grüße</p>")
                .attach(Attachment::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid"))
                .attach(Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid"))
                .header("X-Own", "grüße")
                .priority(Priority::High)
                .tag("news")
                .tag("shop")
                .metadata("order", "7")
                .list_unsubscribe(ListUnsubscribe::one_click("https://example.org/u").expect("valid")),
        ),
        ("one address for answers", plain().reply_to("help@example.org")),
        (
            "options",
            plain()
                .option(option("asm_group_id", json!(5)))
                .option(option("asm_groups_to_display", json!([5, 6])))
                .option(option("batch_id", json!("b1")))
                .option(option("click_tracking", json!(false)))
                .option(option("ip_pool_name", json!("pool")))
                .option(option("open_tracking", json!(true)))
                .option(option("sandbox", json!(true)))
                .option(option("send_at", json!(1_800_000_000)))
                .option(option("subscription_tracking", json!(false))),
        ),
        ("substitutions", plain().merge("ada@example.org", map(json!({"-name-": "Ada", "-n-": 7})))),
        (
            "a dynamic template for two",
            start()
                .to("bob@example.org")
                .template(VendorTemplate::new("d-1", map(json!({"shop": "x", "list": [1]}))))
                .merge("bob@example.org", map(json!({"name": "Bob"}))),
        ),
        (
            "a file alone",
            start().subject("s").attach(Attachment::new("a.txt", "text/plain", &b"a"[..]).expect("valid")),
        ),
    ];
    built.into_iter().map(|(what, email)| (what, email.build().expect("valid"))).collect()
}

#[tokio::test]
async fn sendgrid_takes_our_mails() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK") else { return };
    let config = SendGridConfig::new("SG.key").base_url(format!("{mock}/sendgrid"));
    let sendgrid = config.build().expect("valid");
    for (what, email) in &emails() {
        sent(&sendgrid, what, email).await;
    }
    faults_are_told(&mock, "sendgrid", &sendgrid, &emails()[0].1).await;
}

fn texts() -> Vec<(&'static str, Sms)> {
    let start = || Sms::builder().to(TO);
    let image = || Media::image("https://example.org/a.png").expect("valid");
    let option = |name: &str, value: Value| VendorOption::new("twilio", name, value);
    let built = [
        ("plain", start().body("Grüße & Küsse + 100% ~")),
        ("from a name", start().from("Shop").body("x")),
        ("from a short code", start().from("12345").body("x")),
        ("a picture", start().media(image())),
        ("two pictures and words", start().body("x").media(image()).media(image())),
        (
            "options",
            start()
                .body("https://example.org")
                .option(option("messaging_service_sid", json!(SERVICE)))
                .option(option("risk_check", json!("disable")))
                .option(option("send_as_mms", json!(false)))
                .option(option("send_at", json!("2030-01-01T00:00:00Z")))
                .option(option("shorten_urls", json!(true)))
                .option(option("smart_encoded", json!(true)))
                .option(option("validity_period", json!(600))),
        ),
    ];
    built.into_iter().map(|(what, sms)| (what, sms.build().expect("valid"))).collect()
}

fn whatsapps() -> Vec<(&'static str, WhatsApp)> {
    let start = || WhatsApp::builder().from("+15005550002").to(TO);
    let place = || Location::new(47.07, -15.44).expect("valid");
    let film = Media::url(tidings::message::MediaKind::Video, "https://example.org/a.mp4").expect("valid");
    let built = [
        ("words", start().text("Hi *there*")),
        ("a film with a caption", start().media(film.with_caption("x"))),
        ("a place", start().location(place().with_name("The Inn").with_address("1 Road"))),
        ("a bare place", start().location(place())),
        ("a template", start().template(WhatsAppTemplate::new(TEMPLATE, "en").with("1", "Ada"))),
    ];
    built.into_iter().map(|(what, message)| (what, message.build().expect("valid"))).collect()
}

#[tokio::test]
async fn twilio_takes_our_messages() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK") else { return };
    let twilio = TwilioConfig::new(ACCOUNT, "token")
        .base_url(format!("{mock}/twilio"))
        .from("+15005550001".parse().expect("valid"))
        .status_callback("https://example.org/in?a=1".parse().expect("valid"))
        .build()
        .expect("valid");
    for (what, sms) in &texts() {
        sent(&twilio, what, sms).await;
    }
    for (what, message) in &whatsapps() {
        sent(&twilio, what, message).await;
    }
    assert_eq!(twilio.check(&cx()).await.expect("a sign of life"), Health::Good);
    faults_are_told(&mock, "twilio", &twilio, &texts()[0].1).await;
}

/// A signed call, and what the vendor's own verifier says of it.
#[derive(Deserialize)]
struct Sample {
    provider: String,
    case: String,
    method: String,
    url: String,
    headers: BTreeMap<String, String>,
    body: String,
    now: i64,
    expect: bool,
    /// True where the verifier's answer is only its own habit.
    #[serde(default)]
    advisory: bool,
    auth_token: Option<String>,
    public_key: Option<String>,
}

impl Sample {
    fn request(&self) -> RawRequest {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.headers {
            let name: HeaderName = name.parse().expect("a header's name");
            headers.insert(name, value.parse().expect("a header's value"));
        }
        let method: Method = self.method.parse().expect("a method");
        let body = BASE64.decode(&self.body).expect("base64");
        RawRequest::new(method, self.url.as_str(), headers, body, Timestamp::from_secs(self.now))
    }

    fn sendgrid(&self) -> SendGrid {
        let key = self.public_key.as_deref().expect("SendGrid's samples carry a key");
        SendGridConfig::new("SG.key").webhook_key(key).build().expect("a key")
    }

    fn twilio(&self) -> Twilio {
        let token = self.auth_token.as_deref().expect("Twilio's samples carry a token");
        TwilioConfig::new(ACCOUNT, token).build().expect("valid")
    }
}

fn samples(provider: &str) -> Option<Vec<Sample>> {
    let text = std::fs::read_to_string(set("TIDINGS_WEBHOOK_SAMPLES")?).expect("the samples can be read");
    let all = text.lines().map(|line| serde_json::from_str::<Sample>(line).expect("a sample"));
    let mine: Vec<_> = all.filter(|sample| sample.provider == provider).collect();
    assert!(mine.len() > 50, "{provider}: only {} samples", mine.len());
    Some(mine)
}

/// Agrees with the vendor's verifier on every sample but the advisory ones.
async fn agree(provider: &str, vendor: impl Fn(&Sample) -> Box<dyn Webhook>) {
    let Some(samples) = samples(provider) else { return };
    let mut different = Vec::new();
    for sample in &samples {
        let verified = vendor(sample).verify(&CallContext::default(), &sample.request()).await;
        if let Err(error) = &verified {
            assert_eq!(error.kind(), ErrorKind::Auth, "{}", sample.case);
        }
        if let Ok(verified) = &verified {
            vendor(sample).parse(verified).expect("what is signed can be read");
        }
        if verified.is_ok() != sample.expect && !sample.advisory {
            different.push(format!("{}: the vendor says {}", sample.case, sample.expect));
        }
    }
    assert!(different.is_empty(), "{provider}: {different:#?}");
    let good = samples.iter().filter(|sample| sample.expect).count();
    eprintln!(
        "{provider}: {} samples, {good} of them good, judged alike but for advisory ones",
        samples.len()
    );
}

#[tokio::test]
async fn sendgrid_signatures_are_judged_as_by_sendgrid() {
    agree("sendgrid", |sample| Box::new(sample.sendgrid())).await;
}

#[tokio::test]
async fn twilio_signatures_are_judged_as_by_twilio() {
    agree("twilio", |sample| Box::new(sample.twilio())).await;
}
