//! Amazon SES and SNS held against programs that others wrote: Amazon's own description of SES (botocore's, by the
//! mock) and moto judge our requests, moto the signatures, Amazon's sns-validator our `verify`.
//!
//! Reads `TIDINGS_SPEC_MOCK` (such as `http://127.0.0.1:4100`), `TIDINGS_MOTO` (likewise, with authorization on) and
//! `TIDINGS_MOTO_KEY_ID`, `TIDINGS_MOTO_SECRET`, and `TIDINGS_WEBHOOK_SAMPLES` (a file of signed calls, one JSON a line).
#![cfg(all(feature = "ses", feature = "sns"))]

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use async_trait::async_trait;
use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, Method, Request};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidings::{
    Attachment, CallContext, Certainty, Clock, Email, ErrorKind, Health, MessageId, Outgoing, Provider,
    Retry, Sms, SystemClock, TenantId, Timestamp, Vendor,
    http::{HttpRequest, HttpResponse, HttpTransport, ReqwestTransport},
    message::{Builder, ListUnsubscribe, Priority, VendorOption, VendorTemplate},
    providers::{
        ses::{Ses, SesConfig},
        sns::{Sns, SnsConfig},
    },
    webhook::{RawRequest, Webhook},
};

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

fn start() -> Builder<Email> {
    Email::builder().from("The Shop <a@example.com>").to("Ada <ada@example.com>")
}

fn mails() -> Vec<(&'static str, Email)> {
    let option = |name: &str, value: &str| VendorOption::new("ses", name, value);
    let file = || Attachment::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid");
    let built = [
        ("plain", start().subject("Zwölf Köche").text("Grüße")),
        ("html alone", start().subject("s").html("<p>x</p>")),
        (
            "everything",
            start()
                .subject("s")
                .text("t")
                .html("<p>Grüße</p>")
                .to("bob@example.com")
                .cc("Cy <cy@example.com>")
                .bcc("dan@example.com")
                .reply_to("help@example.com")
                .attach(file())
                .attach(Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid"))
                .header("X-Own", "1")
                .priority(Priority::High)
                .tag("news")
                .metadata("order", "7")
                .list_unsubscribe(ListUnsubscribe::one_click("https://example.com/u").expect("valid")),
        ),
        (
            "whole",
            start().subject("s").text("t").cc("Jürgen <j@example.com>").bcc("dan@example.com").attach(file()),
        ),
        ("files alone", start().subject("s").attach(file())),
    ];
    let wishes = start()
        .subject("s")
        .text("t")
        .option(option("configuration_set", "set"))
        .option(option("contact_list", "list"))
        .option(option("topic", "sales"))
        .option(option("feedback_to", "bounces@example.com"))
        .option(option("from_arn", "arn:aws:ses:eu-west-1:123456789012:identity/example.com"))
        .option(option("tenant", "shop"));
    let all = built.into_iter().chain([("options", wishes)]);
    all.map(|(what, email)| (what, email.build().expect("valid"))).collect()
}

fn by_template() -> Vec<Email> {
    let template = || VendorTemplate::new("welcome", map(json!({"shop": "x"})));
    let one = start().template(template()).header("X-Own", "1");
    let two = start().to("bob@example.com").template(template());
    let two = two.merge("bob@example.com", map(json!({"name": "Bob"})));
    [one, two].into_iter().map(|email| email.build().expect("valid")).collect()
}

/// Has the mock answer the vendor's next call so.
async fn fault(mock: &str, fault: &Value) {
    let request = Request::post(format!("{mock}/_oracle/fault")).body(fault.to_string().into());
    let transport = ReqwestTransport::new().expect("a client");
    let answer = transport.send(request.expect("valid"), None).await.expect("the mock answers");
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn amazons_description_of_ses_takes_our_mails() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK") else { return };
    let config = SesConfig::new("eu-west-1").keys("AK", "secret").base_url(format!("{mock}/sesv2"));
    let ses = config.build().expect("valid");
    for (what, email) in &mails() {
        let receipt = ses.send(&cx(), item(email)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(receipt.accepted_count(), tidings::Message::recipient_count(email), "{what}");
    }
    // The mock makes up one result for a bulk call: what is judged is the request alone.
    for email in &by_template() {
        if let Err(error) = ses.send(&cx(), item(email)).await {
            assert_eq!(error.kind(), ErrorKind::Protocol, "{error}");
        }
    }
    let faults = [
        (
            json!({"status": 429, "headers": {"Retry-After": "7"}}),
            (ErrorKind::RateLimited, Certainty::NotSent, Retry::After(Duration::from_secs(7))),
        ),
        (json!({"status": 503}), (ErrorKind::Unavailable, Certainty::NotSent, Retry::Backoff)),
        (
            json!({"status": 500, "body": "<html>"}),
            (ErrorKind::Unavailable, Certainty::Unknown, Retry::Backoff),
        ),
        (json!({"drop": true}), (ErrorKind::Transport, Certainty::Unknown, Retry::Backoff)),
    ];
    for (mut what, expected) in faults {
        what["name"] = "sesv2".into();
        fault(&mock, &what).await;
        let error = ses.send(&cx(), item(&mails()[0].1)).await.expect_err("a fault");
        assert_eq!((error.kind(), error.certainty(), error.retry()), expected, "{what}");
    }
}

/// moto's address with good keys.
fn moto() -> Option<(String, String, String)> {
    Some((set("TIDINGS_MOTO")?, set("TIDINGS_MOTO_KEY_ID")?, set("TIDINGS_MOTO_SECRET")?))
}

fn ses_at(url: &str, id: &str, secret: &str) -> Ses {
    SesConfig::new("us-east-1").keys(id, secret).base_url(url).build().expect("valid")
}

fn sns_at(url: &str, id: &str, secret: &str) -> Sns {
    SnsConfig::new("us-east-1").keys(id, secret).base_url(url).transactional().build().expect("valid")
}

#[tokio::test]
async fn moto_recomputes_the_signatures_of_ses() {
    let Some((url, id, secret)) = moto() else { return };
    let ses = ses_at(&url, &id, &secret);
    for (what, email) in mails().iter().filter(|(what, _)| *what != "options") {
        let receipt = ses.send(&cx(), item(email)).await.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(receipt.outcomes.iter().all(|outcome| outcome.vendor_id().is_some()), "{what}");
    }
    let email = &mails()[0].1;
    let error = ses_at(&url, &id, "wrong").send(&cx(), item(email)).await.expect_err("a wrong key");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Auth, Certainty::NotSent), "{error}");
    let error =
        ses_at(&url, "AKIANOBODY", &secret).send(&cx(), item(email)).await.expect_err("an unknown key");
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
    let stranger = Email::builder().from("x@stranger.example").to("ada@example.com").subject("s").text("t");
    let error = ses.send(&cx(), item(&stranger.build().expect("valid"))).await.expect_err("not verified");
    assert_eq!((error.kind(), error.field()), (ErrorKind::Permission, Some("from")), "{error}");
}

#[tokio::test]
async fn moto_recomputes_the_signatures_of_sns() {
    let Some((url, id, secret)) = moto() else { return };
    let sns = sns_at(&url, &id, &secret);
    let sms = Sms::builder().to("+15005550006").from("Shop").body("Grüße & Küsse + 100% ~");
    let sms = sms.build().expect("valid");
    let receipt = sns.send(&cx(), item(&sms)).await.expect("taken");
    assert!(receipt.outcomes[0].vendor_id().is_some());
    assert_eq!(sns.check(&cx()).await.expect("a sign of life"), Health::Good);
    let error = sns_at(&url, &id, "wrong").send(&cx(), item(&sms)).await.expect_err("a wrong key");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Auth, Certainty::NotSent), "{error}");
    let error = sns_at(&url, &id, "wrong").check(&cx()).await.expect_err("a wrong key");
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
}

/// A signed call, and what Amazon's validator says of it.
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
    /// True where the validator's answer is only its own habit.
    #[serde(default)]
    advisory: bool,
    cert_pem: Option<String>,
}

/// Has the sample's certificate at every address.
#[derive(Debug)]
struct Certificates(String);

#[async_trait]
impl HttpTransport for Certificates {
    async fn send(&self, _: HttpRequest, _: Option<Duration>) -> tidings::Result<HttpResponse> {
        Ok(HttpResponse::new(self.0.clone().into()))
    }
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

    async fn is_taken(&self) -> bool {
        let certificates = Certificates(self.cert_pem.clone().expect("samples of SNS carry a certificate"));
        let cx = CallContext::default().with_http(Arc::new(certificates));
        let config = SesConfig::new("us-east-1").keys("AK", "secret");
        let config = config.webhook_topic("arn:aws:sns:us-east-1:123456789012:t");
        // The samples' messages are of a fixed day.
        let ses = config.webhook_tolerance(Duration::from_secs(u64::from(u32::MAX))).build().expect("valid");
        ses.verify(&cx, &self.request()).await.is_ok()
    }
}

#[tokio::test]
async fn amazons_validator_agrees_on_every_message() {
    let Some(path) = set("TIDINGS_WEBHOOK_SAMPLES") else { return };
    let samples = std::fs::read_to_string(path).expect("the samples");
    let samples = samples.lines().map(|line| serde_json::from_str::<Sample>(line).expect("a sample"));
    let (mut taken, mut refused) = (0, 0);
    for sample in samples.filter(|sample| sample.provider == "sns") {
        let is_taken = sample.is_taken().await;
        assert!(sample.advisory || is_taken == sample.expect, "{}: {is_taken}", sample.case);
        if is_taken { taken += 1 } else { refused += 1 }
    }
    assert!(taken >= 40 && refused >= 150, "{taken} taken, {refused} refused");
}
