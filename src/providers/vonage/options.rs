//! The options that a message may address to Vonage.

use super::VonageApi;
use crate::{
    error::{Error, Result},
    message::VendorOption,
    providers::shared::options::{addressed, integer, text, unknown},
};

const KNOWN: &[&str] = &["content_id", "entity_id", "message_class", "ttl"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) content_id: Option<&'a str>,
    pub(super) entity_id: Option<&'a str>,
    pub(super) message_class: Option<i64>,
    /// In seconds.
    pub(super) ttl: Option<i64>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(options: &'a [VendorOption], api: VonageApi) -> Result<Self> {
        let mut wishes = Self::default();
        for option in addressed(options, super::VENDOR) {
            match &*option.name {
                "content_id" => wishes.content_id = Some(text(option, 1, 100)?),
                "entity_id" => wishes.entity_id = Some(text(option, 1, 100)?),
                "message_class" => wishes.message_class = Some(integer(option, 0, 3)?),
                "ttl" => wishes.ttl = Some(integer(option, 20, 604_800)?),
                _ => return Err(unknown(option, KNOWN)),
            }
        }
        if wishes.message_class.is_some() && api == VonageApi::Messages {
            let why = "only the SMS API has message classes; this instance asks the Messages API";
            return Err(Error::invalid("options[\"vonage.message_class\"]", why));
        }
        Ok(wishes)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_known_name_is_taken_and_others_are_refused() {
        for name in KNOWN {
            let options = [VendorOption::new("vonage", *name, Value::Null)];
            let error = Wishes::read(&options, VonageApi::Sms).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let unknown = [VendorOption::new("vonage", "tll", 5)];
        let error = Wishes::read(&unknown, VonageApi::Sms);
        assert!(error.expect_err("unknown").message().contains("ttl"));
        let class = [VendorOption::new("vonage", "message_class", 0)];
        assert!(Wishes::read(&class, VonageApi::Sms).is_ok());
        assert!(Wishes::read(&class, VonageApi::Messages).is_err());
    }
}
