//! Spans have stable names and fields, and say nothing about whom and what.
#![cfg(feature = "testing")]

use std::{
    fmt,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use tidings::{
    Email, Messenger,
    testing::{Script, Scripted},
};
use tracing::{
    Event, Metadata, Subscriber,
    field::{Field, Visit},
    span,
};

/// Writes down the names and all field values of spans and events.
#[derive(Clone, Default)]
struct Listener {
    heard: Arc<Mutex<Vec<String>>>,
    ids: Arc<AtomicU64>,
}

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!(" {}={value:?}", field.name()));
    }
}

impl Subscriber for Listener {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target().starts_with("tidings")
    }

    fn new_span(&self, attributes: &span::Attributes<'_>) -> span::Id {
        let mut fields = Fields(attributes.metadata().name().to_owned());
        attributes.record(&mut fields);
        self.heard.lock().expect("no panic").push(fields.0);
        span::Id::from_u64(self.ids.fetch_add(1, Ordering::SeqCst) + 1)
    }

    fn record(&self, _: &span::Id, values: &span::Record<'_>) {
        let mut fields = Fields(String::new());
        values.record(&mut fields);
        self.heard.lock().expect("no panic").push(fields.0);
    }

    fn event(&self, event: &Event<'_>) {
        let mut fields = Fields("event".into());
        event.record(&mut fields);
        self.heard.lock().expect("no panic").push(fields.0);
    }

    fn record_follows_from(&self, _: &span::Id, _: &span::Id) {}
    fn enter(&self, _: &span::Id) {}
    fn exit(&self, _: &span::Id) {}
}

#[tokio::test]
async fn spans_name_the_path_and_keep_content_and_addresses_out() {
    let listener = Listener::default();
    let heard = Arc::clone(&listener.heard);
    let _guard = tracing::subscriber::set_default(listener);
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
    let heard = heard.lock().expect("no panic").join("\n");
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
