//! The options that a message may address to Meta.

use crate::{
    error::{Error, Result},
    message::{MediaKind, VendorOption, WhatsAppContent},
    providers::shared::options::{addressed, boolean, text, unknown},
};

const KNOWN: &[&str] = &["filename", "footer", "header", "preview_url"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) filename: Option<&'a str>,
    pub(super) footer: Option<&'a str>,
    pub(super) header: Option<&'a str>,
    pub(super) preview_url: Option<bool>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(options: &'a [VendorOption]) -> Result<Self> {
        let mut wishes = Self::default();
        for option in addressed(options, super::VENDOR) {
            match &*option.name {
                "filename" => wishes.filename = Some(text(option, 1, 240)?),
                "footer" => wishes.footer = Some(text(option, 1, 60)?),
                "header" => wishes.header = Some(text(option, 1, 60)?),
                "preview_url" => wishes.preview_url = Some(boolean(option)?),
                _ => return Err(unknown(option, KNOWN)),
            }
        }
        Ok(wishes)
    }

    /// Refuses what this content cannot show.
    pub(super) fn fit(&self, content: &WhatsAppContent) -> Result<()> {
        let framed = matches!(content, WhatsAppContent::Buttons { .. } | WhatsAppContent::List { .. });
        let words = matches!(content, WhatsAppContent::Text(_));
        let file = matches!(content, WhatsAppContent::Media(media) if media.kind == MediaKind::File);
        for (name, wished, fits, why) in [
            ("filename", self.filename.is_some(), file, "only a file has a name"),
            ("footer", self.footer.is_some(), framed, "only buttons and lists have a footer"),
            ("header", self.header.is_some(), framed, "only buttons and lists have a header"),
            ("preview_url", self.preview_url.is_some(), words, "only words have a preview"),
        ] {
            if wished && !fits {
                return Err(Error::invalid(format!("options[\"meta.{name}\"]"), why));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_known_name_is_taken_and_others_are_refused() {
        for name in KNOWN {
            let options = [VendorOption::new("meta", *name, Value::Null)];
            let error = Wishes::read(&options).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let error = Wishes::read(&[VendorOption::new("meta", "preview", true)]).expect_err("unknown");
        assert!(error.message().contains("preview_url"), "{error}");
    }

    #[test]
    fn what_the_content_cannot_show_is_refused() {
        for (name, value) in
            [("filename", "a.pdf".into()), ("footer", "x".into()), ("header", Value::from("x"))]
        {
            let options = [VendorOption::new("meta", name, value)];
            let error = Wishes::read(&options).and_then(|w| w.fit(&WhatsAppContent::Text("x".into())));
            assert_eq!(error.expect_err(name).field(), Some(&*format!("options[\"meta.{name}\"]")));
        }
    }
}
