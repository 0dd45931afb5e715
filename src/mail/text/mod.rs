//! The text part, made of the HTML by html2text.
//!
//! html2text draws tables as tables. In mail nearly all of them are layout, so that the document is changed before:
//! hidden elements go, tables become paragraphs, and only rows of short cells, such as those of an order, stay in one
//! line.

mod decorator;
mod reshape;

use html2text::config;

use self::decorator::Plain;
use crate::error::{Error, ErrorKind, Result};

/// RFC 5322 section 2.1.1 asks for lines of at most 78 characters.
const WIDTH: usize = 78;

/// What a reader of text reads.
pub(super) fn text(html: &str) -> Result<String> {
    let config = config::with_decorator(Plain)
        .link_footnotes(true)
        .no_link_wrapping()
        .allow_width_overflow()
        .unicode_strikeout(false);
    let dom = config.parse_html(html.as_bytes()).map_err(fault)?;
    reshape::reshape(&dom, |seed| config.parse_html(seed.as_bytes()).map_err(fault))?;
    let tree = config.dom_to_render_tree(&dom).map_err(fault)?;
    Ok(tidied(&config.render_to_string(tree, WIDTH).map_err(fault)?))
}

fn fault(error: html2text::Error) -> Error {
    Error::new(ErrorKind::Template, format!("no text can be made of the HTML: {error}")).with_field("html")
}

/// One blank line at most, no spaces at the ends, nothing that cannot be seen.
fn tidied(text: &str) -> String {
    let mut tidy = String::with_capacity(text.len());
    let mut blank = true;
    for line in text.lines() {
        let line: String = line.chars().filter(|c| !is_unseen(*c)).map(plain_space).collect();
        let line = apart(line.trim_end());
        if line.is_empty() && blank {
            continue;
        }
        blank = line.is_empty();
        tidy.push_str(&line);
        tidy.push('\n');
    }
    tidy.truncate(tidy.trim_end().len());
    tidy.push('\n');
    tidy
}

/// Links side by side, as those of a menu, have a space between them.
fn apart(line: &str) -> String {
    let (mut apart, mut rest) = (String::with_capacity(line.len()), line);
    while let Some((before, after)) = rest.split_once(']') {
        apart.push_str(before);
        apart.push(']');
        let number = before.rsplit_once(" [").is_some_and(|(_, digits)| digits.parse::<u32>().is_ok());
        if number && after.starts_with(char::is_alphanumeric) {
            apart.push_str("  ");
        }
        rest = after;
    }
    apart.push_str(rest);
    apart
}

/// What mails are padded with: joiners, soft hyphens, marks without a glyph.
fn is_unseen(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200c}' | '\u{2060}' | '\u{feff}'
    )
}

fn plain_space(c: char) -> char {
    if c == '\u{a0}' || c == '\u{2007}' { ' ' } else { c }
}
