//! What a source becomes at registration: a small tree that borrows nothing.

use std::sync::Arc;

use serde_json::Value;

use super::{helpers::Helper, markup::Fault, problem::At};

/// One registered source, ready to render.
#[derive(Debug)]
pub(super) struct Source {
    /// What errors call it.
    pub(super) label: Arc<str>,
    pub(super) body: Body,
    pub(super) includes: Vec<Use>,
    /// Names of its inline partials.
    pub(super) inlines: Vec<Box<str>>,
    /// Why it cannot be used in HTML.
    pub(super) fault: Option<Fault>,
}

/// An inclusion, for the graph of partials.
#[derive(Debug)]
pub(super) struct Use {
    pub(super) name: Box<str>,
    /// The inline partial whose body it is in.
    pub(super) inside: Option<Box<str>>,
    /// Whether it brings a block to show if the partial is unknown.
    pub(super) fallback: bool,
    pub(super) at: At,
}

pub(super) type Body = Box<[Node]>;

#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) at: At,
    pub(super) op: Op,
}

#[derive(Clone, Debug)]
pub(super) enum Op {
    Each(Box<Block>),
    If {
        test: Expr,
        negate: bool,
        include_zero: bool,
        then: Body,
        other: Body,
    },
    Include(Box<Include>),
    Inline {
        name: Box<str>,
        body: Body,
    },
    Show {
        value: Expr,
        escape: bool,
        /// The quote before a link's address, whose scheme the value might be.
        link: Option<u8>,
    },
    Text(Box<str>),
    With(Box<Block>),
}

/// `each` and `with`: one subject, names for it, two branches.
#[derive(Clone, Debug)]
pub(super) struct Block {
    pub(super) subject: Expr,
    pub(super) names: Vec<Box<str>>,
    pub(super) then: Body,
    pub(super) other: Option<Body>,
}

#[derive(Clone, Debug)]
pub(super) struct Include {
    pub(super) name: Box<str>,
    pub(super) subject: Option<Expr>,
    pub(super) hash: Vec<(Box<str>, Expr)>,
    pub(super) block: Option<Body>,
    /// What each line begins with, where the tag stands on a line of its own.
    pub(super) indent: Box<str>,
    /// Whether it stands inside a tag of HTML, where no values may.
    pub(super) within: bool,
    /// What to include, where that is known before a render.
    pub(super) target: Option<Target>,
}

/// A partial with shared data worked in.
#[derive(Clone, Debug)]
pub(super) struct Target {
    pub(super) body: Body,
    pub(super) source: Arc<Source>,
}

#[derive(Clone, Debug)]
pub(super) enum Expr {
    Call(Helper, Box<[Expr]>),
    Literal(Value),
    Path(Path),
}

#[derive(Clone, Debug)]
pub(super) struct Path {
    /// As it is written.
    pub(super) raw: Box<str>,
    pub(super) base: Base,
    pub(super) keys: Box<[Box<str>]>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Base {
    /// This many scopes up.
    Here(usize),
    /// `@index` and its like, this many scopes up.
    Local(usize, Local),
    /// A name given by `as |name|` or by a partial's hash, else like `Here(0)`.
    Name,
    Root,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Local {
    First,
    Index,
    Key,
    Last,
}

impl Expr {
    /// How errors call the value.
    pub(super) fn text(&self) -> String {
        match self {
            Self::Call(helper, args) => {
                let args: Vec<String> = args.iter().map(Self::text).collect();
                format!("({} {})", helper.name(), args.join(" "))
            }
            Self::Literal(value) => value.to_string(),
            Self::Path(path) => path.raw.to_string(),
        }
    }
}
