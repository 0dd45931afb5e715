//! Headers: folded at spaces, other letters than ASCII as encoded words.

use base64::{Engine as _, engine::general_purpose::STANDARD as BASE64};

use crate::error::{Error, Result};

/// RFC 5322 section 2.1.1 allows 998; the rest is for the header's name.
const LONGEST_WORD: usize = 900;
/// The width that RFC 5322 section 2.1.1 asks for, and RFC 2047 section 2 for encoded words.
const WIDTH: usize = 76;
const PREFIX: &str = "=?utf-8?b?";
const SUFFIX: &str = "?=";

/// A header that is being written.
pub(super) struct Line<'a> {
    out: &'a mut String,
    /// Where the present line begins.
    start: usize,
    /// Nothing but the name is on the line: there a fold would leave it empty.
    bare: bool,
}

impl<'a> Line<'a> {
    /// Begins a header, up to the space behind the colon.
    pub(super) fn new(out: &'a mut String, name: &str) -> Self {
        let start = out.len();
        out.extend([name, ": "]);
        Self { out, start, bare: true }
    }

    /// The header's whole value.
    ///
    /// # Errors
    /// If it cannot be folded, naming `field`.
    pub(super) fn text(mut self, field: &'static str, value: &str) -> Result<()> {
        foldable(field, value)?;
        if value.len() <= self.room() && is_plain(value) {
            self.out.push_str(value);
        } else {
            self.words(value);
        }
        self.end();
        Ok(())
    }

    /// Ends the header.
    pub(super) fn end(self) {
        self.out.push_str("\r\n");
    }

    /// A mailbox of a list, with the comma if more follow.
    ///
    /// # Errors
    /// If the name cannot be folded, naming `field`.
    pub(super) fn mailbox(
        &mut self,
        field: &'static str,
        name: Option<&str>,
        address: &str,
        more: bool,
    ) -> Result<()> {
        if !self.bare {
            self.space(match name {
                Some(name) if is_quotable(name) => name.len() + 2,
                Some(_) => PREFIX.len() + SUFFIX.len() + 12,
                None => address.len() + 1,
            });
        }
        if let Some(name) = name {
            foldable(field, name)?;
            self.name(name);
            self.space(address.len() + 3);
            self.out.push('<');
        }
        self.out.push_str(address);
        self.bare = false;
        self.out.push_str(match (name.is_some(), more) {
            (true, true) => ">,",
            (true, false) => ">",
            (false, true) => ",",
            (false, false) => "",
        });
        Ok(())
    }

    /// RFC 5322 section 3.2.5: an atom, a quoted text, or encoded words.
    fn name(&mut self, name: &str) {
        let is_atom = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if name.bytes().all(is_atom) {
            self.out.push_str(name);
        } else if is_quotable(name) {
            self.out.push('"');
            for c in name.chars() {
                self.out.extend(matches!(c, '"' | '\\').then_some('\\'));
                self.out.push(c);
            }
            self.out.push('"');
        } else {
            self.encoded(name);
        }
        self.bare = false;
    }

    fn room(&self) -> usize {
        WIDTH.saturating_sub(self.out.len() - self.start)
    }

    /// A space, or a fold if what follows would not fit behind one.
    fn space(&mut self, next: usize) {
        if self.room() < next + 1 && !self.bare {
            self.out.push_str("\r\n");
            self.start = self.out.len();
        }
        self.out.push(' ');
    }

    /// Words one by one; neighbours that must be encoded are encoded with the spaces between them, which
    /// a reader drops between two encoded words (RFC 2047 section 6.2).
    fn words(&mut self, value: &str) {
        let mut rest = value;
        while !rest.is_empty() {
            let spaces = rest.len() - rest.trim_start_matches(' ').len();
            let (gap, after) = rest.split_at(spaces);
            let run = encoded_run(after);
            if run > 0 {
                self.gap(gap, PREFIX.len() + SUFFIX.len() + 8);
                self.encoded(&after[..run]);
                rest = &after[run..];
            } else {
                let word = after.find(' ').unwrap_or(after.len());
                // A line of nothing but white space is none that may be folded to (RFC 5322 section 3.2.2).
                let blank = after[..word].trim_matches('\t').is_empty();
                self.gap(gap, if blank { 0 } else { word });
                self.out.push_str(&after[..word]);
                rest = &after[word..];
            }
            self.bare = false;
        }
    }

    /// Spaces between two words, with a fold before them if the next does not fit and there is one to fold at.
    fn gap(&mut self, gap: &str, next: usize) {
        if next > 0 && !gap.is_empty() && !self.bare && self.room() < gap.len() + next {
            self.out.push_str("\r\n");
            self.start = self.out.len();
        }
        self.out.push_str(gap);
    }

    /// RFC 2047 section 2: at most 75 characters each, cut between letters (section 5).
    fn encoded(&mut self, text: &str) {
        let mut rest = text;
        while !rest.is_empty() {
            let room = self.room().saturating_sub(PREFIX.len() + SUFFIX.len()) / 4 * 3;
            let cut = floor(rest, room.min(45));
            if cut == 0 {
                self.fold();
                continue;
            }
            let (now, later) = rest.split_at(cut);
            self.out.push_str(PREFIX);
            BASE64.encode_string(now, self.out);
            self.out.push_str(SUFFIX);
            self.bare = false;
            if !later.is_empty() {
                self.fold();
            }
            rest = later;
        }
    }

    fn fold(&mut self) {
        self.out.push_str("\r\n ");
        self.start = self.out.len() - 1;
    }
}

/// How much of the beginning of `text` must be encoded: words that are not plain, with the gaps between them.
fn encoded_run(text: &str) -> usize {
    let (mut end, mut at) = (0, 0);
    while at < text.len() {
        let word = text[at..].find(' ').map_or(text.len(), |space| at + space);
        if is_plain(&text[at..word]) {
            break;
        }
        end = word;
        at = word + (text.len() - word - text[word..].trim_start_matches(' ').len());
    }
    end
}

/// A name that can stand in quotes on one line.
fn is_quotable(name: &str) -> bool {
    name.len() < WIDTH && is_plain(name) && !name.contains('\t')
}

/// What a reader shows as it stands. What looks like an encoded word would be decoded.
fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b == b'\t' || (b' '..=b'~').contains(&b)) && !text.contains("=?")
}

/// The longest beginning of at most so many octets that ends between two letters.
fn floor(text: &str, most: usize) -> usize {
    let mut cut = most.min(text.len());
    while !text.is_char_boundary(cut) {
        cut -= 1;
    }
    cut
}

/// Lines are folded at spaces; other letters than ASCII are encoded and may be cut anywhere.
fn foldable(field: &'static str, value: &str) -> Result<()> {
    let short = |run: &str| run.len() <= LONGEST_WORD || !run.is_ascii();
    let words_fit = || value.split(' ').all(short);
    let gaps_fit = || value.split(|c| c != ' ').all(short);
    if value.len() <= LONGEST_WORD || (words_fit() && gaps_fit()) {
        return Ok(());
    }
    Err(Error::invalid(
        field,
        "a header is folded at spaces: at most 900 characters, or 900 spaces, in a row",
    ))
}
