//! How the messages of a batch go out: which together, and whose answer is whose.

use std::hash::Hash;

use super::{
    batch::groups,
    envelope::{Envelope, receipt},
};
use crate::{
    error::{Certainty, Error, ErrorKind, Result},
    message::Email,
    provider::{Outcome, Outgoing, Receipt},
};

/// What became of each envelope of one call, in order.
pub(crate) type Answers = Vec<Result<Vec<Outcome>>>;

/// A batch of which each call carries messages of the same content.
pub(crate) struct Plan<'a> {
    admitted: Vec<Result<Vec<Envelope<'a>>>>,
    groups: Vec<Vec<usize>>,
}

impl<'a> Plan<'a> {
    /// Groups those of `items` that `check` lets pass and that have the same
    /// `key`, up to `most` recipients in a call. Who has no key goes alone.
    pub(crate) fn new<K: Eq + Hash>(
        items: &[Outgoing<'a, Email>],
        check: impl Fn(&'a Email) -> Result<()>,
        mut key: impl FnMut(&'a Email) -> Option<K>,
        most: usize,
    ) -> Self {
        let admit = |item: &Outgoing<'a, Email>| check(item.message()).map(|()| Envelope::all(*item));
        let admitted: Vec<_> = items.iter().map(admit).collect();
        let good = items.iter().enumerate().filter(|(position, _)| admitted[*position].is_ok());
        let keyed = good.map(|(position, item)| {
            let email = item.message();
            (position, key(email).ok_or(position), email.to.len() + email.cc.len() + email.bcc.len())
        });
        let groups = groups(keyed, most);
        Self { admitted, groups }
    }

    /// The envelopes of each call.
    pub(crate) fn calls(&self) -> Vec<Vec<Envelope<'a>>> {
        let of = |position: &usize| self.envelopes(*position).iter().copied();
        self.groups.iter().map(|group| group.iter().flat_map(of).collect()).collect()
    }

    /// The result of each item, of the answers to [`calls`](Self::calls) in their order.
    pub(crate) fn results(self, answers: Vec<Answers>) -> Vec<Result<Receipt>> {
        let mut results: Vec<Option<Result<Receipt>>> = self.admitted.iter().map(|_| None).collect();
        for (group, answers) in self.groups.iter().zip(answers) {
            let mut answers = answers.into_iter();
            for position in group {
                let envelopes = self.envelopes(*position);
                let own = answers.by_ref().take(envelopes.len()).collect();
                results[*position] = Some(receipt(own, envelopes));
            }
        }
        let of = |(result, admitted): (Option<_>, Result<_>)| match (result, admitted) {
            (_, Err(error)) => Err(error),
            (Some(result), Ok(_)) => result,
            (None, Ok(_)) => Err(lost()),
        };
        results.into_iter().zip(self.admitted).map(of).collect()
    }

    fn envelopes(&self, position: usize) -> &[Envelope<'a>] {
        self.admitted[position].as_deref().unwrap_or_default()
    }
}

/// The same error for every envelope of a call.
pub(crate) fn all_failed(envelopes: &[Envelope<'_>], error: &Error) -> Answers {
    envelopes.iter().map(|_| Err(error.clone())).collect()
}

/// All were taken, under one id.
pub(crate) fn all_accepted(envelopes: &[Envelope<'_>], id: Option<&std::sync::Arc<str>>) -> Answers {
    let taken = |envelope: &Envelope<'_>| {
        Ok((0..envelope.recipients()).map(|_| Outcome::accepted(id.cloned())).collect())
    };
    envelopes.iter().map(taken).collect()
}

/// For a message that a call carried and its answers do not mention.
pub(crate) fn lost() -> Error {
    Error::new(ErrorKind::Internal, "the batch has no answer for this message")
        .with_certainty(Certainty::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        id::{MessageId, TenantId},
        providers::shared::batch::{PerReader, Shared},
        time::Timestamp,
    };

    fn email(to: &str, text: &str) -> Email {
        Email::builder().from("s@x.org").to(to).text(text).build().expect("valid")
    }

    fn key(email: &Email) -> Option<Shared<'_>> {
        Some(Shared { email, per_reader: PerReader::default() })
    }

    #[test]
    fn results_stand_where_the_items_stood() {
        let emails =
            [email("a@x.org", "1"), email("b@x.org", "2"), email("bad@x.org", "1"), email("c@x.org", "1")];
        let items: Vec<_> = emails
            .iter()
            .map(|email| Outgoing::new(email, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "k"))
            .collect();
        let check = |email: &Email| match email.to[0].address().local() {
            "bad" => Err(Error::invalid("to", "bad")),
            _ => Ok(()),
        };
        let plan = Plan::new(&items, check, key, 10);
        let calls = plan.calls();
        let addresses: Vec<Vec<_>> =
            calls.iter().map(|call| call.iter().map(|one| one.to()[0].address().local()).collect()).collect();
        assert_eq!(addresses, [vec!["a", "c"], vec!["b"]]);
        let id = std::sync::Arc::from("id");
        let refused = Error::new(ErrorKind::Refused, "spam");
        let results = plan.results(vec![all_accepted(&calls[0], Some(&id)), all_failed(&calls[1], &refused)]);
        let kinds: Vec<_> = results.iter().map(|result| result.as_ref().err().map(Error::kind)).collect();
        assert_eq!(kinds, [None, Some(ErrorKind::Refused), Some(ErrorKind::InvalidMessage), None]);
        assert_eq!(results[3].as_ref().expect("accepted").outcomes[0].vendor_id(), Some("id"));
    }

    #[test]
    fn who_has_no_key_goes_alone_and_lost_answers_are_unknown() {
        let one = email("a@x.org", "1");
        let item = Outgoing::new(&one, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "k");
        let plan = Plan::new(&[item, item], |_| Ok(()), |_| None::<u8>, 10);
        assert_eq!(plan.calls().len(), 2);
        for result in plan.results(Vec::new()) {
            assert_eq!(result.expect_err("lost").certainty(), Certainty::Unknown);
        }
    }
}
