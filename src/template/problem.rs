//! What can be wrong with a template, said so that it can be put right.

use std::{fmt, sync::Arc};

use super::helpers::HELPERS;
use crate::error::{Error, ErrorKind};

/// Names listed in one error, at most.
const LISTED: usize = 12;

/// What was wrong with a template: the source of an
/// [`Error`] of kind [`ErrorKind::Template`].
///
/// ```
/// use std::error::Error as _;
/// use tidings::template::{Parts, Problem, Templates};
///
/// let templates = Templates::new();
/// templates.register("hello", Parts::new().text("Dear {{user.name}}"))?;
/// let error = templates.render("hello", &serde_json::json!({"user": {}})).unwrap_err();
/// let problem = error.source().and_then(|s| s.downcast_ref::<Problem>());
/// assert!(matches!(problem, Some(Problem::MissingPath { path }) if path == "user.name"));
/// # Ok::<(), tidings::Error>(())
/// ```
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A helper was given too few or too many parameters.
    #[error("`{helper}` takes {takes}, but {given} were given")]
    Arguments {
        /// The helper.
        helper: String,
        /// What it takes.
        takes: &'static str,
        /// How many it was given.
        given: usize,
    },
    /// Partials include one another without end.
    #[error("partials include one another without end: {chain}; break the cycle")]
    Cycle {
        /// The way round, as in `a -> b -> a`.
        chain: String,
    },
    /// A limit was exceeded.
    #[error("more than {value} {unit}; the limit is {limit}")]
    Limit {
        /// The field, as in `Limits::nesting` (see [`Limits`](super::Limits)), or `fixed`.
        limit: &'static str,
        /// Its value.
        value: usize,
        /// What is counted.
        unit: &'static str,
    },
    /// A path is absent from the data.
    #[error("`{path}` is not in the data; write `(optional {path})` if it need not be")]
    MissingPath {
        /// The path as it is written.
        path: String,
    },
    /// A name that cannot be used.
    #[error("{name:?} cannot be a name: {why}")]
    Name {
        /// The name.
        name: String,
        /// What names look like.
        why: &'static str,
    },
    /// Data of a recipient have a name that the shared data of a prepared
    /// template have.
    #[error("`{key}` is in the data that all recipients share; give it another name in the data of one")]
    Overlap {
        /// The name.
        key: String,
    },
    /// Data would choose the scheme of a link.
    #[error(
        "`{path}` would be a link that begins with `{scheme}:`; data may choose cid, http, https, mailto, sms and tel, \
             and any other scheme is written in the template, as in href=\"acme://{{{{path}}}}\""
    )]
    Scheme {
        /// The path as it is written.
        path: String,
        /// The scheme.
        scheme: String,
    },
    /// The source is not handlebars.
    #[error("syntax error: {text}")]
    Syntax {
        /// What was expected.
        text: String,
    },
    /// Something else than the value a helper needs.
    #[error("`{path}` is {found}, but `{helper}` needs {needs}")]
    Type {
        /// The helper.
        helper: &'static str,
        /// What it was given.
        path: String,
        /// What that is.
        found: &'static str,
        /// What is needed.
        needs: &'static str,
    },
    /// A decorator other than `inline`.
    #[error("there is no decorator `{name}`; the only one is `inline`")]
    UnknownDecorator {
        /// The name.
        name: String,
    },
    /// No helper has this name.
    #[error("there is no helper `{name}`{hint}")]
    UnknownHelper {
        /// The name.
        name: String,
        /// The nearest name and the list.
        hint: String,
    },
    /// No partial has this name.
    #[error("there is no partial `{name}`{hint}")]
    UnknownPartial {
        /// The name.
        name: String,
        /// The nearest name and the list.
        hint: String,
    },
    /// No template has this name.
    #[error("there is no template `{name}`{hint}")]
    UnknownTemplate {
        /// The name.
        name: String,
        /// The nearest name and the list.
        hint: String,
    },
    /// Handlebars that is not supported here.
    #[error("{what} is not supported here; {instead}")]
    Unsupported {
        /// What is not.
        what: &'static str,
        /// What to write.
        instead: &'static str,
    },
}

impl Problem {
    pub(super) fn helper(name: &str) -> Self {
        Self::UnknownHelper { name: clip(name), hint: hint(name, HELPERS.iter().map(|(name, _)| *name)) }
    }

    pub(super) fn partial<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Self::UnknownPartial { name: clip(name), hint: hint(name, known) }
    }

    pub(super) fn template<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Self {
        Self::UnknownTemplate { name: clip(name), hint: hint(name, known) }
    }

    pub(super) fn missing(path: &str) -> Self {
        Self::MissingPath { path: clip(path) }
    }

    pub(super) fn syntax(text: impl Into<String>) -> Self {
        Self::Syntax { text: text.into() }
    }

    /// The error of a problem that has no place in a source.
    pub(super) fn error(self) -> Error {
        Error::new(ErrorKind::Template, self.to_string()).with_source(self)
    }
}

/// A line and a column, counted from one.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct At {
    pub(super) line: u32,
    pub(super) column: u32,
}

impl At {
    /// Where byte `offset` of `source` is.
    pub(super) fn of(source: &str, offset: usize) -> Self {
        let before = &source[..offset];
        let line_start = before.rfind('\n').map_or(0, |i| i + 1);
        let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
        Self::new(line, before[line_start..].chars().count() + 1)
    }

    pub(super) fn new(line: usize, column: usize) -> Self {
        // A source is far shorter than 4 GiB.
        Self { line: line as u32, column: column as u32 }
    }
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}

/// A problem and, once it is known, its place. Boxed, as it is rare.
#[derive(Debug)]
pub(super) struct Trouble(Box<(Problem, Option<Place>)>);

type Place = (Arc<str>, At);

impl Trouble {
    /// Names the place, unless a deeper one is named already.
    pub(super) fn at(mut self, label: &Arc<str>, at: At) -> Self {
        self.0.1.get_or_insert_with(|| (label.clone(), at));
        self
    }

    /// The crate's error, for a render or registration of `what`.
    pub(super) fn error(self, what: &str) -> Error {
        let (problem, place) = *self.0;
        let text = match place {
            Some((label, at)) if *label == *what => format!("{label}, {at}: {problem}"),
            Some((label, at)) => format!("{what}, in {label}, {at}: {problem}"),
            None => format!("{what}: {problem}"),
        };
        Error::new(ErrorKind::Template, text).with_source(problem)
    }
}

impl From<Problem> for Trouble {
    #[cold]
    fn from(problem: Problem) -> Self {
        Self(Box::new((problem, None)))
    }
}

/// A hostile name must not make a huge error.
fn clip(name: &str) -> String {
    match name.char_indices().nth(120) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}

/// The nearest of the known names, and the list of them.
fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    let mut known: Vec<&str> = known.collect();
    if known.is_empty() {
        return "; none is registered".to_owned();
    }
    known.sort_unstable();
    let nearest = nearest(name, &known).map_or(String::new(), |n| format!(", did you mean `{n}`?"));
    let more = if known.len() > LISTED { ", …" } else { "" };
    known.truncate(LISTED);
    format!("{nearest} (known: {}{more})", known.join(", "))
}

/// The known name fewest edits away, if it is alike at all.
fn nearest<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name: Vec<char> = name.chars().take(64).collect();
    let near = known.iter().map(|k| (edits(&name, k), *k)).min()?;
    (near.0 <= name.len().max(2) / 2).then_some(near.1)
}

/// How many insertions, deletions and replacements lie between two words.
fn edits(a: &[char], b: &str) -> usize {
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, cb) in b.chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, ca) in a.iter().enumerate() {
            let replace = diagonal + usize::from(*ca != cb);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[a.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_offered_and_a_stranger_is_not() {
        assert_eq!(nearest("ordr", &["order", "welcome"]), Some("order"));
        assert_eq!(nearest("zzzzzz", &["order", "welcome"]), None);
    }

    #[test]
    fn places_count_characters_from_one() {
        assert_eq!(At::of("aé\nü{{", 6), At::new(2, 2));
        assert_eq!(At::of("", 0), At::new(1, 1));
    }

    #[test]
    fn a_list_of_names_is_cut() {
        let names: Vec<String> = (0..50).map(|i| format!("n{i:02}")).collect();
        let text = hint("other", names.iter().map(String::as_str));
        assert!(text.contains("n00") && text.ends_with("…)") && !text.contains("n49"), "{text}");
    }
}
