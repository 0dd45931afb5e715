//! One mail on its way: all recipients of a message together, or with data per
//! recipient each of them alone.

use crate::{
    address::Mailbox,
    error::{Error, Result},
    message::{Email, Message},
    provider::{Outcome, Outgoing, Receipt},
    providers::{
        echo::{Echo, EchoKey},
        shared::merge::Filling,
    },
};

/// What one reader, or one round of readers who see each other, gets.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Envelope<'a> {
    pub(crate) item: Outgoing<'a, Email>,
    alone: Option<usize>,
}

impl<'a> Envelope<'a> {
    /// The envelopes of `item`: one, or with data per recipient one for each in `to`.
    pub(crate) fn all(item: Outgoing<'a, Email>) -> Vec<Self> {
        let email = item.message();
        if email.merge.is_empty() {
            return vec![Self { item, alone: None }];
        }
        (0..email.to.len()).map(|position| Self { item, alone: Some(position) }).collect()
    }

    /// The message.
    pub(crate) fn email(&self) -> &'a Email {
        self.item.message()
    }

    /// Whom it is written to.
    pub(crate) fn to(&self) -> &'a [Mailbox] {
        match self.alone {
            Some(position) => &self.email().to[position..=position],
            None => &self.email().to,
        }
    }

    /// Who gets a copy.
    pub(crate) fn cc(&self) -> &'a [Mailbox] {
        if self.alone.is_some() { &[] } else { &self.email().cc }
    }

    /// Who gets a copy unseen.
    pub(crate) fn bcc(&self) -> &'a [Mailbox] {
        if self.alone.is_some() { &[] } else { &self.email().bcc }
    }

    /// How many readers it has.
    pub(crate) fn recipients(&self) -> usize {
        self.alone.map_or_else(|| self.email().recipient_count(), |_| 1)
    }

    /// The position in the message of the reader at `index` in this envelope.
    pub(crate) fn position(&self, index: usize) -> usize {
        self.alone.unwrap_or(index)
    }

    /// What the vendor fills in.
    pub(crate) fn filling(&self) -> Filling<'a> {
        let email = self.email();
        let own = self.alone.and_then(|position| email.merge.get(email.to[position].address()));
        Filling { common: email.template.as_ref().map(|template| &template.data), own }
    }

    /// The signed token by which its events are found.
    pub(crate) fn token(&self, key: &EchoKey) -> String {
        let alone = self.alone.or((self.recipients() == 1).then_some(0));
        let recipient = alone.map(|position| self.item.delivery(position).recipient);
        let (message, generation) = (self.item.id(), self.item.generation());
        key.sign(&Echo { message, recipient, generation })
    }
}

/// What became of an item, of the outcomes of its envelopes in order.
///
/// An error speaks for all only if it says the same of all.
pub(crate) fn receipt(answers: Vec<Result<Vec<Outcome>>>, envelopes: &[Envelope<'_>]) -> Result<Receipt> {
    if let [_] = envelopes {
        let only = answers.into_iter().next().unwrap_or_else(|| Ok(Vec::new()));
        return only.map(Receipt::new);
    }
    let mut outcomes = Vec::with_capacity(envelopes.len());
    for (answer, envelope) in answers.into_iter().zip(envelopes) {
        match answer {
            Ok(own) => outcomes.extend(own),
            Err(error) => {
                outcomes.extend((0..envelope.recipients()).map(|_| Outcome::failed(error.clone())));
            }
        }
    }
    match common_fault(&outcomes) {
        Some(error) => Err(error),
        None => Ok(Receipt::new(outcomes)),
    }
}

/// The error of all, if none was accepted and all failed alike.
fn common_fault(outcomes: &[Outcome]) -> Option<Error> {
    let facts = |error: &Error| (error.kind(), error.certainty(), error.retry());
    let first = outcomes.first()?.error()?;
    let alike = |outcome: &Outcome| outcome.error().is_some_and(|error| facts(error) == facts(first));
    outcomes.iter().all(alike).then(|| first.clone())
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;
    use crate::{
        error::ErrorKind,
        id::{MessageId, TenantId},
        time::Timestamp,
    };

    fn email(merged: bool) -> Email {
        let email = Email::builder().from("s@x.org").to("a@x.org").to("b@x.org").text("t");
        let data: Map<_, _> = [("n".to_owned(), json!("Ada"))].into_iter().collect();
        let email = if merged { email.merge("b@x.org", data) } else { email.cc("c@x.org") };
        email.build().expect("valid")
    }

    fn item(email: &Email) -> Outgoing<'_, Email> {
        Outgoing::new(email, MessageId::new(Timestamp::default()), &TenantId::DEFAULT, "key")
    }

    #[test]
    fn without_data_all_share_one_envelope_and_with_data_each_has_their_own() {
        let together = email(false);
        let [envelope] = &Envelope::all(item(&together))[..] else { panic!("one") };
        assert_eq!((envelope.to().len(), envelope.cc().len(), envelope.recipients()), (2, 1, 3));
        let apart = email(true);
        let each = Envelope::all(item(&apart));
        let addresses: Vec<_> = each.iter().map(|one| one.to()[0].address().as_str()).collect();
        assert_eq!(addresses, ["a@x.org", "b@x.org"]);
        assert!(each[0].filling().is_empty() && !each[1].filling().is_empty());
    }

    #[test]
    fn tokens_name_the_reader_where_there_is_one() {
        let key = EchoKey::derive(&"k".to_owned().into());
        let (together, apart) = (email(false), email(true));
        let named = |envelope: &Envelope<'_>| key.open(&envelope.token(&key)).expect("ours").recipient;
        assert_eq!(named(&Envelope::all(item(&together))[0]), None);
        let each = Envelope::all(item(&apart));
        assert_eq!((named(&each[0]), named(&each[1])), (Some(0), Some(1)));
    }

    #[test]
    fn an_error_speaks_for_all_only_if_it_says_the_same_of_all() {
        let apart = email(true);
        let each = Envelope::all(item(&apart));
        let bad = || Err(Error::new(ErrorKind::InvalidRecipient, "no such mailbox"));
        let good = || Ok(vec![Outcome::accepted(None)]);
        assert!(receipt(vec![bad(), bad()], &each).is_err());
        let half = receipt(vec![bad(), good()], &each).expect("one was accepted");
        assert_eq!(half.accepted_count(), 1);
        let other = Err(Error::new(ErrorKind::RateLimited, "wait"));
        assert_eq!(receipt(vec![bad(), other], &each).expect("two reasons").accepted_count(), 0);
    }
}
