//! What SNS's refusals mean.
//!
//! <https://docs.aws.amazon.com/sns/latest/api/API_Publish.html#API_Publish_Errors>

use crate::{
    error::{Error, ErrorKind},
    http::HttpResponse,
    providers::shared::aws::{Refusal, judged},
    time::Timestamp,
};

/// The error of an answer that is no success.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    let error = judged(answer, kind, now);
    match error.kind() {
        ErrorKind::InvalidRecipient | ErrorKind::Suppressed => error.with_field("to"),
        _ => error,
    }
}

/// SNS's own codes, and its words where they say more than the code.
fn kind(refusal: &Refusal) -> Option<ErrorKind> {
    let words = refusal.message.to_ascii_lowercase();
    let about = |word: &str| words.contains(word);
    Some(match refusal.code.as_str() {
        "InvalidParameter" | "ParameterValueInvalid" if about("opted out") => ErrorKind::Suppressed,
        "OptedOut" => ErrorKind::Suppressed,
        "InvalidParameter" | "ParameterValueInvalid" if about("phonenumber") || about("phone number") => {
            ErrorKind::InvalidRecipient
        }
        "InvalidParameter" | "ParameterValueInvalid" | "ValidationError" | "ValidationException" => {
            ErrorKind::InvalidMessage
        }
        "KMSOptInRequired" => ErrorKind::Permission,
        "KMSThrottling" => ErrorKind::RateLimited,
        "NotFound" => ErrorKind::NotFound,
        // A number that was not verified, while the account is in the sandbox.
        "UserError" | "VerificationException" => ErrorKind::Permission,
        _ => return None,
    })
}
