//! Values during a render: borrowed or small, so that passing them is free.

use serde_json::{Number, Value};

/// A value; never missing.
#[derive(Clone, Copy, Debug)]
pub(super) enum Val<'a> {
    Bool(bool),
    Count(usize),
    Json(&'a Value),
    Text(&'a str),
}

impl<'a> Val<'a> {
    pub(super) const NULL: Self = Self::Json(&Value::Null);

    /// Handlebars' idea of truth: nothing empty, and zero only if `include_zero`.
    pub(super) fn truthy(self, include_zero: bool) -> bool {
        match self {
            Self::Count(n) => include_zero || n != 0,
            Self::Json(Value::Number(n)) => {
                include_zero || n.as_f64().is_some_and(|n| n != 0.0 && !n.is_nan())
            }
            Self::Json(Value::Array(list)) => !list.is_empty(),
            Self::Json(Value::Object(map)) => !map.is_empty(),
            Self::Json(Value::String(s)) => !s.is_empty(),
            Self::Text(s) => !s.is_empty(),
            _ => self.boolean() == Some(true),
        }
    }

    /// The JSON behind it, if it is from the data or the template.
    pub(super) fn json(self) -> Option<&'a Value> {
        match self {
            Self::Json(value) => Some(value),
            _ => None,
        }
    }

    pub(super) fn text(self) -> Option<&'a str> {
        match self {
            Self::Text(s) => Some(s),
            Self::Json(value) => value.as_str(),
            _ => None,
        }
    }

    pub(super) fn number(self) -> Option<Number> {
        match self {
            Self::Count(n) => Some(n.into()),
            Self::Json(Value::Number(n)) => Some(n.clone()),
            _ => None,
        }
    }

    pub(super) fn boolean(self) -> Option<bool> {
        match self {
            Self::Bool(b) => Some(b),
            Self::Json(value) => value.as_bool(),
            _ => None,
        }
    }

    /// `Some(None)` for null, `Some(Some(b))` for a boolean.
    pub(super) fn plain(self) -> Option<Option<bool>> {
        match self {
            Self::Json(Value::Null) => Some(None),
            _ => self.boolean().map(Some),
        }
    }

    pub(super) fn is_null(self) -> bool {
        matches!(self, Self::Json(Value::Null))
    }

    /// For `len`: characters of a text, members of a list or object.
    pub(super) fn len(self) -> Option<usize> {
        match self {
            Self::Json(Value::Array(list)) => Some(list.len()),
            Self::Json(Value::Object(map)) => Some(map.len()),
            _ => self.text().map(|s| s.chars().count()),
        }
    }

    /// What it is, in words.
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Bool(_) | Self::Json(Value::Bool(_)) => "a boolean",
            Self::Count(_) | Self::Json(Value::Number(_)) => "a number",
            Self::Json(Value::Array(_)) => "a list",
            Self::Json(Value::Null) => "null",
            Self::Json(Value::Object(_)) => "an object",
            Self::Json(Value::String(_)) | Self::Text(_) => "a text",
        }
    }
}
