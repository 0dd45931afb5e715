//! Sessions between two messages, and the queue of those who wait for one.
//!
//! Only who finished a message puts its session back; an abandoned one is
//! closed. A session belongs to the runtime that opened it.
//!
//! Who waits in the queue may be served in two ways: by a seat, with a session
//! or the right to open one; or *aboard*: who writes a content takes the next
//! envelope along behind it, and hands the session over when it has its own
//! answer. A message then costs one round trip.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use tokio::{runtime::Id, sync::oneshot};

use super::{envelope::Envelope, exchange::Exchange, server::runtime, session::Session};
use crate::{
    context::CallContext,
    error::{Certainty, Error, ErrorKind, Result},
    time::Monotonic,
};

/// For so long nothing is written ahead to a server that took that badly.
const SOBER: Duration = Duration::from_secs(300);

pub(super) struct Pool(Arc<Shared>);

struct Shared {
    idle_timeout: Duration,
    state: Mutex<State>,
}

struct State {
    /// Seats that nobody has. No more sessions are parked than these.
    free: usize,
    parked: Vec<Parked>,
    waiting: VecDeque<Ticket>,
    /// From when on envelopes may be written ahead.
    ahead_from: Monotonic,
    /// The runtimes in which a task closes what has been parked too long.
    keepers: Vec<Id>,
}

struct Parked {
    session: Session,
    runtime: Id,
}

struct Ticket {
    runtime: Id,
    envelope: Arc<Envelope>,
    answer: oneshot::Sender<Turn>,
}

/// The right to use one connection; dropping it gives it to the next.
pub(super) struct Seat(Arc<Shared>);

/// A seat, perhaps with a session, perhaps with the envelope on its way in it.
pub(super) struct Turn {
    // Dropped before the seat, so that the next finds the connection closed.
    pub(super) exchange: Option<Exchange>,
    pub(super) session: Option<Session>,
    pub(super) seat: Seat,
}

impl Pool {
    pub(super) fn new(most: usize, idle_timeout: Duration) -> Self {
        let state = State {
            free: most,
            parked: Vec::new(),
            waiting: VecDeque::new(),
            ahead_from: Monotonic::default(),
            keepers: Vec::new(),
        };
        Self(Arc::new(Shared { idle_timeout, state: Mutex::new(state) }))
    }

    /// A turn, waited for until the deadline.
    pub(super) async fn turn(&self, cx: &CallContext, envelope: &Arc<Envelope>) -> Result<Turn> {
        let runtime = runtime()?;
        let waiting = match self.0.at_once(runtime, envelope) {
            Ok(turn) => return Ok(turn),
            Err(waiting) => waiting,
        };
        let turn = match cx.deadline() {
            Some(deadline) => cx.until(deadline, waiting).await.map_err(|_| {
                let text = "all connections are in use; raise max_connections or the deadline";
                Error::new(ErrorKind::Timeout, text).with_certainty(Certainty::NotSent)
            })?,
            None => waiting.await,
        };
        // Tickets are answered or kept, whatever happens.
        turn.map_err(|_| Error::new(ErrorKind::Internal, "a ticket of the pool was lost"))
    }

    /// True if a session may serve another message: nobody is asked for that.
    pub(super) fn may_serve(&self, cx: &CallContext, session: &mut Session) -> bool {
        cx.clock().monotonic().since(session.used) < self.0.idle_timeout && session.is_good()
    }

    /// Takes along whoever waits next, if that is safe with this session and it is for at most so many recipients.
    pub(super) fn aboard(&self, cx: &CallContext, session: &Session, most: usize) -> Option<Aboard> {
        let runtime = runtime().ok()?;
        if !session.offers().pipelining || cx.clock().monotonic() < self.0.lock().ahead_from {
            return None;
        }
        let ticket = self.0.take_ticket(runtime)?;
        let count = ticket.envelope.recipients.len();
        let exchange =
            Exchange::new(Arc::clone(&ticket.envelope), (0..count).collect(), session.offers(), false);
        let exchange = exchange.ok().filter(|exchange| count <= most && exchange.is_one_group());
        let aboard = Aboard { shared: Arc::clone(&self.0), ticket: Some(ticket), exchange };
        // Else dropped, and so put back.
        aboard.exchange.is_some().then_some(aboard)
    }

    /// Gives a session on to whoever waits next, or keeps it.
    pub(super) fn pass(&self, cx: &CallContext, seat: Seat, session: Session) {
        let Ok(runtime) = runtime() else { return };
        let mut turn = Turn { exchange: None, session: Some(session), seat };
        while let Some(ticket) = self.0.take_ticket(runtime) {
            match ticket.answer.send(turn) {
                Ok(()) => return,
                Err(unwanted) => turn = unwanted,
            }
        }
        if let Some(session) = turn.session {
            self.park(cx, session);
        }
        // Last: whoever came meanwhile finds the session.
        drop(turn.seat);
    }

    /// Keeps a session for whoever comes next; its seat is to be given back after that.
    pub(super) fn park(&self, cx: &CallContext, session: Session) {
        let Ok(runtime) = runtime() else { return };
        let mut state = self.0.lock();
        state.parked.push(Parked { session, runtime });
        if !state.keepers.contains(&runtime) {
            state.keepers.push(runtime);
            tokio::spawn(keep(Arc::downgrade(&self.0), CallContext::new(cx.shared_clock()), runtime));
        }
    }

    /// Closes what is parked: where the server hung up once, the others are old as well.
    pub(super) fn clear(&self) {
        let old = std::mem::take(&mut self.0.lock().parked);
        // Outside the lock: goodbyes are said.
        drop(old);
    }

    /// Nothing is written ahead for some time: the server did not take it well.
    pub(super) fn sober(&self, cx: &CallContext) {
        self.0.lock().ahead_from = cx.clock().monotonic() + SOBER;
    }
}

impl Shared {
    /// A turn if a seat is free, else a place in the queue.
    fn at_once(
        self: &Arc<Self>,
        runtime: Id,
        envelope: &Arc<Envelope>,
    ) -> Result<Turn, oneshot::Receiver<Turn>> {
        let mut state = self.lock();
        if state.free > 0 {
            let (session, old) = state.admit(runtime);
            drop(state);
            drop(old);
            return Ok(Turn { exchange: None, session, seat: Seat(Arc::clone(self)) });
        }
        let (answer, waiting) = oneshot::channel();
        if state.waiting.len() == state.waiting.capacity() {
            // Before it grows: those who gave up need no place.
            state.waiting.retain(|ticket| !ticket.answer.is_closed());
        }
        state.waiting.push_back(Ticket { runtime, envelope: Arc::clone(envelope), answer });
        Err(waiting)
    }

    /// The first of those who wait in this runtime.
    fn take_ticket(&self, runtime: Id) -> Option<Ticket> {
        let mut state = self.lock();
        loop {
            let position = state.waiting.iter().position(|ticket| ticket.runtime == runtime)?;
            let ticket = state.waiting.remove(position)?;
            if !ticket.answer.is_closed() {
                return Some(ticket);
            }
        }
    }

    /// Gives free seats to those who wait.
    fn serve(self: &Arc<Self>) {
        while let Some((ticket, session, old)) = self.lock().next() {
            let turn = Turn { exchange: None, session, seat: Seat(Arc::clone(self)) };
            // If the ticket's holder is gone, the seat comes back by being dropped.
            drop((old, ticket.answer.send(turn)));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change leaves a good state behind, whoever panics.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes a free seat: with the session of this runtime that was used last,
    /// and with one that is to be closed if there would be too many.
    fn admit(&mut self, runtime: Id) -> (Option<Session>, Option<Parked>) {
        self.free -= 1;
        if let Some(position) = self.parked.iter().rposition(|parked| parked.runtime == runtime) {
            return (Some(self.parked.remove(position).session), None);
        }
        let old = (self.parked.len() > self.free).then(|| self.parked.remove(0));
        (None, old)
    }

    /// Whoever waits, with a free seat.
    fn next(&mut self) -> Option<(Ticket, Option<Session>, Option<Parked>)> {
        while self.free > 0 {
            let ticket = self.waiting.pop_front()?;
            if !ticket.answer.is_closed() {
                let (session, old) = self.admit(ticket.runtime);
                return Some((ticket, session, old));
            }
        }
        None
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.lock().free += 1;
        self.0.serve();
    }
}

/// Someone whose envelope goes out behind another's content.
pub(super) struct Aboard {
    shared: Arc<Shared>,
    ticket: Option<Ticket>,
    exchange: Option<Exchange>,
}

impl Aboard {
    /// The envelope, to be written.
    pub(super) fn exchange(&mut self) -> Option<&mut Exchange> {
        self.exchange.as_mut()
    }

    /// Hands the session over. If nobody is there any more it is closed: the
    /// server waits for a content that will not come.
    pub(super) fn hand_over(mut self, seat: Seat, session: Session) {
        if let Some(ticket) = self.ticket.take() {
            let turn = Turn { exchange: self.exchange.take(), session: Some(session), seat };
            drop(ticket.answer.send(turn));
        }
    }
}

/// Who was not handed the session waits again, before all others.
impl Drop for Aboard {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.shared.lock().waiting.push_front(ticket);
            self.shared.serve();
        }
    }
}

/// Closes what has been parked too long, until nothing is parked in this runtime.
async fn keep(shared: Weak<Shared>, cx: CallContext, runtime: Id) {
    while let Some((old, next)) = shared.upgrade().and_then(|shared| shared.sorted_out(&cx, runtime)) {
        for parked in old {
            parked.session.quit(&cx).await;
        }
        cx.clock().sleep_until(next).await;
    }
}

impl Shared {
    /// What is to be closed, and when to look again; `None` if nothing is left.
    fn sorted_out(&self, cx: &CallContext, runtime: Id) -> Option<(Vec<Parked>, Monotonic)> {
        let now = cx.clock().monotonic();
        let mut state = self.lock();
        let is_old = |parked: &Parked| {
            parked.runtime == runtime && now.since(parked.session.used) >= self.idle_timeout
        };
        let (old, kept) = std::mem::take(&mut state.parked).into_iter().partition(is_old);
        state.parked = kept;
        let old: Vec<Parked> = old;
        let oldest = state.parked.iter().filter(|parked| parked.runtime == runtime);
        let oldest = oldest.map(|parked| parked.session.used).min();
        if oldest.is_none() && old.is_empty() {
            state.keepers.retain(|keeper| *keeper != runtime);
            return None;
        }
        Some((old, oldest.map_or(now, |oldest| oldest + self.idle_timeout)))
    }
}
