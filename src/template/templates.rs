//! The registry: named templates and partials, shared by cheap clones.

use std::{
    collections::HashMap,
    fmt,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use serde::Serialize;
use serde_json::Value;

use super::{
    TemplateEngine,
    compile::compile,
    graph::{refuse_cycles, refuse_unknown},
    limits::Limits,
    parts::{Part, Parts},
    problem::{Problem, Trouble},
    program::Source,
    render::{Machine, Partials},
};
use crate::{
    error::{Error, Result},
    message::Content,
};

/// Handlebars templates with limits.
///
/// Clones share one registry, each with limits of its own. Registering takes `&self` and may go on while
/// others render: a render works on the state it found. The order does not
/// matter; a template may be registered before its partials.
///
/// ```
/// use tidings::template::{Parts, Templates};
///
/// let templates = Templates::new();
/// templates.register_partial("footer", "-- {{company}}")?;
/// templates.register("welcome", Parts::new().subject("Hello {{name}}").text("Welcome!\n{{> footer}}"))?;
/// templates.check()?;
///
/// let content = templates.render("welcome", &serde_json::json!({"name": "Ada", "company": "Acme"}))?;
/// assert_eq!(content.subject.as_deref(), Some("Hello Ada"));
/// assert_eq!(content.text.as_deref(), Some("Welcome!\n-- Acme"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Templates {
    limits: Limits,
    shared: Arc<RwLock<Arc<Snapshot>>>,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Snapshot {
    pub(super) partials: Partials,
    templates: HashMap<Arc<str>, Arc<[Compiled]>>,
}

#[derive(Debug)]
pub(super) struct Compiled {
    pub(super) part: Part,
    pub(super) source: Source,
    /// How large the last render was: the next reserves as much.
    size: AtomicUsize,
}

impl Templates {
    /// None yet, with the default [`Limits`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Sets what a template may cost; sources already registered stay.
    #[must_use]
    pub fn with_limits(mut self, limits: Limits) -> Self {
        self.limits = limits.bounded();
        self
    }

    /// What a template may cost.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// The names of the templates, sorted.
    pub fn names(&self) -> Vec<Arc<str>> {
        let mut names: Vec<_> = self.snapshot().templates.keys().cloned().collect();
        names.sort_unstable();
        names
    }

    /// Registers a template, or replaces the one of that name.
    ///
    /// Its partials may follow later: [`check`](Self::check) tells whether any
    /// is missing.
    ///
    /// # Errors
    ///
    /// A syntax error, an unknown helper, a limit, a cycle of partials, a value
    /// where HTML cannot hold it, or no part at all. Nothing is registered then.
    pub fn register(&self, name: &str, parts: Parts) -> Result<()> {
        valid_template_name(name)?;
        let compiled = parts.sources().map(|(part, source)| self.compile_part(name, part, source));
        let compiled: Arc<[Compiled]> = compiled.collect::<Result<_>>()?;
        if compiled.is_empty() {
            let what = "a template without any part";
            let instead = "give a source, as in Parts::new().text(\"…\")";
            return Err(Problem::Unsupported { what, instead }.error());
        }
        self.update(|state| {
            compiled.iter().try_for_each(|c| acyclic(&c.source, &state.partials))?;
            state.templates.insert(name.into(), compiled);
            Ok(())
        })
    }

    /// Registers a partial, or replaces the one of that name, for
    /// `{{> name}}` in any part of any template. Escaping follows the part
    /// that includes it.
    ///
    /// # Errors
    ///
    /// As for [`register`](Self::register); also if it closes a cycle through
    /// partials and templates registered before.
    pub fn register_partial(&self, name: &str, source: &str) -> Result<()> {
        valid_partial_name(name)?;
        let label: Arc<str> = format!("partial `{name}`").into();
        let compiled = compile(&label, source, &self.limits).map_err(|e| e.error(&label))?;
        self.update(|state| {
            let before = state.partials.insert(name.into(), Arc::new(compiled));
            let refused = refuse_new_cycles(name, state);
            if refused.is_err() {
                restore(&mut state.partials, name, before);
            }
            refused
        })
    }

    /// Whether every partial that a template includes is there.
    ///
    /// # Errors
    ///
    /// All that is missing, with names and places.
    pub fn check(&self) -> Result<()> {
        let state = self.snapshot();
        let compiled = state.templates.values().flat_map(|parts| parts.iter());
        let missing = compiled.filter_map(|c| {
            refuse_unknown(&c.source, &state.partials).err().map(|e| e.error(&c.source.label))
        });
        let mut missing: Vec<Error> = missing.collect();
        missing.sort_by_key(ToString::to_string);
        Error::all(missing).map_or(Ok(()), Err)
    }

    /// Renders every part of a template.
    ///
    /// # Errors
    ///
    /// An unknown template or partial, a path that is not in the data, a value
    /// of the wrong type, or a limit.
    pub fn render<T: Serialize + ?Sized>(&self, name: &str, data: &T) -> Result<Content> {
        self.render_value(name, &to_value(name, data)?)
    }

    /// Renders every part of a template with data that is JSON already, which
    /// is not copied.
    ///
    /// # Errors
    ///
    /// As for [`render`](Self::render).
    pub fn render_value(&self, name: &str, data: &Value) -> Result<Content> {
        let state = self.snapshot();
        let mut content = Content::default();
        for compiled in state.template(name)? {
            let text = compiled.render(&state.partials, data, &self.limits)?;
            *slot(&mut content, compiled.part) = Some(text);
        }
        Ok(content)
    }

    fn compile_part(&self, name: &str, part: Part, source: &str) -> Result<Compiled> {
        let label: Arc<str> = format!("template `{name}`, part {part}").into();
        let source = compile(&label, source, &self.limits).map_err(|e| e.error(&label))?;
        if let (true, Some((at, problem))) = (part.is_escaped(), &source.fault) {
            return Err(Trouble::from(problem.clone()).at(&label, *at).error(&label));
        }
        Ok(Compiled::new(part, source))
    }

    /// A pointer to the state of now; the lock is held no longer than that.
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        // No update leaves the state half done, so poison means nothing here.
        self.shared.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Changes the state in place, or a copy of it while a render holds it.
    fn update(&self, change: impl FnOnce(&mut Snapshot) -> Result<()>) -> Result<()> {
        let mut shared = self.shared.write().unwrap_or_else(PoisonError::into_inner);
        change(Arc::make_mut(&mut shared))
    }
}

impl TemplateEngine for Templates {
    fn render_value(&self, name: &str, data: &Value) -> Result<Content> {
        Templates::render_value(self, name, data)
    }

    fn render_part(&self, name: &str, part: Part, data: &Value) -> Result<Option<Arc<str>>> {
        let state = self.snapshot();
        let compiled = state.template(name)?.iter().find(|c| c.part == part);
        compiled.map(|c| c.render(&state.partials, data, &self.limits)).transpose()
    }
}

impl fmt::Debug for Templates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Templates").field("limits", &self.limits).field("names", &self.names()).finish()
    }
}

impl Snapshot {
    pub(super) fn template(&self, name: &str) -> Result<&[Compiled]> {
        let unknown = || Problem::template(name, self.templates.keys().map(|k| &**k)).error();
        self.templates.get(name).map(|parts| &**parts).ok_or_else(unknown)
    }
}

impl Compiled {
    pub(super) fn new(part: Part, source: Source) -> Self {
        Self { part, source, size: AtomicUsize::new(0) }
    }

    pub(super) fn render(&self, partials: &Partials, data: &Value, limits: &Limits) -> Result<Arc<str>> {
        let machine = Machine::new(partials, &self.source, data, limits);
        let capacity = self.size.load(Ordering::Relaxed);
        let text = machine.run(self.part.is_escaped(), capacity).map_err(|e| e.error(&self.source.label))?;
        self.size.store(text.len() + text.len() / 8, Ordering::Relaxed);
        Ok(text.into())
    }
}

pub(super) fn slot(content: &mut Content, part: Part) -> &mut Option<Arc<str>> {
    match part {
        Part::Body => &mut content.body,
        Part::Html => &mut content.html,
        Part::Subject => &mut content.subject,
        Part::Text => &mut content.text,
        Part::Title => &mut content.title,
    }
}

/// Data for the template `name` as JSON.
pub(super) fn to_value<T: Serialize + ?Sized>(name: &str, data: &T) -> Result<Value> {
    serde_json::to_value(data).map_err(|e| {
        Problem::Unsupported { what: "data that is no JSON", instead: "use maps with text keys" }
            .error()
            .with_context("template", name)
            .with_context("reason", e.to_string())
    })
}

fn acyclic(source: &Source, partials: &Partials) -> Result<()> {
    refuse_cycles(source, partials).map_err(|e| e.error(&source.label))
}

/// A cycle that the partial `name` closes goes through that partial, or
/// through an inline partial of a source that reaches it.
fn refuse_new_cycles(name: &str, state: &Snapshot) -> Result<()> {
    let with_inlines = |source: &&Source| !source.inlines.is_empty();
    let partials = state.partials.values().map(|s| &**s).filter(with_inlines);
    let templates = state.templates.values().flat_map(|parts| parts.iter()).map(|c| &c.source);
    let new = state.partials.get(name).map(|s| &**s);
    let mut roots = new.into_iter().chain(partials).chain(templates.filter(with_inlines));
    roots.try_for_each(|source| acyclic(source, &state.partials))
}

/// Undoes an insertion.
fn restore(partials: &mut Partials, name: &str, before: Option<Arc<Source>>) {
    match before {
        Some(source) => partials.insert(name.into(), source),
        None => partials.remove(name),
    };
}

fn valid_template_name(name: &str) -> Result<()> {
    let fine = !name.is_empty() && name.len() <= 128 && !name.chars().any(char::is_control);
    let why = "a template's name has 1 to 128 bytes and no control characters";
    if fine { Ok(()) } else { Err(bad_name(name, why)) }
}

/// What the grammar can write without brackets or quotes.
fn valid_partial_name(name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/.".contains(c);
    let fine = !name.is_empty() && name.len() <= 128 && name.chars().all(plain);
    let why = "a partial's name has 1 to 128 letters, digits and -_/.";
    if fine { Ok(()) } else { Err(bad_name(name, why)) }
}

fn bad_name(name: &str, why: &'static str) -> Error {
    Problem::Name { name: name.chars().take(64).collect(), why }.error()
}
