use tidings::{
    Email,
    providers::sendgrid::{SendGrid, SendGridConfig},
    testing::answer,
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog},
};

const KEY: &str = "SG.canary-key";

fn provider() -> SendGrid {
    SendGridConfig::new(KEY).build().expect("valid")
}

fn known() -> Known<SendGrid, Email> {
    let mail = || Email::builder().from("shop@example.org").to("a@example.org").subject("News").text("Hi");
    Known {
        provider,
        secret: KEY,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: answer(202, &[("x-message-id", "abc")], ""),
    }
}

// SendGrid says nothing in the body of a success.
tidings::provider_conformance! { mod sendgrid_email; channel: Email; harness: known(); http: any }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "SENDGRID_API_KEY" => Some(KEY.to_owned()),
        "SENDGRID_REGION" => Some("eu".to_owned()),
        _ => None,
    };
    let url = SendGridConfig::from_url("sendgrid://:SG.canary-key@default?region=eu").expect("valid");
    let vars = SendGridConfig::from_vars(vars).expect("valid").expect("a key");
    let table = serde_json::json!({"api_key": KEY, "region": "eu"});
    let table = SendGridConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    for config in [url, vars, table] {
        assert_eq!(config.base_url, "https://api.eu.sendgrid.com");
        assert_eq!(format!("{config:?}"), format!("{:?}", SendGridConfig::new(KEY).eu()));
    }
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let mail = || Email::builder().from("Shop <shop@example.org>").to("Ada <a@example.org>").subject("News");
    let accepted = || [answer(202, &[("x-message-id", "abc")], "")];
    let plain = mail().text("Hi").html("<p>Hi</p>").tag("news").build().expect("valid");
    golden::sends("sendgrid/plain", &provider(), &plain, accepted()).await;
    let copies = mail().text("Hi").cc("b@example.org").bcc("c@example.org").reply_to("d@example.org");
    golden::sends("sendgrid/copies", &provider(), &copies.build().expect("valid"), accepted()).await;
    let reader = |to: &str, order: &str| {
        let mail = Email::builder().from("Shop <shop@example.org>").to(to).subject("News").text("Hi");
        mail.metadata("order", order).build().expect("valid")
    };
    let readers = [reader("a@example.org", "1"), reader("b@example.org", "2")];
    golden::sends_batch("sendgrid/batch", &provider(), &readers, accepted()).await;
}
