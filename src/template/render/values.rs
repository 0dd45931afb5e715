//! Finding values, calling helpers, and printing what they give.

use serde_json::Value;

use super::{
    super::{
        helpers::{Helper, member},
        markup::scheme_of,
        problem::{Problem, Trouble},
        program::{Base, Expr, Local, Path},
        value::Val,
    },
    BYTES, Locals, Machine, Rendered, SEARCH, Scope,
};

impl<'a> Machine<'a> {
    /// The value, or an error that names what is missing.
    pub(super) fn value(&mut self, expr: &'a Expr) -> Rendered<Val<'a>> {
        match self.find(expr)? {
            Some(value) => Ok(value),
            None => Err(Problem::missing(&expr.text()).into()),
        }
    }

    /// The value; `None` if it is missing.
    pub(super) fn find(&mut self, expr: &'a Expr) -> Rendered<Option<Val<'a>>> {
        match expr {
            Expr::Call(helper, args) => {
                self.enter()?;
                let value = self.call(*helper, args);
                self.depth -= 1;
                value
            }
            Expr::Literal(value) => Ok(Some(Val::Json(value))),
            Expr::Path(path) => self.path(path),
        }
    }

    fn path(&mut self, path: &'a Path) -> Rendered<Option<Val<'a>>> {
        match path.base {
            Base::Here(up) => Ok(self.scope(up).and_then(|s| walk(s.this, &path.keys))),
            Base::Local(up, local) => Ok(self.scope(up).and_then(|s| s.locals).and_then(|l| l.value(local))),
            Base::Name => self.name(path),
            Base::Root => Ok(walk(Val::Json(self.root), &path.keys)),
        }
    }

    fn scope(&self, up: usize) -> Option<&Scope<'a>> {
        let i = self.scopes.len().checked_sub(up + 1)?;
        self.scopes.get(i)
    }

    fn name(&mut self, path: &'a Path) -> Rendered<Option<Val<'a>>> {
        if !self.names.is_empty() {
            self.spend(1 + self.names.len() / SEARCH)?;
            if let Some((_, value)) = self.names.iter().rev().find(|(name, _)| *name == &*path.keys[0]) {
                return Ok(walk(*value, &path.keys[1..]));
            }
        }
        Ok(self.scope(0).and_then(|s| walk(s.this, &path.keys)))
    }

    fn call(&mut self, helper: Helper, args: &'a [Expr]) -> Rendered<Option<Val<'a>>> {
        self.spend(1)?;
        match helper {
            Helper::And | Helper::Or => self.logic(helper == Helper::Or, args).map(Some),
            Helper::Default => {
                let value = self.find(&args[0])?.filter(|v| !v.is_null() && v.text() != Some(""));
                value.map_or_else(|| self.find(&args[1]), |v| Ok(Some(v)))
            }
            Helper::Len => self.len(&args[0]).map(Some),
            Helper::Lookup => {
                let (of, key) = (self.value(&args[0])?, self.value(&args[1])?);
                Ok(of.json().and_then(|of| member(of, key)).map(Val::Json))
            }
            Helper::Not => Ok(Some(Val::Bool(!self.value(&args[0])?.truthy(false)))),
            Helper::Optional => Ok(Some(self.find(&args[0])?.unwrap_or(Val::NULL))),
            _ => self.compare(helper, args).map(Some),
        }
    }

    /// `and` and `or` stop at the first value that decides.
    fn logic(&mut self, or: bool, args: &'a [Expr]) -> Rendered<Val<'a>> {
        for arg in args {
            if self.value(arg)?.truthy(false) == or {
                return Ok(Val::Bool(or));
            }
        }
        Ok(Val::Bool(!or))
    }

    fn len(&mut self, arg: &'a Expr) -> Rendered<Val<'a>> {
        let value = self.value(arg)?;
        self.spend(1 + value.text().map_or(0, str::len) / BYTES)?;
        value.len().map(Val::Count).ok_or_else(|| wrong("len", arg, value, "a list, an object or a text"))
    }

    fn compare(&mut self, helper: Helper, args: &'a [Expr]) -> Rendered<Val<'a>> {
        let (a, b) = (self.value(&args[0])?, self.value(&args[1])?);
        for (value, arg) in [(a, &args[0]), (b, &args[1])] {
            self.spend(1 + value.text().map_or(0, str::len) / BYTES)?;
            if matches!(value.json(), Some(Value::Array(_) | Value::Object(_))) {
                return Err(wrong(helper.name(), arg, value, "a text, a number, a boolean or null"));
            }
        }
        Ok(Val::Bool(helper.compare(a, b).unwrap_or(false)))
    }

    /// Refuses what would leave its place in the HTML: a value of a partial
    /// inside a tag, and one that chooses the scheme of a link.
    pub(super) fn keep_in_place(&mut self, expr: &Expr, value: Val<'a>, link: Option<u8>) -> Rendered {
        if self.within {
            let what = "a value in a partial that stands inside a tag";
            return Err(Problem::Unsupported { what, instead: "write the attribute where the tag is" }.into());
        }
        let (Some(quote), Some(text)) = (link, value.text()) else { return Ok(()) };
        match scheme_of(&[self.out.since(quote), text]) {
            Some(scheme) => Err(Problem::Scheme { path: expr.text(), scheme }.into()),
            None => Ok(()),
        }
    }

    pub(super) fn show(&mut self, value: Val<'a>, escape: bool) -> Rendered {
        match value {
            Val::Bool(b) => self.out.write(if b { "true" } else { "false" }),
            Val::Count(n) => self.out.write(&n.to_string()),
            Val::Text(text) => self.write(text, escape),
            Val::Json(value) => self.json(value, escape, 0),
        }
    }

    /// Escaping looks at every byte and costs more than copying.
    fn write(&mut self, text: &str, escape: bool) -> Rendered {
        if escape {
            self.spend(8 * text.len() / BYTES)?;
            return self.out.write_escaped(text);
        }
        self.spend(text.len() / BYTES)?;
        self.out.write(text)
    }

    fn json(&mut self, value: &'a Value, escape: bool, depth: usize) -> Rendered {
        match value {
            Value::Array(list) => self.list(list, escape, depth + 1),
            Value::Bool(b) => self.out.write(if *b { "true" } else { "false" }),
            Value::Null => Ok(()),
            Value::Number(n) => self.out.write(&n.to_string()),
            Value::Object(_) => self.out.write("[object]"),
            Value::String(text) => self.write(text, escape),
        }
    }

    fn list(&mut self, list: &'a [Value], escape: bool, depth: usize) -> Rendered {
        if depth > self.limits.nesting {
            let (value, unit) = (self.limits.nesting, "levels of lists in the data");
            return Err(Problem::Limit { limit: "Limits::nesting", value, unit }.into());
        }
        self.out.write("[")?;
        for (i, item) in list.iter().enumerate() {
            self.spend(1)?;
            self.out.write(if i == 0 { "" } else { ", " })?;
            self.json(item, escape, depth)?;
        }
        self.out.write("]")
    }
}

impl<'a> Locals<'a> {
    fn value(self, local: Local) -> Option<Val<'a>> {
        match local {
            Local::First => Some(Val::Bool(self.index == 0)),
            Local::Index => Some(Val::Count(self.index)),
            Local::Key => self.key.map(Val::Text),
            Local::Last => Some(Val::Bool(self.index + 1 == self.len)),
        }
    }
}

/// Follows keys into objects and lists.
#[inline]
fn walk<'a>(from: Val<'a>, keys: &[Box<str>]) -> Option<Val<'a>> {
    if keys.is_empty() {
        return Some(from);
    }
    keys.iter()
        .try_fold(from.json()?, |value, key| match value {
            Value::Object(map) => map.get(&**key),
            Value::Array(list) => list.get(key.parse::<usize>().ok()?),
            _ => None,
        })
        .map(Val::Json)
}

pub(super) fn wrong(helper: &'static str, arg: &Expr, value: Val<'_>, needs: &'static str) -> Trouble {
    Problem::Type { helper, path: arg.text(), found: value.kind(), needs }.into()
}
