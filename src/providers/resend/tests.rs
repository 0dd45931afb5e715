use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    Attachment, Certainty, ErrorKind, MessageId, TenantId,
    http::HttpResponse,
    message::{Builder, VendorOption, VendorTemplate},
    testing::{self, HttpStep, ScriptedHttp},
};

fn resend() -> Resend {
    ResendConfig::new("re_key").echo_key("k".to_owned()).build().expect("valid")
}

fn map(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    testing::answer(status, &[("content-type", "application/json")], body.to_string())
}

fn start() -> Builder<Email> {
    Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t")
}

/// A request's path, idempotency key and body.
type Sent = (String, String, Value);

/// Sends as a batch, each message under an id and a key of its own.
async fn batch(
    emails: &[Email],
    answers: &[HttpResponse],
    generation: u32,
) -> (Vec<Result<Receipt>>, Vec<Sent>) {
    let steps = answers.iter().cloned().map(HttpStep::Answer);
    let script = steps.fold(ScriptedHttp::new(), ScriptedHttp::then);
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    let keys: Vec<_> = (0..emails.len()).map(|n| format!("key-{n}")).collect();
    let item = |(email, (n, key)): (_, (usize, _))| {
        let id = MessageId::from_uuid(uuid::Uuid::from_u128(n as u128 + 1));
        Outgoing::new(email, id, &TenantId::DEFAULT, key).with_generation(generation)
    };
    let keyed = keys.iter().map(String::as_str).enumerate();
    let items: Vec<_> = emails.iter().zip(keyed).map(item).collect();
    let results = resend().send_batch(&cx, &items).await;
    let requests = script.requests();
    let sent = requests.iter().map(|one| {
        let key = one.request.headers()["idempotency-key"].to_str().expect("a text").to_owned();
        let body = serde_json::from_slice(one.request.body()).expect("JSON");
        (one.request.uri().path().to_owned(), key, body)
    });
    (results, sent.collect())
}

async fn sent(email: &Email) -> Result<Value> {
    let (mut results, mut sent) =
        batch(std::slice::from_ref(email), &[answer(200, &json!({"id": "m"}))], 0).await;
    results.remove(0)?;
    Ok(sent.remove(0).2)
}

#[tokio::test]
async fn a_mail_with_everything() {
    let email = start()
        .to("Bob <b@x.org>")
        .cc("c@x.org")
        .bcc("d@x.org")
        .reply_to("help@x.org")
        .html("<p>t</p>")
        .attach(Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid"))
        .header("X-Own", "1")
        .tag("news")
        .metadata("order", "7")
        .option(VendorOption::new("resend", "scheduled_at", "2026-11-20T21:07:00Z"))
        .option(VendorOption::new("resend", "topic_id", "t1"));
    let mut body = sent(&email.build().expect("valid")).await.expect("sent");
    assert_eq!(body["tags"][2]["value"].take().as_str().map(str::len), Some(54));
    assert_eq!(
        body,
        json!({
            "from": "s@x.org",
            "to": ["a@x.org", "Bob <b@x.org>"],
            "cc": ["c@x.org"],
            "bcc": ["d@x.org"],
            "reply_to": ["help@x.org"],
            "subject": "s",
            "text": "t",
            "html": "<p>t</p>",
            "headers": {"X-Own": "1"},
            "attachments": [
                {"content": "UE5H", "filename": "l.png", "content_type": "image/png", "content_id": "logo"},
            ],
            "tags": [
                {"name": "news", "value": "true"},
                {"name": "order", "value": "7"},
                {"name": "tidings", "value": null},
            ],
            "scheduled_at": "2026-11-20T21:07:00Z",
            "topic_id": "t1",
        })
    );
}

#[tokio::test]
async fn a_batch_names_the_bad_and_takes_the_good() {
    let emails = [
        start().build().expect("valid"),
        start().to("b@x.org").build().expect("valid"),
        start()
            .attach(Attachment::new("a.txt", "text/plain", &b"a"[..]).expect("valid"))
            .build()
            .expect("valid"),
        start().build().expect("valid"),
    ];
    let answers = [
        answer(200, &json!({"id": "m2"})),
        answer(
            200,
            &json!({"data": [{"id": "m1"}, {"id": "m3"}],
            "errors": [{"index": 0, "message": "Invalid `to` field."}]}),
        ),
    ];
    let (results, sent) = batch(&emails, &answers, 0).await;
    assert_eq!((sent[0].0.as_str(), sent[0].1.as_str()), ("/emails", "key-2"));
    assert_eq!((sent[1].0.as_str(), sent[1].1.len()), ("/emails/batch", 64));
    assert_eq!(sent[1].2.as_array().map(Vec::len), Some(3));
    assert_eq!(results[0].as_ref().expect_err("bad").kind(), ErrorKind::InvalidRecipient);
    let ids: Vec<_> =
        results[1..].iter().map(|r| r.as_ref().expect("taken").outcomes[0].vendor_id()).collect();
    assert_eq!(ids, [Some("m1"), Some("m2"), Some("m3")]);
}

#[tokio::test]
async fn keys_are_the_same_for_the_same_mails_and_other_for_replays() {
    let emails: Vec<_> = (0..2).map(|_| start().build().expect("valid")).collect();
    let two = answer(200, &json!({"data": [{"id": "a"}, {"id": "b"}]}));
    let one = answer(200, &json!({"id": "a"}));
    let mut keys = Vec::new();
    for (emails, answer, generation) in [
        (&emails[..], &two, 0),
        (&emails[..], &two, 0),
        (&emails[..], &two, 1),
        (&emails[..1], &one, 0),
        (&emails[..1], &one, 1),
    ] {
        keys.push(batch(emails, std::slice::from_ref(answer), generation).await.1.remove(0).1);
    }
    assert_eq!(keys[0], keys[1]);
    assert_ne!(keys[0], keys[2]);
    assert_eq!((keys[3].as_str(), keys[4].as_str()), ("key-0", "key-0.1"));
}

#[tokio::test]
async fn data_per_recipient_make_one_mail_each() {
    let template = VendorTemplate::new("welcome", map(json!({"shop": "x", "n": 1})));
    let email = Email::builder().from("s@x.org").to("a@x.org").to("b@x.org").template(template);
    let email = email.merge("b@x.org", map(json!({"n": 2}))).build().expect("valid");
    let both = answer(200, &json!({"data": [{"id": "m1"}, {"id": "m2"}]}));
    let (mut results, sent) = batch(&[email], &[both], 0).await;
    let receipt = results.remove(0).expect("taken");
    let ids: Vec<_> = receipt.outcomes.iter().map(|outcome| outcome.vendor_id()).collect();
    assert_eq!(ids, [Some("m1"), Some("m2")]);
    let templates: Vec<_> =
        sent[0].2.as_array().expect("a list").iter().map(|one| &one["template"]).collect();
    let expected = [
        json!({"id": "welcome", "variables": {"shop": "x", "n": 1}}),
        json!({"id": "welcome", "variables": {"shop": "x", "n": 2}}),
    ];
    assert_eq!(templates, expected.iter().collect::<Vec<_>>());
}

#[tokio::test]
async fn answers_that_do_not_fit_the_call_are_unknown() {
    let emails = [start().build().expect("valid"), start().build().expect("valid")];
    for body in [
        json!({"data": [{"id": "m"}]}),
        json!({"id": "m"}),
        json!({"data": [{"id": "m"}, {"id": ""}]}),
        json!({"data": [{"id": "m"}], "errors": [{"index": 7, "message": "x"}]}),
        json!([]),
    ] {
        let (results, _) = batch(&emails, &[answer(200, &body)], 0).await;
        for result in results {
            let error = result.expect_err("no id");
            assert_eq!(
                (error.kind(), error.certainty()),
                (ErrorKind::Protocol, Certainty::Unknown),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn what_resend_would_lose_is_refused_by_name() {
    let bare = || Email::builder().from("s@x.org").to("a@x.org");
    let template = |data| VendorTemplate::new("t", map(data));
    let cases = [
        (Email::builder().from("s@x.org").cc("a@x.org").subject("s").text("t"), "to"),
        (bare().template(template(json!({}))).cc("c@x.org").merge("a@x.org", map(json!({"x": 1}))), "cc"),
        (start().merge("a@x.org", map(json!({"x": 1}))), "merge"),
        (bare().text("t"), "subject"),
        (bare().subject("s").text(""), "text"),
        (start().template(template(json!({}))), "text"),
        (bare().template(template(json!({"x": [1]}))), "template.data[\"x\"]"),
        (Email::builder().from("ü@x.org").to("a@x.org").subject("s").text("t"), "from"),
        (start().cc("ü@x.org"), "cc"),
        (start().tag("a b"), "tags[0]"),
        (start().tag("a").tag("a"), "tags[1]"),
        (start().metadata("order", "7 of 9"), "metadata[\"order\"]"),
        (start().metadata("tidings", "x"), "metadata[\"tidings\"]"),
        (start().tag("a").metadata("a", "x"), "metadata[\"a\"]"),
    ];
    for (email, field) in cases {
        let error = sent(&email.build().expect("valid elsewhere")).await.expect_err(field);
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
}

#[tokio::test]
async fn a_key_that_may_only_send_is_good() {
    let error = |name: &str| json!({"statusCode": 401, "name": name, "message": "x"});
    let table = [
        (200, json!({"data": []}), None),
        (401, error("restricted_api_key"), None),
        (401, error("missing_api_key"), Some(ErrorKind::Auth)),
        (200, json!({}), Some(ErrorKind::Protocol)),
    ];
    for (status, body, expected) in table {
        let script = ScriptedHttp::new().then(HttpStep::Answer(answer(status, &body)));
        let cx = CallContext::default().with_http(Arc::new(script.clone()));
        let checked = resend().check(&cx).await;
        assert_eq!(checked.err().map(|error| error.kind()), expected, "{body}");
        assert_eq!(script.requests()[0].request.uri().path(), "/domains");
    }
}
