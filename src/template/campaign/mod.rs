//! One template for many recipients: what depends on the campaign alone is
//! evaluated once.

mod closed;
mod evaluate;

use std::{collections::HashSet, sync::Arc};

use serde::Serialize;
use serde_json::{Map, Value};

use self::evaluate::{Needs, specialize};
use super::{
    limits::Limits,
    problem::Problem,
    templates::{Compiled, Snapshot, Templates, slot, to_value},
};
use crate::{error::Result, message::Content};

/// A template with the data that all its recipients share, from
/// [`Templates::prepare`].
///
/// Rendering it gives what [`Templates::render`] would give for both objects
/// merged into one, as the templates were when it was prepared. Whatever
/// depends on the shared data alone is text already; limits of a render count
/// what is left.
///
/// ```
/// use serde_json::json;
/// use tidings::template::{Parts, Templates};
///
/// let templates = Templates::new();
/// templates.register("sale", Parts::new().text("{{#each offers}}- {{this}}\n{{/each}}Bye, {{name}}!"))?;
/// let sale = templates.prepare("sale", &json!({"offers": ["Tea", "Cups"]}))?;
/// let content = sale.render(&json!({"name": "Ada"}))?;
/// assert_eq!(content.text.as_deref(), Some("- Tea\n- Cups\nBye, Ada!"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Debug)]
pub struct PreparedTemplate {
    state: Arc<Snapshot>,
    limits: Limits,
    parts: Box<[Compiled]>,
    shared: HashSet<String>,
    /// What of the shared data is still looked up in a render.
    kept: Map<String, Value>,
}

impl Templates {
    /// Prepares a template for many recipients: evaluates once what depends on
    /// the `shared` data alone.
    ///
    /// # Errors
    ///
    /// An unknown template, or shared data that are no object. What fails to
    /// evaluate does so in the renders that come to it.
    pub fn prepare<T: Serialize + ?Sized>(&self, name: &str, shared: &T) -> Result<PreparedTemplate> {
        let shared = Value::Object(object(name, shared)?);
        let (state, limits) = (self.snapshot(), self.limits());
        let mut needs = Needs::default();
        let special = |compiled: &Compiled| {
            let escape = compiled.part.is_escaped();
            let (source, part) = specialize(&compiled.source, &state.partials, &shared, limits, escape);
            needs.add(part);
            Compiled::new(compiled.part, source)
        };
        let parts = state.template(name)?.iter().map(special).collect();
        let Value::Object(mut kept) = shared else { unreachable!("made of an object above") };
        let shared = kept.keys().cloned().collect();
        kept.retain(|key, _| needs.contains(key));
        Ok(PreparedTemplate { state, limits, parts, shared, kept })
    }
}

impl PreparedTemplate {
    /// Renders every part for one recipient.
    ///
    /// # Errors
    ///
    /// As for [`Templates::render`]; also data that are no object, or that
    /// have a name which the shared data have.
    pub fn render<T: Serialize + ?Sized>(&self, data: &T) -> Result<Content> {
        let mut root = object("recipient", data)?;
        if let Some(key) = root.keys().find(|key| self.shared.contains(*key)) {
            return Err(Problem::Overlap { key: key.chars().take(120).collect() }.error());
        }
        root.extend(self.kept.iter().map(|(key, value)| (key.clone(), value.clone())));
        let root = Value::Object(root);
        let mut content = Content::default();
        for compiled in &self.parts {
            let text = compiled.render(&self.state.partials, &root, &self.limits)?;
            *slot(&mut content, compiled.part) = Some(text);
        }
        Ok(content)
    }
}

/// The data as an object; nothing is an empty one.
fn object<T: Serialize + ?Sized>(name: &str, data: &T) -> Result<Map<String, Value>> {
    match to_value(name, data)? {
        Value::Null => Ok(Map::new()),
        Value::Object(map) => Ok(map),
        _ => {
            let instead = "give a struct or a map with text keys";
            Err(Problem::Unsupported { what: "data of a prepared template that are no object", instead }
                .error())
        }
    }
}
