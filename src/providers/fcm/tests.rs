use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::*;
use crate::{
    error::{Certainty, ErrorKind},
    id::{MessageId, TenantId},
    message::{Message as _, Priority, VendorOption},
    testing::{self, HttpStep, ManualClock, ScriptedHttp},
    time::Timestamp,
};

const SENT: &str = r#"{"name":"projects/harbour/messages/0:17"}"#;

fn answer(status: u16, body: &str) -> HttpStep {
    HttpStep::Answer(testing::answer(status, &[], body.to_owned()))
}

fn world(answers: impl IntoIterator<Item = HttpStep>) -> (ScriptedHttp, CallContext) {
    let script = answers.into_iter().fold(ScriptedHttp::new(), ScriptedHttp::then);
    let clock = ManualClock::at(Timestamp::from_secs(1_795_208_820));
    (script.clone(), CallContext::new(Arc::new(clock)).with_http(Arc::new(script)))
}

fn config() -> FcmConfig {
    FcmConfig::with_credential("harbour", "ya29.secret").named("fcm-eu").base_url("http://127.0.0.1:9/fcm/")
}

async fn send(fcm: &Fcm, cx: &CallContext, push: &Push) -> Result<Receipt> {
    fcm.send(cx, Outgoing::new(push, MessageId::new(cx.clock().now()), &TenantId::DEFAULT, "key")).await
}

/// The body that FCM is sent for `push`.
fn body_of(push: &Push, web: bool) -> Value {
    let body = wire::body(push, web, Timestamp::from_secs(1_795_208_820)).expect("can be sent");
    serde_json::from_slice(&body).expect("JSON")
}

fn refused_field(push: &Push) -> (ErrorKind, Option<String>, String) {
    let error = wire::body(push, false, Timestamp::default()).expect_err("must be refused");
    assert_eq!(error.certainty(), Certainty::NotSent);
    (error.kind(), error.field().map(str::to_owned), error.message().to_owned())
}

#[tokio::test]
async fn a_small_push_is_one_request() {
    let (script, cx) = world([answer(200, SENT)]);
    let push = Push::builder().token("dev:1").title("Ready").body("Your table").build().expect("valid");
    let receipt = send(&config().build().expect("whole"), &cx, &push).await.expect("sent");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("projects/harbour/messages/0:17"));
    let requests = script.requests();
    let [testing::RecordedRequest { request, .. }] = &requests[..] else { panic!("one request") };
    assert_eq!(request.method(), "POST");
    assert_eq!(request.uri(), "http://127.0.0.1:9/fcm/v1/projects/harbour/messages:send");
    assert_eq!(request.headers()["authorization"], "Bearer ya29.secret");
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers().len(), 2);
    let text = r#"{"message":{"token":"dev:1","notification":{"title":"Ready","body":"Your table"}}}"#;
    assert_eq!(request.body(), text);
}

#[test]
fn every_field_and_option_has_its_place() {
    let option = |name: &str, value: Value| VendorOption::new("fcm", name, value);
    let push = Push::builder()
        .token("dev:1")
        .title("Ready")
        .body("Your table")
        .image("https://example.org/t.png")
        .data("order", "7")
        .action("yes", "Coming")
        .badge(3)
        .sound("bell.caf")
        .collapse_key("table-7")
        .ttl(Duration::from_millis(3_900))
        .priority(Priority::High)
        .option(option("analytics_label", json!("tables")))
        .option(option("category", json!("TABLE")))
        .option(option("channel_id", json!("orders")))
        .option(option("click_action", json!("OPEN_TABLE")))
        .option(option("link", json!("https://example.org/t/7")))
        .option(option("thread_id", json!("t7")))
        .option(option("validate_only", json!(true)))
        .option(VendorOption::new("telegram", "unknown", "skipped"))
        .build()
        .expect("valid");
    let expected = json!({
        "validateOnly": true,
        "message": {
            "token": "dev:1",
            "notification": {"title": "Ready", "body": "Your table", "image": "https://example.org/t.png"},
            "data": {"order": "7"},
            "fcmOptions": {"analyticsLabel": "tables"},
            "android": {
                "collapseKey": "table-7",
                "priority": "HIGH",
                "ttl": "3s",
                "notification": {
                    "sound": "bell.caf", "tag": "table-7", "clickAction": "OPEN_TABLE",
                    "channelId": "orders", "notificationCount": 3,
                },
            },
            "apns": {
                "headers": {
                    "apns-priority": "10", "apns-expiration": "1795208823", "apns-collapse-id": "table-7",
                },
                "payload": {"aps": {
                    "badge": 3, "sound": "bell.caf", "category": "TABLE", "thread-id": "t7", "mutable-content": 1,
                }},
            },
            "webpush": {
                "headers": {"TTL": "3", "Urgency": "high", "Topic": "table-7"},
                "notification": {"actions": [{"action": "yes", "title": "Coming"}]},
                "fcmOptions": {"link": "https://example.org/t/7"},
            },
        },
    });
    assert_eq!(body_of(&push, true), expected);
}

#[test]
fn topics_and_conditions_go_by_their_own_fields() {
    let topic =
        Push::builder().topic("/topics/news").title("t").priority(Priority::Low).build().expect("valid");
    let expected = json!({"message": {
        "topic": "news",
        "notification": {"title": "t"},
        "android": {"priority": "NORMAL"},
        "apns": {"headers": {"apns-priority": "5"}},
        "webpush": {"headers": {"Urgency": "low"}},
    }});
    assert_eq!(body_of(&topic, false), expected);
    let condition = Push::builder().condition("'a' in topics").title("t").badge(0).ttl(Duration::ZERO);
    let expected = json!({"message": {
        "condition": "'a' in topics",
        "notification": {"title": "t"},
        "android": {"ttl": "0s"},
        "apns": {"headers": {"apns-expiration": "0"}, "payload": {"aps": {"badge": 0}}},
        "webpush": {"headers": {"TTL": "0"}},
    }});
    assert_eq!(body_of(&condition.build().expect("valid"), false), expected);
}

#[test]
fn data_alone_goes_in_the_background() {
    let push = Push::builder().token("d").data("k", "v").priority(Priority::High).build().expect("valid");
    let expected = json!({"message": {
        "token": "d",
        "data": {"k": "v"},
        "android": {"priority": "HIGH"},
        "apns": {"headers": {"apns-priority": "5"}, "payload": {"aps": {"content-available": 1}}},
        "webpush": {"headers": {"Urgency": "high"}},
    }});
    assert_eq!(body_of(&push, false), expected);
    let counted =
        Push::builder().token("d").data("k", "v").badge(2).collapse_key("c").build().expect("valid");
    let expected = json!({"message": {
        "token": "d",
        "data": {"k": "v"},
        "android": {"collapseKey": "c"},
        "apns": {"headers": {"apns-collapse-id": "c"}, "payload": {"aps": {"badge": 2}}},
        "webpush": {"headers": {"Topic": "c"}},
    }});
    assert_eq!(body_of(&counted, false), expected);
}

#[test]
fn collapse_keys_that_fit_no_header_are_digested_and_stay_equal() {
    let of = |key: &str| {
        let push = Push::builder().token("d").title("t").collapse_key(key).build().expect("valid");
        let body = body_of(&push, false);
        assert_eq!(body["message"]["android"]["collapseKey"], key);
        let text = |path: &str| body.pointer(path).and_then(Value::as_str).expect("a text").to_owned();
        (text("/message/apns/headers/apns-collapse-id"), text("/message/webpush/headers/Topic"))
    };
    // A dot is no base64url, 64 octets are all that Apple takes.
    let (apple, web) = of("order.7");
    assert_eq!((apple.as_str(), web.len()), ("order.7", 32));
    let (apple, web) = of(&"k".repeat(65));
    assert_eq!((apple.len(), &apple), (32, &web));
    assert_eq!(of(&"k".repeat(65)), (apple, web));
    assert_ne!(of("órden"), of("orden"));
}

#[test]
fn what_fcm_would_refuse_is_refused_before() {
    let to = || Push::builder().token("d").title("t");
    let ttl = to().ttl(Duration::from_secs(2_419_201)).build().expect("valid");
    let (kind, field, text) = refused_field(&ttl);
    assert_eq!((kind, field.as_deref()), (ErrorKind::InvalidMessage, Some("ttl")));
    assert!(text.contains("2419200") && text.contains("2419201"), "{text}");
    for key in ["from", "notification", "message_type", "google", "google.x", "gcm", "gcm.notification.x"] {
        let push = to().data(key, "v").build().expect("valid");
        let (kind, field, _) = refused_field(&push);
        assert_eq!((kind, field), (ErrorKind::InvalidMessage, Some(format!("data[{key:?}]"))));
    }
    for key in ["froms", "googly", "collapse_key"] {
        body_of(&to().data(key, "v").build().expect("valid"), false);
    }
    let actions = to().action("a", "A").build().expect("valid");
    assert_eq!(refused_field(&actions).1.as_deref(), Some("actions"));
    assert_eq!(refused_field(&actions).0, ErrorKind::Unsupported);
    let unseen =
        Push::builder().token("d").data("k", "v").option(VendorOption::new("fcm", "channel_id", "c"));
    assert_eq!(
        refused_field(&unseen.build().expect("valid")).1.as_deref(),
        Some("options[\"fcm.channel_id\"]")
    );
}

#[test]
fn sizes_are_checked_with_limit_and_value() {
    let sized = |builder: crate::message::Builder<Push>, octets: usize| {
        builder.title("t").body("x".repeat(octets - 1)).build().expect("valid")
    };
    for (fits, over) in [
        (sized(Push::builder().token("d"), 4_096), sized(Push::builder().token("d"), 4_097)),
        (sized(Push::builder().topic("n"), 2_048), sized(Push::builder().topic("n"), 2_049)),
        (
            sized(Push::builder().condition("'a' in topics"), 2_048),
            sized(Push::builder().condition("'a' in topics"), 2_049),
        ),
    ] {
        body_of(&fits, false);
        let (kind, _, text) = refused_field(&over);
        assert_eq!(kind, ErrorKind::PayloadTooLarge);
        let (most, given) = (fits.size().to_string(), over.size().to_string());
        assert!(text.contains(&most) && text.contains(&given), "{text}");
    }
}

#[test]
fn buttons_are_claimed_for_browsers_alone() {
    let phones = config().build().expect("whole");
    let browsers = config().web_actions(true).build().expect("whole");
    assert!(!Provider::<Push>::capabilities(&phones).features.contains(Features::ACTIONS));
    assert!(Provider::<Push>::capabilities(&browsers).features.contains(Features::ACTIONS));
}

/// Counts what it hands out.
#[derive(Debug, Default)]
struct Tokens(std::sync::atomic::AtomicU32);

#[async_trait]
impl crate::secret::CredentialSource for Tokens {
    async fn fetch(&self, cx: &CallContext) -> Result<crate::secret::Issued<secrecy::SecretString>> {
        let count = self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let expires = Some(cx.clock().now() + Duration::from_secs(3_600));
        Ok(crate::secret::Issued { value: format!("token-{count}").into(), expires })
    }
}

#[tokio::test]
async fn a_401_renews_the_token_once() {
    let denied = r#"{"error":{"message":"token-0 expired, token-1 too","status":"UNAUTHENTICATED"}}"#;
    let push = Push::builder().token("d").title("t").build().expect("valid");
    let fcm =
        FcmConfig::with_credential("harbour", Credential::fetched(Tokens::default())).build().expect("whole");
    let (script, cx) =
        world([answer(401, denied), answer(200, SENT), answer(401, denied), answer(401, denied)]);
    send(&fcm, &cx, &push).await.expect("sent with the second token");
    let error = send(&fcm, &cx, &push).await.expect_err("refused twice");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Auth, Some("UNAUTHENTICATED")));
    assert!(!format!("{error:?}").contains("token-2"), "{error:?}");
    let requests = script.requests();
    let tokens: Vec<&str> =
        requests.iter().map(|r| r.request.headers()["authorization"].to_str().expect("ASCII")).collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1", "Bearer token-1", "Bearer token-2"]);
}

#[tokio::test]
async fn a_401_about_apples_key_renews_no_token() {
    let denied = r#"{"error":{"status":"UNAUTHENTICATED","details":[
        {"@type":"type.googleapis.com/google.firebase.fcm.v1.FcmError","errorCode":"THIRD_PARTY_AUTH_ERROR"}]}}"#;
    let push = Push::builder().token("d").title("t").build().expect("valid");
    let fcm =
        FcmConfig::with_credential("harbour", Credential::fetched(Tokens::default())).build().expect("whole");
    let (script, cx) = world([answer(401, denied), answer(200, SENT)]);
    let error = send(&fcm, &cx, &push).await.expect_err("the project's key is wrong");
    assert_eq!((error.kind(), error.code()), (ErrorKind::Auth, Some("THIRD_PARTY_AUTH_ERROR")));
    send(&fcm, &cx, &push).await.expect("sent with the first token");
    let requests = script.requests();
    assert_eq!(requests.len(), 2);
    assert!(requests.iter().all(|r| r.request.headers()["authorization"] == "Bearer token-0"));
}

#[tokio::test]
async fn failures_name_the_instance_and_are_honest_about_what_was_sent() {
    let push = Push::builder().token("d").title("t").build().expect("valid");
    let fcm = config().build().expect("whole");
    let table = [
        (HttpStep::ResetAfterSend, ErrorKind::Transport, Certainty::Unknown),
        (answer(200, "<html>"), ErrorKind::Protocol, Certainty::Unknown),
        (answer(200, r#"{"name":""}"#), ErrorKind::Protocol, Certainty::Unknown),
        (answer(502, "<html>"), ErrorKind::Unavailable, Certainty::Unknown),
        (answer(503, ""), ErrorKind::Unavailable, Certainty::NotSent),
    ];
    for (given, kind, certainty) in table {
        let (_, cx) = world([given]);
        let error = send(&fcm, &cx, &push).await.expect_err("failed");
        assert_eq!((error.kind(), error.certainty(), error.provider()), (kind, certainty, Some("fcm-eu")));
    }
}

#[test]
fn no_answer_makes_it_panic() {
    let whole = r#"{"error":{"message":"ä","status":"X","details":[{"@type":"x","fieldViolations":[{"field":"é"}]}]}}"#;
    for body in
        [whole, SENT, "null", "[[[[", r#"{"error":[]}"#, r#"{"error":{"details":null}}"#, r#"{"name":{}}"#]
    {
        for end in 0..body.len() {
            for status in [200, 204, 400, 404, 429, 500, 599] {
                let cut = Bytes::copy_from_slice(&body.as_bytes()[..end]);
                let answer = http::Response::builder().status(status).body(cut).expect("an answer");
                assert!(wire::receipt(&answer, None, Timestamp::default()).is_err());
            }
        }
    }
}

#[tokio::test]
async fn the_check_sends_nothing() {
    let (script, cx) = world([answer(200, SENT), answer(403, "{}")]);
    let fcm = config().build().expect("whole");
    assert_eq!(fcm.check(&cx).await.expect("good"), Health::Good);
    assert_eq!(fcm.check(&cx).await.expect_err("refused").kind(), ErrorKind::Permission);
    let requests = script.requests();
    let body: Value = serde_json::from_slice(requests[0].request.body()).expect("JSON");
    let expected =
        json!({"validateOnly": true, "message": {"topic": "tidings-check", "data": {"check": "1"}}});
    assert_eq!(body, expected);
}

const ACCOUNT: &str = r#"{"type":"service_account","project_id":"harbour","private_key_id":"k",
    "private_key":"-----BEGIN PRIVATE KEY-----\nU0VDUkVU\n-----END PRIVATE KEY-----\n",
    "client_email":"p@harbour.iam.gserviceaccount.com","token_uri":"https://oauth2.googleapis.com/token"}"#;

#[test]
fn variables_make_a_config() {
    let vars = |pairs: &'static [(&str, &str)]| {
        FcmConfig::from_vars(move |name| pairs.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned()))
    };
    assert!(vars(&[]).expect("nothing is given").is_none());
    assert!(vars(&[("FCM_SERVICE_ACCOUNT_JSON", "  "), ("FCM_PROJECT_ID", "x")]).expect("empty").is_none());
    let config = vars(&[("FCM_SERVICE_ACCOUNT_JSON", ACCOUNT), ("FCM_PROJECT_ID", "quay")]);
    let shown = format!("{:?}", config.expect("whole").expect("given"));
    assert!(shown.contains("quay") && !shown.contains("U0VDUkVU"), "{shown}");
    let file = vars(&[("GOOGLE_APPLICATION_CREDENTIALS", "/x.json")]).expect_err("from_env reads files");
    assert!(file.message().contains("from_env"), "{file}");
    for bad in
        ["\"SECRET\"", r#"{"type":"authorized_user","private_key":"SECRET"}"#, r#"{"private_key":"SECRET"}"#]
    {
        let given = bad.to_owned();
        let error = FcmConfig::from_vars(|name| (name == "FCM_SERVICE_ACCOUNT_JSON").then(|| given.clone()))
            .expect_err(bad);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains("FCM_SERVICE_ACCOUNT_JSON"), "{error}");
        assert!(!format!("{error:?}").contains("SECRET\""), "{error:?}");
    }
}

#[test]
fn what_cannot_be_built_names_the_option() {
    let table = [
        (FcmConfig::with_credential("", "t"), "project_id"),
        (FcmConfig::with_credential("a/b", "t"), "project_id"),
        (config().base_url("fcm.googleapis.com"), "base_url"),
        (config().base_url("ftp://x"), "base_url"),
        (config().named(""), "name"),
        (FcmConfig::new(ServiceAccount::from_json(ACCOUNT).expect("whole")), "private_key"),
    ];
    for (config, option) in table {
        let error = config.build().expect_err(option);
        assert_eq!(error.kind(), ErrorKind::Config);
        assert!(error.message().contains(option), "{error}");
    }
}

#[test]
fn configs_are_read_strictly_and_shown_without_secrets() {
    let account: Value = serde_json::from_str(ACCOUNT).expect("JSON");
    let json = json!({"name": "fcm-eu", "service_account": account, "web_actions": true});
    let config: FcmConfig = serde_json::from_value(json).expect("whole");
    assert!(!format!("{config:?}").contains("U0VDUkVU"), "{config:?}");
    let text: FcmConfig =
        serde_json::from_value(json!({"service_account": ACCOUNT})).expect("a text is read too");
    assert!(format!("{text:?}").contains("p@harbour"), "{text:?}");
    for wrong in
        [json!("SECRET"), json!({"private_key": 7}), json!(["SECRET"]), json!({"private_key": "SECRET"})]
    {
        let error =
            serde_json::from_value::<FcmConfig>(json!({"service_account": wrong})).expect_err("no account");
        assert!(!error.to_string().contains("SECRET"), "{error}");
    }
    assert!(serde_json::from_value::<FcmConfig>(json!({"colour": "red"})).is_err());
    let nothing: FcmConfig = serde_json::from_value(json!({"project_id": "p"})).expect("readable");
    assert!(nothing.build().expect_err("no account").message().contains("service_account"));
    let shown = format!("{:?}", super::tests::config().build().expect("whole"));
    assert!(!shown.contains("ya29") && shown.contains("fcm-eu"), "{shown}");
}
