//! Claims.

use std::time::Duration;

use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::{
    Inner,
    call::Statement,
    columns::{column, micros, nth, text, unsigned},
    fault::{Repeats, failed, gave_way, is_duplicate},
    recover,
};
use crate::{
    error::{Error, Result},
    event::OnUnknown,
    id::MessageId,
    message::Payload,
    storage::{
        Claim, Claimed, Lease, Leased, Terms, act_id,
        sql::{blobs_from, pending_from, priority_code, priority_from, unreadable},
    },
    time::{Clock, SystemClock, Timestamp},
};

const CLAIM: &str = "SELECT * FROM {claim_1}($1, $2, $3, $4, $5, $6::text[], $7::smallint[], $8::integer[], $9, $10, $11, $12, $13)";

const PARK: &str = "SELECT {park_1}($1, $2::text[], $3::smallint[], $4) AS parked";

/// So many are put aside at once that others of their ordering key are before.
const ASIDE: i32 = 2_000;

/// How often a claim goes on that finds nothing but messages behind others which are let go at this moment.
const IDLE: u32 = 5;

/// Leases what is due. A claim that meets what it cannot have puts that aside, and looks again.
pub(super) async fn claim(inner: &Inner, claim: &Claim) -> Result<Claimed> {
    let mut wish = Wish::of(claim);
    let mut found = Found { claimed: Claimed::nothing(SystemClock.now()), lanes: Vec::new() };
    let mut idle = 0;
    loop {
        let again = match look(inner, &mut wish, &mut found).await {
            Ok(again) => again,
            // What was leased already must not be forgotten.
            Err(_) if !found.lanes.is_empty() => return Ok(found.in_order()),
            Err(error) => return Err(error),
        };
        idle = if again == Again::Idle { idle + 1 } else { 0 };
        if again == Again::No || idle > IDLE {
            return Ok(found.in_order());
        }
    }
}

/// What all looks found.
struct Found {
    claimed: Claimed,
    /// The lane of each message.
    lanes: Vec<usize>,
}

impl Found {
    fn add(&mut self, part: Part) {
        if self.lanes.is_empty() {
            // The leases of the first that were found count from then.
            self.claimed.now = part.claimed.now;
        }
        (self.claimed.next_due, self.claimed.suspects) = (part.claimed.next_due, part.claimed.suspects);
        self.claimed.leased.extend(part.claimed.leased);
        self.lanes.extend(part.lanes);
    }

    /// In the order of the lanes, however many looks it took.
    fn in_order(mut self) -> Claimed {
        if !self.lanes.is_sorted() {
            let mut leased: Vec<_> = self.lanes.into_iter().zip(self.claimed.leased).collect();
            leased.sort_by_key(|(lane, leased)| (*lane, leased.terms.due, leased.lease.id));
            self.claimed.leased = leased.into_iter().map(|(_, leased)| leased).collect();
        }
        self.claimed
    }
}

/// Whether to look again for what is still wished for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Again {
    /// There is no reason to expect more.
    No,
    /// Perhaps, but nothing was done about what was met.
    Idle,
    /// What was met is out of the way.
    Yes,
}

/// Looks once, and adds what it found.
async fn look(inner: &Inner, wish: &mut Wish<'_>, found: &mut Found) -> Result<Again> {
    let mut part = ask(inner, wish).await?;
    part.claimed.leased.iter_mut().skip(wish.begin).for_each(|leased| leased.begun = false);
    wish.deduct(&part.lanes);
    let (parked, blocked, some) = (part.parked, part.blocked, !part.lanes.is_empty());
    found.add(part);
    if wish.total == 0 || !(parked || blocked) {
        return Ok(Again::No);
    }
    if (blocked && put_aside(inner, wish).await?) || parked || some {
        return Ok(Again::Yes);
    }
    // Those before them are let go at this moment, or others put them aside.
    tokio::time::sleep(Duration::from_micros(fastrand::u64(500..3_000))).await;
    Ok(Again::Idle)
}

/// True if some were put aside.
async fn put_aside(inner: &Inner, wish: &Wish<'_>) -> Result<bool> {
    let link = &inner.link;
    let (channels, priorities) = wish.lanes();
    let park = || link.statement(PARK).bind(link.clock()).bind(&channels).bind(&priorities).bind(ASIDE);
    let rows = link.rows(park).await?;
    Ok(rows.first().map_or(Ok(0), |row| column::<i32>(row, "parked"))? > 0)
}

/// How often a claim looks again for leases that another claim recovers at this moment, before it takes what else there is.
const LOOKS: u32 = 20;

/// Asks once; recovers first if leases are over.
async fn ask(inner: &Inner, wish: &mut Wish<'_>) -> Result<Part> {
    for _ in 0..LOOKS {
        let part = ask_once(inner, wish).await?;
        if !part.lost {
            return Ok(part);
        }
        if !recover::recover(inner, &wish.claim.scope).await? {
            tokio::time::sleep(Duration::from_micros(fastrand::u64(1_000..10_000))).await;
        }
    }
    wish.recovered = true;
    ask_once(inner, wish).await
}

async fn ask_once(inner: &Inner, wish: &Wish<'_>) -> Result<Part> {
    let mut repeats = Repeats::default();
    loop {
        // A fresh token each time: an answer that was lost may have leased under the last one.
        let token = act_id(SystemClock.now());
        match inner.link.rows_once(wish.bind(inner, token)).await {
            // Two claims met that would have leased two messages of one ordering key.
            Err(error) if (gave_way(&error) || is_duplicate(&error)) && repeats.again().await => {}
            answer => return Part::read(&answer.map_err(failed)?, token),
        }
    }
}

/// What is still wished for.
struct Wish<'c> {
    claim: &'c Claim,
    limits: Vec<usize>,
    total: usize,
    begin: usize,
    recovered: bool,
}

impl<'c> Wish<'c> {
    fn of(claim: &'c Claim) -> Self {
        let limits = claim.lanes.iter().map(|lane| lane.limit).collect();
        Self { claim, limits, total: claim.limit, begin: claim.begin, recovered: false }
    }

    /// Takes off what was found, given the lanes of it.
    fn deduct(&mut self, lanes: &[usize]) {
        self.total = self.total.saturating_sub(lanes.len());
        self.begin = self.begin.saturating_sub(lanes.len());
        for lane in lanes {
            if let Some(limit) = self.limits.get_mut(*lane) {
                *limit = limit.saturating_sub(1);
            }
        }
    }

    fn lanes(&self) -> (Vec<&'static str>, Vec<i16>) {
        let lanes = self.claim.lanes.iter();
        lanes.map(|lane| (lane.channel.as_str(), priority_code(lane.priority))).unzip()
    }

    fn bind(&self, inner: &Inner, token: Uuid) -> Statement {
        let (channels, priorities) = self.lanes();
        let limits: Vec<i32> =
            self.limits.iter().map(|most| i32::try_from(*most).unwrap_or(i32::MAX)).collect();
        inner
            .link
            .statement(CLAIM)
            .bind(inner.link.clock())
            .bind(self.claim.scope.tenant().map(|tenant| tenant.as_str()))
            .bind(text(&self.claim.worker))
            .bind(token)
            .bind(micros(self.claim.lease))
            .bind(channels)
            .bind(priorities)
            .bind(limits)
            .bind(i32::try_from(self.total).unwrap_or(i32::MAX))
            .bind(i32::try_from(self.begin).unwrap_or(i32::MAX))
            .bind(i32::from(self.claim.newest_payload))
            .bind(self.claim.alone)
            .bind(self.recovered)
    }
}

/// The places of the columns that a claim gives: to look for names in hundreds of rows costs more than to read them.
mod at {
    pub(super) const NOW: usize = 0;
    pub(super) const KIND: usize = 1;
    pub(super) const SUSPECTS: usize = 2;
    pub(super) const LANE: usize = 3;
    pub(super) const ID: usize = 4;
    pub(super) const DUE: usize = 5;
    pub(super) const SINCE: usize = 6;
    pub(super) const ATTEMPTS: usize = 7;
    pub(super) const EXCUSED: usize = 8;
    pub(super) const LOSSES: usize = 9;
    pub(super) const GENERATION: usize = 10;
    pub(super) const PRIORITY: usize = 11;
    pub(super) const TENANT: usize = 12;
    pub(super) const ON_UNKNOWN: usize = 13;
    pub(super) const ORDERING_KEY: usize = 14;
    pub(super) const PENDING: usize = 15;
    pub(super) const PINNED: usize = 16;
    pub(super) const KEY: usize = 17;
    pub(super) const EXPIRES: usize = 18;
    pub(super) const PAYLOAD_VERSION: usize = 19;
    pub(super) const PAYLOAD_CODEC: usize = 20;
    pub(super) const PAYLOAD_KEY_ID: usize = 21;
    pub(super) const PAYLOAD_BLOBS: usize = 22;
    pub(super) const PAYLOAD: usize = 23;
    pub(super) const UNSUPPRESSED: usize = 24;
}

/// What one look found.
struct Part {
    claimed: Claimed,
    /// The lane of each message.
    lanes: Vec<usize>,
    /// Messages of paused tenants were met, and put aside.
    parked: bool,
    /// Messages were met that others of their ordering key are before.
    blocked: bool,
    /// Leases are over; nothing else was looked for.
    lost: bool,
}

impl Part {
    fn read(rows: &[PgRow], token: Uuid) -> Result<Self> {
        let now = rows.first().map_or(Ok(0), |row| nth(row, at::NOW))?;
        let claimed = Claimed::nothing(Timestamp::from_micros(now));
        let mut part = Self { claimed, lanes: Vec::new(), parked: false, blocked: false, lost: false };
        part.claimed.leased.reserve(rows.len());
        for row in rows {
            part.take(row, token)?;
        }
        part.sort();
        Ok(part)
    }

    /// In the order in which their lease keeps them: mostly that in which they came.
    fn sort(&mut self) {
        let of = |lane: &usize, leased: &Leased| (*lane, leased.terms.due, leased.lease.id);
        let both = self.lanes.iter().zip(&self.claimed.leased);
        if both.is_sorted_by_key(|(lane, leased)| of(lane, leased)) {
            return;
        }
        let mut all: Vec<_> = self.lanes.drain(..).zip(self.claimed.leased.drain(..)).collect();
        all.sort_unstable_by_key(|(lane, leased)| of(lane, leased));
        (self.lanes, self.claimed.leased) = all.into_iter().unzip();
    }

    fn take(&mut self, row: &PgRow, token: Uuid) -> Result<()> {
        match nth::<&str>(row, at::KIND)? {
            "leased" => {
                self.lanes.push(usize::try_from(nth::<i32>(row, at::LANE)? - 1).unwrap_or_default());
                self.claimed.leased.push(leased(row, token)?);
            }
            "blocked" => self.blocked = true,
            "parked" => self.parked = true,
            "lost" => self.lost = true,
            _ => {
                self.claimed.suspects = nth(row, at::SUSPECTS)?;
                self.claimed.next_due = nth::<Option<i64>>(row, at::DUE)?.map(Timestamp::from_micros);
            }
        }
        Ok(())
    }
}

fn leased(row: &PgRow, token: Uuid) -> Result<Leased> {
    let lease = Lease { id: MessageId::from_uuid(nth(row, at::ID)?), token };
    let tenant = nth::<&str>(row, at::TENANT)?.parse().map_err(|e: Error| unreadable("tenant", e))?;
    let mut leased = Leased::new(lease, tenant, payload(row)?, terms(row)?);
    leased.key = nth::<Option<&str>>(row, at::KEY)?.map(Into::into);
    leased.attempts = unsigned(nth(row, at::ATTEMPTS)?);
    leased.since = Timestamp::from_micros(nth(row, at::SINCE)?);
    leased.excused = unsigned(nth(row, at::EXCUSED)?);
    leased.losses = unsigned(nth(row, at::LOSSES)?);
    leased.generation = unsigned(nth(row, at::GENERATION)?);
    leased.pending = pending_from(nth(row, at::PENDING)?)?;
    leased.pinned = nth::<Option<&str>>(row, at::PINNED)?.map(Into::into);
    leased.unsuppressed = nth(row, at::UNSUPPRESSED)?;
    Ok(leased)
}

fn payload(row: &PgRow) -> Result<Payload> {
    Ok(Payload {
        version: u16::try_from(nth::<i16>(row, at::PAYLOAD_VERSION)?).unwrap_or(u16::MAX),
        codec: nth(row, at::PAYLOAD_CODEC)?,
        key_id: nth(row, at::PAYLOAD_KEY_ID)?,
        bytes: nth::<Vec<u8>>(row, at::PAYLOAD)?.into(),
        blobs: blobs_from(nth(row, at::PAYLOAD_BLOBS)?)?,
    })
}

fn terms(row: &PgRow) -> Result<Terms> {
    let on_unknown = OnUnknown::from_word(nth(row, at::ON_UNKNOWN)?);
    Ok(Terms {
        due: Some(Timestamp::from_micros(nth(row, at::DUE)?)),
        expires: nth::<Option<i64>>(row, at::EXPIRES)?.map(Timestamp::from_micros),
        on_unknown: on_unknown.ok_or_else(|| unreadable("on_unknown", "a policy that is not known here"))?,
        ordering_key: nth::<Option<&str>>(row, at::ORDERING_KEY)?.map(Into::into),
        priority: priority_from(nth(row, at::PRIORITY)?),
    })
}
