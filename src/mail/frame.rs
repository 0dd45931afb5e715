//! What stands around the words of a mail: document, language, colour schemes, preheader.

use super::tags;
use crate::error::{Error, Result};

/// Between the preheader and what follows, so that a list of mails does not show the first words of the mail: a
/// combining mark that shows nothing, a non-joiner and a space that does not collapse.
const PADDING: &str = "&#847;&zwnj;&nbsp;";
const PADDED: usize = 150;
const PREHEADER: usize = 250;

/// Hidden from the page in every mailbox: some drop `display`, Outlook reads `mso-hide`.
const HIDDEN: &str = "display:none;font-size:1px;line-height:1px;max-height:0;max-width:0;opacity:0;overflow:hidden;mso-hide:all";

/// A whole document, around what belongs into its body if it is none yet.
pub(super) fn whole(html: String) -> String {
    let part_of_frame = |tag: &tags::Tag<'_>| tag.is("html") || tag.is("body");
    if tags::all(&html).any(|tag| part_of_frame(&tag)) {
        return html;
    }
    format!(
        "<!doctype html>\n<html>\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n</head>\n<body>\n{html}\n</body>\n</html>\n"
    )
}

/// Refuses what is no language tag: it is written into an attribute.
pub(super) fn check_lang(tag: &str) -> Result<()> {
    let fits = (2..=35).contains(&tag.len()) && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !fits {
        return Err(Error::invalid("lang", "expected a language tag, such as `de` or `de-AT` (BCP 47)"));
    }
    Ok(())
}

/// Says the language, unless the document does.
pub(super) fn lang(html: String, tag: &str) -> String {
    let Some(element) = tags::all(&html).find(|found| found.is("html")) else { return html };
    match element.attribute("lang") {
        // mrml writes `und`, for undetermined, where the source says nothing.
        Some("" | "und") => {
            let said = &html[element.start..element.end];
            let said = said.replacen("lang=\"und\"", &format!("lang=\"{tag}\""), 1);
            let said = said.replacen("lang=\"\"", &format!("lang=\"{tag}\""), 1);
            format!("{}{said}{}", &html[..element.start], &html[element.end..])
        }
        Some(_) => html,
        None => inserted(&html, element.start + "<html".len(), &format!(" lang=\"{tag}\"")),
    }
}

/// Says that there are colours for light and dark. Apple Mail reads the `meta` elements, and the rule as well.
pub(super) fn color_schemes(html: String) -> String {
    let says = |name: &str| {
        let mut metas = tags::all(&html).filter(|tag| tag.is("meta"));
        metas.any(|tag| tag.attribute("name").is_some_and(|found| found.eq_ignore_ascii_case(name)))
    };
    let missing = ["color-scheme", "supported-color-schemes"].into_iter().filter(|name| !says(name));
    let metas: String =
        missing.map(|name| format!("<meta name=\"{name}\" content=\"light dark\">\n")).collect();
    if metas.is_empty() {
        return html;
    }
    let hints = format!(
        "{metas}<style>:root{{color-scheme:light dark;supported-color-schemes:light dark}}</style>\n"
    );
    if let Some(end) = tags::all(&html).find(|tag| tag.closing && tag.name.eq_ignore_ascii_case("head")) {
        return inserted(&html, end.start, &hints);
    }
    let before = tags::all(&html).find(|tag| tag.is("body")).map_or(0, |tag| tag.start);
    inserted(&html, before, &format!("<head>\n{hints}</head>\n"))
}

/// Puts the words first in the body, and hides them there.
pub(super) fn preheader(html: String, words: &str) -> Result<String> {
    let count = words.chars().count();
    if !(1..=PREHEADER).contains(&count) || words.chars().any(char::is_control) {
        let why = format!("a preheader has 1 to {PREHEADER} characters and no line breaks");
        return Err(Error::invalid("preheader", why));
    }
    let padding = PADDING.repeat(PADDED.saturating_sub(count));
    let hidden = format!("\n<div style=\"{HIDDEN}\">{}{padding}</div>", escaped(words));
    let body = tags::all(&html).find(|tag| tag.is("body"));
    let body = body.or_else(|| tags::all(&html).find(|tag| tag.is("html")));
    Ok(inserted(&html, body.map_or(0, |tag| tag.end), &hidden))
}

fn escaped(words: &str) -> String {
    words.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn inserted(html: &str, at: usize, what: &str) -> String {
    format!("{}{what}{}", &html[..at], &html[at..])
}
