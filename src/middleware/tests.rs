//! How often layers ask the provider under them.

use std::{fmt, sync::Arc, time::Duration};

use async_trait::async_trait;
use mockall::{
    automock,
    predicate::{always, eq},
};

use super::{AttemptTimeout, Layer, RetryLayer, RetryPolicy};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result, Retry},
    id::{MessageId, TenantId},
    message::{Features, Sms},
    provider::{Capabilities, OnUnknown, Outcome, Outgoing, Provider, Receipt, Vendor},
    testing::ManualClock,
    time::{Clock, Timestamp},
};

/// What the tests count: one call of a provider, by what layers tell it.
#[automock]
trait Line: fmt::Debug + Send + Sync + 'static {
    fn send(&self, attempt: u32, remaining: Option<Duration>) -> Result<()>;
}

#[derive(Debug)]
struct Phone {
    line: MockLine,
    idempotency: Option<Duration>,
}

#[async_trait]
impl Vendor for Phone {
    fn name(&self) -> &str {
        "phone"
    }
}

#[async_trait]
impl Provider<Sms> for Phone {
    fn capabilities(&self) -> Capabilities {
        let capabilities = Capabilities::new("phone", Features::NONE);
        self.idempotency.map_or(capabilities, |window| capabilities.idempotency(window))
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Sms>) -> Result<Receipt> {
        self.line.send(item.attempt(), cx.remaining())?;
        Ok(Receipt::new(vec![Outcome::accepted(None)]))
    }
}

/// A line on which nothing was said yet.
fn phone(idempotency: Option<Duration>) -> Phone {
    Phone { line: MockLine::new(), idempotency }
}

/// The `number`th attempt of a message ends so, and there is one of that number.
fn attempt(phone: &mut Phone, number: u32, result: Result<()>) {
    phone.line.expect_send().with(eq(number), always()).times(1).return_once(move |_, _| result);
}

fn unknown() -> Error {
    Error::new(ErrorKind::Transport, "the connection failed before the answer")
}

fn busy(wait: Duration) -> Error {
    Error::new(ErrorKind::RateLimited, "busy").with_retry(Retry::After(wait))
}

/// Sends one message through three retries; answers with the result and how long it took.
async fn send(phone: Phone, on_unknown: OnUnknown) -> (Result<Receipt>, Duration) {
    let clock = ManualClock::at(Timestamp::default()).auto_advance();
    let provider = RetryLayer::new(RetryPolicy::default()).wrap(Arc::new(phone) as Arc<dyn Provider<Sms>>);
    let sms = Sms::builder().from("+15005550001").to("+15005550006").body("Hi").build().expect("valid");
    let cx = CallContext::new(Arc::new(clock.clone()));
    let item = Outgoing::new(&sms, MessageId::new(clock.now()), &TenantId::DEFAULT, "key");
    let began = clock.monotonic();
    let result = provider.send(&cx, item.with_on_unknown(on_unknown)).await;
    (result, clock.monotonic().since(began))
}

#[tokio::test]
async fn what_passes_is_tried_until_it_has_passed() {
    let (mut phone, wait) = (phone(None), Duration::from_secs(3));
    attempt(&mut phone, 1, Err(busy(wait)));
    attempt(&mut phone, 2, Err(busy(wait)));
    attempt(&mut phone, 3, Ok(()));
    let (result, took) = send(phone, OnUnknown::Hold).await;
    assert_eq!((result.expect("sent").accepted_count(), took), (1, 2 * wait));
}

#[tokio::test]
async fn after_three_retries_it_gives_up() {
    let mut phone = phone(None);
    for number in 1..=4 {
        attempt(&mut phone, number, Err(busy(Duration::from_secs(1))));
    }
    let (result, _) = send(phone, OnUnknown::Hold).await;
    assert_eq!(result.expect_err("busy").kind(), ErrorKind::RateLimited);
}

#[tokio::test]
async fn what_will_not_pass_is_asked_once() {
    for kind in [ErrorKind::Auth, ErrorKind::InvalidRecipient, ErrorKind::CircuitOpen] {
        let mut phone = phone(None);
        attempt(&mut phone, 1, Err(Error::new(kind, "no")));
        let (result, took) = send(phone, OnUnknown::Hold).await;
        assert_eq!((result.expect_err("no").kind(), took), (kind, Duration::ZERO));
    }
}

#[tokio::test]
async fn an_unknown_outcome_is_asked_once_unless_it_can_do_no_harm() {
    let window = Some(Duration::from_secs(3_600));
    for (idempotency, on_unknown, calls) in
        [(None, OnUnknown::Hold, 1), (window, OnUnknown::Hold, 4), (None, OnUnknown::Retry, 4)]
    {
        let mut phone = phone(idempotency);
        for number in 1..=calls {
            attempt(&mut phone, number, Err(unknown()));
        }
        let (result, _) = send(phone, on_unknown).await;
        assert_eq!(result.expect_err("lost").certainty(), Certainty::Unknown);
    }
}

#[tokio::test]
async fn a_time_limit_reaches_the_provider_as_its_deadline() {
    let (mut phone, limit) = (phone(None), Duration::from_secs(9));
    let line = phone.line.expect_send().with(eq(1), eq(Some(limit)));
    line.times(1).returning(|_, _| Err(unknown()));
    let clock = ManualClock::at(Timestamp::default());
    let cx = CallContext::new(Arc::new(clock));
    let provider = AttemptTimeout::new(limit).wrap(Arc::new(phone) as Arc<dyn Provider<Sms>>);
    let sms = Sms::builder().from("+15005550001").to("+15005550006").body("Hi").build().expect("valid");
    let item = Outgoing::new(&sms, MessageId::new(cx.clock().now()), &TenantId::DEFAULT, "key");
    assert_eq!(provider.send(&cx, item).await.expect_err("lost").kind(), ErrorKind::Transport);
}
