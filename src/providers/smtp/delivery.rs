//! A message's way through sessions: one transaction, or several where a
//! server takes only so many recipients at once.

use std::sync::Arc;

use super::{
    config::SmtpConfig,
    envelope::{Envelope, packed},
    errors,
    exchange::{End, Exchange, Verdict},
    pool::{Aboard, Pool, Seat, Turn},
    server::Server,
    session::{Said, Session},
};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    provider::Outcome,
    providers::shared::mime::Mail,
};

/// Our own sessions with one server.
pub(super) struct Sessions {
    server: Server,
    pool: Pool,
    /// The most recipients of one transaction.
    most: usize,
}

/// A transaction whose envelope was answered.
struct Begun {
    session: Session,
    exchange: Exchange,
    end: End,
}

/// What became of each recipient so far, and who is still to be asked for.
struct Ledger {
    outcomes: Vec<Option<Outcome>>,
    pending: Vec<usize>,
}

impl Sessions {
    pub(super) fn new(config: &SmtpConfig, server: Server) -> Self {
        let pool = Pool::new(config.max_connections, config.idle_timeout);
        Self { server, pool, most: config.max_recipients }
    }

    pub(super) fn server(&self) -> &Server {
        &self.server
    }

    /// Connects, logs in, and asks for nothing.
    pub(super) async fn check(&self, cx: &CallContext) -> Result<()> {
        let turn = self.pool.turn(cx, &Arc::new(Envelope::default())).await?;
        let mut session = self.server.connect(cx).await?;
        session.noop(cx).await?;
        self.pool.pass(cx, turn.seat, session);
        Ok(())
    }

    /// Hands a message over: one outcome for each recipient.
    ///
    /// # Errors
    /// If nobody was asked for.
    pub(super) async fn deliver(&self, cx: &CallContext, mail: Mail) -> Result<Vec<Outcome>> {
        let (envelope, content) = packed(mail)?;
        let envelope = Arc::new(envelope);
        let mut ledger = Ledger::new(envelope.recipients.len());
        let Turn { exchange, session, mut seat } = self.pool.turn(cx, &envelope).await?;
        let mut begun = match self.go_on(cx, session, exchange, &envelope, &ledger).await? {
            Some(begun) => begun,
            None => {
                let session = self.server.connect(cx).await?;
                self.begin(cx, session, None, &envelope, &ledger).await?
            }
        };
        loop {
            let session;
            (seat, session) = match self.transact(cx, seat, begun, content.as_bytes(), &mut ledger).await {
                Some(more) => more,
                None => return Ok(ledger.closed(&lost())),
            };
            begun = match self.begin(cx, session, None, &envelope, &ledger).await {
                Ok(begun) => begun,
                Err(error) => return Ok(ledger.closed(&error)),
            };
        }
    }

    /// Begins on a connection that served before; `None` if it proves dead: nothing was sent.
    async fn go_on(
        &self,
        cx: &CallContext,
        session: Option<Session>,
        ahead: Option<Exchange>,
        envelope: &Arc<Envelope>,
        ledger: &Ledger,
    ) -> Result<Option<Begun>> {
        let Some(mut session) = session else { return Ok(None) };
        let was_ahead = ahead.is_some();
        if !was_ahead && !self.pool.may_serve(cx, &mut session) {
            return Ok(None);
        }
        match self.begin(cx, session, ahead, envelope, ledger).await {
            Err(error) if is_dead(&error, was_ahead) => {
                // The others are as old.
                self.pool.clear();
                if was_ahead {
                    self.pool.sober(cx);
                }
                Ok(None)
            }
            begun => begun.map(Some),
        }
    }

    /// A transaction up to its content, unless its envelope is on its way already.
    async fn begin(
        &self,
        cx: &CallContext,
        mut session: Session,
        ahead: Option<Exchange>,
        envelope: &Arc<Envelope>,
        ledger: &Ledger,
    ) -> Result<Begun> {
        let mut exchange = match ahead {
            Some(exchange) => exchange,
            None => match session.exchange(envelope, ledger.part(self.most(&session))) {
                Ok(exchange) => exchange,
                Err(error) => {
                    // The session is as good as before; who has our seat next finds it.
                    self.pool.park(cx, session);
                    return Err(error);
                }
            },
        };
        let end = session.carry(cx, &mut exchange).await?;
        Ok(Begun { session, exchange, end })
    }

    fn most(&self, session: &Session) -> usize {
        session.offers().recipients.map_or(self.most, |most| most.min(self.most))
    }

    /// Takes a transaction to its end. Answers with the session if there are
    /// recipients left; else it goes to whoever waits.
    async fn transact(
        &self,
        cx: &CallContext,
        seat: Seat,
        begun: Begun,
        content: &[u8],
        ledger: &mut Ledger,
    ) -> Option<(Seat, Session)> {
        let Begun { mut session, exchange, end } = begun;
        let mut aboard = None;
        let said = match end {
            End::Content => {
                if ledger.is_last(&exchange) {
                    aboard = self.pool.aboard(cx, &session, self.most(&session));
                }
                self.pour(cx, &mut session, content, &mut aboard).await
            }
            End::Dot => Said { verdict: Err(lost()), goes_on: session.dot(cx).await.is_ok() },
            End::Over => Said { verdict: Err(lost()), goes_on: true },
        };
        ledger.enter(exchange, &said.verdict);
        match aboard {
            _ if !said.goes_on => return None,
            Some(aboard) => aboard.hand_over(seat, session),
            None if ledger.is_done() => self.pool.pass(cx, seat, session),
            None => return Some((seat, session)),
        }
        None
    }

    /// The content, with the envelope of whoever waits next behind it.
    async fn pour(
        &self,
        cx: &CallContext,
        session: &mut Session,
        content: &[u8],
        aboard: &mut Option<Aboard>,
    ) -> Said {
        let next = aboard.as_mut().and_then(Aboard::exchange);
        let whole = match session.pour(cx, content, next).await {
            Ok(whole) => whole,
            Err(error) => return Said { verdict: Err(error), goes_on: false },
        };
        if aboard.is_none() {
            return session.said(cx).await;
        }
        let mut said = match session.said_soon(cx).await {
            Some(said) => said,
            None => {
                // Whoever is aboard need not wait for a slow answer; his envelope here comes to nothing.
                *aboard = None;
                Said { goes_on: false, ..session.said(cx).await }
            }
        };
        said.goes_on &= whole;
        if !said.goes_on {
            self.pool.sober(cx);
        }
        said
    }
}

impl Ledger {
    fn new(recipients: usize) -> Self {
        let outcomes = (0..recipients).map(|_| None).collect();
        Self { outcomes, pending: (0..recipients).collect() }
    }

    /// The next so many who have not been asked for.
    fn part(&self, most: usize) -> Vec<usize> {
        self.pending.iter().copied().take(most.max(1)).collect()
    }

    /// True if nobody is left after this one.
    fn is_last(&self, exchange: &Exchange) -> bool {
        !exchange.has_more() && exchange.len() == self.pending.len()
    }

    fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// Notes what a transaction came to.
    fn enter(&mut self, exchange: Exchange, said: &Result<String>) {
        for (index, verdict) in exchange.verdicts() {
            self.outcomes[index] = match (verdict, said) {
                (Verdict::Accepted, Ok(said)) => {
                    Some(Outcome::accepted(errors::queue_id(said).map(Arc::from)))
                }
                (Verdict::Accepted, Err(error)) => Some(Outcome::failed(error.clone())),
                (Verdict::Refused(error), _) => Some(Outcome::Refused(error)),
                (Verdict::Later | Verdict::Unheard, _) => None,
            };
        }
        self.pending.retain(|index| self.outcomes[*index].is_none());
    }

    /// The outcomes, with `error` for those who were not asked for.
    fn closed(self, error: &Error) -> Vec<Outcome> {
        let known = |outcome: Option<Outcome>| outcome.unwrap_or_else(|| Outcome::failed(error.clone()));
        self.outcomes.into_iter().map(known).collect()
    }
}

/// For recipients beyond those whom a server took before it went away.
fn lost() -> Error {
    let text = "the connection ended before the server was asked for this recipient";
    Error::new(ErrorKind::Transport, text).with_certainty(Certainty::NotSent)
}

/// True if the server had hung up before it heard of the message, or perhaps
/// did not take well what was written ahead.
fn is_dead(error: &Error, was_ahead: bool) -> bool {
    match error.kind() {
        ErrorKind::Transport => true,
        ErrorKind::Protocol | ErrorKind::Timeout => was_ahead,
        _ => error.code().is_some_and(|code| code.starts_with("421")),
    }
}
