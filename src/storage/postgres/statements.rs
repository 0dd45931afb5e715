//! SQL with the names of a store's tables in it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::storage::Dialect;

/// Puts the full names of tables and functions in place of `{name}`, and prefixed ones in place of `{=name}`.
pub(super) fn named(dialect: &Dialect, template: &str) -> String {
    let mut text = String::with_capacity(template.len() + 256);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        match after.split_once('}').filter(|(name, _)| is_name(name)) {
            Some((name, behind)) => {
                match name.strip_prefix('=') {
                    Some(name) => text.extend([dialect.prefix(), name]),
                    None => text.push_str(&dialect.table(name)),
                }
                rest = behind;
            }
            // An array, such as '{}'.
            None => {
                text.push('{');
                rest = after;
            }
        }
    }
    text.push_str(rest);
    text
}

fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'=')
}

/// The statements of one store, each made once.
#[derive(Debug)]
pub(super) struct Statements {
    dialect: Dialect,
    made: Mutex<HashMap<&'static str, Arc<str>>>,
}

impl Statements {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, made: Mutex::default() }
    }

    pub(super) fn of(&self, template: &'static str) -> Arc<str> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(template).or_insert_with(|| named(&self.dialect, template).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_put_in_and_arrays_stay() {
        let dialect = Dialect::postgres().with_schema("s").expect("plain").with_prefix("p_").expect("plain");
        let text =
            named(&dialect, "SELECT '{}' FROM {queue} WHERE a = ANY ('{1,2}'); CREATE INDEX {=queue_x}");
        assert_eq!(text, "SELECT '{}' FROM s.p_queue WHERE a = ANY ('{1,2}'); CREATE INDEX p_queue_x");
    }
}
