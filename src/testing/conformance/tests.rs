//! Good providers keep every rule; for each rule there is a provider that breaks it.

use std::{
    panic::AssertUnwindSafe,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    time::Duration,
};

use async_trait::async_trait;
use secrecy::SecretString;

use super::*;
use crate::{
    Capabilities, Certainty, Chat, Credential, CredentialSource, Email, Error, ErrorKind, Features, Health,
    Issued, Push, Retry, Sms, Vendor, WhatsApp,
    http::{HttpRequest, call, call_with, classify, secret_header},
    providers::preview::Preview,
    testing::{Recorder, Script, Scripted, answer},
};

const SECRET: &str = "s3cret-canary";

fn email() -> Email {
    Email::builder().from("a@x.org").to("b@x.org").subject("Hi").text("Hi").html("<p>Hi").build().unwrap()
}

fn several() -> Email {
    Email::builder().from("a@x.org").to("b@x.org").cc("c@x.org").bcc("d@x.org").text("Hi").build().unwrap()
}

struct Of<P>(fn() -> P);

macro_rules! harness {
    ($($message:ident: $sample:expr, $several:expr;)*) => {$(
        impl<P: Provider<$message>> Harness<$message> for Of<P> {
            type Provider = P;

            fn provider(&self) -> P {
                (self.0)()
            }

            fn message(&self) -> $message {
                $sample
            }

            fn several(&self) -> Option<$message> {
                $several
            }
        }
    )*};
}

harness! {
    Chat: Chat::builder().to("@news").text("Hi").build().unwrap(), None;
    Email: email(), Some(several());
    Push: Push::builder().token("tok").title("Hi").build().unwrap(), None;
    Sms: Sms::builder().to("+15005550006").body("Hi").build().unwrap(), None;
    WhatsApp: WhatsApp::builder().to("+15005550006").text("Hi").build().unwrap(), None;
}

crate::provider_conformance! { mod preview_chat; channel: Chat; harness: Of(Preview::silent) }
crate::provider_conformance! { mod preview_email; channel: Email; harness: Of(Preview::silent) }
crate::provider_conformance! { mod preview_push; channel: Push; harness: Of(Preview::silent) }
crate::provider_conformance! { mod preview_sms; channel: Sms; harness: Of(Preview::silent) }
crate::provider_conformance! { mod preview_whatsapp; channel: WhatsApp; harness: Of(Preview::silent) }
crate::provider_conformance! { mod recorder_chat; channel: Chat; harness: Of(Recorder::new) }
crate::provider_conformance! { mod recorder_email; channel: Email; harness: Of(Recorder::new) }
crate::provider_conformance! { mod recorder_push; channel: Push; harness: Of(Recorder::new) }
crate::provider_conformance! { mod recorder_whatsapp; channel: WhatsApp; harness: Of(Recorder::new) }
crate::provider_conformance! { mod recorder_sms; channel: Sms; harness: Of(Recorder::new) }
crate::provider_conformance! {
    mod scripted_email; channel: Email; harness: Of(|| Scripted::new(Script::new().then_always_ok()))
}
crate::provider_conformance! { mod web_with_token; channel: Email; harness: TokenHarness(Flaw::None); http: json }
crate::provider_conformance! { mod web; channel: Email; harness: WebHarness(Flaw::None); http: json }

/// What is wrong with a provider.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flaw {
    AllFinal,
    AllNotSent,
    AllUnknown,
    BareHeader,
    BatchIsShort,
    BatchIsTurned,
    BelievesEverything,
    ChangesCapabilities,
    ChangesName,
    ChangesNothingForKey,
    CheckIsBlind,
    EmptyName,
    FollowsRedirect,
    ForgetsDeadline,
    ForgetsRetryAfter,
    KeepsLock,
    Leaks,
    LosesARecipient,
    NewKeyForEveryAttempt,
    NoBatch,
    NoFeatures,
    None,
    NotJsonIsNotSent,
    OptionsAreDropped,
    Refuses,
    Repeats,
    ShowsSecret,
    SpeaksForNothing,
    TakesNoDates,
    Waits,
}

/// A vendor that speaks JSON over HTTP, with a flaw.
struct Web {
    flaw: Flaw,
    key: Credential,
    sent: AtomicU32,
    busy: AtomicBool,
}

impl fmt::Debug for Web {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Web({})", if self.flaw == Flaw::ShowsSecret { SECRET } else { "…" })
    }
}

struct WebHarness(Flaw);

impl Harness<Email> for WebHarness {
    type Provider = Web;

    fn provider(&self) -> Web {
        let key = Credential::from(SECRET);
        Web { flaw: self.0, key, sent: AtomicU32::new(0), busy: AtomicBool::new(false) }
    }

    fn message(&self) -> Email {
        email()
    }

    fn several(&self) -> Option<Email> {
        Some(several())
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.into()]
    }

    fn http(&self) -> Option<HttpAnswers> {
        Some(HttpAnswers::accepting([answer(200, &[], r#"{"id":"7"}"#)]))
    }
}

/// The same with a token that is fetched first.
struct TokenHarness(Flaw);

impl Harness<Email> for TokenHarness {
    type Provider = Web;

    fn provider(&self) -> Web {
        Web { key: Credential::fetched(Token(self.0)), ..WebHarness(self.0).provider() }
    }

    fn message(&self) -> Email {
        email()
    }

    fn secrets(&self) -> Vec<String> {
        vec![SECRET.into(), PASSWORD.into()]
    }

    fn http(&self) -> Option<HttpAnswers> {
        let token = answer(200, &[], SECRET);
        Some(HttpAnswers::accepting([answer(200, &[], r#"{"id":"7"}"#)]).before([token]))
    }
}

const PASSWORD: &str = "passw0rd-canary";

#[derive(Debug)]
struct Token(Flaw);

#[async_trait]
impl CredentialSource for Token {
    async fn fetch(&self, cx: &CallContext) -> Result<Issued<SecretString>> {
        let password = secret_header("", &PASSWORD.into())?;
        let request = http::Request::post("https://web.example/token").header("password", password);
        let answer = call(cx, request.body(Bytes::new()).expect("valid")).await?;
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        if answer.body() == SECRET {
            return Ok(Issued { value: text.into(), expires: None });
        }
        let error = Error::new(ErrorKind::Auth, "no token");
        Err(if self.0 == Flaw::Leaks { error.with_context("answer", text) } else { error })
    }
}

#[test]
fn an_echo_at_the_door_of_tokens_is_found() {
    let text = verdict(http_errors_show_no_secret::<Email, _>(&TokenHarness(Flaw::Leaks)));
    assert!(text.starts_with("broken rule: Nothing that a provider answers"), "{text}");
}

#[async_trait]
impl Vendor for Web {
    fn name(&self) -> &str {
        match (self.flaw, self.sent.load(Ordering::Relaxed)) {
            (Flaw::EmptyName, _) => "",
            (Flaw::ChangesName, 1..) => "other",
            _ => "web",
        }
    }

    async fn check(&self, cx: &CallContext) -> Result<Health> {
        let answer = call_with(cx, &self.key, |key| self.request(key, "", 1)).await?;
        match answer.status().is_success() || self.flaw == Flaw::CheckIsBlind {
            true => Ok(Health::Good),
            false => Err(classify::error_for(&answer, cx.clock().now())),
        }
    }
}

impl Web {
    fn request(&self, secret: &SecretString, key: &str, attempt: u32) -> Result<HttpRequest> {
        let mut credential = secret_header("Bearer ", secret)?;
        credential.set_sensitive(self.flaw != Flaw::BareHeader);
        let key = match self.flaw {
            Flaw::ChangesNothingForKey => "always".to_owned(),
            Flaw::NewKeyForEveryAttempt => format!("{attempt}"),
            _ => key.to_owned(),
        };
        let request = http::Request::post("https://web.example/send").header("authorization", credential);
        Ok(request.header("idempotency-key", key).body(Bytes::from_static(b"{}")).expect("valid"))
    }

    async fn answer(&self, cx: &CallContext, key: &str, attempt: u32) -> Result<HttpResponse> {
        let build = |secret: &SecretString| self.request(secret, key, attempt);
        match self.flaw {
            Flaw::ForgetsDeadline => {
                let secret = self.key.value(cx).await?;
                cx.http()?.send(build(&secret)?, None).await
            }
            Flaw::Leaks => call(cx, build(&*self.key.value(cx).await?)?).await,
            _ => call_with(cx, &self.key, build).await,
        }
    }

    async fn try_once(&self, cx: &CallContext, item: &Outgoing<'_, Email>) -> Result<Receipt> {
        let answer = self.answer(cx, item.key(), item.attempt()).await?;
        if !self.pleases(answer.status()) {
            return Err(self.refusal(cx, &answer));
        }
        let recipients = item.message().recipient_count();
        match serde_json::from_slice::<serde_json::Value>(answer.body()) {
            _ if self.flaw == Flaw::BelievesEverything => Ok(Receipt::accepted(recipients, None)),
            Ok(json) if json["id"].is_string() => Ok(Receipt::accepted(recipients, None)),
            _ if self.flaw == Flaw::FollowsRedirect => Ok(Receipt::accepted(recipients, None)),
            _ if self.flaw == Flaw::NotJsonIsNotSent => Err(Error::new(ErrorKind::Refused, "what?")),
            _ => Err(classify::not_understood(&answer, "no id")),
        }
    }

    fn pleases(&self, status: StatusCode) -> bool {
        status.is_success() || (self.flaw == Flaw::FollowsRedirect && status == StatusCode::FOUND)
    }

    fn refusal(&self, cx: &CallContext, answer: &HttpResponse) -> Error {
        let error = classify::error_for(answer, cx.clock().now());
        let dated = |r: &HttpResponse| r.headers().get("retry-after").is_some_and(|v| v.len() > 4);
        let text = String::from_utf8_lossy(answer.body()).into_owned();
        match self.flaw {
            Flaw::ForgetsRetryAfter => error.with_retry(Retry::Backoff),
            Flaw::TakesNoDates if dated(answer) => error.with_retry(Retry::Backoff),
            Flaw::Leaks => error.with_context("answer", text),
            _ => error.with_context("answer", classify::excerpt(&text)),
        }
    }
}

#[async_trait]
impl Provider<Email> for Web {
    fn capabilities(&self) -> Capabilities {
        let features = if self.flaw == Flaw::NoFeatures { Features::NONE } else { Features::ALL };
        let batch = match (self.flaw, self.sent.load(Ordering::Relaxed)) {
            (Flaw::NoBatch, _) => 0,
            (Flaw::ChangesCapabilities, 1..) => 2,
            _ => 1,
        };
        Capabilities::new("web", features).max_batch(batch).idempotency(Duration::from_secs(60))
    }

    async fn send(&self, cx: &CallContext, item: Outgoing<'_, Email>) -> Result<Receipt> {
        self.sent.fetch_add(1, Ordering::Relaxed);
        if self.flaw == Flaw::Refuses {
            return Err(Error::new(ErrorKind::Refused, "no"));
        }
        if self.flaw != Flaw::OptionsAreDropped && !item.message().options().is_empty() {
            return Err(Error::invalid("options", "web knows no options"));
        }
        if self.flaw == Flaw::KeepsLock && self.busy.swap(true, Ordering::Relaxed) {
            return Err(Error::new(ErrorKind::Internal, "busy"));
        }
        if self.flaw == Flaw::Waits {
            cx.clock().sleep_until(cx.clock().monotonic() + Duration::from_secs(1)).await;
        }
        let mut result = self.try_once(cx, &item).await;
        if self.flaw == Flaw::Repeats && result.is_err() {
            result = self.try_once(cx, &item).await;
        }
        self.busy.store(false, Ordering::Relaxed);
        if let (Flaw::LosesARecipient, Ok(receipt)) = (self.flaw, &mut result) {
            receipt.outcomes.truncate(1);
        }
        result.map_err(|error| match self.flaw {
            Flaw::AllFinal => error.with_retry(Retry::Never),
            Flaw::AllNotSent => error.with_certainty(Certainty::NotSent),
            Flaw::AllUnknown => Error::new(ErrorKind::Internal, error.to_string()),
            _ => error,
        })
    }

    async fn send_batch(&self, cx: &CallContext, items: &[Outgoing<'_, Email>]) -> Vec<Result<Receipt>> {
        let mut results = Vec::new();
        for item in items {
            results.push(self.send(cx, *item).await);
        }
        match self.flaw {
            Flaw::BatchIsShort => drop(results.pop()),
            Flaw::BatchIsTurned => results.rotate_left(1),
            Flaw::SpeaksForNothing if items.is_empty() => results.push(Ok(Receipt::accepted(0, None))),
            _ => {}
        }
        results
    }
}

fn verdict<'a>(rule: impl Future<Output = ()> + 'a) -> String {
    match std::panic::catch_unwind(AssertUnwindSafe(|| run(rule))) {
        Ok(()) => "kept".into(),
        Err(panic) => *panic.downcast::<String>().expect("a text"),
    }
}

macro_rules! broken {
    ($($flaw:ident => $($rule:ident)*;)*) => {
        #[test]
        fn every_flaw_is_found_by_its_rules() {
            $($(
                let text = verdict($rule::<Email, _>(&WebHarness(Flaw::$flaw)));
                assert!(text.starts_with("broken rule: "), "{} of {:?}: {text}", stringify!($rule), Flaw::$flaw);
                assert!(!text.contains(SECRET), "{text}");
            )*)*
        }

        /// The rules that some flaw breaks.
        const BREAKABLE: &[&str] = &[$($(stringify!($rule)),*),*];
    };
}

broken! {
    AllFinal => http_429_is_rate_limited_with_retry_after_seconds http_503_is_passing_and_not_sent
        http_connection_refused_is_not_sent;
    AllNotSent => http_500_is_unknown http_reset_after_send_is_unknown http_no_answer_in_time_is_unknown
        http_success_that_is_not_json_is_unknown http_success_that_is_cut_is_unknown
        http_json_that_says_nothing_is_unknown http_error_pages_are_classified;
    AllUnknown => http_401_is_auth http_connection_refused_is_not_sent http_503_is_passing_and_not_sent
        http_without_transport_is_config http_redirect_is_no_success;
    BareHeader => http_secret_headers_are_sensitive;
    BatchIsShort => batch_answers_as_many_results_as_items_in_order;
    BatchIsTurned => batch_answers_as_many_results_as_items_in_order;
    BelievesEverything => http_success_that_is_not_json_is_unknown http_success_that_is_cut_is_unknown;
    ChangesCapabilities => capabilities_are_stable;
    ChangesName => name_is_not_empty_and_stable;
    ChangesNothingForKey => http_idempotency_key_is_the_same_for_every_attempt;
    CheckIsBlind => http_check_with_bad_credentials_is_auth;
    EmptyName => name_is_not_empty_and_stable;
    FollowsRedirect => http_redirect_is_no_success;
    ForgetsDeadline => http_deadline_is_handed_to_transport;
    ForgetsRetryAfter => http_429_is_rate_limited_with_retry_after_seconds
        http_429_is_rate_limited_with_retry_after_date;
    KeepsLock => send_future_can_be_dropped;
    Leaks => http_errors_show_no_secret http_errors_stay_short;
    LosesARecipient => one_outcome_per_recipient;
    NewKeyForEveryAttempt => http_idempotency_key_is_the_same_for_every_attempt;
    NoBatch => max_batch_is_at_least_one;
    NoFeatures => sample_messages_are_within_capabilities;
    NotJsonIsNotSent => http_success_that_is_not_json_is_unknown http_json_that_says_nothing_is_unknown;
    OptionsAreDropped => unknown_options_are_refused batch_answers_as_many_results_as_items_in_order;
    Refuses => sample_messages_are_accepted one_outcome_per_recipient send_future_can_be_dropped;
    Repeats => http_failures_are_not_repeated;
    ShowsSecret => debug_shows_no_secret;
    SpeaksForNothing => empty_batch_is_empty;
    TakesNoDates => http_429_is_rate_limited_with_retry_after_date;
    Waits => http_failures_are_not_repeated;
}

#[test]
fn every_rule_can_be_broken() {
    let list = include_str!("macros.rs");
    let rules = list.lines().map(str::trim).filter(|line| {
        !line.is_empty() && line.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
    });
    let rules: Vec<_> = rules.collect();
    assert_eq!(rules.len(), 32, "{rules:?}");
    for rule in rules {
        assert!(BREAKABLE.contains(&rule), "no flaw breaks {rule}");
    }
}

#[test]
fn http_rules_ask_for_answers() {
    let text = verdict(http_500_is_unknown::<Email, _>(&Of(Preview::silent)));
    assert!(text.contains("Harness::http"), "{text}");
}
