use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    Attachment, Certainty, ErrorKind, MessageId, TenantId,
    message::{Builder, VendorOption, VendorTemplate},
    testing::{self, HttpStep, ScriptedHttp},
};

fn brevo() -> Brevo {
    BrevoConfig::new("xkeysib-key").echo_key("k".to_owned()).build().expect("valid")
}

fn map(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    testing::answer(status, &[("content-type", "application/json")], body.to_string())
}

fn start() -> Builder<Email> {
    Email::builder().from("s@x.org").to("a@x.org").subject("s").html("<p>t</p>")
}

fn file(name: &str) -> Attachment {
    Attachment::new(name, "application/octet-stream", &b"abc"[..]).expect("valid")
}

/// Sends as a batch, each message under an id of its own.
async fn batch(emails: &[Email], answers: &[HttpResponse]) -> (Vec<Result<Receipt>>, Vec<Value>) {
    let steps = answers.iter().cloned().map(HttpStep::Answer);
    let script = steps.fold(ScriptedHttp::new(), ScriptedHttp::then);
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    let ids = (1..).map(|n| MessageId::from_uuid(uuid::Uuid::from_u128(n)));
    let items: Vec<_> =
        emails.iter().zip(ids).map(|(email, id)| Outgoing::new(email, id, &TenantId::DEFAULT, "k")).collect();
    let results = brevo().send_batch(&cx, &items).await;
    let requests = script.requests();
    let sent = requests.iter().map(|one| serde_json::from_slice(one.request.body()).expect("JSON"));
    (results, sent.collect())
}

async fn sent(email: &Email) -> Result<Value> {
    let one = answer(201, &json!({"messageId": "<m@relay>"}));
    let (mut results, mut sent) = batch(std::slice::from_ref(email), &[one]).await;
    results.remove(0)?;
    Ok(sent.remove(0))
}

/// Takes the custom header apart; the token is left as its length.
fn custom(headers: &mut Value) -> Value {
    let text = headers["X-Mailin-custom"].take();
    let mut custom: Value = serde_json::from_str(text.as_str().expect("a text")).expect("JSON");
    custom["tidings"] = custom["tidings"].as_str().map(str::len).into();
    custom
}

#[tokio::test]
async fn a_mail_with_everything() {
    let email = start()
        .to("\"Bö, b\" <b@x.org>")
        .cc("c@x.org")
        .bcc("d@x.org")
        .reply_to("Help <help@x.org>")
        .text("t")
        .attach(file("a.PDF"))
        .header("X-Own", "1")
        .tag("news")
        .metadata("order", "7")
        .option(VendorOption::new("brevo", "sandbox", true))
        .option(VendorOption::new("brevo", "scheduled_at", "2026-11-20T21:07:00Z"))
        .option(VendorOption::new("brevo", "batch_id", "b1"));
    let mut body = sent(&email.build().expect("valid")).await.expect("sent");
    assert_eq!(custom(&mut body["headers"]), json!({"order": "7", "tidings": 54}));
    assert_eq!(
        body,
        json!({
            "sender": {"email": "s@x.org"},
            "to": [{"email": "a@x.org"}, {"email": "b@x.org", "name": "=?UTF-8?B?QsO2LCBi?="}],
            "cc": [{"email": "c@x.org"}],
            "bcc": [{"email": "d@x.org"}],
            "replyTo": {"email": "help@x.org", "name": "Help"},
            "subject": "s",
            "htmlContent": "<p>t</p>",
            "textContent": "t",
            "attachment": [{"name": "a.PDF", "content": "YWJj"}],
            "tags": ["news"],
            "headers": {"X-Own": "1", "X-Sib-Sandbox": "drop", "X-Mailin-custom": null},
            "scheduledAt": "2026-11-20T21:07:00Z",
            "batchId": "b1",
        })
    );
}

#[tokio::test]
async fn messages_of_one_content_are_versions_of_one_mail() {
    let news = |to: &str, html: &str, order: &str| {
        let email = Email::builder().from("s@x.org").to(to).subject("s").html(html);
        email.metadata("order", order).build().expect("valid")
    };
    let emails = [news("a@x.org", "1", "1"), news("b@x.org", "2", "2"), news("c@x.org", "1", "3")];
    let both = answer(201, &json!({"messageIds": ["<m1@relay>", "<m3@relay>"]}));
    let (results, mut sent) = batch(&emails, &[both, answer(201, &json!({"messageId": "<m2@relay>"}))]).await;
    let ids: Vec<_> = results.iter().map(|r| r.as_ref().expect("taken").outcomes[0].vendor_id()).collect();
    assert_eq!(ids, [Some("m1@relay"), Some("m2@relay"), Some("m3@relay")]);
    assert_eq!((sent[0].get("to"), sent[1].get("messageVersions")), (None, None));
    let versions = sent[0]["messageVersions"].as_array_mut().expect("a list");
    for (version, (to, order)) in versions.iter_mut().zip([("a@x.org", "1"), ("c@x.org", "3")]) {
        assert_eq!(version["to"], json!([{"email": to}]));
        assert_eq!(custom(&mut version["headers"]), json!({"order": order, "tidings": 54}));
    }
}

#[tokio::test]
async fn data_per_recipient_lie_over_the_templates() {
    let template = VendorTemplate::new("7", map(json!({"shop": "x", "n": 1})));
    let email = Email::builder().to("a@x.org").to("b@x.org").template(template);
    let email = email.merge("b@x.org", map(json!({"n": [2]}))).build().expect("valid");
    let both = answer(201, &json!({"messageIds": ["<m1>", "<m2>"]}));
    let (mut results, sent) = batch(&[email], &[both]).await;
    assert_eq!(results.remove(0).expect("taken").accepted_count(), 2);
    assert_eq!((&sent[0]["templateId"], sent[0].get("sender")), (&json!(7), None));
    let params: Vec<_> =
        sent[0]["messageVersions"].as_array().expect("a list").iter().map(|one| &one["params"]).collect();
    assert_eq!(params, [&json!({"shop": "x", "n": 1}), &json!({"shop": "x", "n": [2]})]);
}

#[tokio::test]
async fn answers_that_do_not_fit_the_call_are_unknown() {
    let emails = [start().build().expect("valid"), start().build().expect("valid")];
    for (status, body) in [
        (201, json!({"messageIds": ["<m>"]})),
        (201, json!({"messageId": "<m>"})),
        (201, json!({"messageIds": ["<m>", "<>"]})),
        (201, json!({})),
        (200, json!({"messageIds": ["<m>", "<n>"]})),
    ] {
        let (results, _) = batch(&emails, &[answer(status, &body)]).await;
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
async fn what_brevo_would_lose_is_refused_by_name() {
    let bare = || Email::builder().from("s@x.org").to("a@x.org");
    let template = |id: &str| VendorTemplate::new(id, map(json!({})));
    let cases = [
        (Email::builder().from("s@x.org").cc("a@x.org").subject("s").html("t"), "to"),
        (start().bcc("c@x.org").merge("a@x.org", map(json!({"x": 1}))), "bcc"),
        (start().reply_to("a@x.org").reply_to("b@x.org"), "reply_to"),
        (bare().html("t"), "subject"),
        (bare().subject("s").text("t"), "html"),
        (start().template(template("7")), "html"),
        (bare().text("t").template(template("7")), "text"),
        (bare().template(template("seven")), "template.id"),
        (Email::builder().to("a@x.org").subject("s").html("t"), "from"),
        (start().attach(file("a.exe")), "attachments[0].name"),
        (start().header("X-A", "ü"), "headers[\"X-A\"]"),
        (start().header("X-Sib-Sandbox", "x"), "headers[\"X-Sib-Sandbox\"]"),
        (start().metadata("a", "ü"), "metadata[\"a\"]"),
        (start().metadata("tidings", "x"), "metadata[\"tidings\"]"),
    ];
    for (email, field) in cases {
        let error = sent(&email.build().expect("valid elsewhere")).await.expect_err(field);
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
}

#[tokio::test]
async fn the_check_reads_the_account() {
    let table = [
        (200, json!({"email": "s@x.org"}), None),
        (200, json!({}), Some(ErrorKind::Protocol)),
        (401, json!({"code": "unauthorized", "message": "Key not found"}), Some(ErrorKind::Auth)),
    ];
    for (status, body, expected) in table {
        let script = ScriptedHttp::new().then(HttpStep::Answer(answer(status, &body)));
        let cx = CallContext::default().with_http(Arc::new(script.clone()));
        let checked = brevo().check(&cx).await;
        assert_eq!(checked.err().map(|error| error.kind()), expected, "{body}");
        assert_eq!(script.requests()[0].request.uri().path(), "/v3/account");
    }
}
