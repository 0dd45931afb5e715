//! What the room promises, from outside.

mod campaign;
mod fuzz;
mod grammar;
mod hostile;
mod language;
mod markup;
mod registry;

use std::error::Error as _;

use serde_json::{Value, json};

use super::{Limits, Parts, PreparedTemplate, Problem, Templates};
use crate::error::{Error, ErrorKind, Result};

/// Renders one text with these partials.
fn with_partials(partials: &[(&str, &str)], source: &str, data: &Value) -> Result<String> {
    let templates = Templates::new();
    for (name, partial) in partials {
        templates.register_partial(name, partial)?;
    }
    templates.register("t", Parts::new().text(source))?;
    Ok(templates.render_value("t", data)?.text.as_deref().expect("has a text").to_owned())
}

fn text(source: &str, data: &Value) -> Result<String> {
    with_partials(&[], source, data)
}

fn problem(error: &Error) -> Problem {
    assert_eq!(error.kind(), ErrorKind::Template, "{error}");
    error.source().and_then(|s| s.downcast_ref()).cloned().unwrap_or_else(|| panic!("no problem in {error}"))
}

/// The error of a source that must fail.
fn fails(source: &str, data: &Value) -> String {
    text(source, data).expect_err(source).to_string()
}

fn small() -> Value {
    json!({"user": {"name": "Ada", "none": null}, "items": [{"n": 1}, {"n": 2}], "empty": [], "s": "<b>", "zero": 0})
}
