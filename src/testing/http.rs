//! An HTTP server that plays a script.

use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex},
    time::Duration,
};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use super::{lock, script::reset};
use crate::{
    error::{Certainty, Error, ErrorKind, Result},
    http::{Demands, HttpRequest, HttpResponse, HttpTransport, MAX_BODY, Truncated},
    time::{Clock, SystemClock},
};

/// What [`ScriptedHttp`] does with one request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum HttpStep {
    /// Answers so.
    Answer(HttpResponse),
    /// Answers with this status and the whole request, secrets and all, as text.
    Echo(StatusCode),
    /// Answers with this status and a body that is cut at the transport's limit.
    Endless(StatusCode),
    /// Never answers; ends when the time that the request may take is over.
    Hang,
    /// The server has the request; the connection breaks before the answer.
    ResetAfterSend,
    /// No connection.
    ResetBeforeSend,
}

/// A request that [`ScriptedHttp`] got. Its `Debug` shows method and host
/// only: paths, headers and bodies hold secrets.
#[derive(Clone)]
#[non_exhaustive]
pub struct RecordedRequest {
    /// The request.
    pub request: HttpRequest,
    /// How long it was allowed to take.
    pub timeout: Option<Duration>,
}

impl RecordedRequest {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.request.body()).into_owned()
    }
}

impl fmt::Debug for RecordedRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.request.uri().host().unwrap_or_default();
        write!(f, "RecordedRequest({} {host}, {} bytes)", self.request.method(), self.request.body().len())
    }
}

/// An [`HttpTransport`] that plays a script and notes the requests.
///
/// Cheap to clone; clones play the same script and share their notes. After
/// the last step it answers with an error of kind `internal`.
///
/// ```
/// use std::time::Duration;
/// use tidings::testing::ScriptedHttp;
///
/// let busy = Duration::from_secs(2);
/// let http = ScriptedHttp::new().rate_limited(busy).rate_limited(busy).json(200, r#"{"id":"7"}"#);
/// ```
#[derive(Clone)]
pub struct ScriptedHttp {
    state: Arc<Mutex<State>>,
    clock: Arc<dyn Clock>,
}

#[derive(Default)]
struct State {
    steps: VecDeque<HttpStep>,
    cycle: Vec<HttpStep>,
    requests: Vec<RecordedRequest>,
}

impl ScriptedHttp {
    /// A server without steps.
    pub fn new() -> Self {
        Self { state: Arc::default(), clock: Arc::new(SystemClock) }
    }

    /// The same, measuring by `clock` how long a request may hang.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Adds a step.
    #[must_use]
    pub fn then(self, step: HttpStep) -> Self {
        lock(&self.state).steps.push_back(step);
        self
    }

    /// After the last step plays these, over and over.
    #[must_use]
    pub fn then_always(self, steps: impl IntoIterator<Item = HttpStep>) -> Self {
        lock(&self.state).cycle = steps.into_iter().collect();
        self
    }

    /// Answers so.
    ///
    /// # Panics
    /// If `status` or a header is none.
    #[must_use]
    #[track_caller]
    pub fn respond(self, status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Self {
        self.then(HttpStep::Answer(answer(status, headers, body)))
    }

    /// Answers with a body of JSON.
    ///
    /// # Panics
    /// If `status` is none.
    #[must_use]
    #[track_caller]
    pub fn json(self, status: u16, body: impl Into<Bytes>) -> Self {
        self.respond(status, &[("content-type", "application/json")], body)
    }

    /// Answers 200 with a page of HTML.
    #[must_use]
    pub fn not_json(self) -> Self {
        self.respond(200, &[("content-type", "text/html")], "<html><body>It works!</body></html>")
    }

    /// Answers 429 and asks to wait so many seconds.
    #[must_use]
    pub fn rate_limited(self, wait: Duration) -> Self {
        self.respond(429, &[("retry-after", &wait.as_secs().to_string())], "")
    }

    /// Never answers; ends when the time that the request may take is over.
    #[must_use]
    pub fn hang(self) -> Self {
        self.then(HttpStep::Hang)
    }

    /// No connection: `transport`, not sent.
    #[must_use]
    pub fn reset_before_send(self) -> Self {
        self.then(HttpStep::ResetBeforeSend)
    }

    /// The request arrives, the answer is lost: `transport`, unknown.
    #[must_use]
    pub fn reset_after_send(self) -> Self {
        self.then(HttpStep::ResetAfterSend)
    }

    /// Answers with a body without end, cut at [`MAX_BODY`] and marked [`Truncated`].
    ///
    /// # Panics
    /// If `status` is none.
    #[must_use]
    #[track_caller]
    pub fn giant_body(self, status: u16) -> Self {
        self.then(HttpStep::Endless(valid(StatusCode::from_u16(status), "status")))
    }

    /// All requests, the oldest first.
    pub fn requests(&self) -> Vec<RecordedRequest> {
        lock(&self.state).requests.clone()
    }

    fn next(&self, request: &HttpRequest, timeout: Option<Duration>) -> Option<HttpStep> {
        let mut state = lock(&self.state);
        state.requests.push(RecordedRequest { request: request.clone(), timeout });
        if state.steps.is_empty() {
            let cycle = state.cycle.clone();
            state.steps.extend(cycle);
        }
        state.steps.pop_front()
    }

    async fn hang_for(&self, timeout: Option<Duration>) -> Error {
        match timeout {
            Some(timeout) => self.clock.sleep_until(self.clock.monotonic() + timeout).await,
            None => std::future::pending().await,
        }
        Error::new(ErrorKind::Timeout, "no answer in time (scripted)")
    }
}

#[track_caller]
fn valid<T, E: fmt::Display>(parsed: Result<T, E>, what: &str) -> T {
    parsed.unwrap_or_else(|why| panic!("the scripted answer has no valid {what}: {why}"))
}

/// An answer of these parts.
///
/// # Panics
/// If `status` or a header is none.
#[track_caller]
pub fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> HttpResponse {
    let mut response = http::Response::new(body.into());
    *response.status_mut() = valid(StatusCode::from_u16(status), "status");
    for (name, value) in headers {
        let name = valid(HeaderName::from_bytes(name.as_bytes()), "header name");
        response.headers_mut().append(name, valid(HeaderValue::from_str(value), "header value"));
    }
    response
}

fn echo(status: StatusCode, request: &HttpRequest) -> HttpResponse {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    for (name, value) in request.headers() {
        text += &format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()));
    }
    text += &String::from_utf8_lossy(request.body());
    let mut response = http::Response::new(Bytes::from(text));
    *response.status_mut() = status;
    *response.headers_mut() = plain_text();
    response
}

fn endless(status: StatusCode) -> HttpResponse {
    let mut response = http::Response::new(Bytes::from(vec![b'x'; MAX_BODY]));
    *response.status_mut() = status;
    *response.headers_mut() = plain_text();
    response.extensions_mut().insert(Truncated);
    response
}

fn plain_text() -> HeaderMap {
    HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))])
}

impl Default for ScriptedHttp {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for ScriptedHttp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("ScriptedHttp")
            .field("steps", &state.steps.len())
            .field("requests", &state.requests.len())
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl HttpTransport for ScriptedHttp {
    async fn send(&self, request: HttpRequest, timeout: Option<Duration>) -> Result<HttpResponse> {
        match self.next(&request, timeout) {
            Some(HttpStep::Answer(answer)) => Ok(answer),
            Some(HttpStep::Echo(status)) => Ok(echo(status, &request)),
            Some(HttpStep::Endless(status)) => Ok(endless(status)),
            Some(HttpStep::Hang) => Err(self.hang_for(timeout).await),
            Some(HttpStep::ResetAfterSend) => Err(reset("after", Certainty::Unknown)),
            Some(HttpStep::ResetBeforeSend) => Err(reset("before", Certainty::NotSent)),
            None => Err(Error::new(ErrorKind::Internal, "the HTTP script has ended; add an answer")
                .with_certainty(Certainty::NotSent)),
        }
    }

    /// It connects to nobody; the requests it notes carry what they demand.
    fn keeps(&self, _: Demands) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, testing::ManualClock};

    async fn get(http: &ScriptedHttp, timeout: Option<Duration>) -> Result<HttpResponse> {
        let mut token = HeaderValue::from_static("Bearer s3cret");
        token.set_sensitive(true);
        let request = http::Request::get("https://x.org/bot-s3cret/send").header("authorization", token);
        http.send(request.body(Bytes::from_static(b"{}")).expect("valid"), timeout).await
    }

    #[tokio::test]
    async fn answers_come_in_order_and_then_over_and_over() {
        let wait = Duration::from_secs(3);
        let always = HttpStep::Answer(answer(202, &[], Bytes::new()));
        let http =
            ScriptedHttp::new().rate_limited(wait).json(200, "{}").giant_body(200).then_always([always]);
        let first = get(&http, None).await.expect("an answer");
        assert_eq!(
            (first.status(), &first.headers()["retry-after"]),
            (StatusCode::TOO_MANY_REQUESTS, &HeaderValue::from_static("3"))
        );
        assert_eq!(get(&http, None).await.expect("an answer").body(), "{}");
        let giant = get(&http, None).await.expect("an answer");
        assert_eq!((giant.body().len(), giant.extensions().get::<Truncated>().is_some()), (MAX_BODY, true));
        for _ in 0..3 {
            assert_eq!(get(&http, None).await.expect("an answer").status(), StatusCode::ACCEPTED);
        }
        assert_eq!(http.requests().len(), 6);
    }

    #[tokio::test]
    async fn faults_say_what_could_have_happened() {
        let http = ScriptedHttp::new().reset_before_send().reset_after_send();
        for certainty in [Certainty::NotSent, Certainty::Unknown] {
            let error = get(&http, None).await.expect_err("scripted");
            assert_eq!((error.kind(), error.certainty()), (ErrorKind::Transport, certainty));
        }
        assert_eq!(get(&http, None).await.expect_err("ended").kind(), ErrorKind::Internal);
    }

    #[tokio::test]
    async fn a_hanging_server_is_left_in_time() {
        let clock = ManualClock::at(Timestamp::default());
        let http = ScriptedHttp::new().hang().with_clock(Arc::new(clock.clone()));
        let waiting = tokio::spawn({
            let http = http.clone();
            async move { get(&http, Some(Duration::from_secs(5))).await }
        });
        clock.sleepers_reach(1).await;
        clock.advance(Duration::from_secs(5));
        assert_eq!(waiting.await.unwrap().expect_err("too late").kind(), ErrorKind::Timeout);
        assert_eq!(http.requests()[0].timeout, Some(Duration::from_secs(5)));
    }

    #[tokio::test]
    async fn echoes_hold_the_secret_and_debug_does_not() {
        let http = ScriptedHttp::new().then(HttpStep::Echo(StatusCode::BAD_REQUEST));
        let answer = get(&http, None).await.expect("an answer");
        assert!(String::from_utf8_lossy(answer.body()).contains("authorization: Bearer s3cret"));
        let shown = format!("{http:?} {:?}", http.requests());
        assert!(!shown.contains("s3cret") && shown.contains("GET x.org"), "{shown}");
    }
}
