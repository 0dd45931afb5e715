//! The options that a message may address to Resend.

use crate::{
    error::Result,
    message::{Email, VendorOption},
    providers::shared::options::{addressed, text, unknown, wrong},
    time::Timestamp,
};

const KNOWN: &[&str] = &["scheduled_at", "topic_id"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) scheduled_at: Option<&'a str>,
    pub(super) topic_id: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(email: &'a Email) -> Result<Self> {
        let mut wishes = Self::default();
        for option in addressed(&email.options, super::VENDOR) {
            wishes.take(option)?;
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "scheduled_at" => self.scheduled_at = Some(time(option)?),
            "topic_id" => self.topic_id = Some(text(option, 1, 255)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}

/// Resend takes words such as "in 1 min" too, which a retry would mean anew.
fn time(option: &VendorOption) -> Result<&str> {
    let text = text(option, 1, 64)?;
    let parsed = text.parse::<Timestamp>();
    parsed.map(|_| text).map_err(|_| wrong(option, "an RFC 3339 time, such as 2026-11-20T21:07:00Z"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    fn email(name: &str, value: impl Into<Value>) -> Email {
        let option = VendorOption::new("resend", name, value);
        Email::builder().to("a@x.org").text("t").option(option).build().expect("valid")
    }

    #[test]
    fn every_known_name_is_taken() {
        for name in KNOWN {
            let error = Wishes::read(&email(name, Value::Null)).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let error = Wishes::read(&email("topic", "x")).expect_err("unknown");
        assert!(error.message().contains("topic_id"), "{error}");
        let error = Wishes::read(&email("scheduled_at", "in 1 min")).expect_err("words");
        assert!(error.message().contains("RFC 3339"), "{error}");
    }
}
