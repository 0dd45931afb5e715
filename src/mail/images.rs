//! Images that travel with the mail: every `cid:` is one of them (RFC 2392).

use std::collections::BTreeSet;

use super::tags;
use crate::{
    error::{Error, Result},
    message::Email,
};

/// Refuses HTML that shows an image which the mail does not bring.
pub(super) fn check(email: &Email) -> Result<()> {
    let Some(html) = &email.html else { return Ok(()) };
    let brought: BTreeSet<&str> = email.attachments.iter().filter_map(|a| a.content_id.as_deref()).collect();
    for id in named(html) {
        if !brought.contains(id.as_str()) {
            let known: Vec<&str> = brought.iter().copied().collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            let why = format!(
                "cid:{id:.80} is no inline image of this mail (there is {known}); attach it by `Attachment::inline`"
            );
            return Err(Error::invalid("html", why));
        }
    }
    Ok(())
}

/// What stands after each `cid:` of attributes and style sheets.
fn named(html: &str) -> BTreeSet<String> {
    let attributes = tags::all(html).map(|tag| tag.attributes);
    attributes.chain(tags::styles(html)).flat_map(ids).collect()
}

fn ids(text: &str) -> impl Iterator<Item = String> {
    let starts = text.match_indices("cid:").filter(|(at, _)| {
        let before = text[..*at].chars().next_back();
        before.is_none_or(|c| matches!(c, '"' | '\'' | '(' | '=' | ';') || c.is_ascii_whitespace())
    });
    starts.map(|(at, _)| {
        let rest = &text[at + 4..];
        let end = rest.find(|c: char| matches!(c, '"' | '\'' | ')' | '>' | '&') || c.is_ascii_whitespace());
        rest[..end.unwrap_or(rest.len())].to_owned()
    })
}
