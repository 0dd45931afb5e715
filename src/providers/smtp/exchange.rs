//! One transaction up to its content, as a pure machine: what to write next,
//! and what the answers mean (RFC 5321 section 3.3, RFC 2920).
//!
//! It knows no socket. Who drives it writes what [`Exchange::write`] gives,
//! hands each reply to [`Exchange::read`], until [`Exchange::end`] answers.

use std::{fmt::Write as _, sync::Arc};

use super::{
    envelope::Envelope,
    errors::{self, Stage},
    offers::Offers,
    reply::Reply,
};
use crate::error::{Error, Result};

/// So many commands are on their way unanswered at most. With more, both sides
/// could wait for the other to read (RFC 2920 section 3.1).
pub(super) const WINDOW: usize = 100;

/// What became of one recipient at RCPT TO.
#[derive(Debug)]
pub(super) enum Verdict {
    Accepted,
    /// Beyond the most that the server takes at once: belongs into another transaction.
    Later,
    Refused(Error),
    Unheard,
}

/// What follows when everything was answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum End {
    /// The server waits for the content.
    Content,
    /// The server waits for a content and has accepted nobody: it gets a dot
    /// (RFC 2920 section 3.1).
    Dot,
    /// There is nothing to send, and RSET is due before the next message.
    Over,
}

/// One transaction up to its content.
#[derive(Debug)]
pub(super) struct Exchange {
    envelope: Arc<Envelope>,
    /// Which of the envelope's recipients are in this transaction.
    part: Vec<usize>,
    verdicts: Vec<Verdict>,
    parameters: String,
    pipelining: bool,
    reset: bool,
    written: usize,
    answered: usize,
    sender_refused: Option<Error>,
    content_refused: Option<Error>,
    ready: bool,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    Data,
    Mail,
    /// By its place in the part.
    Recipient(usize),
    Reset,
}

impl Exchange {
    /// The transaction for `part` of the envelope, after RSET if there is something to forget.
    ///
    /// # Errors
    /// If the server does not offer what the message needs; nothing was written.
    pub(super) fn new(
        envelope: Arc<Envelope>,
        part: Vec<usize>,
        offers: &Offers,
        reset: bool,
    ) -> Result<Self> {
        envelope.check(offers)?;
        let verdicts = part.iter().map(|_| Verdict::Unheard).collect();
        Ok(Self {
            parameters: parameters(&envelope, offers),
            envelope,
            part,
            verdicts,
            pipelining: offers.pipelining,
            reset,
            written: 0,
            answered: 0,
            sender_refused: None,
            content_refused: None,
            ready: false,
        })
    }

    /// Adds what may be written now.
    pub(super) fn write(&mut self, out: &mut Vec<u8>) {
        let most = if self.pipelining { WINDOW } else { 1 };
        while self.written - self.answered < most {
            let Some(step) = self.step(self.written).filter(|step| self.is_wanted(*step)) else { return };
            self.command(step, out);
            self.written += 1;
        }
    }

    /// How many recipients it is for.
    pub(super) fn len(&self) -> usize {
        self.part.len()
    }

    /// True if the whole of it can be written at once.
    pub(super) fn is_one_group(&self) -> bool {
        self.pipelining && self.part.len() + usize::from(self.reset) + 2 <= WINDOW
    }

    /// The step that the next reply answers; `None` if all were answered.
    pub(super) fn awaited(&self) -> Option<Stage> {
        let step = self.step(self.answered).filter(|_| self.answered < self.written)?;
        Some(match step {
            Step::Data => Stage::Data,
            Step::Mail | Step::Reset => Stage::Mail,
            Step::Recipient(_) => Stage::Recipient,
        })
    }

    /// Takes the next reply.
    ///
    /// # Errors
    /// If the connection is of no further use: the server hangs up, or its
    /// answers do not fit the questions.
    pub(super) fn read(&mut self, reply: &Reply) -> Result<()> {
        let stage = self.awaited().unwrap_or(Stage::Mail);
        let step = self.step(self.answered).filter(|_| self.answered < self.written);
        let step = step.ok_or_else(|| errors::out_of_step(stage, reply.code))?;
        self.answered += 1;
        if reply.is_farewell() {
            return Err(errors::refused(stage, reply.code, &reply.said()));
        }
        let fits = if step == Step::Data { reply.code == 354 } else { reply.is_done() };
        match (fits, reply.is_refusal()) {
            (true, _) => self.granted(step),
            (false, true) => self.refused(step, stage, reply),
            (false, false) => Err(errors::out_of_step(stage, reply.code)),
        }
    }

    fn granted(&mut self, step: Step) -> Result<()> {
        match step {
            Step::Data => self.ready = true,
            Step::Mail | Step::Reset => {}
            Step::Recipient(place) => self.verdicts[place] = Verdict::Accepted,
        }
        Ok(())
    }

    fn refused(&mut self, step: Step, stage: Stage, reply: &Reply) -> Result<()> {
        let said = reply.said();
        let error = errors::refused(stage, reply.code, &said);
        match step {
            Step::Data => self.content_refused = Some(error),
            Step::Mail => self.sender_refused = Some(error),
            Step::Recipient(place) if self.is_limit(reply.code, &said) => {
                self.verdicts[place] = Verdict::Later
            }
            Step::Recipient(place) => {
                self.verdicts[place] = Verdict::Refused(error.with_field(errors::RECIPIENT));
            }
            // A server that cannot forget cannot be trusted with another message.
            Step::Reset => return Err(error),
        }
        Ok(())
    }

    /// RFC 5321 section 4.5.3.1.10: 452, and 552 from servers before it, mean
    /// that the recipients so far are good and the others want a transaction of their own.
    fn is_limit(&self, code: u16, said: &str) -> bool {
        matches!(code, 452 | 552)
            && errors::is_too_many_recipients(said)
            && self.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted))
    }

    /// What follows; `None` while something is to be written or read.
    ///
    /// # Errors
    /// If the server goes on with a message that it refused.
    pub(super) fn end(&self) -> Result<Option<End>> {
        let next = self.step(self.written).filter(|step| self.is_wanted(*step));
        if self.answered < self.written || next.is_some() {
            return Ok(None);
        }
        let accepted = self.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Accepted));
        match (self.ready, accepted, &self.sender_refused) {
            (false, ..) => Ok(Some(End::Over)),
            // A dot here would hand over an empty message.
            (true, true, Some(_)) => Err(errors::out_of_step(Stage::Data, 354)),
            (true, true, None) => Ok(Some(End::Content)),
            (true, false, _) => Ok(Some(End::Dot)),
        }
    }

    /// For each recipient of the part: its number in the envelope, and what became of it.
    pub(super) fn verdicts(self) -> Vec<(usize, Verdict)> {
        let whole = self.sender_refused;
        let content = self.content_refused;
        let told = |verdict| match (&whole, verdict, &content) {
            (Some(error), ..) | (None, Verdict::Accepted, Some(error)) => Verdict::Refused(error.clone()),
            (None, verdict, _) => verdict,
        };
        self.part.into_iter().zip(self.verdicts.into_iter().map(told)).collect()
    }

    /// True if some are to be asked for in another transaction.
    pub(super) fn has_more(&self) -> bool {
        self.verdicts.iter().any(|verdict| matches!(verdict, Verdict::Later))
    }

    fn step(&self, position: usize) -> Option<Step> {
        let position = match (self.reset, position) {
            (true, 0) => return Some(Step::Reset),
            (true, position) => position - 1,
            (false, position) => position,
        };
        match position {
            0 => Some(Step::Mail),
            place if place <= self.part.len() => Some(Step::Recipient(place - 1)),
            place if place == self.part.len() + 1 => Some(Step::Data),
            _ => None,
        }
    }

    /// False for what the answers so far have made pointless.
    fn is_wanted(&self, step: Step) -> bool {
        let hopeful = |verdict: &Verdict| matches!(verdict, Verdict::Accepted | Verdict::Unheard);
        match step {
            _ if self.sender_refused.is_some() => false,
            Step::Data => self.verdicts.iter().any(hopeful),
            Step::Mail | Step::Recipient(_) | Step::Reset => true,
        }
    }

    fn command(&self, step: Step, out: &mut Vec<u8>) {
        match step {
            Step::Data => out.extend_from_slice(b"DATA\r\n"),
            Step::Mail => {
                let parts = ["MAIL FROM:<", &self.envelope.sender, ">", &self.parameters, "\r\n"];
                parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
            }
            Step::Recipient(place) => {
                let address = &self.envelope.recipients[self.part[place]];
                let parts = ["RCPT TO:<", address, ">\r\n"];
                parts.iter().for_each(|part| out.extend_from_slice(part.as_bytes()));
            }
            Step::Reset => out.extend_from_slice(b"RSET\r\n"),
        }
    }
}

fn parameters(envelope: &Envelope, offers: &Offers) -> String {
    let mut text = String::new();
    if envelope.utf8 {
        text.push_str(" SMTPUTF8");
    }
    if envelope.eight_bit {
        text.push_str(" BODY=8BITMIME");
    }
    if offers.size.is_some() {
        // Writing into a String does not fail.
        let _ = write!(text, " SIZE={}", envelope.size);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::ErrorKind, providers::smtp::reply::Replies};

    fn exchange(recipients: usize, pipelining: bool) -> Exchange {
        let recipients: Vec<_> = (0..recipients).map(|n| format!("r{n}@x.org")).collect();
        let part = (0..recipients.len()).collect();
        let envelope =
            Envelope { sender: "s@x.org".to_owned(), recipients, size: 9, eight_bit: false, utf8: false };
        let offers = Offers { pipelining, ..Offers::default() };
        Exchange::new(Arc::new(envelope), part, &offers, false).expect("nothing is asked for")
    }

    fn written(exchange: &mut Exchange) -> String {
        let mut out = Vec::new();
        exchange.write(&mut out);
        String::from_utf8(out).expect("ASCII")
    }

    fn answer(exchange: &mut Exchange, text: &str) -> Result<()> {
        let mut replies = Replies::default();
        replies.buffer().extend_from_slice(text.as_bytes());
        while let Some(reply) = replies.next().expect("replies") {
            exchange.read(&reply)?;
        }
        Ok(())
    }

    fn told(exchange: Exchange) -> Vec<(usize, String)> {
        let word = |verdict| match verdict {
            Verdict::Accepted => "accepted".to_owned(),
            Verdict::Later => "later".to_owned(),
            Verdict::Refused(error) => error.code().unwrap_or("no code").to_owned(),
            Verdict::Unheard => "unheard".to_owned(),
        };
        exchange.verdicts().into_iter().map(|(place, verdict)| (place, word(verdict))).collect()
    }

    #[test]
    fn with_pipelining_all_is_one_group() {
        let mut all = exchange(2, true);
        assert_eq!(
            written(&mut all),
            "MAIL FROM:<s@x.org>\r\nRCPT TO:<r0@x.org>\r\nRCPT TO:<r1@x.org>\r\nDATA\r\n"
        );
        assert_eq!((written(&mut all), all.end().expect("fits")), (String::new(), None));
        answer(&mut all, "250 a\r\n250 b\r\n550 5.1.1 no\r\n354 go\r\n").expect("fits");
        assert_eq!(all.end().expect("fits"), Some(End::Content));
        assert_eq!(told(all), [(0, "accepted".to_owned()), (1, "550 5.1.1".to_owned())]);
    }

    #[test]
    fn without_it_each_command_waits_for_its_answer() {
        let mut steps = exchange(1, false);
        for (command, reply) in [
            ("MAIL FROM:<s@x.org>\r\n", "250 a\r\n"),
            ("RCPT TO:<r0@x.org>\r\n", "250 b\r\n"),
            ("DATA\r\n", "354 c\r\n"),
        ] {
            assert_eq!(written(&mut steps), command);
            assert_eq!(written(&mut steps), "", "nothing before the answer");
            answer(&mut steps, reply).expect("fits");
        }
        assert_eq!(steps.end().expect("fits"), Some(End::Content));
    }

    #[test]
    fn all_refused_is_over_or_one_dot() {
        for (data, end) in [("503 5.5.1 no recipients\r\n", End::Over), ("354 go\r\n", End::Dot)] {
            let mut refused = exchange(1, true);
            written(&mut refused);
            answer(&mut refused, &format!("250 a\r\n550 5.1.1 no\r\n{data}")).expect("fits");
            assert_eq!(refused.end().expect("fits"), Some(end));
            assert_eq!(told(refused), [(0, "550 5.1.1".to_owned())]);
        }
        let mut refused = exchange(1, false);
        for (command, reply) in [("MAIL", "250 a\r\n"), ("RCPT", "550 5.1.1 no\r\n")] {
            assert!(written(&mut refused).starts_with(command));
            answer(&mut refused, reply).expect("fits");
        }
        assert_eq!((written(&mut refused).as_str(), refused.end().expect("fits")), ("", Some(End::Over)));
    }

    #[test]
    fn a_refused_sender_speaks_for_all() {
        let mut refused = exchange(2, true);
        written(&mut refused);
        answer(&mut refused, "550 5.7.1 no\r\n503 a\r\n503 b\r\n503 c\r\n").expect("fits");
        assert_eq!(refused.end().expect("fits"), Some(End::Over));
        assert_eq!(told(refused), [(0, "550 5.7.1".to_owned()), (1, "550 5.7.1".to_owned())]);
        // Who takes recipients without a sender must not be sent a dot: it would be a message.
        let mut odd = exchange(1, true);
        written(&mut odd);
        answer(&mut odd, "550 no\r\n250 b\r\n354 go\r\n").expect("fits");
        assert_eq!(odd.end().expect_err("odd").kind(), ErrorKind::Protocol);
    }

    #[test]
    fn a_refused_data_speaks_for_those_accepted() {
        let mut refused = exchange(2, true);
        written(&mut refused);
        answer(&mut refused, "250 a\r\n250 b\r\n550 5.1.1 c\r\n451 4.3.0 d\r\n").expect("fits");
        assert_eq!(refused.end().expect("fits"), Some(End::Over));
        assert_eq!(told(refused), [(0, "451 4.3.0".to_owned()), (1, "550 5.1.1".to_owned())]);
    }

    #[test]
    fn too_many_recipients_are_for_later() {
        for no in ["452 4.5.3 too many", "552 Too many recipients"] {
            let mut many = exchange(2, true);
            written(&mut many);
            answer(&mut many, &format!("250 a\r\n250 b\r\n{no}\r\n354 go\r\n")).expect("fits");
            assert!(many.has_more());
            assert_eq!(told(many), [(0, "accepted".to_owned()), (1, "later".to_owned())]);
            let mut first = exchange(1, true);
            written(&mut first);
            answer(&mut first, &format!("250 a\r\n{no}\r\n503 c\r\n")).expect("fits");
            assert!(!first.has_more(), "later would be never");
        }
    }

    #[test]
    fn what_does_not_fit_ends_the_connection() {
        for (replies, kind) in [
            ("354 go\r\n", ErrorKind::Protocol),
            ("220 hello\r\n", ErrorKind::Protocol),
            ("250 a\r\n421 4.3.2 bye\r\n", ErrorKind::Unavailable),
            ("250 a\r\n250 b\r\n250 c\r\n", ErrorKind::Protocol),
            ("250 a\r\n250 b\r\n354 c\r\n250 d\r\n", ErrorKind::Protocol),
        ] {
            let mut one = exchange(1, true);
            written(&mut one);
            assert_eq!(answer(&mut one, replies).expect_err(replies).kind(), kind, "{replies}");
        }
    }

    #[test]
    fn a_long_list_goes_in_windows() {
        let mut long = exchange(250, true);
        assert!(!long.is_one_group());
        let (mut commands, mut groups) = (0, 0);
        while long.end().expect("fits").is_none() {
            let group = written(&mut long);
            let lines = group.lines().count();
            assert!(lines <= WINDOW, "{lines}");
            (commands, groups) = (commands + lines, groups + 1);
            for line in group.lines() {
                answer(&mut long, if line == "DATA" { "354 go\r\n" } else { "250 ok\r\n" }).expect("fits");
            }
        }
        assert_eq!((commands, groups), (252, 3));
    }
}
