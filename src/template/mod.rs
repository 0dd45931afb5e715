//! Templates: handlebars sources for the parts of a message, rendered with
//! any serde data.
//!
//! ```
//! use tidings::template::{Parts, Templates};
//!
//! let templates = Templates::new();
//! templates.register(
//!     "order",
//!     Parts::new()
//!         .subject("Order {{number}}")
//!         .html("<ul>{{#each items}}<li>{{name}}</li>{{else}}<li>nothing</li>{{/each}}</ul>"),
//! )?;
//! let content = templates.render("order", &serde_json::json!({"number": 7, "items": [{"name": "a & b"}]}))?;
//! assert_eq!(content.html.as_deref(), Some("<ul><li>a &amp; b</li></ul>"));
//! # Ok::<(), tidings::Error>(())
//! ```
//!
//! # The language
//!
//! Handlebars, read by the parser of the `handlebars` crate: `{{path}}`,
//! `{{{unescaped}}}`, `{{#if}}`, `{{#unless}}`, `{{#each}}`, `{{#with}}`, each
//! with `{{else}}` and `{{else if}}`, `{{> partial context name=value}}`,
//! `{{#> layout}}…{{/layout}}` with `{{> @partial-block}}`,
//! `{{#*inline "name"}}`, and the helpers `and`, `default`, `eq`, `gt`, `gte`,
//! `len`, `lookup`, `lt`, `lte`, `ne`, `not`, `optional` and `or`. Values are
//! escaped in the [`Html`](Part::Html) part and in no other.
//!
//! # Absent is an error
//!
//! A path that the data does not have is an error wherever it is evaluated,
//! in the condition of an `{{#if}}` as well, unless the template says that it
//! is optional: `{{optional user.nick}}`, `{{#if (optional user.nick)}}`, or
//! `{{default user.nick "friend"}}`, which also replaces null and empty text.
//! Null is present: it prints nothing and is false. `and` and `or` stop at the
//! first value that decides, so that `(and (optional user) user.nick)` is safe.
//!
//! # A hostile template does no harm
//!
//! Each source is scanned before the parser sees it, the graph of partials is
//! checked for cycles whenever it changes, and a render counts what it does
//! (see [`Limits`]). Every excess is an [`Error`](crate::Error) whose source
//! is a [`Problem`]. The renderer is our own walk over what the parser gives:
//! the one in the `handlebars` crate copies data on every path inside a
//! partial and keeps side outputs that nobody can count, so that no limit
//! around it would hold.
//!
//! Not supported, with an error at registration: object literals, quotes
//! inside `[ ]`, computed partial names, decorators other than `inline`, and
//! the helper `log`. Data are walked as deep as the template asks; data
//! themselves must be no deeper than serde_json can build.
//!
//! # Data stay in their place
//!
//! In the [`Html`](Part::Html) part a value stands in text or inside an
//! attribute's quotes; anywhere else (between attributes, without quotes, in a
//! script or an event handler, unescaped inside a tag) registration fails. A
//! value that begins a link may choose one of the schemes `cid`, `http`,
//! `https`, `mailto`, `sms` and `tel`; the template writes any other. A partial
//! begins and ends in text, and one inside a tag has no values. Only
//! `{{{unescaped}}}` in text is the author's own affair. A subject with a line
//! break is refused when the message is built.
//!
//! # One template, many recipients
//!
//! [`Templates::prepare`] takes the data that all recipients share and
//! evaluates once what depends on them alone, through layouts and partials.

mod campaign;
mod compile;
mod graph;
mod helpers;
mod limits;
mod markup;
mod output;
mod parts;
mod problem;
mod program;
mod render;
mod scan;
mod templates;
mod value;

#[cfg(test)]
mod tests;

use std::{fmt::Debug, sync::Arc};

use serde_json::Value;

pub use self::{
    campaign::PreparedTemplate,
    limits::Limits,
    parts::{Part, Parts},
    problem::Problem,
    templates::Templates,
};
use crate::{error::Result, message::Content};

/// What renders templates by name: the seam to another engine.
///
/// # Contract
///
/// - Rendering is pure: the same name, registrations and data give the same
///   text.
/// - An unknown template is an error that names the nearest one.
/// - It ends, soon, whatever templates and data say; it never panics.
/// - Values in [`Part::Html`] are escaped.
///
/// ```
/// use std::sync::Arc;
/// use tidings::template::{Part, Parts, TemplateEngine, Templates};
///
/// let templates = Templates::new();
/// templates.register("code", Parts::new().body("Your code is {{code}}"))?;
/// let engine: Arc<dyn TemplateEngine> = Arc::new(templates);
/// let data = serde_json::json!({"code": 1234});
/// assert_eq!(engine.render_part("code", Part::Body, &data)?.as_deref(), Some("Your code is 1234"));
/// assert_eq!(engine.render_part("code", Part::Html, &data)?, None);
/// # Ok::<(), tidings::Error>(())
/// ```
pub trait TemplateEngine: Debug + Send + Sync {
    /// Renders every part that the template has.
    fn render_value(&self, name: &str, data: &Value) -> Result<Content>;

    /// Renders one part; `None` if the template does not have it.
    fn render_part(&self, name: &str, part: Part, data: &Value) -> Result<Option<Arc<str>>>;
}
