//! One session with a server, ready for messages one after another.

use std::{sync::Arc, time::Duration};

use super::{
    envelope::Envelope,
    errors::{self, Stage},
    exchange::{End, Exchange},
    offers::Offers,
    opening::{asked, expect},
    reply::Reply,
    talk::Talk,
};
use crate::{context::CallContext, error::Result, time::Monotonic};

/// How much longer the content may take than any other step: giving up there
/// makes second copies (RFC 5321 section 4.5.3.2.6).
const CONTENT: u32 = 10;
/// How long a server may take for its answer to a content before the message
/// whose envelope is already behind it goes another way.
const SLOW: Duration = Duration::from_secs(1);

pub(super) struct Session {
    talk: Talk,
    offers: Offers,
    /// Reused for each write.
    out: Vec<u8>,
    /// A message was begun that no dot has ended: RSET goes before the next.
    begun: bool,
    /// Nothing is on its way in either direction.
    settled: bool,
    /// When it last was of use.
    pub(super) used: Monotonic,
}

/// What the server said to a content.
pub(super) struct Said {
    pub(super) verdict: Result<String>,
    /// False if the connection is of no further use.
    pub(super) goes_on: bool,
}

impl Session {
    /// A session that has been opened.
    pub(super) fn new(talk: Talk, offers: Offers, now: Monotonic) -> Self {
        Self { talk, offers, out: Vec::new(), begun: false, settled: true, used: now }
    }

    /// What the server offers.
    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// The transaction for `part` of an envelope.
    pub(super) fn exchange(&self, envelope: &Arc<Envelope>, part: Vec<usize>) -> Result<Exchange> {
        Exchange::new(Arc::clone(envelope), part, &self.offers, self.begun)
    }

    /// Takes an exchange to its end.
    pub(super) async fn carry(&mut self, cx: &CallContext, exchange: &mut Exchange) -> Result<End> {
        self.settled = false;
        loop {
            if exchange.awaited().is_none() {
                // Otherwise an answer of an earlier message would be read as one of this.
                self.talk.in_step(Stage::Mail)?;
            }
            self.out.clear();
            exchange.write(&mut self.out);
            if !self.out.is_empty() {
                self.begun = true;
                let stage = exchange.awaited().unwrap_or(Stage::Mail);
                self.talk.write(cx, stage, &self.out).await?;
            }
            if let Some(end) = exchange.end()? {
                self.settled = end == End::Over;
                return Ok(end);
            }
            let stage = exchange.awaited().unwrap_or(Stage::Mail);
            let reply = self.talk.reply(cx, stage).await?;
            exchange.read(&reply)?;
        }
    }

    /// Writes the content, and the next message's envelope behind it; answers whether all of that one went out.
    pub(super) async fn pour(
        &mut self,
        cx: &CallContext,
        content: &[u8],
        next: Option<&mut Exchange>,
    ) -> Result<bool> {
        self.talk.in_step(Stage::Data)?;
        self.settled = false;
        self.out.clear();
        if let Some(next) = next {
            next.write(&mut self.out);
        }
        let limit = self.talk.timeout() * CONTENT;
        let whole = self.talk.write_content(cx, limit, content, &self.out).await?;
        // The dot ends the transaction, whatever the answer.
        self.begun = !self.out.is_empty();
        Ok(whole)
    }

    /// What the server says to the content, if it says so soon.
    pub(super) async fn said_soon(&mut self, cx: &CallContext) -> Option<Said> {
        let soon = cx.clock().monotonic() + SLOW;
        let said = cx.until(soon, self.talk.reply_within(cx, Stage::Content, SLOW * 2)).await;
        said.ok().map(|reply| self.judged(cx, reply))
    }

    /// What the server says to the content.
    pub(super) async fn said(&mut self, cx: &CallContext) -> Said {
        let limit = self.talk.timeout() * CONTENT;
        let reply = self.talk.reply_within(cx, Stage::Content, limit).await;
        self.judged(cx, reply)
    }

    fn judged(&mut self, cx: &CallContext, reply: Result<Reply>) -> Said {
        self.used = cx.clock().monotonic();
        let reply = match reply {
            Ok(reply) => reply,
            Err(error) => return Said { verdict: Err(error), goes_on: false },
        };
        let goes_on = !reply.is_farewell() && (reply.is_done() || reply.is_refusal());
        self.settled = goes_on && !self.begun;
        let verdict = match (reply.is_done(), reply.is_refusal()) {
            (true, _) => Ok(reply.said()),
            (false, true) => Err(errors::refused(Stage::Content, reply.code, &reply.said())),
            (false, false) => Err(errors::out_of_step(Stage::Content, reply.code)),
        };
        Said { verdict, goes_on }
    }

    /// A dot for a content that nobody gets.
    pub(super) async fn dot(&mut self, cx: &CallContext) -> Result<()> {
        self.talk.write(cx, Stage::Data, b".\r\n").await?;
        let reply = self.talk.reply(cx, Stage::Data).await?;
        self.settled = !reply.is_farewell();
        self.begun = false;
        if reply.is_done() || reply.is_refusal() {
            return Ok(());
        }
        Err(errors::out_of_step(Stage::Data, reply.code))
    }

    /// Asks for nothing but a sign of life.
    pub(super) async fn noop(&mut self, cx: &CallContext) -> Result<()> {
        let reply = asked(cx, &mut self.talk, "NOOP\r\n").await?;
        expect(Stage::Mail, &reply, 250)
    }

    /// True if it may serve another message.
    pub(super) fn is_good(&mut self) -> bool {
        self.settled && self.talk.is_quiet()
    }

    /// Says goodbye and waits for the answer (RFC 5321 section 4.1.1.10).
    pub(super) async fn quit(mut self, cx: &CallContext) {
        if self.settled {
            self.settled = false;
            // Whether it hears us or not: it ends here.
            let _ = asked(cx, &mut self.talk, "QUIT\r\n").await;
        }
    }
}

/// A connection that goes while nothing is on its way goes with a word.
impl Drop for Session {
    fn drop(&mut self) {
        if self.settled {
            self.talk.part();
        }
    }
}
