use std::time::Duration;

use tidings::{
    Message, Push,
    http::HttpResponse,
    message::{Priority, VendorOption},
    providers::apns::{Apns, ApnsConfig},
    testing::{ScriptedHttp, answer},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog},
};

/// Made for these tests.
const KEY: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgtlxl1HFTZaVS4tgp
Mgk3O+gDuNQZAXyE3gBtbufrMLqhRANCAAQq9dA5cAsboqR6y5SD7K9rxcVxreFz
kj3eHW7OED9RymKwPECLLVEg48oacnqrrV8QTuLL7+JBIKA0JkoRt0YR
-----END PRIVATE KEY-----
";
const DEVICE: &str = "6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b6e1e6d9c3d6f4a0bb4a4ab1f9a6c1f0b";

fn config() -> ApnsConfig {
    ApnsConfig::new(KEY, "ABC123DEFG", "DEF123GHIJ", "org.example.app")
}

fn provider() -> Apns {
    config().build().expect("valid")
}

fn accepted() -> HttpResponse {
    answer(200, &[("apns-id", "019b76da-a800-7000-8000-000000000001")], "")
}

fn known() -> Known<Apns, Push> {
    Known {
        provider,
        secret: KEY.lines().nth(1).expect("a line"),
        message: Push::builder().token(DEVICE).title("Hi").build().expect("valid"),
        several: None,
        accepted: accepted(),
    }
}

// Apple says nothing in the body of a success.
tidings::provider_conformance! { mod apns_push; channel: Push; harness: known(); http: any }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "APNS_KEY" => Some(KEY.to_owned()),
        "APNS_KEY_ID" => Some("ABC123DEFG".to_owned()),
        "APNS_TEAM_ID" => Some("DEF123GHIJ".to_owned()),
        "APNS_TOPIC" => Some("org.example.app".to_owned()),
        "APNS_SANDBOX" => Some("true".to_owned()),
        _ => None,
    };
    let encoded = KEY.replace('\n', "%0A").replace('+', "%2B").replace('/', "%2F").replace(' ', "%20");
    let url =
        format!("apns://ABC123DEFG:{encoded}@default?team_id=DEF123GHIJ&topic=org.example.app&sandbox=true");
    let url = ApnsConfig::from_url(&url).expect("valid");
    let vars = ApnsConfig::from_vars(vars).expect("valid").expect("a key");
    let table = serde_json::json!({
        "key": KEY, "key_id": "ABC123DEFG", "team_id": "DEF123GHIJ", "topic": "org.example.app", "sandbox": true,
    });
    let table = ApnsConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    for config in [url, vars, table] {
        assert_eq!(format!("{config:?}"), format!("{:?}", self::config().sandbox(true)));
        let built = format!("{:?}", config.build().expect("the key is whole"));
        assert!(built.contains("api.sandbox.push.apple.com"), "{built}");
    }
}

/// The requests with the signature, which is another each time, cut off.
async fn sends(name: &str, push: Push) {
    let (cx, http) = golden::context([accepted()]);
    let tenant = tidings::TenantId::DEFAULT;
    let item = tidings::Outgoing::new(&push, golden::id(), &tenant, "key-1");
    push.validate().expect("valid");
    tidings::Provider::<Push>::send(&provider(), &cx, item).await.expect(name);
    golden::compare_with(name, &http, |text| golden::without_signature(&text));
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let full = Push::builder()
        .token(DEVICE)
        .title("Ready")
        .body("Your table is ready.")
        .badge(1)
        .sound("default")
        .data("booking", "17")
        .collapse_key("booking 17")
        .ttl(Duration::from_secs(900))
        .priority(Priority::High)
        .option(VendorOption::new("apns", "thread_id", "bookings"));
    sends("apns/alert", full.build().expect("valid")).await;
    let silent = Push::builder().token(DEVICE).data("sync", "1");
    sends("apns/background", silent.build().expect("valid")).await;
}

#[tokio::test]
async fn every_attempt_has_the_same_apns_id() {
    let push = Push::builder().token(DEVICE).title("Hi").build().expect("valid");
    let (cx, http) = golden::context([answer(503, &[], r#"{"reason":"Shutdown"}"#), accepted()]);
    let tenant = tidings::TenantId::DEFAULT;
    let item = tidings::Outgoing::new(&push, golden::id(), &tenant, "key-1");
    let provider = provider();
    let error =
        tidings::Provider::<Push>::send(&provider, &cx, item).await.expect_err("Apple is shutting down");
    assert!(error.is_passing(), "{error}");
    tidings::Provider::<Push>::send(&provider, &cx, item.next_attempt(2)).await.expect("taken");
    assert_eq!(ids(&http), ["019b76da-a800-7000-8000-000000000001"; 2]);
}

fn ids(http: &ScriptedHttp) -> Vec<String> {
    let id = |r: &tidings::testing::RecordedRequest| {
        r.request.headers()["apns-id"].to_str().expect("ASCII").to_owned()
    };
    http.requests().iter().map(id).collect()
}
