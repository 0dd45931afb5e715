//! Typographic characters and their plain twins.

use super::SmsLength;

/// The twin of a character that is not in GSM's alphabet; what has none stays.
///
/// The quotes, dashes, dots and spaces that editors and phones put in by themselves, as
/// in the lists by which vendors do the same
/// (<https://www.twilio.com/docs/messaging/services/smart-encoding-char-list>). No letter
/// is changed: `á` is not `a`. Joiners (U+200C, U+200D) stay: they make emoji and words.
fn twin(c: char) -> Option<&'static str> {
    Some(match c {
        '\u{2018}'..='\u{201b}'
        | '\u{2032}'
        | '\u{2035}'
        | '\u{2039}'
        | '\u{203a}'
        | '\u{b4}'
        | '`'
        | '\u{2b9}'
        | '\u{2bb}'..='\u{2bd}'
        | '\u{2c8}'
        | '\u{ff07}' => "'",
        '\u{ab}'
        | '\u{bb}'
        | '\u{201c}'..='\u{201f}'
        | '\u{2033}'
        | '\u{2036}'
        | '\u{2ba}'
        | '\u{2ee}'
        | '\u{275d}'
        | '\u{275e}'
        | '\u{301d}'
        | '\u{301e}'
        | '\u{ff02}' => "\"",
        '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => "-",
        '\u{2024}' => ".",
        '\u{2025}' => "..",
        '\u{2026}' => "...",
        '\t' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}' => " ",
        '\u{2028}' | '\u{2029}' | '\u{85}' => "\n",
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => "",
        '\u{2022}' | '\u{2217}' => "*",
        '\u{2044}' | '\u{2215}' => "/",
        '\u{2236}' => ":",
        _ => return None,
    })
}

/// The text with plain twins, if all of it then fits the seven-bit alphabet. If it does
/// not, nothing would be won, and it is better left as it was written.
pub(super) fn plain(text: &str) -> Option<String> {
    SmsLength::of(text).unfit?;
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match twin(c) {
            Some(twin) => plain.push_str(twin),
            None => plain.push(c),
        }
    }
    // A text of nothing but what is dropped would be left without words.
    (SmsLength::of(&plain).unfit.is_none() && !plain.is_empty()).then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typography_is_made_plain_where_that_saves_segments() {
        for (text, expected) in [
            ("Don’t “wait” — it’s 5\u{a0}€…", Some("Don't \"wait\" - it's 5 €...")),
            ("«Ciao» ‹a› 10–12", Some("\"Ciao\" 'a' 10-12")),
            ("soft\u{ad}ly\u{feff}", Some("softly")),
            ("plain already", None),
            ("Don’t 😀", None),
            ("¿Qué tal, señor?", None),
            ("“á”", None),
            ("\u{200b}", None),
        ] {
            assert_eq!(plain(text).as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn every_twin_is_in_the_alphabet_and_its_original_is_not() {
        for c in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            if let Some(twin) = twin(c) {
                assert_eq!(SmsLength::of(twin).unfit, None, "{c:?}");
                assert!(SmsLength::of(&c.to_string()).unfit.is_some(), "{c:?}");
            }
        }
    }
}
