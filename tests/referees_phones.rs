//! Meta and Vonage held against programs that others wrote: the vendors' published descriptions and
//! models judge our requests, other verifiers our `verify`.
//!
//! Reads `TIDINGS_SPEC_MOCK` (such as `http://127.0.0.1:4100`, which judges Vonage's Messages API as
//! `/vonage`), `TIDINGS_SPEC_MOCK_META` (the same for Meta's description, as `…/whatsapp`), and
//! `TIDINGS_WEBHOOK_SAMPLES` (a file of signed calls, one JSON a line).
#![cfg(all(feature = "meta", feature = "vonage"))]

use std::{collections::BTreeMap, sync::Arc};

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};
use http::{HeaderMap, HeaderName, Method};
use serde::Deserialize;
use tidings::{
    CallContext, Clock, ErrorKind, Location, Media, MessageId, Outgoing, Provider, Sms, SystemClock,
    TenantId, Timestamp, WhatsApp,
    http::ReqwestTransport,
    message::{Builder, ListRow, ListSection, MediaKind, TemplateHeader, VendorOption, WhatsAppTemplate},
    providers::{
        meta::MetaConfig,
        vonage::{VonageApi, VonageConfig},
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

async fn sent<M: tidings::Message>(provider: &impl Provider<M>, what: &str, message: &M) {
    let item = Outgoing::new(message, MessageId::new(SystemClock.now()), &TenantId::DEFAULT, "key");
    match provider.send(&cx(), item).await {
        Ok(receipt) => assert!(receipt.outcomes[0].vendor_id().is_some(), "{what}"),
        Err(error) => panic!("{what}: {error}"),
    }
}

fn start() -> Builder<WhatsApp> {
    WhatsApp::builder().to("+15005550006")
}

fn list() -> Builder<WhatsApp> {
    let row = |id: &str| ListRow { id: id.into(), title: "Row".into(), description: Some("more".into()) };
    let section = |title: &str, id: &str| ListSection { title: title.into(), rows: vec![row(id)] };
    start().list("Choose", "Open", vec![section("A", "1"), section("B", "2")])
}

fn template() -> WhatsAppTemplate {
    WhatsAppTemplate::new("order_shipped", "en_US")
        .header(TemplateHeader::Media(Media::image("https://example.org/a.png").expect("valid")))
        .with("1", "Ada")
        .with("2", "17")
}

/// All that Meta's description can judge. It knows no captions, no file names, no read marks, neither the token
/// that comes back with statuses nor the type of what is uploaded, and its pattern for the index of a button is a
/// range of columns of a table.
fn judged_by_meta() -> Vec<(&'static str, Builder<WhatsApp>)> {
    let option = |name: &str, value: serde_json::Value| VendorOption::new("meta", name, value);
    let place = Location::new(47.07, 15.44).expect("valid").with_name("Inn").with_address("Main Street");
    let link = |kind| Media::url(kind, "https://example.org/a").expect("valid");
    vec![
        ("text", start().text("Grüße").reply_to("wamid.1").option(option("preview_url", true.into()))),
        ("location", start().location(place)),
        (
            "buttons",
            start().buttons("Well?", [("y", "Yes"), ("n", "No")]).option(option("footer", "f".into())),
        ),
        ("list", list().option(option("header", "h".into()))),
        ("template", start().template(template())),
        ("image", start().media(link(MediaKind::Image))),
        ("audio", start().media(link(MediaKind::Audio))),
        ("video", start().media(link(MediaKind::Video))),
        ("document", start().media(link(MediaKind::File))),
    ]
}

#[tokio::test]
async fn metas_description_takes_our_messages() {
    let Some(url) = set("TIDINGS_SPEC_MOCK_META") else { return };
    let mut config = MetaConfig::new("106540352242922", "token").base_url(url);
    // Of a token that is fetched no echo is made, which the description does not know.
    config.access_token = tidings::Credential::fetched(Fetched);
    let meta = config.build().expect("valid");
    for (what, message) in judged_by_meta() {
        sent(&meta, what, &message.build().expect("valid")).await;
    }
}

#[derive(Debug)]
struct Fetched;

#[async_trait::async_trait]
impl tidings::CredentialSource for Fetched {
    async fn fetch(&self, _: &CallContext) -> tidings::Result<tidings::Issued<secrecy::SecretString>> {
        Ok(tidings::Issued { value: "token".to_owned().into(), expires: None })
    }
}

#[tokio::test]
async fn vonages_models_take_our_messages() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK") else { return };
    let config = || VonageConfig::new("abcd1234", "secret").base_url(format!("{mock}/vonage"));
    let callback = "https://example.org/in".parse().expect("valid");
    let vonage = config().api(VonageApi::Messages).status_callback(callback).build().expect("valid");
    let sms = || Sms::builder().from("Bookshop").to("+15005550006");
    let option = |name: &str, value: serde_json::Value| VendorOption::new("vonage", name, value);
    for (what, message) in [
        ("plain", sms().body("Hi")),
        ("unicode", sms().body("Grüße – 20 €")),
        (
            "regulated",
            sms().body("Hi").option(option("content_id", "1".into())).option(option("ttl", 60.into())),
        ),
    ] {
        sent(&vonage, what, &message.build().expect("valid")).await;
    }
}

/// A signed call, and what another verifier says of it.
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
    app_secret: Option<String>,
    signature_secret: Option<String>,
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

/// Agrees with the verifier on every sample but the advisory ones.
async fn agree(provider: &str, vendor: impl Fn(&Sample) -> Box<dyn Webhook>) {
    let Some(path) = set("TIDINGS_WEBHOOK_SAMPLES") else { return };
    let text = std::fs::read_to_string(path).expect("the samples can be read");
    let all = text.lines().map(|line| serde_json::from_str::<Sample>(line).expect("a sample"));
    let samples: Vec<_> = all.filter(|sample| sample.provider == provider).collect();
    assert!(samples.len() > 50, "{provider}: only {} samples", samples.len());
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
    eprintln!("{provider}: {} samples, {good} of them good, judged alike", samples.len());
}

#[tokio::test]
async fn metas_signatures_are_judged_as_by_pywa() {
    agree("meta", |sample| {
        let secret = sample.app_secret.clone().expect("Meta's samples carry a secret");
        Box::new(MetaConfig::new("1", "token").app_secret(secret).build().expect("valid"))
    })
    .await;
}

#[tokio::test]
async fn vonages_tokens_are_judged_as_by_vonage() {
    agree("vonage", |sample| {
        let secret = sample.signature_secret.clone().expect("Vonage's samples carry a secret");
        Box::new(VonageConfig::new("abcd1234", "secret").signature_secret(secret).build().expect("valid"))
    })
    .await;
}
