//! From source to program: scanned, parsed by handlebars, and lowered to a
//! tree of our own, so that a render borrows where handlebars copies and can
//! count what it does.

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
};

use handlebars::{
    PathSeg, Template, TemplateError, TemplateErrorReason,
    template::{BlockParam, DecoratorTemplate, HelperTemplate, Parameter, TemplateElement},
};
use serde_json::Value;

use super::{
    helpers::Helper,
    limits::Limits,
    markup::place,
    problem::{At, Problem, Trouble},
    program::{Base, Block, Body, Expr, Include, Local, Node, Op, Path, Source, Use},
    scan::{PATH_BYTES, scan},
};

/// Parameters of one tag.
const PARAMETERS: usize = 32;

type Compiled<T> = Result<T, Trouble>;

/// Makes a program of `source`, which errors call `label`.
pub(super) fn compile(label: &Arc<str>, source: &str, limits: &Limits) -> Compiled<Source> {
    scan(source, limits).map_err(|(problem, at)| Trouble::from(problem).at(label, at))?;
    let template = parse(source).map_err(|(problem, at)| Trouble::from(problem).at(label, at))?;
    let mut lower = Lower {
        label,
        depth: limits.nesting + 2,
        at: At::new(1, 1),
        inside: Vec::new(),
        uses: Vec::new(),
        inlines: Vec::new(),
    };
    let mut body = lower.body(&template)?;
    let Lower { uses, inlines, .. } = lower;
    let fault = place(&mut body);
    Ok(Source { label: label.clone(), body, includes: uses, inlines, fault })
}

/// A fault of the parser that panics is reported as an error like others.
fn parse(source: &str) -> Result<Template, (Problem, At)> {
    match catch_unwind(AssertUnwindSafe(|| Template::compile(source))) {
        Ok(Ok(template)) => Ok(template),
        Ok(Err(error)) => Err(syntax(source, &error)),
        Err(_) => Err((Problem::syntax("the parser cannot read this source"), At::new(1, 1))),
    }
}

fn syntax(source: &str, error: &TemplateError) -> (Problem, At) {
    let at = error.pos().map(|(line, column)| At::new(line, column));
    let (text, found) = match error.reason() {
        TemplateErrorReason::InvalidSyntax(expected) => (readable(expected), None),
        TemplateErrorReason::InvalidParam(param) => {
            (format!("invalid parameter {param:?}"), source.find(param.as_str()))
        }
        TemplateErrorReason::MismatchingClosedHelper(open, close)
        | TemplateErrorReason::MismatchingClosedDecorator(open, close) => {
            (format!("{open:?} was opened, but {close:?} is closed"), None)
        }
        other => (other.to_string(), None),
    };
    (Problem::syntax(text), at.unwrap_or_else(|| At::of(source, found.unwrap_or(0))))
}

/// Names of the grammar's rules in words that say what to write.
const RULES: &[(&str, &str)] = &[
    ("leading_tilde_to_omit_whitespace", "~"),
    ("trailing_tilde_to_omit_whitespace", "~"),
    ("helper_block_end", "the {{/…}} of a block"),
    ("decorator_block_end", "the {{/inline}} of an inline partial"),
    ("partial_block_end", "the {{/…}} of a partial block"),
    ("helper_parameter", "a parameter"),
    ("invert_chain_tag", "{{else if …}}"),
    ("invert_tag", "{{else}}"),
    ("path_inline", "a path"),
    ("subexpression", "a (sub-expression)"),
    ("opt_identifier", "a name"),
    ("partial_identifier", "the name of a partial"),
    ("identifier", "a name"),
    ("EOI", "the end"),
];

fn readable(expected: &str) -> String {
    RULES.iter().fold(expected.to_owned(), |text, (rule, words)| text.replace(rule, words))
}

struct Lower<'a> {
    label: &'a Arc<str>,
    depth: usize,
    /// What was lowered last.
    at: At,
    inside: Vec<Box<str>>,
    uses: Vec<Use>,
    inlines: Vec<Box<str>>,
}

impl Lower<'_> {
    fn body(&mut self, template: &Template) -> Compiled<Body> {
        let mut nodes = Vec::with_capacity(template.elements.len());
        let mut line_start = true;
        for (i, element) in template.elements.iter().enumerate() {
            // The parser maps no `{{else if}}`: it is given the place of what stands before it.
            let at = template.mapping.get(i).map_or(self.at, |m| At::new(m.0, m.1));
            self.at = at;
            let op = self.op(element, at, line_start).map_err(|e| e.at(self.label, at))?;
            line_start = matches!(element, TemplateElement::RawString(s) if !s.ends_with([' ', '\t']));
            nodes.extend(op.map(|op| Node { at, op }));
        }
        Ok(nodes.into())
    }

    /// One level deeper. The scan has bounded the depth already; this holds
    /// even if the two should disagree.
    fn deeper<T>(&mut self, lower: impl FnOnce(&mut Self) -> Compiled<T>) -> Compiled<T> {
        if self.depth == 0 {
            return Err(unsupported("nesting this deep", "use partials"));
        }
        self.depth -= 1;
        let lowered = lower(self);
        self.depth += 1;
        lowered
    }

    fn inner(&mut self, template: Option<&Template>) -> Compiled<Option<Body>> {
        template.map(|t| self.deeper(|s| s.body(t))).transpose()
    }

    fn op(&mut self, element: &TemplateElement, at: At, line_start: bool) -> Compiled<Option<Op>> {
        Ok(Some(match element {
            TemplateElement::RawString(text) if text.is_empty() => return Ok(None),
            TemplateElement::RawString(text) => Op::Text(text.as_str().into()),
            TemplateElement::Expression(tag) => {
                Op::Show { value: self.shown(tag)?, escape: true, link: None }
            }
            TemplateElement::HtmlExpression(tag) => {
                Op::Show { value: self.shown(tag)?, escape: false, link: None }
            }
            TemplateElement::HelperBlock(tag) => self.block(tag)?,
            TemplateElement::DecoratorBlock(tag) => self.inline(tag)?,
            TemplateElement::DecoratorExpression(tag) => return Err(decorator(tag)),
            TemplateElement::PartialExpression(tag) | TemplateElement::PartialBlock(tag) => {
                self.include(tag, at, line_start)?
            }
            TemplateElement::Comment(_) => return Ok(None),
            _ => return Err(unsupported("this tag", "see the guide of templates")),
        }))
    }

    /// A name alone is a path, even where a helper has that name.
    fn shown(&mut self, tag: &HelperTemplate) -> Compiled<Expr> {
        if tag.params.is_empty() && tag.hash.is_empty() {
            return self.expr(&tag.name);
        }
        self.call(tag)
    }

    fn expr(&mut self, parameter: &Parameter) -> Compiled<Expr> {
        match parameter {
            Parameter::Literal(value) => Ok(Expr::Literal(value.clone())),
            Parameter::Name(name) => Ok(Expr::Path(path(name, &[PathSeg::Named(name.clone())])?)),
            Parameter::Path(handlebars::Path::Relative((segments, raw))) => {
                Ok(Expr::Path(path(raw, segments)?))
            }
            Parameter::Path(handlebars::Path::Local((up, name, raw))) => {
                Ok(Expr::Path(local(raw, *up, name)?))
            }
            Parameter::Subexpression(sub) => match sub.as_element() {
                TemplateElement::Expression(tag) => self.deeper(|s| s.call(tag)),
                _ => Err(unsupported("this sub-expression", "write (helper parameter)")),
            },
            _ => Err(unsupported("this parameter", "write a path or a literal")),
        }
    }

    fn exprs(&mut self, parameters: &[Parameter]) -> Compiled<Box<[Expr]>> {
        parameters.iter().map(|p| self.expr(p)).collect()
    }

    fn call(&mut self, tag: &HelperTemplate) -> Compiled<Expr> {
        let name = tag.name.as_name().unwrap_or_default();
        let Some(helper) = Helper::named(name) else { return Err(no_value(name)) };
        few(tag.params.len() + tag.hash.len())?;
        if let Some(takes) = helper.refuses(tag.params.len()) {
            return Err(arguments(name, takes, tag.params.len()));
        }
        if !tag.hash.is_empty() {
            return Err(arguments(name, "no named parameters", tag.hash.len()));
        }
        Ok(Expr::Call(helper, self.exprs(&tag.params)?))
    }

    fn block(&mut self, tag: &HelperTemplate) -> Compiled<Op> {
        let name = tag.name.as_name().unwrap_or_default();
        few(tag.params.len() + tag.hash.len())?;
        match name {
            "each" | "with" => self.scope(name, tag),
            "if" | "unless" => {
                let test = self.only(name, tag)?;
                let include_zero = tag.hash.get("includeZero").is_some_and(is_true);
                self.choice(tag, test, name == "unless", include_zero)
            }
            "raw" => self.choice(tag, Expr::Literal(Value::Bool(true)), false, false),
            _ => {
                let test = self.call(tag)?;
                self.choice(tag, test, false, false)
            }
        }
    }

    fn only(&mut self, name: &str, tag: &HelperTemplate) -> Compiled<Expr> {
        match tag.params.as_slice() {
            [one] => self.expr(one),
            more => Err(arguments(name, "one parameter", more.len())),
        }
    }

    fn choice(&mut self, tag: &HelperTemplate, test: Expr, negate: bool, include_zero: bool) -> Compiled<Op> {
        let then = self.inner(tag.template.as_ref())?.unwrap_or_default();
        let other = self.inner(tag.inverse.as_ref())?.unwrap_or_default();
        Ok(Op::If { test, negate, include_zero, then, other })
    }

    fn scope(&mut self, name: &str, tag: &HelperTemplate) -> Compiled<Op> {
        let block = Box::new(Block {
            subject: self.only(name, tag)?,
            names: names(tag.block_param.as_ref()),
            then: self.inner(tag.template.as_ref())?.unwrap_or_default(),
            other: self.inner(tag.inverse.as_ref())?,
        });
        Ok(if name == "each" { Op::Each(block) } else { Op::With(block) })
    }

    fn inline(&mut self, tag: &DecoratorTemplate) -> Compiled<Op> {
        let name = match (tag.name.as_name(), tag.params.as_slice()) {
            (Some("inline"), [Parameter::Literal(Value::String(name))]) => Box::<str>::from(name.as_str()),
            (Some("inline"), _) => return Err(unsupported("an inline partial without a plain name", INLINE)),
            _ => return Err(decorator(tag)),
        };
        self.inlines.push(name.clone());
        self.inside.push(name.clone());
        let body = self.inner(tag.template.as_ref())?.unwrap_or_default();
        self.inside.pop();
        Ok(Op::Inline { name, body })
    }

    fn include(&mut self, tag: &DecoratorTemplate, at: At, line_start: bool) -> Compiled<Op> {
        let Some(name) = tag.name.as_name() else {
            return Err(unsupported("a computed partial name", PARTIAL));
        };
        few(tag.params.len() + tag.hash.len())?;
        short(name)?;
        if tag.params.len() > 1 {
            return Err(arguments(name, "one value", tag.params.len()));
        }
        let (name, inside) = (Box::<str>::from(name), self.inside.last().cloned());
        self.uses.push(Use { name: name.clone(), inside, fallback: tag.template.is_some(), at });
        let hash = tag.hash.iter().map(|(key, value)| Ok((key.as_str().into(), self.expr(value)?)));
        Ok(Op::Include(Box::new(Include {
            hash: hash.collect::<Compiled<_>>()?,
            subject: self.exprs(&tag.params)?.into_iter().next(),
            block: self.inner(tag.template.as_ref())?,
            indent: tag.indent.as_deref().filter(|_| line_start).unwrap_or_default().into(),
            name,
            within: false,
            target: None,
        })))
    }
}

const INLINE: &str = "write {{#*inline \"name\"}}…{{/inline}}";
const PARTIAL: &str = "write the name itself, as in {{> footer}}";

fn unsupported(what: &'static str, instead: &'static str) -> Trouble {
    Problem::Unsupported { what, instead }.into()
}

fn arguments(helper: &str, takes: &'static str, given: usize) -> Trouble {
    Problem::Arguments { helper: helper.to_owned(), takes, given }.into()
}

fn decorator(tag: &DecoratorTemplate) -> Trouble {
    match tag.name.as_name() {
        Some("inline") => unsupported("an inline partial without a block", INLINE),
        name => Problem::UnknownDecorator { name: name.unwrap_or("(computed)").to_owned() }.into(),
    }
}

/// A helper that is none, or is one but gives no value.
fn no_value(name: &str) -> Trouble {
    match name {
        "each" | "if" | "raw" | "unless" | "with" => unsupported(
            "`each`, `if`, `raw`, `unless` or `with` as a value",
            "write a block, as in {{#if x}}…{{/if}}",
        ),
        _ => Problem::helper(name).into(),
    }
}

fn few(parameters: usize) -> Compiled<()> {
    if parameters <= PARAMETERS {
        return Ok(());
    }
    Err(Problem::Limit { limit: "fixed", value: PARAMETERS, unit: "parameters of one tag" }.into())
}

fn short(path: &str) -> Compiled<()> {
    if path.len() <= PATH_BYTES {
        return Ok(());
    }
    Err(Problem::Limit { limit: "fixed", value: PATH_BYTES, unit: "bytes in one path or name" }.into())
}

fn is_true(parameter: &Parameter) -> bool {
    matches!(parameter, Parameter::Literal(Value::Bool(true)))
}

fn names(given: Option<&BlockParam>) -> Vec<Box<str>> {
    let names = match given {
        Some(BlockParam::Single(one)) => vec![one],
        Some(BlockParam::Pair((one, two))) => vec![one, two],
        _ => Vec::new(),
    };
    names.into_iter().filter_map(Parameter::as_name).map(Into::into).collect()
}

fn path(raw: &str, segments: &[PathSeg]) -> Compiled<Path> {
    short(raw)?;
    let (mut keys, mut up, mut root) = (Vec::new(), 0, false);
    for segment in segments {
        match segment {
            PathSeg::Named(key) => keys.push(Box::<str>::from(key.as_str())),
            // Handlebars does not export the type of its rules, only their names.
            PathSeg::Ruled(rule) => match format!("{rule:?}").as_str() {
                "path_up" => up += 1,
                "path_root" => root = true,
                _ => {}
            },
            _ => return Err(unsupported("this path", "write names with dots between them")),
        }
    }
    let explicit = ["this.", "this/", "./"].iter().any(|start| raw.starts_with(start));
    let named = up == 0 && !keys.is_empty() && !explicit;
    let base = if root {
        Base::Root
    } else if named {
        Base::Name
    } else {
        Base::Here(up)
    };
    Ok(Path { raw: raw.into(), base, keys: keys.into() })
}

fn local(raw: &str, up: usize, name: &str) -> Compiled<Path> {
    short(raw)?;
    let local = match name {
        "first" => Local::First,
        "index" => Local::Index,
        "key" => Local::Key,
        "last" => Local::Last,
        "root" => return Ok(Path { raw: raw.into(), base: Base::Root, keys: Box::default() }),
        _ => return Err(unsupported("this @-name", "there are @first, @index, @key, @last and @root")),
    };
    Ok(Path { raw: raw.into(), base: Base::Local(up, local), keys: Box::default() })
}
