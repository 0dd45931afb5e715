//! What text of a template does to the state.

use super::{Attribute, Element, State};

/// What is not supported, and what to write instead.
type Refusal = (&'static str, &'static str);

const TORN: Refusal =
    ("a name in HTML that a tag of the template breaks in two", "write names whole in each branch");
const SCHEME: Refusal = (
    "a link whose scheme is a value",
    "write the scheme in the template, as in href=\"https://{{host}}\", or give the whole address as one value",
);
const COMMENT: Refusal = ("a value that may end an HTML comment", "write {{!-- --}} or leave it out");

/// The state after `text`.
pub(super) fn after(mut state: State, text: &str) -> Result<State, Refusal> {
    if text.is_empty() {
        return Ok(state);
    }
    if state == State::Comment && [">", "->", "!>", "-!>"].iter().any(|end| text.starts_with(end)) {
        return Err(COMMENT);
    }
    let mut rest = text;
    while !rest.is_empty() {
        (state, rest) = step(state, rest)?;
    }
    Ok(state)
}

/// One step; the rest is always shorter, or the state is another that makes it so.
fn step(state: State, rest: &str) -> Result<(State, &str), Refusal> {
    Ok(match state {
        State::Text => match rest.find('<') {
            Some(start) => (State::TagOpen, &rest[start + 1..]),
            None => (State::Text, ""),
        },
        State::TagOpen => tag_open(rest),
        State::Comment => ended(rest, &["-->", "--!>"], State::Comment),
        State::Declaration => ended(rest, &[">"], State::Declaration),
        State::Script => raw(rest, "</script", Element::Script),
        State::Style => raw(rest, "</style", Element::Style),
        State::Tag { torn: true, .. } | State::Named { torn: true, .. } if in_name(rest) => return Err(TORN),
        State::Tag { of, .. } => in_tag(of, rest),
        State::Named { of, attribute, .. } => named(of, attribute, rest),
        State::BeforeValue(of, attribute) => before_value(of, attribute, rest),
        State::Value { of, attribute, quote } => return value(of, attribute, quote, rest),
    })
}

fn tag_open(rest: &str) -> (State, &str) {
    if let Some(name) = rest.strip_prefix('/') {
        let letter = name.starts_with(|c: char| c.is_ascii_alphabetic());
        // `</` and anything but a letter is a comment up to `>`.
        return if letter { tag_name(name, true) } else { (State::Declaration, name) };
    }
    if let Some(comment) = rest.strip_prefix("!--") {
        return comment_open(comment);
    }
    match rest.as_bytes()[0] {
        b'!' | b'?' => (State::Declaration, &rest[1..]),
        letter if letter.is_ascii_alphabetic() => tag_name(rest, false),
        _ => (State::Text, rest),
    }
}

/// `<!--[if mso]>` hides nothing from Outlook, and so nothing from us.
fn comment_open(rest: &str) -> (State, &str) {
    if rest.starts_with("[if")
        && let Some(end) = rest.find("]>")
    {
        return (State::Text, &rest[end + 2..]);
    }
    let at_once = ["->", ">"].iter().find_map(|end| rest.strip_prefix(end));
    at_once.map_or((State::Comment, rest), |rest| (State::Text, rest))
}

fn ended<'a>(rest: &'a str, ends: &[&str], state: State) -> (State, &'a str) {
    let first = ends.iter().filter_map(|end| Some((rest.find(end)?, end.len()))).min();
    first.map_or((state, ""), |(at, len)| (State::Text, &rest[at + len..]))
}

/// A script or a style sheet, up to its closing tag.
fn raw<'a>(rest: &'a str, end: &str, of: Element) -> (State, &'a str) {
    let inside = if of == Element::Script { State::Script } else { State::Style };
    let found = rest.as_bytes().windows(end.len()).position(|w| w.eq_ignore_ascii_case(end.as_bytes()));
    found.map_or((inside, ""), |at| {
        (State::Tag { of: Element::Other, torn: false }, rest.get(at + end.len()..).unwrap_or_default())
    })
}

fn tag_name(rest: &str, closing: bool) -> (State, &str) {
    let end = rest.find(|c: char| ends_name(c) && c != '=').unwrap_or(rest.len());
    let is = |name: &str| !closing && rest[..end].eq_ignore_ascii_case(name);
    let of = match () {
        () if is("script") => Element::Script,
        () if is("style") => Element::Style,
        () => Element::Other,
    };
    (State::Tag { of, torn: end == rest.len() }, &rest[end..])
}

fn ends_name(c: char) -> bool {
    c.is_ascii_whitespace() || matches!(c, '/' | '>' | '=')
}

/// Whether a name goes on.
fn in_name(rest: &str) -> bool {
    !rest.starts_with(ends_name)
}

fn in_tag(of: Element, rest: &str) -> (State, &str) {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    if let Some(rest) = rest.strip_prefix('>') {
        return (content(of), rest);
    }
    if rest.is_empty() {
        return (State::Tag { of, torn: false }, rest);
    }
    // A `=` here is the first letter of a name.
    let first = rest.chars().next().map_or(0, char::len_utf8);
    let end = rest[first..].find(ends_name).map_or(rest.len(), |end| first + end);
    let attribute = Attribute::named(&rest[..end]);
    (State::Named { of, attribute, torn: end == rest.len() }, &rest[end..])
}

fn content(of: Element) -> State {
    match of {
        Element::Other => State::Text,
        Element::Script => State::Script,
        Element::Style => State::Style,
    }
}

fn named(of: Element, attribute: Attribute, rest: &str) -> (State, &str) {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    match rest.strip_prefix('=') {
        Some(rest) => (State::BeforeValue(of, attribute), rest),
        None if rest.is_empty() => (State::Named { of, attribute, torn: false }, rest),
        None => (State::Tag { of, torn: false }, rest),
    }
}

fn before_value(of: Element, attribute: Attribute, rest: &str) -> (State, &str) {
    let rest = rest.trim_start_matches(|c: char| c.is_ascii_whitespace());
    match rest.as_bytes().first().copied() {
        None => (State::BeforeValue(of, attribute), rest),
        Some(b'>') => (content(of), &rest[1..]),
        Some(quote @ (b'"' | b'\'')) => (State::Value { of, attribute, quote: Some(quote) }, &rest[1..]),
        Some(_) => (State::Value { of, attribute, quote: None }, rest),
    }
}

fn value(of: Element, attribute: Attribute, quote: Option<u8>, rest: &str) -> Result<(State, &str), Refusal> {
    let end = match quote {
        Some(quote) => rest.find(quote as char),
        None => rest.find(|c: char| c.is_ascii_whitespace() || c == '>'),
    };
    let attribute = attribute.after(&rest[..end.unwrap_or(rest.len())]).ok_or(SCHEME)?;
    let Some(end) = end else { return Ok((State::Value { of, attribute, quote }, "")) };
    Ok((State::Tag { of, torn: false }, &rest[end + usize::from(quote.is_some())..]))
}

#[cfg(test)]
mod tests {
    use super::{super::Stage, *};

    fn end(text: &str) -> State {
        after(State::Text, text).expect(text)
    }

    #[test]
    fn states_follow_the_tokenizer() {
        for text in [
            "a < b & c <3",
            "<!doctype html><p>x</p >",
            "<!-- <a href=\" -->",
            "<!--> <b>",
            "<!--[if mso]><v:rect href=\"x\"><![endif]-->",
            "<script>if (a < \"</p>\") {}</SCRIPT>",
            "<style>a > b { c: \"<i\" }</style>",
            "<input checked/><a href=x title='a\"b'>",
            "<a =\"x\" b>",
            "</ü >",
            "<td ü=\"x\">",
        ] {
            assert_eq!(end(text), State::Text, "{text}");
        }
        assert_eq!(end("a <"), State::TagOpen);
        assert_eq!(end("<!-- a > --"), State::Comment);
        assert_eq!(
            end("<a href"),
            State::Named { of: Element::Other, attribute: link(Stage::Unknown), torn: true }
        );
        assert_eq!(end("<STYLE "), State::Tag { of: Element::Style, torn: false });
        assert!(matches!(end("<a href=x"), State::Value { quote: None, .. }));
        assert!(matches!(end("<a href= '"), State::Value { quote: Some(b'\''), .. }));
    }

    #[test]
    fn a_link_is_decided_by_the_template_if_it_can_be() {
        for (text, stage) in [
            ("<a href=\"", Stage::Unknown),
            ("<a href=\" ", Stage::Unknown),
            ("<a href=\"page", Stage::Started),
            ("<a href=\"/x", Stage::Decided),
            ("<a href=\"https://", Stage::Decided),
            ("<a href=\"acme:", Stage::Decided),
            ("<img alt='x' SRC='?", Stage::Decided),
        ] {
            let State::Value { attribute, .. } = end(text) else { panic!("{text}") };
            assert_eq!(attribute, link(stage), "{text}");
        }
        let State::Value { attribute, .. } = end("<a href=\"javascript:f('") else { panic!("a value") };
        assert_eq!(attribute, Attribute::Code);
    }

    fn link(stage: Stage) -> Attribute {
        Attribute::Link(stage)
    }
}
