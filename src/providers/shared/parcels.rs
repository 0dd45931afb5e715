//! Mails that are written one by one and carried together: whole messages in a list, as some vendors take them.

use std::ops::Range;

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    batch::runs,
    envelope::{Envelope, receipt},
    plan::{Answers, lost},
};
use crate::{
    error::Result,
    message::Email,
    provider::{Outgoing, Receipt},
};

/// A mail that is written already.
#[derive(Clone, Debug)]
pub(crate) struct Parcel<'a, K> {
    pub(crate) envelope: Envelope<'a>,
    pub(crate) kind: K,
    pub(crate) body: Bytes,
    item: usize,
}

/// A batch of which each call carries mails of one kind, whatever they say.
pub(crate) struct Parcels<'a, K> {
    parcels: Vec<Parcel<'a, K>>,
    written: Vec<Result<Vec<Envelope<'a>>>>,
    calls: Vec<Range<usize>>,
}

impl<'a, K: Copy + Ord> Parcels<'a, K> {
    /// Writes the mails of `items`; `limits` says how many mails and octets of a kind one call takes.
    ///
    /// `admit` refuses a message or says its kind: calls are made for one kind each.
    pub(crate) fn new(
        items: &[Outgoing<'a, Email>],
        admit: impl Fn(&'a Email) -> Result<K>,
        write: impl Fn(&Envelope<'a>) -> Result<Bytes>,
        limits: impl Fn(K) -> (usize, usize),
    ) -> Self {
        let mut parcels = Vec::with_capacity(items.len());
        let mut written = Vec::with_capacity(items.len());
        for (position, item) in items.iter().enumerate() {
            let bodies = admit(item.message()).and_then(|kind| {
                let write = |envelope| Ok(Parcel { body: write(&envelope)?, envelope, kind, item: position });
                Envelope::all(*item).into_iter().map(write).collect::<Result<Vec<_>>>()
            });
            written.push(bodies.map(|bodies| {
                let envelopes = bodies.iter().map(|parcel| parcel.envelope).collect();
                parcels.extend(bodies);
                envelopes
            }));
        }
        // Stable: within a kind items keep their order, and so do the envelopes of each.
        parcels.sort_by_key(|parcel| parcel.kind);
        let mut calls = Vec::new();
        let mut start = 0;
        for same in parcels.chunk_by(|one, two| one.kind == two.kind) {
            let (most, octets) = limits(same[0].kind);
            let sizes: Vec<_> = same.iter().map(|parcel| parcel.body.len()).collect();
            calls
                .extend(runs(&sizes, most, octets).into_iter().map(|run| start + run.start..start + run.end));
            start += same.len();
        }
        Self { parcels, written, calls }
    }

    /// The mails of each call, of one kind.
    pub(crate) fn calls(&self) -> impl Iterator<Item = &[Parcel<'a, K>]> {
        self.calls.iter().map(|call| &self.parcels[call.clone()])
    }

    /// The result of each item, of the answers to [`calls`](Self::calls) in their order.
    pub(crate) fn results(self, answers: Vec<Answers>) -> Vec<Result<Receipt>> {
        let mut own: Vec<Answers> = self.written.iter().map(|_| Vec::new()).collect();
        for (call, answers) in self.calls.iter().zip(answers) {
            for (parcel, answer) in self.parcels[call.clone()].iter().zip(answers) {
                own[parcel.item].push(answer);
            }
        }
        let of = |(written, own): (Result<Vec<Envelope<'a>>>, Answers)| {
            let envelopes = written?;
            if own.len() == envelopes.len() { receipt(own, &envelopes) } else { Err(lost()) }
        };
        self.written.into_iter().zip(own).map(of).collect()
    }
}

/// The bodies as a list of JSON, between `before` and `after`.
pub(crate) fn listed<K>(parcels: &[Parcel<'_, K>], before: &str, after: &str) -> Bytes {
    let room: usize = parcels.iter().map(|parcel| parcel.body.len() + 1).sum();
    let mut list = BytesMut::with_capacity(room + before.len() + after.len());
    list.put(before.as_bytes());
    for (index, parcel) in parcels.iter().enumerate() {
        if index > 0 {
            list.put_u8(b',');
        }
        list.put(&*parcel.body);
    }
    list.put(after.as_bytes());
    list.freeze()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        error::{Certainty, Error, ErrorKind},
        id::{MessageId, TenantId},
        providers::shared::plan::all_accepted,
        time::Timestamp,
    };

    fn email(to: &str) -> Email {
        Email::builder().from("s@x.org").to(to).text("t").build().expect("valid")
    }

    fn items(emails: &[Email]) -> Vec<Outgoing<'_, Email>> {
        let item =
            |email| Outgoing::new(email, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "k");
        emails.iter().map(item).collect()
    }

    fn address(envelope: &Envelope<'_>) -> Result<Bytes> {
        Ok(Bytes::copy_from_slice(envelope.to()[0].address().local().as_bytes()))
    }

    #[test]
    fn kinds_go_apart_and_results_come_back_in_order() {
        let emails = ["a@x.org", "bb@x.org", "bad@x.org", "c@x.org", "dd@x.org"].map(email);
        let kind = |email: &Email| match email.to[0].address().local() {
            "bad" => Err(Error::invalid("to", "bad")),
            local => Ok(local.len()),
        };
        let parcels = Parcels::new(&items(&emails), kind, address, |_| (2, 100));
        let bodies: Vec<Bytes> = parcels.calls().map(|call| listed(call, "[", "]")).collect();
        assert_eq!(bodies, ["[a,c]", "[bb,dd]"]);
        let ids = ["first", "second"].map(Arc::<str>::from);
        let answer = |(call, id): (&[Parcel<'_, usize>], _)| {
            let envelopes: Vec<_> = call.iter().map(|parcel| parcel.envelope).collect();
            all_accepted(&envelopes, Some(id))
        };
        let answers = parcels.calls().zip(&ids).map(answer).collect();
        let results = parcels.results(answers);
        let found: Vec<_> = results
            .iter()
            .map(|result| {
                result.as_ref().map_or("error", |receipt| receipt.outcomes[0].vendor_id().expect("id"))
            })
            .collect();
        assert_eq!(found, ["first", "second", "error", "first", "second"]);
    }

    #[test]
    fn a_missing_answer_is_unknown() {
        let emails = ["a@x.org", "b@x.org"].map(email);
        let parcels = Parcels::new(&items(&emails), |_| Ok(()), address, |_| (2, 100));
        for result in parcels.results(vec![Vec::new()]) {
            let error = result.expect_err("lost");
            assert_eq!((error.kind(), error.certainty()), (ErrorKind::Internal, Certainty::Unknown));
        }
    }
}
