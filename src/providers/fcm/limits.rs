//! What FCM would refuse, refused before the call.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::options::Options;
use crate::{
    address::DeviceToken,
    error::{Error, ErrorKind, Result},
    message::{Message as _, Push, PushTarget},
};

/// The most octets of texts and data ("Firebase Cloud Messaging message types").
pub(super) const MAX_PAYLOAD: usize = 4_096;
/// The same to topics and conditions (reference of `ErrorCode`, `INVALID_ARGUMENT`).
const MAX_TOPIC_PAYLOAD: usize = 2_048;
/// Four weeks (reference of `AndroidConfig.ttl`).
const MAX_TTL: Duration = Duration::from_secs(2_419_200);
pub(super) fn check(push: &Push, web_actions: bool, options: &Options<'_>) -> Result<()> {
    check_target(&push.to)?;
    check_actions(push, web_actions)?;
    check_ttl(push.ttl)?;
    check_data(&push.data)?;
    check_size(push)?;
    check_shown(push, options)
}

fn check_target(to: &PushTarget) -> Result<()> {
    match to {
        PushTarget::Subscription(_) => {
            let why =
                "FCM takes the registration tokens of its own library; send to subscriptions by webpush";
            Err(Error::new(ErrorKind::Unsupported, why).with_field("to.subscription"))
        }
        PushTarget::Condition(_) | PushTarget::Token(_) | PushTarget::Topic(_) => Ok(()),
    }
}

fn check_actions(push: &Push, web_actions: bool) -> Result<()> {
    let unsupported = |why| Err(Error::new(ErrorKind::Unsupported, why).with_field("actions"));
    match (push.actions.is_empty(), web_actions) {
        (true, _) => Ok(()),
        (false, false) => unsupported(
            "FCM shows buttons in browsers alone: say FcmConfig::web_actions(true) if these tokens are browsers",
        ),
        (false, true) if !is_shown(push) => unsupported("buttons need a title, a body or an image"),
        (false, true) => Ok(()),
    }
}

fn check_ttl(ttl: Option<Duration>) -> Result<()> {
    match ttl {
        Some(ttl) if ttl > MAX_TTL => {
            let (most, given) = (MAX_TTL.as_secs(), ttl.as_secs());
            Err(Error::invalid("ttl", format!("FCM keeps a message for at most {most} s, not {given} s")))
        }
        _ => Ok(()),
    }
}

/// Reference of `Message.data`, and of `ErrorCode`.
fn check_data(data: &BTreeMap<Arc<str>, Arc<str>>) -> Result<()> {
    let reserved = |name: &str| {
        matches!(name, "from" | "gcm" | "google" | "message_type" | "notification")
            || name.starts_with("gcm.")
            || name.starts_with("google.")
    };
    match data.keys().find(|name| reserved(name)) {
        Some(name) => {
            let why = "FCM keeps from, notification, message_type, google, gcm, google.* and gcm.* to itself";
            Err(Error::invalid(format!("data[{name:?}]"), why))
        }
        None => Ok(()),
    }
}

fn check_size(push: &Push) -> Result<()> {
    let most = if device(push).is_some() { MAX_PAYLOAD } else { MAX_TOPIC_PAYLOAD };
    let size = push.size() + push.image.as_ref().map_or(0, |url| url.as_str().len());
    if size <= most {
        return Ok(());
    }
    let text =
        format!("title, body, image and data have {size} octets; FCM takes at most {most} to this target");
    Err(Error::new(ErrorKind::PayloadTooLarge, text))
}

/// Android shows only what has something to show; these options change what is shown.
fn check_shown(push: &Push, options: &Options<'_>) -> Result<()> {
    let asked = [("channel_id", options.channel_id), ("click_action", options.click_action)];
    match asked.into_iter().find(|(_, value)| value.is_some()) {
        Some((name, _)) if !is_shown(push) => {
            let why = "this option needs a title, a body or an image";
            Err(Error::invalid(format!("options[\"fcm.{name}\"]"), why))
        }
        _ => Ok(()),
    }
}

pub(super) fn is_shown(push: &Push) -> bool {
    push.title.is_some() || push.body.is_some() || push.image.is_some()
}

pub(super) fn device(push: &Push) -> Option<&DeviceToken> {
    match &push.to {
        PushTarget::Token(token) => Some(token),
        PushTarget::Condition(_) | PushTarget::Subscription(_) | PushTarget::Topic(_) => None,
    }
}
