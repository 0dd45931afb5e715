//! Texts as Postgres takes them, and rows as it gives them.

use std::borrow::Cow;

use sqlx::{Decode, Postgres, Row, Type, postgres::PgRow};

use super::fault::failed;
use crate::{error::Result, id::Fingerprint};

/// The longest text in an index; Postgres takes up to 2,700 octets in all columns together.
const INDEXED: usize = 512;

/// A column of a row.
pub(super) fn column<'r, T: Decode<'r, Postgres> + Type<Postgres>>(row: &'r PgRow, name: &str) -> Result<T> {
    row.try_get(name).map_err(failed)
}

/// The column at this place of a row.
pub(super) fn nth<'r, T: Decode<'r, Postgres> + Type<Postgres>>(row: &'r PgRow, place: usize) -> Result<T> {
    row.try_get(place).map_err(failed)
}

/// A text without what no text in Postgres can have.
pub(super) fn text(text: &str) -> Cow<'_, str> {
    if text.contains('\0') { text.replace('\0', "\u{fffd}").into() } else { text.into() }
}

/// The same, fit for an index: what is too long ends in a hash of the whole.
pub(super) fn indexed(whole: &str) -> Cow<'_, str> {
    if whole.len() <= INDEXED {
        return text(whole);
    }
    let hash = Fingerprint::of(whole.as_bytes()).to_string();
    let end = (0..=INDEXED - hash.len()).rev().find(|end| whole.is_char_boundary(*end)).unwrap_or(0);
    format!("{}{hash}", text(&whole[..end])).into()
}

pub(super) fn unsigned(number: i32) -> u32 {
    u32::try_from(number).unwrap_or(0)
}

pub(super) fn signed(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

/// A number of rows as a LIMIT.
pub(super) fn limit(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// A span of time in microseconds, short enough to be added to any moment.
pub(super) fn micros(span: std::time::Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX).min(i64::MAX / 4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_long_stays_apart_and_fits() {
        let (a, b) = (format!("{}a", "ß".repeat(400)), format!("{}b", "ß".repeat(400)));
        assert!(indexed(&a).len() <= INDEXED && indexed(&a) != indexed(&b));
        assert_eq!(indexed("plain"), "plain");
        assert_eq!(text("a\0b"), "a\u{fffd}b");
    }
}
