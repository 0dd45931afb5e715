use tidings::{
    Attachment, Email,
    message::{Builder, Priority, VendorTemplate},
    providers::brevo::{Brevo, BrevoConfig},
    testing::conformance::{Harness, HttpAnswers},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const KEY: &str = "xkeysib-canary-0123";

fn provider() -> Brevo {
    BrevoConfig::new(KEY).build().expect("valid")
}

fn mail() -> Builder<Email> {
    Email::builder()
        .from("Shop <shop@example.org>")
        .to("Ada <a@example.org>")
        .subject("News")
        .html("<p>Hi</p>")
}

fn known() -> Known<Brevo, Email> {
    Known {
        provider,
        secret: KEY,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: accepted(),
    }
}

fn accepted() -> tidings::http::HttpResponse {
    json(201, r#"{"messageId":"<20260101.7@relay.example.org>"}"#)
}

/// So many ids as Brevo answers a batch.
fn batch(mails: usize) -> tidings::http::HttpResponse {
    let body = format!(r#"{{"messageIds":[{}]}}"#, vec![r#""<m@relay>""#; mails].join(","));
    tidings::testing::answer(201, &[("content-type", "application/json")], body)
}

/// A batch is answered by a list.
struct InBatches(Known<Brevo, Email>);

impl Harness<Email> for InBatches {
    type Provider = Brevo;

    fn provider(&self) -> Brevo {
        self.0.provider()
    }

    fn message(&self) -> Email {
        self.0.message()
    }

    fn several(&self) -> Option<Email> {
        self.0.several()
    }

    fn secrets(&self) -> Vec<String> {
        self.0.secrets()
    }

    fn http(&self) -> Option<HttpAnswers> {
        Some(HttpAnswers::accepting([accepted()]).batch(|mails| vec![batch(mails)]))
    }
}

tidings::provider_conformance! { mod brevo_email; channel: Email; harness: InBatches(known()); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "BREVO_API_KEY" => Some(KEY.to_owned()),
        "BREVO_SANDBOX" => Some("1".to_owned()),
        _ => None,
    };
    let url = BrevoConfig::from_url("brevo://:xkeysib-canary-0123@default?sandbox=true").expect("valid");
    let vars = BrevoConfig::from_vars(vars).expect("valid").expect("a key");
    let table = serde_json::json!({"api_key": KEY, "sandbox": true});
    let table = BrevoConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    let by_hand = BrevoConfig::new(KEY).sandbox();
    for config in [url, vars, table] {
        assert_eq!(format!("{config:?}"), format!("{by_hand:?}"));
    }
}

#[tokio::test]
async fn requests_are_as_reviewed() {
    let everything = mail()
        .text("Hi")
        .cc("b@example.org")
        .bcc("c@example.org")
        .reply_to("d@example.org")
        .priority(Priority::High)
        .tag("news")
        .metadata("order", "7")
        .attach(Attachment::new("a.txt", "text/plain", &b"abc"[..]).expect("valid"));
    let everything = everything.build().expect("valid");
    golden::sends("brevo/everything", &provider(), &everything, [accepted()]).await;
    let data = serde_json::json!({"shop": "Shop", "list": [1]});
    let template = VendorTemplate::new("7", data.as_object().expect("an object").clone());
    let template = Email::builder().from("shop@example.org").to("a@example.org").template(template);
    golden::sends("brevo/template", &provider(), &template.build().expect("valid"), [accepted()]).await;
    let readers = [mail().build().expect("valid"), mail().metadata("order", "7").build().expect("valid")];
    golden::sends_batch("brevo/batch", &provider(), &readers, [batch(2)]).await;
}
