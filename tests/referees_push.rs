//! Web Push and APNs before independent referees: push services that decrypt what they get and verify who sent
//! it, and a judge of requests to Apple.
//!
//! Runs where `TIDINGS_PUSH_SERVICE` names web-push-testing (`http://localhost:4140`), `TIDINGS_PUSH_JUDGE`
//! webpush_judge.py (`http://127.0.0.1:4141`), and `TIDINGS_APNS_JUDGE` apns_judge.mjs
//! (`https://localhost:4443`), with its certificate in the file `TIDINGS_APNS_CA` and the private half of the key
//! that it trusts in `TIDINGS_APNS_KEY`.
#![cfg(all(feature = "apns", feature = "webpush"))]

use std::{sync::Arc, time::Duration};

use serde_json::{Value, json};
use tidings::{
    CallContext, Certainty, Error, ErrorKind, Features, Message, MessageId, Outgoing, Provider, Push,
    Receipt, Result, Retry, SystemClock, TenantId, Vendor, WebSubscription,
    http::{Demands, HttpRequest, HttpTransport, HyperTransport, ReqwestTransport},
    message::{Builder, Priority, VendorOption},
    provider::Health,
    providers::{
        apns::{Apns, ApnsConfig},
        webpush::{WebPush, WebPushConfig},
    },
};

/// What the environment says of a referee, if there is one.
fn referee(name: &str) -> Option<String> {
    let value = std::env::var(name).ok().filter(|value| !value.is_empty());
    if value.is_none() {
        eprintln!("skipped: {name} is not set");
    }
    value
}

/// Both push services are on this machine and speak no TLS, which only tests may allow.
fn webpush() -> WebPush {
    let key = "x3A244iFy4T7pG6x21SQojMHxs8irdDIKzWRvbi5f8s";
    let config = WebPushConfig::new(key, "mailto:push@example.org").private_endpoints(true);
    config.build().expect("whole")
}

fn context(http: impl HttpTransport) -> CallContext {
    CallContext::new(Arc::new(SystemClock)).with_http(Arc::new(http))
}

async fn send(cx: &CallContext, provider: &dyn Provider<Push>, push: Builder<Push>) -> Result<Receipt> {
    let (push, id) = (push.build().expect("valid"), MessageId::new(cx.clock().now()));
    provider.send(cx, Outgoing::new(&push, id, &TenantId::DEFAULT, "key")).await
}

async fn post(url: &str, body: Value) -> Value {
    let client = reqwest::Client::new();
    let request = client.post(url).header("content-type", "application/json").body(body.to_string());
    let answer = request.send().await.expect("the referee answers").bytes().await.expect("whole");
    serde_json::from_slice(&answer).unwrap_or(Value::Null)
}

fn full_push(to: Builder<Push>) -> Builder<Push> {
    to.title("Ready")
        .body("Your table is ready. Καλή όρεξη!")
        .data("order", "7")
        .badge(3)
        .collapse_key("table 7")
        .ttl(Duration::from_secs(3_600))
        .priority(Priority::High)
}

fn needs(pushes: &[Builder<Push>]) -> Features {
    pushes.iter().fold(Features::NONE, |all, push| all | push.clone().build().expect("valid").needs())
}

#[tokio::test]
async fn webpush_is_judged() {
    let Some(base) = referee("TIDINGS_PUSH_JUDGE") else { return };
    let (cx, webpush) = (context(ReqwestTransport::new().expect("a client")), webpush());
    let subscription = post(&format!("{base}/subscribe"), json!({})).await.to_string();
    let browser: WebSubscription = subscription.parse().expect("a subscription");
    let to = || Push::builder().subscription(browser.clone());
    let longest = "x".repeat(3_993 - r#"{"title":""}"#.len());
    let pushes = [
        full_push(to()).image("https://example.org/t.png").action("yes", "Coming"),
        to().title("t").priority(Priority::Low).ttl(Duration::ZERO),
        to().title("t").option(VendorOption::new("webpush", "urgency", "very-low")),
        to().title(longest.clone()),
    ];
    let unjudged = webpush.capabilities().features.missing_in(needs(&pushes));
    assert!(unjudged.is_empty(), "claimed but never judged: {unjudged}");
    for push in pushes {
        let receipt = send(&cx, &webpush, push).await.expect("without violations");
        assert!(receipt.outcomes[0].vendor_id().is_some_and(|id| id.starts_with(&base)), "{receipt:?}");
    }
    let messages = reqwest::get(format!("{base}/messages")).await.expect("an answer").bytes().await;
    let messages: Value = serde_json::from_slice(&messages.expect("whole")).expect("JSON");
    let first = &messages[0];
    let plain: Value = serde_json::from_str(first["plaintext"].as_str().expect("decrypted")).expect("JSON");
    assert_eq!(
        (plain["body"].as_str(), plain["data"]["order"].as_str()),
        (Some("Your table is ready. Καλή όρεξη!"), Some("7"))
    );
    assert_eq!(
        (first["headers"]["urgency"].as_str(), first["headers"]["ttl"].as_str()),
        (Some("high"), Some("3600"))
    );
    assert_eq!(
        (first["claims"]["aud"].as_str(), first["claims"]["sub"].as_str()),
        (Some(&*base), Some("mailto:push@example.org"))
    );
    assert_eq!(messages[3]["plaintext"], json!({"title": longest}).to_string());
    faults_of_webpush(&base, &cx, &webpush, &to).await;
}

async fn faults_of_webpush(base: &str, cx: &CallContext, webpush: &WebPush, to: &dyn Fn() -> Builder<Push>) {
    let second = Retry::After(Duration::from_secs(1));
    for (status, kind, certainty, retry) in [
        (403, ErrorKind::Permission, Certainty::NotSent, Retry::Never),
        (404, ErrorKind::Unregistered, Certainty::NotSent, Retry::Never),
        (410, ErrorKind::Unregistered, Certainty::NotSent, Retry::Never),
        (413, ErrorKind::PayloadTooLarge, Certainty::NotSent, Retry::Never),
        (429, ErrorKind::RateLimited, Certainty::NotSent, second),
        (500, ErrorKind::Unavailable, Certainty::Unknown, second),
        (503, ErrorKind::Unavailable, Certainty::NotSent, second),
    ] {
        post(&format!("{base}/status"), json!({"code": status})).await;
        let error = send(cx, webpush, to().title("t")).await.expect_err("a status was asked for");
        assert_eq!(
            (error.kind(), error.certainty(), error.retry()),
            (kind, certainty, retry),
            "{status}: {error}"
        );
    }
}

#[tokio::test]
async fn without_the_switch_for_tests_no_push_service_here_is_reached() {
    let Some(base) = referee("TIDINGS_PUSH_JUDGE") else { return };
    let subscription = post(&format!("{base}/subscribe"), json!({})).await;
    let keys = &subscription["keys"];
    let port = base.rsplit(':').next().expect("a port");
    let cx = context(HyperTransport::new());
    let strict =
        WebPushConfig::new("x3A244iFy4T7pG6x21SQojMHxs8irdDIKzWRvbi5f8s", "mailto:a@example.org").build();
    let strict = strict.expect("whole");
    for endpoint in [
        subscription["endpoint"].as_str().expect("a text").to_owned(),
        format!("https://localhost:{port}/push/x"),
    ] {
        let key = |name: &str| keys[name].as_str().expect("a text").to_owned();
        let browser = WebSubscription::new(&endpoint, &key("p256dh"), &key("auth")).expect("valid");
        let error =
            send(&cx, &strict, Push::builder().subscription(browser).title("t")).await.expect_err("private");
        assert_eq!(
            (error.kind(), error.code()),
            (ErrorKind::InvalidRecipient, Some("not_public")),
            "{error}"
        );
    }
}

#[tokio::test]
async fn web_push_testing_reads_what_was_sent() {
    let Some(base) = referee("TIDINGS_PUSH_SERVICE") else { return };
    let (cx, webpush) = (context(HyperTransport::new()), webpush());
    let wish = json!({"userVisibleOnly": "true", "applicationServerKey": webpush.public_key()});
    let subscribed = post(&format!("{base}/subscribe"), wish).await;
    let data = &subscribed["data"];
    let browser: WebSubscription = data.to_string().parse().expect("a subscription");
    let to = || Push::builder().subscription(browser.clone());
    send(&cx, &webpush, full_push(to())).await.expect("taken");
    let hash = data["clientHash"].as_str().expect("a hash");
    let got = post(&format!("{base}/get-notifications"), json!({"clientHash": hash})).await;
    let plain = got["data"]["messages"][0].as_str().unwrap_or_else(|| panic!("no message in {got}"));
    let plain: Value = serde_json::from_str(plain).expect("JSON");
    assert_eq!((plain["title"].as_str(), plain["badge"].as_u64()), (Some("Ready"), Some(3)));
    post(&format!("{base}/expire-subscription/{hash}"), json!({})).await;
    let error = send(&cx, &webpush, to().title("t")).await.expect_err("expired");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Unregistered, Certainty::NotSent), "{error}");
}

/// In a child that trusts the judge's certificate: the roots of a process are read once.
#[tokio::test]
async fn apns_is_judged() {
    let (Some(base), Some(ca)) = (referee("TIDINGS_APNS_JUDGE"), referee("TIDINGS_APNS_CA")) else { return };
    let child = tokio::process::Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "child_before_the_judge", "--nocapture"])
        .env("SSL_CERT_FILE", ca)
        .env("TIDINGS_CHILD_OF", base)
        .output();
    let output = child.await.expect("the child ran");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && text.contains("judged by HTTP/2"), "{text}{log}");
}

fn apns(base: &str, key_id: &str) -> Apns {
    let path =
        std::env::var("TIDINGS_APNS_KEY").expect("TIDINGS_APNS_KEY names the key that the judge trusts");
    let key = std::fs::read_to_string(path).expect("the judge's key");
    let config = ApnsConfig::new(key, key_id, "DEF123GHIJ", "org.example.app").base_url(base);
    config.build().expect("whole")
}

/// A device whose token ends so; the judge answers by the end.
fn device(end: &str) -> Builder<Push> {
    let token = format!("{}{end}", "a1".repeat(32 - end.len() / 2));
    Push::builder().token(&*token)
}

/// The child of the test above; by itself it has no judge and nothing to prove.
#[tokio::test]
async fn child_before_the_judge() {
    let Ok(base) = std::env::var("TIDINGS_CHILD_OF") else { return };
    let (cx, apns) = (context(HyperTransport::new()), apns(&base, "ABC123DEFG"));
    assert_eq!(apns.check(&cx).await.expect("the judge knows the key"), Health::Good);
    let option = |name: &str, value: &str| VendorOption::new("apns", name, value).required();
    let pushes = [
        full_push(device("00"))
            .sound("bell.caf")
            .option(option("category", "TABLE"))
            .option(option("thread_id", "t7")),
        device("00").data("silent", "yes").ttl(Duration::ZERO),
        device("00").title("t").priority(Priority::Low),
        device("00").title("x".repeat(4_096 - r#"{"aps":{"alert":{"title":""}}}"#.len())),
        device("00")
            .title("Call")
            .option(option("push_type", "voip"))
            .option(option("topic", "org.example.app.voip")),
    ];
    let unjudged = apns.capabilities().features.missing_in(needs(&pushes));
    assert!(unjudged.is_empty(), "claimed but never judged: {unjudged}");
    for push in pushes {
        let receipt = send(&cx, &apns, push).await.expect("nothing to object to");
        assert!(receipt.outcomes[0].vendor_id().is_some(), "{receipt:?}");
    }
    faults_of_apns(&cx, &apns).await;
    let objections = objections(&cx, &base).await;
    assert!(objections.is_empty(), "{objections:?}");
    println!("judged by HTTP/2");
}

async fn faults_of_apns(cx: &CallContext, apns: &Apns) {
    let failed = async |end: &str| -> Error { send(cx, apns, device(end).title("t")).await.expect_err(end) };
    let dead = failed("dead").await;
    assert_eq!((dead.kind(), dead.code()), (ErrorKind::Unregistered, Some("Unregistered")), "{dead}");
    assert!(
        dead.context().any(|(name, since)| name == "inactive_since" && since.starts_with("20")),
        "{dead}"
    );
    let bad = failed("beef").await;
    assert_eq!((bad.kind(), bad.code()), (ErrorKind::InvalidRecipient, Some("BadDeviceToken")), "{bad}");
    let busy = failed("0429").await;
    assert_eq!(
        (busy.kind(), busy.retry()),
        (ErrorKind::RateLimited, Retry::After(Duration::from_secs(1))),
        "{busy}"
    );
    let out = failed("0503").await;
    assert_eq!((out.kind(), out.certainty()), (ErrorKind::Unavailable, Certainty::NotSent), "{out}");
}

/// What the judge noted that it refused, but for what it was asked to.
async fn objections(cx: &CallContext, base: &str) -> Vec<Value> {
    let mut request = HttpRequest::new(bytes::Bytes::new());
    *request.uri_mut() = format!("{base}/_oracle").parse().expect("a URI");
    request.extensions_mut().insert(Demands::HTTP2);
    let answer = cx.http().expect("a transport").send(request, None).await.expect("the judge answers");
    let noted: Vec<Value> = serde_json::from_slice(answer.body()).expect("JSON");
    assert!(noted.len() >= 10, "the judge saw {} requests", noted.len());
    let asked_for = ["BadDeviceToken", "Unregistered", "TooManyRequests", "ServiceUnavailable"];
    let good = |entry: &Value| entry["reason"].as_str().is_none_or(|reason| asked_for.contains(&reason));
    noted.into_iter().filter(|entry| !good(entry)).collect()
}
