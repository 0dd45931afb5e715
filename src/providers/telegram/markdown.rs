//! Telegram's MarkdownV2, as far as it concerns us.

/// What has a meaning in MarkdownV2 outside of code and links, and the backslash.
const SPECIAL: &str = "_*[]()~`>#+-=|{}.!\\";

/// `text` so that MarkdownV2 shows it as it is.
///
/// For words between the marks; inside of code and links other rules hold.
///
/// ```
/// use tidings::providers::telegram::escape;
///
/// let name = escape("Dr. No (1962)");
/// assert_eq!(name, r"Dr\. No \(1962\)");
/// let text = format!("*Tonight:* {name}");
/// ```
#[must_use]
pub fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + text.len() / 8);
    for c in text.chars() {
        if SPECIAL.contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// How many characters a reader sees of `markdown`, at least.
///
/// Marks are not counted, nor the addresses of links. Where a mark is meant as a character (in
/// code) one too few is counted: whatever exceeds a limit by this count exceeds it for Telegram.
pub(super) fn visible(markdown: &str) -> usize {
    let mut count = 0;
    let mut chars = markdown.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '\\' => count += usize::from(chars.next().is_some()),
            ']' if chars.peek() == Some(&'(') => skip_address(&mut chars),
            '*' | '_' | '~' | '`' | '|' | '[' | ']' | '>' | '!' => {}
            _ => count += 1,
        }
    }
    count
}

fn skip_address(chars: &mut impl Iterator<Item = char>) {
    while let Some(c) = chars.next() {
        match c {
            '\\' => drop(chars.next()),
            ')' => return,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // https://core.telegram.org/bots/api#markdownv2-style: the list of characters, and the backslash itself
    #[test]
    fn every_special_character_is_escaped() {
        for c in "_*[]()~`>#+-=|{}.!\\".chars() {
            assert_eq!(escape(&format!("a{c}b")), format!("a\\{c}b"));
        }
        assert_eq!(escape("äöü 你好 <&>\n\"'"), "äöü 你好 <&\\>\n\"'");
    }

    #[test]
    fn marks_and_addresses_are_not_counted() {
        let table = [
            ("", 0),
            ("plain", 5),
            ("*bold* _it_ ~s~ ||spoiler||", 4 + 1 + 2 + 1 + 1 + 1 + 7),
            (r"a\.b\\", 4),
            ("[link](https://example.org/a_b\\)c) end", 8),
            ("[not a link] (x)", 14),
            ("dangling \\", 9),
            ("[open](never closed", 4),
        ];
        for (text, count) in table {
            assert_eq!(visible(text), count, "{text}");
        }
    }

    #[test]
    fn what_is_escaped_counts_as_it_was() {
        for text in ["a.b", "(x) [y] *z*", "\\", "~~>!"] {
            assert_eq!(visible(&escape(text)), text.chars().count(), "{text}");
        }
    }
}
