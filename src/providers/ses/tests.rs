//! What SES's answers and events mean, and which form a mail goes in.

use http::{HeaderMap, Method};
use secrecy::SecretString;
use serde_json::{Map, Value, json};

use super::{batch::Bulk, mail::Pen, *};
use crate::{
    error::{Certainty, Error, ErrorKind, Retry},
    http::HttpResponse,
    id::{DeliveryId, MessageId, TenantId},
    message::{Attachment, Builder, ListUnsubscribe, Priority, VendorOption, VendorTemplate},
    providers::echo::Echo,
    testing::{ScriptedHttp, answer},
    time::Timestamp,
    webhook::{Correlation, VendorEvent},
};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn start() -> Builder<Email> {
    Email::builder().from("Shop <shop@x.org>").to("Ada <ada@x.org>")
}

fn item(email: &Email) -> Outgoing<'_, Email> {
    Outgoing::new(email, MessageId::new(NOW), &TenantId::DEFAULT, "key")
}

const PEN: Pen<'static> = Pen { configuration_set: None, echo: None };

fn wire(email: &Email) -> Result<Value> {
    PEN.single(&item(email), NOW).map(|body| serde_json::from_slice(&body).expect("JSON"))
}

fn built(builder: Builder<Email>) -> Email {
    builder.build().expect("valid")
}

fn map(value: Value) -> Map<String, Value> {
    value.as_object().expect("an object").clone()
}

fn error_answer(status: u16, code: &str, message: &str) -> HttpResponse {
    let body = json!({"message": message}).to_string();
    answer(status, &[("x-amzn-errortype", &format!("{code}:http://internal.amazon.com/"))], body)
}

#[test]
fn refusals_have_kind_certainty_and_retry() {
    use Certainty::{NotSent, Unknown};
    use ErrorKind::{
        Auth, Config, InvalidMessage, InvalidRecipient, NotFound, Permission, Quota, RateLimited, Refused,
        Template, Unavailable,
    };
    // https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors
    let of_send = [
        (400, "AccountSuspendedException", "suspended", Permission, Retry::Never),
        (400, "BadRequestException", "Illegal address", InvalidRecipient, Retry::Never),
        (400, "BadRequestException", "Missing final '@domain'", InvalidRecipient, Retry::Never),
        (400, "BadRequestException", "Template t does not exist", Template, Retry::Never),
        (400, "BadRequestException", "Domain contains dot-dot", InvalidMessage, Retry::Never),
        (400, "LimitExceededException", "limit", Quota, Retry::Never),
        (400, "MailFromDomainNotVerifiedException", "not verified", Permission, Retry::Never),
        (400, "MessageRejected", "Email address is not verified.", Permission, Retry::Never),
        (400, "MessageRejected", "It holds a virus", Refused, Retry::Never),
        (400, "SendingPausedException", "paused", Permission, Retry::Never),
        (404, "NotFoundException", "Configuration set <s> does not exist.", Config, Retry::Never),
        (404, "NotFoundException", "No such thing", NotFound, Retry::Never),
        (429, "TooManyRequestsException", "Maximum sending rate exceeded.", RateLimited, Retry::Backoff),
        // https://docs.aws.amazon.com/ses/latest/dg/manage-sending-quotas-errors.html
        (429, "TooManyRequestsException", "Daily message quota exceeded.", Quota, Retry::Never),
    ];
    // https://docs.aws.amazon.com/general/latest/gr/CommonErrors.html
    let of_all = [
        (403, "AccessDeniedException", "not authorized", Permission, Retry::Never),
        (403, "ExpiredTokenException", "expired", Auth, Retry::Never),
        (403, "InvalidClientTokenId", "unknown key", Auth, Retry::Never),
        (403, "SignatureDoesNotMatch", "wrong", Auth, Retry::Never),
        (403, "UnrecognizedClientException", "unknown", Auth, Retry::Never),
        (400, "ThrottlingException", "Rate exceeded", RateLimited, Retry::Backoff),
        (503, "ServiceUnavailable", "busy", Unavailable, Retry::Backoff),
    ];
    for (status, code, message, kind, retry) in of_send.into_iter().chain(of_all) {
        let error = errors::refused(&error_answer(status, code, message), NOW);
        let facts = (error.kind(), error.certainty(), error.retry(), error.code());
        assert_eq!(facts, (kind, NotSent, retry, Some(code)), "{message}");
    }
    let late = errors::refused(&error_answer(500, "InternalFailure", "oops"), NOW);
    assert_eq!((late.kind(), late.certainty(), late.retry()), (Unavailable, Unknown, Retry::Backoff));
    // A refusal of a gateway that only names a code of ours proves nothing after a 5xx.
    let odd = errors::refused(&error_answer(502, "MessageRejected", ""), NOW);
    assert_eq!(odd.certainty(), Unknown);
}

#[test]
fn entries_of_a_bulk_call_have_errors_of_their_own() {
    // https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_BulkEmailEntryResult.html
    let table = [
        ("ACCOUNT_DAILY_QUOTA_EXCEEDED", ErrorKind::Quota),
        ("ACCOUNT_SENDING_PAUSED", ErrorKind::Permission),
        ("ACCOUNT_SUSPENDED", ErrorKind::Permission),
        ("ACCOUNT_THROTTLED", ErrorKind::RateLimited),
        ("CONFIGURATION_SET_NOT_FOUND", ErrorKind::Config),
        ("CONFIGURATION_SET_SENDING_PAUSED", ErrorKind::Permission),
        ("FAILED", ErrorKind::Refused),
        ("INVALID_PARAMETER", ErrorKind::InvalidMessage),
        ("INVALID_SENDING_POOL_NAME", ErrorKind::Config),
        ("MAIL_FROM_DOMAIN_NOT_VERIFIED", ErrorKind::Permission),
        ("MESSAGE_REJECTED", ErrorKind::Refused),
        ("TEMPLATE_NOT_FOUND", ErrorKind::Template),
        ("TRANSIENT_FAILURE", ErrorKind::Unavailable),
    ];
    for (status, kind) in table {
        let error = errors::of_entry(status, "why");
        assert_eq!((error.kind(), error.certainty(), error.code()), (kind, Certainty::NotSent, Some(status)));
    }
    assert_eq!(errors::of_entry("NEW", "").certainty(), Certainty::Unknown);
}

#[test]
fn most_mails_are_written_by_ses_and_the_rest_by_us() {
    let file = |name: &str| Attachment::new(name, "text/plain", &b"a"[..]).expect("valid");
    let inline = || Attachment::inline("l", "l.png", "image/png", &b"a"[..]).expect("valid");
    let many = (0..16).fold(start().text("t"), |mail, n| mail.header(format!("X-{n}"), "v"));
    let table = [
        ("Simple", start().subject("Zwölf").text("Grüße")),
        ("Simple", start().html("<p>").attach(file("a.txt")).attach(inline())),
        ("Simple", start().text("t").header("X-A", "1").header("X-B", "2").priority(Priority::High)),
        ("Raw", start().subject("s").attach(file("a.txt"))),
        ("Raw", start().text("t").cc("Jürgen <j@x.org>")),
        ("Raw", start().text("t").header("X-A", "grüße")),
        ("Raw", start().text("t").header("X-A", "1").header("x-a", "2")),
        ("Raw", start().text("t").header("X-A", "v ".repeat(600))),
        ("Raw", start().text("t").attach(file("größe.txt"))),
        ("Raw", start().text("t").attach(inline())),
        ("Raw", many),
    ];
    for (form, builder) in table {
        let email = built(builder);
        let body = wire(&email).expect("it can be sent");
        let forms: Vec<&String> = body["Content"].as_object().expect("an object").keys().collect();
        assert_eq!(forms, [form], "{body}");
        assert_eq!(body["FromEmailAddress"].is_null(), form == "Raw", "a whole mail names its sender");
    }
}

#[test]
fn a_whole_mail_shows_no_blind_copies_and_the_envelope_has_them() {
    let email = built(start().text("t").bcc("Bea <bea@x.org>").header("X-A", "ä"));
    let body = wire(&email).expect("it can be sent");
    assert_eq!(body["Destination"]["BccAddresses"], json!(["bea@x.org"]));
    use base64::Engine as _;
    let data = body["Content"]["Raw"]["Data"].as_str().expect("base64");
    let mail = base64::engine::general_purpose::STANDARD.decode(data).expect("base64");
    let mail = String::from_utf8(mail).expect("ASCII");
    assert!(!mail.contains("bea@x.org") && mail.contains("From: Shop <shop@x.org>"), "{mail}");
}

#[test]
fn domains_are_written_in_ascii_and_names_are_quoted() {
    let email = built(Email::builder().from("\"Shop, Ltd\" <a@x.org>").to("b@bücher.example").text("t"));
    let body = wire(&email).expect("it can be sent");
    assert_eq!(body["FromEmailAddress"], "\"Shop, Ltd\" <a@x.org>");
    assert_eq!(body["Destination"]["ToAddresses"], json!(["b@xn--bcher-kva.example"]));
}

#[test]
fn what_ses_would_refuse_or_lose_is_refused_naming_the_field() {
    let template = || VendorTemplate::new("t", map(json!({})));
    let option = |name: &str, value: Value| VendorOption::new("ses", name, value);
    let crowd = (0..50).fold(start().text("t"), |mail, n| mail.to(format!("a{n}@x.org").as_str()));
    let table = [
        (crowd, "to"),
        (start().text("t").tag("a").tag("b"), "tags"),
        (start().text("t").tag("two words"), "tags[0]"),
        (start().text("t").metadata("order", "7 8"), "metadata[\"order\"]"),
        (start().text("t").metadata("tag", "x"), "metadata[\"tag\"]"),
        (start().text("t").metadata("tidings", "x"), "metadata[\"tidings\"]"),
        (start().text("t").cc("jürgen@x.org"), "cc[0]"),
        (start().text("t").header("X-SES-Configuration-Set", "x"), "headers[\"X-SES-Configuration-Set\"]"),
        (start().subject("s").template(template()), "subject"),
        (start().html("h").template(template()), "html"),
        (start().template(template()).header("X-A", "ü"), "headers[\"X-A\"]"),
        (start().template(template()).reply_to("Jürgen <j@x.org>"), "reply_to"),
        (start().text("t").merge("ada@x.org", map(json!({"a": 1}))), "merge"),
        (start().text("t").option(option("topic", json!("x"))), "options[\"ses.topic\"]"),
        (start().text("t").option(option("colour", json!("x"))), "options[\"ses.colour\"]"),
        (start().text("t").option(option("feedback_to", json!("x"))), "options[\"ses.feedback_to\"]"),
        (start().template(VendorTemplate::new("t", map(json!({"a": "x".repeat(262_144)})))), "template.data"),
    ];
    for (builder, field) in table {
        let error = wire(&built(builder)).expect_err(field);
        assert_eq!(error.field(), Some(field), "{error}");
        assert_eq!((error.certainty(), error.retry()), (Certainty::NotSent, Retry::Never));
    }
    let big = vec![0; 30_000_001];
    let email = built(start().text("t").attach(Attachment::new("a", "a/b", big).expect("valid")));
    let error = wire(&email).expect_err("too large");
    assert_eq!(error.kind(), ErrorKind::PayloadTooLarge);
    assert!(error.message().contains("40000000"), "{error}");
    for copies in [start().cc("c@x.org"), start().bcc("c@x.org")] {
        let email = built(copies.template(template()).merge("ada@x.org", map(json!({"a": 1}))));
        assert!(Bulk::to_each(item(&email)).err().is_some_and(|e| e.kind() == ErrorKind::Unsupported));
    }
}

fn provider(http: &ScriptedHttp) -> (Ses, CallContext) {
    let ses = SesConfig::new("eu-west-1").keys("AK", "secret").build().expect("valid");
    (ses, CallContext::default().with_http(std::sync::Arc::new(http.clone())))
}

fn by_template(to: &str, data: Value) -> Email {
    built(Email::builder().from("a@x.org").to(to).template(VendorTemplate::new("welcome", map(data))))
}

fn paths(http: &ScriptedHttp) -> Vec<String> {
    http.requests().iter().map(|r| r.request.uri().path().to_owned()).collect()
}

fn bulk_answer(entries: &[Value]) -> String {
    json!({"BulkEmailEntryResults": entries}).to_string()
}

#[tokio::test]
async fn a_batch_by_one_template_is_one_call_and_half_of_it_may_fail() {
    let emails: Vec<Email> = (0..3).map(|n| by_template(&format!("a{n}@x.org"), json!({"n": n}))).collect();
    let plain = built(start().text("t"));
    let wrong = by_template("jürgen@x.org", json!({}));
    let said = bulk_answer(&[
        json!({"Status": "SUCCESS", "MessageId": "m0"}),
        json!({"Status": "MESSAGE_REJECTED", "Error": "virus"}),
        json!({"Status": "SUCCESS", "MessageId": "m2"}),
    ]);
    let http = ScriptedHttp::new().json(200, said).json(200, r#"{"MessageId":"m3"}"#);
    let (ses, cx) = provider(&http);
    let items = [&emails[0], &plain, &emails[1], &wrong, &emails[2]].map(item);
    let results = ses.send_batch(&cx, &items).await;
    let ids: Vec<_> = results
        .iter()
        .map(|result| match result {
            Ok(receipt) => receipt.outcomes[0].vendor_id().unwrap_or_default().to_owned(),
            Err(error) => error.kind().to_string(),
        })
        .collect();
    assert_eq!(ids, ["m0", "m3", "refused", "unsupported", "m2"]);
    assert_eq!(paths(&http), ["/v2/email/outbound-bulk-emails", "/v2/email/outbound-emails"]);
    let body: Value = serde_json::from_str(&http.requests()[0].text()).expect("JSON");
    let entries = body["BulkEmailEntries"].as_array().expect("a list");
    let data =
        |n: usize| &entries[n]["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"];
    assert_eq!((entries.len(), data(2)), (3, &json!(r#"{"n":2}"#)));
}

#[tokio::test]
async fn a_batch_is_cut_at_fifty_recipients_and_by_what_differs() {
    let mut emails: Vec<Email> = (0..60).map(|n| by_template(&format!("a{n}@x.org"), json!({}))).collect();
    emails[7].from = "b@x.org".parse().ok();
    let success = |n: usize| bulk_answer(&vec![json!({"Status": "SUCCESS", "MessageId": "m"}); n]);
    let http = ScriptedHttp::new().json(200, success(50)).json(200, success(1)).json(200, success(9));
    let (ses, cx) = provider(&http);
    let items: Vec<_> = emails.iter().map(item).collect();
    let results = ses.send_batch(&cx, &items).await;
    assert_eq!((results.len(), results.iter().filter(|r| r.is_ok()).count()), (60, 60));
    assert_eq!(paths(&http).len(), 3);
}

#[tokio::test]
async fn an_answer_that_says_too_little_is_unknown_for_all_of_its_call() {
    let emails: Vec<Email> = (0..2).map(|n| by_template(&format!("a{n}@x.org"), json!({}))).collect();
    let http = ScriptedHttp::new().json(200, bulk_answer(&[json!({"Status": "SUCCESS"})]));
    let (ses, cx) = provider(&http);
    let items: Vec<_> = emails.iter().map(item).collect();
    for result in ses.send_batch(&cx, &items).await {
        let error = result.expect_err("too short");
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Certainty::Unknown));
    }
}

#[tokio::test]
async fn data_per_recipient_makes_a_mail_for_each() {
    let template = VendorTemplate::new("welcome", map(json!({"shop": "x", "name": "you"})));
    let two = Email::builder().from("a@x.org").to("b@x.org").to("c@x.org").template(template);
    let email = built(two.merge("c@x.org", map(json!({"name": "Cy"}))));
    let said = bulk_answer(&[
        json!({"Status": "SUCCESS", "MessageId": "m0"}),
        json!({"Status": "ACCOUNT_THROTTLED", "Error": "slow"}),
    ]);
    let http = ScriptedHttp::new().json(200, said);
    let (ses, cx) = provider(&http);
    let receipt = ses.send(&cx, item(&email)).await.expect("one was taken");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("m0"));
    assert!(receipt.outcomes[1].error().is_some_and(Error::is_passing));
    let body: Value = serde_json::from_str(&http.requests()[0].text()).expect("JSON");
    let entry = &body["BulkEmailEntries"][1];
    assert_eq!(entry["Destination"], json!({"ToAddresses": ["c@x.org"]}));
    let data = entry["ReplacementEmailContent"]["ReplacementTemplate"]["ReplacementTemplateData"].as_str();
    let data: Value = serde_json::from_str(data.expect("text")).expect("JSON");
    assert_eq!(data, json!({"shop": "x", "name": "Cy"}));
    let all = bulk_answer(&vec![json!({"Status": "ACCOUNT_THROTTLED"}); 2]);
    let (ses, cx) = provider(&ScriptedHttp::new().json(200, all));
    let error = ses.send(&cx, item(&email)).await.expect_err("both for the same reason");
    assert_eq!(error.kind(), ErrorKind::RateLimited);
}

#[test]
fn the_account_says_whether_it_may_send() {
    let health = |body: Value| wire::health(&answer(200, &[], body.to_string()), NOW);
    assert_eq!(
        health(json!({"SendingEnabled": true, "EnforcementStatus": "HEALTHY"})).ok(),
        Some(Health::Good)
    );
    for off in
        [json!({"SendingEnabled": false}), json!({"SendingEnabled": true, "EnforcementStatus": "SHUTDOWN"})]
    {
        assert_eq!(health(off).expect_err("off").kind(), ErrorKind::Permission);
    }
    assert_eq!(health(json!({})).expect_err("nothing").kind(), ErrorKind::Protocol);
}

fn key() -> EchoKey {
    EchoKey::derive(&SecretString::from("k"))
}

fn events_of(record: &Value) -> Vec<VendorEvent> {
    let envelope = json!({"Type": "Notification", "MessageId": "n1", "TopicArn": "t", "Signature": "",
        "Message": record.to_string(), "Timestamp": "2026-01-01T00:00:00.000Z", "SignatureVersion": "2",
        "SigningCertURL": ""});
    let call = RawRequest::new(Method::POST, "https://x.org", HeaderMap::new(), envelope.to_string(), NOW);
    let inbound = events::parse(Some(&key()), &call).expect("readable");
    let event = |one| match one {
        Inbound::Event(event) => event,
        other => panic!("{other:?}"),
    };
    inbound.into_iter().map(event).collect()
}

fn mail(destination: &[&str]) -> Value {
    json!({"timestamp": "2016-10-14T05:02:16.645Z", "messageId": "m-1", "destination": destination,
        "tags": {"ses:configuration-set": ["s"]}})
}

#[test]
fn events_have_kinds_and_details() {
    // https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
    let at = "2017-08-05T00:41:02.669Z";
    let bounce = |kind: &str, sub: &str| {
        json!({"eventType": "Bounce", "bounce": {"bounceType": kind, "bounceSubType": sub, "timestamp": at,
            "bouncedRecipients": [{"emailAddress": "a@x.org", "action": "failed", "status": "5.1.1",
            "diagnosticCode": "smtp; 550 5.1.1 user unknown"}], "feedbackId": "f"}})
    };
    let told = Some("smtp; 550 5.1.1 user unknown");
    let people = |field: &str| json!({field: [{"emailAddress": "a@x.org"}], "timestamp": at});
    let complaint = |sub: Value| {
        let mut complaint = people("complainedRecipients");
        complaint["complaintFeedbackType"] = "abuse".into();
        complaint["complaintSubType"] = sub;
        json!({"eventType": "Complaint", "complaint": complaint})
    };
    let subscription = |all: bool| {
        json!({"eventType": "Subscription", "subscription": {"contactList": "list", "timestamp": at,
            "source": "UnsubscribeHeader", "newTopicPreferences": {"unsubscribeAll": all}}})
    };
    let table = [
        (bounce("Permanent", "General"), "bounced", Some("5.1.1"), told),
        (bounce("Transient", "MailboxFull"), "failed", Some("5.1.1"), told),
        (bounce("Permanent", "OnAccountSuppressionList"), "suppressed", Some("5.1.1"), told),
        (complaint(Value::Null), "complained", Some("abuse"), None),
        (complaint("OnAccountSuppressionList".into()), "suppressed", Some("abuse"), None),
        (
            json!({"eventType": "Delivery", "delivery": {"timestamp": at, "recipients": ["a@x.org"],
                "smtpResponse": "250 2.6.0 received"}}),
            "delivered",
            None,
            Some("250 2.6.0 received"),
        ),
        (
            json!({"eventType": "DeliveryDelay", "deliveryDelay": {"timestamp": at, "delayType":
                "TransientCommunicationFailure", "delayedRecipients": [{"emailAddress": "a@x.org",
                "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1"}]}}),
            "deferred",
            Some("4.4.1"),
            Some("smtp; 421 4.4.1"),
        ),
        (json!({"eventType": "Send", "send": {}}), "accepted", None, None),
        (
            json!({"eventType": "Reject", "reject": {"reason": "Bad content"}}),
            "failed",
            None,
            Some("Bad content"),
        ),
        (
            json!({"eventType": "Rendering Failure", "failure": {"errorMessage": "no attribute",
                "templateName": "t"}}),
            "failed",
            None,
            Some("no attribute"),
        ),
        (json!({"eventType": "Open", "open": {"timestamp": at}}), "opened", None, None),
        (
            json!({"eventType": "Click", "click": {"timestamp": at, "link": "https://x.org"}}),
            "clicked",
            None,
            Some("https://x.org"),
        ),
        (subscription(true), "unsubscribed", Some("list"), None),
        (subscription(false), "resubscribed", Some("list"), None),
        // Of an identity's feedback, without a configuration set.
        (
            json!({"notificationType": "Delivery", "delivery": {"recipients": ["a@x.org"]}}),
            "delivered",
            None,
            None,
        ),
    ];
    for (mut record, kind, code, text) in table {
        record["mail"] = mail(&["a@x.org"]);
        let [event] = &events_of(&record)[..] else { panic!("one event of {record}") };
        assert_eq!(event.kind.as_str(), kind, "{record}");
        assert_eq!((event.code.as_deref(), event.text.as_deref()), (code, text), "{record}");
        let by_id = Correlation::VendorId { id: "m-1".into(), recipient: Some("a@x.org".into()) };
        assert_eq!((&event.correlation, &*event.source), (&by_id, "n1"), "{record}");
        let own = record.to_string().contains(at);
        let expected = if own { at } else { "2016-10-14T05:02:16.645Z" };
        assert_eq!(event.at, expected.parse().expect("a time"), "{record}");
    }
}

#[test]
fn an_event_about_several_is_one_for_each_and_their_ids_differ() {
    let record = json!({"eventType": "Delivery", "mail": mail(&["a@x.org", "b@x.org", "c@x.org"]),
        "delivery": {"recipients": ["a@x.org", "c@x.org"]}});
    let sources: Vec<String> = events_of(&record).iter().map(|e| e.source.to_string()).collect();
    assert_eq!(sources, ["n1", "n1#1"]);
    let open = json!({"eventType": "Open", "mail": mail(&["a@x.org", "b@x.org"]), "open": {}});
    let [event] = &events_of(&open)[..] else { panic!("one event") };
    assert_eq!(event.correlation, Correlation::VendorId { id: "m-1".into(), recipient: None });
}

#[test]
fn tokens_of_ours_name_the_delivery() {
    let message = MessageId::new(NOW);
    let read = |token: String| {
        let mut record = json!({"eventType": "Delivery", "delivery": {"recipients": ["a@x.org"]}});
        record["mail"] = mail(&["a@x.org"]);
        record["mail"]["tags"]["tidings"] = json!([token]);
        let event = events_of(&record).pop().expect("one event");
        (event.correlation, event.generation)
    };
    let echo = Echo { message, recipient: Some(4), generation: 2 };
    let delivery = Correlation::Delivery(DeliveryId { message, recipient: 4 });
    assert_eq!(read(key().sign(&echo)), (delivery, Some(2)));
    let several = Echo { message, recipient: None, generation: 0 };
    let by_address = Correlation::Message { id: message, recipient: "a@x.org".into() };
    assert_eq!(read(key().sign(&several)), (by_address, Some(0)));
    let forged = EchoKey::derive(&SecretString::from("x")).sign(&echo);
    assert!(matches!(read(forged).0, Correlation::VendorId { .. }));
}

#[test]
fn what_is_no_event_is_skipped_and_nothing_panics() {
    for record in
        [json!("Successfully validated SNS topic"), json!({}), json!({"eventType": "New"}), json!(7)]
    {
        assert!(events_of(&record).is_empty(), "{record}");
    }
    let call =
        |body: &str| RawRequest::new(Method::POST, "https://x.org", HeaderMap::new(), body.to_owned(), NOW);
    for nonsense in ["", "[]", "{\"Type\":7}", "\u{0}"] {
        let error = events::parse(None, &call(nonsense)).expect_err(nonsense);
        assert_eq!(error.kind(), ErrorKind::Protocol);
    }
    let mut random = fastrand::Rng::with_seed(7);
    let good =
        json!({"eventType": "Bounce", "mail": mail(&["a@x.org"]), "bounce": {"bounceType": "Permanent",
        "bouncedRecipients": [{"emailAddress": "é@x.org"}]}})
        .to_string();
    for _ in 0..2_000 {
        let mut bytes = good.clone().into_bytes();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(0..bytes.len());
            bytes[at] = random.u8(..);
        }
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let _ = events_of(&Value::String(text));
    }
}

#[test]
fn tags_carry_what_events_bring_back() {
    let echo = key();
    let pen = Pen { configuration_set: Some("set"), echo: Some(&echo) };
    let unsubscribe = ListUnsubscribe::one_click("https://x.org/u").expect("valid");
    let email = built(start().text("t").tag("news").metadata("order", "7").list_unsubscribe(unsubscribe));
    let body: Value = serde_json::from_slice(&pen.single(&item(&email), NOW).expect("valid")).expect("JSON");
    let tags = body["EmailTags"].as_array().expect("a list");
    assert_eq!(tags[..2], [json!({"Name": "tag", "Value": "news"}), json!({"Name": "order", "Value": "7"})]);
    let token = tags[2]["Value"].as_str().expect("a token");
    assert_eq!(key().open(token).expect("ours").recipient, Some(0));
    assert_eq!(body["ConfigurationSetName"], "set");
    let headers = &body["Content"]["Simple"]["Headers"];
    assert_eq!(headers[0], json!({"Name": "List-Unsubscribe", "Value": "<https://x.org/u>"}));
}
