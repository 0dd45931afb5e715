//! `messenger.check()`: every vendor is asked once, and none keeps the others waiting.
#![cfg(feature = "testing")]

use std::{
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use tidings::{
    CallContext, Capabilities, Channel, Email, Error, ErrorKind, Features, Health, Message, Messenger,
    Outgoing, Provider, Receipt, Result, Vendor, route::Spread,
};

#[derive(Clone, Copy, Debug)]
enum Mood {
    Good,
    Hanging,
    Panicking,
    Refusing,
}

#[derive(Debug)]
struct Acme {
    name: &'static str,
    mood: Mood,
    asked: Arc<AtomicU32>,
}

impl Acme {
    fn new(name: &'static str, mood: Mood) -> Self {
        Self { name, mood, asked: Arc::default() }
    }
}

#[async_trait]
impl Vendor for Acme {
    fn name(&self) -> &str {
        self.name
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        assert!(cx.deadline().is_some(), "a check does not take for ever");
        match self.mood {
            Mood::Good => Ok(Health::Good),
            Mood::Hanging => std::future::pending().await,
            Mood::Panicking => panic!("a vendor of somebody else's"),
            Mood::Refusing => Err(Error::new(ErrorKind::Auth, "the key is wrong")),
        }
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Acme {
    fn capabilities(&self) -> Capabilities {
        Capabilities::new("acme", Features::NONE)
    }

    async fn send(&self, _: &CallContext, _: Outgoing<'_, M>) -> Result<Receipt> {
        Ok(Receipt::accepted(1, None))
    }
}

#[tokio::test(start_paused = true)]
async fn each_vendor_of_a_route_answers_for_itself() {
    let route = Spread::<Email>::failover()
        .to(Acme::new("good", Mood::Good))
        .to(Acme::new("hanging", Mood::Hanging))
        .to(Acme::new("refusing", Mood::Refusing));
    let messenger = Messenger::builder().email(route).build().expect("valid");
    let begun = tokio::time::Instant::now();
    let checkups = messenger.check().await;
    assert!(begun.elapsed() < Duration::from_secs(11), "they are asked at once");
    let said: Vec<_> = checkups
        .iter()
        .map(|c| (c.provider.as_str(), c.health.as_ref().map_err(Error::kind).copied()))
        .collect();
    let expected = [
        ("good", Ok(Health::Good)),
        ("hanging", Err(ErrorKind::Timeout)),
        ("refusing", Err(ErrorKind::Auth)),
    ];
    assert_eq!(said, expected);
    let refusal = checkups[2].health.as_ref().expect_err("refused");
    assert_eq!(refusal.provider(), Some("refusing"));
}

#[tokio::test]
async fn an_instance_of_two_channels_is_asked_once() {
    let asked = Arc::new(AtomicU32::new(0));
    let acme = || Acme { name: "acme", mood: Mood::Good, asked: asked.clone() };
    let messenger = Messenger::builder().sms(acme()).whatsapp(acme()).build().expect("valid");
    let checkups = messenger.check().await;
    assert_eq!((checkups.len(), asked.load(Ordering::Relaxed)), (1, 1));
    assert_eq!(checkups[0].channels, [Channel::Sms, Channel::WhatsApp]);
}

#[tokio::test]
async fn one_that_panics_does_not_silence_the_others() {
    let builder = Messenger::builder().sms(Acme::new("loud", Mood::Panicking));
    let messenger = builder.email(Acme::new("good", Mood::Good)).build().expect("valid");
    let checkups = messenger.check().await;
    let said: Vec<_> = checkups.iter().map(|c| (c.provider.as_str(), c.health.is_ok())).collect();
    assert_eq!(said, [("good", true), ("loud", false)]);
}
