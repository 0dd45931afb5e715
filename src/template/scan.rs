//! The first look at a source, before handlebars' own parser sees it.
//!
//! That parser recurses once for each level of nesting, and some of its rules
//! look ahead to the end of the source, so that a hostile one could overflow
//! the stack or take minutes. This scan is one loop over the bytes. It reads
//! just enough of the syntax to know where tags begin and end, and refuses the
//! few spellings for which that is hard to know: object literals, quotes and
//! brackets inside `[ ]`, quoted partial names.

use super::{
    limits::Limits,
    problem::{At, Problem},
};

/// Bytes of one path or name.
pub(super) const PATH_BYTES: usize = 512;
/// Tags in one source, and bytes before each of them added up: the parser
/// counts lines from the start of the source for every tag.
const TAGS: usize = 4096;
/// Words in all tags of one source: each costs the parser far more than its bytes.
const WORDS: usize = 16 * 1024;
const BEFORE_TAGS: usize = 64 * 1024 * 1024;

type Scanned<T = ()> = Result<T, (Problem, At)>;

/// Refuses a source that is too long, too deep, or hard to read.
pub(super) fn scan(source: &str, limits: &Limits) -> Scanned {
    if source.len() > limits.source_bytes {
        let unit = "bytes in one source";
        return Err((
            Problem::Limit { limit: "Limits::source_bytes", value: limits.source_bytes, unit },
            At::new(1, 1),
        ));
    }
    let mut scan = Scan {
        source,
        at: 0,
        open: Vec::new(),
        depth: 0,
        tags: 0,
        before_tags: 0,
        words: 0,
        nesting: limits.nesting,
    };
    while let Some(start) = scan.next_tag() {
        scan.tag(start)?;
    }
    Ok(())
}

struct Scan<'a> {
    source: &'a str,
    at: usize,
    /// For each open block, how many levels it counts.
    open: Vec<usize>,
    depth: usize,
    tags: usize,
    before_tags: usize,
    words: usize,
    nesting: usize,
}

impl Scan<'_> {
    fn rest(&self) -> &str {
        &self.source[self.at..]
    }

    fn fail<T>(&self, problem: Problem, at: usize) -> Scanned<T> {
        Err((problem, At::of(self.source, at)))
    }

    /// The start of the next tag; one backslash before it makes it text, two do not.
    fn next_tag(&mut self) -> Option<usize> {
        loop {
            let start = self.at + self.rest().find("{{")?;
            let slashes = self.source[self.at..start].bytes().rev().take_while(|b| *b == b'\\').count();
            if slashes != 1 {
                return Some(start);
            }
            let braces = if self.source[start..].starts_with("{{{{") { 4 } else { 2 };
            self.at = start + braces;
        }
    }

    fn tag(&mut self, start: usize) -> Scanned {
        self.tags += 1;
        if self.tags > TAGS {
            let problem = Problem::Limit { limit: "fixed", value: TAGS, unit: "tags in one source" };
            return self.fail(problem, start);
        }
        self.before_tags += start;
        if self.before_tags > BEFORE_TAGS {
            return self.fail(LONG, start);
        }
        self.at = start + 2;
        if self.rest().starts_with("{{") {
            return self.raw_block(start);
        }
        if self.rest().starts_with('!') {
            return self.comment(start);
        }
        self.at += usize::from(self.rest().starts_with('{'));
        self.skip_space();
        self.at += usize::from(self.rest().starts_with(['~', '{']));
        self.skip_space();
        self.at += usize::from(self.rest().starts_with('{'));
        self.opening(start)?;
        let parens = self.inside(start)?;
        self.bear(start, parens)
    }

    fn skip_space(&mut self) {
        self.at = self.source.len() - self.rest().trim_start_matches([' ', '\t', '\r', '\n']).len();
    }

    /// Counts the tag as an opening, a link of a chain, or a closing.
    fn opening(&mut self, start: usize) -> Scanned {
        let rest = self.rest();
        let inner = rest.strip_prefix('#').map_or(rest, str::trim_start);
        if let Some(partial) = inner.strip_prefix('>') {
            self.partial_name(start, partial.trim_start())?;
        }
        if rest.starts_with('#') {
            self.open.push(1);
            self.depth += 1;
        } else if rest.starts_with('/') {
            self.depth -= self.open.pop().unwrap_or(0);
        } else if let Some(condition) = rest.strip_prefix('^').or(rest.strip_prefix("else")) {
            self.link(condition.trim_start_matches([' ', '\t', '\r', '\n', '~']).starts_with('}'));
        }
        self.bear(start, 0)
    }

    /// The parser hangs every `else` with a condition inside the one before it.
    fn link(&mut self, plain: bool) {
        if let (Some(levels), false) = (self.open.last_mut(), plain) {
            *levels += 1;
            self.depth += 1;
        }
    }

    fn partial_name(&self, start: usize, name: &str) -> Scanned {
        if name.starts_with(['(', '[', '\'', '"']) {
            let what = "a computed or quoted name of a partial";
            let instead = "write the name itself, as in {{> footer}}, and choose with {{#if}}";
            return self.fail(Problem::Unsupported { what, instead }, start);
        }
        Ok(())
    }

    fn bear(&self, start: usize, more: usize) -> Scanned {
        if self.depth + more <= self.nesting {
            return Ok(());
        }
        let unit = "levels of blocks, else-ifs and sub-expressions";
        self.fail(Problem::Limit { limit: "Limits::nesting", value: self.nesting, unit }, start)
    }

    /// Runs to the end of the tag; how deep its parentheses go.
    fn inside(&mut self, start: usize) -> Scanned<usize> {
        let (mut open, mut deepest, mut word) = (0_usize, 0, self.at);
        while let Some(byte) = self.source.as_bytes().get(self.at).copied() {
            match byte {
                b'"' | b'\'' => self.string(start, byte)?,
                b'[' => self.bracket(start)?,
                b'{' => return self.fail(OBJECT, start),
                b'(' => open += 1,
                b')' => open = open.saturating_sub(1),
                b'}' if self.rest().starts_with("}}") => {
                    self.at += 2;
                    return Ok(deepest);
                }
                _ => {}
            }
            deepest = deepest.max(open);
            self.at += 1;
            if byte.is_ascii_whitespace() || b"\"'()=|~".contains(&byte) {
                word = self.at;
                self.words += 1;
                if self.words > WORDS {
                    let unit = "words in the tags of one source";
                    return self.fail(Problem::Limit { limit: "fixed", value: WORDS, unit }, start);
                }
            } else if self.at - word > PATH_BYTES {
                // The parser keeps tokens for each letter of it.
                let unit = "bytes in one path or name";
                return self.fail(Problem::Limit { limit: "fixed", value: PATH_BYTES, unit }, start);
            }
        }
        self.fail(Problem::syntax("the tag is not closed by }}"), start)
    }

    /// From a quote to the one that closes it.
    fn string(&mut self, start: usize, quote: u8) -> Scanned {
        let mut bytes = self.source.bytes().enumerate().skip(self.at + 1);
        while let Some((i, byte)) = bytes.next() {
            if byte == b'\\' {
                bytes.next();
            } else if byte == quote {
                self.at = i;
                return Ok(());
            }
        }
        self.fail(Problem::syntax("a string in the tag is not closed"), start)
    }

    /// From `[` to `]`: a key of a path, or a plain list.
    fn bracket(&mut self, start: usize) -> Scanned {
        let rest = &self.source[self.at + 1..];
        match rest.find(['[', ']', '"', '\'', '{', '}', '(', ')']) {
            Some(end) if rest[end..].starts_with(']') => {
                self.at += 1 + end;
                Ok(())
            }
            Some(_) => self.fail(BRACKET, start),
            None => self.fail(Problem::syntax("a [ in the tag is not closed by ]"), start),
        }
    }

    fn comment(&mut self, start: usize) -> Scanned {
        self.at += 1;
        let long = self.rest().trim_start_matches([' ', '\t', '\r', '\n']).starts_with("--");
        let end = if long { "--}}" } else { "}}" };
        match self.rest().find(end) {
            Some(i) => {
                self.at += i + end.len();
                Ok(())
            }
            None => self.fail(Problem::syntax(format!("the comment is not closed by {end}")), start),
        }
    }

    /// `{{{{raw}}}} … {{{{/raw}}}}`: nothing inside is a tag.
    fn raw_block(&mut self, start: usize) -> Scanned {
        self.at += 2;
        self.raw_tag(start)?;
        if !self.next_raw() {
            return self.fail(Problem::syntax("the raw block is not closed by {{{{/…}}}}"), start);
        }
        self.raw_tag(start)?;
        self.bear(start, 1)
    }

    fn raw_tag(&mut self, start: usize) -> Scanned {
        self.inside(start)?;
        self.at += 2 * usize::from(self.rest().starts_with("}}"));
        Ok(())
    }

    /// Past the next four braces that no single backslash makes text.
    fn next_raw(&mut self) -> bool {
        while let Some(i) = self.rest().find("{{{{") {
            let slashes = self.rest()[..i].bytes().rev().take_while(|b| *b == b'\\').count();
            self.at += i + 4;
            if slashes != 1 {
                return true;
            }
        }
        false
    }
}

const LONG: Problem = Problem::Unsupported {
    what: "a source this long with this many tags",
    instead: "move some of it into partials",
};

const OBJECT: Problem =
    Problem::Unsupported { what: "an object literal inside a tag", instead: "put the object into the data" };

const BRACKET: Problem = Problem::Unsupported {
    what: "a bracket, brace or quote inside [ ]",
    instead: "put the list into the data, or use (lookup object \"key\")",
};

#[cfg(test)]
mod tests {
    use super::*;

    fn levels(source: &str) -> usize {
        let limits = |nesting| Limits { nesting, ..Limits::default() };
        (0..).find(|n| scan(source, &limits(*n)).is_ok()).expect("some depth is enough")
    }

    #[test]
    fn depth_counts_blocks_links_and_parentheses() {
        assert_eq!(levels("{{a}} {{b}}"), 0);
        assert_eq!(levels("{{#a}}{{/a}}{{#a}}{{else}}{{/a}}"), 1);
        assert_eq!(levels("{{#a}}{{#a}}{{/a}}{{/a}}"), 2);
        assert_eq!(levels("{{#if a}}{{else if b}}{{else if c}}{{else}}{{/if}}"), 3);
        assert_eq!(levels("{{#if (not (not a))}}{{/if}}"), 3);
        assert_eq!(levels("{{#> p}}{{~ # *inline \"x\"}}{{/inline}}{{/p}}"), 2);
    }

    #[test]
    fn what_is_no_tag_closes_nothing() {
        for hidden in
            ["\\{{/a}}", "{{! {{/a }}", "{{!-- {{/a}} --}}", "{{x \"{{/a}}\"}}", "{{{{r}}}}{{/a}}{{{{/r}}}}"]
        {
            let source = format!("{{{{#a}}}}{hidden}{{{{#a}}}}{{{{/a}}}}{{{{/a}}}}");
            assert_eq!(levels(&source), 2, "{source}");
        }
        assert_eq!(levels("{{#a}}\\\\{{/a}}{{#a}}{{/a}}"), 1, "two backslashes hide nothing");
    }

    #[test]
    fn a_long_source_may_not_have_many_tags() {
        let source = ("x".repeat(50) + "{{a}}").repeat(2300);
        assert!(matches!(scan(&source, &Limits::default()), Err((Problem::Unsupported { .. }, _))));
        assert!(scan(&source[..55 * 1000], &Limits::default()).is_ok());
    }
}
