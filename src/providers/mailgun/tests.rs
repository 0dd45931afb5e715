use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    Attachment, Certainty, ErrorKind, MessageId, TenantId,
    message::{ListUnsubscribe, VendorOption, VendorTemplate},
    testing::{self, HttpStep, ScriptedHttp},
};

fn mailgun() -> Mailgun {
    MailgunConfig::new("mg.x.org", "key").echo_key("k".to_owned()).build().expect("valid")
}

fn map(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn queued() -> HttpResponse {
    testing::answer(200, &[], r#"{"id":"<m@mg.x.org>","message":"Queued. Thank you."}"#)
}

/// Name, file's name, and value of each part.
fn parts(body: &[u8], content_type: &str) -> Vec<(String, Option<String>, String)> {
    let (_, boundary) = content_type.split_once("boundary=").expect("a boundary");
    let text = String::from_utf8_lossy(body).into_owned();
    let text = text.strip_suffix(&format!("\r\n--{boundary}--\r\n")).expect("the end").to_owned();
    let between = format!("\r\n--{boundary}\r\n");
    let parts = text.strip_prefix(&between[2..]).expect("the start").split(&*between);
    parts
        .map(|part| {
            let (head, value) = part.split_once("\r\n\r\n").expect("a head");
            let quoted = |after: &str| Some(head.split_once(after)?.1.split('"').next()?.to_owned());
            (quoted(" name=\"").expect("a name"), quoted("filename=\""), value.to_owned())
        })
        .collect()
}

/// Sends as a batch, each message under an id of its own.
async fn batch(emails: &[Email]) -> (Vec<Result<Receipt>>, Vec<Vec<(String, Option<String>, String)>>) {
    let script = ScriptedHttp::new().then_always([HttpStep::Answer(queued())]);
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    let ids = (1..).map(|n| MessageId::from_uuid(uuid::Uuid::from_u128(n)));
    let items: Vec<_> =
        emails.iter().zip(ids).map(|(email, id)| Outgoing::new(email, id, &TenantId::DEFAULT, "k")).collect();
    let results = mailgun().send_batch(&cx, &items).await;
    let requests = script.requests();
    let sent = requests.iter().map(|one| {
        let kind = one.request.headers()["content-type"].to_str().expect("a text").to_owned();
        parts(one.request.body(), &kind)
    });
    (results, sent.collect())
}

async fn form(email: &Email) -> Result<Vec<(String, Option<String>, String)>> {
    let (mut results, mut sent) = batch(std::slice::from_ref(email)).await;
    results.remove(0)?;
    Ok(sent.remove(0))
}

fn values<'a>(form: &'a [(String, Option<String>, String)], name: &str) -> Vec<&'a str> {
    form.iter().filter(|(field, ..)| field == name).map(|(.., value)| value.as_str()).collect()
}

#[tokio::test]
async fn a_mail_with_everything() {
    let email = Email::builder()
        .from("The Shop <shop@x.org>")
        .to("Ada <ada@x.org>")
        .to("bob@x.org")
        .cc("cy@x.org")
        .bcc("dan@x.org")
        .reply_to("help@x.org")
        .reply_to("Sales <sales@x.org>")
        .subject("Zwölf")
        .text("Hi")
        .html("<p>Hi</p>")
        .attach(Attachment::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid"))
        .attach(Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid"))
        .header("X-Own", "grüße")
        .tag("news")
        .tag("shop")
        .metadata("order", "7")
        .list_unsubscribe(ListUnsubscribe::url("https://x.org/u").expect("valid"))
        .option(VendorOption::new("mailgun", "sandbox", true))
        .option(VendorOption::new("mailgun", "tracking_opens", false));
    let form = form(&email.build().expect("valid")).await.expect("sent");
    for (name, expected) in [
        ("from", vec!["The Shop <shop@x.org>"]),
        ("to", vec!["Ada <ada@x.org>", "bob@x.org"]),
        ("cc", vec!["cy@x.org"]),
        ("bcc", vec!["dan@x.org"]),
        ("subject", vec!["Zwölf"]),
        ("text", vec!["Hi"]),
        ("html", vec!["<p>Hi</p>"]),
        ("h:Message-Id", vec!["<00000000-0000-0000-0000-000000000001.0@x.org>"]),
        ("h:Reply-To", vec!["help@x.org, Sales <sales@x.org>"]),
        ("h:X-Own", vec!["=?UTF-8?B?Z3LDvMOfZQ==?="]),
        ("h:List-Unsubscribe", vec!["<https://x.org/u>"]),
        ("o:tag", vec!["news", "shop"]),
        ("o:testmode", vec!["yes"]),
        ("o:tracking-opens", vec!["no"]),
        ("v:order", vec!["7"]),
        ("attachment", vec!["%PDF"]),
        ("inline", vec!["PNG"]),
        ("recipient-variables", vec![]),
    ] {
        assert_eq!(values(&form, name), expected, "{name}");
    }
    assert_eq!(values(&form, "v:tidings")[0].len(), 54);
    let names: Vec<_> = form.iter().filter_map(|(_, file, _)| file.as_deref()).collect();
    assert_eq!(names, ["a.pdf", "logo"]);
}

#[tokio::test]
async fn a_template_takes_any_data_unless_each_has_their_own() {
    let template = VendorTemplate::new("welcome", map(json!({"shop": "x", "list": [1]})));
    let start = || Email::builder().from("s@x.org").to("a@x.org");
    let sent = form(&start().template(template).build().expect("valid")).await.expect("sent");
    assert_eq!(values(&sent, "template"), ["welcome"]);
    let data: Value = serde_json::from_str(values(&sent, "t:variables")[0]).expect("JSON");
    assert_eq!(data, json!({"shop": "x", "list": [1]}));

    let template = VendorTemplate::new("welcome", map(json!({"shop": "x"})));
    let email = start().to("b@x.org").template(template).merge("a@x.org", map(json!({"n": 7})));
    let sent = form(&email.build().expect("valid")).await.expect("sent");
    assert_eq!(values(&sent, "v:n"), ["%recipient.n%"]);
    assert_eq!(values(&sent, "v:shop"), ["%recipient.shop%"]);
    let each: Value = serde_json::from_str(values(&sent, "recipient-variables")[0]).expect("JSON");
    assert_eq!((&each["a@x.org"]["n"], &each["b@x.org"]["n"]), (&json!("7"), &json!("")));
    assert_eq!(each["b@x.org"]["shop"], "x");
    assert_ne!(each["a@x.org"]["tidings"], each["b@x.org"]["tidings"]);
}

#[tokio::test]
async fn messages_of_one_content_share_a_call() {
    let news = |to: &str, text: &str| {
        Email::builder().from("s@x.org").to(to).subject("s").text(text).build().expect("valid")
    };
    let copies = Email::builder().from("s@x.org").to("d@x.org").cc("e@x.org").subject("s").text("1");
    let emails = [
        news("a@x.org", "1"),
        news("b@x.org", "1"),
        // The second to one address: variables are kept by address.
        news("a@x.org", "1"),
        copies.build().expect("valid"),
        news("c@x.org", "%recipient.x%"),
        news("f@x.org", "%recipient.x%"),
    ];
    let (results, sent) = batch(&emails).await;
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|r| r.accepted_count() > 0)));
    let readers: Vec<_> = sent.iter().map(|form| values(form, "to")).collect();
    let apart =
        [vec!["a@x.org", "b@x.org"], vec!["a@x.org"], vec!["d@x.org"], vec!["c@x.org"], vec!["f@x.org"]];
    assert_eq!(readers, apart);
    assert!(values(&sent[0], "h:Message-Id").is_empty());
    assert_eq!(values(&sent[0], "v:tidings"), ["%recipient.tidings%"]);
    assert_eq!(results[1].as_ref().expect("sent").outcomes[0].vendor_id(), Some("m@mg.x.org"));
}

#[tokio::test]
async fn what_mailgun_would_lose_is_refused_by_name() {
    let start = || Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t");
    let file = Attachment::new("a.txt", "text/plain", &b"a"[..]).expect("valid");
    let template = || VendorTemplate::new("t", map(json!({})));
    let tags = (0..11).fold(start(), |email, n| email.tag(n.to_string()));
    let cases = [
        (Email::builder().from("s@x.org").cc("a@x.org").text("t"), "to"),
        (start().cc("c@x.org").merge("a@x.org", map(json!({"x": 1}))), "cc"),
        (Email::builder().from("s@x.org").to("a@x.org").attach(file), "text"),
        (start().html("x").template(template()), "html"),
        (Email::builder().from("ü@x.org").to("a@x.org").text("t"), "from"),
        (Email::builder().from("s@x.org").to("a@x.org").text("t"), "subject"),
        (tags, "tags"),
        (start().tag("ü"), "tags"),
        (start().metadata("tidings", "x"), "metadata[\"tidings\"]"),
        (start().metadata("a", "x".repeat(16_384)), "metadata"),
        (start().merge("a@x.org", map(json!({"x": [1]}))), "merge[\"x\"]"),
        (start().merge("a@x.org", map(json!({"tidings": 1}))), "merge[\"tidings\"]"),
        (
            start().template(template()).metadata("x", "1").merge("a@x.org", map(json!({"x": 1}))),
            "merge[\"x\"]",
        ),
        (start().header("X-Mailgun-Variables", "{}"), "headers[\"X-Mailgun-Variables\"]"),
    ];
    for (email, field) in cases {
        let error = form(&email.build().expect("valid elsewhere")).await.expect_err(field);
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
}

#[tokio::test]
async fn the_check_is_refused_for_the_missing_sender_only() {
    let table = [
        (400, r#"{"message":"from parameter is missing"}"#, None),
        (200, "Mailgun Magnificent API", Some(ErrorKind::Protocol)),
        (400, "<html>", Some(ErrorKind::InvalidMessage)),
        (401, "Forbidden", Some(ErrorKind::Auth)),
        (404, r#"{"message":"Domain not found: mg.x.org"}"#, Some(ErrorKind::Config)),
    ];
    for (status, body, expected) in table {
        let script = ScriptedHttp::new().then(HttpStep::Answer(testing::answer(status, &[], body)));
        let cx = CallContext::default().with_http(Arc::new(script.clone()));
        let checked = mailgun().check(&cx).await;
        assert_eq!(checked.err().map(|error| error.kind()), expected, "{body}");
        assert_eq!(script.requests()[0].request.uri().path(), "/v3/mg.x.org/messages");
    }
}

#[tokio::test]
async fn a_greeting_in_place_of_an_answer_is_unknown() {
    let script =
        ScriptedHttp::new().then(HttpStep::Answer(testing::answer(200, &[], "Mailgun Magnificent API")));
    let cx = CallContext::default().with_http(Arc::new(script));
    let email = Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t").build().expect("valid");
    let item = Outgoing::new(&email, MessageId::from_uuid(uuid::Uuid::from_u128(1)), &TenantId::DEFAULT, "k");
    let error = mailgun().send(&cx, item).await.expect_err("no id");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Certainty::Unknown));
}
