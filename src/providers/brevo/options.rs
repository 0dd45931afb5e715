//! The options that a message may address to Brevo.

use crate::{
    error::Result,
    message::{Email, VendorOption},
    providers::shared::options::{addressed, boolean, text, unknown, wrong},
    time::Timestamp,
};

const KNOWN: &[&str] = &["batch_id", "sandbox", "scheduled_at"];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) batch_id: Option<&'a str>,
    pub(super) sandbox: bool,
    pub(super) scheduled_at: Option<&'a str>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(email: &'a Email, sandbox: bool) -> Result<Self> {
        let mut wishes = Self { sandbox, ..Self::default() };
        for option in addressed(&email.options, super::VENDOR) {
            match &*option.name {
                "batch_id" => wishes.batch_id = Some(text(option, 1, 255)?),
                "sandbox" => wishes.sandbox = boolean(option)?,
                "scheduled_at" => wishes.scheduled_at = Some(time(option)?),
                _ => return Err(unknown(option, KNOWN)),
            }
        }
        Ok(wishes)
    }
}

fn time(option: &VendorOption) -> Result<&str> {
    let text = text(option, 1, 64)?;
    let parsed = text.parse::<Timestamp>();
    parsed.map(|_| text).map_err(|_| wrong(option, "an RFC 3339 time, such as 2026-11-20T21:07:00Z"))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    #[test]
    fn every_known_name_is_taken() {
        let email = |name: &str, value: Value| {
            let option = VendorOption::new("brevo", name, value);
            Email::builder().to("a@x.org").text("t").option(option).build().expect("valid")
        };
        for name in KNOWN {
            let error = Wishes::read(&email(name, Value::Null), false).map(|_| ()).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let error = Wishes::read(&email("batchId", "x".into()), false).map(|_| ()).expect_err("unknown");
        assert!(error.message().contains("batch_id"), "{error}");
    }
}
