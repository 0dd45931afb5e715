//! What Gmail's answers mean, and how mails are handed over.

use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use serde_json::{Value, json};

use super::*;
use crate::{
    error::{Certainty, ErrorKind, Retry},
    http::{HttpRequest, HttpResponse},
    id::{MessageId, TenantId},
    message::{Attachment, Builder, VendorOption},
    testing::{ScriptedHttp, answer},
    time::Timestamp,
};

const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

fn start() -> Builder<Email> {
    Email::builder().from("Shop <shop@x.org>").to("Ada <ada@x.org>").subject("s").text("t")
}

fn request(builder: Builder<Email>) -> Result<HttpRequest> {
    let email = builder.build().expect("valid");
    let item = Outgoing::new(&email, MessageId::new(NOW), &TenantId::DEFAULT, "key");
    let endpoints = wire::Endpoints::new("https://gmail.googleapis.com", "shop@x.org").expect("valid");
    wire::request(&endpoints, &"ya29.x".into(), &wire::mail(&item, NOW)?)
}

#[test]
fn a_small_mail_goes_as_json_with_its_blind_copies_named() {
    let option = VendorOption::new("gmail", "thread_id", "15289b1d6b652c17");
    let request = request(start().bcc("Bea <bea@x.org>").option(option)).expect("valid");
    assert_eq!(request.uri().path(), "/gmail/v1/users/shop%40x%2Eorg/messages/send");
    assert_eq!(request.headers()["content-type"], "application/json");
    let body: Value = serde_json::from_slice(request.body()).expect("JSON");
    assert_eq!(body["threadId"], "15289b1d6b652c17");
    let raw = URL_SAFE.decode(body["raw"].as_str().expect("a text")).expect("base64url");
    let mail = String::from_utf8(raw).expect("ASCII");
    assert!(mail.starts_with("Bcc: Bea <bea@x.org>\r\n"), "{mail}");
    assert!(mail.contains("\r\nTo: Ada <ada@x.org>\r\n") && mail.ends_with("\r\n\r\nt\r\n"), "{mail}");
}

#[test]
fn a_large_mail_goes_by_the_upload_address() {
    let file = Attachment::new("a.bin", "application/octet-stream", vec![0; 4_000_000]).expect("valid");
    let option = VendorOption::new("gmail", "thread_id", "15289b1d6b652c17");
    let request = request(start().attach(file).option(option)).expect("valid");
    assert_eq!(request.uri().query(), Some("uploadType=multipart"));
    assert!(request.uri().path().starts_with("/upload/gmail/v1/users/"));
    let kind = request.headers()["content-type"].to_str().expect("a text");
    let boundary = kind.strip_prefix("multipart/related; boundary=").expect("parts");
    let body = String::from_utf8(request.body().to_vec()).expect("ASCII");
    let parts: Vec<&str> = body.split(&format!("--{boundary}")).collect();
    assert_eq!((parts.len(), parts[0], parts[3]), (4, "", "--\r\n"));
    let (head, json) = parts[1].split_once("\r\n\r\n").expect("a head");
    assert_eq!(head, "\r\nContent-Type: application/json; charset=UTF-8");
    assert_eq!(json.trim(), r#"{"threadId":"15289b1d6b652c17"}"#);
    let (head, mail) = parts[2].split_once("\r\n\r\n").expect("a head");
    assert_eq!(head, "\r\nContent-Type: message/rfc822");
    assert!(mail.starts_with("Date: "), "{}", &mail[..100]);
}

#[test]
fn what_gmail_would_refuse_or_lose_is_refused_naming_the_field() {
    let option = |name: &str| VendorOption::new("gmail", name, json!(7));
    let table = [
        (start().tag("news"), "tags", ErrorKind::Unsupported),
        (start().metadata("a", "b"), "metadata", ErrorKind::Unsupported),
        (start().option(option("thread_id")), "options[\"gmail.thread_id\"]", ErrorKind::InvalidMessage),
        (start().option(option("label")), "options[\"gmail.label\"]", ErrorKind::InvalidMessage),
    ];
    for (builder, field, kind) in table {
        let error = request(builder).expect_err(field);
        assert_eq!((error.field(), error.kind()), (Some(field), kind), "{error}");
    }
    let crowd = (0..2_000).fold(start(), |mail, n| mail.to(format!("a{n}@x.org").as_str()));
    let error = request(crowd).expect_err("a crowd");
    assert!(error.message().contains("2000") && error.message().contains("2001"), "{error}");
    let file = Attachment::new("a.bin", "a/b", vec![0; 27_000_000]).expect("valid");
    let error = request(start().attach(file)).expect_err("too large");
    assert_eq!((error.kind(), error.certainty()), (ErrorKind::PayloadTooLarge, Certainty::NotSent));
    assert!(error.message().contains("36700160"), "{error}");
}

fn refusal(status: u16, reason: &str, message: &str) -> HttpResponse {
    let body = json!({"error": {"code": status, "message": message,
        "errors": [{"domain": "global", "reason": reason, "message": message}]}});
    answer(status, &[("content-type", "application/json")], body.to_string())
}

#[test]
fn refusals_have_kind_certainty_and_retry() {
    use ErrorKind::{
        Auth, InvalidMessage, InvalidRecipient, NotFound, PayloadTooLarge, Permission, Quota, RateLimited,
    };
    let wait = Retry::After(std::time::Duration::from_secs(60));
    // https://developers.google.com/workspace/gmail/api/guides/handle-errors
    let table = [
        (400, "badRequest", "Invalid attachment", InvalidMessage, Retry::Never),
        (400, "invalidArgument", "Invalid To header", InvalidRecipient, Retry::Never),
        (400, "invalidArgument", "Recipient address required", InvalidRecipient, Retry::Never),
        (400, "failedPrecondition", "Mail service not enabled", Permission, Retry::Never),
        (401, "authError", "Invalid Credentials", Auth, Retry::Never),
        (403, "dailyLimitExceeded", "Daily Limit Exceeded", Quota, Retry::Never),
        (403, "userRateLimitExceeded", "User Rate Limit Exceeded", RateLimited, Retry::Backoff),
        (403, "rateLimitExceeded", "Rate Limit Exceeded", RateLimited, Retry::Backoff),
        (
            403,
            "domainPolicy",
            "The domain administrators have disabled Gmail apps.",
            Permission,
            Retry::Never,
        ),
        (403, "insufficientPermissions", "Insufficient Permission", Permission, Retry::Never),
        (404, "notFound", "Requested entity was not found.", NotFound, Retry::Never),
        (413, "uploadTooLarge", "Too large", PayloadTooLarge, Retry::Never),
        (429, "rateLimitExceeded", "Too many concurrent requests for user", RateLimited, Retry::Backoff),
        (
            429,
            "userRateLimitExceeded",
            "User-rate limit exceeded. (Mail sending)",
            RateLimited,
            Retry::Backoff,
        ),
        (
            429,
            "userRateLimitExceeded",
            "User-rate limit exceeded.  Retry after 2026-01-01T00:01:00.000Z",
            RateLimited,
            wait,
        ),
    ];
    for (status, reason, message, kind, retry) in table {
        let error = errors::refused(&refusal(status, reason, message), NOW);
        let facts = (error.kind(), error.certainty(), error.retry(), error.code());
        assert_eq!(facts, (kind, Certainty::NotSent, retry, Some(reason)), "{message}");
    }
    let late = errors::refused(&refusal(500, "backendError", "Backend Error"), NOW);
    assert_eq!((late.kind(), late.certainty()), (ErrorKind::Unavailable, Certainty::Unknown));
}

#[tokio::test]
async fn a_token_that_may_only_send_is_a_good_sign() {
    let gmail = GmailConfig::with_credential("me", "ya29.x").build().expect("valid");
    let checked = async |status: u16, body: Value| {
        let http = ScriptedHttp::new().json(status, body.to_string());
        gmail.check(&CallContext::default().with_http(std::sync::Arc::new(http))).await
    };
    assert_eq!(checked(200, json!({"emailAddress": "a@x.org"})).await.ok(), Some(Health::Good));
    let lacks = json!({"error": {"code": 403, "status": "PERMISSION_DENIED",
        "message": "Request had insufficient authentication scopes.",
        "errors": [{"reason": "insufficientPermissions"}],
        "details": [{"reason": "ACCESS_TOKEN_SCOPE_INSUFFICIENT"}]}});
    assert_eq!(checked(403, lacks).await.ok(), Some(Health::Good));
    let policy = json!({"error": {"message": "disabled", "errors": [{"reason": "domainPolicy"}]}});
    assert_eq!(checked(403, policy).await.expect_err("refused").kind(), ErrorKind::Permission);
    assert_eq!(checked(200, json!({})).await.expect_err("nothing").kind(), ErrorKind::Protocol);
}

#[tokio::test]
async fn a_refresh_token_gives_the_access_token() {
    let config = GmailConfig::refreshed("me", "id", "s3cret", "1//refresh");
    let gmail = config.build().expect("valid");
    let http = ScriptedHttp::new()
        .json(200, r#"{"access_token":"ya29.fresh","expires_in":3599}"#)
        .json(200, r#"{"id":"m1","threadId":"t1"}"#);
    let cx = CallContext::default().with_http(std::sync::Arc::new(http.clone()));
    let email = start().build().expect("valid");
    let item = Outgoing::new(&email, MessageId::new(NOW), &TenantId::DEFAULT, "key");
    let receipt = gmail.send(&cx, item).await.expect("sent");
    assert_eq!(receipt.outcomes[0].vendor_id(), Some("m1"));
    let asked = http.requests();
    assert_eq!(asked[0].request.uri().to_string(), "https://oauth2.googleapis.com/token");
    assert_eq!(asked[1].request.headers()["authorization"], "Bearer ya29.fresh");
}

#[test]
fn a_configuration_that_cannot_be_right_is_named() {
    let table = |value: Value| GmailConfig::from_table(value.as_object().expect("a table").clone());
    let build = |value: Value| table(value).and_then(GmailConfig::build);
    for (value, name) in [
        (json!({"refresh_token": "r"}), "user"),
        (json!({"user": "nobody", "refresh_token": "r"}), "user"),
        (json!({"user": "me"}), "refresh_token"),
        (json!({"user": "me", "refresh_token": "r"}), "client_id"),
        (json!({"user": "me", "refresh_token": "r", "client_id": "i"}), "client_secret"),
        (json!({"user": "me", "refresh": "r"}), "refresh_token"),
    ] {
        let error = build(value).expect_err(name);
        assert!(error.kind() == ErrorKind::Config && error.message().contains(name), "{error}");
    }
    let shown = format!("{:?}", GmailConfig::refreshed("me", "id", "s3cret", "1//refresh"));
    assert!(!shown.contains("s3cret") && !shown.contains("1//refresh"), "{shown}");
}
