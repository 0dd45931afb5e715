//! Reading options that a message addresses to one vendor.

use serde_json::Value;

use crate::{
    error::{Error, Result},
    message::VendorOption,
};

/// Those of `options` that are addressed to `vendor`.
pub(crate) fn addressed<'a>(
    options: &'a [VendorOption],
    vendor: &'static str,
) -> impl Iterator<Item = &'a VendorOption> {
    options.iter().filter(move |option| &*option.vendor == vendor)
}

/// The value as true or false.
pub(crate) fn boolean(option: &VendorOption) -> Result<bool> {
    option.value.as_bool().ok_or_else(|| wrong(option, "true or false"))
}

/// The value as a whole number from `least` to `most`.
pub(crate) fn integer(option: &VendorOption, least: i64, most: i64) -> Result<i64> {
    let number = option.value.as_i64().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| wrong(option, &format!("a whole number from {least} to {most}")))
}

/// The value as a list of whole numbers, at most `most` of them.
pub(crate) fn integers(option: &VendorOption, most: usize) -> Result<Vec<i64>> {
    let list = option.value.as_array().filter(|list| list.len() <= most);
    let numbers = list.and_then(|list| list.iter().map(Value::as_i64).collect());
    numbers.ok_or_else(|| wrong(option, &format!("a list of at most {most} whole numbers")))
}

/// The value as text of `least` to `most` characters.
pub(crate) fn text(option: &VendorOption, least: usize, most: usize) -> Result<&str> {
    let text = option.value.as_str().filter(|text| (least..=most).contains(&text.chars().count()));
    text.ok_or_else(|| wrong(option, &format!("a text of {least} to {most} characters")))
}

/// The value as one of these words.
pub(crate) fn word<'a>(option: &'a VendorOption, words: &[&str]) -> Result<&'a str> {
    let word = option.value.as_str().filter(|word| words.contains(word));
    word.ok_or_else(|| wrong(option, &format!("one of {}", words.join(", "))))
}

/// A value of the wrong type or out of its range.
pub(crate) fn wrong(option: &VendorOption, expected: &str) -> Error {
    Error::invalid(field(option), format!("the option takes {expected}"))
}

/// A name that the vendor's folder does not know.
pub(crate) fn unknown(option: &VendorOption, known: &[&str]) -> Error {
    Error::invalid(field(option), format!("no such option; known: {}", known.join(", ")))
}

fn field(option: &VendorOption) -> String {
    format!("options[\"{}.{}\"]", option.vendor, option.name)
}
