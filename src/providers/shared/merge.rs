//! Data that a vendor fills in: a template's own, and one reader's laid over it.

use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

/// A template's data with one recipient's own laid over it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Filling<'a> {
    pub(crate) common: Option<&'a Map<String, Value>>,
    pub(crate) own: Option<&'a Map<String, Value>>,
}

impl<'a> Filling<'a> {
    /// Each name once.
    pub(crate) fn pairs(self) -> impl Iterator<Item = (&'a String, &'a Value)> {
        let common = self.common.into_iter().flatten();
        let kept = common.filter(move |(name, _)| self.own.is_none_or(|own| !own.contains_key(*name)));
        kept.chain(self.own.into_iter().flatten())
    }

    pub(crate) fn is_empty(self) -> bool {
        self.pairs().next().is_none()
    }

    /// The same by reference, as serde asks.
    pub(crate) fn has_nothing(&self) -> bool {
        self.is_empty()
    }

    /// Refuses lists, objects and nulls, where the vendor fills in texts; `why` says so.
    pub(crate) fn check_texts(self, why: &'static str) -> Result<()> {
        let plain = |value: &Value| matches!(value, Value::String(_) | Value::Number(_) | Value::Bool(_));
        match self.pairs().find(|(_, value)| !plain(value)) {
            Some((name, _)) => Err(Error::invalid(format!("merge[{name:?}]"), why)),
            None => Ok(()),
        }
    }
}

impl Serialize for Filling<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.pairs())
    }
}

/// The same as texts, for vendors that replace words by words.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Texts<'a>(pub(crate) Filling<'a>);

/// A value as it is read in a text.
pub(crate) fn as_text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

impl Serialize for Texts<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.pairs().map(|(name, value)| (name, as_text(value))))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn map(value: Value) -> Map<String, Value> {
        value.as_object().expect("an object").clone()
    }

    #[test]
    fn own_data_lie_over_the_common_ones() {
        let (common, own) = (map(json!({"shop": "x", "n": 1})), map(json!({"n": 2.5})));
        let filling = Filling { common: Some(&common), own: Some(&own) };
        assert_eq!(serde_json::to_value(filling).expect("JSON"), json!({"shop": "x", "n": 2.5}));
        assert_eq!(serde_json::to_value(Texts(filling)).expect("JSON"), json!({"shop": "x", "n": "2.5"}));
    }

    #[test]
    fn what_is_no_text_is_named() {
        let own = map(json!({"ok": true, "list": []}));
        let error = Filling { common: None, own: Some(&own) }.check_texts("texts only").expect_err("a list");
        assert_eq!((error.field(), error.message()), (Some("merge[\"list\"]"), "texts only"));
    }
}
