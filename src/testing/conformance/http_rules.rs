//! The rules that hold for providers that speak HTTP through their context.

use std::{error::Error as _, time::Duration};

use bytes::Bytes;
use http::StatusCode;

use super::{Harness, HttpAnswers, KEY, Rule, Trial, error_answer, rules::secrets};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result, Retry},
    http::HttpRequest,
    message::Message,
    provider::{Health, Provider, Receipt, Vendor},
    testing::{HttpStep, ScriptedHttp, http::answer},
};

const WAIT: Duration = Duration::from_secs(7);
const LIMIT: Duration = Duration::from_secs(5);
const PAGE: &str = "<html><body>Down for maintenance</body></html>";
/// The longest text of an error, in characters.
const LONGEST: usize = 2_000;

fn answers<M: Message, H: Harness<M>>(rule: &Rule, harness: &H) -> HttpAnswers {
    harness.http().unwrap_or_else(|| rule.broken("`Harness::http` gives no answers to test it with"))
}

/// Against a server that does `step` with every message.
fn trial<M: Message, H: Harness<M>>(
    harness: &H,
    answers: &HttpAnswers,
    step: HttpStep,
) -> Trial<H::Provider> {
    let before = answers.before.iter().cloned().map(HttpStep::Answer);
    // Over and over: who renews a credential asks once more.
    Trial::online(harness, ScriptedHttp::new().then_always(before.chain([step])))
}

/// The error of a message with which the server does `step`.
async fn failure<M: Message, H: Harness<M>>(rule: &Rule, harness: &H, step: HttpStep) -> Error {
    let answers = answers(rule, harness);
    match trial(harness, &answers, step).send(&harness.message()).await {
        Ok(receipt) => rule.broken(format!("the message counts as sent: {receipt:?}")),
        Err(error) => error,
    }
}

async fn error_of<M: Message, H: Harness<M>>(
    rule: &Rule,
    harness: &H,
    status: u16,
    headers: &[(&str, &str)],
) -> Error {
    let step = error_answer(&answers(rule, harness), status, headers);
    failure(rule, harness, step).await
}

fn is(rule: &Rule, error: &Error, holds: bool) {
    rule.holds(holds, || format!("{error:?}"));
}

/// Status 429 with `Retry-After: 7`.
pub async fn http_429_is_rate_limited_with_retry_after_seconds<M: Message, H: Harness<M>>(harness: &H) {
    let rule =
        Rule("Status 429 is `rate_limited`, not sent, to be retried after the seconds of `Retry-After`.");
    let error = error_of(&rule, harness, 429, &[("retry-after", "7")]).await;
    is_limited(&rule, &error);
}

/// Status 429 with a date in `Retry-After`.
pub async fn http_429_is_rate_limited_with_retry_after_date<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Status 429 is `rate_limited`, not sent, to be retried after the date of `Retry-After`.");
    // Seven seconds after the fixed day of the suite's clock.
    let error = error_of(&rule, harness, 429, &[("retry-after", "Thu, 01 Jan 2026 00:00:07 GMT")]).await;
    is_limited(&rule, &error);
}

fn is_limited(rule: &Rule, error: &Error) {
    let facts = (error.kind(), error.certainty(), error.retry());
    is(rule, error, facts == (ErrorKind::RateLimited, Certainty::NotSent, Retry::After(WAIT)));
}

/// Status 503.
pub async fn http_503_is_passing_and_not_sent<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Status 503 is `unavailable`, not sent, and may be retried.");
    let error = error_of(&rule, harness, 503, &[]).await;
    is(&rule, &error, error.kind() == ErrorKind::Unavailable && error.is_passing());
}

/// Status 500.
pub async fn http_500_is_unknown<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("After status 500 the outcome is unknown: the message may be on its way.");
    let error = error_of(&rule, harness, 500, &[]).await;
    is(&rule, &error, error.certainty() == Certainty::Unknown);
}

/// Status 401.
pub async fn http_401_is_auth<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Status 401 is `auth`, not sent.");
    let error = error_of(&rule, harness, 401, &[]).await;
    is(&rule, &error, (error.kind(), error.certainty()) == (ErrorKind::Auth, Certainty::NotSent));
}

/// `check` against a server that refuses the credentials.
pub async fn http_check_with_bad_credentials_is_auth<M: Message, H: Harness<M>>(harness: &H) {
    let rule =
        Rule("`check` answers `auth` to status 401, or `Unchecked` if there is no harmless way to ask.");
    let answers = answers(&rule, harness);
    let trial = trial(harness, &answers, error_answer(&answers, 401, &[]));
    match trial.provider.check(&trial.cx).await {
        Ok(Health::Unchecked) => {}
        Ok(health) => rule.broken(format!("{health:?}")),
        Err(error) => is(&rule, &error, error.kind() == ErrorKind::Auth),
    }
}

/// No connection.
pub async fn http_connection_refused_is_not_sent<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("If there was no connection, nothing was sent and the call may be retried.");
    let error = failure(&rule, harness, HttpStep::ResetBeforeSend).await;
    is(&rule, &error, error.is_passing());
}

/// A connection that breaks after the request.
pub async fn http_reset_after_send_is_unknown<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("If the connection broke after the request, the outcome is unknown.");
    let error = failure(&rule, harness, HttpStep::ResetAfterSend).await;
    is(&rule, &error, error.certainty() == Certainty::Unknown);
}

/// A server that never answers.
pub async fn http_no_answer_in_time_is_unknown<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("If no answer came in time, that is `timeout`, outcome unknown.");
    match in_limit(&rule, harness, HttpStep::Hang).await.1 {
        Ok(receipt) => rule.broken(format!("the message counts as sent: {receipt:?}")),
        Err(error) => {
            is(&rule, &error, (error.kind(), error.certainty()) == (ErrorKind::Timeout, Certainty::Unknown));
        }
    }
}

/// The deadline of the context is that of the requests.
pub async fn http_deadline_is_handed_to_transport<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Every request is given no more time than the deadline of its context leaves.");
    let step = error_answer(&answers(&rule, harness), 503, &[]);
    let (http, _) = in_limit(&rule, harness, step).await;
    rule.holds(!http.requests().is_empty(), || "no request went through the context's transport".into());
    for request in http.requests() {
        let fits = request.timeout.is_some_and(|timeout| timeout <= LIMIT);
        rule.holds(fits, || format!("{:?}, {LIMIT:?} being left", request.timeout));
    }
}

async fn in_limit<M: Message, H: Harness<M>>(
    rule: &Rule,
    harness: &H,
    step: HttpStep,
) -> (ScriptedHttp, Result<Receipt>) {
    let mut trial = trial(harness, &answers(rule, harness), step);
    let deadline = trial.cx.clock().monotonic() + LIMIT;
    trial.cx = trial.cx.with_deadline(deadline);
    let message = harness.message();
    // What does not end by itself is ended here, and breaks the rule.
    let result = trial.cx.until(deadline + LIMIT, trial.send(&message)).await;
    rule.holds(trial.elapsed() <= LIMIT, || "the call went on after its deadline".into());
    (trial.http, result.unwrap_or_else(Err))
}

/// A redirect is not followed and is no success.
pub async fn http_redirect_is_no_success<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A redirect is no success, and nothing was sent.");
    let error = error_of(&rule, harness, 302, &[("location", "https://example.org/")]).await;
    is(&rule, &error, error.certainty() == Certainty::NotSent);
}

/// Pages of proxies and gateways in place of the vendor's errors.
pub async fn http_error_pages_are_classified<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An error whose body is no JSON is judged by its status: 502 is unknown, 403 not sent.");
    for (status, certainty) in [(502, Certainty::Unknown), (403, Certainty::NotSent)] {
        let page = HttpStep::Answer(answer(status, &[("content-type", "text/html")], PAGE));
        let error = failure(&rule, harness, page).await;
        is(&rule, &error, error.certainty() == certainty);
    }
}

/// An answer without end.
pub async fn http_errors_stay_short<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An error keeps an excerpt of the vendor's text, not all of it.");
    for status in [StatusCode::BAD_REQUEST, StatusCode::INTERNAL_SERVER_ERROR] {
        let error = failure(&rule, harness, HttpStep::Endless(status)).await;
        let length = texts(&error).iter().map(|text| text.chars().count()).max().unwrap_or_default();
        rule.holds(length <= LONGEST, || format!("{length} characters after status {status}"));
    }
}

/// A server that answers with the request, secrets and all.
pub async fn http_errors_show_no_secret<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Nothing that a provider answers shows a secret, even if the vendor echoes it.");
    for status in [200, 400, 401, 403, 404, 422, 429, 500, 503] {
        let status = StatusCode::from_u16(status).unwrap_or_default();
        // Answers to a token's request are echoed too.
        for before in [true, false] {
            let mut answers = answers(&rule, harness);
            if !before {
                answers.before.clear();
            }
            let trial = trial(harness, &answers, HttpStep::Echo(status));
            let shown = match trial.send(&harness.message()).await {
                Ok(receipt) => vec![format!("{receipt:?}")],
                Err(error) => texts(&error),
            };
            let mut secrets = secrets(harness);
            secrets.extend(trial.http.requests().iter().flat_map(|r| sensitive(&r.request)));
            let shows = |text: &String| secrets.iter().any(|secret| text.contains(secret.as_str()));
            // The text itself stays out of the test's log.
            rule.holds(!shown.iter().any(shows), || format!("one of the secrets after status {status}"));
        }
    }
}

/// All that an error says to anyone.
fn texts(error: &Error) -> Vec<String> {
    let mut texts = vec![error.to_string(), format!("{error:?}"), error.public().to_owned()];
    let mut cause = error.source();
    while let Some(source) = cause {
        texts.extend([source.to_string(), format!("{source:?}")]);
        cause = source.source();
    }
    texts
}

/// The credentials in headers that are marked as such, without their scheme.
fn sensitive(request: &HttpRequest) -> Vec<String> {
    let values = request.headers().values().filter(|value| value.is_sensitive());
    let texts = values.filter_map(|value| value.to_str().ok()?.rsplit(' ').next().map(str::to_owned));
    texts.filter(|text| !text.is_empty()).collect()
}

/// Headers that hold a secret say so.
pub async fn http_secret_headers_are_sensitive<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A header that holds a secret is marked sensitive, so that no log shows it.");
    let trial = Trial::good(harness);
    let _ = trial.send(&harness.message()).await;
    for recorded in trial.http.requests() {
        for (name, value) in recorded.request.headers().iter().filter(|(_, value)| !value.is_sensitive()) {
            let text = String::from_utf8_lossy(value.as_bytes());
            let bare = secrets(harness).iter().any(|secret| text.contains(secret.as_str()));
            rule.holds(!bare, || format!("the header {name}"));
        }
    }
}

/// One call is one call.
pub async fn http_failures_are_not_repeated<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("A provider repeats nothing and waits for nothing: retries are a layer.");
    let answers = answers(&rule, harness);
    let steps = [429, 500, 503].map(|status| error_answer(&answers, status, &[("retry-after", "1")]));
    for step in steps.into_iter().chain([HttpStep::ResetBeforeSend, HttpStep::ResetAfterSend]) {
        let trial = trial(harness, &answers, step);
        let _ = trial.send(&harness.message()).await;
        let (calls, expected) = (trial.http.requests().len(), answers.before.len() + 1);
        rule.holds(calls <= expected, || format!("{calls} requests in place of {expected}"));
        rule.holds(trial.elapsed().is_zero(), || format!("it waited {:?}", trial.elapsed()));
    }
}

/// Vendors that recognise keys are given one.
pub async fn http_idempotency_key_is_the_same_for_every_attempt<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule(
        "A provider with idempotency keys hands over the same one in every attempt, and another for another message.",
    );
    if harness.provider().capabilities().idempotency.is_none() {
        return;
    }
    let first = wire(harness, KEY, 1).await;
    let again = wire(harness, KEY, 2).await;
    let other = wire(harness, "conformance-other", 1).await;
    rule.holds(first != other, || "requests of different keys are the same".into());
    let named = first.contains(KEY) && again.contains(KEY);
    rule.holds(named || first == again, || {
        "two attempts of one message differ, and neither holds the key".into()
    });
}

/// All that the last request of one send says.
async fn wire<M: Message, H: Harness<M>>(harness: &H, key: &str, attempt: u32) -> String {
    let trial = Trial::good(harness);
    let _ = trial.send_as(&harness.message(), key, attempt).await;
    let Some(last) = trial.http.requests().pop() else { return String::new() };
    let mut text = format!("{} {}\n", last.request.method(), last.request.uri());
    for (name, value) in last.request.headers() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text + &last.text()
}

/// A context without a transport.
pub async fn http_without_transport_is_config<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("Without an HTTP transport in the context the error is of kind `config`, not sent.");
    let mut trial = Trial::good(harness);
    trial.cx = CallContext::new(trial.cx.shared_clock());
    match trial.send(&harness.message()).await {
        Ok(_) => rule.broken("the message was sent all the same"),
        Err(error) => {
            is(&rule, &error, (error.kind(), error.certainty()) == (ErrorKind::Config, Certainty::NotSent));
        }
    }
}

/// Answers of success with a page, with nothing, and with half of a value.
pub async fn http_success_that_is_not_json_is_unknown<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An answer of success that is no JSON is `protocol`, outcome unknown.");
    let success = answers(&rule, harness).success().as_u16();
    for body in [PAGE, "", "{\"id\":"] {
        let page = HttpStep::Answer(answer(success, &[("content-type", "text/html")], body));
        let error = failure(&rule, harness, page).await;
        is(&rule, &error, (error.kind(), error.certainty()) == (ErrorKind::Protocol, Certainty::Unknown));
    }
}

/// An answer of success without end.
pub async fn http_success_that_is_cut_is_unknown<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An answer of success that had to be cut is `protocol`, outcome unknown.");
    let success = answers(&rule, harness).success();
    let error = failure(&rule, harness, HttpStep::Endless(success)).await;
    is(&rule, &error, (error.kind(), error.certainty()) == (ErrorKind::Protocol, Certainty::Unknown));
}

/// Answers of success with JSON that is not the vendor's.
pub async fn http_json_that_says_nothing_is_unknown<M: Message, H: Harness<M>>(harness: &H) {
    let rule = Rule("An answer of success with JSON that is not the vendor's is never `not sent`.");
    let answers = answers(&rule, harness);
    for body in ["null", "[]", "{}", "7", "\"x\""] {
        let json = [("content-type", "application/json")];
        let step =
            HttpStep::Answer(answer(answers.success().as_u16(), &json, Bytes::from_static(body.as_bytes())));
        if let Err(error) = trial(harness, &answers, step).send(&harness.message()).await {
            is(&rule, &error, error.certainty() == Certainty::Unknown);
        }
    }
}
