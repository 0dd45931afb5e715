//! The options that a message may address to Postmark.

use crate::{
    error::Result,
    message::{Email, VendorOption},
    providers::shared::options::{addressed, boolean, text, unknown, word, wrong},
};

const KNOWN: &[&str] = &["inline_css", "message_stream", "sandbox", "track_links", "track_opens"];

const LINKS: &[&str] = &["None", "HtmlAndText", "HtmlOnly", "TextOnly"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) inline_css: Option<bool>,
    pub(super) message_stream: Option<&'a str>,
    pub(super) sandbox: bool,
    pub(super) track_links: Option<&'a str>,
    pub(super) track_opens: Option<bool>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(email: &'a Email, sandbox: bool) -> Result<Self> {
        let mut wishes = Self { sandbox, ..Self::default() };
        for option in addressed(&email.options, super::VENDOR) {
            wishes.take(option, email.template.is_some())?;
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &'a VendorOption, template: bool) -> Result<()> {
        match &*option.name {
            "inline_css" if template => self.inline_css = Some(boolean(option)?),
            "inline_css" => return Err(wrong(option, "effect only with a template")),
            "message_stream" => self.message_stream = Some(text(option, 1, 255)?),
            "sandbox" => self.sandbox = boolean(option)?,
            "track_links" => self.track_links = Some(word(option, LINKS)?),
            "track_opens" => self.track_opens = Some(boolean(option)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::message::VendorTemplate;

    fn email(name: &str, value: impl Into<Value>) -> Email {
        let option = VendorOption::new("postmark", name, value);
        let template = VendorTemplate::new("t", Map::new());
        Email::builder().to("a@x.org").template(template).option(option).build().expect("valid")
    }

    #[test]
    fn every_known_name_is_taken() {
        for name in KNOWN {
            let error = Wishes::read(&email(name, Value::Null), false).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let error = Wishes::read(&email("track_link", "None"), false).expect_err("unknown");
        assert!(error.message().contains("track_links"), "{error}");
        let error = Wishes::read(&email("track_links", "none"), false).expect_err("no such word");
        assert!(error.message().contains("HtmlAndText"), "{error}");
    }
}
