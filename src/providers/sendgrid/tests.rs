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
    mail::check(email)?;
    let bytes = mail::body(&Envelope::all(item), &wishes, sendgrid().echo.as_ref())?;
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
    let bytes = mail::body(&Envelope::all(item), &wishes, sendgrid().echo.as_ref()).expect("a body");
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

fn news(to: &str, text: &str) -> Email {
    let email = Email::builder().from("s@x.org").to(to).subject("News").text(text);
    email.metadata("reader", to).build().expect("valid")
}

/// Sends as a batch, each message under an id of its own.
async fn batch(emails: &[Email], answers: &[HttpResponse]) -> (Vec<Result<Receipt>>, Vec<Value>) {
    let steps = answers.iter().cloned().map(HttpStep::Answer);
    let script = steps.fold(ScriptedHttp::new(), ScriptedHttp::then);
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    let ids = (1..).map(|n| MessageId::from_uuid(uuid::Uuid::from_u128(n)));
    let items: Vec<_> =
        emails.iter().zip(ids).map(|(email, id)| Outgoing::new(email, id, &TenantId::DEFAULT, "k")).collect();
    let results = sendgrid().send_batch(&cx, &items).await;
    let sent = script.requests().into_iter();
    (results, sent.map(|one| serde_json::from_slice(one.request.body()).expect("JSON")).collect())
}

#[tokio::test]
async fn messages_of_one_content_share_a_call_and_keep_what_is_theirs() {
    let emails = [news("a@x.org", "1"), news("b@x.org", "2"), news("c@x.org", "1")];
    let (results, sent) = batch(&emails, &[answer(202, ""), answer(202, "")]).await;
    assert!(results.iter().all(Result::is_ok), "{results:?}");
    let [together, alone] = &sent[..] else { panic!("two calls") };
    let readers = together["personalizations"].as_array().expect("a list");
    for (reader, (to, id)) in readers.iter().zip([("a@x.org", 1), ("c@x.org", 3)]) {
        assert_eq!(reader["to"], json!([{"email": to}]));
        assert_eq!(reader["custom_args"]["reader"], to);
        let message_id = reader["headers"]["Message-ID"].as_str().expect("a header");
        assert!(
            message_id.starts_with(&format!("<00000000-0000-0000-0000-00000000000{id}.0@")),
            "{message_id}"
        );
    }
    assert_eq!((readers.len(), together.get("headers")), (2, None));
    assert_ne!(readers[0]["custom_args"]["tidings"], readers[1]["custom_args"]["tidings"]);
    assert_eq!(alone["personalizations"].as_array().map(Vec::len), Some(1));
    assert!(alone["headers"]["Message-ID"].is_string());
}

#[tokio::test]
async fn one_bad_address_of_a_batch_is_the_only_one_refused_for_good() {
    let emails = [news("a@x.org", "1"), news("b@x.org", "1"), news("c@x.org", "1")];
    let body = r#"{"errors":[{"message":"Does not contain a valid address.","field":"personalizations.1.to.0.email"}]}"#;
    let (results, _) = batch(&emails, &[answer(400, body)]).await;
    let passing: Vec<_> =
        results.iter().map(|result| result.as_ref().expect_err("refused").is_passing()).collect();
    assert_eq!(passing, [true, false, true]);
    assert_eq!(results[1].as_ref().expect_err("bad").kind(), ErrorKind::InvalidRecipient);
}

#[tokio::test]
async fn a_call_takes_a_thousand_recipients() {
    let emails: Vec<_> = (0..2_500).map(|n| news(&format!("a{n}@x.org"), "1")).collect();
    let (results, sent) = batch(&emails, &[answer(202, ""), answer(202, ""), answer(503, "")]).await;
    let sizes: Vec<_> = sent.iter().map(|call| call["personalizations"].as_array().map(Vec::len)).collect();
    assert_eq!(sizes, [Some(1_000), Some(1_000), Some(500)]);
    let good = results.iter().take_while(|result| result.is_ok()).count();
    assert_eq!((good, results.len()), (2_000, 2_500));
    assert!(results[2_000..].iter().all(|result| result.as_ref().expect_err("503").is_passing()));
}

#[tokio::test]
async fn data_per_recipient_of_several_messages_stay_apart() {
    let email = |to: &str, name: &str| {
        let template = VendorTemplate::new("d-1", map(json!({"shop": name})));
        let email = Email::builder().from("s@x.org").to(to).to("both@x.org").template(template);
        email.merge(to, map(json!({"name": name}))).build().expect("valid")
    };
    let (results, sent) = batch(&[email("a@x.org", "A"), email("b@x.org", "B")], &[answer(202, "")]).await;
    assert!(results.iter().all(|result| result.as_ref().is_ok_and(|receipt| receipt.accepted_count() == 2)));
    let data: Vec<_> = sent[0]["personalizations"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|reader| reader["dynamic_template_data"].clone())
        .collect();
    let expected = [
        json!({"shop": "A", "name": "A"}),
        json!({"shop": "A"}),
        json!({"shop": "B", "name": "B"}),
        json!({"shop": "B"}),
    ];
    assert_eq!(data, expected);
}
