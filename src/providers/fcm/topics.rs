//! Who belongs to a topic: the relations of the Instance ID service.

use http::{HeaderName, HeaderValue, Uri};
use serde::{Deserialize, Serialize};

use super::{Fcm, errors, wire};
use crate::{
    address::{DeviceToken, Topic},
    context::CallContext,
    error::{Error, ErrorKind, Result},
    http::{
        HttpResponse, call_renewing,
        classify::{excerpt, not_understood},
    },
    time::Timestamp,
};

/// The most tokens of one call
/// (<https://firebase.google.com/docs/cloud-messaging/manage-topic-subscriptions>).
const MOST: usize = 1_000;
/// Without it the service expects a server key.
const BY_ACCESS_TOKEN: HeaderName = HeaderName::from_static("access_token_auth");

/// Where relations are made and ended.
#[derive(Clone, Debug)]
pub(super) struct Relations {
    pub(super) add: Uri,
    pub(super) remove: Uri,
}

impl Fcm {
    /// Has devices get what is sent to `topic`. At most 1,000 in one call.
    ///
    /// As many results as devices, in their order; a device whose token is dead is
    /// [`Unregistered`](ErrorKind::Unregistered).
    ///
    /// # Errors
    /// If the call failed for all of them.
    pub async fn subscribe(
        &self,
        cx: &CallContext,
        topic: &Topic,
        devices: &[DeviceToken],
    ) -> Result<Vec<Result<()>>> {
        self.relate(cx, &self.relations.add, topic, devices).await
    }

    /// Has devices no longer get what is sent to `topic`; otherwise as [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    /// As there.
    pub async fn unsubscribe(
        &self,
        cx: &CallContext,
        topic: &Topic,
        devices: &[DeviceToken],
    ) -> Result<Vec<Result<()>>> {
        self.relate(cx, &self.relations.remove, topic, devices).await
    }

    async fn relate(
        &self,
        cx: &CallContext,
        to: &Uri,
        topic: &Topic,
        devices: &[DeviceToken],
    ) -> Result<Vec<Result<()>>> {
        if devices.is_empty() {
            return Ok(Vec::new());
        }
        let body = body(topic, devices)?;
        let answered = call_renewing(cx, &self.credential, errors::is_stale, |token| {
            let mut request = wire::request(to, token, body.clone())?;
            request.headers_mut().insert(BY_ACCESS_TOKEN, HeaderValue::from_static("true"));
            Ok(request)
        });
        let results = answered.await.and_then(|answer| results(&answer, devices.len(), cx.clock().now()));
        results.map_err(|error| error.with_provider(self.name.clone()))
    }
}

#[derive(Serialize)]
struct Relation<'a> {
    to: String,
    registration_tokens: Vec<&'a str>,
}

fn body(topic: &Topic, devices: &[DeviceToken]) -> Result<bytes::Bytes> {
    if devices.len() > MOST {
        let text = format!("{} devices; one call takes at most {MOST}", devices.len());
        return Err(Error::invalid("devices", text));
    }
    let registration_tokens = devices.iter().map(DeviceToken::as_str).collect();
    let relation = Relation { to: format!("/topics/{topic}"), registration_tokens };
    let json = serde_json::to_vec(&relation).map_err(|e| {
        Error::new(ErrorKind::Internal, "the relation cannot be written as JSON").with_source(e)
    })?;
    Ok(json.into())
}

#[derive(Deserialize)]
struct Answer {
    results: Vec<Related>,
}

/// Empty if all is well.
#[derive(Deserialize)]
struct Related {
    #[serde(default)]
    error: Option<String>,
}

fn results(answer: &HttpResponse, devices: usize, now: Timestamp) -> Result<Vec<Result<()>>> {
    if !answer.status().is_success() {
        return Err(errors::refused(answer, None, now));
    }
    match serde_json::from_slice::<Answer>(answer.body()) {
        Ok(read) if read.results.len() == devices => Ok(read
            .results
            .into_iter()
            .map(|related| related.error.map_or(Ok(()), |code| Err(unrelated(&code))))
            .collect()),
        _ => Err(not_understood(answer, "the answer has not one result for each device")),
    }
}

/// <https://developers.google.com/instance-id/reference/server>, results of the bulk calls.
fn unrelated(code: &str) -> Error {
    let (kind, text) = match code {
        "INTERNAL" => (ErrorKind::Unavailable, "the service failed inside"),
        "INVALID_ARGUMENT" => (ErrorKind::InvalidRecipient, "the token is not one of this project"),
        "NOT_FOUND" => {
            (ErrorKind::Unregistered, "the app is no longer registered under this token; forget the token")
        }
        "RESOURCE_EXHAUSTED" => (ErrorKind::RateLimited, "too many subscriptions at once"),
        "TOO_MANY_TOPICS" => (ErrorKind::Quota, "the device has the most topics that one may have"),
        _ => (ErrorKind::Refused, "the service refused this device"),
    };
    Error::new(kind, text).with_code(excerpt(code))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::{Value, json};

    use super::*;
    use crate::{error::Certainty, providers::fcm::FcmConfig, testing::ScriptedHttp};

    fn world(status: u16, body: &str) -> (ScriptedHttp, CallContext) {
        let http = ScriptedHttp::new().json(status, body.to_owned());
        (http.clone(), CallContext::default().with_http(Arc::new(http)))
    }

    fn fcm() -> Fcm {
        FcmConfig::with_credential("harbour", "ya29.secret").build().expect("whole")
    }

    fn devices(count: usize) -> Vec<DeviceToken> {
        (0..count).map(|index| format!("device-{index}").parse().expect("a token")).collect()
    }

    fn topic() -> Topic {
        "news".parse().expect("a topic")
    }

    #[tokio::test]
    async fn each_device_has_its_result() {
        let codes =
            ["NOT_FOUND", "INVALID_ARGUMENT", "TOO_MANY_TOPICS", "RESOURCE_EXHAUSTED", "INTERNAL", "OTHER"];
        let mut all = vec![json!({})];
        all.extend(codes.iter().map(|code| json!({"error": code})));
        let (http, cx) = world(200, &json!({"results": all}).to_string());
        let related = fcm().subscribe(&cx, &topic(), &devices(7)).await.expect("answered");
        let kinds: Vec<_> = related.iter().map(|result| result.as_ref().err().map(Error::kind)).collect();
        use ErrorKind::{InvalidRecipient, Quota, RateLimited, Refused, Unavailable, Unregistered};
        let expected = [Unregistered, InvalidRecipient, Quota, RateLimited, Unavailable, Refused].map(Some);
        assert_eq!((kinds[0], &kinds[1..]), (None, &expected[..]));
        let request = &http.requests()[0].request;
        assert_eq!(request.uri(), "https://iid.googleapis.com/iid/v1:batchAdd");
        assert_eq!(
            (&request.headers()["access_token_auth"], &request.headers()["authorization"]),
            (&HeaderValue::from_static("true"), &HeaderValue::from_static("Bearer ya29.secret"))
        );
        let body: Value = serde_json::from_slice(request.body()).expect("JSON");
        assert_eq!(
            (&body["to"], body["registration_tokens"][6].as_str()),
            (&json!("/topics/news"), Some("device-6"))
        );
    }

    #[tokio::test]
    async fn who_leaves_calls_another_address() {
        let (http, cx) = world(200, r#"{"results":[{}]}"#);
        assert!(fcm().unsubscribe(&cx, &topic(), &devices(1)).await.expect("answered")[0].is_ok());
        assert_eq!(http.requests()[0].request.uri(), "https://iid.googleapis.com/iid/v1:batchRemove");
    }

    #[tokio::test]
    async fn limits_and_failures_are_of_the_whole_call() {
        let (http, cx) = world(200, "{}");
        assert!(fcm().subscribe(&cx, &topic(), &[]).await.expect("nothing to do").is_empty());
        let error = fcm().subscribe(&cx, &topic(), &devices(1_001)).await.expect_err("too many");
        assert!(error.message().contains("1001") && error.message().contains("1000"), "{error}");
        assert_eq!(http.requests().len(), 0);
        for (status, body, kind, certainty) in [
            (200, r#"{"results":[]}"#, ErrorKind::Protocol, Certainty::Unknown),
            (200, "<html>", ErrorKind::Protocol, Certainty::Unknown),
            (401, "{}", ErrorKind::Auth, Certainty::NotSent),
            (403, "{}", ErrorKind::Permission, Certainty::NotSent),
            (503, "", ErrorKind::Unavailable, Certainty::NotSent),
        ] {
            let (_, cx) = world(status, body);
            let error = fcm().subscribe(&cx, &topic(), &devices(1)).await.expect_err(body);
            assert_eq!(
                (error.kind(), error.certainty(), error.provider()),
                (kind, certainty, Some("fcm")),
                "{status}"
            );
        }
    }
}
