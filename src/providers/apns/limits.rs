//! What Apple would refuse, refused before the call.

use crate::{
    error::{Error, ErrorKind, Result},
    message::{Push, PushTarget},
};

/// The most octets of a payload
/// (<https://developer.apple.com/documentation/usernotifications/generating-a-remote-notification>).
pub(super) const MAX_PAYLOAD: usize = 4_096;
/// The same for calls over the internet.
pub(super) const MAX_VOIP: usize = 5_120;
/// "Don't hard-code the size of device tokens": Apple's are of 64 digits and more.
const TOKEN: std::ops::RangeInclusive<usize> = 2..=512;

/// The device's token, if the message is one that Apple can take.
pub(super) fn check(push: &Push) -> Result<&str> {
    let unsupported = |field, why| Err(Error::new(ErrorKind::Unsupported, why).with_field(field));
    if push.image.is_some() {
        return unsupported(
            "image",
            "the app brings its pictures: send a link as data, with the option mutable_content",
        );
    }
    if !push.actions.is_empty() {
        return unsupported(
            "actions",
            "the app defines its buttons: name their category by the option category",
        );
    }
    if push.data.contains_key("aps") {
        return Err(Error::invalid("data[\"aps\"]", "this name is Apple's own"));
    }
    match &push.to {
        PushTarget::Condition(_) => unsupported("to.condition", ONE_DEVICE),
        PushTarget::Subscription(_) => unsupported("to.subscription", ONE_DEVICE),
        PushTarget::Token(token) => hexadecimal(token.as_str()),
        PushTarget::Topic(_) => unsupported("to.topic", ONE_DEVICE),
    }
}

const ONE_DEVICE: &str = "APNs sends to one device by its token";

fn hexadecimal(token: &str) -> Result<&str> {
    if TOKEN.contains(&token.len()) && token.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(token);
    }
    let why = "an APNs token is hexadecimal; is this one of Firebase?";
    Err(Error::new(ErrorKind::InvalidRecipient, why).with_field("to.token"))
}

/// The payload's size against that of its type.
pub(super) fn check_size(payload: &[u8], push_type: &str) -> Result<()> {
    let most = if push_type == "voip" { MAX_VOIP } else { MAX_PAYLOAD };
    if payload.len() <= most {
        return Ok(());
    }
    let text = format!("the payload has {} octets; APNs takes at most {most}", payload.len());
    Err(Error::new(ErrorKind::PayloadTooLarge, text))
}
