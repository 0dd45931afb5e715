//! What SNS's answers and calls mean.

use http::{HeaderMap, Method};
use serde_json::json;

use super::*;
use crate::{
    error::{Certainty, ErrorKind, Retry},
    http::{HttpRequest, HttpResponse},
    message::{Builder, Channel, Media, VendorOption},
    testing::answer,
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn start() -> Builder<Sms> {
    Sms::builder().to("+15005550006").body("Your table is ready.")
}

fn request(builder: Builder<Sms>, defaults: &wire::Defaults) -> Result<HttpRequest> {
    let endpoint = Uri::from_static("https://sns.eu-west-1.amazonaws.com/");
    wire::publish(&endpoint, &builder.build().expect("valid"), defaults)
}

/// The message attributes by name.
fn attributes(builder: Builder<Sms>, defaults: &wire::Defaults) -> Vec<(String, String)> {
    let request = request(builder, defaults).expect("valid");
    let pairs: Vec<(String, String)> = form_urlencoded::parse(request.body()).into_owned().collect();
    let value = |name: &str| pairs.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone());
    (1..)
        .map_while(|n| {
            let entry = format!("MessageAttributes.entry.{n}");
            Some((value(&format!("{entry}.Name"))?, value(&format!("{entry}.Value.StringValue"))?))
        })
        .collect()
}

fn pair(name: &str, value: &str) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn the_message_goes_before_the_configuration() {
    let defaults = wire::Defaults {
        class: Some(SmsClass::Promotional),
        max_price: Some("0.50".into()),
        origination_number: Some("+15005550001".into()),
        sender_id: Some("Shop".into()),
    };
    assert_eq!(
        attributes(start(), &defaults),
        [
            pair("AWS.SNS.SMS.SenderID", "Shop"),
            pair("AWS.MM.SMS.OriginationNumber", "+15005550001"),
            pair("AWS.SNS.SMS.SMSType", "Promotional"),
            pair("AWS.SNS.SMS.MaxPrice", "0.50"),
        ]
    );
    let option = |name: &str, value: &str| VendorOption::new("sns", name, value);
    let own = start()
        .from("12345")
        .option(option("class", "transactional"))
        .option(option("max_price", "1"))
        .option(option("entity_id", "e"))
        .option(option("template_id", "t"));
    assert_eq!(
        attributes(own, &defaults),
        [
            pair("AWS.MM.SMS.OriginationNumber", "12345"),
            pair("AWS.SNS.SMS.SMSType", "Transactional"),
            pair("AWS.SNS.SMS.MaxPrice", "1"),
            pair("AWS.MM.SMS.EntityId", "e"),
            pair("AWS.MM.SMS.TemplateId", "t"),
        ]
    );
    assert_eq!(attributes(start().from("Inn"), &defaults)[0], pair("AWS.SNS.SMS.SenderID", "Inn"));
    assert!(attributes(start(), &wire::Defaults::default()).is_empty());
}

#[test]
fn what_sns_would_refuse_is_refused_naming_the_field() {
    let option = |name: &str, value: serde_json::Value| VendorOption::new("sns", name, value);
    let image = Media::image("https://example.org/a.png").expect("valid");
    let table = [
        (start().media(image), "media", ErrorKind::Unsupported),
        (start().from("My Shop"), "from", ErrorKind::InvalidMessage),
        (start().body("ü".repeat(801)), "body", ErrorKind::PayloadTooLarge),
        (
            start().option(option("class", json!("urgent"))),
            "options[\"sns.class\"]",
            ErrorKind::InvalidMessage,
        ),
        (
            start().option(option("max_price", json!(1))),
            "options[\"sns.max_price\"]",
            ErrorKind::InvalidMessage,
        ),
        (start().option(option("price", json!("1"))), "options[\"sns.price\"]", ErrorKind::InvalidMessage),
    ];
    for (builder, field, kind) in table {
        let error = request(builder, &wire::Defaults::default()).expect_err(field);
        assert_eq!((error.field(), error.kind()), (Some(field), kind), "{error}");
        assert_eq!((error.certainty(), error.retry()), (Certainty::NotSent, Retry::Never));
    }
    assert!(request(start().body("x".repeat(1_600)), &wire::Defaults::default()).is_ok());
}

fn refusal(status: u16, code: &str, message: &str) -> HttpResponse {
    let xml = format!(
        "<ErrorResponse xmlns=\"http://sns.amazonaws.com/doc/2010-03-31/\"><Error><Type>Sender</Type>\
         <Code>{code}</Code><Message>{message}</Message></Error><RequestId>r</RequestId></ErrorResponse>"
    );
    answer(status, &[("content-type", "text/xml")], xml)
}

#[test]
fn refusals_have_kind_certainty_and_retry() {
    use ErrorKind::{
        Auth, InvalidMessage, InvalidRecipient, NotFound, Permission, RateLimited, Suppressed, Unavailable,
    };
    // https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors, and
    // https://docs.aws.amazon.com/sns/latest/api/CommonErrors.html
    let table = [
        (403, "AuthorizationError", "not authorized", Permission, Retry::Never),
        (403, "InvalidSecurity", "not valid", Auth, Retry::Never),
        (400, "InvalidParameter", "Invalid parameter: PhoneNumber", InvalidRecipient, Retry::Never),
        (400, "InvalidParameter", "Invalid parameter: Message", InvalidMessage, Retry::Never),
        (400, "InvalidParameter", "PhoneNumber is opted out", Suppressed, Retry::Never),
        (400, "ParameterValueInvalid", "wrong", InvalidMessage, Retry::Never),
        (400, "ValidationException", "wrong", InvalidMessage, Retry::Never),
        (404, "NotFound", "no topic", NotFound, Retry::Never),
        (400, "KMSThrottling", "slow", RateLimited, Retry::Backoff),
        (400, "Throttling", "Rate exceeded", RateLimited, Retry::Backoff),
        (403, "SignatureDoesNotMatch", "wrong &lt;key&gt;", Auth, Retry::Never),
        (503, "ServiceUnavailable", "busy", Unavailable, Retry::Backoff),
    ];
    for (status, code, message, kind, retry) in table {
        let error = errors::refused(&refusal(status, code, message), NOW);
        let facts = (error.kind(), error.certainty(), error.retry(), error.code());
        assert_eq!(facts, (kind, Certainty::NotSent, retry, Some(code)), "{message}");
        assert!(!error.message().contains("&lt;"), "{error}");
    }
    let late = errors::refused(&refusal(500, "InternalError", "oops"), NOW);
    assert_eq!((late.kind(), late.certainty()), (Unavailable, Certainty::Unknown));
}

#[test]
fn an_answer_names_the_message_or_is_not_understood() {
    let xml = "<PublishResponse xmlns=\"https://sns.amazonaws.com/doc/2010-03-31/\"><PublishResult>\
        <MessageId>567910cd-659e-55d4-8ccb-5aaf14679dc0</MessageId></PublishResult></PublishResponse>";
    let receipt = wire::receipt(&answer(200, &[], xml), NOW).expect("taken");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("567910cd-659e-55d4-8ccb-5aaf14679dc0"));
    for body in
        ["", "<html>", "<MessageId>x</MessageId>", &xml[..120], "<PublishResult><MessageId></MessageId>"]
    {
        let error = wire::receipt(&answer(200, &[], body.to_owned()), NOW).expect_err(body);
        assert_eq!((error.kind(), error.certainty()), (ErrorKind::Protocol, Certainty::Unknown));
    }
}

#[test]
fn replies_are_read_and_other_messages_skipped() {
    let call = |message: String| {
        let envelope = json!({"Type": "Notification", "MessageId": "n", "TopicArn": "t", "Signature": "",
            "Message": message, "Timestamp": "2026-01-01T00:00:00.000Z", "SignatureVersion": "1",
            "SigningCertURL": ""});
        RawRequest::new(Method::POST, "https://x.org", HeaderMap::new(), envelope.to_string(), NOW)
    };
    // https://docs.aws.amazon.com/sms-voice/latest/userguide/two-way-sms-payload.html
    let said = json!({"originationNumber": "+14255550182", "destinationNumber": "+12125550101",
        "messageKeyword": "JOIN", "messageBody": "EXAMPLE", "inboundMessageId": "cae173d2",
        "previousPublishedMessageId": "x"});
    let read = replies::parse(&call(said.to_string())).expect("readable");
    let [Inbound::Reply(reply)] = &read[..] else { panic!("one reply in {read:?}") };
    assert_eq!(
        (reply.channel, reply.from.as_str(), &*reply.to),
        (Channel::Sms, "+14255550182", "+12125550101")
    );
    assert_eq!((&*reply.text, &*reply.vendor_id, reply.at), ("EXAMPLE", "cae173d2", NOW));
    for other in ["hello", "{}", r#"{"originationNumber":"x"}"#] {
        assert!(replies::parse(&call(other.to_owned())).expect("readable").is_empty(), "{other}");
    }
}

#[test]
fn a_configuration_that_cannot_be_right_is_named() {
    let new = || SnsConfig::new("eu-west-1").keys("AK", "secret");
    for (config, option) in [
        (new().sender_id("My Shop"), "sender_id"),
        (new().origination_number("7"), "origination_number"),
        (new().max_price("cheap"), "max_price"),
        (SnsConfig::new("Ireland"), "region"),
        (new().base_url("http://x.org"), "base_url"),
        (new().named(""), "name"),
    ] {
        let error = config.build().expect_err(option);
        assert!(error.message().contains(option), "{error}");
    }
}
