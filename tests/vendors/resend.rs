use tidings::{
    Attachment, Email,
    message::{Builder, Priority, VendorTemplate},
    providers::resend::{Resend, ResendConfig},
    testing::conformance::{Harness, HttpAnswers},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const KEY: &str = "re_canary_0123";

fn provider() -> Resend {
    ResendConfig::new(KEY).build().expect("valid")
}

fn accepted() -> tidings::http::HttpResponse {
    json(200, r#"{"id":"49a3999c-0ce1-4ea6-ab68-afcd6dc2e794"}"#)
}

/// So many ids as Resend answers a batch.
fn batch(mails: usize) -> tidings::http::HttpResponse {
    let body = format!(r#"{{"data":[{}]}}"#, vec![r#"{"id":"m"}"#; mails].join(","));
    tidings::testing::answer(200, &[("content-type", "application/json")], body)
}

fn mail() -> Builder<Email> {
    Email::builder().from("Shop <shop@example.org>").to("Ada <a@example.org>").subject("News").text("Hi")
}

fn known() -> Known<Resend, Email> {
    Known {
        provider,
        secret: KEY,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: accepted(),
    }
}

/// A batch is answered by a list.
struct InBatches(Known<Resend, Email>);

impl Harness<Email> for InBatches {
    type Provider = Resend;

    fn provider(&self) -> Resend {
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

tidings::provider_conformance! { mod resend_email; channel: Email; harness: InBatches(known()); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "RESEND_API_KEY" => Some(KEY.to_owned()),
        "RESEND_ECHO_KEY" => Some("k".to_owned()),
        _ => None,
    };
    let url = ResendConfig::from_url("resend://:re_canary_0123@default?echo_key=k").expect("valid");
    let vars = ResendConfig::from_vars(vars).expect("valid").expect("a key");
    let table = serde_json::json!({"api_key": KEY, "echo_key": "k"});
    let table = ResendConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    let by_hand = ResendConfig::new(KEY).echo_key("k".to_owned());
    for config in [url, vars, table] {
        assert_eq!(format!("{config:?}"), format!("{by_hand:?}"));
    }
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
    golden::sends("resend/everything", &provider(), &everything, [accepted()]).await;
    let data = serde_json::json!({"shop": "Shop", "number": 7});
    let template = VendorTemplate::new("welcome", data.as_object().expect("an object").clone());
    let template = Email::builder().from("shop@example.org").to("a@example.org").template(template);
    golden::sends("resend/template", &provider(), &template.build().expect("valid"), [accepted()]).await;
    let readers = [mail().build().expect("valid"), mail().html("<p>Hi</p>").build().expect("valid")];
    golden::sends_batch("resend/batch", &provider(), &readers, [batch(2)]).await;
}
