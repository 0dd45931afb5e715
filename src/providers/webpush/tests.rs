use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::{
    address::WebSubscription,
    error::Certainty,
    http::{HttpResponse, HttpTransport, NOT_PUBLIC},
    id::{MessageId, TenantId},
    message::{Priority, VendorOption},
    testing::{ManualClock, ScriptedHttp},
    time::Timestamp,
};

const P256DH: &str =
    "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";

pub(super) fn browser_at(endpoint: &str) -> WebSubscription {
    WebSubscription::new(endpoint, P256DH, "BTBZMqHH6r4Tts7J_aSIgg").expect("valid")
}

fn push() -> crate::message::Builder<Push> {
    Push::builder().subscription(browser_at("https://push.example.net/p/7"))
}

fn webpush() -> WebPush {
    let key = "x3A244iFy4T7pG6x21SQojMHxs8irdDIKzWRvbi5f8s";
    WebPushConfig::new(key, "mailto:push@example.org").named("web").build().expect("valid")
}

fn world(http: ScriptedHttp) -> CallContext {
    let clock = ManualClock::at(Timestamp::from_secs(1_795_208_820));
    CallContext::new(Arc::new(clock)).with_http(Arc::new(http))
}

async fn send(webpush: &WebPush, cx: &CallContext, push: &Push) -> Result<Receipt> {
    webpush.send(cx, Outgoing::new(push, MessageId::new(cx.clock().now()), &TenantId::DEFAULT, "key")).await
}

fn text(push: crate::message::Builder<Push>) -> Value {
    serde_json::from_slice(&wire::plain(&push.build().expect("valid")).expect("fits")).expect("JSON")
}

#[tokio::test]
async fn a_push_is_one_request_that_says_how_long_how_urgent_and_who() {
    let http = ScriptedHttp::new().respond(201, &[("location", "https://push.example.net/m/9")], "");
    let cx = world(http.clone());
    let push =
        push().title("Ready").collapse_key("table 7").ttl(Duration::from_secs(60)).priority(Priority::High);
    let receipt = send(&webpush(), &cx, &push.build().expect("valid")).await.expect("accepted");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("https://push.example.net/m/9"));
    let requests = http.requests();
    let request = &requests[0].request;
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://push.example.net/p/7")
    );
    assert_eq!(Demands::of(request), Demands::PUBLIC_ONLY);
    let header = |name: &str| request.headers()[name].to_str().expect("ASCII").to_owned();
    assert_eq!(
        (header("ttl").as_str(), header("urgency").as_str(), header("topic").len()),
        ("60", "high", 32)
    );
    assert_eq!(
        (header("content-encoding"), header("content-type")),
        ("aes128gcm".into(), "application/octet-stream".into())
    );
    let who = header("authorization");
    assert!(
        who.starts_with("vapid t=eyJ") && who.ends_with(&format!(", k={}", webpush().public_key())),
        "{who}"
    );
    assert_eq!(request.headers().len(), 6);
    assert_eq!(request.body().len(), 86 + wire::plain(&push_again()).expect("fits").len() + 17);
}

fn push_again() -> Push {
    push().title("Ready").collapse_key("table 7").build().expect("valid")
}

#[test]
fn every_field_has_its_place_in_the_text() {
    let all = push()
        .title("Ready")
        .body("Your table")
        .image("https://example.org/t.png")
        .data("order", "7")
        .action("yes", "Coming")
        .badge(3)
        .collapse_key("table-7");
    let expected = json!({
        "title": "Ready", "body": "Your table", "image": "https://example.org/t.png", "tag": "table-7", "badge": 3,
        "actions": [{"action": "yes", "title": "Coming"}], "data": {"order": "7"},
    });
    assert_eq!(text(all), expected);
    assert_eq!(text(push().data("k", "v")), json!({"data": {"k": "v"}}));
}

#[tokio::test]
async fn without_wishes_there_is_a_ttl_and_no_other_header() {
    let http = ScriptedHttp::new().respond(201, &[], "").respond(201, &[], "");
    let cx = world(http.clone());
    send(&webpush(), &cx, &push().title("t").build().expect("valid")).await.expect("accepted");
    let wish = push()
        .title("t")
        .priority(Priority::High)
        .option(VendorOption::new("webpush", "urgency", "very-low"));
    send(&webpush(), &cx, &wish.build().expect("valid")).await.expect("accepted");
    let requests = http.requests();
    let headers: Vec<_> = requests.iter().map(|r| r.request.headers()).collect();
    assert_eq!(
        (headers[0]["ttl"].to_str().ok(), headers[0].get("urgency"), headers[0].get("topic")),
        (Some("2419200"), None, None)
    );
    assert_eq!(headers[1]["urgency"], "very-low");
}

#[tokio::test]
async fn what_browsers_cannot_do_is_refused_before_the_call() {
    let cx = world(ScriptedHttp::new());
    let long = "x".repeat(3_994 - r#"{"title":""}"#.len());
    let table = [
        (Push::builder().token("d").title("t"), ErrorKind::Unsupported, Some("to.token")),
        (Push::builder().topic("d").title("t"), ErrorKind::Unsupported, Some("to.topic")),
        (Push::builder().condition("'a' in topics").title("t"), ErrorKind::Unsupported, Some("to.condition")),
        (push().title("t").sound("bell"), ErrorKind::Unsupported, Some("sound")),
        (push().title(long), ErrorKind::PayloadTooLarge, None),
        (
            push().title("t").option(VendorOption::new("webpush", "urgency", "soon")),
            ErrorKind::InvalidMessage,
            Some("options[\"webpush.urgency\"]"),
        ),
        (
            push().title("t").option(VendorOption::new("webpush", "colour", "red")),
            ErrorKind::InvalidMessage,
            Some("options[\"webpush.colour\"]"),
        ),
        (
            Push::builder().subscription(browser_at("https://10.0.0.1/p")).title("t"),
            ErrorKind::InvalidRecipient,
            Some("to.subscription.endpoint"),
        ),
    ];
    for (push, kind, field) in table {
        let error = send(&webpush(), &cx, &push.build().expect("valid")).await.expect_err("refused");
        assert_eq!(
            (error.kind(), error.field(), error.certainty()),
            (kind, field, Certainty::NotSent),
            "{error}"
        );
    }
    let fits = push().title("x".repeat(3_993 - r#"{"title":""}"#.len())).build().expect("valid");
    assert_eq!(wire::plain(&fits).expect("just fits").len(), 3_993);
    let error = wire::plain(&push().title("x".repeat(5_000)).build().expect("valid")).expect_err("too long");
    assert!(error.message().contains("3993") && error.message().contains("5012"), "{error}");
}

/// A transport that knows no demands.
#[derive(Debug)]
struct Simple(ScriptedHttp);

#[async_trait]
impl HttpTransport for Simple {
    async fn send(&self, request: crate::http::HttpRequest, limit: Option<Duration>) -> Result<HttpResponse> {
        self.0.send(request, limit).await
    }
}

#[tokio::test]
async fn through_a_transport_that_cannot_keep_strangers_out_nothing_is_sent() {
    let http = ScriptedHttp::new().respond(201, &[], "");
    let cx = CallContext::default().with_http(Arc::new(Simple(http.clone())));
    let message = push().title("t").build().expect("valid");
    let error = send(&webpush(), &cx, &message).await.expect_err("no promise");
    assert_eq!((error.kind(), http.requests().len()), (ErrorKind::Config, 0), "{error}");
    assert!(error.message().contains("HyperTransport"), "{error}");
}

#[cfg(feature = "http-client")]
#[tokio::test]
async fn names_of_private_addresses_are_refused_by_the_transport() {
    let cx = CallContext::default().with_http(Arc::new(crate::http::HyperTransport::new()));
    let push =
        Push::builder().subscription(browser_at("https://localhost:9/p")).title("t").build().expect("valid");
    let error = send(&webpush(), &cx, &push).await.expect_err("localhost");
    let facts = (error.kind(), error.code(), error.field(), error.certainty());
    let field = Some("to.subscription.endpoint");
    assert_eq!(facts, (ErrorKind::InvalidRecipient, Some(NOT_PUBLIC), field, Certainty::NotSent), "{error}");
    assert_eq!(error.retry(), crate::error::Retry::Never);
}

#[tokio::test]
async fn a_dead_subscription_is_said_to_be_so() {
    for status in [404, 410] {
        let cx = world(ScriptedHttp::new().respond(status, &[], ""));
        let error =
            send(&webpush(), &cx, &push().title("t").build().expect("valid")).await.expect_err("dead");
        assert_eq!(
            (error.kind(), error.field(), error.provider()),
            (ErrorKind::Unregistered, Some("to.subscription"), Some("web"))
        );
    }
}

#[tokio::test]
async fn an_answer_that_is_none_of_the_protocol_is_unknown() {
    let cx = world(ScriptedHttp::new().respond(204, &[], ""));
    let error = send(&webpush(), &cx, &push().title("t").build().expect("valid")).await.expect_err("204");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Certainty::Unknown));
}

#[test]
fn what_cannot_be_built_names_the_option_and_shows_no_key() {
    let good = || WebPushConfig::new("x3A244iFy4T7pG6x21SQojMHxs8irdDIKzWRvbi5f8s", "https://example.org");
    assert!(good().public_key(good().build().expect("valid").public_key()).build().is_ok());
    let table = [
        (WebPushConfig::new("c4n4ry", "mailto:a@b.example"), "private_key"),
        (WebPushConfig::new("", "mailto:a@b.example"), "private_key"),
        (good().public_key(P256DH), "public_key"),
        (WebPushConfig { subject: "a@b.example".into(), ..good() }, "subject"),
        (WebPushConfig { subject: "mailto:".into(), ..good() }, "subject"),
        (good().named(""), "name"),
    ];
    for (config, option) in table {
        let error = config.build().expect_err(option);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(option) && !error.to_string().contains("c4n4ry"), "{error}");
    }
}
