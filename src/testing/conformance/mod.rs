//! Holds a provider to its contract: one public function a rule, one named
//! test a rule by [`provider_conformance!`](crate::provider_conformance).
//!
//! Implement [`Harness`] for your provider, then write:
//!
//! ```
//! use tidings::{Email, providers::preview::Preview, testing::conformance::Harness};
//!
//! struct PreviewHarness;
//!
//! impl Harness<Email> for PreviewHarness {
//!     type Provider = Preview;
//!
//!     fn provider(&self) -> Preview {
//!         Preview::silent()
//!     }
//!
//!     fn message(&self) -> Email {
//!         Email::builder().from("a@x.org").to("b@x.org").text("Hi").build().expect("valid")
//!     }
//! }
//!
//! tidings::provider_conformance! { mod preview; channel: Email; harness: PreviewHarness }
//! ```
//!
//! Providers that speak HTTP through the [`CallContext`] add `http: any` or,
//! if they read JSON from answers of success, `http: json`, and say by
//! [`Harness::http`] what their vendor answers; then the rules of HTTP are
//! tested too, against a scripted server.
//!
//! The tests are plain `#[test]`s that bring a runtime of their own: a crate
//! that uses the macro needs no dependency but this one.

use std::{fmt, future::Future, sync::Arc, time::Duration};

use bytes::Bytes;
use http::{StatusCode, header};

use super::{HttpStep, ManualClock, ScriptedHttp};
use crate::{
    context::CallContext,
    error::Result,
    http::HttpResponse,
    id::{MessageId, TenantId},
    message::Message,
    provider::{Outgoing, Provider, Receipt},
    time::{Clock, Monotonic, Timestamp},
};

mod http_rules;
mod macros;
mod rules;

pub use http_rules::{
    http_401_is_auth, http_429_is_rate_limited_with_retry_after_date,
    http_429_is_rate_limited_with_retry_after_seconds, http_500_is_unknown, http_503_is_passing_and_not_sent,
    http_check_with_bad_credentials_is_auth, http_connection_refused_is_not_sent,
    http_deadline_is_handed_to_transport, http_error_pages_are_classified, http_errors_show_no_secret,
    http_errors_stay_short, http_failures_are_not_repeated,
    http_idempotency_key_is_the_same_for_every_attempt, http_json_that_says_nothing_is_unknown,
    http_no_answer_in_time_is_unknown, http_redirect_is_no_success, http_reset_after_send_is_unknown,
    http_secret_headers_are_sensitive, http_success_that_is_cut_is_unknown,
    http_success_that_is_not_json_is_unknown, http_without_transport_is_config,
};
pub use rules::{
    batch_answers_as_many_results_as_items_in_order, capabilities_are_stable, debug_shows_no_secret,
    empty_batch_is_empty, max_batch_is_at_least_one, name_is_not_empty_and_stable, one_outcome_per_recipient,
    sample_messages_are_accepted, sample_messages_are_within_capabilities, send_future_can_be_dropped,
    unknown_options_are_refused,
};

/// What the suite has to know of a provider.
pub trait Harness<M: Message> {
    /// The provider.
    type Provider: Provider<M>;

    /// A fresh instance. Called inside a tokio runtime.
    fn provider(&self) -> Self::Provider;

    /// A message that the provider takes.
    fn message(&self) -> M;

    /// A message to several recipients that the provider takes, if its channel knows such.
    fn several(&self) -> Option<M> {
        None
    }

    /// The secrets that were given to the provider: they must be shown nowhere.
    fn secrets(&self) -> Vec<String> {
        Vec::new()
    }

    /// What the calls of a provider without HTTP run in.
    fn context(&self) -> CallContext {
        CallContext::default()
    }

    /// What the vendor answers, if the provider speaks HTTP through the context.
    fn http(&self) -> Option<HttpAnswers> {
        None
    }
}

/// What a vendor answers over HTTP.
pub struct HttpAnswers {
    accepted: Vec<HttpResponse>,
    several: Option<Vec<HttpResponse>>,
    batch: Option<Box<dyn Fn(usize) -> Vec<HttpResponse>>>,
    before: Vec<HttpResponse>,
    errors: Box<dyn Fn(StatusCode) -> Bytes>,
}

impl HttpAnswers {
    /// The answers, in order, that together accept [`Harness::message`].
    pub fn accepting(answers: impl IntoIterator<Item = HttpResponse>) -> Self {
        Self {
            accepted: answers.into_iter().collect(),
            several: None,
            batch: None,
            before: Vec::new(),
            errors: Box::new(|_| Bytes::from_static(b"{}")),
        }
    }

    /// The answers that accept [`Harness::several`], if they are others.
    #[must_use]
    pub fn several(mut self, answers: impl IntoIterator<Item = HttpResponse>) -> Self {
        self.several = Some(answers.into_iter().collect());
        self
    }

    /// The answers that accept so many messages in one batch; without this,
    /// each is accepted by a call of its own.
    #[must_use]
    pub fn batch(mut self, answers: impl Fn(usize) -> Vec<HttpResponse> + 'static) -> Self {
        self.batch = Some(Box::new(answers));
        self
    }

    /// What a fresh provider asks for before the first message, such as a token.
    #[must_use]
    pub fn before(mut self, answers: impl IntoIterator<Item = HttpResponse>) -> Self {
        self.before = answers.into_iter().collect();
        self
    }

    /// The bodies of the vendor's errors, where they are not `{}`.
    #[must_use]
    pub fn errors(mut self, body: impl Fn(StatusCode) -> Bytes + 'static) -> Self {
        self.errors = Box::new(body);
        self
    }

    fn success(&self) -> StatusCode {
        self.accepted.last().map_or(StatusCode::OK, HttpResponse::status)
    }

    fn to_batch(&self, messages: usize) -> Vec<HttpResponse> {
        match &self.batch {
            Some(answers) => answers(messages),
            None => std::iter::repeat_n(&self.accepted, messages).flatten().cloned().collect(),
        }
    }
}

impl fmt::Debug for HttpAnswers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let answers = (self.accepted.len(), self.before.len());
        f.debug_struct("HttpAnswers").field("accepted, before", &answers).finish_non_exhaustive()
    }
}

/// Runs one rule on a runtime of its own.
///
/// # Panics
/// If the rule is broken, or no runtime can be built.
pub fn run<T>(rule: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.unwrap_or_else(|why| panic!("no runtime for the test: {why}")).block_on(rule)
}

/// A rule of the contract in words, to be quoted when it is broken.
pub(super) struct Rule(pub(super) &'static str);

impl Rule {
    pub(super) fn holds(&self, holds: bool, found: impl FnOnce() -> String) {
        if !holds {
            self.broken(found());
        }
    }

    pub(super) fn broken(&self, found: impl fmt::Display) -> ! {
        panic!("broken rule: {}\n  found: {found}", self.0)
    }
}

/// A fresh provider with all it needs to be called.
struct Trial<P> {
    provider: P,
    cx: CallContext,
    http: ScriptedHttp,
    clock: ManualClock,
}

/// The same key for every attempt, as the framework has it.
const KEY: &str = "conformance-7f3a";

impl<P> Trial<P> {
    /// Against a server that accepts [`Harness::message`] over and over.
    fn good<M: Message, H: Harness<M, Provider = P>>(harness: &H) -> Self {
        match harness.http() {
            Some(answers) => Self::accepting(harness, &answers, answers.accepted.clone()),
            None => Self::offline(harness),
        }
    }

    /// Against a server that accepts [`Harness::several`].
    fn several<M: Message, H: Harness<M, Provider = P>>(harness: &H) -> Self {
        match harness.http() {
            Some(answers) => {
                let several = answers.several.clone().unwrap_or_else(|| answers.accepted.clone());
                Self::accepting(harness, &answers, several)
            }
            None => Self::offline(harness),
        }
    }

    /// Against a server that accepts a batch of so many.
    fn batch<M: Message, H: Harness<M, Provider = P>>(harness: &H, messages: usize) -> Self {
        match harness.http() {
            Some(answers) => Self::accepting(harness, &answers, answers.to_batch(messages)),
            None => Self::offline(harness),
        }
    }

    fn accepting<M: Message, H: Harness<M, Provider = P>>(
        harness: &H,
        answers: &HttpAnswers,
        accepted: Vec<HttpResponse>,
    ) -> Self {
        let before = answers.before.iter().cloned().map(HttpStep::Answer);
        let http = before.fold(ScriptedHttp::new(), ScriptedHttp::then);
        Self::online(harness, http.then_always(accepted.into_iter().map(HttpStep::Answer)))
    }

    fn online<M: Message, H: Harness<M, Provider = P>>(harness: &H, http: ScriptedHttp) -> Self {
        // A fixed day, so that tokens and dates in answers can be written down.
        let clock = ManualClock::at(Timestamp::from_secs(1_767_225_600)).auto_advance();
        let http = http.with_clock(Arc::new(clock.clone()));
        let cx = CallContext::new(Arc::new(clock.clone())).with_http(Arc::new(http.clone()));
        Self { provider: harness.provider(), cx, http, clock }
    }

    fn offline<M: Message, H: Harness<M, Provider = P>>(harness: &H) -> Self {
        let trial = Self::online(harness, ScriptedHttp::new());
        Self { cx: harness.context(), ..trial }
    }

    /// How far the clock was moved: how long the provider waited.
    fn elapsed(&self) -> Duration {
        self.clock.monotonic().since(Monotonic::default())
    }

    async fn send<M: Message>(&self, message: &M) -> Result<Receipt>
    where
        P: Provider<M>,
    {
        self.send_as(message, KEY, 1).await
    }

    async fn send_as<M: Message>(&self, message: &M, key: &str, attempt: u32) -> Result<Receipt>
    where
        P: Provider<M>,
    {
        let item = Outgoing::new(message, id(), &TenantId::DEFAULT, key).next_attempt(attempt);
        self.provider.send(&self.cx, item).await
    }
}

/// The same message every time: a retry must look like one.
fn id() -> MessageId {
    MessageId::from_uuid(uuid::Uuid::from_u128(0x0199_f5a8_0000_7000_8000_0000_0000_0001))
}

fn error_answer(answers: &HttpAnswers, status: u16, headers: &[(&str, &str)]) -> HttpStep {
    let mut answer = super::answer(status, headers, "");
    *answer.body_mut() = (answers.errors)(answer.status());
    let json = header::HeaderValue::from_static("application/json");
    answer.headers_mut().insert(header::CONTENT_TYPE, json);
    HttpStep::Answer(answer)
}

#[cfg(test)]
mod tests;
