use super::*;
use crate::{
    message::{AnyMessage, WhatsAppTemplate},
    messenger::Messenger,
    storage::MemoryStore,
    testing::{ManualClock, Recorded, Recorder},
};

const NOW: Timestamp = Timestamp::from_secs(1_795_208_820);
const HOUR: Duration = Duration::from_secs(3_600);
const TO: &str = "+15005550006";

struct Stage {
    messenger: Messenger,
    window: WhatsAppWindow,
    recorder: Recorder,
    clock: ManualClock,
}

fn stage() -> Stage {
    let (clock, recorder) = (ManualClock::at(NOW), Recorder::new());
    let window = WhatsAppWindow::new(Arc::new(MemoryStore::default()));
    let messenger = Messenger::builder()
        .whatsapp(recorder.clone())
        .clock(clock.clone())
        .whatsapp_window(window.clone())
        .build()
        .expect("valid");
    Stage { messenger, window, recorder, clock }
}

impl Stage {
    async fn heard(&self, at: Timestamp) {
        self.window.heard(&TenantId::DEFAULT, &number(), at).await.expect("memory");
    }

    async fn last(&self) -> Option<Timestamp> {
        self.window.last_heard(&TenantId::DEFAULT, &number()).await.expect("memory")
    }
}

fn number() -> PhoneNumber {
    TO.parse().expect("valid")
}

fn text() -> crate::message::Builder<WhatsApp> {
    WhatsApp::builder().to(TO).text("Your table is ready.").reply_to("wamid.1")
}

fn content(recorded: &Recorded) -> (String, bool) {
    match &recorded.message {
        AnyMessage::WhatsApp(message) => match &message.content {
            WhatsAppContent::Template(template) => (template.name.to_string(), message.reply_to.is_some()),
            other => (format!("{other:?}"), message.reply_to.is_some()),
        },
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn outside_the_window_a_free_form_message_is_refused_and_a_template_goes() {
    let stage = stage();
    let free = || text().build().expect("valid");
    let error = stage.messenger.send(free()).await.expect_err("never wrote");
    assert_eq!(
        (error.kind(), error.field(), error.code()),
        (ErrorKind::Refused, Some("content"), Some("outside_24_hours"))
    );
    assert_eq!(error.certainty(), crate::Certainty::NotSent);
    assert!(error.message().contains("not written yet") && error.message().contains("stand_in"), "{error}");
    stage.heard(NOW).await;
    stage.clock.advance(HOUR * 24 - Duration::from_secs(1));
    stage.messenger.send(free()).await.expect("inside, by a second");
    stage.clock.advance(Duration::from_secs(1));
    let error = stage.messenger.send(free()).await.expect_err("24 hours have passed");
    assert!(error.message().contains("24 hours ago"), "{error}");
    let template = WhatsApp::builder().to(TO).template(WhatsAppTemplate::new("hello", "en"));
    stage.messenger.send(template.build().expect("valid")).await.expect("templates always go");
    assert_eq!(stage.recorder.sent().len(), 2);
}

#[tokio::test]
async fn a_stand_in_goes_outside_and_only_there() {
    let stage = stage();
    let message = || text().stand_in(WhatsAppTemplate::new("table_ready", "en")).build().expect("valid");
    let sent = stage.messenger.send(message()).await.expect("as its stand-in");
    let told = stage.messenger.timeline(sent.id).await.expect("memory");
    let stood_in = told.iter().find(|event| event.kind.as_str() == STOOD_IN).expect("it is told");
    assert!(stood_in.text.as_deref().is_some_and(|text| text.contains("not written yet")), "{stood_in:?}");
    stage.heard(NOW).await;
    stage.messenger.send(message()).await.expect("as it is");
    let all: Vec<_> = stage.recorder.sent().iter().map(content).collect();
    assert_eq!(all[0], ("table_ready".to_owned(), false));
    assert!(all[1].0.contains("Your table is ready.") && all[1].1, "{all:?}");
}

#[tokio::test]
async fn each_of_a_batch_is_judged_by_itself() {
    let stage = stage();
    let other = || WhatsApp::builder().to("+15005550007").text("Hi");
    stage.heard(NOW).await;
    let stand_in = other().stand_in(WhatsAppTemplate::new("hello", "en"));
    let messages = [text(), other(), stand_in, text()].map(|m| AnyMessage::from(m.build().expect("valid")));
    let answers = stage.messenger.send_batch(messages).await;
    let told: Vec<_> = answers.iter().map(|answer| answer.as_ref().err().map(Error::kind)).collect();
    assert_eq!(told, [None, Some(ErrorKind::Refused), None, None]);
    assert_eq!(stage.recorder.sent().len(), 3);
}

#[tokio::test]
async fn what_is_heard_never_goes_back_and_is_kept_by_tenant() {
    let stage = stage();
    assert_eq!(stage.last().await, None);
    stage.heard(NOW).await;
    for (at, expected) in [
        (NOW, NOW),
        (Timestamp::from_secs(7), NOW),
        // Noted to the minute.
        (NOW + Duration::from_secs(59), NOW),
        (NOW + HOUR, NOW + HOUR),
    ] {
        stage.heard(at).await;
        assert_eq!(stage.last().await, Some(expected));
    }
    let acme: TenantId = "acme".parse().expect("valid");
    assert_eq!(stage.window.last_heard(&acme, &number()).await.expect("memory"), None);
}

#[tokio::test]
async fn many_at_once_leave_the_latest() {
    let stage = stage();
    let heard = (0..4).map(|hour| {
        let window = stage.window.clone();
        tokio::spawn(async move { window.heard(&TenantId::DEFAULT, &number(), NOW + HOUR * hour).await })
    });
    for heard in heard.collect::<Vec<_>>() {
        heard.await.expect("no panic").expect("noted");
    }
    assert_eq!(stage.last().await, Some(NOW + HOUR * 3));
}
