//! What depends on the shared data alone. Cautious: a doubt is a no.

use std::collections::HashSet;

use serde_json::{Map, Value};

use super::super::{
    helpers::Helper,
    program::{Base, Block, Body, Expr, Include, Node, Op, Path},
    render::Partials,
};

/// What is known before the recipients are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Known<'a> {
    pub(super) partials: &'a Partials,
    pub(super) shared: &'a Map<String, Value>,
    /// Names of inline partials, which a render may find in place of others.
    pub(super) inlines: &'a HashSet<&'a str>,
}

/// What `this` is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// The whole data.
    Root,
    /// Part of the shared data.
    Shared,
    /// Unknown until a render.
    Theirs,
}

#[derive(Clone, Copy, Debug)]
struct Scope {
    kind: Kind,
    locals: bool,
    names: usize,
}

/// The scopes of a render, as far as they are known.
pub(super) struct View<'a> {
    known: Known<'a>,
    scopes: Vec<Scope>,
    /// Names and whether their values are known.
    names: Vec<(&'a str, bool)>,
    /// For each partial under way, whether it was given a block that is known.
    blocks: Vec<bool>,
    /// How many nodes to look at: a diamond of partials has very many.
    left: usize,
    /// How many levels deeper to look.
    levels: usize,
}

impl<'a> View<'a> {
    pub(super) fn new(known: Known<'a>, kinds: &[Kind], names: &[&'a str], limits: (usize, usize)) -> Self {
        let (left, levels) = limits;
        let scopes = kinds.iter().map(|kind| Scope { kind: *kind, locals: false, names: 0 }).collect();
        let names = names.iter().map(|name| (*name, false)).collect();
        Self { known, scopes, names, blocks: Vec::new(), left, levels }
    }

    pub(super) fn left(&self) -> usize {
        self.left
    }

    fn body(&mut self, body: &'a Body) -> bool {
        let Some(levels) = self.levels.checked_sub(1) else { return false };
        let before = |i: usize| i.checked_sub(1).map(|i| &body[i]);
        let outer = std::mem::replace(&mut self.levels, levels);
        let known = body.iter().enumerate().all(|(i, node)| self.node(node, before(i)));
        self.levels = outer;
        known
    }

    fn bodies(&mut self, bodies: impl IntoIterator<Item = &'a Body>) -> bool {
        bodies.into_iter().all(|body| self.body(body))
    }

    /// `before` is what stands before the node in its body.
    pub(super) fn node(&mut self, node: &'a Node, before: Option<&Node>) -> bool {
        let Some(left) = self.left.checked_sub(1) else { return false };
        self.left = left;
        match &node.op {
            Op::Each(block) => self.block(block, true),
            Op::If { test, then, other, .. } => self.expr(test) && self.bodies([then, other]),
            Op::Include(include) => self.include(include, before),
            Op::Inline { .. } => false,
            // A link's scheme is judged with all of its address that was written before.
            Op::Show { value, link, .. } => {
                self.expr(value) && link.is_none_or(|quote| ends_with(before, quote as char))
            }
            Op::Text(_) => true,
            Op::With(block) => self.block(block, false),
        }
    }

    fn block(&mut self, block: &'a Block, locals: bool) -> bool {
        if !self.expr(&block.subject) {
            return false;
        }
        let locals = locals || self.scopes.last().is_some_and(|s| s.locals);
        self.push(Kind::Shared, locals);
        self.names.extend(block.names.iter().map(|name| (&**name, true)));
        let then = self.body(&block.then);
        self.pop();
        then && self.bodies(&block.other)
    }

    fn include(&mut self, include: &'a Include, before: Option<&Node>) -> bool {
        // Lines are indented from where the output stands.
        if include.within || (!include.indent.is_empty() && !ends_with(before, '\n')) {
            return false;
        }
        if &*include.name == "@partial-block" {
            return self.blocks.last() == Some(&true);
        }
        let Some(source) = self.known.partial(&include.name) else { return false };
        let kind = match &include.subject {
            Some(_) => Kind::Shared,
            None => self.scopes.last().map_or(Kind::Theirs, |s| s.kind),
        };
        let mut parameters = include.subject.iter().chain(include.hash.iter().map(|(_, value)| value));
        if !parameters.all(|value| self.expr(value)) {
            return false;
        }
        self.push(kind, self.scopes.last().is_some_and(|s| s.locals));
        self.names.extend(include.hash.iter().map(|(name, _)| (&**name, true)));
        let known = self.bodies(&include.block) && {
            self.blocks.push(include.block.is_some());
            let known = self.body(&source.body);
            self.blocks.pop();
            known
        };
        self.pop();
        known
    }

    fn push(&mut self, kind: Kind, locals: bool) {
        self.scopes.push(Scope { kind, locals, names: self.names.len() });
    }

    fn pop(&mut self) {
        if let Some(scope) = self.scopes.pop() {
            self.names.truncate(scope.names);
        }
    }

    pub(super) fn expr(&self, expr: &Expr) -> bool {
        match expr {
            Expr::Call(helper, args) => is_constant(*helper) && args.iter().all(|arg| self.expr(arg)),
            Expr::Literal(_) => true,
            Expr::Path(path) => self.path(path),
        }
    }

    fn path(&self, path: &Path) -> bool {
        let key = path.keys.first().map(|key| &**key);
        match path.base {
            Base::Here(up) => self.here(up, key),
            Base::Local(up, _) => self.scope(up).is_some_and(|s| s.locals),
            Base::Name => match self.names.iter().rev().find(|(name, _)| key == Some(*name)) {
                Some((_, known)) => *known,
                None => self.here(0, key),
            },
            Base::Root => self.known.has(key),
        }
    }

    fn here(&self, up: usize, key: Option<&str>) -> bool {
        self.scope(up).is_some_and(|scope| match scope.kind {
            Kind::Root => self.known.has(key),
            Kind::Shared => true,
            Kind::Theirs => false,
        })
    }

    fn scope(&self, up: usize) -> Option<&Scope> {
        self.scopes.get(self.scopes.len().checked_sub(up + 1)?)
    }
}

impl<'a> Known<'a> {
    pub(super) fn has(&self, key: Option<&str>) -> bool {
        key.is_some_and(|key| self.shared.contains_key(key))
    }

    /// The partial that this name stands for in every render.
    pub(super) fn partial(&self, name: &str) -> Option<&'a std::sync::Arc<super::super::program::Source>> {
        if self.inlines.contains(name) {
            return None;
        }
        self.partials.get(name)
    }
}

fn ends_with(before: Option<&Node>, end: char) -> bool {
    before.is_some_and(|node| matches!(&node.op, Op::Text(text) if text.ends_with(end)))
}

/// Whether a helper's answer depends on its parameters alone. One that reads
/// a clock or a recipient's zone does not; a new one has to be named here.
fn is_constant(helper: Helper) -> bool {
    use Helper::{And, Default, Eq, Gt, Gte, Len, Lookup, Lt, Lte, Ne, Not, Optional, Or};
    matches!(helper, And | Default | Eq | Gt | Gte | Len | Lookup | Lt | Lte | Ne | Not | Optional | Or)
}
