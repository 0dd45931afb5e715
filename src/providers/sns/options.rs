//! The options that a message may address to Amazon SNS.

use super::{SmsClass, config::is_price};
use crate::{
    error::Result,
    message::{Sms, VendorOption},
    providers::shared::options::{addressed, text, unknown, word, wrong},
};

pub(super) const KNOWN: &[&str] = &["class", "entity_id", "max_price", "template_id"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) class: Option<SmsClass>,
    pub(super) entity_id: Option<&'a str>,
    pub(super) max_price: Option<&'a str>,
    pub(super) template_id: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(sms: &'a Sms) -> Result<Self> {
        let mut wishes = Self::default();
        for option in addressed(&sms.options, super::VENDOR) {
            wishes.take(option)?;
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "class" => {
                self.class = Some(match word(option, &["transactional", "promotional"])? {
                    "transactional" => SmsClass::Transactional,
                    _ => SmsClass::Promotional,
                });
            }
            "entity_id" => self.entity_id = Some(text(option, 1, 50)?),
            "max_price" => {
                let price = option.value.as_str().filter(|price| is_price(price));
                self.max_price =
                    Some(price.ok_or_else(|| wrong(option, "US dollars as text, such as \"0.50\""))?);
            }
            "template_id" => self.template_id = Some(text(option, 1, 50)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}
