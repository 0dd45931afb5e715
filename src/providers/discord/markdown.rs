//! Words without markup in Discord's Markdown.

use std::borrow::Cow;

/// Marks that mean something anywhere in a text.
const MARKS: &[char] = &['\\', '*', '_', '~', '`', '|', '<', '[', ']'];

/// Text that Discord's Markdown shows as it is, but for links, which stay links.
///
/// <https://support.discord.com/hc/en-us/articles/210298617>: a backslash before a mark takes its meaning.
pub fn escape(text: &str) -> Cow<'_, str> {
    if !text.contains(|c| MARKS.contains(&c) || matches!(c, '#' | '-' | '>' | '+' | '.')) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for (index, line) in text.split('\n').enumerate() {
        if index > 0 {
            out.push('\n');
        }
        escape_line(line, &mut out);
    }
    Cow::Owned(out)
}

fn escape_line(line: &str, out: &mut String) {
    let words = line.trim_start();
    let (gap, words) = line.split_at(line.len() - words.len());
    out.push_str(gap);
    // Headings, lists and quotes begin a line.
    let digits = words.bytes().take_while(u8::is_ascii_digit).count();
    let rest = match words[digits..].chars().next() {
        Some('#' | '-' | '>' | '+') if digits == 0 => {
            out.push('\\');
            words
        }
        Some('.') if digits > 0 => {
            out.push_str(&words[..digits]);
            out.push('\\');
            &words[digits..]
        }
        _ => words,
    };
    for (index, word) in rest.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        match is_link(word) {
            true => out.push_str(word),
            false => escape_word(word, out),
        }
    }
}

/// Within a link a backslash would be a part of it.
fn is_link(word: &str) -> bool {
    (word.starts_with("https://") || word.starts_with("http://"))
        && !word.contains(['<', '`', '|', '*', '\\'])
}

fn escape_word(word: &str, out: &mut String) {
    for c in word.chars() {
        if MARKS.contains(&c) {
            out.push('\\');
        }
        out.push(c);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_lose_their_meaning_and_links_stay() {
        for (text, expected) in [
            ("plain words", "plain words"),
            ("*a* _b_ ~~c~~ `d` ||e||", "\\*a\\* \\_b\\_ \\~\\~c\\~\\~ \\`d\\` \\|\\|e\\|\\|"),
            ("# no heading\n- no list\n> no quote", "\\# no heading\n\\- no list\n\\> no quote"),
            ("  -# small", "  \\-# small"),
            ("1. one\n12. twelve\n1.5 x", "1\\. one\n12\\. twelve\n1\\.5 x"),
            ("a # b - c > d.", "a # b - c > d."),
            ("[x](https://a.org)", "\\[x\\](https://a.org)"),
            ("see https://a.org/b_c_d now", "see https://a.org/b_c_d now"),
            ("https://a.org/*x*", "https://a.org/\\*x\\*"),
            ("<@123> C:\\x", "\\<@123> C:\\\\x"),
        ] {
            assert_eq!(escape(text), expected);
        }
    }
}
