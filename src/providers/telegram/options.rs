//! The wishes that only Telegram understands.

use super::VENDOR;
use crate::{
    error::{Error, Result},
    message::VendorOption,
    providers::shared::options::{addressed, boolean, unknown},
};

const KNOWN: &[&str] = &[
    "allow_paid_broadcast",
    "allow_sending_without_reply",
    "disable_notification",
    "edit_caption",
    "has_spoiler",
    "link_preview",
    "protect_content",
    "show_caption_above_media",
    "voice",
];

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Options {
    pub(super) allow_paid_broadcast: bool,
    pub(super) allow_sending_without_reply: bool,
    pub(super) disable_notification: bool,
    pub(super) edit_caption: bool,
    pub(super) has_spoiler: bool,
    pub(super) no_link_preview: bool,
    pub(super) protect_content: bool,
    pub(super) show_caption_above_media: bool,
    pub(super) voice: bool,
}

impl Options {
    /// Reads those that are addressed to this vendor.
    pub(super) fn read(options: &[VendorOption]) -> Result<Self> {
        let mut read = Self::default();
        for option in addressed(options, VENDOR) {
            read.take(option)?;
        }
        Ok(read)
    }

    fn take(&mut self, option: &VendorOption) -> Result<()> {
        match &*option.name {
            "allow_paid_broadcast" => self.allow_paid_broadcast = boolean(option)?,
            "allow_sending_without_reply" => self.allow_sending_without_reply = boolean(option)?,
            "disable_notification" => self.disable_notification = boolean(option)?,
            "edit_caption" => self.edit_caption = boolean(option)?,
            "has_spoiler" => self.has_spoiler = boolean(option)?,
            "link_preview" => self.no_link_preview = !boolean(option)?,
            "protect_content" => self.protect_content = boolean(option)?,
            "show_caption_above_media" => self.show_caption_above_media = boolean(option)?,
            "voice" => self.voice = boolean(option)?,
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}

/// An option that does not fit the message.
pub(super) fn misplaced(name: &str, why: &'static str) -> Error {
    Error::invalid(format!("options[\"{VENDOR}.{name}\"]"), why)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_names_and_wrong_types_are_named() {
        for (name, value, hint) in
            [("colour", json!(true), "protect_content"), ("link_preview", json!("off"), "true or false")]
        {
            let error = Options::read(&[VendorOption::new("telegram", name, value)]).expect_err(name);
            assert_eq!(error.field(), Some(&*format!("options[\"telegram.{name}\"]")));
            assert!(error.message().contains(hint), "{error}");
        }
    }

    #[test]
    fn what_is_addressed_to_others_is_not_read() {
        let read = Options::read(&[VendorOption::new("fcm", "colour", "red")]);
        assert_eq!(read.expect("skipped"), Options::default());
    }
}
