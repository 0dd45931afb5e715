//! A session's beginning: greeting, EHLO, STARTTLS, login.

use std::time::Duration;

use super::{
    auth::Words,
    errors::{self, Stage},
    offers::Offers,
    reply::Reply,
    session::Session,
    stream::Stream,
    talk::Talk,
};
use crate::{
    context::CallContext,
    error::{Error, Result},
};

pub(super) struct Opening {
    talk: Talk,
    offers: Offers,
}

impl Opening {
    /// Waits for the greeting and introduces us.
    pub(super) async fn greet(
        cx: &CallContext,
        stream: Stream,
        timeout: Duration,
        hello: &str,
    ) -> Result<Self> {
        let mut talk = Talk::new(stream, timeout);
        let greeting = talk.reply(cx, Stage::Connect).await?;
        expect(Stage::Connect, &greeting, 220)?;
        Self::introduce(cx, talk, hello).await
    }

    /// The same after STARTTLS, where no second greeting comes (RFC 3207 section 4.2).
    pub(super) async fn go_on(
        cx: &CallContext,
        stream: Stream,
        timeout: Duration,
        hello: &str,
    ) -> Result<Self> {
        Self::introduce(cx, Talk::new(stream, timeout), hello).await
    }

    /// EHLO, or HELO with a server that does not know it (RFC 5321 section 3.2).
    async fn introduce(cx: &CallContext, mut talk: Talk, hello: &str) -> Result<Self> {
        let mut reply = asked(cx, &mut talk, &format!("EHLO {hello}\r\n")).await?;
        let mut offers = Offers::of(&reply);
        if matches!(reply.code, 500 | 501 | 502 | 504) {
            reply = asked(cx, &mut talk, &format!("HELO {hello}\r\n")).await?;
            offers = Offers::default();
        }
        expect(Stage::Connect, &reply, 250)?;
        Ok(Self { talk, offers })
    }

    /// STARTTLS: the connection, ready for the handshake. What came on it before
    /// is forgotten, the offers as well: anybody may have said it (RFC 3207 section 4.2).
    pub(super) async fn ready_for_tls(mut self, cx: &CallContext) -> Result<Stream> {
        if !self.offers.starttls {
            return Err(Error::config(
                "the server does not offer STARTTLS: use smtps:// if it speaks TLS from the start, \
                 or tls=none on a network you trust",
            ));
        }
        let reply = asked(cx, &mut self.talk, "STARTTLS\r\n").await?;
        expect(Stage::Connect, &reply, 220)?;
        Ok(self.talk.into_stream())
    }

    /// What the server offers.
    pub(super) fn offers(&self) -> &Offers {
        &self.offers
    }

    /// Says the words of a login.
    pub(super) async fn log_in(&mut self, cx: &CallContext, words: &Words, password: &str) -> Result<()> {
        let mut challenged = false;
        for line in words.lines() {
            self.talk.write(cx, Stage::Auth, format!("{line}\r\n").as_bytes()).await?;
            let reply = self.talk.reply(cx, Stage::Auth).await;
            // Who hangs up after the reasons of a refusal has refused.
            if challenged && line.is_empty() && reply.is_err() {
                break;
            }
            let reply = reply?;
            match reply.code {
                235 => return Ok(()),
                334 => challenged = true,
                code => return Err(errors::not_logged_in(code, &reply.said(), password)),
            }
        }
        Err(errors::not_logged_in(334, "", password))
    }

    /// The session, open for messages.
    pub(super) fn done(self, cx: &CallContext) -> Session {
        Session::new(self.talk, self.offers, cx.clock().monotonic())
    }
}

/// A command's answer.
pub(super) async fn asked(cx: &CallContext, talk: &mut Talk, command: &str) -> Result<Reply> {
    talk.in_step(Stage::Connect)?;
    talk.write(cx, Stage::Connect, command.as_bytes()).await?;
    talk.reply(cx, Stage::Connect).await
}

/// Fails unless the reply is of this code; for 250 also if it is one of its relatives.
pub(super) fn expect(stage: Stage, reply: &Reply, code: u16) -> Result<()> {
    match reply.code {
        found if found == code || (code == 250 && reply.is_done()) => Ok(()),
        _ if reply.is_refusal() => Err(errors::refused(stage, reply.code, &reply.said())),
        found => Err(errors::out_of_step(stage, found)),
    }
}
