//! Characters that must not reach a header or a name.

/// True for control characters (CR, LF, NUL, …), line separators and the
/// bidirectional controls of Unicode UAX #9, which make a name read as
/// something else.
pub(crate) fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{061c}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}')
}

/// Checks a text that goes into a header; the error says which character.
pub(crate) fn header_safe(text: &str) -> Result<(), String> {
    // All hostile characters are controls or above ASCII.
    if text.bytes().all(|b| (0x20..0x7f).contains(&b)) {
        return Ok(());
    }
    match text.chars().find(|c| is_hostile(*c) && *c != '\t') {
        Some(c) => Err(format!(
            "holds the character U+{:04X}; headers take no line breaks, controls or bidirectional marks",
            c as u32
        )),
        None => Ok(()),
    }
}
