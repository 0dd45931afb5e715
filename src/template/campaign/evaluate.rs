//! A program with the shared data worked in.

use std::collections::HashSet;

use serde_json::Value;

use super::{
    super::{
        graph::inline_names,
        limits::Limits,
        problem::At,
        program::{Base, Block, Body, Expr, Include, Node, Op, Path, Source, Target},
        render::{Budget, Machine, Partials},
        value::Val,
    },
    closed::{Kind, Known, View},
};

/// How many nodes are looked at; what is left stays as it is.
const NODES: usize = 20_000;

/// Which of the shared data a program still looks up.
#[derive(Debug, Default)]
pub(super) struct Needs {
    all: bool,
    keys: HashSet<String>,
}

impl Needs {
    pub(super) fn add(&mut self, other: Self) {
        self.all |= other.all;
        self.keys.extend(other.keys);
    }

    pub(super) fn contains(&self, key: &str) -> bool {
        self.all || self.keys.contains(key)
    }
}

/// `source` for these shared data, which are an object.
pub(super) fn specialize(
    source: &Source,
    partials: &Partials,
    shared: &Value,
    limits: Limits,
    escape: bool,
) -> (Source, Needs) {
    let (inlines, empty) = (inline_names(source, partials), serde_json::Map::new());
    let known = Known { partials, shared: shared.as_object().unwrap_or(&empty), inlines: &inlines };
    let mut pass = Pass {
        known,
        shared,
        limits: &limits,
        escape,
        source,
        scopes: vec![Kind::Root],
        names: Vec::new(),
        indented: false,
        left: NODES,
        depth: 0,
        budget: Budget::of_one(&limits),
        needs: Needs::default(),
    };
    let body = pass.body(&source.body);
    (
        Source { label: source.label.clone(), body, includes: Vec::new(), inlines: Vec::new(), fault: None },
        pass.needs,
    )
}

struct Pass<'a> {
    known: Known<'a>,
    shared: &'a Value,
    limits: &'a Limits,
    escape: bool,
    source: &'a Source,
    scopes: Vec<Kind>,
    /// Names whose values are known in a render only.
    names: Vec<&'a str>,
    indented: bool,
    left: usize,
    /// How many bodies are around this one; as deep as a render may go.
    depth: usize,
    budget: Budget,
    needs: Needs,
}

impl<'a> Pass<'a> {
    fn body(&mut self, body: &'a Body) -> Body {
        let mut made = Vec::with_capacity(body.len());
        self.nodes(body, &mut made);
        made.into()
    }

    fn nodes(&mut self, body: &'a Body, made: &mut Vec<Node>) {
        let mut before = None;
        self.depth += 1;
        for node in body {
            self.node(node, before, made);
            before = Some(node);
        }
        self.depth -= 1;
    }

    fn node(&mut self, node: &'a Node, before: Option<&Node>, made: &mut Vec<Node>) {
        if let Op::Text(text) = &node.op {
            return write(made, node.at, text);
        }
        if self.left == 0 || self.depth > self.limits.nesting {
            let op = self.keep(&node.op);
            return made.push(Node { at: node.at, op });
        }
        if let Some(text) = self.text_of(node, before) {
            return write(made, node.at, &text);
        }
        if let (Op::If { then, other, .. }, Some(yes)) = (&node.op, self.answer(&node.op)) {
            return self.nodes(if yes { then } else { other }, made);
        }
        let op = self.rest(&node.op);
        made.push(Node { at: node.at, op });
    }

    /// The text of a node that no recipient changes.
    fn text_of(&mut self, node: &'a Node, before: Option<&Node>) -> Option<String> {
        let mut view = View::new(self.known, &self.scopes, &self.names, (self.left, self.levels()));
        let known = view.node(node, before);
        self.left = view.left();
        if !known {
            return None;
        }
        let text = self.machine().text_of(node, &mut self.budget)?;
        // A line that ends with it alone is indented unlike one that only has it.
        (!(self.indented && text.contains('\r'))).then_some(text)
    }

    /// Which branch every recipient takes.
    fn answer(&mut self, op: &'a Op) -> Option<bool> {
        let Op::If { test, negate, include_zero, .. } = op else { return None };
        let known = View::new(self.known, &self.scopes, &self.names, (self.left, self.levels())).expr(test);
        let value = if known { self.machine().answer_of(test, &mut self.budget)? } else { return None };
        Some(value.truthy(*include_zero) != *negate)
    }

    /// How many levels deeper a look may go.
    fn levels(&self) -> usize {
        self.limits.nesting.saturating_sub(self.depth)
    }

    fn machine(&self) -> Machine<'a> {
        let this = |kind: &Kind| if *kind == Kind::Root { Val::Json(self.shared) } else { Val::NULL };
        let scopes = self.scopes.iter().map(this);
        Machine::new(self.known.partials, self.source, self.shared, self.limits).amid(
            scopes,
            self.depth,
            self.escape,
        )
    }

    /// As it is, with all that it might look up.
    fn keep(&mut self, op: &Op) -> Op {
        self.needs.all = true;
        op.clone()
    }

    /// What is left of a node for the recipients.
    fn rest(&mut self, op: &'a Op) -> Op {
        match op {
            Op::Each(block) => Op::Each(Box::new(self.block(block))),
            Op::If { test, negate, include_zero, then, other } => {
                self.note(test);
                let (then, other) = (self.body(then), self.body(other));
                Op::If { test: test.clone(), negate: *negate, include_zero: *include_zero, then, other }
            }
            Op::Include(include) => self.include(op, include),
            Op::Inline { .. } => self.keep(op),
            Op::Show { value, .. } => {
                self.note(value);
                op.clone()
            }
            Op::Text(_) => op.clone(),
            Op::With(block) => Op::With(Box::new(self.block(block))),
        }
    }

    fn block(&mut self, block: &'a Block) -> Block {
        self.note(&block.subject);
        let names = block.names.iter().map(|name| &**name);
        let then = self.scoped(Kind::Theirs, names, |pass| pass.body(&block.then));
        let other = block.other.as_ref().map(|other| self.body(other));
        Block { subject: block.subject.clone(), names: block.names.clone(), then, other }
    }

    fn include(&mut self, op: &'a Op, include: &'a Include) -> Op {
        let Some(source) = self.known.partial(&include.name).filter(|_| !include.within) else {
            return match (&*include.name, &include.block) {
                ("@partial-block", None) => op.clone(),
                _ => self.keep(op),
            };
        };
        include.subject.iter().for_each(|subject| self.note(subject));
        include.hash.iter().for_each(|(_, value)| self.note(value));
        let here = self.scopes.last().copied().unwrap_or(Kind::Theirs);
        let kind = if include.subject.is_some() { Kind::Theirs } else { here };
        let names = include.hash.iter().map(|(name, _)| &**name);
        self.scoped(kind, names, |pass| {
            let block = include.block.as_ref().map(|block| pass.body(block));
            let indented = pass.indented;
            pass.indented |= !include.indent.is_empty();
            let target = Target { body: pass.body(&source.body), source: source.clone() };
            pass.indented = indented;
            Op::Include(Box::new(Include { block, target: Some(target), ..include.clone() }))
        })
    }

    fn scoped<T>(
        &mut self,
        kind: Kind,
        names: impl Iterator<Item = &'a str>,
        inside: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.names.len();
        self.names.extend(names);
        self.scopes.push(kind);
        let made = inside(self);
        self.scopes.pop();
        self.names.truncate(before);
        made
    }

    /// Keeps what an expression may look up in the shared data.
    fn note(&mut self, expr: &Expr) {
        match expr {
            Expr::Call(_, args) => args.iter().for_each(|arg| self.note(arg)),
            Expr::Literal(_) => {}
            Expr::Path(path) => self.note_path(path),
        }
    }

    fn note_path(&mut self, path: &Path) {
        let key = path.keys.first();
        let root = match path.base {
            Base::Here(up) => self.is_root(up),
            Base::Local(..) => false,
            Base::Name => {
                !self.names.iter().any(|name| key.is_some_and(|k| &**k == *name)) && self.is_root(0)
            }
            Base::Root => true,
        };
        match key {
            Some(key) if root => self.needs.keys.extend([key.to_string()]),
            None if root => self.needs.all = true,
            _ => {}
        }
    }

    fn is_root(&self, up: usize) -> bool {
        let scope = self.scopes.len().checked_sub(up + 1).and_then(|i| self.scopes.get(i));
        scope == Some(&Kind::Root)
    }
}

/// Adds text; to the text before it, if that makes no difference to indentation.
fn write(made: &mut Vec<Node>, at: At, text: &str) {
    if text.is_empty() {
        return;
    }
    match made.last_mut() {
        Some(Node { op: Op::Text(before), .. }) if !before.contains('\r') && !text.contains('\r') => {
            *before = [&**before, text].concat().into();
        }
        _ => made.push(Node { at, op: Op::Text(text.into()) }),
    }
}
