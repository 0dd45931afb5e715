//! Where in the HTML a value stands, so that data cannot leave their place.
//!
//! Escaping keeps data inside a text and inside an attribute in quotes, and
//! nowhere else. This pass follows the states of HTML's tokenizer
//! (<https://html.spec.whatwg.org/multipage/parsing.html#tokenization>) over
//! the text of a source, through all its branches, once at registration. What
//! cannot be kept safe is a fault of the source: a value between attributes,
//! in one without quotes, in a script or an event handler, or an unescaped one
//! inside a tag. A value that may begin the address of a link is marked, and
//! its scheme is looked at when it is rendered.
//!
//! A source is scanned from the state of text and has to end in it; so a
//! partial needs no look at where it is included, but for a partial inside a
//! tag, which may have no values at all. Conditional comments
//! (`<!--[if mso]>`) are read as text, as Outlook reads them.

mod attribute;
mod text;

use self::attribute::{Attribute, Stage};
use super::{
    problem::{At, Problem},
    program::{Body, Node, Op},
};

pub(super) use self::attribute::scheme_of;

/// Why a source cannot be used where values are escaped, and where.
pub(super) type Fault = (At, Problem);

/// Between two characters of HTML.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum State {
    /// After `=`.
    BeforeValue(Element, Attribute),
    Comment,
    /// `<!doctype`, `<?`: up to `>`.
    Declaration,
    /// Inside a tag, after the name of an attribute; `torn` if the text ended with it.
    Named {
        of: Element,
        attribute: Attribute,
        torn: bool,
    },
    Script,
    Style,
    /// Inside a tag, between attributes; `torn` if the text ended with the tag's name.
    Tag {
        of: Element,
        torn: bool,
    },
    /// After `<`.
    TagOpen,
    Text,
    Value {
        of: Element,
        attribute: Attribute,
        quote: Option<u8>,
    },
}

/// The elements whose content is no HTML, and all others.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Element {
    Other,
    Script,
    Style,
}

/// Marks what may begin a link, and finds what cannot be kept safe.
pub(super) fn place(body: &mut Body) -> Option<Fault> {
    let mut scan = Scan { fault: None };
    scan.whole(body);
    scan.fault
}

struct Scan {
    /// The first.
    fault: Option<Fault>,
}

impl Scan {
    fn refuse(&mut self, at: At, what: &'static str, instead: &'static str) {
        self.fault.get_or_insert((at, Problem::Unsupported { what, instead }));
    }

    /// A body that stands for itself: it begins and ends in text.
    fn whole(&mut self, body: &mut Body) {
        let end = self.body(body, State::Text);
        let at = body.last().map_or(At::new(1, 1), |node| node.at);
        if !matches!(end, State::Text | State::TagOpen) {
            self.refuse(
                at,
                "a source or block of HTML that ends inside a tag, comment or script",
                "close it",
            );
        }
    }

    fn body(&mut self, body: &mut Body, start: State) -> State {
        body.iter_mut().fold(start, |state, node| self.node(node, state))
    }

    fn node(&mut self, node: &mut Node, state: State) -> State {
        let at = node.at;
        match &mut node.op {
            Op::Text(text) => self.text(text, state, at),
            Op::Show { escape, link, .. } => self.value(*escape, link, state, at),
            Op::If { then, other, .. } => {
                let (then, other) = (self.body(then, state), self.body(other, state));
                self.join(then, other, at)
            }
            Op::Each(block) => {
                let start = repeated(state);
                let turn = self.body(&mut block.then, start);
                let once = self.join(start, again(start, turn), at);
                let other = block.other.as_mut().map_or(start, |other| self.body(other, start));
                self.join(once, other, at)
            }
            Op::With(block) => {
                let then = self.body(&mut block.then, state);
                let other = block.other.as_mut().map_or(state, |other| self.body(other, state));
                self.join(then, other, at)
            }
            Op::Inline { body, .. } => {
                self.whole(body);
                state
            }
            Op::Include(include) => {
                include.within = !matches!(state, State::Text | State::Style | State::Comment);
                if include.within && &*include.name == "@partial-block" {
                    self.refuse(at, "@partial-block inside a tag", "place it between tags");
                }
                include.block.iter_mut().for_each(|block| self.whole(block));
                state
            }
        }
    }

    fn text(&mut self, text: &str, state: State, at: At) -> State {
        text::after(state, text).unwrap_or_else(|(what, instead)| {
            self.refuse(at, what, instead);
            State::Text
        })
    }

    fn value(&mut self, escape: bool, link: &mut Option<u8>, state: State, at: At) -> State {
        match (state, escape) {
            (State::Text | State::Style | State::Comment, _) => {}
            (State::Value { attribute, quote: Some(quote), of }, true) => {
                match attribute {
                    Attribute::Link(Stage::Decided) | Attribute::Other => {}
                    Attribute::Link(_) => *link = Some(quote),
                    Attribute::Code => self.refuse(at, "a value inside code", "write what does not change"),
                }
                return State::Value { attribute: attribute.given(), quote: Some(quote), of };
            }
            (State::Value { quote: Some(_), .. }, false) => {
                self.refuse(at, "an unescaped value inside a tag", "write {{value}} with two braces");
            }
            (State::Value { .. } | State::BeforeValue(..), _) => {
                self.refuse(at, "a value in an attribute without quotes", "put quotes around it");
            }
            (State::Script, _) => self.refuse(at, "a value inside a script", "put it between tags"),
            _ => self.refuse(at, "a value inside a tag", "put it into an attribute's quotes"),
        }
        state
    }

    /// The state after branches that may end differently.
    fn join(&mut self, a: State, b: State, at: At) -> State {
        joined(a, b).unwrap_or_else(|| {
            let what = "branches that end in different places of the HTML";
            self.refuse(at, what, "open and close tags, quotes and comments within one branch");
            a
        })
    }
}

fn joined(a: State, b: State) -> Option<State> {
    use State::{Named, Tag, Value};
    match (a, b) {
        _ if a == b => Some(a),
        (Tag { of, .. }, Tag { of: other, .. }) if of == other => Some(Tag { of, torn: true }),
        (Named { of, .. }, Tag { of: other, .. } | Named { of: other, .. })
        | (Tag { of, .. }, Named { of: other, .. })
            if of == other =>
        {
            // Which attribute it is, if any, depends on the branch.
            Some(Named { of, attribute: Attribute::Code, torn: true })
        }
        (Value { of, attribute, quote }, Value { of: o, attribute: other, quote: q })
            if (of, quote) == (o, q) =>
        {
            Some(Value { of, attribute: attribute.joined(other)?, quote })
        }
        _ => None,
    }
}

/// What the second turn of a loop may begin with, given what the first does.
fn repeated(state: State) -> State {
    match state {
        State::Value { of, attribute, quote } => State::Value { of, attribute: attribute.given(), quote },
        other => other,
    }
}

/// The end of a turn, if another may begin there; text else, which is refused inside a tag.
fn again(start: State, end: State) -> State {
    let torn = matches!(end, State::Named { .. } | State::Tag { torn: true, .. });
    if torn && end != start { State::Text } else { end }
}
