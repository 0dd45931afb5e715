//! What lettre's errors mean.

use std::error::Error as _;

use lettre::transport::smtp;

use crate::{
    error::{Certainty, Error, ErrorKind},
    http::classify::excerpt,
    providers::smtp::errors::{Stage, blotted, refused, untrusted},
};

/// What lettre's error means. Its kinds do not say which step failed, so the
/// caller does.
pub(super) fn failed(stage: Stage, error: smtp::Error) -> Error {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    if let Some(code) = error.status() {
        return refused(stage, u16::from(code), &said);
    }
    let text = excerpt(&format!("{}: {error}", stage.words()));
    if text.contains("invalid peer certificate") {
        return untrusted(text).with_source(error);
    }
    let kind = match (stage, error.is_client(), error.is_response()) {
        // An answer to AUTH that the mechanism does not know is a refusal (so for XOAUTH2).
        (Stage::Auth, true, _) => ErrorKind::Auth,
        // lettre's words for a connection that ended before a whole answer came.
        (_, _, true) if said == "incomplete response" => ErrorKind::Transport,
        (_, _, true) => ErrorKind::Protocol,
        _ => ErrorKind::Transport,
    };
    Error::new(kind, text).with_certainty(stage.certainty()).with_source(error)
}

/// The same at the login, where servers may echo what they were sent.
pub(super) fn login_failed(error: smtp::Error, password: &str) -> Error {
    let said = error.source().map(ToString::to_string).unwrap_or_default();
    match error.status() {
        Some(code) => refused(Stage::Auth, u16::from(code), &blotted(&said, password)),
        None if error.is_response() && said != "incomplete response" => {
            Error::new(ErrorKind::Protocol, "the server's answer to the login was not understood")
                .with_certainty(Certainty::NotSent)
        }
        None => failed(Stage::Auth, error),
    }
}
