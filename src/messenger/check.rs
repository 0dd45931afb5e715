//! Asks every vendor for a harmless sign of life.

use std::{sync::Arc, time::Duration};

use super::{
    Inner,
    channels::{Channels, Slot, vendors},
};
use crate::{
    context::CallContext,
    error::{Error, ErrorKind, Result},
    message::{Channel, Message},
    provider::{Health, Provider},
};

/// How long one vendor may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What a vendor's self-test said.
#[derive(Debug)]
#[non_exhaustive]
pub struct Checkup {
    /// The name of the instance.
    pub provider: String,
    /// The vendor's bare name.
    pub vendor: &'static str,
    /// The channels on which it sends.
    pub channels: Vec<Channel>,
    /// How long it took.
    pub took: Duration,
    /// What it said.
    pub health: Result<Health>,
}

/// Who is to be asked: one question for all channels of an instance.
struct Asked {
    provider: String,
    vendor: &'static str,
    channels: Vec<Channel>,
    question: Question,
}

type Question = Box<dyn FnOnce(CallContext) -> Answer + Send>;
type Answer = std::pin::Pin<Box<dyn Future<Output = Result<Health>> + Send>>;

/// In the order of the channels and of the providers in their routes.
pub(super) async fn check(inner: &Inner) -> Vec<Checkup> {
    let running: Vec<_> = all(&inner.bare)
        .into_iter()
        .map(|Asked { provider, vendor, channels, question }| {
            // Tasks of their own: all are asked at once, and one that panics takes no other with it.
            (provider, vendor, channels, tokio::spawn(timed(question, inner.cx.clone())))
        })
        .collect();
    let mut checkups = Vec::with_capacity(running.len());
    for (provider, vendor, channels, task) in running {
        let (took, health) = task.await.unwrap_or_else(|_| (Duration::ZERO, Err(panicked())));
        let health = health.map_err(|error| error.with_provider(provider.as_str()));
        checkups.push(Checkup { provider, vendor, channels, took, health });
    }
    checkups
}

async fn timed(question: Question, cx: CallContext) -> (Duration, Result<Health>) {
    let begun = cx.clock().monotonic();
    let limited = cx.clone().with_deadline(begun + LIMIT);
    let health = tokio::time::timeout(LIMIT, question(limited)).await;
    (cx.clock().monotonic().since(begun), health.unwrap_or_else(|_| Err(silent())))
}

fn silent() -> Error {
    Error::new(ErrorKind::Timeout, format!("no answer within {} s", LIMIT.as_secs()))
}

fn panicked() -> Error {
    Error::new(ErrorKind::Internal, "the check panicked")
}

fn all(channels: &Channels) -> Vec<Asked> {
    let Channels { chat, email, push, sms, whatsapp } = channels;
    let mut found = Vec::new();
    add(&mut found, chat.as_ref());
    add(&mut found, email.as_ref());
    add(&mut found, push.as_ref());
    add(&mut found, sms.as_ref());
    add(&mut found, whatsapp.as_ref());
    found
}

fn add<M: Message>(found: &mut Vec<Asked>, slot: Option<&Slot<M>>) {
    let Some(Slot::Fixed(provider)) = slot else { return };
    for provider in vendors(provider) {
        let (name, vendor) = (provider.name().to_owned(), provider.capabilities().vendor);
        match found.iter_mut().find(|asked| asked.provider == name && asked.vendor == vendor) {
            Some(known) => known.channels.push(M::CHANNEL),
            None => found.push(Asked {
                provider: name,
                vendor,
                channels: vec![M::CHANNEL],
                question: question(provider),
            }),
        }
    }
}

fn question<M: Message>(provider: Arc<dyn Provider<M>>) -> Question {
    Box::new(move |cx| Box::pin(async move { provider.check(&cx).await }))
}
