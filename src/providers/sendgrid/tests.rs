use std::sync::Arc;

use serde_json::{Value, json};

use super::*;
use crate::{
    Attachment, ErrorKind, Mailbox, MessageId, TenantId,
    error::Certainty,
    http::HttpResponse,
    message::{ListUnsubscribe, Priority, VendorOption, VendorTemplate},
    testing::{self, HttpStep, ScriptedHttp},
};

fn script(answer: HttpResponse) -> (ScriptedHttp, CallContext) {
    let script = ScriptedHttp::new().then(HttpStep::Answer(answer));
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    (script, cx)
}

fn answer(status: u16, body: &str) -> HttpResponse {
    testing::answer(status, &[("x-message-id", "abc")], body.to_owned())
}

fn id() -> MessageId {
    "0199f5a8-0000-7000-8000-000000000001".parse().expect("a UUID")
}

/// The token of this message at the key `k`.
fn token(recipient: Option<u32>) -> String {
    let key = EchoKey::derive(&"k".to_owned().into());
    key.sign(&crate::providers::echo::Echo { message: id(), recipient, generation: 0 })
}

fn sendgrid() -> SendGrid {
    SendGridConfig::new("SG.key").echo_key("k".to_owned()).build().expect("valid")
}

fn body(email: &Email) -> Result<Value> {
    let item = Outgoing::new(email, id(), &TenantId::DEFAULT, "key");
    let wishes = options::Wishes::read(email, false)?;
    let bytes = mail::body(&item, &wishes, sendgrid().echo.as_ref())?;
    Ok(serde_json::from_slice(&bytes).expect("JSON"))
}

fn map(value: Value) -> serde_json::Map<String, Value> {
    value.as_object().expect("an object").clone()
}

#[test]
fn a_plain_mail() {
    let email = Email::builder().from("shop@x.org").to("ada@x.org").subject("Hi").text("Text");
    assert_eq!(
        body(&email.build().expect("valid")).expect("a body"),
        json!({
            "personalizations": [{"to": [{"email": "ada@x.org"}], "custom_args": {"tidings": token(Some(0))}}],
            "from": {"email": "shop@x.org"},
            "subject": "Hi",
            "content": [{"type": "text/plain", "value": "Text"}],
            "headers": {"Message-ID": "<0199f5a8-0000-7000-8000-000000000001.0@x.org>"},
        })
    );
}

#[test]
fn a_mail_with_everything() {
    let email = Email::builder()
        .from("The Shop <shop@x.org>")
        .to("Ada <ada@x.org>")
        .to("bob@x.org")
        .cc("Cy <cy@x.org>")
        .bcc("dan@x.org")
        .reply_to("help@x.org")
        .reply_to("Sales <sales@x.org>")
        .subject("Zwölf")
        .html("<p>Hi</p>")
        .text("Hi")
        .attach(Attachment::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid"))
        .attach(Attachment::inline("logo", "l.png", "image/png", &b"PNG"[..]).expect("valid"))
        .header("X-Own", "grüße")
        .priority(Priority::High)
        .tag("news")
        .metadata("order", "7")
        .list_unsubscribe(ListUnsubscribe::one_click("https://x.org/u").expect("valid"))
        .option(VendorOption::new("sendgrid", "asm_group_id", 5))
        .option(VendorOption::new("sendgrid", "asm_groups_to_display", json!([5, 6])))
        .option(VendorOption::new("sendgrid", "batch_id", "b1"))
        .option(VendorOption::new("sendgrid", "click_tracking", false))
        .option(VendorOption::new("sendgrid", "ip_pool_name", "pool"))
        .option(VendorOption::new("sendgrid", "open_tracking", true))
        .option(VendorOption::new("sendgrid", "sandbox", true))
        .option(VendorOption::new("sendgrid", "send_at", 1_700_000_000))
        .build()
        .expect("valid");
    assert_eq!(
        body(&email).expect("a body"),
        json!({
            "personalizations": [{
                "to": [{"email": "ada@x.org", "name": "Ada"}, {"email": "bob@x.org"}],
                "cc": [{"email": "cy@x.org", "name": "Cy"}],
                "bcc": [{"email": "dan@x.org"}],
                "custom_args": {"order": "7", "tidings": token(None)},
            }],
            "from": {"email": "shop@x.org", "name": "The Shop"},
            "reply_to_list": [{"email": "help@x.org"}, {"email": "sales@x.org", "name": "Sales"}],
            "subject": "Zwölf",
            "content": [{"type": "text/plain", "value": "Hi"}, {"type": "text/html", "value": "<p>Hi</p>"}],
            "attachments": [
                {"content": "JVBERg==", "type": "application/pdf", "filename": "a.pdf", "disposition": "attachment"},
                {"content": "UE5H", "type": "image/png", "filename": "l.png", "disposition": "inline",
                 "content_id": "logo"},
            ],
            "headers": {
                "Message-ID": "<0199f5a8-0000-7000-8000-000000000001.0@x.org>",
                "X-Priority": "1",
                "Importance": "high",
                "List-Unsubscribe": "<https://x.org/u>",
                "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
                "X-Own": "=?UTF-8?B?Z3LDvMOfZQ==?=",
            },
            "categories": ["news"],
            "send_at": 1_700_000_000,
            "batch_id": "b1",
            "asm": {"group_id": 5, "groups_to_display": [5, 6]},
            "ip_pool_name": "pool",
            "mail_settings": {"sandbox_mode": {"enable": true}},
            "tracking_settings": {"click_tracking": {"enable": false}, "open_tracking": {"enable": true}},
        })
    );
}

#[test]
fn data_per_recipient_make_one_mail_each() {
    let template = VendorTemplate::new("d-1", map(json!({"shop": "The Shop", "name": "you"})));
    let email = Email::builder()
        .from("shop@x.org")
        .to("ada@x.org")
        .to("bob@x.org")
        .reply_to("help@x.org")
        .template(template)
        .merge("ada@x.org", map(json!({"name": "Ada", "items": [1, 2]})))
        .build()
        .expect("valid");
    assert_eq!(
        body(&email).expect("a body"),
        json!({
            "personalizations": [
                {"to": [{"email": "ada@x.org"}],
                 "dynamic_template_data": {"shop": "The Shop", "name": "Ada", "items": [1, 2]},
                 "custom_args": {"tidings": token(Some(0))}},
                {"to": [{"email": "bob@x.org"}],
                 "dynamic_template_data": {"shop": "The Shop", "name": "you"},
                 "custom_args": {"tidings": token(Some(1))}},
            ],
            "from": {"email": "shop@x.org"},
            "reply_to": {"email": "help@x.org"},
            "template_id": "d-1",
            "headers": {"Message-ID": "<0199f5a8-0000-7000-8000-000000000001.0@x.org>"},
        })
    );
}

#[test]
fn without_a_dynamic_template_data_are_texts() {
    let email = |data| {
        let all = Email::builder().from("s@x.org").to("a@x.org").subject("-n-").text("-n-");
        all.merge("a@x.org", map(data)).build().expect("valid")
    };
    let json = body(&email(json!({"-n-": "Ada", "-x-": 7, "-y-": true}))).expect("a body");
    let expected = json!({"-n-": "Ada", "-x-": "7", "-y-": "true"});
    assert_eq!(json["personalizations"][0]["substitutions"], expected);
    let error = body(&email(json!({"-n-": ["Ada"]}))).expect_err("a list");
    assert_eq!(error.field(), Some("merge[\"-n-\"]"));
}

#[test]
fn a_cut_mail_keeps_the_indices_of_the_whole() {
    let email = Email::builder().from("s@x.org").to("b@x.org").subject("s").text("t").build().expect("valid");
    let item = Outgoing::new(&email, id(), &TenantId::DEFAULT, "key").cut(&email, &[7]);
    let wishes = options::Wishes::read(&email, false).expect("none");
    let bytes = mail::body(&item, &wishes, sendgrid().echo.as_ref()).expect("a body");
    let json: Value = serde_json::from_slice(&bytes).expect("JSON");
    assert_eq!(json["personalizations"][0]["custom_args"]["tidings"], token(Some(7)));
}

#[test]
fn long_headers_are_cut_between_characters() {
    let email = Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t");
    let email = email.header("X-Long", "é".repeat(50)).build().expect("valid");
    let json = body(&email).expect("a body");
    let value = json["headers"]["X-Long"].as_str().expect("a text").to_owned();
    let words: Vec<_> = value.split(' ').collect();
    assert!(words.len() == 3 && words.iter().all(|word| word.len() <= 75), "{value}");
}

#[test]
fn a_mail_of_files_alone_gets_the_part_that_sendgrid_asks_for() {
    let file = Attachment::new("a.txt", "text/plain", &b"a"[..]).expect("valid");
    let email = Email::builder().from("s@x.org").to("a@x.org").subject("s").attach(file).build();
    let json = body(&email.expect("valid")).expect("a body");
    assert_eq!(json["content"], json!([{"type": "text/plain", "value": " "}]));
}

#[test]
fn what_sendgrid_would_lose_is_refused_by_name() {
    let start = || Email::builder().from("s@x.org").subject("s").text("t");
    let tags = |count: usize| (0..count).fold(start().to("a@x.org"), |email, n| email.tag(n.to_string()));
    let cases = [
        (start().cc("a@x.org"), "to"),
        (start().to("a@x.org").cc("c@x.org").merge("a@x.org", map(json!({"x": 1}))), "cc"),
        (start().to("a@x.org").bcc("c@x.org").merge("a@x.org", map(json!({"x": 1}))), "bcc"),
        (start().to("a@x.org").subject(""), "subject"),
        (tags(11), "tags"),
        (start().to("a@x.org").tag("x".repeat(256)), "tags"),
        (start().to("a@x.org").metadata("event", "x"), "metadata[\"event\"]"),
        (start().to("a@x.org").metadata("tidings", "x"), "metadata[\"tidings\"]"),
        (start().to("a@x.org").header("X-SG-EID", "x"), "headers[\"X-SG-EID\"]"),
        (start().to("a@x.org").header("X-A", "1").header("x-a", "2"), "headers[\"x-a\"]"),
    ];
    for (email, field) in cases {
        let error = body(&email.build().expect("valid elsewhere")).expect_err(field);
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!(error.certainty(), Certainty::NotSent);
    }
    let error = body(&Email::builder().to("a@x.org").subject("s").text("t").build().expect("valid"));
    assert_eq!(error.expect_err("no sender").field(), Some("from"));
}

#[tokio::test]
async fn sending_asks_once_and_reads_the_id() {
    let (script, cx) = script(answer(202, ""));
    let email = Email::builder().from("s@x.org").to("a@x.org").cc("b@x.org").subject("s").text("t").build();
    let email = email.expect("valid");
    let receipt = sendgrid().send(&cx, Outgoing::new(&email, id(), &TenantId::DEFAULT, "key")).await;
    let receipt = receipt.expect("accepted");
    assert_eq!(receipt.accepted_count(), 2);
    assert!(receipt.outcomes.iter().all(|outcome| outcome.vendor_id() == Some("abc")));
    let requests = script.requests();
    let [testing::RecordedRequest { request, .. }] = &requests[..] else { panic!("one request") };
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://api.sendgrid.com/v3/mail/send")
    );
    assert_eq!(request.headers()["authorization"], "Bearer SG.key");
    assert!(request.headers()["authorization"].is_sensitive());
    assert_eq!(request.headers()["content-type"], "application/json");
}

#[tokio::test]
async fn only_a_mail_in_the_sandbox_may_be_answered_by_200() {
    for (sandbox, status, accepted) in [(true, 200, true), (false, 200, false), (true, 204, false)] {
        let (_, cx) = script(answer(status, "<html>"));
        let email = Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t");
        let email = email.option(VendorOption::new("sendgrid", "sandbox", sandbox)).build().expect("valid");
        let sent = sendgrid().send(&cx, Outgoing::new(&email, id(), &TenantId::DEFAULT, "key")).await;
        match sent {
            Ok(_) => assert!(accepted, "{status}"),
            Err(error) => {
                assert!(!accepted, "{error}");
                assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Certainty::Unknown));
            }
        }
    }
}

#[tokio::test]
async fn a_key_that_the_vendor_repeats_is_not_shown() {
    let (_, cx) = script(answer(401, r#"{"errors":[{"message":"bad key SG.key"}]}"#));
    let email = Email::builder().from("s@x.org").to("a@x.org").subject("s").text("t").build().expect("valid");
    let sent = sendgrid().send(&cx, Outgoing::new(&email, id(), &TenantId::DEFAULT, "key")).await;
    let error = sent.expect_err("refused");
    assert!(!format!("{error} {error:?}").contains("SG.key"), "{error}");
}

#[tokio::test]
async fn the_check_asks_whether_the_key_may_send() {
    let table = [
        (200, r#"{"scopes":["mail.send"]}"#, None),
        (200, r#"{"scopes":["stats.read"]}"#, Some(ErrorKind::Permission)),
        (200, "<html>", Some(ErrorKind::Protocol)),
        (401, r#"{"errors":[{"message":"authorization required"}]}"#, Some(ErrorKind::Auth)),
    ];
    for (status, body, expected) in table {
        let (script, cx) = script(answer(status, body));
        let checked = sendgrid().check(&cx).await;
        assert_eq!(checked.err().map(|error| error.kind()), expected, "{body}");
        assert_eq!(script.requests()[0].request.uri().path(), "/v3/scopes");
    }
}

#[test]
fn mailboxes_with_special_names_stay_whole() {
    let from: Mailbox = r#""Shop, \"The\"" <s@x.org>"#.parse().expect("valid");
    let email = Email::builder().from(&from).to("a@x.org").subject("s").text("t").build().expect("valid");
    assert_eq!(body(&email).expect("a body")["from"], json!({"email": "s@x.org", "name": "Shop, \"The\""}));
}
