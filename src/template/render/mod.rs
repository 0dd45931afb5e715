//! One render of one part: a walk over the program that counts what it does.
//!
//! Whatever a template says, the walk ends: nesting (through partials too),
//! turns of loops, evaluated tags and bytes written are all bounded.

mod partials;
mod values;

use std::{collections::HashMap, sync::Arc};

use serde_json::Value;

use self::values::wrong;
use super::{
    limits::Limits,
    output::Output,
    problem::{Problem, Trouble},
    program::{Block, Body, Expr, Node, Op, Source},
    value::Val,
};

pub(super) type Partials = HashMap<Arc<str>, Arc<Source>>;

type Rendered<T = ()> = Result<T, Trouble>;

/// How many table entries a search may pass for the price of one tag.
const SEARCH: usize = 16;
/// How many bytes may be looked at or written for the price of one tag.
const BYTES: usize = 128;

/// A scope: what `this` is, and where its names and inline partials begin.
#[derive(Clone, Copy, Debug)]
struct Scope<'a> {
    this: Val<'a>,
    locals: Option<Locals<'a>>,
    names: usize,
    inlines: usize,
}

#[derive(Clone, Copy, Debug)]
struct Locals<'a> {
    index: usize,
    len: usize,
    key: Option<&'a str>,
}

#[derive(Clone, Copy, Debug)]
struct Inline<'a> {
    name: &'a str,
    body: &'a Body,
    source: &'a Source,
}

/// What several evaluations may cost together.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    steps: usize,
    work: usize,
}

impl Budget {
    /// As much as one render.
    pub(super) fn of_one(limits: &Limits) -> Self {
        Self { bytes: limits.output_bytes, steps: limits.loop_steps, work: limits.work() }
    }
}

/// The state of one render.
#[derive(Debug)]
pub(super) struct Machine<'a> {
    partials: &'a Partials,
    root: &'a Value,
    limits: &'a Limits,
    escape: bool,
    /// The source whose lines errors name.
    source: &'a Source,
    scopes: Vec<Scope<'a>>,
    names: Vec<(&'a str, Val<'a>)>,
    inlines: Vec<Inline<'a>>,
    /// For each partial under way, the rendered block it was given.
    blocks: Vec<Option<String>>,
    out: Output,
    /// Whether a partial under way stands inside a tag of HTML.
    within: bool,
    depth: usize,
    steps: usize,
    work: usize,
}

impl<'a> Machine<'a> {
    pub(super) fn new(
        partials: &'a Partials,
        source: &'a Source,
        root: &'a Value,
        limits: &'a Limits,
    ) -> Self {
        let this = Scope { this: Val::Json(root), locals: None, names: 0, inlines: 0 };
        Self {
            partials,
            root,
            limits,
            escape: false,
            source,
            scopes: vec![this],
            names: Vec::new(),
            inlines: Vec::new(),
            blocks: Vec::new(),
            out: Output::new(0, limits.output_bytes),
            within: false,
            depth: 0,
            steps: limits.loop_steps,
            work: limits.work(),
        }
    }

    /// Renders with or without escaping, into about `capacity` bytes.
    pub(super) fn run(mut self, escape: bool, capacity: usize) -> Rendered<String> {
        self.escape = escape;
        self.out = Output::new(capacity.min(self.limits.output_bytes), self.limits.output_bytes);
        self.body(&self.source.body)?;
        Ok(self.out.into_text())
    }

    /// As it would be amid a render, with these scopes around it.
    pub(super) fn amid(mut self, scopes: impl Iterator<Item = Val<'a>>, depth: usize, escape: bool) -> Self {
        let scope = |this| Scope { this, locals: None, names: 0, inlines: 0 };
        self.scopes = scopes.map(scope).collect();
        (self.depth, self.escape) = (depth, escape);
        self
    }

    /// What one node writes; `None` if it fails or costs too much.
    pub(super) fn text_of(mut self, node: &'a Node, budget: &mut Budget) -> Option<String> {
        self.out = Output::new(0, budget.bytes);
        (self.steps, self.work) = (budget.steps, budget.work);
        let done = self.node(node);
        (budget.steps, budget.work) = (self.steps, self.work);
        let text = self.out.into_text();
        budget.bytes -= text.len();
        done.is_ok().then_some(text)
    }

    /// The value of an expression; `None` if it fails or costs too much.
    pub(super) fn answer_of(mut self, expr: &'a Expr, budget: &mut Budget) -> Option<Val<'a>> {
        self.work = budget.work;
        let value = self.value(expr);
        budget.work = self.work;
        value.ok()
    }

    fn body(&mut self, body: &'a Body) -> Rendered {
        self.enter()?;
        for node in body {
            if let Op::Text(text) = &node.op {
                self.text(text, node)?;
                continue;
            }
            let source = self.source;
            self.node(node).map_err(|e| e.at(&source.label, node.at))?;
        }
        self.depth -= 1;
        Ok(())
    }

    #[inline]
    fn text(&mut self, text: &str, node: &Node) -> Rendered {
        self.spend(1 + text.len() / BYTES)?;
        self.out.write(text).map_err(|e| e.at(&self.source.label, node.at))
    }

    fn node(&mut self, node: &'a Node) -> Rendered {
        self.spend(1)?;
        match &node.op {
            Op::Each(block) => self.each(block),
            Op::If { test, negate, include_zero, then, other } => {
                let yes = self.value(test)?.truthy(*include_zero) != *negate;
                self.body(if yes { then } else { other })
            }
            Op::Include(include) => self.include(include),
            Op::Inline { name, body } => self.define(name, body),
            Op::Show { value, escape, link } => {
                let shown = self.value(value)?;
                if self.escape {
                    self.keep_in_place(value, shown, *link)?;
                }
                self.show(shown, *escape && self.escape)
            }
            Op::Text(text) => self.out.write(text),
            Op::With(block) => self.with(block),
        }
    }

    fn enter(&mut self) -> Rendered {
        self.depth += 1;
        // The root body is no level of its own.
        if self.depth <= self.limits.nesting + 1 {
            return Ok(());
        }
        let unit = "levels of blocks, partials and sub-expressions";
        Err(Problem::Limit { limit: "Limits::nesting", value: self.limits.nesting, unit }.into())
    }

    /// Pays for so many evaluated tags, or for work worth as much.
    #[inline]
    fn spend(&mut self, tags: usize) -> Rendered {
        match self.work.checked_sub(tags) {
            Some(left) => {
                self.work = left;
                Ok(())
            }
            None => Err(self.exhausted()),
        }
    }

    #[cold]
    fn exhausted(&self) -> Trouble {
        let unit = "evaluated tags (ten for each loop step, and 100 000)";
        Problem::Limit { limit: "Limits::loop_steps", value: self.limits.work(), unit }.into()
    }

    fn push(&mut self, this: Val<'a>, locals: Option<Locals<'a>>) {
        self.scopes.push(Scope { this, locals, names: self.names.len(), inlines: self.inlines.len() });
    }

    fn pop(&mut self) {
        if let Some(scope) = self.scopes.pop() {
            self.names.truncate(scope.names);
            self.inlines.truncate(scope.inlines);
        }
    }

    fn locals(&self) -> Option<Locals<'a>> {
        self.scopes.last().and_then(|s| s.locals)
    }

    fn with(&mut self, block: &'a Block) -> Rendered {
        let value = self.value(&block.subject)?;
        if !value.truthy(false) {
            return block.other.as_ref().map_or(Ok(()), |other| self.body(other));
        }
        self.push(value, self.locals());
        self.names.extend(block.names.first().map(|name| (&**name, value)));
        self.body(&block.then)?;
        self.pop();
        Ok(())
    }

    fn each(&mut self, block: &'a Block) -> Rendered {
        let value = self.value(&block.subject)?;
        match value.json() {
            Some(Value::Array(list)) if !list.is_empty() => {
                let items = list.iter().map(|item| (None, item));
                self.turns(block, list.len(), items)
            }
            Some(Value::Object(map)) if !map.is_empty() => {
                let items = map.iter().map(|(key, item)| (Some(key.as_str()), item));
                self.turns(block, map.len(), items)
            }
            Some(Value::Array(_) | Value::Object(_) | Value::Null | Value::Bool(false)) => {
                block.other.as_ref().map_or(Ok(()), |other| self.body(other))
            }
            _ => Err(wrong("each", &block.subject, value, "a list or an object")),
        }
    }

    fn turns(
        &mut self,
        block: &'a Block,
        len: usize,
        items: impl Iterator<Item = (Option<&'a str>, &'a Value)>,
    ) -> Rendered {
        self.push(Val::NULL, None);
        let (names, inlines) = (self.names.len(), self.inlines.len());
        for (index, (key, item)) in items.enumerate() {
            self.step()?;
            let locals = Some(Locals { index, len, key });
            // `push` above made this scope, and bodies pop what they push.
            if let Some(scope) = self.scopes.last_mut() {
                *scope = Scope { this: Val::Json(item), locals, names, inlines };
            }
            self.names.truncate(names);
            self.name_turn(block, index, key, item);
            self.body(&block.then)?;
        }
        self.pop();
        Ok(())
    }

    fn name_turn(&mut self, block: &'a Block, index: usize, key: Option<&'a str>, item: &'a Value) {
        let values = [Val::Json(item), key.map_or(Val::Count(index), Val::Text)];
        self.names.extend(block.names.iter().map(|name| &**name).zip(values));
    }

    #[inline]
    fn step(&mut self) -> Rendered {
        match self.steps.checked_sub(1) {
            Some(left) => {
                self.steps = left;
                self.spend(1)
            }
            None => {
                let (value, unit) = (self.limits.loop_steps, "turns of loops");
                Err(Problem::Limit { limit: "Limits::loop_steps", value, unit }.into())
            }
        }
    }
}
