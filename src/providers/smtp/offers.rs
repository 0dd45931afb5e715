//! What a server offers in its answer to EHLO (RFC 5321 section 4.1.1.1).

use super::reply::Reply;

/// The extensions that matter here.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Offers {
    pub(super) eight_bit: bool,
    pub(super) login: bool,
    pub(super) pipelining: bool,
    pub(super) plain: bool,
    /// The most recipients of one transaction (RFC 9422).
    pub(super) recipients: Option<usize>,
    /// The size extension (RFC 1870); within, the most octets of a message if there is such a limit.
    pub(super) size: Option<Option<usize>>,
    pub(super) starttls: bool,
    pub(super) utf8: bool,
    pub(super) xoauth2: bool,
}

impl Offers {
    /// Reads the answer to EHLO.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut offers = Self::default();
        // The first line is the server's name.
        for line in reply.lines().skip(1) {
            offers.add(line.trim());
        }
        offers
    }

    fn add(&mut self, line: &str) {
        // `AUTH=PLAIN` is from before RFC 2554 and still seen.
        let (keyword, rest) = line.split_once([' ', '=']).unwrap_or((line, ""));
        match keyword.to_ascii_uppercase().as_str() {
            "8BITMIME" => self.eight_bit = true,
            "AUTH" => self.add_mechanisms(rest),
            "LIMITS" => self.add_limits(rest),
            "PIPELINING" => self.pipelining = true,
            "SIZE" => self.size = Some(rest.trim().parse().ok().filter(|most| *most > 0)),
            "SMTPUTF8" => self.utf8 = true,
            "STARTTLS" => self.starttls = true,
            _ => {}
        }
    }

    fn add_mechanisms(&mut self, list: &str) {
        for mechanism in list.split_whitespace() {
            match mechanism.to_ascii_uppercase().as_str() {
                "LOGIN" => self.login = true,
                "PLAIN" => self.plain = true,
                "XOAUTH2" => self.xoauth2 = true,
                _ => {}
            }
        }
    }

    fn add_limits(&mut self, list: &str) {
        let limits = list.split_whitespace().filter_map(|limit| limit.split_once('='));
        for (_, value) in limits.filter(|(name, _)| name.eq_ignore_ascii_case("RCPTMAX")) {
            self.recipients = value.parse().ok().filter(|most| *most > 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::smtp::reply::Replies;

    fn offers(text: &str) -> Offers {
        let mut replies = Replies::default();
        replies.buffer().extend_from_slice(text.as_bytes());
        Offers::of(&replies.next().expect("a reply").expect("whole"))
    }

    #[test]
    fn extensions_are_read() {
        let text = "250-PIPELINING.example says hello\r\n250-pipelining\r\n250-SIZE 1000\r\n250-AUTH PLAIN login\r\n\
            250-AUTH=XOAUTH2\r\n250-LIMITS RCPTMAX=20 MAILMAX=5\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 SMTPUTF8\r\n";
        let all = Offers {
            eight_bit: true,
            login: true,
            pipelining: true,
            plain: true,
            recipients: Some(20),
            size: Some(Some(1_000)),
            starttls: true,
            utf8: true,
            xoauth2: true,
        };
        assert_eq!(offers(text), all);
        assert_eq!(offers("250 PIPELINING\r\n"), Offers::default(), "the first line is a name");
        for (line, size) in [("SIZE", None), ("SIZE 0", None), ("SIZE 77", Some(77)), ("SIZE x", None)] {
            assert_eq!(offers(&format!("250-h\r\n250 {line}\r\n")).size, Some(size), "{line}");
        }
    }
}
