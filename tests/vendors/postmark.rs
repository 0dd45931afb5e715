use tidings::{
    Attachment, Email,
    message::{Builder, Priority, VendorTemplate},
    providers::postmark::{Postmark, PostmarkConfig},
    testing::conformance::{Harness, HttpAnswers},
};

use crate::{
    golden,
    known::{Known, is_in_the_catalog, json},
};

const KEY: &str = "00000000-canary-token";
const VERDICT: &str = r#"{"To":"a@example.org","SubmittedAt":"2026-01-01T00:00:00Z","MessageID":"m1","ErrorCode":0,"Message":"OK"}"#;

fn provider() -> Postmark {
    PostmarkConfig::new(KEY).message_stream("outbound").build().expect("valid")
}

fn accepted() -> tidings::http::HttpResponse {
    json(200, VERDICT)
}

/// So many verdicts as Postmark answers a batch.
fn batch(mails: usize) -> tidings::http::HttpResponse {
    let body = format!("[{}]", vec![VERDICT; mails].join(","));
    tidings::testing::answer(200, &[("content-type", "application/json")], body)
}

fn mail() -> Builder<Email> {
    Email::builder().from("Shop <shop@example.org>").to("Ada <a@example.org>").subject("News").text("Hi")
}

fn known() -> Known<Postmark, Email> {
    Known {
        provider,
        secret: KEY,
        message: mail().build().expect("valid"),
        several: Some(mail().cc("b@example.org").bcc("c@example.org").build().expect("valid")),
        accepted: accepted(),
    }
}

/// A batch is answered by a list.
struct InBatches(Known<Postmark, Email>);

impl Harness<Email> for InBatches {
    type Provider = Postmark;

    fn provider(&self) -> Postmark {
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
        let answers = HttpAnswers::accepting([accepted()]).batch(|mails| vec![batch(mails)]);
        Some(answers.errors(|status| match status.as_u16() {
            401 => r#"{"ErrorCode":10,"Message":"Bad or missing API token"}"#.into(),
            _ => "{}".into(),
        }))
    }
}

tidings::provider_conformance! { mod postmark_email; channel: Email; harness: InBatches(known()); http: json }

#[test]
fn the_catalog_says_the_same() {
    is_in_the_catalog(&provider());
}

#[test]
fn the_same_from_variables_a_table_and_a_url() {
    let vars = |name: &str| match name {
        "POSTMARK_SERVER_TOKEN" => Some(KEY.to_owned()),
        "POSTMARK_MESSAGE_STREAM" => Some("news".to_owned()),
        "POSTMARK_SANDBOX" => Some("true".to_owned()),
        _ => None,
    };
    let url = PostmarkConfig::from_url(
        "postmark://:00000000-canary-token@default?message_stream=news&sandbox=true",
    );
    let vars = PostmarkConfig::from_vars(vars).expect("valid").expect("a token");
    let table = serde_json::json!({"server_token": KEY, "message_stream": "news", "sandbox": true});
    let table = PostmarkConfig::from_table(table.as_object().expect("a table").clone()).expect("valid");
    let by_hand = PostmarkConfig::new(KEY).message_stream("news").sandbox();
    for config in [url.expect("valid"), vars, table] {
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
    golden::sends("postmark/everything", &provider(), &everything, [accepted()]).await;
    let data = serde_json::json!({"shop": "Shop", "list": [1]});
    let template = VendorTemplate::new("welcome", data.as_object().expect("an object").clone());
    let template = Email::builder().from("shop@example.org").to("a@example.org").template(template);
    golden::sends("postmark/template", &provider(), &template.build().expect("valid"), [accepted()]).await;
    let readers = [mail().build().expect("valid"), mail().html("<p>Hi</p>").build().expect("valid")];
    golden::sends_batch("postmark/batch", &provider(), &readers, [batch(2)]).await;
    let sandbox = PostmarkConfig::new(KEY).sandbox().build().expect("valid");
    golden::sends("postmark/sandbox", &sandbox, &mail().build().expect("valid"), [accepted()]).await;
}
