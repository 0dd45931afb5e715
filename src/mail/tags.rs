//! Finds tags in HTML, and no more: enough to set a frame around a mail and to measure it.
//!
//! Comments are passed over, conditional ones as well, and so is what stands in `style`, `script`, `title` and
//! `textarea`.

/// A tag as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tag<'a> {
    /// Its name as written.
    pub(super) name: &'a str,
    /// Its attributes as written.
    pub(super) attributes: &'a str,
    /// Where its `<` is.
    pub(super) start: usize,
    /// What follows its `>`.
    pub(super) end: usize,
    /// `</…>`.
    pub(super) closing: bool,
    /// `<…/>`: of meaning in MJML only.
    pub(super) self_closing: bool,
}

impl<'a> Tag<'a> {
    pub(super) fn is(&self, name: &str) -> bool {
        !self.closing && self.name.eq_ignore_ascii_case(name)
    }

    pub(super) fn lower(&self) -> String {
        self.name.to_ascii_lowercase()
    }

    /// The value of an attribute as written, without its quotes.
    pub(super) fn attribute(&self, name: &str) -> Option<&'a str> {
        attributes(self.attributes)
            .find(|(found, _)| found.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    }
}

/// Elements whose content is text up to their own end.
const RAW: &[&str] = &["mj-style", "script", "style", "textarea", "title"];

/// The tags of a source, in their order.
pub(super) fn all(source: &str) -> impl Iterator<Item = Tag<'_>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let tag = next(source, at)?;
        at = after(source, &tag);
        Some(tag)
    })
}

/// Where reading goes on after a tag: behind the text of `style` and its like.
pub(super) fn after(source: &str, tag: &Tag<'_>) -> usize {
    let raw = !tag.closing && !tag.self_closing && RAW.iter().any(|raw| tag.name.eq_ignore_ascii_case(raw));
    if raw { end_of_raw(source, tag.end, tag.name) } else { tag.end }
}

/// The texts of the `<style>` elements.
pub(super) fn styles(source: &str) -> impl Iterator<Item = &str> {
    let styles = all(source).filter(|tag| tag.is("style") || tag.is("mj-style"));
    styles.map(|tag| &source[tag.end..end_of_raw(source, tag.end, tag.name)])
}

/// Where `</name` is, or the end of the source.
fn end_of_raw(source: &str, from: usize, name: &str) -> usize {
    let rest = &source.as_bytes()[from..];
    let ends = |window: &[u8]| window.starts_with(b"</") && window[2..].eq_ignore_ascii_case(name.as_bytes());
    rest.windows(name.len() + 2).position(ends).map_or(source.len(), |found| from + found)
}

fn next(source: &str, mut at: usize) -> Option<Tag<'_>> {
    loop {
        let start = at + source[at..].find('<')?;
        let rest = &source[start..];
        at = if let Some(comment) = rest.strip_prefix("<!--") {
            start + comment.find("-->").map_or(rest.len(), |found| found + 7)
        } else if rest[1..].starts_with(['!', '?']) {
            start + rest.find('>').map_or(rest.len(), |found| found + 1)
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic() || c == '/') {
            return Some(read(source, start));
        } else {
            start + 1
        };
    }
}

fn read(source: &str, start: usize) -> Tag<'_> {
    let closing = source[start + 1..].starts_with('/');
    let name_at = start + 1 + usize::from(closing);
    let rest = &source[name_at..];
    let name_end = rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
    let length = end_of_attributes(&rest[name_end..]);
    let inside = &rest[name_end..name_end + length];
    let end = name_at + name_end + length;
    let self_closing = inside.trim_end().ends_with('/');
    let attributes = inside.trim().trim_end_matches('/');
    Tag {
        name: &rest[..name_end],
        attributes,
        start,
        end: (end + 1).min(source.len()),
        closing,
        self_closing,
    }
}

/// How long the attributes are: up to a `>` that is in no quotes.
fn end_of_attributes(text: &str) -> usize {
    let (mut quote, mut value) = (None, false);
    for (at, b) in text.bytes().enumerate() {
        match (quote, b) {
            (Some(open), b) if b == open => quote = None,
            (Some(_), _) => {}
            (None, b'>') => return at,
            (None, b'"' | b'\'') if value => quote = Some(b),
            (None, b'=') => value = true,
            (None, b) if !b.is_ascii_whitespace() => value = false,
            _ => {}
        }
    }
    text.len()
}

fn attributes(mut text: &str) -> impl Iterator<Item = (&str, &str)> {
    std::iter::from_fn(move || {
        text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
        if text.is_empty() {
            return None;
        }
        let first = text.chars().next().map_or(0, char::len_utf8);
        let end = text[first..].find(|c: char| c.is_ascii_whitespace() || c == '=');
        let (name, rest) = text.split_at(end.map_or(text.len(), |end| end + first));
        let Some(rest) = rest.trim_start().strip_prefix('=') else {
            text = rest;
            return Some((name, ""));
        };
        let (value, rest) = value(rest.trim_start());
        text = rest;
        Some((name, value))
    })
}

fn value(text: &str) -> (&str, &str) {
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => text[1..].split_once(quote).unwrap_or((&text[1..], "")),
        _ => text.split_at(text.find(|c: char| c.is_ascii_whitespace()).unwrap_or(text.len())),
    }
}
