//! The options that a message may address to Mailgun.

use std::time::{Duration, SystemTime};

use super::form::Form;
use crate::{
    error::Result,
    message::{Email, VendorOption},
    providers::shared::options::{addressed, boolean, integer, text, unknown, word, wrong},
};

const KNOWN: &[&str] = &[
    "deliver_within",
    "dkim",
    "require_tls",
    "sandbox",
    "send_at",
    "skip_verification",
    "template_text",
    "template_version",
    "tracking",
    "tracking_clicks",
    "tracking_opens",
];

const TRACKING: &[&str] = &["yes", "no", "htmlonly"];

/// The last second of the year 9999, beyond which dates are not written.
const LAST: i64 = 253_402_300_799;

/// The options of one message as fields of the form.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Wishes {
    fields: Vec<(&'static str, String)>,
    sandbox: bool,
}

impl Wishes {
    pub(super) fn read(email: &Email, sandbox: bool) -> Result<Self> {
        let mut wishes = Self { fields: Vec::new(), sandbox };
        for option in addressed(&email.options, super::VENDOR) {
            wishes.take(option, email.template.is_some())?;
        }
        Ok(wishes)
    }

    fn take(&mut self, option: &VendorOption, template: bool) -> Result<()> {
        let (field, value) = match &*option.name {
            "deliver_within" => ("o:deliver-within", period(option)?.to_owned()),
            "dkim" => ("o:dkim", yes(option)?),
            "require_tls" => ("o:require-tls", yes(option)?),
            "sandbox" => {
                self.sandbox = boolean(option)?;
                return Ok(());
            }
            "send_at" => ("o:deliverytime", date(integer(option, 0, LAST)?)),
            "skip_verification" => ("o:skip-verification", yes(option)?),
            "template_text" if template => match boolean(option)? {
                true => ("t:text", "yes".to_owned()),
                false => return Ok(()),
            },
            "template_version" if template => ("t:version", text(option, 1, 255)?.to_owned()),
            "template_text" | "template_version" => return Err(wrong(option, "effect only with a template")),
            "tracking" => ("o:tracking", word(option, TRACKING)?.to_owned()),
            "tracking_clicks" => ("o:tracking-clicks", word(option, TRACKING)?.to_owned()),
            "tracking_opens" => ("o:tracking-opens", yes(option)?),
            _ => return Err(unknown(option, KNOWN)),
        };
        self.fields.push((field, value));
        Ok(())
    }

    pub(super) fn write(&self, form: &mut Form) {
        if self.sandbox {
            form.field("o:testmode", "yes");
        }
        for (name, value) in &self.fields {
            form.field(name, value);
        }
    }
}

fn yes(option: &VendorOption) -> Result<String> {
    boolean(option).map(|on| if on { "yes" } else { "no" }.to_owned())
}

/// Hours and minutes as Mailgun writes them: `1h30m`, `30m`, `24h`.
fn period(option: &VendorOption) -> Result<&str> {
    let text = text(option, 2, 6)?;
    let (hours, minutes) = text.split_once('h').unwrap_or(("", text));
    let number = |part: &str| part.len() <= 4 && part.bytes().all(|b| b.is_ascii_digit());
    let minutes = if minutes.is_empty() { Some("") } else { minutes.strip_suffix('m') };
    match minutes {
        Some(minutes) if number(hours) && number(minutes) && !(hours.is_empty() && minutes.is_empty()) => {
            Ok(text)
        }
        _ => Err(wrong(option, "hours and minutes such as 1h30m")),
    }
}

/// RFC 2822, as Mailgun takes it.
fn date(secs: i64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_secs(secs.unsigned_abs());
    httpdate::fmt_http_date(at).replace("GMT", "+0000")
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value, json};

    use super::*;
    use crate::message::VendorTemplate;

    fn email(name: &str, value: impl Into<Value>) -> Email {
        let option = VendorOption::new("mailgun", name, value);
        let template = VendorTemplate::new("t", Map::new());
        Email::builder().to("a@x.org").template(template).option(option).build().expect("valid")
    }

    #[test]
    fn every_known_name_is_taken() {
        for name in KNOWN {
            let error = Wishes::read(&email(name, Value::Null), false).expect_err(name);
            assert!(error.message().contains("takes"), "{name}: {error}");
        }
        let error = Wishes::read(&email("tracking_click", "yes"), false).expect_err("unknown");
        assert!(error.message().contains("tracking_clicks"), "{error}");
    }

    #[test]
    fn values_are_written_as_mailgun_reads_them() {
        for (name, value, field) in [
            ("deliver_within", json!("1h30m"), Some(("o:deliver-within", "1h30m"))),
            ("deliver_within", json!("24h"), Some(("o:deliver-within", "24h"))),
            ("deliver_within", json!("30m"), Some(("o:deliver-within", "30m"))),
            ("deliver_within", json!("30"), None),
            ("deliver_within", json!("1h30"), None),
            ("deliver_within", json!("hm"), None),
            ("send_at", json!(1_318_593_600), Some(("o:deliverytime", "Fri, 14 Oct 2011 12:00:00 +0000"))),
            ("send_at", json!(i64::MAX), None),
            ("dkim", json!(false), Some(("o:dkim", "no"))),
            ("tracking", json!("htmlonly"), Some(("o:tracking", "htmlonly"))),
            ("tracking", json!(true), None),
        ] {
            let read = Wishes::read(&email(name, value.clone()), false).ok();
            let fields = read.map(|wishes| wishes.fields);
            let expected = field.map(|(name, value)| vec![(name, value.to_owned())]);
            assert_eq!(fields, expected, "{name} {value}");
        }
    }

    #[test]
    fn what_is_of_templates_needs_one() {
        let option = VendorOption::new("mailgun", "template_text", true);
        let email = Email::builder().to("a@x.org").text("t").option(option).build().expect("valid");
        assert!(Wishes::read(&email, false).is_err());
    }
}
