//! The wishes that only APNs understands.

use http::HeaderValue;

use super::VENDOR;
use crate::{
    error::Result,
    message::VendorOption,
    providers::shared::options::{addressed, boolean, text, unknown, word, wrong},
};

const KNOWN: &[&str] =
    &["category", "interruption_level", "mutable_content", "push_type", "subtitle", "thread_id", "topic"];
const LEVELS: &[&str] = &["passive", "active", "time-sensitive", "critical"];
/// "Sending notification requests to APNs", `apns-push-type`.
const PUSH_TYPES: &[&str] = &[
    "alert",
    "background",
    "complication",
    "controls",
    "fileprovider",
    "liveactivity",
    "location",
    "mdm",
    "pushtotalk",
    "voip",
    "widgets",
];
/// Apple states no limit for these; the payload's own is checked later.
const LONGEST: usize = 4_096;

#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) category: Option<&'a str>,
    pub(super) interruption_level: Option<&'a str>,
    pub(super) mutable_content: bool,
    pub(super) push_type: Option<&'a str>,
    pub(super) subtitle: Option<&'a str>,
    pub(super) thread_id: Option<&'a str>,
    pub(super) topic: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads those that are addressed to this vendor.
    pub(super) fn read(options: &'a [VendorOption]) -> Result<Self> {
        let mut read = Self::default();
        for option in addressed(options, VENDOR) {
            read.take(option)?;
        }
        Ok(read)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "category" => self.category = Some(text(option, 1, LONGEST)?),
            "interruption_level" => self.interruption_level = Some(word(option, LEVELS)?),
            "mutable_content" => self.mutable_content = boolean(option)?,
            "push_type" => self.push_type = Some(word(option, PUSH_TYPES)?),
            "subtitle" => self.subtitle = Some(text(option, 1, LONGEST)?),
            "thread_id" => self.thread_id = Some(text(option, 1, LONGEST)?),
            "topic" => self.topic = Some(topic(option)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}

fn topic(option: &VendorOption) -> Result<&str> {
    let topic = text(option, 1, 255)?;
    if is_topic(topic) { Ok(topic) } else { Err(wrong(option, "a bundle id, such as org.example.app.voip")) }
}

/// True if it may stand in the header `apns-topic`.
pub(super) fn is_topic(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) && HeaderValue::from_str(text).is_ok()
}
