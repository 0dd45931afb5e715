//! How a text travels by SMS: its alphabet, and into how many parts it is cut.
//!
//! The alphabet and its extension table are those of 3GPP TS 23.038 sections 6.2.1 and
//! 6.2.1.1, without the national tables, which no vendor here uses; a text that does not fit
//! them goes as UCS-2 (section 6.2.3), which phones read as UTF-16. A part of a longer text
//! gives six octets to the header that joins them (3GPP TS 23.040 section 9.2.3.24.1).

use std::fmt;

/// The default alphabet of GSM, in the order of its codes, without the escape.
const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?\
                     ¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
/// What takes an escape before it.
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// The alphabet in which a text travels.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum SmsEncoding {
    /// Seven bits a character: 160 in a message, 153 in each part of a longer one.
    /// The characters `^ { } \ [ ~ ] | €` count twice.
    Gsm7,
    /// Sixteen bits: 70 in a message, 67 in each part of a longer one. Characters
    /// beyond the basic plane, such as emoji, count twice.
    Ucs2,
}

impl SmsEncoding {
    /// What one message holds, and what each part of a longer one does.
    const fn room(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }

    /// How many units `c` takes; `None` if it is not in this alphabet.
    fn units(self, c: char) -> Option<usize> {
        match self {
            Self::Gsm7 => septets(c),
            Self::Ucs2 => Some(c.len_utf16()),
        }
    }
}

impl fmt::Display for SmsEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        })
    }
}

/// How long a text is by SMS.
///
/// ```
/// use tidings::message::{SmsEncoding, SmsLength};
///
/// let length = SmsLength::of("Your table costs 20 €.");
/// assert_eq!((length.encoding, length.units, length.segments), (SmsEncoding::Gsm7, 23, 1));
/// assert_eq!(SmsLength::of("Don’t").unfit, Some('’'));
/// ```
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub struct SmsLength {
    /// The alphabet.
    pub encoding: SmsEncoding,
    /// Characters of seven bits, or units of sixteen.
    pub units: usize,
    /// Into how many parts it is cut, which is what vendors bill; 0 if there are no words.
    pub segments: u32,
    /// The first character that is not in the seven-bit alphabet: the one that costs.
    pub unfit: Option<char>,
}

impl SmsLength {
    /// Measures a text.
    pub fn of(text: &str) -> Self {
        let unfit = text.chars().find(|c| septets(*c).is_none());
        let encoding = if unfit.is_some() { SmsEncoding::Ucs2 } else { SmsEncoding::Gsm7 };
        let units = text.chars().filter_map(|c| encoding.units(c)).sum();
        Self { encoding, units, segments: segments(text, encoding, units), unfit }
    }
}

/// How many septets a character takes in GSM's alphabet.
fn septets(c: char) -> Option<usize> {
    // Most of what is written; the search is for the rest.
    if matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9' | ' ') || BASIC.contains(c) {
        return Some(1);
    }
    EXTENSION.contains(c).then_some(2)
}

/// A character is never cut: one of two units that does not fit begins the next part.
fn segments(text: &str, encoding: SmsEncoding, units: usize) -> u32 {
    let (alone, part) = encoding.room();
    if units <= alone {
        return u32::from(units > 0);
    }
    let (mut parts, mut used) = (1_u32, 0);
    for units in text.chars().filter_map(|c| encoding.units(c)) {
        if used + units > part {
            (parts, used) = (parts.saturating_add(1), 0);
        }
        used += units;
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn length(text: &str) -> (SmsEncoding, usize, u32) {
        let SmsLength { encoding, units, segments, .. } = SmsLength::of(text);
        (encoding, units, segments)
    }

    #[test]
    fn the_alphabet_has_127_characters_and_ten_behind_the_escape() {
        let mut all: Vec<char> = BASIC.chars().chain(EXTENSION.chars()).collect();
        assert_eq!((BASIC.chars().count(), EXTENSION.chars().count()), (127, 10));
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 137, "each once");
    }

    #[test]
    fn texts_at_the_edges() {
        use SmsEncoding::{Gsm7, Ucs2};
        for (text, expected) in [
            (String::new(), (Gsm7, 0, 0)),
            ("a".repeat(160), (Gsm7, 160, 1)),
            ("a".repeat(161), (Gsm7, 161, 2)),
            ("a".repeat(306), (Gsm7, 306, 2)),
            ("a".repeat(307), (Gsm7, 307, 3)),
            ("€".repeat(80), (Gsm7, 160, 1)),
            ("€".repeat(81), (Gsm7, 162, 2)),
            // 76 fit into a part of 153: the 77th begins the next.
            ("€".repeat(152), (Gsm7, 304, 2)),
            ("€".repeat(153), (Gsm7, 306, 3)),
            (format!("{}€{}", "a".repeat(152), "a".repeat(152)), (Gsm7, 306, 3)),
            ("ж".repeat(70), (Ucs2, 70, 1)),
            ("ж".repeat(71), (Ucs2, 71, 2)),
            ("ж".repeat(134), (Ucs2, 134, 2)),
            ("ж".repeat(135), (Ucs2, 135, 3)),
            ("😀".repeat(35), (Ucs2, 70, 1)),
            ("😀".repeat(36), (Ucs2, 72, 2)),
            ("😀".repeat(66), (Ucs2, 132, 2)),
            ("😀".repeat(67), (Ucs2, 134, 3)),
            (format!("{}😀{}", "ж".repeat(66), "ж".repeat(66)), (Ucs2, 134, 3)),
        ] {
            assert_eq!(length(&text), expected, "{} of {:?}", text.chars().count(), text.chars().next());
        }
        // Small c with cedilla is not in the alphabet, the capital is.
        assert_eq!((SmsLength::of("Ç").unfit, SmsLength::of("Aç").unfit), (None, Some('ç')));
    }

    /// What a phone would do: cuts the units and looks for halves.
    fn cut(text: &str, encoding: SmsEncoding) -> Vec<Vec<usize>> {
        let (alone, part) = encoding.room();
        let units: Vec<usize> = text.chars().filter_map(|c| encoding.units(c)).collect();
        if units.iter().sum::<usize>() <= alone {
            return vec![units];
        }
        let mut parts = vec![Vec::new()];
        for unit in units {
            let last = parts.last_mut().expect("never empty");
            if last.iter().sum::<usize>() + unit > part { parts.push(vec![unit]) } else { last.push(unit) }
        }
        parts
    }

    #[test]
    fn random_texts_are_cut_between_characters_and_as_few_times_as_possible() {
        let mut random = fastrand::Rng::with_seed(7);
        let plain: Vec<char> = BASIC.chars().chain(EXTENSION.chars()).collect();
        let wide: Vec<char> = "aж€’😀𝒳{".chars().collect();
        for round in 0..2_000 {
            let alphabet = if round % 2 == 0 { &plain } else { &wide };
            let text: String =
                (0..random.usize(0..700)).map(|_| alphabet[random.usize(0..alphabet.len())]).collect();
            let length = SmsLength::of(&text);
            let parts = cut(&text, length.encoding);
            let (alone, part) = length.encoding.room();
            assert_eq!(length.segments as usize, if text.is_empty() { 0 } else { parts.len() });
            assert_eq!(length.units, parts.iter().flatten().sum::<usize>());
            assert!(parts.len() == 1 || parts.iter().all(|units| units.iter().sum::<usize>() <= part));
            // Never fewer than the units need, and never more than one lost unit a part explains.
            assert!(length.segments as usize >= length.units.div_ceil(alone.max(part)));
            assert!(parts.len() <= 1 + length.units.div_ceil(part - 1));
            assert_eq!(length.encoding == SmsEncoding::Gsm7, length.unfit.is_none());
        }
    }

    #[test]
    fn more_text_never_takes_fewer_segments() {
        let mut random = fastrand::Rng::with_seed(11);
        let (mut text, mut before) = (String::new(), 0);
        for _ in 0..1_500 {
            text.push(if random.bool() { 'a' } else { '|' });
            let now = SmsLength::of(&text).segments;
            assert!(now == before || now == before + 1, "{before} to {now}");
            before = now;
        }
    }
}
