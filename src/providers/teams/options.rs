//! The wishes that only Teams understands.

use serde_json::Value;

use super::VENDOR;
use crate::{
    error::{Error, ErrorKind, Result},
    message::{Chat, VendorOption},
    providers::shared::options::{addressed, unknown, wrong},
};

const KNOWN: &[&str] = &["card"];

#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) card: Option<&'a Value>,
}

impl<'a> Options<'a> {
    /// Reads those that are addressed to this vendor.
    pub(super) fn read(options: &'a [VendorOption]) -> Result<Self> {
        let mut read = Self::default();
        for option in addressed(options, VENDOR) {
            match &*option.name {
                "card" => read.card = Some(card(option)?),
                _ => return Err(unknown(option, KNOWN)),
            }
        }
        Ok(read)
    }

    /// A card of the caller's own is the whole message.
    pub(super) fn fit(&self, chat: &Chat) -> Result<()> {
        if self.card.is_none() || (chat.keyboard.is_empty() && chat.media.is_empty()) {
            return Ok(());
        }
        let why = "a card takes the place of keyboard and media: put those into it";
        Err(Error::new(ErrorKind::InvalidMessage, why).with_field(format!("options[\"{VENDOR}.card\"]")))
    }
}

fn card(option: &VendorOption) -> Result<&Value> {
    let fits = option.value.get("type").is_some_and(|kind| kind == "AdaptiveCard");
    if fits {
        Ok(&option.value)
    } else {
        Err(wrong(option, "an adaptive card: an object of type AdaptiveCard"))
    }
}
