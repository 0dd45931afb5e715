//! The wishes that only Slack understands.

use serde_json::Value;

use super::VENDOR;
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Chat, VendorOption},
    providers::shared::options::{addressed, boolean, text, unknown, word, wrong},
};

const KNOWN: &[&str] = &[
    "attachments",
    "blocks",
    "icon_emoji",
    "icon_url",
    "link_names",
    "metadata",
    "parse",
    "reply_broadcast",
    "unfurl_links",
    "unfurl_media",
    "username",
];

/// "A maximum of 100 attachments are allowed on a message."
const MAX_ATTACHMENTS: usize = 100;
/// "You can include up to 50 blocks in each message."
const MAX_BLOCKS: usize = 50;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) attachments: Option<&'a Value>,
    pub(super) blocks: Option<&'a Value>,
    pub(super) icon_emoji: Option<&'a str>,
    pub(super) icon_url: Option<&'a str>,
    pub(super) link_names: Option<bool>,
    pub(super) metadata: Option<&'a Value>,
    pub(super) parse: Option<&'a str>,
    pub(super) reply_broadcast: Option<bool>,
    pub(super) unfurl_links: Option<bool>,
    pub(super) unfurl_media: Option<bool>,
    pub(super) username: Option<&'a str>,
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
            "attachments" => self.attachments = Some(list(option, MAX_ATTACHMENTS)?),
            "blocks" => self.blocks = Some(list(option, MAX_BLOCKS)?),
            "icon_emoji" => self.icon_emoji = Some(text(option, 1, 100)?),
            "icon_url" => self.icon_url = Some(text(option, 1, 3_000)?),
            "link_names" => self.link_names = Some(boolean(option)?),
            "metadata" => self.metadata = Some(metadata(option)?),
            "parse" => self.parse = Some(word(option, &["full", "none"])?),
            "reply_broadcast" => self.reply_broadcast = Some(boolean(option)?),
            "unfurl_links" => self.unfurl_links = Some(boolean(option)?),
            "unfurl_media" => self.unfurl_media = Some(boolean(option)?),
            "username" => self.username = Some(text(option, 1, 80)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }

    /// The names of those that are given.
    fn given(&self) -> impl Iterator<Item = &'static str> {
        let given = [
            ("attachments", self.attachments.is_some()),
            ("blocks", self.blocks.is_some()),
            ("icon_emoji", self.icon_emoji.is_some()),
            ("icon_url", self.icon_url.is_some()),
            ("link_names", self.link_names.is_some()),
            ("metadata", self.metadata.is_some()),
            ("parse", self.parse.is_some()),
            ("reply_broadcast", self.reply_broadcast.is_some()),
            ("unfurl_links", self.unfurl_links.is_some()),
            ("unfurl_media", self.unfurl_media.is_some()),
            ("username", self.username.is_some()),
        ];
        given.into_iter().filter(|(_, given)| *given).map(|(name, _)| name)
    }

    /// Refuses what has no place among `fitting`.
    pub(super) fn only(&self, fitting: &[&str], why: &'static str) -> Result<()> {
        match self.given().find(|name| !fitting.contains(name)) {
            Some(name) => Err(misplaced(name, why)),
            None => Ok(()),
        }
    }

    /// Blocks of the caller's own are the whole message.
    pub(super) fn fit(&self, chat: &Chat) -> Result<()> {
        if self.blocks.is_some() && !(chat.keyboard.is_empty() && chat.media.is_empty()) {
            return Err(misplaced(
                "blocks",
                "blocks take the place of keyboard and media: put those among them",
            ));
        }
        if self.reply_broadcast == Some(true) && chat.thread.is_none() && chat.edits.is_none() {
            return Err(misplaced("reply_broadcast", "this option needs `thread`"));
        }
        Ok(())
    }
}

fn list(option: &VendorOption, most: usize) -> Result<&Value> {
    let fits =
        option.value.as_array().is_some_and(|list| list.len() <= most && list.iter().all(Value::is_object));
    if fits { Ok(&option.value) } else { Err(wrong(option, &format!("a list of at most {most} objects"))) }
}

fn metadata(option: &VendorOption) -> Result<&Value> {
    let fits = option.value.get("event_type").is_some_and(Value::is_string)
        && option.value.get("event_payload").is_some_and(Value::is_object);
    let expected = "an object with event_type, a text, and event_payload, an object";
    if fits { Ok(&option.value) } else { Err(wrong(option, expected)) }
}

/// An option that does not fit the message.
fn misplaced(name: &str, why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidMessage, why).with_field(format!("options[\"{VENDOR}.{name}\"]"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_names_and_wrong_values_are_named() {
        for (name, value, hint) in [
            ("colour", json!(true), "unfurl_links"),
            ("unfurl_links", json!("off"), "true or false"),
            ("blocks", json!({}), "50"),
            ("blocks", json!(["x"]), "objects"),
            ("attachments", json!(vec![json!({}); 101]), "100"),
            ("metadata", json!({"event_type": "x"}), "event_payload"),
            ("parse", json!("client"), "full, none"),
        ] {
            let options = [VendorOption::new(VENDOR, name, value)];
            let error = Options::read(&options).expect_err(name);
            assert_eq!(error.field(), Some(&*format!("options[\"slack.{name}\"]")));
            assert!(error.message().contains(hint), "{error}");
        }
    }

    #[test]
    fn what_is_addressed_to_others_is_not_read() {
        let options = [VendorOption::new("telegram", "colour", "red")];
        assert_eq!(Options::read(&options).expect("skipped"), Options::default());
    }
}
