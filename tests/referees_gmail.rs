//! Gmail held against programs that others wrote: Google's own description judges our requests, PyJWT the assertion
//! by which a service account speaks for somebody.
//!
//! Reads `TIDINGS_SPEC_MOCK` (such as `http://127.0.0.1:4100`) and `TIDINGS_SPEC_MOCK_SA_KEY` (the PEM file of the
//! service account that it trusts), and `TIDINGS_SPEC_MOCK_GMAIL` (the mock's address for Gmail).
#![cfg(feature = "gmail")]

use std::sync::Arc;

use serde_json::json;
use tidings::{
    Attachment, CallContext, Clock, Email, ErrorKind, MessageId, Outgoing, Provider, SystemClock, TenantId,
    http::ReqwestTransport,
    message::{Builder, ListUnsubscribe, Priority, VendorOption},
    providers::gmail::{Gmail, GmailConfig, ServiceAccount},
};

fn set(variable: &str) -> Option<String> {
    let value = std::env::var(variable).ok();
    if value.is_none() {
        eprintln!("skipped: {variable} is not set; .ci/referees starts the referees and sets it");
    }
    value
}

fn cx() -> CallContext {
    CallContext::default().with_http(Arc::new(ReqwestTransport::new().expect("a client")))
}

fn item(email: &Email) -> Outgoing<'_, Email> {
    Outgoing::new(email, MessageId::new(SystemClock.now()), &TenantId::DEFAULT, "key")
}

fn start() -> Builder<Email> {
    Email::builder()
        .from("Shop <shop@example.org>")
        .to("Ada <ada@example.org>")
        .subject("Zwölf")
        .text("Grüße")
}

/// Through the mock's token server, and Gmail at `base`.
fn delegated(mock: &str, key: &str, base: &str) -> Gmail {
    let key = std::fs::read_to_string(key).expect("the referee's key");
    let account = json!({"type": "service_account", "private_key": key, "token_uri": format!("{mock}/google/token"),
        "client_email": "mailer@harbour.iam.gserviceaccount.com"});
    let account = ServiceAccount::from_json(&account.to_string()).expect("whole");
    GmailConfig::delegated("shop@example.org", account).base_url(base).build().expect("valid")
}

#[tokio::test]
async fn googles_description_takes_our_mails() {
    let (Some(mock), Some(key), Some(base)) =
        (set("TIDINGS_SPEC_MOCK"), set("TIDINGS_SPEC_MOCK_SA_KEY"), set("TIDINGS_SPEC_MOCK_GMAIL"))
    else {
        return;
    };
    let gmail = delegated(&mock, &key, &base);
    let file = Attachment::new("a.pdf", "application/pdf", &b"%PDF"[..]).expect("valid");
    let thread = VendorOption::new("gmail", "thread_id", "15289b1d6b652c17");
    let full = start()
        .html("<p>Grüße</p>")
        .cc("bob@example.org")
        .bcc("dan@example.org")
        .reply_to("help@example.org")
        .attach(file)
        .header("In-Reply-To", "<1@example.org>")
        .priority(Priority::High)
        .list_unsubscribe(ListUnsubscribe::one_click("https://example.org/u").expect("valid"))
        .option(thread);
    for email in [start(), full].map(|email| email.build().expect("valid")) {
        let receipt = gmail.send(&cx(), item(&email)).await.expect("taken");
        assert!(receipt.outcomes.iter().all(|outcome| outcome.vendor_id().is_some()));
    }
}

#[tokio::test]
async fn an_account_with_another_key_gets_no_token() {
    let Some(mock) = set("TIDINGS_SPEC_MOCK") else { return };
    let key = aws_lc_rs::signature::RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048).expect("a key");
    let der = aws_lc_rs::encoding::AsDer::as_der(&key).expect("PKCS#8");
    use base64::Engine as _;
    let text = base64::engine::general_purpose::STANDARD.encode(der.as_ref());
    let pem = format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n");
    let path = std::env::temp_dir().join(format!("tidings-gmail-{}.pem", std::process::id()));
    std::fs::write(&path, pem).expect("a file");
    let gmail = delegated(&mock, path.to_str().expect("a path"), &format!("{mock}/gmail"));
    std::fs::remove_file(&path).expect("the file goes");
    let email = start().build().expect("valid");
    let error = gmail.send(&cx(), item(&email)).await.expect_err("another key");
    assert_eq!(error.kind(), ErrorKind::Auth, "{error}");
}
