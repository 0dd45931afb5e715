//! What a reader sees of a part, and may follow.

use crate::mail::reading;

/// The words of HTML and the targets of its links; comments and what stands in `head` are not read.
pub(super) fn of_html(html: &str) -> String {
    reading(html)
}

/// Letters and digits alone, in lower case: so that line breaks, commas and dashes make no difference.
pub(super) fn folded(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}
