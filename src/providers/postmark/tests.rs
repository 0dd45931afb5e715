use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    Attachment, Certainty, ErrorKind, MessageId, TenantId,
    http::HttpResponse,
    message::{Builder, VendorOption, VendorTemplate},
    testing::{self, HttpStep, ScriptedHttp},
};

fn postmark() -> Postmark {
    PostmarkConfig::new("token").echo_key("k".to_owned()).build().expect("valid")
}

fn map(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    testing::answer(status, &[("content-type", "application/json")], body.to_string())
}

fn ok(id: &str) -> Value {
    json!({"To": "x", "SubmittedAt": "2026-01-01T00:00:00Z", "MessageID": id, "ErrorCode": 0, "Message": "OK"})
}

fn start() -> Builder<Email> {
    Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t")
}

/// Sends as a batch, each message under an id of its own; the requests' paths, tokens and bodies.
async fn batch(
    emails: &[Email],
    answers: &[HttpResponse],
) -> (Vec<Result<Receipt>>, Vec<(String, String, Value)>) {
    let steps = answers.iter().cloned().map(HttpStep::Answer);
    let script = steps.fold(ScriptedHttp::new(), ScriptedHttp::then);
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    let ids = (1..).map(|n| MessageId::from_uuid(uuid::Uuid::from_u128(n)));
    let items: Vec<_> =
        emails.iter().zip(ids).map(|(email, id)| Outgoing::new(email, id, &TenantId::DEFAULT, "k")).collect();
    let results = postmark().send_batch(&cx, &items).await;
    let requests = script.requests();
    let sent = requests.iter().map(|one| {
        let token = one.request.headers()["x-postmark-server-token"].to_str().expect("a text").to_owned();
        let body = serde_json::from_slice(one.request.body()).expect("JSON");
        (one.request.uri().path().to_owned(), token, body)
    });
    (results, sent.collect())
}

async fn sent(email: &Email) -> Result<Value> {
    let (mut results, mut sent) = batch(std::slice::from_ref(email), &[answer(200, &ok("m"))]).await;
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
        .option(VendorOption::new("postmark", "track_opens", true))
        .option(VendorOption::new("postmark", "track_links", "HtmlOnly"))
        .option(VendorOption::new("postmark", "message_stream", "broadcast"));
    let mut body = sent(&email.build().expect("valid")).await.expect("sent");
    let token = body["Metadata"]["tidings"].take();
    assert_eq!(token.as_str().map(str::len), Some(54));
    assert_eq!(
        body,
        json!({
            "From": "s@x.org",
            "To": "a@x.org, Bob <b@x.org>",
            "Cc": "c@x.org",
            "Bcc": "d@x.org",
            "ReplyTo": "help@x.org",
            "Subject": "s",
            "TextBody": "t",
            "HtmlBody": "<p>t</p>",
            "Tag": "news",
            "Headers": [
                {"Name": "Message-ID", "Value": "<00000000-0000-0000-0000-000000000001.0@x.org>"},
                {"Name": "X-PM-KeepID", "Value": "true"},
                {"Name": "X-Own", "Value": "1"},
            ],
            "Metadata": {"order": "7", "tidings": null},
            "Attachments": [
                {"Name": "l.png", "Content": "UE5H", "ContentType": "image/png", "ContentID": "cid:logo"},
            ],
            "TrackOpens": true,
            "TrackLinks": "HtmlOnly",
            "MessageStream": "broadcast",
        })
    );
}

#[tokio::test]
async fn kinds_of_mails_go_by_calls_of_their_own_and_each_has_its_verdict() {
    let template = |id: &str| VendorTemplate::new(id, map(json!({"n": 1})));
    let lone = || Email::builder().from("s@x.org").to("a@x.org");
    let emails = [
        start().build().expect("valid"),
        lone().template(template("1234")).build().expect("valid"),
        start().to("b@x.org").build().expect("valid"),
        lone()
            .to("b@x.org")
            .template(template("hello"))
            .merge("b@x.org", map(json!({"n": 2})))
            .build()
            .expect("valid"),
        start().option(VendorOption::new("postmark", "sandbox", true)).build().expect("valid"),
    ];
    let inactive =
        json!({"ErrorCode": 406, "Message": "Found inactive addresses: a@x.org.\nInactive recipients are"});
    let answers = [
        answer(200, &json!([ok("m0"), inactive])),
        answer(200, &ok("m4")),
        answer(200, &json!([ok("m1"), ok("m3a"), ok("m3b")])),
    ];
    let (results, sent) = batch(&emails, &answers).await;
    let calls: Vec<_> = sent.iter().map(|(path, token, _)| (path.as_str(), token.as_str())).collect();
    assert_eq!(
        calls,
        [("/email/batch", "token"), ("/email", "POSTMARK_API_TEST"), ("/email/batchWithTemplates", "token"),]
    );
    let models: Vec<_> =
        sent[2].2["Messages"].as_array().expect("a list").iter().map(|one| &one["TemplateModel"]).collect();
    assert_eq!(models, [&json!({"n": 1}), &json!({"n": 1}), &json!({"n": 2})]);
    assert_eq!(
        (&sent[2].2["Messages"][0]["TemplateId"], &sent[2].2["Messages"][1]["TemplateAlias"]),
        (&json!(1234), &json!("hello"))
    );
    let ids: Vec<Vec<_>> = results
        .iter()
        .map(|result| match result {
            Ok(receipt) => {
                receipt.outcomes.iter().map(|outcome| outcome.vendor_id().unwrap_or("none")).collect()
            }
            Err(error) => vec![error.kind().as_str()],
        })
        .collect();
    assert_eq!(ids, [vec!["m0"], vec!["m1"], vec!["suppressed"], vec!["m3a", "m3b"], vec!["m4"]]);
}

#[tokio::test]
async fn inactive_addresses_of_a_mail_that_was_taken_are_left_out() {
    let mut verdict = ok("m");
    verdict["Message"] =
        "Message OK, but will not deliver to these inactive addresses: b@x.org. Inactive recipients are"
            .into();
    let email = start().to("B@x.org").build().expect("valid");
    let (mut results, _) = batch(&[email], &[answer(200, &verdict)]).await;
    let receipt = results.remove(0).expect("one was accepted");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("m"));
    assert_eq!(receipt.outcomes[1].error().map(crate::Error::kind), Some(ErrorKind::Suppressed));
}

#[tokio::test]
async fn a_call_takes_five_hundred_mails_and_those_to_many_go_alone() {
    let emails: Vec<_> = (0..1_001).map(|_| start().build().expect("valid")).collect();
    let many = |count: usize| answer(200, &Value::from(vec![ok("m"); count]));
    let (results, sent) = batch(&emails, &[many(500), many(500), answer(200, &ok("m"))]).await;
    assert!(results.len() == 1_001 && results.iter().all(Result::is_ok));
    let sizes: Vec<_> = sent.iter().map(|(.., body)| body.as_array().map(Vec::len)).collect();
    assert_eq!(sizes, [Some(500), Some(500), None]);
    let to_many = (0..20).fold(start(), |email, n| email.to(format!("b{n}@x.org"))).build().expect("valid");
    let (_, sent) = batch(&[to_many.clone(), to_many], &[answer(200, &ok("m")), answer(200, &ok("m"))]).await;
    assert_eq!(sent.len(), 2);
}

#[tokio::test]
async fn answers_that_do_not_fit_the_call_are_unknown() {
    let emails = [start().build().expect("valid"), start().build().expect("valid")];
    for body in [json!([ok("m")]), json!({}), ok("m"), json!([ok("m"), {}]), json!([])] {
        let (results, _) = batch(&emails, &[answer(200, &body)]).await;
        for result in results {
            let error = result.expect_err("no verdict");
            assert_eq!(
                (error.kind(), error.certainty()),
                (ErrorKind::Protocol, Certainty::Unknown),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn what_postmark_would_lose_is_refused_by_name() {
    let bare = || Email::builder().from("s@x.org").to("a@x.org");
    let file = Attachment::new("a.txt", "text/plain", &b"a"[..]).expect("valid");
    let template = || VendorTemplate::new("t", map(json!({})));
    let many = (0..10).fold(start(), |email, n| email.metadata(n.to_string(), "x"));
    let cases = [
        (Email::builder().from("s@x.org").cc("a@x.org").text("t"), "to"),
        (bare().template(template()).cc("c@x.org").merge("a@x.org", map(json!({"x": 1}))), "cc"),
        (start().merge("a@x.org", map(json!({"x": 1}))), "merge"),
        (bare().attach(file), "text"),
        (bare().html("x".repeat(5_000_001)), "html"),
        (bare().subject("s").template(template()), "subject"),
        (bare().html("x").template(template()), "html"),
        (Email::builder().from("ü@x.org").to("a@x.org").text("t"), "from"),
        (start().cc("ü@x.org"), "cc[0]"),
        (start().tag("a").tag("b"), "tags"),
        (many, "metadata"),
        (start().metadata("x".repeat(21), "x"), "metadata[\"xxxxxxxxxxxxxxxxxxxxx\"]"),
        (start().metadata("x", "x".repeat(81)), "metadata[\"x\"]"),
        (start().metadata("A", "1").metadata("a", "2"), "metadata[\"a\"]"),
        (start().metadata("Tidings", "1"), "metadata[\"Tidings\"]"),
        (start().header("X-PM-KeepID", "false"), "headers[\"X-PM-KeepID\"]"),
        (
            start().option(VendorOption::new("postmark", "inline_css", true)),
            "options[\"postmark.inline_css\"]",
        ),
    ];
    for (email, field) in cases {
        let error = sent(&email.build().expect("valid elsewhere")).await.expect_err(field);
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
}

#[tokio::test]
async fn the_check_reads_the_server() {
    let table = [
        (200, json!({"ID": 1, "Name": "Shop"}), None),
        (200, json!({}), Some(ErrorKind::Protocol)),
        (401, json!({"ErrorCode": 10, "Message": "Bad or missing API token"}), Some(ErrorKind::Auth)),
    ];
    for (status, body, expected) in table {
        let script = ScriptedHttp::new().then(HttpStep::Answer(answer(status, &body)));
        let cx = CallContext::default().with_http(Arc::new(script.clone()));
        let checked = postmark().check(&cx).await;
        assert_eq!(checked.err().map(|error| error.kind()), expected, "{body}");
        assert_eq!(script.requests()[0].request.uri().path(), "/server");
    }
}
