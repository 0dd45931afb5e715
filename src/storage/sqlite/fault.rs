//! What SQLite says, in the crate's words.

use crate::error::{Error, ErrorKind};

/// SQLite's primary code, and its text.
fn told(error: &sqlx::Error) -> Option<(i32, &str)> {
    let database = error.as_database_error()?;
    let code: i32 = database.code()?.parse().ok()?;
    Some((code & 0xff, database.message()))
}

/// True if someone else has the lock that it needs.
pub(super) fn is_busy(error: &sqlx::Error) -> bool {
    matches!(told(error), Some((5 | 6, _)))
}

/// An error of the database.
pub(super) fn failed(error: sqlx::Error) -> Error {
    let text = match told(&error) {
        Some((code, text)) => words(code, text),
        None => "the database failed",
    };
    let code = error.as_database_error().and_then(|database| database.code()).map(|code| code.into_owned());
    let told = Error::new(ErrorKind::Storage, text).with_context("sqlite", error.to_string());
    code.into_iter().fold(told, Error::with_code).with_source(error)
}

fn words(code: i32, text: &str) -> &'static str {
    match code {
        1 if text.starts_with("no such table") || text.contains("no such column") => {
            "the tables are not there, or older than this version needs: call migrate()"
        }
        5 | 6 => "others keep the database locked for too long",
        8 => "the database cannot be written to: its file, folder or disk is read-only",
        10 => "the disk failed",
        11 | 26 => "the file is damaged, or no SQLite database",
        13 => "the disk is full: as soon as there is space the next write works",
        14 => "the file cannot be opened: does its folder exist, and may it be written to?",
        _ => "the database failed",
    }
}
