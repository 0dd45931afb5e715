//! What every service of AWS refuses with.
//!
//! Sources: [common errors](https://docs.aws.amazon.com/general/latest/gr/CommonErrors.html),
//! [JSON errors](https://smithy.io/2.0/aws/protocols/aws-restjson1-protocol.html#operation-error-serialization).

use serde::Deserialize;

use crate::{
    error::{Error, ErrorKind},
    http::{
        HttpResponse,
        classify::{error_for, excerpt},
    },
    time::Timestamp,
};

/// What AWS said, for those who look for the source of an error.
#[derive(Clone, Debug, Default, Eq, PartialEq, thiserror::Error)]
#[error("AWS refused the call: {code}: {message}")]
pub(in crate::providers) struct Refusal {
    /// Such as `MessageRejected`; empty if it said none.
    pub(in crate::providers) code: String,
    /// Its words.
    pub(in crate::providers) message: String,
}

/// The code of JSON answers stands in a header, and in older services in the body.
#[derive(Deserialize)]
struct Json {
    #[serde(alias = "code", rename = "__type")]
    code: Option<String>,
    #[serde(alias = "Message")]
    message: Option<String>,
}

impl Refusal {
    /// What an answer in JSON, or in XML of the query protocol, says.
    pub(in crate::providers) fn of(answer: &HttpResponse) -> Self {
        let body = String::from_utf8_lossy(answer.body());
        let (code, message) = match serde_json::from_str::<Json>(&body) {
            Ok(json) => (json.code, json.message),
            Err(_) => (tag(&body, "Code"), tag(&body, "Message")),
        };
        let header = answer.headers().get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        let code = header.map(str::to_owned).or(code).unwrap_or_default();
        Self { code: excerpt(bare(&code)), message: excerpt(&message.unwrap_or_default()) }
    }
}

/// `com.amazonaws.ses#MessageRejected:http://…` is `MessageRejected`.
fn bare(code: &str) -> &str {
    let code = code.split(':').next().unwrap_or(code);
    code.rsplit('#').next().unwrap_or(code)
}

/// The text of the first `<name>` in an answer of the query protocol, if nothing is nested in it.
pub(in crate::providers) fn tag(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>")).filter(|(text, _)| !text.contains('<'))?;
    let plain = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'");
    Some(plain.replace("&amp;", "&"))
}

/// The kind that a code of any service stands for.
fn common(code: &str) -> Option<ErrorKind> {
    Some(match code {
        "AccessDenied"
        | "AccessDeniedException"
        | "AuthorizationError"
        | "NotAuthorized"
        | "OptInRequired" => ErrorKind::Permission,
        "ExpiredToken"
        | "ExpiredTokenException"
        | "IncompleteSignature"
        | "InvalidClientTokenId"
        | "InvalidSecurity"
        | "InvalidSignatureException"
        | "MissingAuthenticationToken"
        | "MissingAuthenticationTokenException"
        | "RequestExpired"
        | "SignatureDoesNotMatch"
        | "UnrecognizedClientException" => ErrorKind::Auth,
        "InternalError" | "InternalFailure" | "ServiceUnavailable" | "ServiceUnavailableException" => {
            ErrorKind::Unavailable
        }
        "RequestEntityTooLargeException" => ErrorKind::PayloadTooLarge,
        "Throttled" | "Throttling" | "ThrottlingException" | "TooManyRequestsException" => {
            ErrorKind::RateLimited
        }
        _ => return None,
    })
}

/// The error of a refusal: by `own` (the service's codes), by the codes of all services, or by the status.
pub(in crate::providers) fn judged(
    answer: &HttpResponse,
    own: impl Fn(&Refusal) -> Option<ErrorKind>,
    now: Timestamp,
) -> Error {
    let (status, refusal) = (error_for(answer, now), Refusal::of(answer));
    let server = answer.status().is_server_error();
    // A code proves nothing against a 5xx: whoever failed may have failed late.
    let kind = if server { None } else { own(&refusal).or_else(|| common(&refusal.code)) };
    let kind = kind.unwrap_or(status.kind());
    let text = if refusal.message.is_empty() { status.message().to_owned() } else { refusal.message.clone() };
    let (number, said) = (answer.status(), &refusal.code);
    let code = if said.is_empty() { number.as_str() } else { said };
    let error = Error::new(kind, text).with_code(code).with_certainty(status.certainty());
    let error = if kind == status.kind() { error.with_retry(status.retry()) } else { error };
    match refusal.code.is_empty() {
        true => error,
        false => error.with_source(refusal),
    }
}
