//! What a reader of HTML sees and may follow, for rules that ask what a mail says.

use super::tags;

/// Words and the targets of links, one after the other; comments, styles, scripts and titles are left out.
pub(crate) fn reading(html: &str) -> String {
    let (mut text, mut end) = (String::with_capacity(html.len()), 0);
    for tag in tags::all(html) {
        push_words(&mut text, html.get(end..tag.start).unwrap_or_default());
        if tag.is("a") {
            text.push(' ');
            text.push_str(&decoded(tag.attribute("href").unwrap_or_default()));
            text.push(' ');
        }
        end = tags::after(html, &tag);
    }
    push_words(&mut text, html.get(end..).unwrap_or_default());
    text
}

fn push_words(text: &mut String, mut html: &str) {
    while let Some((before, comment)) = html.split_once("<!") {
        text.push_str(&decoded(before));
        let closing = if comment.starts_with("--") { "-->" } else { ">" };
        html = comment.split_once(closing).map_or("", |(_, rest)| rest);
    }
    text.push_str(&decoded(html));
}

/// Character references as characters: those by number, and the few names that mails are written with.
pub(crate) fn decoded(html: &str) -> String {
    let (mut text, mut rest) = (String::with_capacity(html.len()), html);
    while let Some((before, reference)) = rest.split_once('&') {
        text.push_str(before);
        match reference.split_once(';').and_then(|(name, after)| Some((character(name)?, after))) {
            Some((c, after)) => {
                text.push(c);
                rest = after;
            }
            None => {
                text.push('&');
                rest = reference;
            }
        }
    }
    text.push_str(rest);
    text
}

const NAMED: &[(&str, char)] = &[
    ("Auml", 'Ä'),
    ("Ouml", 'Ö'),
    ("Uuml", 'Ü'),
    ("aacute", 'á'),
    ("amp", '&'),
    ("apos", '\''),
    ("auml", 'ä'),
    ("bull", '•'),
    ("ccedil", 'ç'),
    ("eacute", 'é'),
    ("egrave", 'è'),
    ("euml", 'ë'),
    ("gt", '>'),
    ("iacute", 'í'),
    ("lt", '<'),
    ("mdash", '—'),
    ("middot", '·'),
    ("nbsp", '\u{a0}'),
    ("ndash", '–'),
    ("ntilde", 'ñ'),
    ("oacute", 'ó'),
    ("ouml", 'ö'),
    ("quot", '"'),
    ("szlig", 'ß'),
    ("uacute", 'ú'),
    ("uuml", 'ü'),
];

fn character(name: &str) -> Option<char> {
    let Some(number) = name.strip_prefix('#') else {
        return NAMED.iter().find(|(known, _)| *known == name).map(|(_, c)| *c);
    };
    let code = match number.strip_prefix(['x', 'X']) {
        Some(hex) => u32::from_str_radix(hex, 16),
        None => number.parse(),
    };
    char::from_u32(code.ok()?)
}
