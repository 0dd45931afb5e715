//! The options that a message may address to SendGrid.

use crate::{
    error::Result,
    message::{Email, VendorOption},
    providers::shared::options::{addressed, boolean, integer, integers, text, unknown},
};

const KNOWN: &[&str] = &[
    "asm_group_id",
    "asm_groups_to_display",
    "batch_id",
    "click_tracking",
    "ip_pool_name",
    "open_tracking",
    "sandbox",
    "send_at",
    "subscription_tracking",
];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) asm_group_id: Option<i64>,
    pub(super) asm_groups_to_display: Vec<i64>,
    pub(super) batch_id: Option<&'a str>,
    pub(super) click_tracking: Option<bool>,
    pub(super) ip_pool_name: Option<&'a str>,
    pub(super) open_tracking: Option<bool>,
    pub(super) sandbox: bool,
    pub(super) send_at: Option<i64>,
    pub(super) subscription_tracking: Option<bool>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(email: &'a Email, sandbox: bool) -> Result<Self> {
        let mut wishes = Self { sandbox, ..Self::default() };
        for option in addressed(&email.options, super::VENDOR) {
            wishes.take(option)?;
        }
        if !wishes.asm_groups_to_display.is_empty() && wishes.asm_group_id.is_none() {
            return Err(crate::Error::invalid(
                "options[\"sendgrid.asm_groups_to_display\"]",
                "the option needs asm_group_id beside it",
            ));
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "asm_group_id" => self.asm_group_id = Some(integer(option, 0, i64::MAX)?),
            "asm_groups_to_display" => self.asm_groups_to_display = integers(option, 25)?,
            "batch_id" => self.batch_id = Some(text(option, 1, 255)?),
            "click_tracking" => self.click_tracking = Some(boolean(option)?),
            "ip_pool_name" => self.ip_pool_name = Some(text(option, 2, 64)?),
            "open_tracking" => self.open_tracking = Some(boolean(option)?),
            "sandbox" => self.sandbox = boolean(option)?,
            "send_at" => self.send_at = Some(integer(option, 0, i64::MAX)?),
            "subscription_tracking" => self.subscription_tracking = Some(boolean(option)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(name: &str, value: impl Into<serde_json::Value>) -> Email {
        let option = VendorOption::new("sendgrid", name, value);
        Email::builder().to("a@x.org").text("t").option(option).build().expect("valid")
    }

    #[test]
    fn every_known_name_is_taken() {
        for name in KNOWN {
            let error = Wishes::read(&email(name, serde_json::Value::Null), false).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
    }

    #[test]
    fn unknown_names_and_wrong_values_say_what_would_have_worked() {
        let error = Wishes::read(&email("ip_pool", "x"), false).expect_err("unknown");
        assert!(error.message().contains("ip_pool_name"), "{error}");
        assert_eq!(error.field(), Some("options[\"sendgrid.ip_pool\"]"));
        let error = Wishes::read(&email("ip_pool_name", "x"), false).expect_err("too short");
        assert!(error.message().contains("2 to 64"), "{error}");
    }

    #[test]
    fn options_of_others_are_left_alone() {
        let option = VendorOption::new("mailgun", "nonsense", true);
        let email = Email::builder().to("a@x.org").text("t").option(option).build().expect("valid");
        assert_eq!(Wishes::read(&email, false).expect("skipped"), Wishes::default());
    }
}
