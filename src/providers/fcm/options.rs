//! The wishes that only FCM understands.

use super::VENDOR;
use crate::{
    address::WebUrl,
    error::Result,
    message::VendorOption,
    providers::shared::options::{addressed, boolean, text, unknown, wrong},
};

const KNOWN: &[&str] =
    &["analytics_label", "category", "channel_id", "click_action", "link", "thread_id", "validate_only"];
/// FCM states no limit for these; the message's own limit of 4,096 octets is checked later.
const LONGEST: usize = 4_096;

#[derive(Debug, Default, Eq, PartialEq)]
pub(super) struct Options<'a> {
    pub(super) analytics_label: Option<&'a str>,
    pub(super) category: Option<&'a str>,
    pub(super) channel_id: Option<&'a str>,
    pub(super) click_action: Option<&'a str>,
    pub(super) link: Option<&'a str>,
    pub(super) thread_id: Option<&'a str>,
    pub(super) validate_only: bool,
}

impl<'a> Options<'a> {
    /// Reads those that are addressed to this vendor.
    pub(super) fn read(options: &'a [VendorOption]) -> Result<Self> {
        let mut read = Self::default();
        for option in addressed(options, VENDOR) {
            read.take(option)?;
        }
        Ok(read)
    }

    fn take(&mut self, option: &'a VendorOption) -> Result<()> {
        match &*option.name {
            "analytics_label" => self.analytics_label = Some(label(option)?),
            "category" => self.category = Some(words(option)?),
            "channel_id" => self.channel_id = Some(words(option)?),
            "click_action" => self.click_action = Some(words(option)?),
            "link" => self.link = Some(link(option)?),
            "thread_id" => self.thread_id = Some(words(option)?),
            "validate_only" => self.validate_only = boolean(option)?,
            _ => return Err(unknown(option, KNOWN)),
        }
        Ok(())
    }
}

fn words(option: &VendorOption) -> Result<&str> {
    text(option, 1, LONGEST)
}

/// "Understanding message delivery", section on analytics labels: `^[a-zA-Z0-9-_.~%]{1,50}$`.
fn label(option: &VendorOption) -> Result<&str> {
    let label = words(option)?;
    let fits = label.len() <= 50 && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.~%".contains(&b));
    if fits { Ok(label) } else { Err(wrong(option, "1 to 50 characters of A-Z a-z 0-9 - _ . ~ %")) }
}

/// `WebpushFcmOptions.link`: "HTTPS is required".
fn link(option: &VendorOption) -> Result<&str> {
    let link = words(option)?;
    let https = link.parse::<WebUrl>().is_ok_and(|url| url.is_https());
    if https { Ok(link) } else { Err(wrong(option, "an https link")) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn unknown_names_and_wrong_types_are_named() {
        let table = [
            ("colour", json!("red"), "validate_only"),
            ("validate_only", json!("yes"), "true or false"),
            ("channel_id", json!(7), "text"),
            ("channel_id", json!(""), "text"),
            ("link", json!("http://example.org"), "https"),
            ("analytics_label", json!("two words"), "A-Z"),
            ("analytics_label", json!("x".repeat(51)), "50"),
        ];
        for (name, value, hint) in table {
            let options = [VendorOption::new("fcm", name, value)];
            let error = Options::read(&options).expect_err(name);
            assert_eq!(error.field(), Some(&*format!("options[\"fcm.{name}\"]")));
            assert!(error.message().contains(hint), "{error}");
        }
    }

    #[test]
    fn what_is_addressed_to_others_is_not_read() {
        let options = [VendorOption::new("telegram", "colour", "red")];
        assert_eq!(Options::read(&options).expect("skipped"), Options::default());
    }
}
