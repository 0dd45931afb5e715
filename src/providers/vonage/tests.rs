use std::sync::Arc;

use aws_lc_rs::{
    encoding::AsDer,
    rsa::KeySize,
    signature::{KeyPair, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey},
};
use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};

use super::*;
use crate::{
    Certainty, ErrorKind, MessageId, Retry, TenantId, Timestamp, message::VendorOption, testing::ScriptedHttp,
};

const TAKEN: &str = r#"{"message-count":"1","messages":[{"to":"15005550006","message-id":"0C000000217B7F02","status":"0","remaining-balance":"15.53590000","message-price":"0.03330000","network":"23410"}]}"#;

fn script(status: u16, body: &str) -> (ScriptedHttp, CallContext) {
    let script = ScriptedHttp::new().json(status, body.to_owned());
    let cx = CallContext::default().with_http(Arc::new(script.clone()));
    (script, cx)
}

fn id() -> MessageId {
    "0199f5a8-0000-7000-8000-000000000001".parse().expect("a UUID")
}

fn config() -> VonageConfig {
    VonageConfig::new("abcd1234", "secret").from("+15005550001".parse().expect("valid"))
}

fn sms(body: &str) -> crate::message::Builder<Sms> {
    Sms::builder().to("+15005550006").body(body)
}

async fn send(config: VonageConfig, cx: &CallContext, sms: &Sms) -> Result<Receipt> {
    config.build().expect("valid").send(cx, Outgoing::new(sms, id(), &TenantId::DEFAULT, "key")).await
}

fn pairs(body: &bytes::Bytes) -> Vec<(String, String)> {
    form_urlencoded::parse(body).into_owned().filter(|(name, _)| name != "client-ref").collect()
}

#[tokio::test]
async fn the_sms_api_takes_a_form() {
    let option = |name: &str, value: Value| VendorOption::new("vonage", name, value);
    let everything = sms("Don’t")
        .from("Shop")
        .option(option("content_id", "c".into()))
        .option(option("entity_id", "e".into()))
        .option(option("message_class", 0.into()))
        .option(option("ttl", 60.into()));
    let callback = || config().status_callback("https://x.org/in".parse().expect("valid"));
    let cases: [(_, _, &[(&str, &str)]); 2] = [
        (config(), sms("20 €"), &[("from", "15005550001"), ("to", "15005550006"), ("text", "20 €")]),
        (
            callback(),
            everything,
            &[
                ("from", "Shop"),
                ("to", "15005550006"),
                ("text", "Don’t"),
                ("type", "unicode"),
                ("callback", "https://x.org/in"),
                ("content-id", "c"),
                ("entity-id", "e"),
                ("message-class", "0"),
                ("ttl", "60000"),
            ],
        ),
    ];
    for (config, sms, expected) in cases {
        let (script, cx) = script(200, TAKEN);
        let receipt = send(config, &cx, &sms.build().expect("valid")).await.expect("taken");
        assert_eq!(receipt.outcomes[0].vendor_id(), Some("0C000000217B7F02"));
        assert_eq!(receipt.outcomes[0].cost().map(|cost| cost.to_string()).as_deref(), Some("0.0333 EUR"));
        let request = &script.requests()[0].request;
        assert_eq!(request.uri().to_string(), "https://rest.nexmo.com/sms/json");
        assert_eq!(request.headers()["authorization"], "Basic YWJjZDEyMzQ6c2VjcmV0");
        let expected: Vec<_> = expected.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        assert_eq!(pairs(request.body()), expected);
    }
}

#[tokio::test]
async fn each_part_has_its_status_and_its_price() {
    let part = |status: &str, price: &str| json!({"status": status, "message-id": "0C", "message-price": price, "error-text": "why"});
    let cases = [
        (vec![part("0", "0.03"), part("0", "0.03")], Ok(Some("0.06 EUR"))),
        (vec![part("0", "0.03"), part("0", "")], Ok(None)),
        (vec![part("1", "")], Err((ErrorKind::RateLimited, Certainty::NotSent, Retry::Backoff))),
        (
            vec![part("1", ""), part("1", "")],
            Err((ErrorKind::RateLimited, Certainty::NotSent, Retry::Backoff)),
        ),
        // What was taken in part is neither sent nor safe to send again.
        (
            vec![part("0", "0.03"), part("1", "")],
            Err((ErrorKind::RateLimited, Certainty::Unknown, Retry::Never)),
        ),
        (vec![part("5", "")], Err((ErrorKind::Unavailable, Certainty::Unknown, Retry::Backoff))),
        (vec![], Err((ErrorKind::Protocol, Certainty::Unknown, Retry::Never))),
    ];
    for (parts, expected) in cases {
        let body = json!({"message-count": parts.len().to_string(), "messages": parts}).to_string();
        let (_, cx) = script(200, &body);
        let sent = send(config(), &cx, &sms("x").build().expect("valid")).await;
        let told = match &sent {
            Ok(receipt) => Ok(receipt.outcomes[0].cost().map(|cost| cost.to_string())),
            Err(error) => Err((error.kind(), error.certainty(), error.retry())),
        };
        assert_eq!(told, expected.map(|cost| cost.map(str::to_owned)), "{body}");
    }
}

#[tokio::test]
async fn the_messages_api_takes_json() {
    let (script, cx) = script(202, r#"{"message_uuid":"aaaaaaaa-bbbb-cccc-dddd-0123456789ab"}"#);
    let message = sms("20 €").option(VendorOption::new("vonage", "entity_id", "e")).build().expect("valid");
    let receipt = send(config().api(VonageApi::Messages), &cx, &message).await.expect("taken");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("aaaaaaaa-bbbb-cccc-dddd-0123456789ab"));
    let request = &script.requests()[0].request;
    assert_eq!(request.uri().to_string(), "https://api.nexmo.com/v1/messages");
    let mut body: Value = serde_json::from_slice(request.body()).expect("JSON");
    let token = body["client_ref"].take();
    let key = EchoKey::derive(&"secret".to_owned().into());
    assert_eq!(key.open(token.as_str().expect("a token")).map(|echo| echo.message), Some(id()));
    let expected = json!({"channel": "sms", "message_type": "text", "to": "15005550006", "from": "15005550001",
        "text": "20 €", "client_ref": null, "sms": {"entity_id": "e"}});
    assert_eq!(body, expected);
}

#[tokio::test]
async fn what_cannot_be_sent_is_refused_before_any_call() {
    let nobody = || VonageConfig::new("abcd1234", "secret");
    let cases = [
        (nobody(), sms("x"), "from", ErrorKind::InvalidMessage),
        (config().api(VonageApi::Messages), sms(&"é".repeat(1_001)), "body", ErrorKind::PayloadTooLarge),
        (
            config(),
            sms("x").option(VendorOption::new("vonage", "ttl", 19)),
            "options[\"vonage.ttl\"]",
            ErrorKind::InvalidMessage,
        ),
    ];
    for (config, sms, field, kind) in cases {
        let (script, cx) = script(200, TAKEN);
        let error = send(config, &cx, &sms.build().expect("valid")).await.expect_err(field);
        assert_eq!((error.field(), error.kind(), script.requests().len()), (Some(field), kind, 0));
    }
}

#[tokio::test]
async fn answers_that_say_nothing_are_unknown() {
    for api in [VonageApi::Messages, VonageApi::Sms] {
        for body in ["<html>", "{}", "", r#"{"message_uuid":"","messages":[{"status":"0"}]}"#] {
            let (_, cx) = script(200, body);
            let error =
                send(config().api(api), &cx, &sms("x").build().expect("valid")).await.expect_err(body);
            assert_eq!(
                (error.kind(), error.certainty()),
                (ErrorKind::Protocol, Certainty::Unknown),
                "{body}"
            );
        }
    }
}

#[tokio::test]
async fn an_application_signs_tokens() {
    let key = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key");
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(key.as_der().expect("PKCS#8").as_ref())
    );
    let config =
        VonageConfig::with_application("abcd1234", "78d335fa", pem).from("Shop".parse().expect("valid"));
    let (script, cx) = script(202, r#"{"message_uuid":"u"}"#);
    send(config.clone(), &cx, &sms("x").build().expect("valid")).await.expect("taken");
    let header = script.requests()[0].request.headers()["authorization"].to_str().expect("text").to_owned();
    let token = header.strip_prefix("Bearer ").expect("a token");
    let (signed, signature) = token.rsplit_once('.').expect("three parts");
    let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public_key().as_ref());
    let signature = URL_SAFE_NO_PAD.decode(signature).expect("base64url");
    public.verify(signed.as_bytes(), &signature).expect("a good signature");
    let part = |text: &str| -> Value {
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
    };
    let (head, claims) = signed.split_once('.').expect("two parts");
    assert_eq!(part(head), json!({"alg": "RS256", "typ": "JWT"}));
    let claims = part(claims);
    assert_eq!(claims["application_id"], "78d335fa");
    let life = claims["exp"].as_i64().zip(claims["iat"].as_i64()).map(|(end, begin)| end - begin);
    assert_eq!(life, Some(900));
    assert_eq!(claims["jti"].as_str().map(str::len), Some(32));
    // Nothing that such an application may see is harmless to ask for.
    let vonage = config.build().expect("valid");
    assert_eq!(vonage.check(&cx).await.expect("no call"), Health::Unchecked);
}

#[tokio::test]
async fn the_check_asks_for_the_balance() {
    let vonage = config().build().expect("valid");
    for (status, body, expected) in [
        (200, r#"{"value":10.28,"autoReload":false}"#, Ok(Health::Good)),
        (200, "<html>", Err(ErrorKind::Protocol)),
        (401, r#"{"error-code":"401"}"#, Err(ErrorKind::Auth)),
    ] {
        let (script, cx) = script(status, body);
        assert_eq!(vonage.check(&cx).await.map_err(|error| error.kind()), expected, "{body}");
        let uri = script.requests()[0].request.uri().to_string();
        assert_eq!(uri, "https://rest.nexmo.com/account/get-balance");
    }
    let elsewhere = config().api(VonageApi::Messages).base_url("https://api-eu.vonage.com");
    let (script, cx) = script(200, "{}");
    let health = elsewhere.build().expect("valid").check(&cx).await.expect("no call");
    assert_eq!((health, script.requests().len()), (Health::Unchecked, 0));
}

#[tokio::test]
async fn without_a_signature_secret_no_call_is_trusted() {
    let headers = http::HeaderMap::new();
    let request = RawRequest::new(http::Method::POST, "https://x.org/in", headers, "", Timestamp::default());
    let vonage = config().build().expect("valid");
    let error = vonage.verify(&CallContext::default(), &request).await.expect_err("refused");
    assert!(error.kind() == ErrorKind::Auth && error.message().contains("signature_secret"), "{error}");
}
