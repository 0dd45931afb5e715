//! Who of a message's recipients is still to be reached.

use crate::{
    error::{Error, ErrorKind, Result},
    message::Message,
    provider::{Outcome, Outgoing, Receipt},
};

/// The outcomes of one message over several calls, each of which was made
/// for those recipients only who were still pending.
pub(crate) struct Progress {
    outcomes: Vec<Option<Outcome>>,
    pending: Vec<u32>,
    /// The last answer that spoke for everyone, kept whole.
    spoke_for_all: Option<Error>,
}

impl Progress {
    pub(crate) fn new(recipients: usize) -> Self {
        // Recipients are counted by u32 in every delivery id.
        let pending = (0..u32::try_from(recipients).unwrap_or(u32::MAX)).collect();
        Self { outcomes: (0..recipients).map(|_| None).collect(), pending, spoke_for_all: None }
    }

    /// The message for those who are pending, or `None` if that is everyone.
    pub(crate) fn cut<M: Message>(&self, item: &Outgoing<'_, M>) -> Option<(M, Vec<u32>)> {
        if self.pending.len() == self.outcomes.len() {
            return None;
        }
        let whole = self.pending.iter().map(|position| item.delivery(*position as usize).recipient);
        Some((item.message().only(&self.pending), whole.collect()))
    }

    /// Takes in the answer to a call for those who were pending, and leaves
    /// pending whose failure `again` wants another call for.
    pub(crate) fn absorb(&mut self, answer: Result<Receipt>, again: impl Fn(&Error) -> bool) {
        let asked = std::mem::take(&mut self.pending);
        let outcomes = match answer {
            Ok(receipt) => {
                self.spoke_for_all = None;
                receipt.outcomes
            }
            Err(error) => {
                let all = asked.iter().map(|_| Outcome::failed(error.clone())).collect();
                self.spoke_for_all = (asked.len() == self.outcomes.len()).then_some(error);
                all
            }
        };
        for (position, outcome) in asked.into_iter().zip(outcomes) {
            if outcome.error().is_some_and(&again) {
                self.pending.push(position);
            }
            self.outcomes[position as usize] = Some(outcome);
        }
    }

    /// True if nobody is pending.
    pub(crate) fn is_done(&self) -> bool {
        self.pending.is_empty()
    }

    /// The failures of those who are pending.
    pub(crate) fn failures(&self) -> impl Iterator<Item = &Error> {
        self.pending.iter().filter_map(|position| self.outcomes[*position as usize].as_ref()?.error())
    }

    /// What became of everyone.
    pub(crate) fn finish(self) -> Result<Receipt> {
        if let Some(error) = self.spoke_for_all {
            return Err(error);
        }
        let missing = || {
            Outcome::Unknown(Error::new(
                ErrorKind::Internal,
                "the provider answered for fewer recipients than asked",
            ))
        };
        Ok(Receipt::new(self.outcomes.into_iter().map(|outcome| outcome.unwrap_or_else(missing)).collect()))
    }
}
