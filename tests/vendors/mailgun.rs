use tidings::{
    Attachment, Email,
    message::{Builder, Priority, VendorTemplate},
    providers::mailgun::{Mailgun, MailgunConfig},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const KEY: &str = "key-canary-0123";

fn provider() -> Mailgun {
    MailgunConfig::new("mg.example.org", KEY).build().expect("valid")
}

fn mail() -> Builder<Email> {
    Email::builder().from("Shop <shop@example.org>").to("Ada <a@example.org>").subject("News").text("Hi")
}

fn known() -> Known<Mailgun, Email> {
    Known {
        provider,
        secret: KEY,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: accepted(),
    }
}

fn accepted() -> tidings::http::HttpResponse {
    json(200, r#"{"id":"<20260101.7@mg.example.org>","message":"Queued. Thank you."}"#)
}

tidings::provider_conformance! { mod mailgun_email; channel: Email; harness: known(); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "MAILGUN_API_KEY" => Some(KEY.to_owned()),
        "MAILGUN_DOMAIN" => Some("mg.example.org".to_owned()),
        "MAILGUN_REGION" => Some("eu".to_owned()),
        _ => None,
    };
    let url = MailgunConfig::from_url("mailgun://:key-canary-0123@mg.example.org?region=eu").expect("valid");
    let vars = MailgunConfig::from_vars(vars).expect("valid").expect("a key");
    let table = serde_json::json!({"api_key": KEY, "domain": "mg.example.org", "region": "eu"});
    let table = MailgunConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    for config in [url, vars, table] {
        assert_eq!(config.base_url, "https://api.eu.mailgun.net");
        let by_hand = MailgunConfig::new("mg.example.org", KEY).eu();
        assert_eq!(format!("{config:?}"), format!("{by_hand:?}"));
    }
    let error = MailgunConfig::from_vars(|name| (name == "MAILGUN_API_KEY").then(|| KEY.to_owned()));
    assert!(error.expect_err("no domain").message().contains("MAILGUN_DOMAIN"));
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let everything = mail()
        .html("<p>Hi</p>")
        .cc("b@example.org")
        .bcc("c@example.org")
        .reply_to("d@example.org")
        .priority(Priority::High)
        .tag("news")
        .metadata("order", "7")
        .attach(Attachment::new("a.txt", "text/plain", &b"abc"[..]).expect("valid"));
    let everything = everything.build().expect("valid");
    golden::sends("mailgun/everything", &provider(), &everything, [accepted()]).await;
    let data = serde_json::json!({"shop": "Shop", "list": [1]});
    let template = VendorTemplate::new("welcome", data.as_object().expect("an object").clone());
    let template = Email::builder().from("shop@example.org").to("a@example.org").template(template);
    golden::sends("mailgun/template", &provider(), &template.build().expect("valid"), [accepted()]).await;
    let name = serde_json::json!({"name": "Ada"}).as_object().expect("an object").clone();
    let readers = [
        mail().merge("a@example.org", name).build().expect("valid"),
        Email::builder()
            .from("Shop <shop@example.org>")
            .to("b@example.org")
            .subject("News")
            .text("Hi")
            .build()
            .expect("valid"),
    ];
    golden::sends_batch("mailgun/batch", &provider(), &readers, [accepted()]).await;
}
