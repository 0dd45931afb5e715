use std::time::Duration;

use tidings::{
    Outgoing, Provider, Push, TenantId, WebSubscription,
    http::HttpResponse,
    message::{Priority, VendorOption},
    providers::webpush::{WebPush, WebPushConfig},
    testing::answer,
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog},
};

/// Made for these tests.
const KEY: &str = "x3A244iFy4T7pG6x21SQojMHxs8irdDIKzWRvbi5f8s";
const SUBJECT: &str = "mailto:push@example.org";

fn provider() -> WebPush {
    WebPushConfig::new(KEY, SUBJECT).build().expect("valid")
}

fn browser() -> WebSubscription {
    let p256dh = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4";
    WebSubscription::new("https://push.example.net/push/JzLQ3raZ", p256dh, "BTBZMqHH6r4Tts7J_aSIgg")
        .expect("valid")
}

fn accepted() -> HttpResponse {
    answer(201, &[("location", "https://push.example.net/message/qDIYHNcfAIPP")], "")
}

fn known() -> Known<WebPush, Push> {
    Known {
        provider,
        secret: KEY,
        message: Push::builder().subscription(browser()).title("Hi").build().expect("valid"),
        several: None,
        accepted: accepted(),
    }
}

// A push service says nothing in the body of a success.
tidings::provider_conformance! { mod webpush_push; channel: Push; harness: known(); http: any }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let public = provider().public_key().to_owned();
    let vars = |name: &str| match name {
        "VAPID_PRIVATE_KEY" => Some(KEY.to_owned()),
        "VAPID_PUBLIC_KEY" => Some(public.clone()),
        "VAPID_SUBJECT" => Some(SUBJECT.to_owned()),
        _ => None,
    };
    let url = format!("webpush://:{KEY}@default?subject=mailto%3Apush%40example.org&public_key={public}");
    let url = WebPushConfig::from_url(&url).expect("valid");
    let vars = WebPushConfig::from_vars(vars).expect("valid").expect("a key");
    let table = serde_json::json!({"private_key": KEY, "public_key": public, "subject": SUBJECT});
    let table = WebPushConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    for config in [url, vars, table] {
        let expected = WebPushConfig::new(KEY, SUBJECT).public_key(&public);
        assert_eq!(format!("{config:?}"), format!("{expected:?}"));
        assert_eq!(config.build().expect("a pair").public_key(), public);
    }
}

/// The requests with the signature and the encrypted text, which are others each time, cut off.
async fn sends(name: &str, push: Push) {
    let (cx, http) = golden::context([accepted()]);
    let item = Outgoing::new(&push, golden::id(), &TenantId::DEFAULT, "key-1");
    Provider::<Push>::send(&provider(), &cx, item).await.expect(name);
    golden::compare_with(name, &http, |text| {
        let (head, _) = text.split_once("\n\n").expect("a head");
        format!("{}\n\n(encrypted)\n", golden::without_signature(head))
    });
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let push = || Push::builder().subscription(browser()).title("Ready");
    let wishes = push().collapse_key("booking-17").ttl(Duration::from_secs(900)).priority(Priority::High);
    sends("webpush/wishes", wishes.build().expect("valid")).await;
    let plain = push().option(VendorOption::new("webpush", "urgency", "very-low"));
    sends("webpush/plain", plain.build().expect("valid")).await;
}
