//! Leases: their start, their renewal, their end.

use std::time::Duration;

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::Statement,
    columns::{column, micros, nth, signed, text, unsigned},
    history::History,
};
use crate::{
    error::{Error, ErrorKind, Result},
    id::MessageId,
    storage::{Lease, Next, Settlement, sql::pending_text},
};

const START: &str = "SELECT * FROM {start_1}($1, $2, $3)";
const BEGIN: &str = "SELECT {begin_1}($1, $2, $3) AS held";
const RENEW: &str = "SELECT * FROM {renew_1}($1, $2, $3, $4)";
const DONE: &str = "SELECT * FROM {done_1}($1, $2, $3::text[], $4, $5, $6::text[], $7::text[], $8::text[])";
const SETTLE: &str = "SELECT * FROM {settle_1}($1, $2, $3, $4, $5::text[], $6::text[], $7, $8, $9, $10::text[], \
                      $11::text[], $12::text[], $13::text[], $14::text[], $15, $16, $17::text[], $18::text[], $19::text[])";

fn ids(leases: &[Lease]) -> Vec<Uuid> {
    leases.iter().map(|lease| lease.id.as_uuid()).collect()
}

fn tokens(leases: &[Lease]) -> Vec<Uuid> {
    leases.iter().map(|lease| lease.token).collect()
}

/// The answer to who names a lease that the message does not have.
fn lease_lost(id: MessageId) -> Error {
    let why = "another worker has the message, or it left the queue; claim again to work on it";
    Error::new(ErrorKind::LeaseLost, why).with_message_id(id)
}

/// An answer for each lease: what its row says, by the row's number from one, or `lease_lost`.
fn answers<T>(
    leases: &[Lease],
    rows: &[PgRow],
    read: impl Fn(&PgRow) -> Result<T>,
) -> Result<Vec<Result<T>>> {
    let mut found: Vec<Option<T>> = leases.iter().map(|_| None).collect();
    for row in rows {
        let index = usize::try_from(nth::<i32>(row, 0)? - 1).unwrap_or(usize::MAX);
        if let Some(place) = found.get_mut(index) {
            *place = Some(read(row)?);
        }
    }
    let answer = |(found, lease): (Option<T>, &Lease)| found.ok_or_else(|| lease_lost(lease.id));
    Ok(found.into_iter().zip(leases).map(answer).collect())
}

pub(super) async fn start(inner: &Inner, leases: &[Lease]) -> Result<Vec<Result<u32>>> {
    let (ids, tokens) = (ids(leases), tokens(leases));
    let link = &inner.link;
    let rows = link.rows(|| link.statement(START).bind(link.clock()).bind(&ids).bind(&tokens)).await?;
    answers(leases, &rows, |row| Ok(unsigned(column(row, "attempt")?)))
}

pub(super) async fn begin(inner: &Inner, last: &Lease) -> Result<()> {
    let link = &inner.link;
    let begin = || link.statement(BEGIN).bind(link.clock()).bind(last.id.as_uuid()).bind(last.token);
    let rows = link.rows(begin).await?;
    let held = rows.first().map_or(Ok(false), |row| column(row, "held"))?;
    if held { Ok(()) } else { Err(lease_lost(last.id)) }
}

pub(super) async fn renew(inner: &Inner, leases: &[Lease], lease: Duration) -> Result<Vec<Result<()>>> {
    let (ids, tokens) = (ids(leases), tokens(leases));
    let link = &inner.link;
    let renew = || link.statement(RENEW).bind(link.clock()).bind(micros(lease)).bind(&ids).bind(&tokens);
    answers(leases, &link.rows(renew).await?, |_| Ok(()))
}

pub(super) async fn settle(inner: &Inner, settlements: &[Settlement]) -> Result<Vec<Result<()>>> {
    let leases: Vec<Lease> = settlements.iter().map(|settlement| settlement.lease).collect();
    let ends = Ends::of(settlements, &leases);
    let statement = || match settlements.iter().all(|settlement| settlement.next == Next::Done) {
        true => ends.bind_done(inner),
        false => ends.bind_all(inner),
    };
    let rows = inner.link.rows(statement).await?;
    answers(&leases, &rows, |_| Ok(()))
}

/// Settlements as columns.
struct Ends<'s> {
    settlements: &'s [Settlement],
    leases: &'s [Lease],
    history: History,
}

impl<'s> Ends<'s> {
    fn of(settlements: &'s [Settlement], leases: &'s [Lease]) -> Self {
        let mut history = History::default();
        for (number, settlement) in (1..).zip(settlements) {
            let foreign = settlement.events.iter().any(|event| event.message != settlement.lease.id);
            match foreign {
                false => history.add(number, &settlement.events),
                true => {
                    let own = settlement.events.iter().filter(|event| event.message == settlement.lease.id);
                    history.add(number, &own.cloned().collect::<Vec<_>>());
                }
            }
        }
        Self { settlements, leases, history }
    }

    fn all<T>(&self, part: impl Fn(&'s Settlement) -> T) -> Vec<T> {
        self.settlements.iter().map(part).collect()
    }

    fn bind_leases(&self, statement: Statement) -> Statement {
        let tenants = self.all(|settlement| settlement.tenant.as_str());
        statement.bind(ids(self.leases)).bind(tokens(self.leases)).bind(tenants)
    }

    fn bind_done(&self, inner: &Inner) -> Statement {
        self.history.bind_numbered(self.bind_leases(inner.link.statement(DONE)))
    }

    fn bind_all(&self, inner: &Inner) -> Statement {
        let statement = inner.link.statement(SETTLE).bind(inner.link.clock()).bind(&*inner.channel);
        let statement = self.bind_leases(statement);
        let parts = self.all(|settlement| Parts::of(&settlement.next));
        let statement = statement
            .bind(parts.iter().map(|parts| parts.word).collect::<Vec<_>>())
            .bind(self.all(|settlement| signed(settlement.attempts)))
            .bind(parts.iter().map(|parts| parts.after).collect::<Vec<_>>())
            .bind(parts.iter().map(|parts| parts.uncounted).collect::<Vec<_>>())
            .bind(parts.iter().map(|parts| parts.reason.map(text)).collect::<Vec<_>>())
            .bind(parts.iter().map(|parts| parts.pending.as_deref()).collect::<Vec<_>>())
            .bind(self.all(|settlement| pending_text(settlement.left.as_deref())))
            .bind(parts.iter().map(|parts| parts.pinned.map(text)).collect::<Vec<_>>())
            .bind(parts.iter().map(|parts| parts.blocker.as_deref().map(text)).collect::<Vec<_>>());
        self.history.bind_numbered(statement)
    }
}

/// What follows, as columns.
#[derive(Default)]
struct Parts<'n> {
    word: &'static str,
    after: i64,
    uncounted: i32,
    reason: Option<&'n str>,
    pending: Option<String>,
    pinned: Option<&'n str>,
    blocker: Option<String>,
}

impl<'n> Parts<'n> {
    fn of(next: &'n Next) -> Self {
        match next {
            Next::Dead { reason } => Self { word: "dead", reason: Some(reason), ..Self::default() },
            Next::Done => Self { word: "done", ..Self::default() },
            Next::Held { reason } => Self { word: "held", reason: Some(reason), ..Self::default() },
            Next::Later { after, counted, reason, pending, pinned } => Self {
                word: "later",
                after: micros(*after),
                uncounted: i32::from(!counted),
                reason: Some(reason),
                pending: pending_text(pending.as_deref()),
                pinned: pinned.as_deref(),
                ..Self::default()
            },
            Next::Paused { by } => Self { word: "paused", blocker: Some(by.to_string()), ..Self::default() },
            Next::Returned => Self { word: "returned", ..Self::default() },
        }
    }
}
