//! Collapse keys in headers that do not take every key.

use std::borrow::Cow;

use aws_lc_rs::digest::{SHA256, digest};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

/// `apns-collapse-id` takes 64 octets
/// (<https://developer.apple.com/documentation/usernotifications/sending-notification-requests-to-apns>).
pub(crate) fn apns_collapse_id(key: &str) -> Cow<'_, str> {
    fitting(key, key.len() <= 64 && key.bytes().all(|b| b.is_ascii_graphic()))
}

/// `Topic` takes 32 characters of base64url (RFC 8030 section 5.4).
pub(crate) fn web_topic(key: &str) -> Cow<'_, str> {
    let base64url = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    fitting(key, key.len() <= 32 && key.bytes().all(base64url))
}

/// A key that does not fit is digested to 32 characters of base64url: equal keys stay equal.
fn fitting(key: &str, fits: bool) -> Cow<'_, str> {
    if fits {
        return key.into();
    }
    let digest = digest(&SHA256, key.as_bytes());
    URL_SAFE_NO_PAD.encode(&digest.as_ref()[..24]).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_that_fit_stay_and_others_are_digested() {
        assert_eq!((apns_collapse_id("order.7"), web_topic("order-7")), ("order.7".into(), "order-7".into()));
        for key in ["order.7", "two words", "größe", &"k".repeat(33)] {
            let topic = web_topic(key);
            assert_eq!((topic.len(), web_topic(&topic)), (32, topic.clone()), "{key}");
        }
        assert_ne!(web_topic("a b"), web_topic("a  b"));
        assert_eq!(apns_collapse_id(&"k".repeat(64)).len(), 64);
        assert_eq!(apns_collapse_id(&"k".repeat(65)), web_topic(&"k".repeat(65)));
    }
}
