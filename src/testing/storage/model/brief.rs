//! Steps and answers in few words: a failure tells about many.

use std::fmt;

use super::step::{End, Pair, Step};
use crate::{
    event::Event,
    id::MessageId,
    storage::{Claim, Entry, Leased},
};

/// The end of an id tells messages apart.
pub(super) fn brief(id: MessageId) -> String {
    let id = id.to_string();
    format!("…{}", &id[id.len().saturating_sub(6)..])
}

fn set<T: fmt::Debug>(name: &str, value: Option<T>) -> String {
    value.map(|value| format!(" {name} {value:?}")).unwrap_or_default()
}

fn entry(entry: &Entry) -> String {
    let (record, terms) = (&entry.record, &entry.terms);
    format!(
        "{} {} {} {:?} {:?} v{}{}{}{}",
        brief(record.id),
        record.tenant,
        record.channel,
        terms.priority,
        terms.on_unknown,
        entry.payload.version,
        set("due", terms.due.map(|due| due.to_string())),
        set("order", terms.ordering_key.as_deref()),
        set("key", record.key.as_deref()),
    )
}

fn claim(claim: &Claim) -> String {
    let lanes = match claim.lanes.len() {
        15 => "all".to_owned(),
        _ => claim.lanes.iter().map(|l| format!("{} {:?} {};", l.channel, l.priority, l.limit)).collect(),
    };
    let (limit, lease, newest, alone) = (claim.limit, claim.lease, claim.newest_payload, claim.alone);
    let begin = set("begin", Some(claim.begin).filter(|begin| *begin < limit));
    format!("{:?} lanes {lanes} limit {limit} for {lease:?} reads {newest} alone {alone}{begin}", claim.scope)
}

fn events(events: &[Event]) -> String {
    let each = events.iter().map(|event| {
        let whom = event.recipient.map_or("all".to_owned(), |index| index.to_string());
        format!(" {}({whom}, {}/{})", event.kind, event.generation, event.attempt)
    });
    each.collect()
}

pub(super) fn leased(leased: &Leased) -> String {
    let mut terms = leased.terms.clone();
    let due = terms.due.take();
    format!(
        "{} {} key {:?} due {due:?} since {:?} {terms:?} attempts {} excused {} losses {} begun {} \
         generation {} pending {:?} pinned {:?} payload {:?}",
        brief(leased.lease.id),
        leased.tenant,
        leased.key,
        leased.since,
        leased.attempts,
        leased.excused,
        leased.losses,
        leased.begun,
        leased.generation,
        leased.pending,
        leased.pinned,
        leased.payload,
    )
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of claim {}", brief(self.left.lease.id), self.claim)
    }
}

impl fmt::Debug for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (attempts, events, left) = (self.attempts, events(&self.events), set("left", self.left.as_ref()));
        write!(f, "{:?} {:?} attempts {attempts}{left}{events}", self.pair, self.next)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Append(tenant, all) => write!(f, "Append to {tenant}:{}", events(all)),
            Self::Cancel(tenant, ids) => {
                write!(f, "Cancel of {tenant}: {:?}", ids.iter().map(|id| brief(*id)).collect::<Vec<_>>())
            }
            Self::Claim(wish) => write!(f, "Claim {}", claim(wish)),
            Self::Enqueue(entries) => {
                write!(f, "Enqueue {:#?}", entries.iter().map(entry).collect::<Vec<_>>())
            }
            Self::Record((record, _)) => write!(f, "Record {}", brief(record.id)),
            other => write!(f, "{other:?}"),
        }
    }
}
