//! Where a render writes: escaped, indented, and no more than allowed.

use super::problem::{Problem, Trouble};

/// Rendered text, of at most `limit` bytes.
#[derive(Debug)]
pub(super) struct Output {
    text: String,
    limit: usize,
    indent: String,
    line_start: bool,
}

impl Output {
    pub(super) fn new(capacity: usize, limit: usize) -> Self {
        Self { text: String::with_capacity(capacity), limit, indent: String::new(), line_start: true }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// What was written after the last `quote`.
    pub(super) fn since(&self, quote: u8) -> &str {
        let start = self.text.rfind(quote as char).map_or(0, |i| i + 1);
        &self.text[start..]
    }

    /// Begins every further line with `indent` too; what undoes it.
    pub(super) fn indent(&mut self, indent: &str) -> usize {
        let before = self.indent.len();
        self.indent.push_str(indent);
        self.line_start = self.text.is_empty() || self.text.ends_with('\n');
        before
    }

    pub(super) fn dedent(&mut self, before: usize) {
        self.indent.truncate(before);
    }

    /// Writes text as it is.
    pub(super) fn write(&mut self, text: &str) -> Result<(), Trouble> {
        if self.indent.is_empty() {
            return self.push(text);
        }
        text.split_inclusive('\n').try_for_each(|line| self.write_line(line))
    }

    fn write_line(&mut self, line: &str) -> Result<(), Trouble> {
        if self.line_start && !line.trim_end_matches(['\r', '\n']).is_empty() {
            if self.text.len() + self.indent.len() > self.limit {
                return Err(self.full());
            }
            self.text.push_str(&self.indent);
        }
        self.line_start = line.ends_with('\n');
        self.push(line)
    }

    #[inline]
    fn push(&mut self, text: &str) -> Result<(), Trouble> {
        if text.len() > self.limit.saturating_sub(self.text.len()) {
            return Err(self.full());
        }
        self.text.push_str(text);
        Ok(())
    }

    #[cold]
    fn full(&self) -> Trouble {
        let unit = "bytes of output";
        Problem::Limit { limit: "Limits::output_bytes", value: self.limit, unit }.into()
    }

    /// Writes text so that HTML shows it as it is, in text and in attributes.
    pub(super) fn write_escaped(&mut self, text: &str) -> Result<(), Trouble> {
        let mut done = 0;
        for (i, byte) in text.bytes().enumerate() {
            if let Some(entity) = entity(byte) {
                self.write(&text[done..i])?;
                self.write(entity)?;
                done = i + 1;
            }
        }
        self.write(&text[done..])
    }
}

/// The seven that handlebars escapes: the last two end an unquoted attribute.
#[inline]
fn entity(byte: u8) -> Option<&'static str> {
    Some(match byte {
        b'<' => "&lt;",
        b'>' => "&gt;",
        b'"' => "&quot;",
        b'&' => "&amp;",
        b'\'' => "&#x27;",
        b'`' => "&#x60;",
        b'=' => "&#x3D;",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str) -> String {
        let mut out = Output::new(0, 1000);
        out.write_escaped(text).expect("small");
        out.into_text()
    }

    #[test]
    fn escaping_agrees_with_handlebars() {
        for text in ["", "plain ü", "<a href='x'>&\"`=</a>", "é<é>é", "&&"] {
            assert_eq!(escaped(text), handlebars::html_escape(text));
        }
    }

    #[test]
    fn the_limit_counts_what_escaping_adds() {
        let mut out = Output::new(0, 3);
        assert!(out.write_escaped("<").is_err());
        assert!(out.write("abc").is_ok());
        assert!(out.write("d").is_err());
    }

    #[test]
    fn lines_are_indented_and_empty_ones_are_not() {
        let mut out = Output::new(0, 100);
        let before = out.indent("  ");
        out.write("a\n\nb").expect("small");
        out.write("c\n").expect("small");
        out.dedent(before);
        out.write("d").expect("small");
        assert_eq!(out.into_text(), "  a\n\n  bc\nd");
    }
}
