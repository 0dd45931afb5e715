//! The options that a message may address to Twilio.

use super::config::is_sid;
use crate::{
    error::{Error, Result},
    message::VendorOption,
    providers::shared::options::{addressed, boolean, integer, text, unknown, word, wrong},
    time::Timestamp,
};

const KNOWN: &[&str] = &[
    "messaging_service_sid",
    "risk_check",
    "send_as_mms",
    "send_at",
    "shorten_urls",
    "smart_encoded",
    "validity_period",
];

/// The options of one message, read.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes<'a> {
    pub(super) messaging_service_sid: Option<&'a str>,
    pub(super) risk_check: Option<&'a str>,
    pub(super) send_as_mms: Option<bool>,
    pub(super) send_at: Option<&'a str>,
    pub(super) shorten_urls: Option<bool>,
    pub(super) smart_encoded: Option<bool>,
    pub(super) validity_period: Option<i64>,
}

impl<'a> Wishes<'a> {
    pub(super) fn read(options: &'a [VendorOption]) -> Result<Self> {
        let mut wishes = Self::default();
        for option in addressed(options, super::VENDOR) {
            wishes.take(option)?;
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "messaging_service_sid" => self.messaging_service_sid = Some(service(option)?),
            "risk_check" => self.risk_check = Some(word(option, &["disable", "enable"])?),
            "send_as_mms" => self.send_as_mms = Some(boolean(option)?),
            "send_at" => self.send_at = Some(moment(option)?),
            "shorten_urls" => self.shorten_urls = Some(boolean(option)?),
            "smart_encoded" => self.smart_encoded = Some(boolean(option)?),
            "validity_period" => self.validity_period = Some(integer(option, 1, 36_000)?),
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }

    /// Scheduling and short links are features of messaging services.
    pub(super) fn check(&self, service: Option<&str>) -> Result<()> {
        let name = match self {
            Self { send_at: Some(_), .. } => "send_at",
            Self { shorten_urls: Some(true), .. } => "shorten_urls",
            _ => return Ok(()),
        };
        if service.is_some() {
            return Ok(());
        }
        Err(Error::invalid(
            format!("options[\"twilio.{name}\"]"),
            "the option needs a messaging service: set the option messaging_service_sid beside it",
        ))
    }
}

fn service(option: &VendorOption) -> Result<&str> {
    let sid = text(option, 34, 34)?;
    if is_sid(sid, "MG") { Ok(sid) } else { Err(wrong(option, "MG and 32 hexadecimal digits")) }
}

fn moment(option: &VendorOption) -> Result<&str> {
    let text = text(option, 1, 64)?;
    match text.parse::<Timestamp>() {
        Ok(_) => Ok(text),
        Err(_) => Err(wrong(option, "a moment such as 2026-11-20T21:07:00Z")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn every_known_name_is_taken_and_others_are_refused() {
        for name in KNOWN {
            let options = [VendorOption::new("twilio", *name, Value::Null)];
            let error = Wishes::read(&options).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let options = [VendorOption::new("twilio", "validity", 5)];
        let error = Wishes::read(&options).expect_err("unknown");
        assert!(error.message().contains("validity_period"), "{error}");
    }

    #[test]
    fn values_out_of_range_say_the_range() {
        for (name, value, expected) in [
            ("validity_period", json!(0), "1 to 36000"),
            ("risk_check", json!("on"), "disable, enable"),
            ("send_at", json!("soon"), "2026-11-20T21:07:00Z"),
            ("messaging_service_sid", json!("MG".to_owned() + &"x".repeat(32)), "hexadecimal"),
        ] {
            let error = Wishes::read(&[VendorOption::new("twilio", name, value)]).expect_err(name);
            assert!(error.message().contains(expected), "{error}");
        }
    }
}
