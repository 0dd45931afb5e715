//! Spans have stable names and fields, and say nothing about whom and what.
#![cfg(feature = "testing")]

mod support;

use tidings::{
    Email, Messenger,
    testing::{Script, Scripted},
};

use support::Listener;

#[tokio::test]
async fn spans_name_the_path_and_keep_content_and_addresses_out() {
    let listener = Listener::default();
    let _guard = tracing::subscriber::set_default(listener.clone());
    let vendor = Scripted::new(Script::new().ok().then_always_ok()).named("vendor-1");
    let messenger = Messenger::builder().email(vendor).build().expect("valid");
    let email = Email::builder()
        .from("canary.from@example.org")
        .to("canary.to@example.org")
        .subject("canary subject")
        .text("canary text")
        .metadata("canary-name", "canary value")
        .build()
        .expect("valid");
    messenger.send(email.clone()).key("canary-key").await.expect("sent");
    messenger.send_batch([email]).await.pop().expect("one").expect("sent");
    let heard = listener.heard();
    assert!(!heard.contains("canary"), "{heard}");
    for part in [
        "tidings.send channel=\"email\"",
        "tidings.attempt provider=vendor-1",
        "tidings.send_batch",
        "attempt=1",
    ] {
        assert!(heard.contains(part), "{part} in\n{heard}");
    }
}
