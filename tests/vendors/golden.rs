//! Whole requests against files that were reviewed.
//!
//! `TIDINGS_GOLDEN=write cargo test … --test vendors` writes the files anew; read the difference before
//! you commit it.

use std::{fmt::Write as _, fs, path::PathBuf, sync::Arc};

use tidings::{
    CallContext, Message, MessageId, Outgoing, Provider, TenantId, Timestamp,
    http::{HttpRequest, HttpResponse},
    testing::{HttpStep, ManualClock, ScriptedHttp},
};

/// When all golden messages are sent.
pub(crate) const NOW: Timestamp = Timestamp::from_secs(1_767_225_600);

/// A message's id that is the same in every run.
pub(crate) fn id() -> MessageId {
    "019b76da-a800-7000-8000-000000000001".parse().expect("a message id")
}

/// A context whose clock stands at [`NOW`] and whose server plays `answers`.
pub(crate) fn context(answers: impl IntoIterator<Item = HttpResponse>) -> (CallContext, ScriptedHttp) {
    let http = ScriptedHttp::new().then_always(answers.into_iter().map(HttpStep::Answer));
    let cx = CallContext::new(Arc::new(ManualClock::at(NOW))).with_http(Arc::new(http.clone()));
    (cx, http)
}

/// Sends `message` and compares all requests with the file `tests/vendors/golden/<name>.http`.
pub(crate) async fn sends<M: Message>(
    name: &str,
    provider: &impl Provider<M>,
    message: &M,
    answers: impl IntoIterator<Item = HttpResponse>,
) {
    let (cx, http) = context(answers);
    let receipt = provider.send(&cx, Outgoing::new(message, id(), &TenantId::DEFAULT, "key-1")).await;
    receipt.unwrap_or_else(|error| panic!("{name}: {error}"));
    compare(name, &http);
}

/// Sends `messages` as a batch and compares all requests with the file.
pub(crate) async fn sends_batch<M: Message>(
    name: &str,
    provider: &impl Provider<M>,
    messages: &[M],
    answers: impl IntoIterator<Item = HttpResponse>,
) {
    let (cx, http) = context(answers);
    let ids = (1..).map(|number| MessageId::from_uuid(uuid_of(number)));
    let items: Vec<_> = messages
        .iter()
        .zip(ids)
        .map(|(message, id)| Outgoing::new(message, id, &TenantId::DEFAULT, "key-1"))
        .collect();
    for result in provider.send_batch(&cx, &items).await {
        result.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    compare(name, &http);
}

fn uuid_of(number: u32) -> uuid::Uuid {
    uuid::Uuid::from_u128(0x019b_76da_a800_7000_8000_0000_0000_0000 + u128::from(number))
}

/// Compares all requests of `http` with the file.
pub(crate) fn compare(name: &str, http: &ScriptedHttp) {
    compare_with(name, http, |text| text);
}

/// The same after `steady` took out of each request what is another each time.
pub(crate) fn compare_with(name: &str, http: &ScriptedHttp, steady: impl Fn(String) -> String) {
    let shown: Vec<String> =
        http.requests().iter().map(|recorded| steady(shown(&recorded.request))).collect();
    let shown = shown.join("\n=====\n");
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/vendors/golden/{name}.http"));
    if std::env::var_os("TIDINGS_GOLDEN").is_some_and(|word| word == "write") {
        fs::create_dir_all(path.parent().expect("a folder")).expect("the folder can be made");
        fs::write(&path, &shown).expect("the file can be written");
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display()));
    assert_eq!(shown, golden, "{name}: see the head of golden.rs if this is meant");
}

fn shown(request: &HttpRequest) -> String {
    let mut text = format!("{} {}\n", request.method(), request.uri());
    let mut headers: Vec<String> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            format!("{name}: {}", lasting(name.as_str(), &String::from_utf8_lossy(value.as_bytes())))
        })
        .collect();
    headers.sort();
    for header in headers {
        let _ = writeln!(text, "{header}");
    }
    text.push('\n');
    text.push_str(&body(request));
    text.push('\n');
    without_boundary(text, request)
}

/// Signatures of AWS are of the minute: what they hold is judged by the tests of the signer.
fn lasting(name: &str, value: &str) -> String {
    match value.split_once("Credential=") {
        _ if name == "x-amz-date" => "NOW".to_owned(),
        Some((scheme, rest)) if name == "authorization" => {
            let signed = rest.split(", ").find(|part| part.starts_with("SignedHeaders=")).unwrap_or_default();
            format!("{scheme}{signed}")
        }
        _ => value.to_owned(),
    }
}

fn body(request: &HttpRequest) -> String {
    let text = String::from_utf8_lossy(request.body());
    let kind =
        request.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    if kind.contains("json") {
        let value: serde_json::Value = serde_json::from_str(&text).expect("a body of JSON");
        return serde_json::to_string_pretty(&value).expect("JSON");
    }
    if kind.contains("form-urlencoded") {
        return text.replace('&', "\n&");
    }
    text.into_owned()
}

/// Parts are separated by what chance made: here it is always the same.
fn without_boundary(text: String, request: &HttpRequest) -> String {
    let kind =
        request.headers().get("content-type").and_then(|value| value.to_str().ok()).unwrap_or_default();
    match kind.split_once("boundary=") {
        Some((_, boundary)) => text.replace(boundary.trim_matches('"'), "BOUNDARY"),
        None => text,
    }
}

/// The text without the last part of a signed token: no ECDSA signature is made twice.
pub(crate) fn without_signature(text: &str) -> String {
    let start = text.find("eyJ").expect("a token");
    let end = start + text[start..].find([',', '\n']).expect("an end");
    let last = start + text[start..end].rfind('.').expect("three parts");
    format!("{}.SIGNATURE{}", &text[..last], &text[end..])
}
