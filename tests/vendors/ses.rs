use tidings::{
    Attachment, Email,
    message::{ListUnsubscribe, Priority, VendorOption, VendorTemplate},
    providers::ses::{Ses, SesConfig},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const SECRET: &str = "canary/wJalrXUtnFEMI/K7MDENG";

fn config() -> SesConfig {
    SesConfig::new("eu-west-1").keys("AKIDEXAMPLE", SECRET)
}

fn provider() -> Ses {
    config().build().expect("valid")
}

fn known() -> Known<Ses, Email> {
    let mail = || Email::builder().from("shop@example.org").to("a@example.org").subject("News").text("Hi");
    Known {
        provider,
        secret: SECRET,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: json(200, r#"{"MessageId":"0102-7c191be45-000000"}"#),
    }
}

tidings::provider_conformance! { mod ses_email; channel: Email; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "SES_REGION" => Some("eu-west-1".to_owned()),
        "SES_ACCESS_KEY_ID" => Some("AKIDEXAMPLE".to_owned()),
        "SES_SECRET_ACCESS_KEY" => Some(SECRET.to_owned()),
        "SES_CONFIGURATION_SET" => Some("set".to_owned()),
        "SES_WEBHOOK_TOPICS" => Some("arn:a, arn:b".to_owned()),
        _ => None,
    };
    let url = "ses://AKIDEXAMPLE:canary%2FwJalrXUtnFEMI%2FK7MDENG@default?region=eu-west-1\
               &configuration_set=set&webhook_topics=arn:a,arn:b";
    let table = serde_json::json!({"region": "eu-west-1", "access_key_id": "AKIDEXAMPLE",
        "secret_access_key": SECRET, "configuration_set": "set", "webhook_topics": ["arn:a", "arn:b"]});
    let same = config().configuration_set("set").webhook_topic("arn:a").webhook_topic("arn:b");
    for read in [
        SesConfig::from_url(url).expect("valid"),
        SesConfig::from_vars(vars).expect("valid").expect("a region"),
        SesConfig::from_table(table.as_object().expect("a table").clone()).expect("valid"),
    ] {
        assert_eq!(format!("{read:?}"), format!("{same:?}"));
        assert!(!format!("{read:?} {:?}", read.clone().build()).contains("canary"));
    }
    let lambda = |name: &str| (name == "AWS_REGION").then(|| "eu-west-1".to_owned());
    assert!(SesConfig::from_vars(lambda).expect("valid").is_none(), "a region alone is no wish to use SES");
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let mail = || Email::builder().from("Shop <shop@example.org>").to("Ada <a@example.org>");
    let accepted = || [json(200, r#"{"MessageId":"m"}"#)];
    let file = Attachment::new("a.txt", "text/plain", &b"abc"[..]).expect("valid");
    let logo = Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid");
    let option = |name: &str, value: &str| VendorOption::new("ses", name, value);
    let full = mail()
        .cc("b@example.org")
        .bcc("c@example.org")
        .reply_to("Help <d@example.org>")
        .subject("Grüße")
        .text("Grüße")
        .html("<p>Grüße</p>")
        .attach(file.clone())
        .attach(logo)
        .header("X-Own", "1")
        .priority(Priority::High)
        .tag("news")
        .metadata("order", "7")
        .list_unsubscribe(ListUnsubscribe::one_click("https://example.org/u").expect("valid"))
        .option(option("configuration_set", "set"))
        .option(option("contact_list", "list"))
        .option(option("topic", "sales"))
        .option(option("feedback_to", "bounces@example.org"))
        .option(option("from_arn", "arn:aws:ses:eu-west-1:123456789012:identity/example.org"))
        .option(option("tenant", "shop"));
    golden::sends("ses/simple", &provider(), &full.build().expect("valid"), accepted()).await;
    let raw = mail().cc("Jürgen <j@example.org>").bcc("c@example.org").subject("News").text("Hi");
    golden::sends("ses/raw", &provider(), &raw.build().expect("valid"), accepted()).await;
    let data = serde_json::json!({"shop": "Inn"}).as_object().expect("an object").clone();
    let template = mail().template(VendorTemplate::new("welcome", data.clone())).attach(file);
    golden::sends("ses/template", &provider(), &template.build().expect("valid"), accepted()).await;
    let own = serde_json::json!({"name": "Bob"}).as_object().expect("an object").clone();
    let merged = mail()
        .to("bob@example.org")
        .template(VendorTemplate::new("welcome", data))
        .merge("bob@example.org", own)
        .header("X-Own", "1");
    let both = r#"{"BulkEmailEntryResults":[{"Status":"SUCCESS","MessageId":"1"},
        {"Status":"SUCCESS","MessageId":"2"}]}"#;
    golden::sends("ses/bulk", &provider(), &merged.build().expect("valid"), [json(200, both)]).await;
}
