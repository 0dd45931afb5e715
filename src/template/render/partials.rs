//! Partials: inline and registered, with blocks and indentation.

use std::mem;

use super::{
    super::{
        output::Output,
        problem::{Problem, Trouble},
        program::{Body, Include, Source},
        value::Val,
    },
    BYTES, Inline, Machine, Rendered, SEARCH, Scope,
};

impl<'a> Machine<'a> {
    /// An inline partial lives as long as the scope it is written in.
    pub(super) fn define(&mut self, name: &'a str, body: &'a Body) -> Rendered {
        let from = self.scopes.last().map_or(0, |s| s.inlines);
        self.spend(1 + (self.inlines.len() - from) / SEARCH)?;
        let inline = Inline { name, body, source: self.source };
        match self.inlines[from..].iter_mut().find(|i| i.name == name) {
            Some(old) => *old = inline,
            None => self.inlines.push(inline),
        }
        Ok(())
    }

    pub(super) fn include(&mut self, include: &'a Include) -> Rendered {
        if &*include.name == "@partial-block" {
            return self.given_block(include);
        }
        self.spend(1 + self.inlines.len() / SEARCH)?;
        let known = include.target.as_ref().map(|target| (&target.body, &*target.source));
        let partial = match known.or_else(|| self.partial(&include.name)) {
            Some(partial) => Some(partial),
            None if include.block.is_some() => None,
            None => return Err(Problem::partial(&include.name, self.partials.keys().map(|k| &**k)).into()),
        };
        self.scope_of(include)?;
        match (partial, &include.block) {
            (Some((body, source)), block) => {
                let given = block.as_ref().map(|block| self.aside(block)).transpose()?;
                self.inside(given, body, source, include)?;
            }
            (None, Some(block)) => self.inside(None, block, self.source, include)?,
            (None, None) => {}
        }
        self.pop();
        Ok(())
    }

    fn partial(&self, name: &str) -> Option<(&'a Body, &'a Source)> {
        if let Some(inline) = self.inlines.iter().rev().find(|i| i.name == name) {
            return Some((inline.body, inline.source));
        }
        self.partials.get(name).map(|source| (&source.body, &**source))
    }

    /// The scope of a partial: its subject, and its hash as names.
    fn scope_of(&mut self, include: &'a Include) -> Rendered {
        let this = match &include.subject {
            Some(subject) => self.value(subject)?,
            None => self.scopes.last().map_or(Val::NULL, |s| s.this),
        };
        let from = self.names.len();
        for (name, value) in &include.hash {
            let value = self.value(value)?;
            self.names.push((name, value));
        }
        let (locals, inlines) = (self.locals(), self.inlines.len());
        self.scopes.push(Scope { this, locals, names: from, inlines });
        Ok(())
    }

    /// Renders a partial's block before the partial, which may place it with
    /// `@partial-block` and use the inline partials it defines.
    fn aside(&mut self, block: &'a Body) -> Rendered<String> {
        let limit = self.limits.output_bytes;
        let out = mem::replace(&mut self.out, Output::new(0, limit));
        let rendered = self.body(block);
        let text = mem::replace(&mut self.out, out).into_text();
        rendered.map(|()| text)
    }

    fn inside(
        &mut self,
        given: Option<String>,
        body: &'a Body,
        source: &'a Source,
        include: &'a Include,
    ) -> Rendered {
        if self.blocks.len() >= self.limits.partial_depth {
            let (value, unit) = (self.limits.partial_depth, "partials inside one another");
            return Err(Problem::Limit { limit: "Limits::partial_depth", value, unit }.into());
        }
        if let (true, Some((at, problem))) = (self.escape, &source.fault) {
            return Err(Trouble::from(problem.clone()).at(&source.label, *at));
        }
        self.blocks.push(given);
        let caller = mem::replace(&mut self.source, source);
        let outside = self.within;
        self.within |= include.within;
        let rendered = self.indented(include, body);
        self.source = caller;
        self.within = outside;
        self.blocks.pop();
        rendered
    }

    fn indented(&mut self, include: &'a Include, body: &'a Body) -> Rendered {
        if include.indent.is_empty() {
            return self.body(body);
        }
        let before = self.out.indent(&include.indent);
        self.body(body)?;
        self.out.dedent(before);
        Ok(())
    }

    fn given_block(&mut self, include: &'a Include) -> Rendered {
        let Some(given) = self.blocks.last_mut().and_then(Option::take) else {
            let no_block = || Problem::partial("@partial-block", [].into_iter()).into();
            return include.block.as_ref().map_or_else(|| Err(no_block()), |block| self.body(block));
        };
        self.spend(1 + given.len() / BYTES)?;
        self.out.write(&given)?;
        // It was taken from the last of the blocks just now.
        if let Some(last) = self.blocks.last_mut() {
            *last = Some(given);
        }
        Ok(())
    }
}
