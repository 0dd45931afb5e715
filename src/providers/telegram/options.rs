//! The wishes that only Telegram understands.

use serde_json::Value;

use super::VENDOR;
use crate::{
    error::{Error, Result},
    message::VendorOption,
};

const KNOWN: &str = "allow_paid_broadcast, allow_sending_without_reply, disable_notification, has_spoiler, \
                     link_preview, protect_content, show_caption_above_media";

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Options {
    pub(super) allow_paid_broadcast: bool,
    pub(super) allow_sending_without_reply: bool,
    pub(super) disable_notification: bool,
    pub(super) has_spoiler: bool,
    pub(super) no_link_preview: bool,
    pub(super) protect_content: bool,
    pub(super) show_caption_above_media: bool,
}

impl Options {
    /// Reads those that are addressed to this vendor.
    pub(super) fn read(options: &[VendorOption]) -> Result<Self> {
        let mut read = Self::default();
        for option in options.iter().filter(|option| &*option.vendor == VENDOR) {
            read.take(option)?;
        }
        Ok(read)
    }

    fn take(&mut self, option: &VendorOption) -> Result<()> {
        match &*option.name {
            "allow_paid_broadcast" => self.allow_paid_broadcast = flag(option)?,
            "allow_sending_without_reply" => self.allow_sending_without_reply = flag(option)?,
            "disable_notification" => self.disable_notification = flag(option)?,
            "has_spoiler" => self.has_spoiler = flag(option)?,
            "link_preview" => self.no_link_preview = !flag(option)?,
            "protect_content" => self.protect_content = flag(option)?,
            "show_caption_above_media" => self.show_caption_above_media = flag(option)?,
            name => return Err(wrong(name, format!("telegram has no such option; it has {KNOWN}"))),
        }
        Ok(())
    }
}

fn flag(option: &VendorOption) -> Result<bool> {
    match option.value {
        Value::Bool(yes) => Ok(yes),
        _ => Err(wrong(&option.name, "expected true or false".into())),
    }
}

pub(super) fn wrong(name: &str, why: String) -> Error {
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
