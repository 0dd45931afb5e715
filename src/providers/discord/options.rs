//! The wishes that only Discord understands.

use serde_json::Value;

use super::VENDOR;
use crate::{
    error::{Error, ErrorKind, Result},
    message::VendorOption,
    providers::shared::options::{addressed, boolean, text, unknown, wrong},
};

const KNOWN: &[&str] = &[
    "allowed_mentions",
    "avatar_url",
    "components",
    "embeds",
    "fail_if_not_exists",
    "suppress_embeds",
    "suppress_notifications",
    "thread_name",
    "tts",
    "username",
];

/// "Up to 10 `rich` embeds (up to 6000 characters)".
const MAX_EMBEDS: usize = 10;
const MAX_EMBED_TEXT: usize = 6_000;
/// "Up to 5 top-level components", rows of buttons.
const MAX_COMPONENTS: usize = 5;

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) allowed_mentions: Option<&'a Value>,
    pub(super) avatar_url: Option<&'a str>,
    pub(super) components: Option<&'a Value>,
    pub(super) embeds: Option<&'a Value>,
    pub(super) fail_if_not_exists: Option<bool>,
    pub(super) suppress_embeds: bool,
    pub(super) suppress_notifications: bool,
    pub(super) thread_name: Option<&'a str>,
    pub(super) tts: bool,
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
            "allowed_mentions" => self.allowed_mentions = Some(object(option)?),
            "avatar_url" => self.avatar_url = Some(text(option, 1, 2_048)?),
            "components" => self.components = Some(list(option, MAX_COMPONENTS)?),
            "embeds" => self.embeds = Some(embeds(option)?),
            "fail_if_not_exists" => self.fail_if_not_exists = Some(boolean(option)?),
            "suppress_embeds" => self.suppress_embeds = boolean(option)?,
            "suppress_notifications" => self.suppress_notifications = boolean(option)?,
            "thread_name" => self.thread_name = Some(text(option, 1, 100)?),
            "tts" => self.tts = boolean(option)?,
            "username" => self.username = Some(text(option, 1, 80)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }

    /// `SUPPRESS_EMBEDS` and `SUPPRESS_NOTIFICATIONS`.
    pub(super) fn flags(&self) -> u32 {
        u32::from(self.suppress_embeds) << 2 | u32::from(self.suppress_notifications) << 12
    }
}

fn object(option: &VendorOption) -> Result<&Value> {
    if option.value.is_object() { Ok(&option.value) } else { Err(wrong(option, "an object")) }
}

fn list(option: &VendorOption, most: usize) -> Result<&Value> {
    let fits =
        option.value.as_array().is_some_and(|list| list.len() <= most && list.iter().all(Value::is_object));
    if fits { Ok(&option.value) } else { Err(wrong(option, &format!("a list of at most {most} objects"))) }
}

fn embeds(option: &VendorOption) -> Result<&Value> {
    let value = list(option, MAX_EMBEDS)?;
    let count: usize = value.as_array().into_iter().flatten().map(shown).sum();
    if count <= MAX_EMBED_TEXT {
        return Ok(value);
    }
    Err(wrong(option, &format!("embeds of at most {MAX_EMBED_TEXT} characters together, not {count}")))
}

/// The characters of title, description, fields, footer and author.
fn shown(embed: &Value) -> usize {
    let length = |value: &Value| value.as_str().map_or(0, |text| text.chars().count());
    let fields = embed["fields"].as_array().into_iter().flatten();
    let of_fields: usize = fields.map(|field| length(&field["name"]) + length(&field["value"])).sum();
    let own = [&embed["title"], &embed["description"], &embed["footer"]["text"], &embed["author"]["name"]];
    own.into_iter().map(length).sum::<usize>() + of_fields
}

/// An option that does not fit the message.
pub(super) fn misplaced(name: &str, why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidMessage, why).with_field(format!("options[\"{VENDOR}.{name}\"]"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_names_and_wrong_values_are_named() {
        let long =
            json!([{"title": "x".repeat(3_000)}, {"fields": [{"name": "n", "value": "x".repeat(3_000)}]}]);
        for (name, value, hint) in [
            ("colour", json!(true), "embeds"),
            ("tts", json!("on"), "true or false"),
            ("embeds", json!(vec![json!({}); 11]), "10"),
            ("embeds", long, "6001"),
            ("components", json!({}), "5"),
            ("allowed_mentions", json!([]), "object"),
            ("username", json!("x".repeat(81)), "80"),
        ] {
            let options = [VendorOption::new(VENDOR, name, value)];
            let error = Options::read(&options).expect_err(name);
            assert_eq!(error.field(), Some(&*format!("options[\"discord.{name}\"]")));
            assert!(error.message().contains(hint), "{error}");
        }
    }
}
