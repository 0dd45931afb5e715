//! A vendor that plays a script.

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;

use super::{Script, Step, lock, no_options};
use crate::{
    context::CallContext,
    error::{Error, Result},
    id::{DeliveryId, MessageId, TenantId},
    message::{Channel, Features, Message},
    provider::{Capabilities, Outcome, Outgoing, Provider, Receipt, Vendor},
    time::Monotonic,
};

/// A call that a [`Scripted`] vendor got.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The message's id.
    pub id: MessageId,
    /// On whose behalf it was sent.
    pub tenant: TenantId,
    /// Its channel.
    pub channel: Channel,
    /// Its idempotency key.
    pub key: Arc<str>,
    /// The attempt, counted from one.
    pub attempt: u32,
    /// The replay, counted from zero.
    pub generation: u32,
    /// When the call was made, by the monotonic clock of its context.
    pub at: Monotonic,
    /// The deliveries that the vendor took in this call, whatever it answered.
    /// Those that it recognised as repeated are not taken again.
    pub accepted: Vec<DeliveryId>,
    /// What was played.
    pub step: Step,
}

impl Call {
    /// True if the vendor took anything.
    pub fn was_accepted(&self) -> bool {
        !self.accepted.is_empty()
    }
}

/// A vendor of every channel that plays a [`Script`] and notes its calls.
///
/// Cheap to clone; clones play the same script and share their notes.
///
/// A step that hangs is pending for ever: time limits are the caller's. It
/// knows no vendor options; one addressed to `scripted` is an error.
#[derive(Clone)]
pub struct Scripted {
    name: Arc<str>,
    capabilities: Capabilities,
    state: Arc<Mutex<State>>,
}

struct State {
    script: Script,
    calls: Vec<Call>,
    taken: HashMap<(Arc<str>, DeliveryId), (Monotonic, Arc<str>)>,
}

impl Scripted {
    const NAME: &str = "scripted";

    /// A vendor that plays `script`.
    pub fn new(script: Script) -> Self {
        let state = State { script, calls: Vec::new(), taken: HashMap::new() };
        let capabilities = Capabilities::new(Self::NAME, Features::ALL);
        Self { name: Self::NAME.into(), capabilities, state: Arc::new(Mutex::new(state)) }
    }

    /// The same under another name, for tests with several.
    #[must_use]
    pub fn named(mut self, name: impl Into<Arc<str>>) -> Self {
        self.name = name.into();
        self
    }

    /// The same saying of itself that it can do this.
    #[must_use]
    pub fn with_capabilities(mut self, capabilities: Capabilities) -> Self {
        self.capabilities = capabilities;
        self
    }

    /// The same recognising a repeated idempotency key for this long: it then
    /// answers as before and takes nothing twice.
    #[must_use]
    pub fn idempotent(mut self, window: Duration) -> Self {
        self.capabilities = self.capabilities.idempotency(window);
        self
    }

    /// All calls, the oldest first.
    pub fn calls(&self) -> Vec<Call> {
        lock(&self.state).calls.clone()
    }

    /// The idempotency key of each call in which something was taken.
    pub fn accepted_keys(&self) -> Vec<Arc<str>> {
        let state = lock(&self.state);
        state.calls.iter().filter(|call| call.was_accepted()).map(|call| Arc::clone(&call.key)).collect()
    }

    /// Checks that `vendors` together took no delivery twice (within one generation).
    ///
    /// # Panics
    /// If they did, listing who took what in which attempt.
    #[track_caller]
    pub fn assert_none_accepted_twice<'a>(vendors: impl IntoIterator<Item = &'a Self>) {
        let mut takers: HashMap<_, Vec<String>> = HashMap::new();
        for vendor in vendors {
            for call in vendor.calls() {
                let taker = format!("{} in attempt {}", vendor.name, call.attempt);
                for delivery in call.accepted {
                    takers.entry((delivery, call.generation)).or_default().push(taker.clone());
                }
            }
        }
        takers.retain(|_, takers| takers.len() > 1);
        let mut twice: Vec<_> = takers.into_iter().collect();
        twice.sort();
        let lines =
            twice.iter().map(|((delivery, _), takers)| format!("  - {delivery}: {}\n", takers.join(", ")));
        assert!(
            twice.is_empty(),
            "{} deliveries were taken twice:\n{}",
            twice.len(),
            lines.collect::<String>()
        );
    }

    /// Plays the next step: what the vendor does, whoever listens.
    fn play<M: Message>(&self, cx: &CallContext, item: &Outgoing<'_, M>) -> (Step, Receipt) {
        let mut state = lock(&self.state);
        let step = state.script.next();
        let mut call = Call {
            id: item.id(),
            tenant: item.tenant().clone(),
            channel: M::CHANNEL,
            key: item.key().into(),
            attempt: item.attempt(),
            generation: item.generation(),
            at: cx.clock().monotonic(),
            accepted: Vec::new(),
            step: step.clone(),
        };
        let recipients = 0..item.message().recipient_count();
        let outcomes = recipients.filter_map(|position| {
            if step.takes(position) {
                Some(self.take(&mut state, &mut call, item.delivery(position)))
            } else {
                self.refusal(&step)
            }
        });
        let receipt = Receipt::new(outcomes.collect());
        state.calls.push(call);
        (step, receipt)
    }

    fn take(&self, state: &mut State, call: &mut Call, delivery: DeliveryId) -> Outcome {
        let place = (Arc::clone(&call.key), delivery);
        if let Some(id) = self.known(state, &place, call.at) {
            return Outcome::accepted(Some(id));
        }
        let id: Arc<str> = format!("{}-{}", self.name, state.calls.len() + 1).into();
        call.accepted.push(delivery);
        state.taken.insert(place, (call.at, Arc::clone(&id)));
        Outcome::accepted(Some(id))
    }

    fn refusal(&self, step: &Step) -> Option<Outcome> {
        let Step::RefuseRecipient(_, kind) = step else { return None };
        let error = Error::new(*kind, "the recipient was refused (scripted)");
        Some(Outcome::failed(error.with_provider(Arc::clone(&self.name))))
    }

    /// The id under which `place` was taken, if the vendor still recognises it.
    fn known(&self, state: &State, place: &(Arc<str>, DeliveryId), now: Monotonic) -> Option<Arc<str>> {
        let window = self.capabilities.idempotency?;
        let (at, id) = state.taken.get(place)?;
        (now.since(*at) <= window).then(|| Arc::clone(id))
    }
}

impl fmt::Debug for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = lock(&self.state).calls.len();
        f.debug_struct("Scripted").field("name", &self.name).field("calls", &calls).finish_non_exhaustive()
    }
}

impl Vendor for Scripted {
    fn name(&self) -> &str {
        &self.name
    }
}

#[async_trait]
impl<M: Message> Provider<M> for Scripted {
    fn capabilities(&self) -> Capabilities {
        self.capabilities
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, M>) -> Result<Receipt> {
        no_options(item.message(), self.capabilities.vendor, &self.name)?;
        let (step, receipt) = self.play(cx, &item);
        if step.hangs() {
            return std::future::pending().await;
        }
        match step.error() {
            Some(error) => Err(error.with_provider(Arc::clone(&self.name))),
            None if receipt.accepted_count() > 0 => Ok(receipt),
            // Nobody was taken, and all for the same reason: that is an error.
            None => Err(sole_reason(receipt)),
        }
    }
}

fn sole_reason(receipt: Receipt) -> Error {
    let reason = receipt.outcomes.iter().find_map(|outcome| outcome.error().cloned());
    reason.unwrap_or_else(|| Error::invalid("to", "the message has no recipient"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Certainty, Email, ErrorKind, Retry, Sms, Timestamp, message::Message, testing::ManualClock};

    fn cx() -> (ManualClock, CallContext) {
        let clock = ManualClock::at(Timestamp::from_secs(1));
        (clock.clone(), CallContext::new(Arc::new(clock)))
    }

    fn sms() -> Sms {
        Sms::builder().to("+15005550006").body("Hi").build().unwrap()
    }

    fn id(number: u128) -> MessageId {
        MessageId::from_uuid(uuid::Uuid::from_u128(number))
    }

    async fn send<M: Message>(
        vendor: &Scripted,
        cx: &CallContext,
        message: &M,
        number: u128,
    ) -> Result<Receipt> {
        let key = format!("key-{number}");
        vendor.send(cx, Outgoing::new(message, id(number), &TenantId::DEFAULT, &key)).await
    }

    #[tokio::test]
    async fn steps_are_played_in_order() {
        let script = Script::new()
            .rate_limited(Duration::from_secs(2))
            .reset_before_send()
            .reset_after_send()
            .fail(Error::new(ErrorKind::Quota, "spent"))
            .ok();
        let (vendor, (_, cx)) = (Scripted::new(script), cx());
        let mut facts = Vec::new();
        for _ in 0..4 {
            let error = send(&vendor, &cx, &sms(), 1).await.expect_err("scripted");
            facts.push((error.kind(), error.certainty(), error.retry()));
        }
        use Certainty::{NotSent, Unknown};
        assert_eq!(
            facts,
            [
                (ErrorKind::RateLimited, NotSent, Retry::After(Duration::from_secs(2))),
                (ErrorKind::Transport, NotSent, Retry::Backoff),
                (ErrorKind::Transport, Unknown, Retry::Backoff),
                (ErrorKind::Quota, NotSent, Retry::Never),
            ]
        );
        assert_eq!(send(&vendor, &cx, &sms(), 1).await.expect("ok").accepted_count(), 1);
        let ended = send(&vendor, &cx, &sms(), 1).await.expect_err("the script has ended");
        assert_eq!((ended.kind(), ended.certainty()), (ErrorKind::Internal, NotSent));
        let taken: Vec<_> = vendor.calls().iter().map(Call::was_accepted).collect();
        assert_eq!(taken, [false, false, true, false, true, false]);
    }

    #[tokio::test]
    async fn one_recipient_is_refused_and_the_others_taken() {
        let script = Script::new().refuse_recipient(1, ErrorKind::InvalidRecipient).then_always_ok();
        let vendor = Scripted::new(script.clone());
        let email = Email::builder().to("a@x.org").to("b@x.org").cc("c@x.org").text("Hi").build().unwrap();
        let receipt = send(&vendor, &cx().1, &email, 1).await.expect("two are taken");
        let kinds: Vec<_> = receipt.outcomes.iter().map(|o| o.error().map(Error::kind)).collect();
        assert_eq!(kinds, [None, Some(ErrorKind::InvalidRecipient), None]);
        let taken: Vec<_> = vendor.calls()[0].accepted.iter().map(|d| d.recipient).collect();
        assert_eq!(taken, [0, 2]);
        let only = Scripted::new(Script::new().refuse_recipient(0, ErrorKind::InvalidRecipient));
        let error = send(&only, &cx().1, &sms(), 1).await.expect_err("the only one is refused");
        assert_eq!(error.kind(), ErrorKind::InvalidRecipient);
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_was_taken_all_the_same() {
        let (clock, cx) = cx();
        let vendor = Scripted::new(Script::new().accept_then_hang().hang());
        for _ in 0..2 {
            let sending = tokio::spawn({
                let (vendor, cx) = (vendor.clone(), cx.clone());
                async move {
                    let deadline = cx.clock().monotonic() + Duration::from_secs(1);
                    cx.until(deadline, send(&vendor, &cx, &sms(), 1)).await.is_err()
                }
            });
            clock.sleepers_reach(1).await;
            clock.advance(Duration::from_secs(1));
            assert!(sending.await.unwrap());
        }
        assert_eq!(vendor.accepted_keys(), ["key-1".into()]);
    }

    #[tokio::test]
    async fn chances_are_of_the_asked_size_and_repeatable() {
        let failed = async |seed| {
            let vendor = Scripted::new(Script::new().each(0.2, seed, Step::ResetBeforeSend));
            let mut failed = Vec::new();
            for n in 0..1_000 {
                failed.push(send(&vendor, &cx().1, &sms(), n).await.is_err());
            }
            failed
        };
        let first = failed(7).await;
        let share = first.iter().filter(|failed| **failed).count();
        assert!((150..250).contains(&share), "{share} of 1000");
        assert_eq!(first, failed(7).await);
        assert_ne!(first, failed(8).await);
    }

    #[tokio::test]
    async fn a_repeated_key_is_recognised_within_its_window() {
        let (clock, cx) = cx();
        let vendor = Scripted::new(Script::new().then_always_ok()).idempotent(Duration::from_secs(60));
        let first = send(&vendor, &cx, &sms(), 1).await.expect("ok");
        clock.advance(Duration::from_secs(60));
        let second = send(&vendor, &cx, &sms(), 1).await.expect("ok");
        assert_eq!(first.outcomes[0].vendor_id(), second.outcomes[0].vendor_id());
        Scripted::assert_none_accepted_twice([&vendor]);
        clock.advance(Duration::from_secs(1));
        send(&vendor, &cx, &sms(), 1).await.expect("ok");
        assert_eq!(vendor.accepted_keys().len(), 2);
    }

    #[tokio::test]
    #[should_panic(
        expected = "1 deliveries were taken twice:\n  - 00000000-0000-0000-0000-000000000001/0: a in attempt 1, b in attempt 1"
    )]
    async fn what_two_vendors_took_is_found() {
        let (_, cx) = cx();
        let vendors = ["a", "b"].map(|name| Scripted::new(Script::new().then_always_ok()).named(name));
        for (vendor, own) in vendors.iter().zip([2, 3]) {
            send(vendor, &cx, &sms(), 1).await.expect("ok");
            send(vendor, &cx, &sms(), own).await.expect("ok");
        }
        Scripted::assert_none_accepted_twice(&vendors);
    }
}
