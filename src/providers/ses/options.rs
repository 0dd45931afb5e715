//! The options that a message may address to Amazon SES.

use crate::{
    address::EmailAddress,
    error::{Error, Result},
    message::{Email, VendorOption},
    providers::shared::options::{addressed, text, unknown, wrong},
};

pub(super) const KNOWN: &[&str] =
    &["configuration_set", "contact_list", "feedback_to", "from_arn", "tenant", "topic"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) configuration_set: Option<&'a str>,
    pub(super) contact_list: Option<&'a str>,
    pub(super) feedback_to: Option<EmailAddress>,
    pub(super) from_arn: Option<&'a str>,
    pub(super) tenant: Option<&'a str>,
    pub(super) topic: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(email: &'a Email) -> Result<Self> {
        let mut wishes = Self::default();
        for option in addressed(&email.options, super::VENDOR) {
            wishes.take(option)?;
        }
        if wishes.topic.is_some() && wishes.contact_list.is_none() {
            return Err(Error::invalid("options[\"ses.topic\"]", "the option needs contact_list beside it"));
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "configuration_set" => self.configuration_set = Some(text(option, 1, 64)?),
            "contact_list" => self.contact_list = Some(text(option, 1, 64)?),
            "feedback_to" => {
                let address = option.value.as_str().and_then(|text| text.parse().ok());
                self.feedback_to = Some(address.ok_or_else(|| wrong(option, "an email address"))?);
            }
            "from_arn" => self.from_arn = Some(text(option, 1, 2_048)?),
            "tenant" => self.tenant = Some(text(option, 1, 64)?),
            "topic" => self.topic = Some(text(option, 1, 64)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}
