//! SQL with the names of one store's tables.

use std::{
    collections::HashMap,
    fmt::Write,
    sync::{Arc, Mutex, PoisonError},
};

use sqlx::AssertSqlSafe;

use crate::storage::Dialect;

/// Text that sqlx takes; names of tables are all that is ever put into it.
pub(super) type Text = AssertSqlSafe<Arc<str>>;

/// The texts of all statements, each made once.
#[derive(Debug)]
pub(super) struct Texts {
    dialect: Dialect,
    made: Mutex<HashMap<(&'static str, usize), Arc<str>>>,
}

impl Texts {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, made: Mutex::default() }
    }

    pub(super) fn dialect(&self) -> &Dialect {
        &self.dialect
    }

    /// `template` with `{queue}` and the like replaced by the names of tables.
    pub(super) fn of(&self, template: &'static str) -> Text {
        self.made(template, 0, || named(&self.dialect, template))
    }

    /// The same, with `[…]` repeated `times`. In it `#` stands for the next numbered parameter, from `first` on.
    pub(super) fn repeated(
        &self,
        template: &'static str,
        separator: &str,
        times: usize,
        first: usize,
    ) -> Text {
        self.made(template, times, || repeated(&named(&self.dialect, template), separator, times, first))
    }

    /// All that were used so far.
    #[cfg(test)]
    pub(super) fn all(&self) -> Vec<String> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        made.values().map(|text| text.to_string()).collect()
    }

    fn made(&self, template: &'static str, times: usize, make: impl FnOnce() -> String) -> Text {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        AssertSqlSafe(Arc::clone(made.entry((template, times)).or_insert_with(|| make().into())))
    }
}

/// Replaces each `{name}` by the name of that table, and `{name!alias}` by the table (under another name,
/// if one is given) as it is found by its primary key, whatever `ANALYZE` made SQLite think of its size.
pub(super) fn named(dialect: &Dialect, template: &str) -> String {
    let mut text = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, after) = after.split_once('}').unwrap_or((after, ""));
        text.push_str(before);
        match name.split_once('!') {
            Some((name, alias)) => {
                let table = dialect.table(name);
                let alias = if alias.is_empty() { String::new() } else { format!(" {alias}") };
                // Writing to a String cannot fail.
                let _ = write!(text, "{table}{alias} INDEXED BY sqlite_autoindex_{table}_1");
            }
            None => text.push_str(&dialect.table(name)),
        }
        rest = after;
    }
    text.push_str(rest);
    text
}

fn repeated(template: &str, separator: &str, times: usize, first: usize) -> String {
    let (before, rest) = template.split_once('[').unwrap_or((template, "]"));
    let (part, after) = rest.split_once(']').unwrap_or((rest, ""));
    let mut text = before.to_owned();
    let mut number = first;
    for turn in 0..times {
        text.push_str(if turn == 0 { "" } else { separator });
        for (index, piece) in part.split('#').enumerate() {
            if index > 0 {
                // Writing to a String cannot fail.
                let _ = write!(text, "?{number}");
                number += 1;
            }
            text.push_str(piece);
        }
    }
    text.push_str(after);
    text
}

/// How many rows one statement writes: few sizes, so that all of them stay prepared.
const SIZES: [usize; 3] = [100, 10, 1];

/// `count` rows as runs of those sizes.
pub(super) fn chunks(count: usize) -> impl Iterator<Item = usize> {
    let mut left = count;
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= left)?;
        left -= size;
        Some(size)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_parts_are_put_in() {
        let texts = Texts::new(Dialect::sqlite().with_prefix("x_").unwrap());
        assert_eq!(&*texts.of("SELECT 1 FROM {queue}, {messages}").0, "SELECT 1 FROM x_queue, x_messages");
        let values = texts.repeated("INSERT INTO {acts} VALUES [(?, ?)] RETURNING id", ", ", 2, 1);
        assert_eq!(&*values.0, "INSERT INTO x_acts VALUES (?, ?), (?, ?) RETURNING id");
        let lanes = texts.repeated("FROM ([a = # AND b = #]) LIMIT ?1", " OR ", 2, 4);
        assert_eq!(&*lanes.0, "FROM (a = ?4 AND b = ?5 OR a = ?6 AND b = ?7) LIMIT ?1");
    }

    #[test]
    fn chunks_add_up() {
        for count in [0, 1, 9, 10, 99, 100, 534] {
            assert_eq!(chunks(count).sum::<usize>(), count);
        }
        assert_eq!(chunks(112).collect::<Vec<_>>(), [100, 10, 1, 1]);
    }
}
