//! What SES's refusals mean.
//!
//! <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_SendEmail.html#API_SendEmail_Errors>

use crate::{
    error::{Certainty, Error, ErrorKind},
    http::{HttpResponse, classify::excerpt},
    providers::shared::aws::{Refusal, judged},
    time::Timestamp,
};

/// The error of an answer that is no success.
pub(super) fn refused(answer: &HttpResponse, now: Timestamp) -> Error {
    with_field(judged(answer, kind, now))
}

/// SES's own codes, and its words where they say more than the code.
fn kind(refusal: &Refusal) -> Option<ErrorKind> {
    let says = |words: &str| refusal.message.to_ascii_lowercase().contains(words);
    Some(match refusal.code.as_str() {
        "AccountSuspendedException" | "MailFromDomainNotVerifiedException" | "SendingPausedException" => {
            ErrorKind::Permission
        }
        // Throttling by the second and the spent day have one code.
        "LimitExceededException" | "TooManyRequestsException" | "ThrottlingException" if says("daily") => {
            ErrorKind::Quota
        }
        "LimitExceededException" => ErrorKind::Quota,
        "MessageRejected" if says("not verified") => ErrorKind::Permission,
        "MessageRejected" => ErrorKind::Refused,
        "NotFoundException" | "BadRequestException" if says("template") => ErrorKind::Template,
        "NotFoundException" | "BadRequestException" if says("configuration set") => ErrorKind::Config,
        // "Illegal address", "Missing final '@domain'", "Local address contains control or whitespace".
        "BadRequestException" if says("address") || says("'@domain'") => ErrorKind::InvalidRecipient,
        "BadRequestException" => ErrorKind::InvalidMessage,
        "NotFoundException" => ErrorKind::NotFound,
        _ => return None,
    })
}

/// The field that SES's words are about.
fn with_field(error: Error) -> Error {
    let field = match error.code() {
        Some("MailFromDomainNotVerifiedException") => Some("from"),
        Some("MessageRejected") if error.kind() == ErrorKind::Permission => Some("from"),
        _ if error.kind() == ErrorKind::Template => Some("template"),
        _ => None,
    };
    match field {
        Some(field) => error.with_field(field),
        None => error,
    }
}

/// The error of one entry of a bulk call.
///
/// <https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_BulkEmailEntryResult.html>
pub(super) fn of_entry(status: &str, text: &str) -> Error {
    let kind = match status {
        "ACCOUNT_DAILY_QUOTA_EXCEEDED" => ErrorKind::Quota,
        "ACCOUNT_SENDING_PAUSED"
        | "ACCOUNT_SUSPENDED"
        | "CONFIGURATION_SET_SENDING_PAUSED"
        | "MAIL_FROM_DOMAIN_NOT_VERIFIED" => ErrorKind::Permission,
        "ACCOUNT_THROTTLED" => ErrorKind::RateLimited,
        "CONFIGURATION_SET_NOT_FOUND" | "INVALID_SENDING_POOL_NAME" => ErrorKind::Config,
        "INVALID_PARAMETER" => ErrorKind::InvalidMessage,
        "FAILED" | "MESSAGE_REJECTED" => ErrorKind::Refused,
        "TEMPLATE_NOT_FOUND" => ErrorKind::Template,
        "TRANSIENT_FAILURE" => ErrorKind::Unavailable,
        _ => ErrorKind::Protocol,
    };
    let text = if text.is_empty() { "SES did not take this entry".to_owned() } else { excerpt(text) };
    let error = Error::new(kind, text).with_code(excerpt(status));
    // A status that nobody knows may mean anything.
    if kind == ErrorKind::Protocol { error.with_certainty(Certainty::Unknown) } else { error }
}
