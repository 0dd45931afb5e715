//! The wishes that only Web Push understands.

use super::VENDOR;
use crate::{
    error::Result,
    message::VendorOption,
    providers::shared::options::{addressed, unknown, word},
};

const KNOWN: &[&str] = &["urgency"];
/// RFC 8030 section 5.3.
const URGENCIES: &[&str] = &["very-low", "low", "normal", "high"];

#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) urgency: Option<&'a str>,
}

impl<'a> Options<'a> {
    /// Reads those that are addressed to this vendor.
    pub(super) fn read(options: &'a [VendorOption]) -> Result<Self> {
        let mut read = Self::default();
        for option in addressed(options, VENDOR) {
            match &*option.name {
                "urgency" => read.urgency = Some(word(option, URGENCIES)?),
                _ => return Err(unknown(option, KNOWN)),
            }
        }
        Ok(read)
    }
}
