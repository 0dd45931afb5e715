use tidings::{
    Sms,
    providers::sns::{Sns, SnsConfig},
    testing::answer,
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog},
};

const SECRET: &str = "canary/wJalrXUtnFEMI/K7MDENG";
const PUBLISHED: &str = "<PublishResponse xmlns=\"https://sns.amazonaws.com/doc/2010-03-31/\">\
    <PublishResult><MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult>\
    <ResponseMetadata><RequestId>d74b8436</RequestId></ResponseMetadata></PublishResponse>";

fn config() -> SnsConfig {
    SnsConfig::new("eu-west-1").keys("AKIDEXAMPLE", SECRET)
}

fn provider() -> Sns {
    config().build().expect("valid")
}

fn known() -> Known<Sns, Sms> {
    Known {
        provider,
        secret: SECRET,
        message: Sms::builder().to("+15005550006").body("Hi").build().expect("valid"),
        several: None,
        accepted: answer(200, &[("content-type", "text/xml")], PUBLISHED),
    }
}

// Its answers are XML, but an answer that is none is as little understood.
tidings::provider_conformance! { mod sns_sms; channel: Sms; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "SNS_REGION" => Some("eu-west-1".to_owned()),
        "SNS_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
        "SNS_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        "SNS_SENDER_ID" => Some("Shop".to_owned()),
        "SNS_CLASS" => Some("transactional".to_owned()),
        _ => None,
    };
    let url = "sns://AKIDEXAMPLE:canary%2FwJalrXUtnFEMI%2FK7MDENG@default?region=eu-west-1\
               &sender_id=Shop&class=transactional";
    let table = serde_json::json!({"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": SECRET, "sender_id": "Shop", "class": "transactional"});
    let same = config().sender_id("Shop").transactional();
    for read in [
        SnsConfig::from_url(url).expect("valid"),
        SnsConfig::from_vars(vars).expect("valid").expect("a region"),
        SnsConfig::from_table(table.as_object().expect("a table").clone()).expect("valid"),
    ] {
        assert_eq!(format!("{read:?}"), format!("{same:?}"));
        assert!(!format!("{read:?} {:?}", read.clone().build()).contains("canary"));
    }
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let sms = Sms::builder().to("+15005550006").from("Inn").body("Grüße & Küsse");
    let sns = config().transactional().max_price("0.50").build().expect("valid");
    let published = [answer(200, &[("content-type", "text/xml")], PUBLISHED)];
    golden::sends("sns/publish", &sns, &sms.build().expect("valid"), published).await;
}
