//! Helpers that give values: comparisons, logic, `lookup`, `optional`.

use std::cmp::Ordering;

use serde_json::{Number, Value};

use super::value::Val;

/// Every name that may stand first in a tag with parameters.
pub(super) const HELPERS: &[(&str, Option<Helper>)] = &[
    ("and", Some(Helper::And)),
    ("default", Some(Helper::Default)),
    ("each", None),
    ("eq", Some(Helper::Eq)),
    ("gt", Some(Helper::Gt)),
    ("gte", Some(Helper::Gte)),
    ("if", None),
    ("len", Some(Helper::Len)),
    ("lookup", Some(Helper::Lookup)),
    ("lt", Some(Helper::Lt)),
    ("lte", Some(Helper::Lte)),
    ("ne", Some(Helper::Ne)),
    ("not", Some(Helper::Not)),
    ("optional", Some(Helper::Optional)),
    ("or", Some(Helper::Or)),
    ("raw", None),
    ("unless", None),
    ("with", None),
];

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Helper {
    And,
    Default,
    Eq,
    Gt,
    Gte,
    Len,
    Lookup,
    Lt,
    Lte,
    Ne,
    Not,
    Optional,
    Or,
}

impl Helper {
    pub(super) fn named(name: &str) -> Option<Self> {
        HELPERS.iter().find(|(known, _)| *known == name).and_then(|(_, helper)| *helper)
    }

    pub(super) fn name(self) -> &'static str {
        HELPERS.iter().find(|(_, helper)| *helper == Some(self)).map_or("", |(name, _)| name)
    }

    /// What it takes, in words, if `given` parameters are not that.
    pub(super) fn refuses(self, given: usize) -> Option<&'static str> {
        let (fits, takes) = match self {
            Self::And | Self::Or => (given >= 2, "two parameters or more"),
            Self::Len | Self::Not | Self::Optional => (given == 1, "one parameter"),
            _ => (given == 2, "two parameters"),
        };
        (!fits).then_some(takes)
    }

    /// The answer of a comparison; `None` for a helper that is none.
    pub(super) fn compare(self, a: Val<'_>, b: Val<'_>) -> Option<bool> {
        let order = || order(a, b);
        Some(match self {
            Self::Eq => equal(a, b),
            Self::Ne => !equal(a, b),
            Self::Gt => order() == Some(Ordering::Greater),
            Self::Gte => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
            Self::Lt => order() == Some(Ordering::Less),
            Self::Lte => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
            _ => return None,
        })
    }
}

fn equal(a: Val<'_>, b: Val<'_>) -> bool {
    match (a.number(), b.number()) {
        (Some(a), Some(b)) => a == b || numbers(&a, &b) == Some(Ordering::Equal),
        (None, None) => match (a.text(), b.text()) {
            (Some(a), Some(b)) => a == b,
            (None, None) => a.plain() == b.plain() && a.plain().is_some(),
            _ => false,
        },
        _ => false,
    }
}

/// Numbers, texts and booleans have an order among themselves; a text that
/// reads as a number compares with numbers.
fn order(a: Val<'_>, b: Val<'_>) -> Option<Ordering> {
    match (a.text(), b.text()) {
        (Some(a), Some(b)) => Some(a.cmp(b)),
        (Some(a), None) => numbers(&a.parse().ok()?, &b.number()?),
        (None, Some(b)) => numbers(&a.number()?, &b.parse().ok()?),
        (None, None) => match (a.number(), b.number()) {
            (Some(a), Some(b)) => numbers(&a, &b),
            (None, None) => Some(a.boolean()?.cmp(&b.boolean()?)),
            _ => None,
        },
    }
}

fn numbers(a: &Number, b: &Number) -> Option<Ordering> {
    match (a.as_i128(), b.as_i128()) {
        (Some(a), Some(b)) => Some(a.cmp(&b)),
        _ => a.as_f64()?.partial_cmp(&b.as_f64()?),
    }
}

/// The member of a list or object that `key` names.
pub(super) fn member<'a>(of: &'a Value, key: Val<'_>) -> Option<&'a Value> {
    match of {
        Value::Array(list) => list.get(usize::try_from(key.number()?.as_u64()?).ok()?),
        Value::Object(map) => map.get(key.text()?),
        _ => None,
    }
}
