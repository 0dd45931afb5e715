//! The canonical form `relaxed` (RFC 6376 section 3.4).

use aws_lc_rs::digest;

const CRLF: &[u8] = b"\r\n";

/// A header field as it stands in the message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    value: &'a [u8],
}

impl Field<'_> {
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// Adds the field in its relaxed form (section 3.4.2).
    pub(super) fn relaxed(&self, out: &mut Vec<u8>) {
        out.extend(self.name.iter().map(u8::to_ascii_lowercase));
        out.push(b':');
        relaxed_value(self.value, out);
        out.extend_from_slice(CRLF);
    }
}

/// Adds a value unfolded, its white space drawn together.
pub(super) fn relaxed_value(value: &[u8], out: &mut Vec<u8>) {
    let words = value.split(|b| matches!(b, b' ' | b'\t' | b'\r' | b'\n')).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The header's fields in their order, and the body.
pub(super) fn split(message: &[u8]) -> (Vec<Field<'_>>, &[u8]) {
    let (mut fields, mut rest) = (Vec::with_capacity(16), message);
    while !rest.is_empty() {
        let (field, behind) = next_field(rest);
        if field.is_empty() {
            return (fields, behind);
        }
        // What is no field (a line without a colon) is not signed.
        if let Some(colon) = field.iter().position(|b| *b == b':') {
            fields.push(Field { name: field[..colon].trim_ascii_end(), value: &field[colon + 1..] });
        }
        rest = behind;
    }
    (fields, rest)
}

/// The lines up to the next that does not begin with white space, without the last line's end.
fn next_field(text: &[u8]) -> (&[u8], &[u8]) {
    let mut from = 0;
    while let Some(end) = find_crlf(&text[from..]).map(|at| from + at) {
        from = end + CRLF.len();
        let folded = end > 0 && matches!(text.get(from), Some(b' ' | b'\t'));
        if !folded {
            return (&text[..end], &text[from..]);
        }
    }
    (text, &[])
}

fn find_crlf(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    while let Some(at) = text[from..].iter().position(|b| *b == b'\r').map(|at| from + at) {
        if text.get(at + 1) == Some(&b'\n') {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

/// The SHA-256 of the body in its relaxed form (section 3.4.4).
pub(super) fn body_hash(body: &[u8]) -> digest::Digest {
    let mut hash = digest::Context::new(&digest::SHA256);
    let (mut rest, mut empty, mut line_out) = (body, 0_usize, Vec::new());
    while !rest.is_empty() {
        let end = find_crlf(rest);
        let line = &rest[..end.unwrap_or(rest.len())];
        rest = end.map_or(&[], |end| &rest[end + CRLF.len()..]);
        line_out.clear();
        relaxed_line(line, &mut line_out);
        if line_out.is_empty() {
            // They count only if a line follows that is not empty.
            empty += 1;
            continue;
        }
        (0..std::mem::take(&mut empty)).for_each(|_| hash.update(CRLF));
        line_out.extend_from_slice(CRLF);
        hash.update(&line_out);
    }
    hash.finish()
}

fn relaxed_line(line: &[u8], out: &mut Vec<u8>) {
    let end = line.iter().rposition(|b| !matches!(b, b' ' | b'\t')).map_or(0, |last| last + 1);
    let mut in_gap = false;
    for byte in &line[..end] {
        let gap = matches!(byte, b' ' | b'\t');
        if !gap {
            out.push(*byte);
        } else if !in_gap {
            out.push(b' ');
        }
        in_gap = gap;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash_of(body: &[u8]) -> Vec<u8> {
        body_hash(body).as_ref().to_vec()
    }

    fn sha256(text: &[u8]) -> Vec<u8> {
        digest::digest(&digest::SHA256, text).as_ref().to_vec()
    }

    /// RFC 6376 section 3.4.5, example 1.
    #[test]
    fn the_example_of_the_rfc() {
        let message = b"A: X\r\nB : Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
        let (fields, body) = split(message);
        let mut header = Vec::new();
        fields.iter().for_each(|field| field.relaxed(&mut header));
        assert_eq!(header, b"a:X\r\nb:Y Z\r\n");
        assert_eq!(hash_of(body), sha256(b" C\r\nD E\r\n"));
    }

    #[test]
    fn bodies() {
        for (body, canonical) in [
            (&b""[..], &b""[..]),
            (b"\r\n", b""),
            (b" \t\r\n\r\n", b""),
            (b"x", b"x\r\n"),
            (b"\r\nx\r\n \r\ny\r\n\r\n", b"\r\nx\r\n\r\ny\r\n"),
            (b"a\rb\nc \r\n", b"a\rb\nc\r\n"),
        ] {
            assert_eq!(hash_of(body), sha256(canonical), "{body:?}");
        }
    }

    #[test]
    fn nonsense_does_not_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let text: Vec<u8> = (0..random.usize(0..24)).map(|_| b"a: \t\r\n"[random.usize(0..6)]).collect();
            let (fields, body) = split(&text);
            let mut out = Vec::new();
            fields.iter().for_each(|field| field.relaxed(&mut out));
            let _ = body_hash(body);
        }
    }
}
