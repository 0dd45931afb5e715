//! Mailgun, Resend and SendGrid's batch held against programs that others wrote: the vendors' published
//! API descriptions judge our requests, other verifiers our `verify`.
//!
//! Reads `TIDINGS_SPEC_MOCK` (such as `http://127.0.0.1:4100`), `TIDINGS_SPEC_MOCK_MAILGUN` and
//! `TIDINGS_SPEC_MOCK_RESEND` (the same with the vendor's name behind it, where its description is at hand),
//! and `TIDINGS_WEBHOOK_SAMPLES` (a file of signed calls, one JSON a line).
#![cfg(all(feature = "mailgun", feature = "resend", feature = "sendgrid"))]

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tidings::{
    Attachment, CallContext, Clock, Email, ErrorKind, MessageId, Outgoing, Provider, SystemClock, TenantId,
    Timestamp,
    http::ReqwestTransport,
    message::{Builder, ListUnsubscribe, Priority, VendorOption, VendorTemplate},
    providers::{mailgun::MailgunConfig, resend::ResendConfig, sendgrid::SendGridConfig},
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

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn start(to: &str) -> Builder<Email> {
    Email::builder().from("The Shop <shop@example.org>").to(to)
}

fn plain(to: &str) -> Builder<Email> {
    start(to).subject("Zwölf Köche").text("Grüße").html("<p>Grüße</p>")
}

fn everything() -> Builder<Email> {
    plain("Ada <ada@example.org>")
        .to("bob@example.org")
        .cc("Cy <cy@example.org>")
        .bcc("dan@example.org")
        .reply_to("help@example.org")
        .reply_to("Sales <sales@example.org>")
        .attach(Attachment::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid"))
        .attach(Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid"))
        .header("X-Own", "grüße")
        .priority(Priority::High)
        .tag("news")
        .metadata("order", "7")
        .list_unsubscribe(ListUnsubscribe::one_click("https://example.org/u").expect("valid"))
}

fn template(data: Value) -> VendorTemplate {
    VendorTemplate::new("welcome", map(data))
}

/// Sends them as one batch; the mock refuses what its description does not know.
///
/// What it answers to good requests is made up, and need not fit the number of mails.
async fn taken(provider: &impl Provider<Email>, emails: &[Email]) {
    let ids: Vec<_> = emails.iter().map(|_| MessageId::new(SystemClock.now())).collect();
    let item = |(email, id): (_, &MessageId)| Outgoing::new(email, *id, &TenantId::DEFAULT, "key");
    let items: Vec<_> = emails.iter().zip(&ids).map(item).collect();
    for (index, result) in provider.send_batch(&cx(), &items).await.into_iter().enumerate() {
        if let Err(error) = result {
            assert_eq!(error.kind(), ErrorKind::Protocol, "mail {index}: {error}");
        }
    }
}

async fn each_is_taken(provider: &impl Provider<Email>, emails: Vec<Builder<Email>>) {
    for (index, email) in emails.into_iter().enumerate() {
        let email = email.build().expect("valid");
        let item = Outgoing::new(&email, MessageId::new(SystemClock.now()), &TenantId::DEFAULT, "key");
        let sent = provider.send(&cx(), item).await;
        assert!(sent.is_ok(), "mail {index}: {}", sent.expect_err("refused"));
    }
}

fn option(vendor: &'static str, name: &'static str, value: Value) -> VendorOption {
    VendorOption::new(vendor, name, value)
}

#[tokio::test]
async fn sendgrid_takes_our_batches() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK") else { return };
    let sendgrid = SendGridConfig::new("SG.key").base_url(format!("{mock}/sendgrid")).build().expect("valid");
    let reader = |to: &str| plain(to).metadata("reader", to).merge(to, map(json!({"-n-": "x"})));
    let emails =
        [reader("a@example.org"), reader("b@example.org"), plain("c@example.org").header("X-A", "1")];
    taken(&sendgrid, &emails.map(|email| email.build().expect("valid"))).await;
    let dynamic = |to: &str, n: u8| {
        let template = VendorTemplate::new("d-1", map(json!({"n": n})));
        start(to).template(template).build().expect("valid")
    };
    taken(&sendgrid, &[dynamic("a@example.org", 1), dynamic("b@example.org", 2)]).await;
}

#[tokio::test]
async fn mailgun_takes_our_mails() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK_MAILGUN") else { return };
    let mailgun = MailgunConfig::new("mg.example.org", "key").base_url(mock).build().expect("valid");
    let name = || map(json!({"name": "Ada"}));
    let options = plain("a@example.org")
        .option(option("mailgun", "deliver_within", json!("1h30m")))
        .option(option("mailgun", "dkim", json!(true)))
        .option(option("mailgun", "require_tls", json!(true)))
        .option(option("mailgun", "sandbox", json!(true)))
        .option(option("mailgun", "send_at", json!(1_800_000_000)))
        .option(option("mailgun", "skip_verification", json!(false)))
        .option(option("mailgun", "tracking", json!("yes")))
        .option(option("mailgun", "tracking_clicks", json!("htmlonly")))
        .option(option("mailgun", "tracking_opens", json!(false)));
    // The description asks for a subject even where its words do not.
    let by_template = start("a@example.org")
        .subject("s")
        .template(template(json!({"list": [1]})))
        .option(option("mailgun", "template_text", json!(true)))
        .option(option("mailgun", "template_version", json!("v2")));
    let emails = vec![
        plain("a@example.org"),
        everything(),
        options,
        by_template,
        start("a@example.org")
            .subject("s")
            .template(template(json!({"x": "y"})))
            .merge("a@example.org", name()),
        plain("a@example.org").to("b@example.org").merge("a@example.org", name()),
    ];
    each_is_taken(&mailgun, emails).await;
    let readers = [plain("a@example.org"), plain("b@example.org")].map(|email| email.build().expect("valid"));
    taken(&mailgun, &readers).await;
}

#[tokio::test]
async fn resend_takes_our_mails() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK_RESEND") else { return };
    let resend = ResendConfig::new("re_key").base_url(mock).build().expect("valid");
    let options = plain("a@example.org")
        .option(option("resend", "scheduled_at", json!("2030-01-01T00:00:00Z")))
        .option(option("resend", "topic_id", json!("b6d24b8e-af0b-4c3c-be0c-359bbd97381e")));
    let by_template =
        start("a@example.org").subject("s").template(template(json!({"name": "Ada", "number": 7})));
    each_is_taken(&resend, vec![plain("a@example.org"), everything(), options, by_template]).await;
    let readers = [plain("a@example.org"), plain("b@example.org")].map(|email| email.build().expect("valid"));
    taken(&resend, &readers).await;
}

/// A signed call, and what other verifiers say of it.
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
    signing_key: Option<String>,
    secret: Option<String>,
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
}

fn samples(provider: &str) -> Option<Vec<Sample>> {
    let text = std::fs::read_to_string(set("TIDINGS_WEBHOOK_SAMPLES")?).expect("the samples can be read");
    let all = text.lines().filter_map(|line| serde_json::from_str::<Sample>(line).ok());
    let mine: Vec<_> = all.filter(|sample| sample.provider == provider).collect();
    assert!(mine.len() > 50, "{provider}: only {} samples", mine.len());
    Some(mine)
}

/// Agrees with the other verifier on every sample but the advisory ones.
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
            different.push(format!("{}: the verifier says {}", sample.case, sample.expect));
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
async fn mailgun_signatures_are_judged_as_by_anymail() {
    agree("mailgun", |sample| {
        let key = sample.signing_key.clone().expect("Mailgun's samples carry a key");
        Box::new(MailgunConfig::new("mg.example.org", "key").webhook_key(key).build().expect("valid"))
    })
    .await;
}

#[tokio::test]
async fn resend_signatures_are_judged_as_by_standard_webhooks() {
    agree("standard", |sample| {
        let secret = sample.secret.clone().expect("the samples carry a secret");
        Box::new(ResendConfig::new("re_key").webhook_secret(secret).build().expect("valid"))
    })
    .await;
}
