//! Replies of a server, read from octets in whatever pieces they arrive (RFC 5321 section 4.2).

/// The longest reply that is read. RFC 5321 section 4.5.3.1.5 knows lines of
/// 512 octets; nobody needs a hundred of them.
const LONGEST: usize = 64 * 1024;

/// A whole reply.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Reply {
    pub(super) code: u16,
    /// The lines' texts, without their codes.
    text: String,
}

impl Reply {
    /// The lines' texts.
    pub(super) fn lines(&self) -> std::str::Lines<'_> {
        self.text.lines()
    }

    /// The text in one line, without the enhanced code that each further line begins with.
    pub(super) fn said(&self) -> String {
        let code = self.text.split(' ').next().filter(|word| word.contains('.'));
        let mut lines = self.lines();
        let mut said = lines.next().unwrap_or_default().to_owned();
        for line in lines {
            let line = code.and_then(|code| line.strip_prefix(code)).unwrap_or(line);
            said.push(' ');
            said.push_str(line.trim_start());
        }
        said
    }

    /// "Requested mail action okay" (RFC 5321 section 4.2.3: 250 to 259).
    pub(super) fn is_done(&self) -> bool {
        (250..=259).contains(&self.code)
    }

    /// A refusal, for now or for ever.
    pub(super) fn is_refusal(&self) -> bool {
        (400..=599).contains(&self.code)
    }

    /// The server hangs up (RFC 5321 section 3.8).
    pub(super) fn is_farewell(&self) -> bool {
        self.code == 421
    }
}

/// What came is no reply.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Nonsense;

/// The octets that came, and the reply that is being put together from them.
#[derive(Debug, Default)]
pub(super) struct Replies {
    octets: Vec<u8>,
    /// What was read of them.
    taken: usize,
    /// How far there is no line's end.
    searched: usize,
    open: Option<Reply>,
}

impl Replies {
    /// Where octets that arrive are put.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        if self.taken == self.octets.len() {
            self.clear_octets();
        }
        &mut self.octets
    }

    /// The next reply, if it is here as a whole.
    pub(super) fn next(&mut self) -> Result<Option<Reply>, Nonsense> {
        while let Some((start, end)) = self.line()? {
            let (code, last, text) = parsed(&self.octets[start..end])?;
            let reply = self.open.get_or_insert_with(|| Reply { code, text: String::new() });
            if reply.code != code || reply.text.len() + text.len() > LONGEST {
                return Err(Nonsense);
            }
            reply.text.push_str(&text);
            if last {
                return Ok(self.open.take());
            }
            reply.text.push('\n');
        }
        Ok(None)
    }

    /// True if nothing came that was not read.
    pub(super) fn is_empty(&self) -> bool {
        self.taken == self.octets.len() && self.open.is_none()
    }

    /// Forgets what came: before TLS it may be anybody's (RFC 3207 section 4.2).
    pub(super) fn clear(&mut self) {
        self.clear_octets();
        self.open = None;
    }

    /// What came and is no reply, for an error's text.
    pub(super) fn unread(&self) -> &[u8] {
        &self.octets[self.taken..]
    }

    fn clear_octets(&mut self) {
        self.octets.clear();
        (self.taken, self.searched) = (0, 0);
    }

    /// Where the next line is, without its end. A bare LF ends one as well: what follows from a line is ours to say.
    fn line(&mut self) -> Result<Option<(usize, usize)>, Nonsense> {
        let start = self.taken;
        let Some(found) = self.octets[self.searched..].iter().position(|b| *b == b'\n') else {
            self.searched = self.octets.len();
            return if self.searched - start > LONGEST { Err(Nonsense) } else { Ok(None) };
        };
        let end = self.searched + found;
        // Nonsense stays unread, so that an error can quote it.
        let line = &self.octets[start..end];
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        let stop = start + line.len();
        parsed(line)?;
        (self.taken, self.searched) = (end + 1, end + 1);
        Ok(Some((start, stop)))
    }
}

/// Code, whether the line is the reply's last, and text.
fn parsed(line: &[u8]) -> Result<(u16, bool, std::borrow::Cow<'_, str>), Nonsense> {
    let (code, rest) = line.split_at_checked(3).ok_or(Nonsense)?;
    // RFC 5321 section 4.2: the first digit is 2 to 5.
    if !matches!(code[0], b'2'..=b'5') || !code.iter().all(u8::is_ascii_digit) {
        return Err(Nonsense);
    }
    let number = code.iter().fold(0, |sum, digit| sum * 10 + u16::from(digit - b'0'));
    let (last, text) = match rest {
        [] => (true, rest),
        [b' ', text @ ..] => (true, text),
        [b'-', text @ ..] => (false, text),
        _ => return Err(Nonsense),
    };
    Ok((number, last, String::from_utf8_lossy(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fed(octets: &[u8], step: usize) -> Result<Vec<(u16, String)>, Nonsense> {
        let (mut replies, mut found) = (Replies::default(), Vec::new());
        for piece in octets.chunks(step) {
            replies.buffer().extend_from_slice(piece);
            while let Some(reply) = replies.next()? {
                found.push((reply.code, reply.said()));
            }
        }
        Ok(found)
    }

    #[test]
    fn replies_are_read_whatever_the_pieces() {
        let octets = b"250-2.1.0 one\r\n250-2.1.0 two\r\n250 2.1.0 three\r\n354\r\n550-no\n550 \xff\n";
        let expected = vec![
            (250, "2.1.0 one two three".to_owned()),
            (354, String::new()),
            (550, "no \u{fffd}".to_owned()),
        ];
        for step in [1, 2, 3, 7, 1_000] {
            assert_eq!(fed(octets, step), Ok(expected.clone()), "in pieces of {step}");
        }
    }

    #[test]
    fn what_is_no_reply_is_said_to_be_none() {
        for nonsense in [
            "HTTP/1.1 400 Bad\r\n",
            "\r\n",
            "25\r\n",
            "650 a\r\n",
            "150 a\r\n",
            "250a\r\n",
            "250-a\r\n251 b\r\n",
        ] {
            assert_eq!(fed(nonsense.as_bytes(), 1), Err(Nonsense), "{nonsense}");
        }
        assert_eq!(fed("250-a\r\n".repeat(40_000).as_bytes(), 4_096), Err(Nonsense), "without end");
        assert_eq!(fed(&[b'2'; 70_000], 4_096), Err(Nonsense), "a line without end");
    }

    #[test]
    fn what_came_before_tls_is_forgotten() {
        let mut replies = Replies::default();
        replies.buffer().extend_from_slice(b"220 go\r\n250-AUTH PLAIN\r\n250 in");
        assert_eq!(replies.next().map(|reply| reply.map(|reply| reply.code)), Ok(Some(220)));
        assert!(!replies.is_empty());
        replies.clear();
        assert!(replies.is_empty());
        replies.buffer().extend_from_slice(b"250 ok\r\n");
        assert_eq!(replies.next().map(|reply| reply.map(|reply| reply.said())), Ok(Some("ok".to_owned())));
    }
}
